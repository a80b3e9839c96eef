// Number-theoretic transforms over the lanes L of one arithmetic path.
//
// Forward: Cooley-Tukey butterflies with ψ merged into the factors (Longa and Naehrig,
// eprint 2016/504), natural order in, bit-reversed order out.
//
// Inverse: the N coefficients as rows of B (a tail block). Inside each row a cyclic inverse
// transform by decimation in time, with a few factors that are the same for all rows; then one
// multiplication that brings row r from the powers of ψ^(2 brv(r) + 1) to those of X; then
// negacyclic inverse transforms down the columns, by decimation in time again, whose factors are
// the same along a row. So only one table is as long as the polynomial, and the butterfly is the
// forward one, with its slow linear growth of lazy sums.
//
// Both: stages between rows work on whole vectors, several for each pass over memory; the stages
// of a row happen in registers, the last ones between transposed vectors, two rows at a time so
// that the multiplier does not wait. After the first pass the blocks are independent and each is
// finished while it is in the first-level cache.
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
  // Blocks of the work area are a power of two apart plus this many words, so that they do not
  // all compete for the same few cache sets.
  static constexpr size_t kTailWords = (tail_vectors - 1) * W;
  static constexpr size_t kPad = kWorkPad;

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
      for (size_t k = 0; k < R; ++k) L::store(work + v + k * (stride + kPad), x[k]);
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

  // The last stages of K neighbouring blocks, side by side: one alone would wait for its own
  // results most of the time.
  template <bool kWide, size_t K, class Out>
  static inline void forward_tail(const Out& out, const uint64_t* data, size_t block, size_t n,
                                  const NttTables& tables, const Field& field) {
    Vec x[K][tail_vectors];
#pragma GCC unroll 4
    for (size_t b = 0; b < K; ++b) {
#pragma GCC unroll 8
      for (size_t k = 0; k < tail_vectors; ++k) x[b][k] = L::load(data + (b * tail_vectors + k) * W);
    }
    const size_t root = n / tail_block + block;
#pragma GCC unroll 4
    for (unsigned stage = 0; stage < tail_log; ++stage) {
#pragma GCC unroll 8
      for (size_t pair = 0; pair < tail_vectors / 2; ++pair) {
        const size_t half = tail_vectors >> (stage + 1), sub = pair / half;
        const size_t first = 2 * sub * half + pair % half;
#pragma GCC unroll 4
        for (size_t b = 0; b < K; ++b) {
          const Factor factor = L::broadcast(tables.roots[((root + b) << stage) + sub]);
          L::template butterfly<kWide>(x[b][first], x[b][first + half], factor, field);
        }
      }
    }
    if constexpr (L::log_width > 0) {
#pragma GCC unroll 4
      for (size_t b = 0; b < K; ++b) L::transpose(x[b]);
      const uint64_t* table = tables.tail + block * kTailWords;
#pragma GCC unroll 4
      for (unsigned stage = 0; stage < tail_log; ++stage) {
#pragma GCC unroll 8
        for (size_t pair = 0; pair < tail_vectors / 2; ++pair) {
          const size_t half = tail_vectors >> (stage + 1), sub = pair / half;
          const size_t first = 2 * sub * half + pair % half;
          const size_t at = ((size_t{1} << stage) - 1 + sub) * W;
#pragma GCC unroll 4
          for (size_t b = 0; b < K; ++b) {
            const Factor factor = L::factor(table + b * kTailWords + at, nullptr, field);
            L::template butterfly<kWide>(x[b][first], x[b][first + half], factor, field);
          }
        }
      }
#pragma GCC unroll 4
      for (size_t b = 0; b < K; ++b) L::transpose(x[b]);
    }
#pragma GCC unroll 4
    for (size_t b = 0; b < K; ++b) {
#pragma GCC unroll 8
      for (size_t k = 0; k < tail_vectors; ++k) {
        out((block + b) * tail_vectors + k, x[b][k], field);
      }
    }
  }

  template <bool kWide, class Out>
  static void forward_tails(const Out& out, const uint64_t* data, size_t block, size_t count,
                            size_t n, const NttTables& tables, const Field& field) {
    constexpr size_t K = L::tail_blocks;
    for (size_t b = 0; b < count; b += K) {
      forward_tail<kWide, K>(out, data + b * tail_block, block + b, n, tables, field);
    }
  }

  template <bool kWide, class Out>
  static void forward_rest(uint64_t* work, size_t size, size_t root, const Out& out, size_t n,
                           size_t first_block, const NttTables& tables, const Field& field) {
    const unsigned log = next_log(size);
    switch (log) {
      case 1: middle_pass<kWide, 1>(work, size, tables, root, field); break;
      case 2: middle_pass<kWide, 2>(work, size, tables, root, field); break;
      case 3: if constexpr (L::max_log >= 3) middle_pass<kWide, 3>(work, size, tables, root, field); break;
      default: if constexpr (L::max_log >= 4) middle_pass<kWide, 4>(work, size, tables, root, field); break;
    }
    const size_t part = size >> log;
    if (part == tail_block) {
      forward_tails<kWide>(out, work, first_block, size_t{1} << log, n, tables, field);
      return;
    }
    for (size_t k = 0; k < (size_t{1} << log); ++k) {
      forward_rest<kWide>(work + k * part, part, (root << log) + k, out, n,
                          first_block + k * (part / tail_block), tables, field);
    }
  }

  template <bool kWide, uint32_t kMode, class Out>
  static void forward_mode(const Out& out, const uint64_t* src, const Lift& lift, uint64_t* work,
                           const NttTables& tables, const Modulus& m) {
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
      forward_rest<kWide>(work + k * (part + kPad), part, (size_t{1} << log) + k, out, n,
                          k * (part / tail_block), tables, field);
    }
  }

  template <uint32_t kMode, class Out>
  static void forward_wide(const Out& out, const uint64_t* src, const Lift& lift, uint64_t* work,
                           const NttTables& tables, const Modulus& m) {
    if (m.wide) {
      forward_mode<true, kMode>(out, src, lift, work, tables, m);
    } else {
      forward_mode<false, kMode>(out, src, lift, work, tables, m);
    }
  }

  // Where the results go: to memory, `stride` vectors apart, …
  struct Store {
    uint64_t* dst;
    size_t stride;
    void operator()(size_t vector, Vec x, const Field&) const {
      L::store(dst + vector * stride * W, x);
    }
  };

  // … or (a − result) · c.
  struct SubtractScale {
    uint64_t* dst;
    const uint64_t* a;
    Factor negated_c;
    void operator()(size_t vector, Vec x, const Field& field) const {
      const Vec difference = L::subtract_lazy(x, L::load(a + vector * W), field);
      L::store(dst + vector * W, L::multiply_canonical(difference, negated_c, field));
    }
  };

  static void forward(uint64_t* dst, size_t dst_stride, const uint64_t* src, const Lift& lift,
                      uint64_t* work, const NttTables& tables, const Modulus& m) {
    const Store out{dst, dst_stride};
    switch (lift.mode) {
      case Lift::raw: return forward_wide<Lift::raw>(out, src, lift, work, tables, m);
      case Lift::centred: return forward_wide<Lift::centred>(out, src, lift, work, tables, m);
      case Lift::signs: return forward_wide<Lift::signs>(out, src, lift, work, tables, m);
    }
  }

  static void forward_subtract(uint64_t* dst, const uint64_t* a, const Constant& negated_c,
                               const uint64_t* src, const Lift& lift, uint64_t* work,
                               const NttTables& tables, const Modulus& m) {
    const SubtractScale out{dst, a, L::broadcast(negated_c)};
    if (lift.mode == Lift::centred) {
      forward_wide<Lift::centred>(out, src, lift, work, tables, m);
    } else {
      forward_wide<Lift::raw>(out, src, lift, work, tables, m);
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

  // A row is a tail block. Stages between rows that lie `t` words apart: their factors are the same
  // for the whole row.
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
  static inline void load_row_factors(Factor (&factors)[(size_t{1} << kLog) - 1],
                                      const NttTables& tables, size_t gap_rows, size_t row) {
#pragma GCC unroll 4
    for (unsigned stage = 0; stage < kLog; ++stage) {
#pragma GCC unroll 8
      for (size_t c = 0; c < (size_t{1} << stage); ++c) {
        factors[(size_t{1} << stage) - 1 + c] =
            L::broadcast(tables.inverse_rows[(gap_rows << stage) + row + c * gap_rows]);
      }
    }
  }

  // All stages inside two neighbouring rows, the multiplication that untwists them, and the stage
  // between the two, whose factor is 1.
  template <bool kWide>
  static void inverse_tails(uint64_t* work, const uint64_t* src, size_t size, size_t position,
                            const NttTables& tables, const Field& field) {
    Factor outer[tail_vectors - 1];
#pragma GCC unroll 4
    for (unsigned stage = 0; stage < tail_log; ++stage) {
      for (size_t c = 0; c < (size_t{1} << stage); ++c) {
        const size_t at = ((size_t{1} << stage) + c) * W;
        outer[(size_t{1} << stage) - 1 + c] =
            L::factor(tables.inverse_w + at, tables.inverse_w2 + at, field);
      }
    }
    Factor inner[tail_vectors - 1];
    if constexpr (L::log_width > 0) {
      for (size_t k = 1; k + 1 < tail_vectors; ++k) {
        inner[k] = L::broadcast(tables.inverse_small[k + 1]);
      }
    }
    for (size_t at = 0; at < size; at += 2 * tail_block) {
      Vec x[2][tail_vectors];
#pragma GCC unroll 2
      for (size_t b = 0; b < 2; ++b) {
#pragma GCC unroll 8
        for (size_t k = 0; k < tail_vectors; ++k) {
          x[b][k] = L::load(src + at + (b * tail_vectors + k) * W);
        }
        L::transpose(x[b]);
        // neighbours: the factor is 1
#pragma GCC unroll 4
        for (size_t k = 0; k < tail_vectors; k += 2) {
          L::template sum_difference<kWide>(x[b][k], x[b][k + 1], field);
        }
      }
      // without lanes the remaining stages of the block are those between vectors
      constexpr unsigned first_outer = L::log_width == 0 ? 1 : 0;
      if constexpr (L::log_width > 0) {
        inverse_tail_stages<kWide, 1>(x, inner, field);
        L::transpose(x[0]);
        L::transpose(x[1]);
      }
      inverse_tail_stages<kWide, first_outer>(x, outer, field);
#pragma GCC unroll 8
      for (size_t k = 0; k < tail_vectors; ++k) {
        const size_t first = position + at + k * W, second = first + tail_block;
        const Vec base = L::template multiply_offset<kWide>(
            x[0][k], L::factor(tables.untwist_w + first, tables.untwist_w2 + first, field), field);
        const Vec other = L::multiply_lazy(
            x[1][k], L::factor(tables.untwist_w + second, tables.untwist_w2 + second, field), field);
        L::store(work + at + k * W, L::add_lazy(base, other));
        L::store(work + at + tail_block + k * W, L::difference_lazy(base, other));
      }
    }
  }

  template <bool kWide, unsigned kFirst>
  static inline void inverse_tail_stages(Vec (&x)[2][tail_vectors], const Factor* factors,
                                         const Field& field) {
#pragma GCC unroll 4
    for (unsigned stage = kFirst; stage < tail_log; ++stage) {
#pragma GCC unroll 8
      for (size_t pair = 0; pair < tail_vectors / 2; ++pair) {
        const size_t gap = size_t{1} << stage, c = pair % gap, k = pair / gap * 2 * gap + c;
#pragma GCC unroll 2
        for (size_t b = 0; b < 2; ++b) {
          L::template butterfly<kWide>(x[b][k], x[b][k + gap], factors[gap - 1 + c], field);
        }
      }
    }
  }

  template <bool kWide, unsigned kLog>
  static void inverse_middle(uint64_t* work, size_t size, const NttTables& tables,
                             const Field& field) {
    constexpr size_t R = size_t{1} << kLog;
    const size_t t = size >> kLog;
    for (size_t row = 0; row < t / tail_block; ++row) {
      Factor factors[R - 1];
      load_row_factors<kLog>(factors, tables, t / tail_block, row);
      for (size_t v = row * tail_block; v < (row + 1) * tail_block; v += W) {
        Vec x[R];
#pragma GCC unroll 16
        for (size_t k = 0; k < R; ++k) x[k] = L::load(work + v + k * t);
        inverse_stages<kWide, kLog>(x, factors, field);
#pragma GCC unroll 16
        for (size_t k = 0; k < R; ++k) L::store(work + v + k * t, x[k]);
      }
    }
  }

  template <bool kWide, unsigned kLog>
  static void inverse_last(uint64_t* dst, const uint64_t* work, size_t n, const NttTables& tables,
                           const Field& field) {
    constexpr size_t R = size_t{1} << kLog;
    const size_t t = n >> kLog, gap_rows = t / tail_block;
    for (size_t row = 0; row < gap_rows; ++row) {
      Factor factors[R - 1];
      load_row_factors<kLog>(factors, tables, gap_rows, row);
      for (size_t v = row * tail_block; v < (row + 1) * tail_block; v += W) {
        Vec x[R];
#pragma GCC unroll 16
        for (size_t k = 0; k < R; ++k) x[k] = L::load(work + v + k * (t + kPad));
        inverse_stages<kWide, kLog>(x, factors, field);
#pragma GCC unroll 16
        for (size_t k = 0; k < R; ++k) {
          const Factor twist = L::broadcast(tables.row_twist[row + k * gap_rows]);
          L::store(dst + v + k * t, L::multiply_canonical(x[k], twist, field));
        }
      }
    }
  }

  // Stages of the next pass between rows; the first of them is done with the tails.
  static unsigned next_inverse_log(size_t size) { return next_log(size / 2); }

  template <bool kWide>
  static void inverse_block(uint64_t* work, const uint64_t* src, size_t size, size_t position,
                            const NttTables& tables, const Field& field) {
    if (size == 2 * tail_block) {
      return inverse_tails<kWide>(work, src, size, position, tables, field);
    }
    const unsigned log = next_inverse_log(size);
    const size_t part = size >> log;
    if (part == 2 * tail_block) {
      inverse_tails<kWide>(work, src, size, position, tables, field);
    } else {
      for (size_t at = 0; at < size; at += part) {
        inverse_block<kWide>(work + at, src + at, part, position + at, tables, field);
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
    const unsigned log = next_inverse_log(n);
    const size_t part = n >> log;
    for (size_t k = 0; k < (size_t{1} << log); ++k) {
      inverse_block<kWide>(work + k * (part + kPad), src + k * part, part, k * part, tables, field);
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
