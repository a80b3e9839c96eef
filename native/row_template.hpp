// Operations on whole rows over the lanes L of one arithmetic path.
#pragma once

#include <cstring>

#include "kernels.hpp"

namespace safelight {

template <class L>
struct Rows {
  using Vec = typename L::Vec;
  using Factor = typename L::Factor;
  using Field = typename L::Field;
  static constexpr size_t W = size_t{1} << L::log_width;

  static void export_row(uint64_t* dst, const uint64_t* src, size_t n, const Modulus& m) {
    const Field field(m);
    const Factor one = L::broadcast(m.one);
    for (size_t v = 0; v < n; v += W) {
      L::store_integers(dst + v, L::multiply_canonical(L::load(src + v), one, field));
    }
  }

  static void import_row(uint64_t* dst, const uint64_t* src, size_t n) {
    for (size_t v = 0; v < n; v += W) L::store(dst + v, L::load_integers(src + v));
  }

  static void copy_strided(uint64_t* dst, size_t dst_stride, const uint64_t* src, size_t n) {
    for (size_t v = 0; v < n; v += W) L::store(dst + v * dst_stride, L::load(src + v));
  }

  static void add(uint64_t* dst, const uint64_t* a, const uint64_t* b, size_t n, const Modulus& m) {
    const Field field(m);
    for (size_t v = 0; v < n; v += W) {
      L::store(dst + v, L::add(L::load(a + v), L::load(b + v), field));
    }
  }

  template <uint32_t kMode>
  static void subtract_scale_mode(uint64_t* dst, const uint64_t* a, const uint64_t* x,
                                  const Lift& lift, const Constant& negated_c, size_t n,
                                  const Modulus& m) {
    const Field field(m);
    const Factor factor = L::broadcast(negated_c);
    const auto lifting = L::lifting(lift);
    for (size_t v = 0; v < n; v += W) {
      const Vec lifted = L::template lift<kMode>(L::load(x + v), lifting, v);
      const Vec difference = L::subtract_lazy(lifted, L::load(a + v), field);
      L::store(dst + v, L::multiply_canonical(difference, factor, field));
    }
  }

  static void subtract_scale(uint64_t* dst, const uint64_t* a, const uint64_t* x, const Lift& lift,
                             const Constant& negated_c, size_t n, const Modulus& m) {
    if (lift.mode == Lift::raw) {
      subtract_scale_mode<Lift::raw>(dst, a, x, lift, negated_c, n, m);
    } else {
      subtract_scale_mode<Lift::centred>(dst, a, x, lift, negated_c, n, m);
    }
  }

  // Both are centred.
  static void combine(uint64_t* dst, const uint64_t* x, const Lift& lift_x, const uint64_t* y,
                      const Lift& lift_y, const Constant& c, size_t n, const Modulus& m) {
    const Field field(m);
    const Factor factor = L::broadcast(c);
    const auto lifting_x = L::lifting(lift_x);
    const auto lifting_y = L::lifting(lift_y);
    for (size_t v = 0; v < n; v += W) {
      const Vec first = L::template lift<Lift::centred>(L::load(x + v), lifting_x, v);
      const Vec second = L::template lift<Lift::centred>(L::load(y + v), lifting_y, v);
      L::store(dst + v, L::add_lazy(first, L::multiply_canonical(second, factor, field)));
    }
  }

  static void permute(uint64_t* dst, const uint64_t* src, size_t n, const GaloisMap& map) {
    for (size_t v = 0; v < n; v += W) {
      const uint32_t block = map.blocks[v / W];
      const Vec x = L::load(src + (block & ~uint32_t{W - 1}));
      L::store(dst + v, L::permute(x, map.lanes + (block & (W - 1)) * W));
    }
  }

  static void tensor(uint64_t* d0, uint64_t* d1, uint64_t* d2, const uint64_t* a0,
                     const uint64_t* a1, const uint64_t* b0, const uint64_t* b1, size_t n,
                     const Modulus& m) {
    const Field field(m);
    const Factor back = L::broadcast(m.to_operand);
    for (size_t v = 0; v < n; v += W) {
      const Vec x0 = L::load(a0 + v), x1 = L::load(a1 + v);
      const Vec y0 = L::load(b0 + v), y1 = L::load(b1 + v);
      typename L::Sum s0, s1, s2;
      s0.start(field);
      s1.start(field);
      s2.start(field);
      s0.add(x0, y0, field);
      s1.add(x0, y1, field);
      s1.add(x1, y0, field);
      s2.add(x1, y1, field);
      L::store(d0 + v, L::multiply_canonical(s0.reduce(1, field), back, field));
      L::store(d1 + v, L::multiply_canonical(s1.reduce(1, field), back, field));
      L::store(d2 + v, L::multiply_canonical(s2.reduce(1, field), back, field));
    }
  }

