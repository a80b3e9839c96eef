#include "thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__linux__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace safelight {

namespace {

// Longer than the time between two parallel loops of one program.
constexpr auto kSpin = std::chrono::microseconds(400);

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// The caller takes indices from the front and helpers from the back, so that the same rows meet
// the same thread in one loop after the other: what it wrote is still in its own cache.
struct Loop {
  Loop(size_t count, void (*body)(void*, size_t), void* context)
      : body(body), context(context), left(static_cast<uint64_t>(count)) {}

  // Takes an index, or none; `last` says that nothing is left.
  bool take(bool from_front, size_t& index, bool& last) {
    uint64_t range = left.load(std::memory_order_relaxed);
    for (;;) {
      const uint64_t front = range >> 32, back = range & 0xffffffff;
      if (front == back) return false;
      const uint64_t rest = from_front ? range + (uint64_t{1} << 32) : range - 1;
      if (left.compare_exchange_weak(range, rest, std::memory_order_relaxed)) {
        index = from_front ? front : back - 1;
        last = front + 1 == back;
        return true;
      }
    }
  }

  bool open() const {
    const uint64_t range = left.load(std::memory_order_relaxed);
    return range >> 32 != (range & 0xffffffff);
  }

  void (*body)(void*, size_t);
  void* context;
  std::atomic<uint64_t> left;  // first index, and the one after the last
  std::atomic<unsigned> helpers{0};
  std::exception_ptr error;  // guarded by the pool's mutex
};

class Pool {
 public:
  void set_threads(unsigned count) {
    const std::lock_guard lock(mutex_);
    limit_.store(std::max(1U, count));
    while (workers_ + 1 < limit_.load()) {
      std::thread([this] { work(); }).detach();
      ++workers_;
    }
    place_.notify_all();
  }

  static bool& inside() { return inside_; }

  unsigned threads() const { return limit_.load(std::memory_order_relaxed); }

  void enter(bool brings_loops) {
    std::unique_lock lock(mutex_);
    const uint64_t ticket = next_ticket_++;
    ++waiting_;
    place_.wait(lock, [&] { return ticket == served_ && active_ < limit_.load(); });
    --waiting_;
    ++served_;
    ++active_;
    requests_.fetch_add(1);
    place_.notify_all();
    if (brings_loops && sleeping_ > 0 && active_ < limit_.load()) work_.notify_all();
  }

  void leave() {
    const std::lock_guard lock(mutex_);
    --active_;
    requests_.fetch_sub(1);
    place_.notify_all();
    if (sleeping_ > 0 && !loops_.empty()) work_.notify_all();
  }

  void run(size_t count, void (*body)(void*, size_t), void* context) {
    if (count <= 1 || threads() == 1 || inside_) {
      for (size_t i = 0; i < count; ++i) body(context, i);
      return;
    }
    Loop loop(count, body, context);
    {
      const std::lock_guard lock(mutex_);
      loops_.push_back(&loop);
      open_.fetch_add(1);
      if (sleeping_ > 0) work_.notify_all();
    }
    drain(loop, true);
    {
      const std::lock_guard lock(mutex_);
      loops_.erase(std::find(loops_.begin(), loops_.end(), &loop));
    }
    // Every index is taken; helpers finish the one they hold.
    for (unsigned spins = 0; loop.helpers.load(std::memory_order_acquire) != 0; ++spins) {
      if (spins < 4096) {
        relax();
      } else {
        std::this_thread::yield();
      }
    }
    if (loop.error) std::rethrow_exception(loop.error);
  }

 private:
  void drain(Loop& loop, bool from_front) {
    const Inside inside;
    size_t i = 0;
    for (bool last = false; loop.take(from_front, i, last);) {
      if (last) open_.fetch_sub(1);
      try {
        loop.body(loop.context, i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!loop.error) loop.error = std::current_exception();
      }
    }
  }

  // Loops inside a task run on the task's own thread.
  static thread_local bool inside_;
  struct Inside {
    Inside() { inside_ = true; }
    ~Inside() { inside_ = false; }
  };

  // A loop with work left, if there is a place to help it from. The mutex is held.
  Loop* joinable() {
    if (active_ >= limit_.load() || waiting_ > 0) return nullptr;  // requests come first
    for (Loop* loop : loops_) {
      if (loop->open()) return loop;
    }
    return nullptr;
  }

  // A loop that this worker has joined; waits for one, awake while a request may bring it.
  Loop* next_loop() {
    for (;;) {
      const auto until = std::chrono::steady_clock::now() + kSpin;
      do {
        for (int i = 0; i < 32; ++i) {
          if (open_.load(std::memory_order_relaxed) != 0) {
            const std::lock_guard lock(mutex_);
            if (Loop* loop = joinable()) return join(loop);
          }
          relax();
        }
      } while (requests_.load(std::memory_order_relaxed) != 0 &&
               std::chrono::steady_clock::now() < until);
      std::unique_lock lock(mutex_);
      if (Loop* loop = joinable()) return join(loop);
      ++sleeping_;
      work_.wait(lock);  // whatever wakes it, it looks again
      --sleeping_;
    }
  }

  Loop* join(Loop* loop) {  // the mutex is held
    ++active_;
    loop->helpers.fetch_add(1);
    return loop;
  }

  void work() {
    for (;;) {
      Loop* loop = next_loop();
      drain(*loop, false);
      loop->helpers.fetch_sub(1, std::memory_order_release);
      const std::lock_guard lock(mutex_);
      --active_;
      if (waiting_ > 0) place_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable work_;   // there may be a loop to help
  std::condition_variable place_;  // there may be a place for a request
  std::deque<Loop*> loops_;
  std::atomic<unsigned> limit_{1};
  std::atomic<unsigned> open_{0};      // loops with indices left to take
  std::atomic<unsigned> requests_{0};  // that have their place
  unsigned workers_ = 0;
  unsigned sleeping_ = 0;
  unsigned active_ = 0;
  unsigned waiting_ = 0;
  uint64_t next_ticket_ = 0;
  uint64_t served_ = 0;
};

thread_local bool Pool::inside_ = false;

// Workers run until the process ends, so the pool is never destroyed. A forked child has no
// workers: it gets a pool of its own, with one thread until it asks for more.
std::atomic<Pool*> current{nullptr};

Pool& pool() {
  Pool* found = current.load(std::memory_order_acquire);
  if (found == nullptr) {
    auto* made = new Pool;
    if (current.compare_exchange_strong(found, made)) {
#if defined(__linux__) || defined(__APPLE__)
      static std::once_flag once;
      std::call_once(once,
                     [] { pthread_atfork(nullptr, nullptr, [] { current.store(nullptr); }); });
#endif
      return *made;
    }
    delete made;
  }
  return *found;
}

}  // namespace

void set_threads(unsigned count) { pool().set_threads(count); }
unsigned threads() { return pool().threads(); }

Alone::Alone() : before_(Pool::inside()) { Pool::inside() = true; }
Alone::~Alone() { Pool::inside() = before_; }

Admission::Admission(bool brings_loops) { pool().enter(brings_loops); }
Admission::~Admission() { pool().leave(); }

namespace detail {
void parallel_for(size_t count, void (*body)(void*, size_t), void* context) {
  pool().run(count, body, context);
}
}  // namespace detail

}  // namespace safelight
