// Python bindings of the native evaluator. Shapes and types are checked here and in
// `safelight.engine.native`; everything long runs without Python's lock.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "program.hpp"
#include "residue_bits.hpp"
#include "thread_pool.hpp"

namespace nb = nanobind;
using nb::literals::operator""_a;

namespace safelight {
namespace {

using Words = nb::ndarray<const uint64_t, nb::c_contig, nb::device::cpu>;
using Doubles = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;

// Progress is not reported more often than this: taking Python's lock may have to wait.
constexpr auto kProgressInterval = std::chrono::milliseconds(20);

nb::object make_array(std::vector<size_t> shape, uint64_t*& data) {
  size_t count = 1;
  for (const size_t extent : shape) count *= extent;
  data = new uint64_t[count];
  nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<uint64_t*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, uint64_t>(data, shape.size(), shape.data(), owner));
}

void require_shape(const std::vector<size_t>& shape, const Words& array, const char* what) {
  bool same = array.ndim() == shape.size();
  for (size_t i = 0; same && i < shape.size(); ++i) same = array.shape(i) == shape[i];
  if (!same) throw std::invalid_argument(std::string(what) + " has the wrong shape");
}

// The engine's handles keep their context alive.
struct PyContext {
  std::shared_ptr<const Context> context;
};
struct PyKeys {
  explicit PyKeys(std::shared_ptr<const Context> c) : context(std::move(c)) {}
  PyKeys(PyKeys&&) = default;

