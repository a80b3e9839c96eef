// Number-theoretic transforms over the lanes L of one arithmetic path.
//
// Forward: Cooley-Tukey butterflies with ψ merged into the factors (Longa and Naehrig,
// eprint 2016/504), natural order in, bit-reversed order out. Inverse: decimation in time on the
// bit-reversed input, which uses the same butterfly and so the same slow linear growth of lazy
// sums, then one multiplication by ψ^-i / N.
//
// Plan of both: the head stages join elements at least `tail block` apart and work on whole
// vectors, several stages for each pass over memory; the tail stages of a small block happen in
// registers, the last ones between transposed vectors. After the first pass the blocks are
// independent and each is finished while it is in the first-level cache.
#pragma once

#include "kernels.hpp"

namespace safelight {

template <class L>
struct Ntt {
  using Vec = typename L::Vec;
  using Factor = typename L::Factor;
  using Field = typename L::Field;
  static constexpr size_t W = size_t{1} << L::log_width;
  static constexpr unsigned tail_log = L::log_width == 0 ? 2 : L::log_width;  // vectors in a block
  static constexpr size_t tail_vectors = size_t{1} << tail_log;
  static constexpr size_t tail_block = W * tail_vectors;
  static constexpr unsigned tail_stages = tail_log + L::log_width;

  // ---- forward ----

  template <bool kWide, unsigned kLog>
  static inline void forward_stages(Vec (&x)[size_t{1} << kLog], const Factor* factors,
                                    const Field& field) {
#pragma GCC unroll 4
    for (unsigned stage = 0; stage < kLog; ++stage) {
      const size_t half = size_t{1} << (kLog - 1 - stage);
#pragma GCC unroll 16
      for (size_t sub = 0; sub < (size_t{1} << stage); ++sub) {
        const Factor& factor = factors[(size_t{1} << stage) - 1 + sub];
#pragma GCC unroll 16
        for (size_t u = 0; u < half; ++u) {
          L::template butterfly<kWide>(x[2 * sub * half + u], x[2 * sub * half + u + half], factor,
                                       field);
        }
      }
    }
  }

  template <unsigned kLog>
  static inline void load_factors(Factor (&factors)[(size_t{1} << kLog) - 1], const Constant* roots,
                                  size_t root) {
    for (unsigned stage = 0; stage < kLog; ++stage) {
      for (size_t sub = 0; sub < (size_t{1} << stage); ++sub) {
        factors[(size_t{1} << stage) - 1 + sub] = L::broadcast(roots[(root << stage) + sub]);
      }
    }
  }

  // The first pass: lifts what it loads.
  template <bool kWide, unsigned kLog, uint32_t kMode>
  static void first_pass(uint64_t* work, const uint64_t* src, const Lift& lift, size_t n,
                         const NttTables& tables, const Field& field) {
    constexpr size_t R = size_t{1} << kLog;
    const size_t stride = n >> kLog;
    Factor factors[R - 1];
    load_factors<kLog>(factors, tables.roots, 1);
    const auto lifting = L::lifting(lift);
    for (size_t v = 0; v < stride; v += W) {
      Vec x[R];
#pragma GCC unroll 16
      for (size_t k = 0; k < R; ++k) {
        x[k] = L::template lift<kMode>(L::load(src + v + k * stride), lifting, v + k * stride);
      }
#pragma GCC unroll 8
      for (size_t k = 0; k < R / 2; ++k) x[k] = L::template enter<kWide>(x[k], field);
      forward_stages<kWide, kLog>(x, factors, field);
#pragma GCC unroll 16
      for (size_t k = 0; k < R; ++k) L::store(work + v + k * stride, x[k]);
    }
  }

  // Stages on one block of `size` words that starts at `data`; `root` = blocks + index.
  template <bool kWide, unsigned kLog>
  static void middle_pass(uint64_t* data, size_t size, const NttTables& tables, size_t root,
                          const Field& field) {
    constexpr size_t R = size_t{1} << kLog;
    const size_t stride = size >> kLog;
    Factor factors[R - 1];
    load_factors<kLog>(factors, tables.roots, root);
    for (size_t v = 0; v < stride; v += W) {
      Vec x[R];
#pragma GCC unroll 16
      for (size_t k = 0; k < R; ++k) x[k] = L::load(data + v + k * stride);
      forward_stages<kWide, kLog>(x, factors, field);
#pragma GCC unroll 16
      for (size_t k = 0; k < R; ++k) L::store(data + v + k * stride, x[k]);
    }
  }

