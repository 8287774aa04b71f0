// What the machine can do at most, for bench_peak.py: multiply-adds in registers, and copying of memory.
#include <cstring>
#include <thread>
#include <vector>
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif
typedef float Vector __attribute__((vector_size(BYTES)));
constexpr int CHAINS = 12;  // independent sums: enough to hide the latency of two units, and they fit into 16 registers

volatile float sink;  // what is written here cannot be left out

template <class Work>
void side_by_side(int threads, Work work) {
  std::vector<std::thread> others;
  for (int k = 1; k < threads; ++k) others.emplace_back([=] { work(k); });
  work(0);
  for (auto& other : others) other.join();
}

void multiply_add(long rounds, float a, float b) {
  Vector sum[CHAINS];
  for (int k = 0; k < CHAINS; ++k) sum[k] = Vector{} + static_cast<float>(k);
  const Vector factor = Vector{} + a, shift = Vector{} + b;
  for (long n = 0; n < rounds; ++n)
    for (int k = 0; k < CHAINS; ++k) sum[k] = sum[k] * factor + shift;
  Vector all = sum[0];
  for (int k = 1; k < CHAINS; ++k) all += sum[k];
  sink = all[0];
}

}  // namespace

extern "C" {

// Operations in so many rounds of float32 multiply-adds on each thread, an addition and a multiplication as two.
double peak_float32(int threads, long rounds) {
  side_by_side(threads, [=](int) { multiply_add(rounds, 0.999f, 0.001f); });
  return 2.0 * threads * rounds * CHAINS * (BYTES / sizeof(float));
}

// The same with bf16 factors and float32 sums; 0 where the processor has no such instruction.
double peak_bf16(int threads, long rounds) {
#if defined(__AVX512BF16__)
  side_by_side(threads, [=](int) {
    __m512 sum[CHAINS];
    for (auto& one : sum) one = _mm512_setzero_ps();
    volatile short bits = 0x3f80;
    const __m512bh factor = (__m512bh)_mm512_set1_epi16(bits);
    for (long n = 0; n < rounds; ++n)
      for (auto& one : sum) one = _mm512_dpbf16_ps(one, factor, factor);
    __m512 all = sum[0];
    for (int k = 1; k < CHAINS; ++k) all = _mm512_add_ps(all, sum[k]);
    sink = all[0];
  });
  return 2.0 * threads * rounds * CHAINS * 32;
#else
  return 0;
#endif
}

// Copies `bytes`, split over the threads, into memory that has been written before.
void copy(int threads, char* to, const char* from, long bytes) {
  side_by_side(threads, [=](int k) {
    const long first = bytes * k / threads, last = bytes * (k + 1) / threads;
    std::memcpy(to + first, from + first, last - first);
  });
}
}