  std::shared_ptr<const Context> context;
  KeySet keys;
};
struct PyValue {
  std::shared_ptr<const Context> context;
  Value value;
};

void require_same(const std::shared_ptr<const Context>& a,
                  const std::shared_ptr<const Context>& b) {
  if (a != b) throw std::invalid_argument("made for other parameters");
}

Digits digits_named(const std::string& name) {
  if (name == "centred") return Digits::centred;
  if (name == "seal") return Digits::seal;
  throw std::invalid_argument("digits are 'centred' or 'seal'");
}

SwitchKey load_key(PyKeys& self, size_t level, uint64_t element, const Words& residues) {
  if (level > self.context->max_level()) throw std::invalid_argument("a level above the top");
  require_shape({level + 1, 2, level + 2, self.context->n}, residues, "a key-switching key");
  nb::gil_scoped_release release;
  return load_switch_key(*self.context, level, element, residues.data(), self.keys.slab);
}

PyValue import_array(const PyContext& self, const Words& residues) {
  if (residues.ndim() != 3 || residues.shape(1) == 0 ||
      residues.shape(1) > self.context->max_level() + 1) {
    throw std::invalid_argument("a ciphertext has the wrong shape");
  }
  require_shape({2, residues.shape(1), self.context->n}, residues, "a ciphertext");
  nb::gil_scoped_release release;
  return {self.context, import_value(*self.context, residues.data(), residues.shape(1) - 1)};
}

nb::object export_array(const PyValue& self) {
  uint64_t* data;
  nb::object array = make_array({2, self.value.level + 1, self.context->n}, data);
  nb::gil_scoped_release release;
  if (self.value.extended) {
    export_value(*self.context, divide_by_special(*self.context, self.value), data);
  } else {
    export_value(*self.context, self.value, data);
  }
  return array;
}

nb::object transform(const PyContext& self, const Words& residues, size_t prime, bool inverse) {
  const Context& context = *self.context;
  if (prime >= context.prime_count()) throw std::invalid_argument("no such prime");
  require_shape({context.n}, residues, "a row");
  uint64_t* data;
  nb::object array = make_array({context.n}, data);
  uint64_t* row = thread_scratch(1, context.n);
  context.k.import_row(row, residues.data(), context.n);
  if (inverse) {
    context.k.inverse(row, row, thread_scratch(0, work_words(context.n)), context.tables[prime],
                      context.moduli[prime]);
  } else {
    context.k.forward(row, 1, row, Lift{}, thread_scratch(0, work_words(context.n)), context.tables[prime],
                      context.moduli[prime]);
  }
  context.k.export_row(data, row, context.n, context.moduli[prime]);
  return array;
}

// Microseconds of one transform, the median of `repeats`.
double time_transform(const PyContext& self, size_t prime, bool inverse, size_t repeats) {
  const Context& context = *self.context;
  if (prime >= context.prime_count() || repeats == 0) throw std::invalid_argument("no such prime");
  nb::gil_scoped_release release;
  const Rows2D rows(2, context.n);
  std::fill_n(rows.row(0), context.n, uint64_t{0});
  std::vector<double> times;
  for (size_t i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    for (int inner = 0; inner < 10; ++inner) {
      if (inverse) {
        context.k.inverse(rows.row(1), rows.row(0), thread_scratch(0, work_words(context.n)),
                          context.tables[prime], context.moduli[prime]);
      } else {
        context.k.forward(rows.row(1), 1, rows.row(0), Lift{}, thread_scratch(0, work_words(context.n)),
                          context.tables[prime], context.moduli[prime]);
      }
    }
    times.push_back(std::chrono::duration<double, std::micro>(
                        std::chrono::steady_clock::now() - start).count() / 10);
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(repeats / 2),
                   times.end());
  return times[repeats / 2];
}

void bind_values(nb::module_& m) {
  nb::class_<PyValue>(m, "Value", "A ciphertext in the engine's own form.")
      .def_prop_ro("level", [](const PyValue& self) { return self.value.level; })
      .def("export", &export_array, "Residues, uint64 [2, level + 1, N].");

  using Same = nb::call_guard<nb::gil_scoped_release>;
  m.def("add", [](const PyValue& a, const PyValue& b) {
    require_same(a.context, b.context);
    return PyValue{a.context, add(*a.context, a.value, b.value)};
  }, "a"_a, "b"_a, Same());
  m.def("rescale", [](const PyValue& a) {
    return PyValue{a.context, rescale(*a.context, a.value)};
  }, "a"_a, Same());
  m.def("drop_level", [](const PyValue& a, size_t level) {
    return PyValue{a.context, drop_level(*a.context, a.value, level)};
  }, "a"_a, "level"_a, Same());
  m.def("multiply", [](const PyValue& a, const PyValue& b, const PyKeys& keys,
                       const std::string& digits, bool rescaled) {
    require_same(a.context, b.context);
    require_same(a.context, keys.context);
    if (!keys.keys.relinearization) throw std::invalid_argument("no relinearisation key");
    Value product = multiply(*a.context, a.value, b.value, *keys.keys.relinearization,
                             digits_named(digits));
    return PyValue{a.context, rescaled ? rescale(*a.context, product)
                                       : divide_by_special(*a.context, product)};
  }, "a"_a, "b"_a, "keys"_a, "digits"_a = "centred", "rescaled"_a = false, Same(),
     "The relinearised product, rescaled if asked (one step then).");
  m.def("rotate", [](const PyValue& a, uint64_t element, const PyKeys& keys,
                     const std::string& digits) {
    require_same(a.context, keys.context);
    return PyValue{a.context, rotate(*a.context, a.value, keys.keys.rotation(element),
                                     digits_named(digits))};
  }, "a"_a, "element"_a, "keys"_a, "digits"_a = "centred", Same());
  m.def("rotate_hoisted", [](const PyValue& a, const std::vector<uint64_t>& elements,
                             const PyKeys& keys, const std::string& digits) {
    require_same(a.context, keys.context);
    std::vector<const SwitchKey*> chosen;
    for (const uint64_t element : elements) chosen.push_back(&keys.keys.rotation(element));
    std::vector<PyValue> out;
    for (Value& value : rotate_hoisted(*a.context, a.value, chosen, digits_named(digits))) {
      out.push_back({a.context, std::move(value)});
    }
    return out;
  }, "a"_a, "elements"_a, "keys"_a, "digits"_a = "centred", Same());

  nb::class_<PlainOperand>(m, "PlainOperand", "A plaintext to multiply by.");
  nb::class_<Plain>(m, "Plain", "A plaintext to add.");
  m.def("encode_operand", [](const PyContext& c, const Doubles& coefficients, size_t level) {
    if (coefficients.ndim() != 1 || coefficients.shape(0) != c.context->n ||
        level > c.context->max_level()) {
      throw std::invalid_argument("coefficients have the wrong shape");
    }
    return encode_operand(*c.context, coefficients.data(), level);
  });
  m.def("encode_plain", [](const PyContext& c, const Doubles& coefficients, size_t level) {
    if (coefficients.ndim() != 1 || coefficients.shape(0) != c.context->n ||
        level > c.context->max_level()) {
      throw std::invalid_argument("coefficients have the wrong shape");
    }
    return encode_plain(*c.context, coefficients.data(), level);
  });
  m.def("multiply_plain", [](const PyValue& a, const PlainOperand& plain) {
    return PyValue{a.context, multiply_plain(*a.context, a.value, plain)};
  }, Same());
  m.def("add_plain", [](const PyValue& a, const Plain& plain) {
    return PyValue{a.context, add_plain(*a.context, a.value, plain)};
  }, Same());
}

void bind_keys(nb::module_& m) {
  nb::class_<PyKeys>(m, "Keys", "The evaluation keys of one client, ready for use.")
      .def("__init__", [](PyKeys* self, const PyContext& c) { new (self) PyKeys(c.context); })
      .def("set_relinearization", [](PyKeys& self, size_t level, const Words& residues) {
        self.keys.relinearization = load_key(self, level, 1, residues);
      })
      .def("add_galois", [](PyKeys& self, uint64_t element, size_t level, const Words& residues) {
        self.keys.galois.insert_or_assign(element, load_key(self, level, element, residues));
      })
      .def_prop_ro("nbytes", [](const PyKeys& self) { return self.keys.bytes(); })
      .def_prop_ro("relinearization_level", [](const PyKeys& self) -> nb::object {
        if (!self.keys.relinearization) return nb::none();
        return nb::int_(self.keys.relinearization->level);
      })
      .def_prop_ro("galois_levels", [](const PyKeys& self) {
        nb::dict levels;
        for (const auto& [element, key] : self.keys.galois) {
          levels[nb::int_(element)] = nb::int_(key.level);
        }
        return levels;
      });
}

nb::object run_program(const Program& self, const PyKeys& keys, const Words& residues,
                       nb::object progress, const std::string& digits) {
  const Context& context = *self.context();
  require_same(self.context(), keys.context);
  require_shape({2, self.input_level() + 1, context.n}, residues, "the input");
  const Digits chosen = digits_named(digits);
  Program::Progress report;
  auto last = std::chrono::steady_clock::now();
  if (!progress.is_none()) {
    report = [&](size_t done, size_t all) {
      const auto now = std::chrono::steady_clock::now();
      if (now - last < kProgressInterval) return true;
      last = now;
      nb::gil_scoped_acquire acquire;
      progress(done, all);  // what it raises ends the run
      return true;
    };
  }
  Value out;
  {
    nb::gil_scoped_release release;
    const Admission admission;
    const Value input = import_value(context, residues.data(), self.input_level());
    out = self.run(keys.keys, input, chosen, report);
  }
  uint64_t* data;
  nb::object array = make_array({2, out.level + 1, context.n}, data);
  export_value(context, out, data);
  return array;
}

void bind_program(nb::module_& m) {
  nb::class_<Program>(m, "Program", "A program with its constants encoded.")
      .def("__init__", [](Program* self, const PyContext& c, size_t registers, size_t level) {
        new (self) Program(c.context, registers, level);
      })
      .def("add_linear_transform",
           [](Program& self, size_t dst, size_t src, size_t level, std::vector<uint64_t> babies,
              const std::vector<uint64_t>& giants,
              const std::vector<std::vector<uint32_t>>& terms, nb::callable diagonals) {
             if (giants.size() != terms.size()) throw std::invalid_argument("giants and terms");
             std::vector<LinearTransform::Giant> steps;
             for (size_t g = 0; g < giants.size(); ++g) steps.push_back({giants[g], terms[g]});
             const Context& context = *self.context();
             LinearTransform made(context, level, std::move(babies), std::move(steps));
             for (size_t g = 0; g < giants.size(); ++g) {
               const auto rows = nb::cast<Doubles>(diagonals(g));
               if (rows.ndim() != 2 || rows.shape(0) != terms[g].size() ||
                   rows.shape(1) != context.n) {
                 throw std::invalid_argument("diagonals have the wrong shape");
               }
               nb::gil_scoped_release release;
               parallel_for(terms[g].size(), [&](size_t t) {
                 made.set_diagonal(context, g, t, rows.data() + t * context.n);
               });
             }
             self.append({dst, src, src, LinearStep{std::move(made)}});
           }, "dst"_a, "src"_a, "level"_a, "babies"_a, "giants"_a, "terms"_a, "diagonals"_a,
           "`diagonals(g)` gives float64 [terms, N] coefficients of giant step g.")
      .def("add_rotate_and_sum",
           [](Program& self, size_t dst, size_t src, std::vector<uint64_t> elements) {
             self.append({dst, src, src, RotateAndSumStep{std::move(elements)}});
           })
      .def("add_multiply", [](Program& self, size_t dst, size_t left, size_t right) {
        self.append({dst, left, right, MultiplyStep{}});
      })
      .def("add_multiply_plain",
           [](Program& self, size_t dst, size_t src, size_t level, const Doubles& coefficients) {
             const Context& context = *self.context();
             if (coefficients.ndim() != 1 || coefficients.shape(0) != context.n ||
                 level > context.max_level()) {
               throw std::invalid_argument("coefficients have the wrong shape");
             }
             self.append({dst, src, src,
                          MultiplyPlainStep{encode_operand(context, coefficients.data(), level)}});
           })
      .def("add_add", [](Program& self, size_t dst, size_t left, size_t right) {
        self.append({dst, left, right, AddStep{}});
      })
      .def("add_add_plain",
           [](Program& self, size_t dst, size_t src, size_t level, const Doubles& coefficients) {
             const Context& context = *self.context();
             if (coefficients.ndim() != 1 || coefficients.shape(0) != context.n ||
                 level > context.max_level()) {
               throw std::invalid_argument("coefficients have the wrong shape");
             }
             self.append({dst, src, src,
                          AddPlainStep{encode_plain(context, coefficients.data(), level)}});
           })
      .def("add_rescale", [](Program& self, size_t dst, size_t src) {
        self.append({dst, src, src, RescaleStep{}});
      })
      .def("add_drop_level", [](Program& self, size_t dst, size_t src, size_t level) {
        self.append({dst, src, src, DropLevelStep{level}});
      })
      .def("set_output", &Program::set_output)
      .def_prop_ro("nbytes", &Program::bytes)
      .def("run", &run_program, "keys"_a, "residues"_a, "progress"_a.none() = nb::none(),
           "digits"_a = "centred", "Residues of the output, uint64 [2, level + 1, N].")
      .def("profile", [](const Program& self, const PyKeys& keys, const Words& residues) {
        require_shape({2, self.input_level() + 1, self.context()->n}, residues, "the input");
        require_same(self.context(), keys.context);
        nb::gil_scoped_release release;
        const Admission admission;
        const Value input = import_value(*self.context(), residues.data(), self.input_level());
        return self.profile(keys.keys, input, Digits::centred);
      }, "Microseconds of each step.");
}

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "Safelight's native CKKS evaluator.";

