// Lazily reduced inner products with keys and plaintexts over the lanes L of one path.
#pragma once

#include "kernels.hpp"

namespace safelight {

template <class L>
struct Products {
  using Vec = typename L::Vec;
  using Field = typename L::Field;
  static constexpr size_t W = size_t{1} << L::log_width;
  static constexpr size_t U = L::unroll;  // vectors at a time: hides the multiplier's latency
  static constexpr size_t chunk_vectors = kChunk / W;
  static constexpr size_t kPrefetchAhead = 4096;
  static constexpr size_t group_vectors = kGroup / W;

  // Keys and plaintexts come from memory, too many streams and too fast for the hardware to
  // foresee.
  static constexpr size_t bytes(uint32_t bits, size_t count) { return count * bits / 8; }

  template <size_t kBytes>
  static inline void prefetch(const uint8_t* at) {
#pragma GCC unroll 4
    for (size_t line = 0; line < kBytes; line += 64) {
      __builtin_prefetch(at + kPrefetchAhead + line, 0, 3);
    }
  }

  // One chunk of Σ digit ⊙ key; out0 and out1 point at the chunk.
  template <uint32_t kBits>
  static inline void key_chunk(const KeyProduct& p, uint64_t* out0, uint64_t* out1, size_t chunk,
                               const Field& field) {
    const uint8_t* key = p.key + chunk * (kChunk / kGroup) * p.key_group_bytes;
    for (size_t v = 0; v < chunk_vectors; v += U) {
      typename L::Sum sum0[U], sum1[U];
      const uint64_t* digits[U];
      uint32_t block[U];
#pragma GCC unroll 4
      for (size_t u = 0; u < U; ++u) {
        sum0[u].start(field);
        sum1[u].start(field);
        const size_t at = chunk * chunk_vectors + v + u;
        block[u] = p.map == nullptr ? static_cast<uint32_t>(at * W) : p.map->blocks[at];
        digits[u] = p.digits + (block[u] / W) * p.digit_stride * W;
      }
      const uint8_t* at_key =
          key + v / group_vectors * p.key_group_bytes + bytes(kBits, v % group_vectors * W);
      for (uint32_t i = 0; i < p.digit_count; ++i) {
#pragma GCC unroll 4
        for (size_t u = 0; u < U; ++u) {
          const Vec x = L::load(digits[u] + i * W);
          sum0[u].add(x, L::template load_operand<kBits>(at_key + bytes(kBits, u * W)), field);
          sum1[u].add(x, L::template load_operand<kBits>(at_key + bytes(kBits, kGroup + u * W)),
                      field);
        }
        prefetch<bytes(kBits, 2 * kGroup)>(at_key);
        at_key += bytes(kBits, 2 * kGroup);
        if (L::fold_terms != 0 && i % L::fold_terms == L::fold_terms - 1) {
#pragma GCC unroll 4
          for (size_t u = 0; u < U; ++u) {
            sum0[u].fold(field);
            sum1[u].fold(field);
          }
        }
      }
#pragma GCC unroll 4
      for (size_t u = 0; u < U; ++u) {
        Vec r0, r1;
        if (p.addend != nullptr && p.addend_operand != 0) {
          sum0[u].add(L::load(p.addend + (block[u] & ~uint32_t{W - 1})),
                      L::broadcast_operand(p.addend_operand), field);
        }
        if (p.addend1 != nullptr) {
          sum1[u].add(L::load(p.addend1 + (block[u] & ~uint32_t{W - 1})),
                      L::broadcast_operand(p.addend_operand), field);
        }
        r0 = sum0[u].reduce(p.steps, field);
        r1 = sum1[u].reduce(p.steps, field);
        if (p.addend != nullptr && p.addend_operand == 0) {
          r0 = L::add(r0, L::load(p.addend + (block[u] & ~uint32_t{W - 1})), field);
        }
        if (p.map != nullptr) {
          const uint64_t* lanes = p.map->lanes + (block[u] & (W - 1)) * W;
          r0 = L::permute(r0, lanes);
          r1 = L::permute(r1, lanes);
        }
        uint64_t* at0 = out0 + (v + u) * W;
        uint64_t* at1 = out1 + (v + u) * W;
        if (p.base0 != nullptr) {
          const size_t at = chunk * kChunk + (v + u) * W;
          r0 = L::add(r0, L::load(p.base0 + at), field);
          r1 = L::add(r1, L::load(p.base1 + at), field);
        }
        L::store(at0, r0);
        L::store(at1, r1);
      }
    }
  }

