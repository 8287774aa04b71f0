// Matrix times vectors for the engine: c[m] = start[m] + W a[m], W laid out once in panels of eight vectors' rows.
//
// Inside a panel the inner index runs slowest, so that the weights are read front to back, once for each block of vectors a.
// Every sum has one order and one place: element n of c[m] begins with start and takes the products in the order of the inner
// index, whatever the width of the vectors, the number of rows m beside it or the thread.
//
//   Single   float32: each multiply-add rounds once
//   Brain    the weights in bfloat16, widened to float32; else as Single
//   Byte     weights in int8 with a scale for each row, a in int8 with a scale for each vector; whole numbers are summed, exactly,
//            then start + float(sum) * scale of the row * scale of the vector, each step rounded: the same on every machine
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "engine.h"
#include "vector.h"

#if defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace recurra {

constexpr int VECTORS = 8;                 // of a panel
constexpr long L = LANES<float>;
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int WIDE = 4, MOST_ROWS = 6;     // 24 of 32 registers hold sums
#else
constexpr int WIDE = 2, MOST_ROWS = 6;     // 12 of 16
#endif

// a * b + c, rounded once where the processor can.
RECURRA_INLINE Floats fused(Floats a, Floats b, Floats c) {
#if defined(__AVX512F__)
  return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (Floats)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

typedef Bits<float> Ints;

// Some vector's lanes from column v * L on, of which `columns` are there.
RECURRA_INLINE Floats load_from(const float* p, int v, long columns) {
  const long n = columns - v * L;
  if (n >= L) return load(p, Whole{v * L});
  return n > 0 ? load(p, Part{v * L, n}) : Floats{};
}
RECURRA_INLINE void store_to(float* p, int v, long columns, Floats value) {
  const long n = columns - v * L;
  if (n >= L)
    store(p, Whole{v * L}, value);
  else if (n > 0)
    store(p, Part{v * L, n}, value);
}
template <class V>
RECURRA_INLINE V read(const char* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

struct Single {
  typedef const float* Operand;
  typedef Floats Sum;
  static constexpr int STEP = 1;  // of a panel's vectors
  static constexpr long groups(long depth) { return depth; }
  static constexpr long bytes(int vectors) { return vectors * VECTOR_BYTES; }  // of a panel, for one group of the inner index
  static void put(const Matrix& w, long n, long k, char* panel, int vectors, long column) {
    memcpy(panel + k * bytes(vectors) + column * 4, static_cast<const float*>(w.data) + n * w.columns + k, 4);
  }
  static Operand operand(const float* v, long, uint32_t*) { return v; }
  template <int R, int V>
  RECURRA_INLINE static void sum(Sum (*s)[V], const Operand* a, long depth, const char* b, long stride) {
    for (long k = 0; k < depth; ++k, b += stride) {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) {
        const Floats w = read<Floats>(b + v * VECTOR_BYTES);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) s[r][v] = fused(all(a[r][k]), w, s[r][v]);
      }
    }
  }
};

struct Brain {
  typedef const float* Operand;
  typedef Floats Sum;
  static constexpr int STEP = 2;
  static constexpr long groups(long depth) { return depth; }
  static constexpr long bytes(int vectors) { return vectors * VECTOR_BYTES / 2; }
  // Two vectors lie in one: the first in the lower halves of its lanes, the second in the upper ones.
  static void put(const Matrix& w, long n, long k, char* panel, int vectors, long column) {
    uint32_t bits;
    memcpy(&bits, static_cast<const float*>(w.data) + n * w.columns + k, 4);
    const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;  // to nearest, ties to even; NaN stays NaN
    const uint16_t half = uint16_t((bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16) | 0x40 : rounded);
    const long v = column / L, lane = column % L;
    memcpy(panel + k * bytes(vectors) + v / 2 * VECTOR_BYTES + lane * 4 + v % 2 * 2, &half, 2);
  }
  static Operand operand(const float* v, long, uint32_t*) { return v; }
  template <int R, int V>
  RECURRA_INLINE static void sum(Sum (*s)[V], const Operand* a, long depth, const char* b, long stride) {
    for (long k = 0; k < depth; ++k, b += stride) {
#pragma GCC unroll 8
      for (int v = 0; v < V; v += 2) {
        const Ints both = read<Ints>(b + v / 2 * VECTOR_BYTES);
        const Floats low = (Floats)(both << 16), high = (Floats)(both & int(0xffff0000u));
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          s[r][v] = fused(all(a[r][k]), low, s[r][v]);
          s[r][v + 1] = fused(all(a[r][k]), high, s[r][v + 1]);
        }
      }
    }
  }
};

// What a vector is multiplied in: four neighbouring whole numbers from -127 to 127 in 32 bits, and their scale.
struct Quantised {
  const uint32_t* groups;
  float scale;
};

#if defined(__AVX512VNNI__)
constexpr int OFFSET = 128;  // added to a's numbers, since the processor multiplies unsigned bytes by signed ones
#else
constexpr int OFFSET = 0;
#endif