  template <bool kWide>
  static inline void forward_tail(uint64_t* dst, size_t dst_stride, const uint64_t* data,
                                  size_t block, size_t n, const NttTables& tables,
                                  const Field& field) {
    Vec x[tail_vectors];
#pragma GCC unroll 8
    for (size_t k = 0; k < tail_vectors; ++k) x[k] = L::load(data + k * W);
    Factor factors[tail_vectors - 1];
    load_factors<tail_log>(factors, tables.roots, n / tail_block + block);
    forward_stages<kWide, tail_log>(x, factors, field);
    if constexpr (L::log_width > 0) {
      L::transpose(x);
      const uint64_t* table = tables.tail + block * 2 * (tail_vectors - 1) * W;
      Factor inner[tail_vectors - 1];
#pragma GCC unroll 8
      for (size_t k = 0; k + 1 < tail_vectors; ++k) {
        inner[k] = L::factor(table + 2 * k * W, table + (2 * k + 1) * W);
      }
      forward_stages<kWide, tail_log>(x, inner, field);
      L::transpose(x);
    }
#pragma GCC unroll 8
    for (size_t k = 0; k < tail_vectors; ++k) {
      L::store(dst + (block * tail_vectors + k) * dst_stride * W, x[k]);
    }
  }

  template <bool kWide>
  static void forward_rest(uint64_t* work, size_t size, size_t root, uint64_t* dst,
                           size_t dst_stride, size_t n, size_t first_block,
                           const NttTables& tables, const Field& field) {
    if (size == tail_block) {
      forward_tail<kWide>(dst, dst_stride, work, first_block, n, tables, field);
      return;
    }
    const unsigned log = next_log(size);
    switch (log) {
      case 1: middle_pass<kWide, 1>(work, size, tables, root, field); break;
      case 2: middle_pass<kWide, 2>(work, size, tables, root, field); break;
      case 3: if constexpr (L::max_log >= 3) middle_pass<kWide, 3>(work, size, tables, root, field); break;
      default: if constexpr (L::max_log >= 4) middle_pass<kWide, 4>(work, size, tables, root, field); break;
    }
    const size_t part = size >> log;
    for (size_t k = 0; k < (size_t{1} << log); ++k) {
      forward_rest<kWide>(work + k * part, part, (root << log) + k, dst, dst_stride, n,
                          first_block + k * (part / tail_block), tables, field);
    }
  }

  template <bool kWide, uint32_t kMode>
  static void forward_mode(uint64_t* dst, size_t dst_stride, const uint64_t* src, const Lift& lift,
                           uint64_t* work, const NttTables& tables, const Modulus& m) {
    const Field field(m);
    const size_t n = size_t{1} << m.log_n;
    const unsigned log = next_log(n);
    switch (log) {
      case 1: first_pass<kWide, 1, kMode>(work, src, lift, n, tables, field); break;
      case 2: first_pass<kWide, 2, kMode>(work, src, lift, n, tables, field); break;
      case 3: if constexpr (L::max_log >= 3) first_pass<kWide, 3, kMode>(work, src, lift, n, tables, field); break;
      default: if constexpr (L::max_log >= 4) first_pass<kWide, 4, kMode>(work, src, lift, n, tables, field); break;
    }
    const size_t part = n >> log;
    for (size_t k = 0; k < (size_t{1} << log); ++k) {
      forward_rest<kWide>(work + k * part, part, (size_t{1} << log) + k, dst, dst_stride, n,
                          k * (part / tail_block), tables, field);
    }
  }

  template <bool kWide>
  static void forward_wide(uint64_t* dst, size_t dst_stride, const uint64_t* src, const Lift& lift,
                           uint64_t* work, const NttTables& tables, const Modulus& m) {
    switch (lift.mode) {
      case Lift::raw: return forward_mode<kWide, Lift::raw>(dst, dst_stride, src, lift, work, tables, m);
      case Lift::centred: return forward_mode<kWide, Lift::centred>(dst, dst_stride, src, lift, work, tables, m);
      case Lift::signs: return forward_mode<kWide, Lift::signs>(dst, dst_stride, src, lift, work, tables, m);
    }
  }