  static void scale(uint64_t* dst, const uint64_t* src, const Constant& c, const uint64_t* addend,
                    size_t n, const Modulus& m) {
    const Field field(m);
    const Factor factor = L::broadcast(c);
    for (size_t v = 0; v < n; v += W) {
      Vec x = L::multiply_canonical(L::load(src + v), factor, field);
      if (addend != nullptr) x = L::add(x, L::load(addend + v), field);
      L::store(dst + v, x);
    }
  }

  template <uint32_t kBits>
  static void multiply_operand_bits(uint64_t* dst, const uint64_t* src, const uint8_t* operands,
                                    size_t n, const Modulus& m) {
    const Field field(m);
    for (size_t v = 0; v < n; v += W) {
      typename L::Sum sum;
      sum.start(field);
      sum.add(L::load(src + v), L::template load_operand<kBits>(operands + v * kBits / 8), field);
      L::store(dst + v, sum.reduce(1, field));
    }
  }

  static void multiply_operand(uint64_t* dst, const uint64_t* src, const uint8_t* operands,
                               uint32_t operand_bits, size_t n, const Modulus& m) {
    if (operand_bits == 48) {
      multiply_operand_bits<48>(dst, src, operands, n, m);
    } else {
      multiply_operand_bits<L::wide_operand_bits>(dst, src, operands, n, m);
    }
  }

  static uint8_t* place(const OperandLayout& layout, size_t v) {
    return layout.dst + v / kChunk * layout.chunk_stride +
           v % kChunk / kGroup * layout.group_stride + v % kGroup * layout.bits / 8;
  }

  // Packs one vector of integers, lane i from value(i), little-endian.
  template <class Value>
  static void pack(uint8_t* out, uint32_t bits, const Value& value) {
    if (bits == 52) {
      for (size_t lane = 0; lane + 1 < W; lane += 2, out += 13) {
        const uint64_t first = value(lane) | value(lane + 1) << 52, rest = value(lane + 1) >> 12;
        std::memcpy(out, &first, 8);
        std::memcpy(out + 8, &rest, 5);
      }
    } else if (bits == 48) {
      for (size_t lane = 0; lane + 1 < W; ++lane) {  // two bytes of the next one, written next
        const uint64_t operand = value(lane);
        std::memcpy(out + lane * 6, &operand, 8);
      }
      const uint64_t last = value(W - 1);
      std::memcpy(out + (W - 1) * 6, &last, 6);
    } else {
      for (size_t lane = 0; lane < W; ++lane) {
        const uint64_t operand = value(lane);
        std::memcpy(out + lane * 8, &operand, 8);
      }
    }
  }

  static void store_words(const OperandLayout& layout, const uint64_t* src, const Constant& c,
                          size_t n, const Modulus& m) {
    const Field field(m);
    const Factor factor = L::broadcast(c);
    for (size_t v = 0; v < n; v += W) {
      const Vec x = L::multiply_canonical(L::load(src + v), factor, field);
      if constexpr (L::packs_vectors) {
        if (layout.bits == 48) {
          L::store_packed(place(layout, v), x);
          continue;
        }
      }
      uint64_t lanes[W];
      L::store_integers(lanes, x);
      pack(place(layout, v), layout.bits, [&](size_t lane) { return lanes[lane]; });
    }
  }

  static void load_signed(uint64_t* dst, const int32_t* src, size_t n, const Modulus& m) {
    const Field field(m);
    for (size_t v = 0; v < n; v += W) L::store(dst + v, L::load_signed(src + v, field));
  }

  static void store_operands(const OperandLayout& layout, const uint64_t* src, const GaloisMap* map,
                             size_t n, const Modulus& m) {
    const Field field(m);
    const Factor factor = L::broadcast(m.to_operand);
    for (size_t v = 0; v < n; v += W) {
      uint64_t lanes[W];
      L::store_integers(lanes, L::multiply_canonical(L::load_integers(src + v), factor, field));
      const uint8_t* index =
          map == nullptr ? nullptr : map->inverse_index + (map->blocks[v / W] & (W - 1)) * W;
      pack(place(layout, v), layout.bits,
           [&](size_t lane) { return lanes[index == nullptr ? lane : index[lane]]; });
    }
  }
};

}  // namespace safelight