  nb::register_exception_translator([](const std::exception_ptr& p, void*) {
    try {
      std::rethrow_exception(p);
    } catch (const std::invalid_argument& error) {
      PyErr_SetString(PyExc_ValueError, error.what());
    }
  });

  m.def("simd", [] { return std::string(kernels().name); },
        "The arithmetic path in use: ifma, avx2 or portable.");
  m.def("set_threads", [](int count) { set_threads(count < 1 ? 1U : static_cast<unsigned>(count)); },
        "Threads that compute at most, in the whole process.");
  m.def("threads", &threads);
  m.def("stored_bytes", &stored_bytes, "Bytes kept for reuse by the next request.");

  nb::class_<PyContext>(m, "Context", "Tables for one set of parameters.")
      .def("__init__", [](PyContext* self, size_t n, const std::vector<uint64_t>& primes,
                          const std::string& simd) {
        const Kernels& chosen = simd.empty() ? kernels() : kernels_named(simd.c_str());
        new (self) PyContext{Context::get(chosen, n, primes)};
      }, "n"_a, "primes"_a, "simd"_a = "")
      .def_prop_ro("simd", [](const PyContext& self) { return std::string(self.context->k.name); })
      .def("load", &import_array, "A ciphertext from its residues, uint64 [2, level + 1, N].")
      .def("transform", &transform, "residues"_a, "prime"_a, "inverse"_a = false)
      .def("time_transform", &time_transform);
  bind_keys(m);
  bind_values(m);
  bind_program(m);

