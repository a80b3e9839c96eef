// One prime and the constants that each arithmetic needs of it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace safelight {

// How residues are multiplied. All three give the same residues; only the work differs.
enum class Path {
  portable,  // 64-bit words, Shoup and Montgomery multiplication with 128-bit products
  avx2,      // residues as doubles, error-free products by fused multiply-add
  ifma,      // 52-bit Montgomery multiplication (AVX-512 IFMA)
};

// A fixed multiplicand v in the form that `path` multiplies by:
//   portable: v and floor(v 2^64 / q); avx2: centred v and v / q as doubles;
//   ifma: v 2^52 mod q and that times q^-1 mod 2^52.
struct Constant {
  uint64_t w;
  uint64_t w2;
};

struct Modulus {
  uint64_t q;
  uint64_t q_inverse;  // q^-1 modulo 2^52 (ifma) or 2^64 (portable)
  double q_double;
  double q_reciprocal;
  Constant one;
  // A sum of products x·y is reduced to x·y/R; one factor is therefore kept as y·R ("operand
  // form"), with R = 2^52, 1 or 2^64. This constant is R: it also takes a product of two plain
  // residues back.
  Constant to_operand;
  // True where the sums of a whole transform do not fit a lane, so that butterflies must reduce.
  bool wide;
  uint32_t log_n;
};

uint64_t multiply_mod(uint64_t a, uint64_t b, uint64_t q);
uint64_t power_mod(uint64_t base, uint64_t exponent, uint64_t q);
uint64_t inverse_mod(uint64_t value, uint64_t q);  // q prime

Constant make_constant(Path path, const Modulus& modulus, uint64_t value);
// The bits of a lane that holds the integer `value` (|value| < 2^52; negative only for avx2).
uint64_t lane_word(Path path, int64_t value);
// value·R mod q, as a plain integer.
uint64_t operand_form(Path path, const Modulus& modulus, uint64_t value);
// `largest` is the largest prime of the parameters: bounds what enters a transform.
Modulus make_modulus(Path path, uint64_t q, uint32_t log_n, uint64_t largest);
// Whether a sum that needs `steps` halvings may serve as a factor without them.
bool may_stay_lazy(Path path, const Modulus& modulus, uint32_t steps);
// How many halvings bring a sum of `terms` lazy products below q (see Lanes::reduce).
uint32_t reduction_steps(Path path, const Modulus& modulus, size_t terms, double operand_bound);
// Upper bound of the words that a forward transform leaves.
double transform_bound(Path path, const Modulus& modulus, uint64_t largest);

}  // namespace safelight
