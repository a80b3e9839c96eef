// What the Python bindings share: handles and checks.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>

#include "program.hpp"

namespace nb = nanobind;
using nb::literals::operator""_a;

namespace safelight {

using Words = nb::ndarray<const uint64_t, nb::c_contig, nb::device::cpu>;
using Doubles = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;

inline nb::object make_array(std::vector<size_t> shape, uint64_t*& data) {
  size_t count = 1;
  for (const size_t extent : shape) count *= extent;
  data = new uint64_t[count];
  nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<uint64_t*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, uint64_t>(data, shape.size(), shape.data(), owner));
}

inline void require_shape(const std::vector<size_t>& shape, const Words& array, const char* what) {
  bool same = array.ndim() == shape.size();
  for (size_t i = 0; same && i < shape.size(); ++i) same = array.shape(i) == shape[i];
  if (!same) throw std::invalid_argument(std::string(what) + " has the wrong shape");
}

// The engine's handles keep their context alive.
struct PyContext {
  std::shared_ptr<const Context> context;
};
struct PyKey {
  std::shared_ptr<const Context> context;
  std::shared_ptr<const SwitchKey> key;
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

inline void require_same(const std::shared_ptr<const Context>& a,
                         const std::shared_ptr<const Context>& b) {
  if (a != b) throw std::invalid_argument("made for other parameters");
}

inline Digits digits_named(const std::string& name) {
  if (name == "centred") return Digits::centred;
  if (name == "seal") return Digits::seal;
  throw std::invalid_argument("digits are 'centred' or 'seal'");
}

void bind_context(nb::module_& m);
void bind_keys(nb::module_& m);
void bind_values(nb::module_& m);
void bind_program(nb::module_& m);
void bind_residue_bits(nb::module_& m);

}  // namespace safelight
