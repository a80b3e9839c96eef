// The table of inner loops that each arithmetic path provides.
//
// A row holds N lanes of 8 bytes: the residues modulo one prime. "Reduced" words are what every
// kernel takes and gives unless said otherwise: integers below q (avx2: doubles within ±q).
// "Canonical" words are in [0, q). "Lazy" words are congruent but larger.
//
// Kernels see plain structs only: they are compiled with instruction sets that the machine may
// lack, so nothing shared (no standard container) may be instantiated beside them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "modulus.hpp"

namespace safelight {

// Inner products go over a row in chunks of this many residues …
inline constexpr size_t kChunk = 64;
// … and in groups of this many, within which all terms are summed: operands (keys, plaintexts) are
// stored group by group in the order of their use, so that they arrive as one stream.
inline constexpr size_t kGroup = 32;

// Reads a canonical coefficient of one prime as an integer modulo another one.
struct Lift {
  enum Mode : uint32_t {
    raw,      // as it is, in [0, q_i)
    centred,  // above `threshold`: minus q_i
    signs,    // where the bit of `flips` is set and the coefficient is not 0: minus q_i
  };
  Mode mode;
  uint64_t threshold;    // lane word: (q_i - 1) / 2
  uint64_t addend;       // lane word: -q_i, modulo the target prime
  const uint8_t* flips;  // one bit a coefficient
};

// Words of scratch that a transform needs.
inline constexpr size_t kWorkPad = 8;
inline constexpr size_t work_words(size_t n) { return n + 16 * kWorkPad; }

struct NttTables {
  const Constant* roots;  // ψ^brv(i), for stages with one factor a block
  const uint64_t* tail;   // factors of the stages inside a vector, ready for lanes
  // Inverse transforms; a row is a tail block of B words (see ntt_inverse.hpp).
  const Constant* inverse_small;  // [t + j]: ω_2t^-j for t below a vector
  const uint64_t* inverse_w;      // the same for t from a vector to half a row, for lanes
  const uint64_t* inverse_w2;
  const uint64_t* untwist_w;  // ψ^(−c (2 brv(r) + 1)) for column c of row r, for lanes
  const uint64_t* untwist_w2;
  const Constant* inverse_rows;  // [g + j]: ω_2g^-j for rows g apart
  const Constant* row_twist;     // ψ^(−B r) / N
};

// x → x^g in bit-reversed order: whole vectors move, lanes are permuted inside.
struct GaloisMap {
  const uint32_t* blocks;        // for each vector: source vector · width + pattern
  const uint64_t* lanes;         // for each pattern: the lane indices as `permute` takes them
  const uint8_t* inverse_index;  // for each pattern: the lane that each lane comes from, inverted
};

// Σ_i digit_i ⊙ key_i for both components of a key, and the automorphism of the result.
struct KeyProduct {
  const uint64_t* digits;  // lazy; vector s of digit i at (s · digit_stride + i) · width
  uint32_t digit_count;
  uint32_t digit_stride;
  const uint8_t* key;  // operands, [group][digit][component][32]
  size_t key_group_bytes;
  uint32_t operand_bits;    // 48, 52 or 64
  uint32_t steps;           // halvings of the result; 0 leaves it lazy
  const GaloisMap* map;     // null: identity
  const uint64_t* addend;   // null, or a row added to component 0 before the automorphism
  const uint64_t* addend1;  // null, or the same for component 1
  uint64_t addend_operand;  // operand by which they are multiplied; 0: added as they are
  const uint64_t* base0;    // null, or rows to add to the outputs
  const uint64_t* base1;
};

// Σ_terms plaintext ⊙ baby step, for one giant step.
struct GiantStep {
  const uint32_t* babies;  // indices into the baby steps
  uint32_t count;
  uint32_t steps;
  uint64_t* out0;
  uint64_t* out1;
};

// One row of a linear transform: baby steps, then one inner sum for each giant step.
struct LinearRow {
  const KeyProduct* babies;  // key == null: digits is component 0 and addend component 1
  uint32_t baby_count;
  const GiantStep* giants;
  uint32_t giant_count;
  const uint8_t* plain;  // operands, [chunk][giant step][group][term][32]
  size_t plain_chunk_bytes;
  uint32_t operand_bits;
  uint64_t* scratch;  // baby_count · 2 · 64 words
};

// Where a row's operands go.
struct OperandLayout {
  uint8_t* dst;
  size_t chunk_stride;  // bytes between chunks
  size_t group_stride;  // bytes between the groups of a chunk
  uint32_t bits;        // of an operand: 48, 52 or 64
};

struct Kernels {
  Path path;
  const char* name;
  uint32_t log_width;
  uint32_t wide_operand_bits;  // of operands that do not fit 48 bits
  uint32_t row_words;          // B of the transforms