// sum += the four products of each lane.
RECURRA_INLINE Ints four_products(Ints sum, uint32_t a, Ints w) {
#if defined(__AVX512VNNI__)
  return (Ints)_mm512_dpbusd_epi32((__m512i)sum, _mm512_set1_epi32(int(a)), (__m512i)w);
#elif defined(__AVX512BW__)
  const __m512i x = _mm512_set1_epi32(int(a)), v = (__m512i)w;  // pairs of 16 bits: even bytes, then odd ones
  const __m512i even = _mm512_madd_epi16(_mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8), _mm512_srai_epi16(_mm512_slli_epi16(v, 8), 8));
  const __m512i odd = _mm512_madd_epi16(_mm512_srai_epi16(x, 8), _mm512_srai_epi16(v, 8));
  return sum + (Ints)even + (Ints)odd;
#elif defined(__AVX2__)
  // |a| times w with a's sign: two such products are at most 32,258, which 16 bits hold.
  const __m256i x = _mm256_set1_epi32(int(a));
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8((__m256i)w, x));
  return sum + (Ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#elif defined(__SSE2__)
  const __m128i x = _mm_set1_epi32(int(a)), v = (__m128i)w;
  const __m128i even = _mm_madd_epi16(_mm_srai_epi16(_mm_slli_epi16(x, 8), 8), _mm_srai_epi16(_mm_slli_epi16(v, 8), 8));
  const __m128i odd = _mm_madd_epi16(_mm_srai_epi16(x, 8), _mm_srai_epi16(v, 8));
  return sum + (Ints)even + (Ints)odd;
#elif defined(__aarch64__)
  const int8x16_t x = vreinterpretq_s8_u32(vdupq_n_u32(a)), v = (int8x16_t)w;
  const int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(v)), high = vmull_high_s8(x, v);
  return sum + (Ints)vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high));
#else
  const Ints x = int(a) - Ints{};
  return sum + ((x << 24) >> 24) * ((w << 24) >> 24) + ((x << 16) >> 24) * ((w << 16) >> 24) +
         ((x << 8) >> 24) * ((w << 8) >> 24) + (x >> 24) * (w >> 24);
#endif
}

struct Byte {
  typedef Quantised Operand;
  typedef Ints Sum;
  static constexpr int STEP = 1;
  static constexpr long groups(long depth) { return (depth + 3) / 4; }
  static constexpr long bytes(int vectors) { return vectors * VECTOR_BYTES; }
  static void put(const Matrix& w, long n, long k, char* panel, int vectors, long column) {
    panel[k / 4 * bytes(vectors) + column * 4 + k % 4] = static_cast<const char*>(w.data)[n * w.columns + k];
  }
  // To the nearest multiple of a 127th of the largest, ties to even.
  static Operand operand(const float* v, long n, uint32_t* room) {
    Floats most{};
    each<float>(n, [&](auto at) __attribute__((always_inline)) { most = maximum(most, abs(load(v, at))); });
    const float top = largest(most);
    const bool any = !(top <= 1e-30f);  // below: nothing. NaN reaches the sums
    const float by = any ? 127.0f / top : 0.0f;
    uint8_t* to = reinterpret_cast<uint8_t*>(room);
    const float magic = 12582912.0f;  // 1.5 * 2^23: its last bits then hold the number
    for (long k = 0; k < groups(n) * 4; k += L) {
      const long left = n - k;
      const Floats x = left >= L ? load(v, Whole{k}) : load(v, Part{k, left > 0 ? left : 0});
      const Ints q = (Ints)(x * by + magic);
      typedef uint8_t Small __attribute__((vector_size(VECTOR_BYTES / 4)));
      const Small small = __builtin_convertvector((q + OFFSET) & 255, Small);
      const long count = groups(n) * 4 - k;
      memcpy(to + k, &small, size_t(count < L ? count : L));
    }
    return {room, any ? top / 127.0f : 0.0f};
  }
  template <int R, int V>
  RECURRA_INLINE static void sum(Sum (*s)[V], const Operand* a, long depth, const char* b, long stride) {
    for (long k = 0; k < depth; ++k, b += stride) {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) {
        const Ints w = read<Ints>(b + v * VECTOR_BYTES);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) s[r][v] = four_products(s[r][v], a[r].groups[k], w);
      }
    }
  }
};

// Memory for weights: in whole pages, so that the system may give large ones.
struct Release {
  void operator()(void* p) const { free(p); }
};
typedef std::unique_ptr<char, Release> Block;
inline Block allocate(long bytes) {
  const size_t size = (size_t(bytes) + 4095) / 4096 * 4096;
  char* p = static_cast<char*>(aligned_alloc(size >= (size_t(2) << 20) ? size_t(2) << 20 : 4096, size));
  if (!p) throw std::bad_alloc();
  return Block(p);
}

// A matrix in panels. `vectors` of a panel: eight, and of the last one as many as it needs, in STEPs.
template <class K>
class Panels {
 public:
  long rows = 0, depth = 0;

  explicit operator bool() const { return rows > 0; }

