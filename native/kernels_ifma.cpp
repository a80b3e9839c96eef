// The AVX-512 IFMA path: eight 52-bit residues a vector, Montgomery multiplication with R = 2^52.
//
// A product by a constant w costs three multiplications: with w' = w·q^-1 mod R known,
// high(y·w) − high((y·w' mod R)·q) is y·w/R modulo q, in (−q, q).
#include <immintrin.h>

#include "kernel_table.hpp"

namespace safelight {
namespace {

struct IfmaLanes {
  static constexpr unsigned log_width = 3;
  static constexpr unsigned max_log = 4;
  static constexpr size_t tail_blocks = 2;
  static constexpr size_t unroll = 4;
  static constexpr uint32_t fold_terms = 0;
  using Vec = __m512i;

  struct Factor {
    Vec w, w2;
  };

  struct Field {
    explicit Field(const Modulus& m)
        : q(_mm512_set1_epi64(static_cast<long long>(m.q))),
          q2(_mm512_set1_epi64(static_cast<long long>(2 * m.q))),
          q_inverse(_mm512_set1_epi64(static_cast<long long>(m.q_inverse))),
          offset(_mm512_set1_epi64(static_cast<long long>(m.log_n * m.q))) {}
    Vec q, q2, q_inverse, offset;
  };

  struct Lifting {
    Vec threshold, addend;
    const uint8_t* flips;
  };

  static Vec zero() { return _mm512_setzero_si512(); }
  static Vec low(Vec sum, Vec x, Vec y) { return _mm512_madd52lo_epu64(sum, x, y); }
  static Vec high(Vec sum, Vec x, Vec y) { return _mm512_madd52hi_epu64(sum, x, y); }
  // x − multiple where that is not negative
  static Vec correct(Vec x, Vec multiple) {
    return _mm512_min_epu64(x, _mm512_sub_epi64(x, multiple));
  }

  // A sum of products as 52-bit halves; `reduce` divides it by 2^52 (Montgomery). The q that
  // keeps the result positive is there from the start.
  struct Sum {
    Vec lo, hi;
    void start(const Field& field) {
      lo = zero();
      hi = field.q;
    }
    void add(Vec x, Vec y, const Field&) {
      lo = low(lo, x, y);
      hi = high(hi, x, y);
    }
    void fold(const Field&) {}
    Vec reduce(uint32_t steps, const Field& field) const {
      const Vec quotient = low(zero(), lo, field.q_inverse);
      const Vec minus = high(zero(), quotient, field.q);
      Vec r = _mm512_sub_epi64(_mm512_add_epi64(hi, _mm512_srli_epi64(lo, 52)), minus);
      if (steps == 0) return r;
      while (--steps != 0) {
        r = correct(r, _mm512_sll_epi64(field.q, _mm_cvtsi32_si128(static_cast<int>(steps))));
      }
      return correct(r, field.q);
    }
  };

  static Vec load(const uint64_t* p) { return _mm512_loadu_si512(p); }
  static void store(uint64_t* p, Vec x) { _mm512_storeu_si512(p, x); }
  static Vec load_integers(const uint64_t* p) { return load(p); }
  static void store_integers(uint64_t* p, Vec x) { store(p, x); }
  static Vec load_signed(const int32_t* p, const Field& field) {
    const Vec x = _mm512_cvtepi32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return _mm512_mask_add_epi64(x, _mm512_movepi64_mask(x), x, field.q);
  }
  static constexpr bool packs_vectors = true;
  // Eight integers below 2^48 as 48 bytes.
  static void store_packed(uint8_t* p, Vec x) {
    const Vec index = _mm512_set_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                                      61, 60, 59, 58, 57, 56, 53, 52, 51, 50, 49, 48, 45, 44, 43,
                                      42, 41, 40, 37, 36, 35, 34, 33, 32, 29, 28, 27, 26, 25, 24,
                                      21, 20, 19, 18, 17, 16, 13, 12, 11, 10, 9, 8, 5, 4, 3, 2, 1,
                                      0);
    _mm512_mask_storeu_epi8(p, 0xffffffffffffULL, _mm512_permutexvar_epi8(index, x));
  }
  static Factor broadcast(const Constant& c) {
    return {_mm512_set1_epi64(static_cast<long long>(c.w)),
            _mm512_set1_epi64(static_cast<long long>(c.w2))};
  }
  // The second word is cheaper to compute than to bring in.
  static Factor factor(const uint64_t* w, const uint64_t*, const Field& field) {
    const Vec loaded = load(w);
    return {loaded, low(zero(), loaded, field.q_inverse)};
  }
  static Vec broadcast_operand(uint64_t value) {
    return _mm512_set1_epi64(static_cast<long long>(value));
  }

