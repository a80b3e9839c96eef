// Python bindings of the native evaluator.
#include <nanobind/nanobind.h>

NB_MODULE(_native, m) { m.doc() = "Safelight's native CKKS evaluator"; }
