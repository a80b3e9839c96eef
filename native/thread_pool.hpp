// One set of threads for the whole process.
//
// At most `threads` threads compute at any time, however many requests run: a request first takes
// its place (`Admission`), and helpers join a parallel loop only while places are free. Waiting is
// passive where no request runs, and after a short spin, so that idle helpers do not slow others.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

namespace safelight {

void set_threads(unsigned count);  // at least 1; waits for nothing
unsigned threads();

// Holds one of the process's places for the calling thread. Where it `brings_loops`, helpers wake
// at once and stay awake between them.
class Admission {
 public:
  explicit Admission(bool brings_loops = true);
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;
};

// While it lives, loops of the calling thread run on that thread alone.
class Alone {
 public:
  Alone();
  ~Alone();
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

 private:
  bool before_;
};

namespace detail {
void parallel_for(size_t count, void (*body)(void*, size_t), void* context);
}

// Calls body(0) … body(count − 1), each once, in any order and on several threads.
// The first exception is rethrown when all have ended. Inside another loop's task it is a plain
// loop.
template <class Body>
void parallel_for(size_t count, Body&& body) {
  detail::parallel_for(
      count,
      [](void* context, size_t i) { (*static_cast<std::remove_reference_t<Body>*>(context))(i); },
      const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

// The same where each index is a sizeable piece of work with loops inside: as many as the threads
// can share evenly run whole, one a thread, so that threads seldom meet; the rest one after the
// other, their inner loops shared.
template <class Body>
void parallel_rows(size_t count, Body&& body) {
  const size_t whole = count - count % threads();
  parallel_for(whole, body);
  for (size_t i = whole; i < count; ++i) body(i);
}

}  // namespace safelight