  static void key_product(const KeyProduct& p, uint64_t* out0, uint64_t* out1, size_t chunk_begin,
                          size_t chunk_end, const Modulus& m) {
    const Field field(m);
    for (size_t chunk = chunk_begin; chunk < chunk_end; ++chunk) {
      if (p.operand_bits == 48) {
        key_chunk<48>(p, out0 + chunk * kChunk, out1 + chunk * kChunk, chunk, field);
      } else {
        key_chunk<L::wide_operand_bits>(p, out0 + chunk * kChunk, out1 + chunk * kChunk, chunk,
                                        field);
      }
    }
  }

  // One chunk of Σ plaintext ⊙ baby step.
  template <uint32_t kBits>
  static inline void giant_chunk(const GiantStep& giant, const uint8_t* plain,
                                 const uint64_t* babies, size_t chunk, const Field& field) {
    for (size_t v = 0; v < chunk_vectors; v += U) {
      typename L::Sum sum0[U], sum1[U];
#pragma GCC unroll 4
      for (size_t u = 0; u < U; ++u) {
        sum0[u].start(field);
        sum1[u].start(field);
      }
      const uint8_t* at_plain = plain + v / group_vectors * giant.count * bytes(kBits, kGroup) +
                                bytes(kBits, v % group_vectors * W);
      for (uint32_t t = 0; t < giant.count; ++t) {
        const uint64_t* baby = babies + giant.babies[t] * (2 * kChunk) + v * W;
#pragma GCC unroll 4
        for (size_t u = 0; u < U; ++u) {
          const Vec y = L::template load_operand<kBits>(at_plain + bytes(kBits, u * W));
          sum0[u].add(L::load(baby + u * W), y, field);
          sum1[u].add(L::load(baby + kChunk + u * W), y, field);
        }
        prefetch<bytes(kBits, kGroup)>(at_plain);
        at_plain += bytes(kBits, kGroup);
        if (L::fold_terms != 0 && t % L::fold_terms == L::fold_terms - 1) {
#pragma GCC unroll 4
          for (size_t u = 0; u < U; ++u) {
            sum0[u].fold(field);
            sum1[u].fold(field);
          }
        }
      }
#pragma GCC unroll 4
      for (size_t u = 0; u < U; ++u) {
        const size_t at = chunk * kChunk + (v + u) * W;
        L::store(giant.out0 + at, sum0[u].reduce(giant.steps, field));
        L::store(giant.out1 + at, sum1[u].reduce(giant.steps, field));
      }
    }
  }

  static void linear_row(const LinearRow& row, size_t chunk_begin, size_t chunk_end,
                         const Modulus& m) {
    const Field field(m);
    for (size_t chunk = chunk_begin; chunk < chunk_end; ++chunk) {
      for (uint32_t b = 0; b < row.baby_count; ++b) {
        const KeyProduct& baby = row.babies[b];
        uint64_t* out = row.scratch + b * (2 * kChunk);
        if (baby.key == nullptr) {  // baby step 0: the ciphertext itself
          for (size_t v = 0; v < kChunk; v += W) {
            L::store(out + v, L::load(baby.digits + chunk * kChunk + v));
            L::store(out + kChunk + v, L::load(baby.addend + chunk * kChunk + v));
          }
        } else if (baby.operand_bits == 48) {
          key_chunk<48>(baby, out, out + kChunk, chunk, field);
        } else {
          key_chunk<L::wide_operand_bits>(baby, out, out + kChunk, chunk, field);
        }
      }
      const uint8_t* plain = row.plain + chunk * row.plain_chunk_bytes;
      for (uint32_t g = 0; g < row.giant_count; ++g) {
        const GiantStep& giant = row.giants[g];
        if (row.operand_bits == 48) {
          giant_chunk<48>(giant, plain, row.scratch, chunk, field);
        } else {
          giant_chunk<L::wide_operand_bits>(giant, plain, row.scratch, chunk, field);
        }
        plain += giant.count * bytes(row.operand_bits, kChunk);
      }
    }
  }
};

}  // namespace safelight
