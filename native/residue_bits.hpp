// Residues packed to their prime's bits, as the wire format carries them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace safelight {

// A little-endian bit stream: residue i is bits [i·bits, (i + 1)·bits). 1 ≤ bits ≤ 56.
inline size_t packed_size(unsigned bits, size_t count) { return (bits * count + 7) / 8; }
void pack_bits(uint8_t* dst, const uint64_t* src, unsigned bits, size_t count);
// False if a residue is at or above `prime` or a padding bit is set. Reads packed_size bytes.
bool unpack_bits(uint64_t* dst, const uint8_t* src, unsigned bits, size_t count, uint64_t prime);

}  // namespace safelight
