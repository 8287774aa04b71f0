// How the processor rounds while the engine works.
#pragma once

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace recurra {

// While it lives, the processor rounds to nearest, and results too small for a normal number are zero, or, where `exact`, are
// what the standard says: not every machine can flush them.
class Rounding {
 public:
#if defined(__SSE2__)
  explicit Rounding(bool exact) : before_(_mm_getcsr()) { _mm_setcsr(exact ? 0x1f80 : 0x9fc0); }
  ~Rounding() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  explicit Rounding(bool exact) {
    __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
    __asm__ volatile("msr fpcr, %0" : : "r"(exact ? 0ul : 1ul << 24));
  }
  ~Rounding() { __asm__ volatile("msr fpcr, %0" : : "r"(before_)); }

 private:
  unsigned long before_;
#else
  explicit Rounding(bool) {}
#endif
};

}  // namespace recurra
