// Chooses the arithmetic path of this machine.
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels.hpp"

namespace safelight {

namespace {

#if defined(SAFELIGHT_X86)
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_ifma() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vbmi");
}
#endif

const Kernels& best_kernels() {
#if defined(SAFELIGHT_X86)
  if (has_ifma()) return ifma_kernels();
  if (has_avx2()) return avx2_kernels();
#endif
  return portable_kernels();
}

}  // namespace

const Kernels& kernels_named(const char* name) {
  if (name == nullptr || *name == '\0' || std::strcmp(name, "auto") == 0) return best_kernels();
  if (std::strcmp(name, "portable") == 0) return portable_kernels();
#if defined(SAFELIGHT_X86)
  if (std::strcmp(name, "avx2") == 0 && has_avx2()) return avx2_kernels();
  if (std::strcmp(name, "ifma") == 0 && has_ifma()) return ifma_kernels();
#endif
  throw std::runtime_error("this machine has no SIMD path named '" + std::string(name) +
                           "'; the paths are ifma, avx2 and portable");
}

const Kernels& kernels() { return kernels_named(std::getenv("SAFELIGHT_SIMD")); }

}  // namespace safelight