  void pack(const Matrix& w) {
    rows = w.rows, depth = w.columns;
    if (!rows) return;
    const long count = (rows + VECTORS * L - 1) / (VECTORS * L);
    long bytes = 0;
    for (long p = 0; p < count; ++p) bytes += panel_bytes(p);
    data_ = allocate(bytes + VECTOR_BYTES);
    memset(data_.get(), 0, size_t(bytes));
    char* panel = data_.get();
    for (long p = 0; p < count; panel += panel_bytes(p), ++p)
      for (long n = p * VECTORS * L; n < rows && n < (p + 1) * VECTORS * L; ++n)
        for (long k = 0; k < depth; ++k) K::put(w, n, k, panel, vectors(p), n - p * VECTORS * L);
    if constexpr (std::is_same<K, Byte>::value) {
      scale_.assign(w.scale, w.scale + rows);
      first_.assign(rows, 0);
      for (long n = 0; n < rows; ++n)
        for (long k = 0; k < depth; ++k) first_[n] -= OFFSET * static_cast<const int8_t*>(w.data)[n * depth + k];
    }
  }

  // c[m] = start[m] + W a[m] for every m < count; start[m] may be c[m]. A null start is zeros.
  void multiply(const typename K::Operand* a, long count, const float* const* start, float* const* c) const {
    const char* panel = data_.get();
    for (long p = 0; p * VECTORS * L < rows; panel += panel_bytes(p), ++p) {
      if (count == 1) {
        switch (vectors(p)) {
          case 1: tile<1, K::STEP>(p, panel, 0, a, start, c); break;
          case 2: tile<1, 2>(p, panel, 0, a, start, c); break;
          case 3: tile<1, 2 + K::STEP>(p, panel, 0, a, start, c); break;
          case 4: tile<1, 4>(p, panel, 0, a, start, c); break;
          case 5: tile<1, 4 + K::STEP>(p, panel, 0, a, start, c); break;
          case 6: tile<1, 6>(p, panel, 0, a, start, c); break;
          case 7: tile<1, 6 + K::STEP>(p, panel, 0, a, start, c); break;
          default: tile<1, 8>(p, panel, 0, a, start, c);
        }
        continue;
      }
      const long blocks = (count + MOST_ROWS - 1) / MOST_ROWS;
      for (int v = 0; v < vectors(p); v += WIDE)
        for (long block = 0; block < blocks; ++block) {  // of nearly equal height
          const long m = block * count / blocks, height = (block + 1) * count / blocks - m;
          const float* const* from = start ? start + m : nullptr;
          switch (std::min(WIDE, vectors(p) - v)) {
            case 1: rows_tile<K::STEP>(height, p, panel, v, a + m, from, c + m); break;
            case 2: rows_tile<2>(height, p, panel, v, a + m, from, c + m); break;
            case 3: rows_tile<2 + K::STEP>(height, p, panel, v, a + m, from, c + m); break;
            default: rows_tile<WIDE>(height, p, panel, v, a + m, from, c + m);
          }
        }
    }
  }

 private:
  int vectors(long p) const {
    const long left = (rows - p * VECTORS * L + L - 1) / L;
    return left >= VECTORS ? VECTORS : int(left + K::STEP - 1) / K::STEP * K::STEP;
  }
  long panel_bytes(long p) const { return K::groups(depth) * K::bytes(vectors(p)); }

  template <int V>
  void rows_tile(long height, long p, const char* panel, int v, const typename K::Operand* a, const float* const* start,
                 float* const* c) const {
    switch (height) {
      case 1: return tile<1, V>(p, panel, v, a, start, c);
      case 2: return tile<2, V>(p, panel, v, a, start, c);
      case 3: return tile<3, V>(p, panel, v, a, start, c);
      case 4: return tile<4, V>(p, panel, v, a, start, c);
      case 5: return tile<5, V>(p, panel, v, a, start, c);
      default: return tile<6, V>(p, panel, v, a, start, c);
    }
  }

  // R rows of a times V vectors of a panel, from its vector `at` on.
  template <int R, int V>
  __attribute__((noinline)) void tile(long p, const char* panel, int at, const typename K::Operand* a, const float* const* start,
                                      float* const* c) const {
    const long column = p * VECTORS * L + at * L, columns = rows - column, stride = K::bytes(vectors(p));
    const char* b = panel + K::bytes(at);
    typename K::Sum s[R][V];
    if constexpr (std::is_same<K, Byte>::value) {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v)
          s[r][v] = (Ints)load_from(reinterpret_cast<const float*>(first_.data() + column), v, columns);
      K::template sum<R, V>(s, a, K::groups(depth), b, stride);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) {
          const Floats scaled = __builtin_convertvector(s[r][v], Floats) * load_from(scale_.data() + column, v, columns) * a[r].scale;
          store_to(c[r] + column, v, columns, (start ? load_from(start[r] + column, v, columns) : Floats{}) + scaled);
        }
    } else {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) s[r][v] = start ? load_from(start[r] + column, v, columns) : Floats{};
      K::template sum<R, V>(s, a, K::groups(depth), b, stride);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) store_to(c[r] + column, v, columns, s[r][v]);
    }
  }

  Block data_;
  std::vector<float> scale_;
  std::vector<int32_t> first_;  // what a row's sum begins with: it takes the offset of a's numbers off again
};

}  // namespace recurra
