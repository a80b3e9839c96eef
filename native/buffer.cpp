#include "buffer.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace safelight {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPage = 4096;
constexpr size_t kCacheLine = 64;
// What one program at N = 32768 needs at once, some times over; more goes back to the system.
// AddressSanitizer sees more where nothing is reused or rounded up.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kExact = true;
#else
constexpr bool kExact = false;
#endif
constexpr size_t kStoreLimit = kExact ? 0 : size_t{192} << 20;

struct Store {
  std::mutex mutex;
  std::multimap<size_t, void*> blocks;
  size_t bytes = 0;
};

// Never destroyed: buffers may outlive static destruction.
Store& store() {
  static auto* instance = new Store;
  return *instance;
}

size_t rounded(size_t bytes) {
  if (kExact) return bytes;
  return (bytes + kPage - 1) / kPage * kPage;
}

void* allocate(size_t bytes) {
  const size_t alignment = bytes >= kHugePage ? kHugePage : kCacheLine;
  void* data = nullptr;
  if (posix_memalign(&data, alignment, bytes) != 0) throw std::bad_alloc();
#if defined(__linux__)
  if (bytes >= kHugePage) madvise(data, bytes, MADV_HUGEPAGE);
#endif
  return data;
}

#if defined(__linux__)
// Mapped by itself, so that it goes back whole: freed pieces of the heap stay with the process.
void* map(size_t bytes) {
  const size_t all = bytes + kHugePage;
  void* start = mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) throw std::bad_alloc();
  const auto address = reinterpret_cast<uintptr_t>(start);
  const size_t before = (kHugePage - address % kHugePage) % kHugePage;
  if (before > 0) munmap(start, before);
  void* data = static_cast<uint8_t*>(start) + before;
  munmap(static_cast<uint8_t*>(data) + bytes, all - before - bytes);
  madvise(data, bytes, MADV_HUGEPAGE);
  return data;
}
#endif

bool is_mapped(size_t bytes, bool stays) {
#if defined(__linux__)
  return stays && !kExact && bytes >= kHugePage / 2;
#else
  return false;
#endif
}

}  // namespace

Buffer::Buffer(size_t bytes, bool stays) : size_(rounded(bytes)), stays_(stays) {
#if defined(__linux__)
  if (is_mapped(size_, stays)) {
    data_ = map(size_);
    return;
  }
#endif
  if (!stays) {
    const std::lock_guard lock(store().mutex);
    // A block somewhat too large serves as well: steps of a program want different sizes, one
    // after the other.
    auto found = store().blocks.lower_bound(size_);
    if (found != store().blocks.end() && found->first <= 2 * size_) {
      found = std::prev(store().blocks.upper_bound(found->first));  // the last in: still in cache
      data_ = found->second;
      size_ = found->first;
      store().blocks.erase(found);
      store().bytes -= size_;
      return;
    }
  }
  data_ = allocate(size_);
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
#if defined(__linux__)
  if (is_mapped(size_, stays_)) {
    munmap(data_, size_);
    return;
  }
#endif
  if (!stays_) {
    const std::lock_guard lock(store().mutex);
    if (store().bytes + size_ <= kStoreLimit) {
      try {
        store().blocks.emplace(size_, data_);
        store().bytes += size_;
        return;
      } catch (const std::bad_alloc&) {  // then it is simply freed
      }
    }
  }
  std::free(data_);
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      stays_(other.stays_) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(stays_, other.stays_);
  return *this;
}

size_t Slab::room(size_t bytes) {
  return (bytes + 2 * kCacheLine - 1) / kCacheLine * kCacheLine;
}

uint8_t* Slab::allocate(size_t bytes) {
  const size_t size = room(bytes);
  if (used_ + size > block_.size()) throw std::bad_alloc();
  uint8_t* piece = block_.bytes() + used_;
  used_ += size;
  return piece;
}

uint64_t* thread_scratch(unsigned slot, size_t words) {
  thread_local Buffer scratch[7];
  if (scratch[slot].size() < words * sizeof(uint64_t)) {
    scratch[slot] = Buffer(words * sizeof(uint64_t));
  }
  return scratch[slot].words();
}

size_t stored_bytes() {
  const std::lock_guard lock(store().mutex);
  return store().bytes;
}

}  // namespace safelight
