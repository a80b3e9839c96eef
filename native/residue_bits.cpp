#include "residue_bits.hpp"

#include <cstring>

namespace safelight {

void pack_bits(uint8_t* dst, const uint64_t* src, unsigned bits, size_t count) {
  uint64_t pending = 0;
  unsigned filled = 0;
  for (size_t i = 0; i < count; ++i) {
    pending |= src[i] << filled;
    filled += bits;
    if (filled >= 64) {
      std::memcpy(dst, &pending, 8);
      dst += 8;
      filled -= 64;
      pending = filled == 0 ? 0 : src[i] >> (bits - filled);
    }
  }
  for (; filled > 0; filled = filled > 8 ? filled - 8 : 0) {
    *dst++ = static_cast<uint8_t>(pending);
    pending >>= 8;
  }
}

bool unpack_bits(uint64_t* dst, const uint8_t* src, unsigned bits, size_t count, uint64_t prime) {
  const size_t size = packed_size(bits, count);
  const uint64_t mask = (uint64_t{1} << bits) - 1;
  uint64_t above = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t at = i * bits / 8;
    const unsigned shift = static_cast<unsigned>(i * bits % 8);
    uint64_t word = 0;
    // bits ≤ 56, so that one word holds every residue whatever its shift
    std::memcpy(&word, src + at, size - at < 8 ? size - at : 8);
    dst[i] = (word >> shift) & mask;
    above |= static_cast<uint64_t>(dst[i] >= prime);
  }
  if (bits * count % 8 != 0) above |= src[size - 1] >> (bits * count % 8);
  return above == 0;
}

}  // namespace safelight
