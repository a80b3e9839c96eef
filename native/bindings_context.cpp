// Python bindings of parameters, transforms and what enters.
#include <algorithm>
#include <chrono>

#include "bindings.hpp"

namespace safelight {

namespace {

PyValue import_array(const PyContext& self, const Words& residues) {
  if (residues.ndim() != 3 || residues.shape(1) == 0 ||
      residues.shape(1) > self.context->max_level() + 1) {
    throw std::invalid_argument("a ciphertext has the wrong shape");
  }
  require_shape({2, residues.shape(1), self.context->n}, residues, "a ciphertext");
  nb::gil_scoped_release release;
  return {self.context, import_value(*self.context, residues.data(), residues.shape(1) - 1)};
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
    context.k.forward(row, 1, row, Lift{}, thread_scratch(0, work_words(context.n)),
                      context.tables[prime], context.moduli[prime]);
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
        context.k.forward(rows.row(1), 1, rows.row(0), Lift{},
                          thread_scratch(0, work_words(context.n)), context.tables[prime],
                          context.moduli[prime]);
      }
    }
    times.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
            .count() /
        10);
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(repeats / 2),
                   times.end());
  return times[repeats / 2];
}

}  // namespace

void bind_context(nb::module_& m) {
  nb::class_<PyContext>(m, "Context", "Tables for one set of parameters.")
      .def(
          "__init__",
          [](PyContext* self, size_t n, const std::vector<uint64_t>& primes,
             const std::string& simd) {
            const Kernels& chosen = simd.empty() ? kernels() : kernels_named(simd.c_str());
            new (self) PyContext{Context::get(chosen, n, primes)};
          },
          "n"_a, "primes"_a, "simd"_a = "")
      .def_prop_ro("simd", [](const PyContext& self) { return std::string(self.context->k.name); })
      .def("load", &import_array, "A ciphertext from its residues, uint64 [2, level + 1, N].")
      .def("transform", &transform, "residues"_a, "prime"_a, "inverse"_a = false)
      .def("time_transform", &time_transform);
}

}  // namespace safelight