  m.def("pack_bits", [](const Words& residues, unsigned bits) {
    if (bits < 1 || bits > 56) throw std::invalid_argument("1 to 56 bits");
    const size_t count = residues.size();
    for (size_t i = 0; i < count; ++i) {
      if (residues.data()[i] >> bits != 0) throw std::invalid_argument("a residue is too large");
    }
    nb::object out = nb::steal(PyBytes_FromStringAndSize(
        nullptr, static_cast<Py_ssize_t>(packed_size(bits, count))));
    if (!out.is_valid()) throw std::bad_alloc();
    pack_bits(reinterpret_cast<uint8_t*>(PyBytes_AS_STRING(out.ptr())), residues.data(), bits,
              count);
    return out;
  }, "residues"_a, "bits"_a, "A little-endian bit stream, `bits` a residue.");
  m.def("unpack_bits", [](nb::object data, unsigned bits, size_t count, uint64_t prime) {
    if (bits < 1 || bits > 56) throw std::invalid_argument("1 to 56 bits");
    Py_buffer view;
    if (PyObject_GetBuffer(data.ptr(), &view, PyBUF_SIMPLE) != 0) throw nb::python_error();
    const std::unique_ptr<Py_buffer, decltype(&PyBuffer_Release)> guard(&view, &PyBuffer_Release);
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
  }, "data"_a, "bits"_a, "count"_a, "prime"_a,
     "uint64 [count]; ValueError for a wrong length or a residue at or above the prime.");
}

}  // namespace safelight
