// The inverse transform over the lanes L of one arithmetic path.
//
// The N coefficients are rows of B. Inside each row a cyclic inverse transform by decimation in
// time, with a few factors that are the same for all rows; then one multiplication that brings row
// r from the powers of ψ^(2 brv(r) + 1) to those of X; then negacyclic inverse transforms down the
// columns, by decimation in time again, whose factors are the same along a row. So only one table
// is as long as the polynomial, and the butterfly is the forward one, with its slow linear growth
// of lazy sums.
#pragma once

#include "ntt_plan.hpp"

namespace safelight {

template <class L>
struct InverseNtt {
  using Plan = NttPlan<L>;
  using Vec = typename L::Vec;
  using Factor = typename L::Factor;
  using Field = typename L::Field;
  static constexpr size_t W = Plan::W;
  static constexpr unsigned tail_log = Plan::tail_log;
  static constexpr size_t tail_vectors = Plan::tail_vectors;
  static constexpr size_t tail_block = Plan::tail_block;
  static constexpr size_t kPad = Plan::kPad;

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
            x[1][k], L::factor(tables.untwist_w + second, tables.untwist_w2 + second, field),
            field);
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
  static unsigned next_inverse_log(size_t size) { return Plan::next_log(size / 2); }

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
      case 3:
        if constexpr (L::max_log >= 3) inverse_middle<kWide, 3>(work, size, tables, field);
        break;
      default:
        if constexpr (L::max_log >= 4) inverse_middle<kWide, 4>(work, size, tables, field);
        break;
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
      case 3:
        if constexpr (L::max_log >= 3) inverse_last<kWide, 3>(dst, work, n, tables, field);
        break;
      default:
        if constexpr (L::max_log >= 4) inverse_last<kWide, 4>(dst, work, n, tables, field);
        break;
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