  static constexpr uint32_t wide_operand_bits = 52;

  // Multiplications look at the low 52 bits of a lane only, so nothing above needs clearing.
  template <uint32_t kBits>
  static Vec load_operand(const uint8_t* p) {
    const Vec x = _mm512_loadu_si512(p);
    if constexpr (kBits == 48) {
      const Vec index = _mm512_set_epi8(0, 0, 47, 46, 45, 44, 43, 42, 0, 0, 41, 40, 39, 38, 37, 36,
                                        0, 0, 35, 34, 33, 32, 31, 30, 0, 0, 29, 28, 27, 26, 25, 24,
                                        0, 0, 23, 22, 21, 20, 19, 18, 0, 0, 17, 16, 15, 14, 13, 12,
                                        0, 0, 11, 10, 9, 8, 7, 6, 0, 0, 5, 4, 3, 2, 1, 0);
      return _mm512_maskz_permutexvar_epi8(0x3f3f3f3f3f3f3f3fULL, index, x);
    } else {
      static_assert(kBits == 52);
      const Vec index = _mm512_set_epi8(  // odd lanes start at half a byte
          0, 51, 50, 49, 48, 47, 46, 45, 0, 45, 44, 43, 42, 41, 40, 39, 0, 38, 37, 36, 35, 34, 33,
          32, 0, 32, 31, 30, 29, 28, 27, 26, 0, 25, 24, 23, 22, 21, 20, 19, 0, 19, 18, 17, 16, 15,
          14, 13, 0, 12, 11, 10, 9, 8, 7, 6, 0, 6, 5, 4, 3, 2, 1, 0);
      const Vec shift = _mm512_set_epi64(4, 0, 4, 0, 4, 0, 4, 0);
      return _mm512_srlv_epi64(_mm512_permutexvar_epi8(index, x), shift);
    }
  }

  static Lifting lifting(const Lift& lift) {
    return {_mm512_set1_epi64(static_cast<long long>(lift.threshold)),
            _mm512_set1_epi64(static_cast<long long>(lift.addend)), lift.flips};
  }

  template <uint32_t kMode>
  static Vec lift(Vec x, const Lifting& lifting, size_t position) {
    if constexpr (kMode == Lift::centred) {
      const __mmask8 above = _mm512_cmpgt_epu64_mask(x, lifting.threshold);
      return _mm512_mask_add_epi64(x, above, x, lifting.addend);
    } else if constexpr (kMode == Lift::signs) {
      const __mmask8 flip = _mm512_mask_test_epi64_mask(lifting.flips[position / 8], x, x);
      return _mm512_mask_add_epi64(x, flip, x, lifting.addend);
    }
    return x;
  }

  // Sums are offset once so that the differences of all later stages stay positive; with wide
  // primes they are kept below 4q instead.
  template <bool kWide>
  static Vec enter(Vec x, const Field& field) {
    if constexpr (kWide) {
      x = correct(x, _mm512_slli_epi64(field.q2, 2));
      return correct(x, _mm512_slli_epi64(field.q2, 1));
    }
    return _mm512_add_epi64(x, field.offset);
  }

  template <bool kWide>
  static void butterfly(Vec& x, Vec& y, const Factor& f, const Field& field) {
    Vec base = x;
    if constexpr (kWide) base = _mm512_add_epi64(correct(base, field.q2), field.q);
    const Vec quotient = low(zero(), y, f.w2);
    const Vec sum = high(base, y, f.w);
    const Vec minus = high(zero(), quotient, field.q);
    x = _mm512_sub_epi64(sum, minus);
    y = _mm512_sub_epi64(_mm512_add_epi64(base, base), x);
  }