  static void forward(uint64_t* dst, size_t dst_stride, const uint64_t* src, const Lift& lift,
                      uint64_t* work, const NttTables& tables, const Modulus& m) {
    if (m.wide) {
      forward_wide<true>(dst, dst_stride, src, lift, work, tables, m);
    } else {
      forward_wide<false>(dst, dst_stride, src, lift, work, tables, m);
    }
  }

  // Stages of the next pass over a block of `size` words: passes as even as they can be.
  static unsigned next_log(size_t size) {
    unsigned stages = 0;
    while ((tail_block << stages) < size) ++stages;
    const unsigned passes = (stages + L::max_log - 1) / L::max_log;
    return (stages + passes - 1) / passes;
  }

  // ---- inverse ----

  // Vectors x[k] lie t words apart, at phase v of the block.
  template <bool kWide, unsigned kLog>
  static inline void inverse_stages(Vec (&x)[size_t{1} << kLog], const Factor* factors,
                                    const Field& field) {
#pragma GCC unroll 4
    for (unsigned stage = 0; stage < kLog; ++stage) {
      const size_t gap = size_t{1} << stage;
#pragma GCC unroll 16
      for (size_t k = 0; k < (size_t{1} << kLog); ++k) {
        if ((k & gap) == 0) {
          L::template butterfly<kWide>(x[k], x[k + gap], factors[gap - 1 + (k & (gap - 1))], field);
        }
      }
    }
  }

  template <unsigned kLog>
  static inline void load_inverse_factors(Factor (&factors)[(size_t{1} << kLog) - 1],
                                          const NttTables& tables, size_t t, size_t v) {
#pragma GCC unroll 4
    for (unsigned stage = 0; stage < kLog; ++stage) {
#pragma GCC unroll 8
      for (size_t c = 0; c < (size_t{1} << stage); ++c) {
        const size_t at = (t << stage) + v + c * t;
        factors[(size_t{1} << stage) - 1 + c] =
            L::factor(tables.inverse_w + at, tables.inverse_w2 + at);
      }
    }
  }

  template <bool kWide>
  static void inverse_tails(uint64_t* work, const uint64_t* src, size_t size,
                            const NttTables& tables, const Field& field) {
    Factor outer[tail_vectors - 1];
    load_inverse_factors<tail_log>(outer, tables, W, 0);
    Factor inner[tail_vectors - 1];
    if constexpr (L::log_width > 0) {
      for (size_t k = 1; k + 1 < tail_vectors; ++k) {
        inner[k] = L::broadcast(tables.inverse_small[k + 1]);
      }
    }
    for (size_t at = 0; at < size; at += tail_block) {
      Vec x[tail_vectors];
#pragma GCC unroll 8
      for (size_t k = 0; k < tail_vectors; ++k) x[k] = L::load(src + at + k * W);
      if constexpr (L::log_width > 0) {
        L::transpose(x);
        // neighbours: the factor is 1
#pragma GCC unroll 4
        for (size_t k = 0; k < tail_vectors; k += 2) {
          L::template sum_difference<kWide>(x[k], x[k + 1], field);
        }
#pragma GCC unroll 4
        for (unsigned stage = 1; stage < tail_log; ++stage) {
          const size_t gap = size_t{1} << stage;
#pragma GCC unroll 8
          for (size_t k = 0; k < tail_vectors; ++k) {
            if ((k & gap) == 0) {
              L::template butterfly<kWide>(x[k], x[k + gap], inner[gap - 1 + (k & (gap - 1))],
                                           field);
            }
          }
        }
        L::transpose(x);
        inverse_stages<kWide, tail_log>(x, outer, field);
      } else {
#pragma GCC unroll 4
        for (size_t k = 0; k < tail_vectors; k += 2) {
          L::template sum_difference<kWide>(x[k], x[k + 1], field);
        }
        L::template butterfly<kWide>(x[0], x[2], outer[1], field);
        L::template butterfly<kWide>(x[1], x[3], outer[2], field);
      }
#pragma GCC unroll 8
      for (size_t k = 0; k < tail_vectors; ++k) L::store(work + at + k * W, x[k]);
    }
  }

