// Aligned memory that is reused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace safelight {

// A block aligned to a cache line (large ones to a huge page). Returned to a process-wide store
// when it goes, which keeps a bounded amount for the next request; or, if it is made to `stay` for
// long, to the system.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t bytes, bool stays = false);
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  uint64_t* words() const { return static_cast<uint64_t*>(data_); }
  uint8_t* bytes() const { return static_cast<uint8_t*>(data_); }
  size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
  bool stays_ = false;
};

// Pieces of one block, freed together: keys and diagonals lie in huge pages that way.
class Slab {
 public:
  Slab() = default;
  explicit Slab(size_t bytes) : block_(bytes, true) {}
  // What a piece takes of a slab.
  static size_t room(size_t bytes);
  // Aligned to a cache line; 64 bytes past it may be read. Throws std::bad_alloc when used up.
  uint8_t* allocate(size_t bytes);
  size_t size() const { return block_.size(); }

 private:
  Buffer block_;
  size_t used_ = 0;
};

// Scratch of the calling thread, at least `words` long; `slot` (0 … 6) tells uses apart.
uint64_t* thread_scratch(unsigned slot, size_t words);

// Bytes that the store keeps for reuse.
size_t stored_bytes();

}  // namespace safelight