  template <bool kWide>
  static void sum_difference(Vec& x, Vec& y, const Field& field) {
    const Vec base = _mm512_add_epi64(x, kWide ? field.q : field.offset);
    x = _mm512_add_epi64(base, y);
    y = _mm512_sub_epi64(base, y);
  }

  static Vec multiply_from(Vec base, Vec x, const Factor& f, const Field& field) {
    const Vec quotient = low(zero(), x, f.w2);
    return _mm512_sub_epi64(high(base, x, f.w), high(zero(), quotient, field.q));
  }
  static Vec multiply_lazy(Vec x, const Factor& f, const Field& field) {
    return multiply_from(zero(), x, f, field);
  }
  // with room for the differences that follow
  template <bool kWide>
  static Vec multiply_offset(Vec x, const Factor& f, const Field& field) {
    return multiply_from(kWide ? field.q2 : field.offset, x, f, field);
  }

  static Vec multiply_canonical(Vec x, const Factor& f, const Field& field) {
    return correct(multiply_from(field.q, x, f, field), field.q);
  }

  static Vec add(Vec x, Vec y, const Field& field) {
    return correct(_mm512_add_epi64(x, y), field.q);
  }
  static Vec add_lazy(Vec x, Vec y) { return _mm512_add_epi64(x, y); }
  static Vec difference_lazy(Vec x, Vec y) { return _mm512_sub_epi64(x, y); }
  static Vec subtract_lazy(Vec x, Vec a, const Field& field) {
    return _mm512_add_epi64(correct(x, field.q2), _mm512_sub_epi64(field.q, a));
  }
  static Vec permute(Vec x, const uint64_t* lanes) {
    return _mm512_permutexvar_epi64(load(lanes), x);
  }

  static void transpose(Vec (&x)[8]) {
    const Vec a0 = _mm512_unpacklo_epi64(x[0], x[1]), a1 = _mm512_unpackhi_epi64(x[0], x[1]);
    const Vec a2 = _mm512_unpacklo_epi64(x[2], x[3]), a3 = _mm512_unpackhi_epi64(x[2], x[3]);
    const Vec a4 = _mm512_unpacklo_epi64(x[4], x[5]), a5 = _mm512_unpackhi_epi64(x[4], x[5]);
    const Vec a6 = _mm512_unpacklo_epi64(x[6], x[7]), a7 = _mm512_unpackhi_epi64(x[6], x[7]);
    // 128-bit pieces: a0 = rows 0,1 of columns 0,2,4,6; a1 = of columns 1,3,5,7
    const Vec b0 = _mm512_shuffle_i64x2(a0, a2, 0x88), b1 = _mm512_shuffle_i64x2(a0, a2, 0xdd);
    const Vec b2 = _mm512_shuffle_i64x2(a1, a3, 0x88), b3 = _mm512_shuffle_i64x2(a1, a3, 0xdd);
    const Vec b4 = _mm512_shuffle_i64x2(a4, a6, 0x88), b5 = _mm512_shuffle_i64x2(a4, a6, 0xdd);
    const Vec b6 = _mm512_shuffle_i64x2(a5, a7, 0x88), b7 = _mm512_shuffle_i64x2(a5, a7, 0xdd);
    // b0 = (rows 01 of col 0, of col 4, rows 23 of col 0, of col 4); b1: columns 2 and 6
    x[0] = _mm512_shuffle_i64x2(b0, b4, 0x88);
    x[4] = _mm512_shuffle_i64x2(b0, b4, 0xdd);
    x[2] = _mm512_shuffle_i64x2(b1, b5, 0x88);
    x[6] = _mm512_shuffle_i64x2(b1, b5, 0xdd);
    x[1] = _mm512_shuffle_i64x2(b2, b6, 0x88);
    x[5] = _mm512_shuffle_i64x2(b2, b6, 0xdd);
    x[3] = _mm512_shuffle_i64x2(b3, b7, 0x88);
    x[7] = _mm512_shuffle_i64x2(b3, b7, 0xdd);
  }
};

}  // namespace

const Kernels& ifma_kernels() {
  static constexpr Kernels table = make_kernels<IfmaLanes>(Path::ifma, "ifma");
  return table;
}

}  // namespace safelight