  template <bool kWide, unsigned kLog>
  static void inverse_middle(uint64_t* work, size_t size, const NttTables& tables,
                             const Field& field) {
    constexpr size_t R = size_t{1} << kLog;
    const size_t t = size >> kLog;
    for (size_t v = 0; v < t; v += W) {
      Factor factors[R - 1];
      load_inverse_factors<kLog>(factors, tables, t, v);
      Vec x[R];
#pragma GCC unroll 16
      for (size_t k = 0; k < R; ++k) x[k] = L::load(work + v + k * t);
      inverse_stages<kWide, kLog>(x, factors, field);
#pragma GCC unroll 16
      for (size_t k = 0; k < R; ++k) L::store(work + v + k * t, x[k]);
    }
  }

  template <bool kWide, unsigned kLog>
  static void inverse_last(uint64_t* dst, const uint64_t* work, size_t n, const NttTables& tables,
                           const Field& field) {
    constexpr size_t R = size_t{1} << kLog;
    const size_t t = n >> kLog;
    for (size_t v = 0; v < t; v += W) {
      Factor factors[R - 1];
      load_inverse_factors<kLog>(factors, tables, t, v);
      Vec x[R];
#pragma GCC unroll 16
      for (size_t k = 0; k < R; ++k) x[k] = L::load(work + v + k * t);
      inverse_stages<kWide, kLog>(x, factors, field);
#pragma GCC unroll 16
      for (size_t k = 0; k < R; ++k) {
        const size_t at = v + k * t;
        const Factor twist = L::factor(tables.twist_w + at, tables.twist_w2 + at);
        L::store(dst + at, L::multiply_canonical(x[k], twist, field));
      }
    }
  }

  template <bool kWide>
  static void inverse_block(uint64_t* work, const uint64_t* src, size_t size,
                            const NttTables& tables, const Field& field) {
    if (size == tail_block) return inverse_tails<kWide>(work, src, size, tables, field);
    const unsigned log = next_log(size);
    const size_t part = size >> log;
    if (part == tail_block) {
      inverse_tails<kWide>(work, src, size, tables, field);  // keeps the factors in registers
    } else {
      for (size_t at = 0; at < size; at += part) {
        inverse_block<kWide>(work + at, src + at, part, tables, field);
      }
    }
    switch (log) {
      case 1: inverse_middle<kWide, 1>(work, size, tables, field); break;
      case 2: inverse_middle<kWide, 2>(work, size, tables, field); break;
      case 3: if constexpr (L::max_log >= 3) inverse_middle<kWide, 3>(work, size, tables, field); break;
      default: if constexpr (L::max_log >= 4) inverse_middle<kWide, 4>(work, size, tables, field); break;
    }
  }

  template <bool kWide>
  static void inverse_wide(uint64_t* dst, const uint64_t* src, uint64_t* work,
                           const NttTables& tables, const Modulus& m) {
    const Field field(m);
    const size_t n = size_t{1} << m.log_n;
    const unsigned log = next_log(n);
    const size_t part = n >> log;
    for (size_t at = 0; at < n; at += part) {
      inverse_block<kWide>(work + at, src + at, part, tables, field);
    }
    switch (log) {
      case 1: inverse_last<kWide, 1>(dst, work, n, tables, field); break;
      case 2: inverse_last<kWide, 2>(dst, work, n, tables, field); break;
      case 3: if constexpr (L::max_log >= 3) inverse_last<kWide, 3>(dst, work, n, tables, field); break;
      default: if constexpr (L::max_log >= 4) inverse_last<kWide, 4>(dst, work, n, tables, field); break;
    }
  }

  static void inverse(uint64_t* dst, const uint64_t* src, uint64_t* work, const NttTables& tables,
                      const Modulus& m) {
    if (m.wide) {
      inverse_wide<true>(dst, src, work, tables, m);
    } else {
      inverse_wide<false>(dst, src, work, tables, m);
    }
  }
};

}  // namespace safelight
