// Python bindings of keys and programs: what the service uses.
#include <chrono>

#include "bindings.hpp"
#include "thread_pool.hpp"

namespace safelight {

namespace {

// Progress is not reported more often than this: taking Python's lock may have to wait.
constexpr auto kProgressInterval = std::chrono::milliseconds(20);

PyKey load_key(const PyContext& self, size_t level, uint64_t element, const Words& residues) {
  if (level > self.context->max_level()) throw std::invalid_argument("a level above the top");
  require_shape({level + 1, 2, level + 2, self.context->n}, residues, "a key-switching key");
  nb::gil_scoped_release release;
  return {self.context, std::make_shared<const SwitchKey>(
                            load_switch_key(*self.context, level, element, residues.data()))};
}

LinearTransform::Form form_named(const std::string& name) {
  if (name == "hoisted") return LinearTransform::Form::hoisted;
  if (name == "divided") return LinearTransform::Form::divided;
  if (name == "compact") return LinearTransform::Form::compact;
  throw std::invalid_argument("a linear transform is hoisted, divided or compact");
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
    const Admission admission(self.shares_threads());
    const Value input = import_value(context, residues.data(), self.input_level());
    out = self.run(keys.keys, input, chosen, report);
  }
  uint64_t* data;
  nb::object array = make_array({2, out.level + 1, context.n}, data);
  export_value(context, out, data);
  return array;
}

}  // namespace

void bind_keys(nb::module_& m) {
  nb::class_<PyKey>(m, "Key", "One key-switching key, ready for use; 1 is no rotation.")
      .def("__init__", [](PyKey* self, const PyContext& c, uint64_t element, size_t level,
                          const Words& residues) {
        new (self) PyKey(load_key(c, level, element, residues));
      })
      .def_prop_ro("level", [](const PyKey& self) { return self.key->level; })
      .def_prop_ro("nbytes", [](const PyKey& self) { return self.key->slab.size(); });

  nb::class_<PyKeys>(m, "Keys", "The evaluation keys that a run may use; sets share keys.")
      .def("__init__", [](PyKeys* self, const PyContext& c) { new (self) PyKeys(c.context); })
      .def("set_relinearization",
           [](PyKeys& self, const PyKey& key) {
             require_same(self.context, key.context);
             self.keys.relinearization = key.key;
           })
      .def("add_galois",
           [](PyKeys& self, const PyKey& key) {
             require_same(self.context, key.context);
             self.keys.galois.insert_or_assign(key.key->element, key.key);
           })
      .def_prop_ro("nbytes", [](const PyKeys& self) { return self.keys.bytes(); })
      .def_prop_ro("relinearization_level",
                   [](const PyKeys& self) -> nb::object {
                     if (!self.keys.relinearization) return nb::none();
                     return nb::int_(self.keys.relinearization->level);
                   })
      .def_prop_ro("galois_levels", [](const PyKeys& self) {
        nb::dict levels;
        for (const auto& [element, key] : self.keys.galois) {
          levels[nb::int_(element)] = nb::int_(key->level);
        }
        return levels;
      });
}

void bind_program(nb::module_& m) {
  nb::class_<Program>(m, "Program", "A program with its constants encoded.")
      .def("__init__", [](Program* self, const PyContext& c, size_t registers,
                          size_t level) { new (self) Program(c.context, registers, level); })
      .def(
          "add_linear_transform",
          [](Program& self, size_t dst, size_t src, size_t level, std::vector<uint64_t> babies,
             const std::vector<std::vector<uint64_t>>& chains,
             const std::vector<std::vector<uint32_t>>& terms, const std::string& form,
             nb::callable diagonals) {
            std::vector<LinearTransform::Giant> steps;
            for (const std::vector<uint64_t>& turns : chains) {
              for (size_t i = 0; i < turns.size(); ++i) {
                if (steps.size() == terms.size()) throw std::invalid_argument("chains and terms");
                steps.push_back({turns[i], i == 0, i + 1 == turns.size(), terms[steps.size()]});
              }
            }
            if (steps.size() != terms.size()) throw std::invalid_argument("chains and terms");
            const Context& context = *self.context();
            LinearTransform made(context, level, std::move(babies), std::move(steps), form_named(form));
            for (size_t g = 0; g < terms.size(); ++g) {
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
          },
          "dst"_a, "src"_a, "level"_a, "babies"_a, "chains"_a, "terms"_a,
          "form"_a, "diagonals"_a,
          "`chains`: the turns of each; `diagonals(g)` gives float64 [terms, N] coefficients of the\n"
          "g-th giant step of all chains.")
      .def("add_rotate_and_sum",
           [](Program& self, size_t dst, size_t src, std::vector<uint64_t> elements) {
             self.append({dst, src, src, RotateAndSumStep{std::move(elements)}});
           })
      .def("add_multiply", [](Program& self, size_t dst, size_t left,
                              size_t right) { self.append({dst, left, right, MultiplyStep{}}); })
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
      .def("add_add", [](Program& self, size_t dst, size_t left,
                         size_t right) { self.append({dst, left, right, AddStep{}}); })
      .def("add_add_plain",
           [](Program& self, size_t dst, size_t src, size_t level, const Doubles& coefficients) {
             const Context& context = *self.context();
             if (coefficients.ndim() != 1 || coefficients.shape(0) != context.n ||
                 level > context.max_level()) {
               throw std::invalid_argument("coefficients have the wrong shape");
             }
             self.append(
                 {dst, src, src, AddPlainStep{encode_plain(context, coefficients.data(), level)}});
           })
      .def("add_rescale", [](Program& self, size_t dst,
                             size_t src) { self.append({dst, src, src, RescaleStep{}}); })
      .def("add_drop_level",
           [](Program& self, size_t dst, size_t src, size_t level) {
             self.append({dst, src, src, DropLevelStep{level}});
           })
      .def("set_output", &Program::set_output)
      .def_prop_ro("nbytes", &Program::bytes)
      .def("run", &run_program, "keys"_a, "residues"_a, "progress"_a.none() = nb::none(),
           "digits"_a = "centred", "Residues of the output, uint64 [2, level + 1, N].")
      .def(
          "profile",
          [](const Program& self, const PyKeys& keys, const Words& residues) {
            require_shape({2, self.input_level() + 1, self.context()->n}, residues, "the input");
            require_same(self.context(), keys.context);
            nb::gil_scoped_release release;
            const Admission admission(self.shares_threads());
            const Value input = import_value(*self.context(), residues.data(), self.input_level());
            return self.profile(keys.keys, input, Digits::centred);
          },
          "Microseconds of each step.");
}

}  // namespace safelight
