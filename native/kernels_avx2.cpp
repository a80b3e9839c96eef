// The AVX2 path: four residues a vector as doubles, multiplied without error by fused
// multiply-add. Sums are signed and centred, so butterflies need no correction below 2^47.
#include <immintrin.h>

#include "kernel_table.hpp"

namespace safelight {
namespace {

struct Avx2Lanes {
  static constexpr unsigned log_width = 2;
  static constexpr unsigned max_log = 2;
  static constexpr size_t tail_blocks = 2;
  static constexpr size_t unroll = 2;
  static constexpr uint32_t fold_terms = 4;  // sums stay exact below 2^53
  using Vec = __m256d;

  struct Factor {
    Vec w, w2;
  };

  struct Field {
    explicit Field(const Modulus& m)
        : q(_mm256_set1_pd(m.q_double)), reciprocal(_mm256_set1_pd(m.q_reciprocal)) {}
    Vec q, reciprocal;
  };

  struct Lifting {
    Vec threshold, addend;
    const uint8_t* flips;
  };

  static Vec round(Vec x) {
    return _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Vec centre(Vec x, const Field& field) {
    return _mm256_fnmadd_pd(round(_mm256_mul_pd(x, field.reciprocal)), field.q, x);
  }

  struct Sum {
    Vec value;
    void start(const Field&) { value = _mm256_setzero_pd(); }
    void add(Vec x, Vec y, const Field& field) {
      const Vec product = _mm256_mul_pd(x, y);
      const Vec error = _mm256_fmsub_pd(x, y, product);
      const Vec quotient = round(_mm256_mul_pd(product, field.reciprocal));
      const Vec rest = _mm256_fnmadd_pd(quotient, field.q, product);
      value = _mm256_add_pd(value, _mm256_add_pd(rest, error));
    }
    void fold(const Field& field) { value = centre(value, field); }
    Vec reduce(uint32_t, const Field& field) const { return centre(value, field); }
  };

  static Vec load(const uint64_t* p) {
    return _mm256_castsi256_pd(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static void store(uint64_t* p, Vec x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_castpd_si256(x));
  }
  // An integer below 2^52 under the exponent of 2^52 is 2^52 plus that integer.
  static Vec from_integers(__m256i x) {
    const Vec base = _mm256_set1_pd(0x1p52);
    return _mm256_sub_pd(_mm256_or_pd(_mm256_castsi256_pd(x), base), base);
  }
  static Vec load_integers(const uint64_t* p) {
    return from_integers(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static void store_integers(uint64_t* p, Vec x) {
    const Vec base = _mm256_set1_pd(0x1p52);
    store(p, _mm256_xor_pd(_mm256_add_pd(x, base), base));
  }
  static Vec load_signed(const int32_t* p, const Field&) {
    return _mm256_cvtepi32_pd(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static constexpr bool packs_vectors = false;
  static Factor broadcast(const Constant& c) {
    return {_mm256_castsi256_pd(_mm256_set1_epi64x(static_cast<long long>(c.w))),
            _mm256_castsi256_pd(_mm256_set1_epi64x(static_cast<long long>(c.w2)))};
  }
  // The second word is cheaper to compute than to bring in.
  static Factor factor(const uint64_t* w, const uint64_t*, const Field& field) {
    const Vec loaded = load(w);
    return {loaded, _mm256_mul_pd(loaded, field.reciprocal)};
  }
  static Vec broadcast_operand(uint64_t value) {
    return _mm256_set1_pd(static_cast<double>(value));
  }

  static constexpr uint32_t wide_operand_bits = 52;

  template <uint32_t kBits>
  static Vec load_operand(const uint8_t* p) {
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + kBits / 4));
    const __m256i both = _mm256_set_m128i(second, first);
    if constexpr (kBits == 48) {
      const __m256i spread =
          _mm256_set_epi8(-1, -1, 11, 10, 9, 8, 7, 6, -1, -1, 5, 4, 3, 2, 1, 0,  //
                          -1, -1, 11, 10, 9, 8, 7, 6, -1, -1, 5, 4, 3, 2, 1, 0);
      return from_integers(_mm256_shuffle_epi8(both, spread));
    } else {
      static_assert(kBits == 52);
      const __m256i spread =  // odd lanes start at half a byte
          _mm256_set_epi8(-1, 12, 11, 10, 9, 8, 7, 6, -1, 6, 5, 4, 3, 2, 1, 0,  //
                          -1, 12, 11, 10, 9, 8, 7, 6, -1, 6, 5, 4, 3, 2, 1, 0);
      const __m256i shifted =
          _mm256_srlv_epi64(_mm256_shuffle_epi8(both, spread), _mm256_set_epi64x(4, 0, 4, 0));
      return from_integers(_mm256_and_si256(shifted, _mm256_set1_epi64x((int64_t{1} << 52) - 1)));
    }
  }

  static Lifting lifting(const Lift& lift) {
    return {_mm256_castsi256_pd(_mm256_set1_epi64x(static_cast<long long>(lift.threshold))),
            _mm256_castsi256_pd(_mm256_set1_epi64x(static_cast<long long>(lift.addend))),
            lift.flips};
  }

  template <uint32_t kMode>
  static Vec lift(Vec x, const Lifting& lifting, size_t position) {
    if constexpr (kMode == Lift::centred) {
      const Vec above = _mm256_cmp_pd(x, lifting.threshold, _CMP_GT_OQ);
      return _mm256_add_pd(x, _mm256_and_pd(above, lifting.addend));
    } else if constexpr (kMode == Lift::signs) {
      const auto bits = static_cast<long long>(lifting.flips[position / 8] >> (position % 8));
      const __m256i bit = _mm256_set_epi64x(8, 4, 2, 1);
      const __m256i chosen =
          _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(bits), bit), bit);
      const Vec nonzero = _mm256_cmp_pd(x, _mm256_setzero_pd(), _CMP_NEQ_OQ);
      const Vec flip = _mm256_and_pd(_mm256_castsi256_pd(chosen), nonzero);
      return _mm256_add_pd(x, _mm256_and_pd(flip, lifting.addend));
    }
    return x;
  }

  template <bool kWide>
  static Vec enter(Vec x, const Field&) {
    return x;  // wide butterflies centre their sums themselves
  }

  // Within ±q/2 and a little for |x| up to 2^51.
  static Vec multiply_lazy(Vec x, const Factor& f, const Field& field) {
    const Vec product = _mm256_mul_pd(x, f.w);
    const Vec error = _mm256_fmsub_pd(x, f.w, product);
    const Vec quotient = round(_mm256_mul_pd(x, f.w2));
    return _mm256_add_pd(_mm256_fnmadd_pd(quotient, field.q, product), error);
  }

  template <bool>
  static Vec multiply_offset(Vec x, const Factor& f, const Field& field) {
    return multiply_lazy(x, f, field);
  }

  template <bool kWide>
  static void butterfly(Vec& x, Vec& y, const Factor& f, const Field& field) {
    const Vec base = kWide ? centre(x, field) : x;
    const Vec product = multiply_lazy(y, f, field);
    x = _mm256_add_pd(base, product);
    y = _mm256_sub_pd(base, product);
  }

  template <bool kWide>
  static void sum_difference(Vec& x, Vec& y, const Field&) {
    const Vec base = x;
    x = _mm256_add_pd(base, y);
    y = _mm256_sub_pd(base, y);
  }

  static Vec multiply_canonical(Vec x, const Factor& f, const Field& field) {
    const Vec zero = _mm256_setzero_pd();
    Vec r = multiply_lazy(x, f, field);
    r = _mm256_add_pd(r, _mm256_and_pd(_mm256_cmp_pd(r, zero, _CMP_LT_OQ), field.q));
    return _mm256_sub_pd(r, _mm256_and_pd(_mm256_cmp_pd(r, field.q, _CMP_GE_OQ), field.q));
  }

  static Vec add(Vec x, Vec y, const Field& field) { return centre(_mm256_add_pd(x, y), field); }
  static Vec add_lazy(Vec x, Vec y) { return _mm256_add_pd(x, y); }
  static Vec difference_lazy(Vec x, Vec y) { return _mm256_sub_pd(x, y); }
  static Vec subtract_lazy(Vec x, Vec a, const Field& field) {
    return _mm256_sub_pd(centre(x, field), a);
  }
  static Vec permute(Vec x, const uint64_t* lanes) {
    const __m256i index = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lanes));
    return _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(x), index));
  }

  static void transpose(Vec (&x)[4]) {
    const Vec a0 = _mm256_unpacklo_pd(x[0], x[1]), a1 = _mm256_unpackhi_pd(x[0], x[1]);
    const Vec a2 = _mm256_unpacklo_pd(x[2], x[3]), a3 = _mm256_unpackhi_pd(x[2], x[3]);
    x[0] = _mm256_permute2f128_pd(a0, a2, 0x20);
    x[1] = _mm256_permute2f128_pd(a1, a3, 0x20);
    x[2] = _mm256_permute2f128_pd(a0, a2, 0x31);
    x[3] = _mm256_permute2f128_pd(a1, a3, 0x31);
  }
};

}  // namespace

const Kernels& avx2_kernels() {
  static constexpr Kernels table = make_kernels<Avx2Lanes>(Path::avx2, "avx2");
  return table;
}

}  // namespace safelight
