// The forward transform over the lanes L of one arithmetic path: Cooley-Tukey butterflies with ψ
// merged into the factors (Longa and Naehrig, eprint 2016/504), natural order in, bit-reversed
// order out.
#pragma once

#include "ntt_plan.hpp"

namespace safelight {

template <class L>
struct ForwardNtt {
  using Plan = NttPlan<L>;
  using Vec = typename L::Vec;
  using Factor = typename L::Factor;
  using Field = typename L::Field;
  static constexpr size_t W = Plan::W;
  static constexpr unsigned tail_log = Plan::tail_log;
  static constexpr size_t tail_vectors = Plan::tail_vectors;
  static constexpr size_t tail_block = Plan::tail_block;
  static constexpr size_t kPad = Plan::kPad;
  static constexpr size_t kTailWords = Plan::kTailWords;

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
      for (size_t k = 0; k < tail_vectors; ++k)
        x[b][k] = L::load(data + (b * tail_vectors + k) * W);
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
    const unsigned log = Plan::next_log(size);
    switch (log) {
      case 1: middle_pass<kWide, 1>(work, size, tables, root, field); break;
      case 2: middle_pass<kWide, 2>(work, size, tables, root, field); break;
      case 3:
        if constexpr (L::max_log >= 3) middle_pass<kWide, 3>(work, size, tables, root, field);
        break;
      default:
        if constexpr (L::max_log >= 4) middle_pass<kWide, 4>(work, size, tables, root, field);
        break;
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
    const unsigned log = Plan::next_log(n);
    switch (log) {
      case 1: first_pass<kWide, 1, kMode>(work, src, lift, n, tables, field); break;
      case 2: first_pass<kWide, 2, kMode>(work, src, lift, n, tables, field); break;
      case 3:
        if constexpr (L::max_log >= 3)
          first_pass<kWide, 3, kMode>(work, src, lift, n, tables, field);
        break;
      default:
        if constexpr (L::max_log >= 4)
          first_pass<kWide, 4, kMode>(work, src, lift, n, tables, field);
        break;
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
};

}  // namespace safelight
