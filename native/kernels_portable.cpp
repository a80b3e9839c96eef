// The portable path: one 64-bit residue a lane, 128-bit products.
//
// Primes have at most 50 bits, so a word holds 2^14 multiples of a prime and no butterfly needs a
// correction.
#include <cstring>

#include "kernel_table.hpp"

namespace safelight {
namespace {

using Wide = unsigned __int128;

inline uint64_t multiply_high(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>((static_cast<Wide>(a) * b) >> 64);
}

struct PortableLanes {
  static constexpr unsigned log_width = 0;
  static constexpr unsigned max_log = 2;
  static constexpr size_t tail_blocks = 1;
  static constexpr size_t unroll = 1;
  static constexpr uint32_t fold_terms = 0;
  using Vec = uint64_t;
  using Factor = Constant;

  struct Field {
    explicit Field(const Modulus& m) : q(m.q), q_inverse(m.q_inverse), offset(2 * m.log_n * m.q) {}
    uint64_t q, q_inverse, offset;
  };

  struct Lifting {
    uint64_t threshold, addend;
    const uint8_t* flips;
  };

  // Adds y·x to a 128-bit sum; `reduce` divides it by 2^64 (Montgomery).
  struct Sum {
    Wide value;
    void start(const Field&) { value = 0; }
    void add(Vec x, Vec y, const Field&) { value += static_cast<Wide>(x) * y; }
    void fold(const Field&) {}
    Vec reduce(uint32_t steps, const Field& field) const {
      const uint64_t quotient = static_cast<uint64_t>(value) * field.q_inverse;
      uint64_t r = static_cast<uint64_t>(value >> 64) + field.q - multiply_high(quotient, field.q);
      while (steps-- > 0) {
        const uint64_t multiple = field.q << steps;
        if (r >= multiple) r -= multiple;
      }
      return r;
    }
  };

  static Vec load(const uint64_t* p) { return *p; }
  static void store(uint64_t* p, Vec x) { *p = x; }
  static Vec load_integers(const uint64_t* p) { return *p; }
  static void store_integers(uint64_t* p, Vec x) { *p = x; }
  static Vec load_signed(const int32_t* p, const Field& field) {
    const auto x = static_cast<int64_t>(*p);
    return static_cast<uint64_t>(x) + (x < 0 ? field.q : 0);
  }
  static constexpr bool packs_vectors = false;
  static Factor broadcast(const Constant& c) { return c; }
  static Factor factor(const uint64_t* w, const uint64_t* w2, const Field&) { return {*w, *w2}; }
  static Vec broadcast_operand(uint64_t value) { return value; }

  static constexpr uint32_t wide_operand_bits = 64;

  template <uint32_t kBits>
  static Vec load_operand(const uint8_t* p) {
    uint64_t x;
    std::memcpy(&x, p, 8);  // little-endian
    return kBits == 48 ? x & 0xffffffffffff : x;
  }

  static Lifting lifting(const Lift& lift) { return {lift.threshold, lift.addend, lift.flips}; }

  template <uint32_t kMode>
  static Vec lift(Vec x, const Lifting& lifting, size_t position) {
    if constexpr (kMode == Lift::centred) {
      return x + (x > lifting.threshold ? lifting.addend : 0);
    } else if constexpr (kMode == Lift::signs) {
      const bool flip = (lifting.flips[position / 8] >> (position % 8)) & 1;
      return x + (flip && x != 0 ? lifting.addend : 0);
    }
    return x;
  }

  template <bool>
  static Vec enter(Vec x, const Field& field) {
    return x + field.offset;
  }

  // Shoup's product, below 2q for any x.
  static Vec multiply_lazy(Vec x, Factor f, const Field& field) {
    return x * f.w - multiply_high(x, f.w2) * field.q;
  }

  template <bool>
  static Vec multiply_offset(Vec x, Factor f, const Field& field) {
    return field.offset + multiply_lazy(x, f, field);
  }

  template <bool>
  static void butterfly(Vec& x, Vec& y, Factor f, const Field& field) {
    const Vec product = multiply_lazy(y, f, field);
    y = x - product;
    x += product;
  }

  template <bool>
  static void sum_difference(Vec& x, Vec& y, const Field& field) {
    const Vec base = x + field.offset;
    x = base + y;
    y = base - y;
  }

  static Vec multiply_canonical(Vec x, Factor f, const Field& field) {
    const Vec r = multiply_lazy(x, f, field);
    return r >= field.q ? r - field.q : r;
  }

  static Vec add(Vec x, Vec y, const Field& field) {
    const Vec r = x + y;
    return r >= field.q ? r - field.q : r;
  }
  static Vec add_lazy(Vec x, Vec y) { return x + y; }
  static Vec difference_lazy(Vec x, Vec y) { return x - y; }
  static Vec subtract_lazy(Vec x, Vec a, const Field& field) { return x + field.q - a; }
  static Vec permute(Vec x, const uint64_t*) { return x; }
  static void transpose(Vec (&)[4]) {}
};

}  // namespace

const Kernels& portable_kernels() {
  static constexpr Kernels table = make_kernels<PortableLanes>(Path::portable, "portable");
  return table;
}

}  // namespace safelight
