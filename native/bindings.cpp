// The Python module. Shapes and types are checked in the bindings and in
// `safelight.engine.native`; everything long runs without Python's lock.
#include "bindings.hpp"
#include "thread_pool.hpp"

using namespace safelight;

NB_MODULE(_native, m) {
  m.doc() = "Safelight's native CKKS evaluator.";

  nb::register_exception_translator([](const std::exception_ptr& p, void*) {
    try {
      std::rethrow_exception(p);
    } catch (const std::invalid_argument& error) {
      PyErr_SetString(PyExc_ValueError, error.what());
    }
  });

  m.def(
      "simd", [] { return std::string(kernels().name); },
      "The arithmetic path in use: ifma, avx2 or portable.");
  m.def(
      "set_threads", [](int count) { set_threads(count < 1 ? 1U : static_cast<unsigned>(count)); },
      "Threads that compute at most, in the whole process.");
  m.def("threads", &threads);
  m.def("stored_bytes", &stored_bytes, "Bytes kept for reuse by the next request.");

  bind_context(m);
  bind_keys(m);
  bind_values(m);
  bind_program(m);

  bind_residue_bits(m);
}
