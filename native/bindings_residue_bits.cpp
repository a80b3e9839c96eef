// Python bindings of the wire format's packed residues.
#include "bindings.hpp"
#include "residue_bits.hpp"

namespace safelight {

void bind_residue_bits(nb::module_& m) {
  m.def(
      "pack_bits",
      [](const Words& residues, unsigned bits) {
        if (bits < 1 || bits > 56) throw std::invalid_argument("1 to 56 bits");
        const size_t count = residues.size();
        for (size_t i = 0; i < count; ++i) {
          if (residues.data()[i] >> bits != 0)
            throw std::invalid_argument("a residue is too large");
        }
        nb::object out = nb::steal(
            PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(packed_size(bits, count))));
        if (!out.is_valid()) throw std::bad_alloc();
        pack_bits(reinterpret_cast<uint8_t*>(PyBytes_AS_STRING(out.ptr())), residues.data(), bits,
                  count);
        return out;
      },
      "residues"_a, "bits"_a, "A little-endian bit stream, `bits` a residue.");
  m.def(
      "unpack_bits",
      [](nb::object data, unsigned bits, size_t count, uint64_t prime) {
        if (bits < 1 || bits > 56) throw std::invalid_argument("1 to 56 bits");
        Py_buffer view;
        if (PyObject_GetBuffer(data.ptr(), &view, PyBUF_SIMPLE) != 0) throw nb::python_error();
        const std::unique_ptr<Py_buffer, decltype(&PyBuffer_Release)> guard(&view,
                                                                            &PyBuffer_Release);
        if (count > SIZE_MAX / 64 || static_cast<size_t>(view.len) != packed_size(bits, count)) {
          throw std::invalid_argument("the packed residues have the wrong length");
        }
        uint64_t* out;
        nb::object array = make_array({count}, out);
        bool valid;
        {
          nb::gil_scoped_release release;
          valid = unpack_bits(out, static_cast<const uint8_t*>(view.buf), bits, count, prime);
        }
        if (!valid) throw std::invalid_argument("a residue is not below its prime");
        return array;
      },
      "data"_a, "bits"_a, "count"_a, "prime"_a,
      "uint64 [count]; ValueError for a wrong length or a residue at or above the prime.");
}

}  // namespace safelight
