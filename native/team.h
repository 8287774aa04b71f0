// Several threads on one part: where there are fewer batch rows than threads, they share out each product instead.
//
// One thread leads: it walks the steps and calls `run` for each product. The others serve. A piece of work is claimed by
// whoever is free, so nothing waits for a thread that never came, and its result does not depend on who claimed it.
#pragma once
#include <sched.h>

#include <atomic>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace recurra {

class Team {
 public:
  explicit Team(long size) : size_(size) {}
  long size() const { return size_; }

  // work(i) for every i < count; back when all are done. Of the leader alone.
  template <class Work>
  void run(long count, Work work) {
    if (size_ == 1 || count == 1) {
      for (long i = 0; i < count; ++i) work(i);
      return;
    }
    call_ = [](void* data, long i) { (*static_cast<Work*>(data))(i); };
    data_ = &work;
    left_.store(count, std::memory_order_relaxed);
    state_.store(uint64_t(++round_) << 32 | uint64_t(count) << 16, std::memory_order_release);
    while (claim()) {
    }
    for (long spin = 0; left_.load(std::memory_order_acquire); ++spin) rest(spin);
  }

  void serve() {
    for (long spin = 0; !over_.load(std::memory_order_acquire); ++spin) {
      if (claim())
        spin = 0;
      else
        rest(spin);
    }
  }
  void dismiss() { over_.store(true, std::memory_order_release); }

 private:
  // The round, how many pieces it has and the next one lie in one number, so that a claim can never mix two rounds.
  bool claim() {
    const uint64_t seen = state_.load(std::memory_order_acquire);
    if ((seen & 0xffff) >= (seen >> 16 & 0xffff)) return false;
    const uint64_t mine = state_.fetch_add(1, std::memory_order_acq_rel);
    if ((mine & 0xffff) >= (mine >> 16 & 0xffff)) return false;
    call_(data_, long(mine & 0xffff));  // the round cannot end, nor these change, before this piece is done
    left_.fetch_sub(1, std::memory_order_release);
    return true;
  }
  static void rest(long spin) {
    if (spin > 4000) {  // about ten microseconds: the others may be waiting for this very processor
      sched_yield();
      return;
    }
#if defined(__x86_64__)
    _mm_pause();
#endif
  }

  const long size_;
  uint32_t round_ = 0;
  void (*call_)(void*, long) = nullptr;
  void* data_ = nullptr;
  std::atomic<uint64_t> state_{0};
  std::atomic<long> left_{0};
  std::atomic<bool> over_{false};
};

}  // namespace recurra
