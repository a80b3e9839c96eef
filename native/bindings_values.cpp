// Python bindings of the primitives, for tests and benchmarks.
#include "bindings.hpp"

namespace safelight {

namespace {

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

}  // namespace

void bind_values(nb::module_& m) {
  nb::class_<PyValue>(m, "Value", "A ciphertext in the engine's own form.")
      .def_prop_ro("level", [](const PyValue& self) { return self.value.level; })
      .def("export", &export_array, "Residues, uint64 [2, level + 1, N].");

  using Same = nb::call_guard<nb::gil_scoped_release>;
  m.def(
      "add",
      [](const PyValue& a, const PyValue& b) {
        require_same(a.context, b.context);
        return PyValue{a.context, add(*a.context, a.value, b.value)};
      },
      "a"_a, "b"_a, Same());
  m.def(
      "rescale", [](const PyValue& a) { return PyValue{a.context, rescale(*a.context, a.value)}; },
      "a"_a, Same());
  m.def(
      "drop_level",
      [](const PyValue& a, size_t level) {
        return PyValue{a.context, drop_level(*a.context, a.value, level)};
      },
      "a"_a, "level"_a, Same());
  m.def(
      "multiply",
      [](const PyValue& a, const PyValue& b, const PyKeys& keys, const std::string& digits,
         bool rescaled) {
        require_same(a.context, b.context);
        require_same(a.context, keys.context);
        if (!keys.keys.relinearization) throw std::invalid_argument("no relinearisation key");
        Value product = multiply(*a.context, a.value, b.value, *keys.keys.relinearization,
                                 digits_named(digits));
        return PyValue{a.context, rescaled ? rescale(*a.context, product)
                                           : divide_by_special(*a.context, product)};
      },
      "a"_a, "b"_a, "keys"_a, "digits"_a = "centred", "rescaled"_a = false, Same(),
      "The relinearised product, rescaled if asked (one step then).");
  m.def(
      "rotate",
      [](const PyValue& a, uint64_t element, const PyKeys& keys, const std::string& digits) {
        require_same(a.context, keys.context);
        return PyValue{a.context, rotate(*a.context, a.value, keys.keys.rotation(element),
                                         digits_named(digits))};
      },
      "a"_a, "element"_a, "keys"_a, "digits"_a = "centred", Same());
  m.def(
      "rotate_hoisted",
      [](const PyValue& a, const std::vector<uint64_t>& elements, const PyKeys& keys,
         const std::string& digits) {
        require_same(a.context, keys.context);
        std::vector<const SwitchKey*> chosen;
        for (const uint64_t element : elements) chosen.push_back(&keys.keys.rotation(element));
        std::vector<PyValue> out;
        for (Value& value : rotate_hoisted(*a.context, a.value, chosen, digits_named(digits))) {
          out.push_back({a.context, std::move(value)});
        }
        return out;
      },
      "a"_a, "elements"_a, "keys"_a, "digits"_a = "centred", Same());

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
  m.def(
      "multiply_plain",
      [](const PyValue& a, const PlainOperand& plain) {
        return PyValue{a.context, multiply_plain(*a.context, a.value, plain)};
      },
      Same());
  m.def(
      "add_plain",
      [](const PyValue& a, const Plain& plain) {
        return PyValue{a.context, add_plain(*a.context, a.value, plain)};
      },
      Same());
}

}  // namespace safelight
