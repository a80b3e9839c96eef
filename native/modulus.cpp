#include "modulus.hpp"

#include <bit>
#include <cmath>

namespace safelight {

namespace {

using Wide = unsigned __int128;

double radix(Path path) {
  if (path == Path::ifma) return 0x1p52;
  return path == Path::portable ? 0x1p64 : 1.0;
}

// Newton's iteration doubles the number of correct low bits.
uint64_t inverse_mod_power_of_two(uint64_t odd) {
  uint64_t x = odd;
  for (int i = 0; i < 6; ++i) x *= 2 - odd * x;
  return x;
}

}  // namespace

uint64_t multiply_mod(uint64_t a, uint64_t b, uint64_t q) {
  return static_cast<uint64_t>(static_cast<Wide>(a) * b % q);
}

uint64_t power_mod(uint64_t base, uint64_t exponent, uint64_t q) {
  uint64_t result = 1 % q;
  for (base %= q; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result = multiply_mod(result, base, q);
    base = multiply_mod(base, base, q);
  }
  return result;
}

uint64_t inverse_mod(uint64_t value, uint64_t q) { return power_mod(value % q, q - 2, q); }

uint64_t lane_word(Path path, int64_t value) {
  if (path == Path::avx2) return std::bit_cast<uint64_t>(static_cast<double>(value));
  return static_cast<uint64_t>(value);
}

uint64_t operand_form(Path path, const Modulus& modulus, uint64_t value) {
  if (path == Path::avx2) return value;
  const unsigned shift = path == Path::ifma ? 52 : 64;
  return static_cast<uint64_t>((static_cast<Wide>(value) << shift) % modulus.q);
}

Constant make_constant(Path path, const Modulus& modulus, uint64_t value) {
  switch (path) {
    case Path::ifma: {
      const uint64_t w = operand_form(path, modulus, value);
      return {w, (w * modulus.q_inverse) & ((uint64_t{1} << 52) - 1)};
    }
    case Path::avx2: {
      const auto centred = value > modulus.q / 2 ? static_cast<int64_t>(value - modulus.q)
                                                 : static_cast<int64_t>(value);
      const auto w = static_cast<double>(centred);
      return {std::bit_cast<uint64_t>(w), std::bit_cast<uint64_t>(w / modulus.q_double)};
    }
    case Path::portable: break;
  }
  return {value, static_cast<uint64_t>((static_cast<Wide>(value) << 64) / modulus.q)};
}

Modulus make_modulus(Path path, uint64_t q, uint32_t log_n, uint64_t largest) {
  Modulus m{};
  m.q = q;
  m.q_inverse = inverse_mod_power_of_two(q);
  if (path == Path::ifma) m.q_inverse &= (uint64_t{1} << 52) - 1;
  m.q_double = static_cast<double>(q);
  m.q_reciprocal = 1.0 / m.q_double;
  m.log_n = log_n;
  m.one = make_constant(path, m, 1);
  m.to_operand = make_constant(path, m, operand_form(path, m, 1));
  // ifma: a transform adds at most 2 log N + 1 multiples of q to what enters it. The same rule
  // serves avx2, whose sums grow four times slower but must stay exact in 53 bits while quotients
  // are rounded.
  const double sum = (2.0 * log_n + 6.0) * m.q_double + static_cast<double>(largest);
  m.wide = path != Path::portable && sum >= 0x1p52;
  return m;
}

double transform_bound(Path path, const Modulus& modulus, uint64_t largest) {
  if (modulus.wide) return 4.0 * modulus.q_double;
  const double growth = path == Path::portable ? 4.0 : 2.0;
  return (growth * modulus.log_n + 4.0) * modulus.q_double + static_cast<double>(largest);
}

bool may_stay_lazy(Path path, const Modulus& modulus, uint32_t steps) {
  if (path != Path::ifma) return true;
  return modulus.q_double * static_cast<double>(uint64_t{1} << steps) <= 0x1p52;
}

uint32_t reduction_steps(Path path, const Modulus& modulus, size_t terms, double operand_bound) {
  if (path == Path::avx2) return 0;
  // The sum divided by R is at most `quotient` multiples of q, plus one for the reduction.
  (void)modulus;
  const double quotient = static_cast<double>(terms) * operand_bound / radix(path);
  uint32_t steps = 1;
  while (static_cast<double>(uint64_t{1} << steps) < 1.0 + quotient) ++steps;
  return steps;
}

}  // namespace safelight