  void (*import_row)(uint64_t* dst, const uint64_t* src, size_t n);
  // From reduced or lazy words to integers in [0, q).
  void (*export_row)(uint64_t* dst, const uint64_t* src, size_t n, const Modulus& m);

  // `dst_stride` counts vectors between consecutive ones; `work` has work_words(n).
  void (*forward)(uint64_t* dst, size_t dst_stride, const uint64_t* src, const Lift& lift,
                  uint64_t* work, const NttTables& tables, const Modulus& m);
  // dst = (a − transform) · c, canonical; `negated_c` holds −c.
  void (*forward_subtract)(uint64_t* dst, const uint64_t* a, const Constant& negated_c,
                           const uint64_t* src, const Lift& lift, uint64_t* work,
                           const NttTables& tables, const Modulus& m);
  // Gives canonical words.
  void (*inverse)(uint64_t* dst, const uint64_t* src, uint64_t* work, const NttTables& tables,
                  const Modulus& m);

  void (*copy_strided)(uint64_t* dst, size_t dst_stride, const uint64_t* src, size_t n);
  void (*add)(uint64_t* dst, const uint64_t* a, const uint64_t* b, size_t n, const Modulus& m);
  // dst = (a − lift(x)) · c [+ addend]; canonical. `x` may be lazy with Lift::raw.
  // `negated_c` holds −c.
  void (*subtract_scale)(uint64_t* dst, const uint64_t* a, const uint64_t* x, const Lift& lift,
                         const Constant& negated_c, size_t n, const Modulus& m);
  // dst = lift(x) + c · lift(y), lazy; what enters a transform.
  void (*combine)(uint64_t* dst, const uint64_t* x, const Lift& lift_x, const uint64_t* y,
                  const Lift& lift_y, const Constant& c, size_t n, const Modulus& m);
  void (*permute)(uint64_t* dst, const uint64_t* src, size_t n, const GaloisMap& map);
  // (a0, a1) ⊗ (b0, b1).
  void (*tensor)(uint64_t* d0, uint64_t* d1, uint64_t* d2, const uint64_t* a0, const uint64_t* a1,
                 const uint64_t* b0, const uint64_t* b1, size_t n, const Modulus& m);
  // dst = src · c [+ addend].
  void (*scale)(uint64_t* dst, const uint64_t* src, const Constant& c, const uint64_t* addend,
                size_t n, const Modulus& m);
  // dst = src ⊙ operands (consecutive groups).
  void (*multiply_operand)(uint64_t* dst, const uint64_t* src, const uint8_t* operands,
                           uint32_t operand_bits, size_t n, const Modulus& m);
  // Integers below q to operands. With a map, lanes are put where `key_product` needs them.
  void (*store_operands)(const OperandLayout& dst, const uint64_t* src, const GaloisMap* map,
                         size_t n, const Modulus& m);

  // Reduced or lazy words, times c, to operands; `c` holds what makes operands of them.
  void (*store_words)(const OperandLayout& dst, const uint64_t* src, const Constant& c, size_t n,
                      const Modulus& m);
  // Signed integers, of smaller magnitude than q, to words.
  void (*load_signed)(uint64_t* dst, const int32_t* src, size_t n, const Modulus& m);

  void (*key_product)(const KeyProduct& product, uint64_t* out0, uint64_t* out1, size_t chunk_begin,
                      size_t chunk_end, const Modulus& m);
  void (*linear_row)(const LinearRow& row, size_t chunk_begin, size_t chunk_end, const Modulus& m);
};

const Kernels& portable_kernels();
#if defined(SAFELIGHT_X86)
const Kernels& avx2_kernels();
const Kernels& ifma_kernels();
#endif

// The best path of this machine, or the one that SAFELIGHT_SIMD names.
// Throws std::runtime_error for a name that is unknown or that the machine cannot run.
const Kernels& kernels();
const Kernels& kernels_named(const char* name);

}  // namespace safelight
