// Matrix products for the core, on three kinds of numbers. Single-threaded: a thread works on its own batch rows.
//
//   pack      lays a matrix out in panels of a few vectors' width, so that the inner loop reads it front to back
//   product   c[m] = start + a[m] · B            B packed; a and c given row by row, so rows may lie anywhere
//   outer     c += Aᵀ · B                        weights' gradients; A and B given row by row, packed here
//   dots      c[m] = start + W · a[m]            W as it lies, for so few rows that packing would cost more than it gives
//
// The inner loop holds ROWS x PANEL vectors of sums in registers; one step of k loads PANEL vectors of B and broadcasts ROWS
// numbers of a. That alone reaches the processor's peak as long as B's panel streams from the second-level cache.
#pragma once
#include <stdint.h>
#include <string.h>

#include <utility>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace recurra {

#if defined(__AVX512F__)
constexpr long VECTOR_BYTES = 64;
constexpr int PANEL = 4, ROWS = 6;             // 24 of 32 registers hold sums
constexpr int OUTER_PANEL = 3, OUTER_ROWS = 8;
#elif defined(__AVX__)
constexpr long VECTOR_BYTES = 32;
constexpr int PANEL = 2, ROWS = 6;             // 12 of 16
constexpr int OUTER_PANEL = 3, OUTER_ROWS = 4;
#elif defined(__aarch64__)
constexpr long VECTOR_BYTES = 16;
constexpr int PANEL = 4, ROWS = 6;
constexpr int OUTER_PANEL = 3, OUTER_ROWS = 8;
#else
constexpr long VECTOR_BYTES = 16;
constexpr int PANEL = 2, ROWS = 6;
constexpr int OUTER_PANEL = 3, OUTER_ROWS = 4;
#endif

template <class T>
struct Lanes {
  typedef T vector __attribute__((vector_size(VECTOR_BYTES)));
  typedef T unaligned __attribute__((vector_size(VECTOR_BYTES), aligned(alignof(T)), may_alias));
  static constexpr long count = VECTOR_BYTES / sizeof(T);
};

// The kinds of numbers. Sums are of type Sum; operands are Elem, multiplied in groups of PAIR neighbours along k.
struct Single {
  typedef float Sum, Elem, Group;
  static constexpr long PAIR = 1;
};
struct Double {
  typedef double Sum, Elem, Group;
  static constexpr long PAIR = 1;
};
struct Half {  // bf16: the upper half of a float
  typedef float Sum;
  typedef uint16_t Elem;
  typedef uint32_t Group;
  static constexpr long PAIR = 2;
};

template <class K>
constexpr long groups(long n) {
  return (n + K::PAIR - 1) / K::PAIR;
}

inline float widen(uint16_t v) {
  uint32_t bits = uint32_t(v) << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
inline float widen(float v) { return v; }
inline double widen(double v) { return v; }

template <class E>
struct Narrow {
  template <class T>
  static E of(T v) {
    return E(v);
  }
};
template <>
struct Narrow<uint16_t> {
  static uint16_t of(float v) {  // to nearest, ties to even; NaN stays NaN
    uint32_t bits;
    memcpy(&bits, &v, 4);
    const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return uint16_t((bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16) | 0x40 : rounded);
  }
};

template <class E, class T>
inline void convert(const T* __restrict__ from, E* __restrict__ to, long n) {
  long i = 0;
#if defined(__AVX512BF16__)
  if constexpr (sizeof(E) == 2 && sizeof(T) == 4)
    for (; i + 16 <= n; i += 16) {
      __m256bh v = _mm512_cvtneps_pbh(_mm512_loadu_ps(reinterpret_cast<const float*>(from) + i));
      memcpy(to + i, &v, 32);
    }
#endif
  for (; i < n; ++i) to[i] = Narrow<E>::of(widen(from[i]));
}

// Loads and stores of `n` lanes, a whole vector or fewer; what lies past them is not touched.
template <class T>
inline typename Lanes<T>::vector load(const T* p, long n) {
  typedef typename Lanes<T>::vector V;
  if (n >= Lanes<T>::count) return (V) * reinterpret_cast<const typename Lanes<T>::unaligned*>(p);
  V v = {};
  __builtin_memcpy(&v, p, size_t(n) * sizeof(T));
  return v;
}
template <class T>
inline void store(T* p, typename Lanes<T>::vector v, long n) {
  if (n >= Lanes<T>::count)
    *reinterpret_cast<typename Lanes<T>::unaligned*>(p) = v;
  else
    memcpy(p, &v, n * sizeof(T));
}

// sum += a · b, for one group of a and a vector of groups of b.
template <class K>
inline void multiply_add(typename Lanes<typename K::Sum>::vector& sum, typename K::Group a,
                         typename Lanes<typename K::Group>::vector b) {
  if constexpr (K::PAIR == 1) {
    typedef typename Lanes<typename K::Sum>::vector V;
    sum += (a - V{}) * b;
  } else {
    typedef Lanes<uint32_t>::vector U;
    typedef Lanes<float>::vector V;
    U wide = a - U{};
#if defined(__AVX512BF16__)
    sum = (V)_mm512_dpbf16_ps((__m512)sum, (__m512bh)wide, (__m512bh)b);
#else
    sum += (V)(wide << 16) * (V)(b << 16);
    sum += (V)(wide & 0xffff0000u) * (V)(b & 0xffff0000u);
#endif
  }
}

template <class Group>
inline Group group_at(const Group* p) {  // a pair of a row that begins anywhere may lie across a boundary
  Group g;
  memcpy(&g, p, sizeof g);
  return g;
}

enum class Start { Zero, Bias, Add };

// c[r][0..columns) = start + sum over k of a[r][k] * b[k]; MR rows, V vectors; STRIDE: distance of a row's successive groups.
template <class K, int MR, int V, int STRIDE>
__attribute__((noinline)) void tile(const typename K::Group* const* a, long depth, const typename K::Group* b,
                                    typename K::Sum* const* c, long columns, Start start, const typename K::Sum* bias) {
  typedef typename K::Sum Sum;
  typedef typename K::Group Group;
  typedef typename Lanes<Sum>::vector Vector;
  constexpr long L = Lanes<Sum>::count;
  Vector sum[MR][V];
  const Group* row[MR];
#pragma GCC unroll 8
  for (int r = 0; r < MR; ++r) {
    row[r] = a[r];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const long n = v + 1 < V ? L : columns - v * L;  // only the last vector can be a partial one
      if (start == Start::Add)
        sum[r][v] = load<Sum>(c[r] + v * L, n);
      else if (start == Start::Bias)
        sum[r][v] = load<Sum>(bias + v * L, n);
      else
        sum[r][v] = Vector{};
    }
  }
  for (long k = 0; k < depth; ++k) {
    typename Lanes<Group>::vector panel[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) panel[v] = *reinterpret_cast<const typename Lanes<Group>::vector*>(b + v * L);
    b += V * L;
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) multiply_add<K>(sum[r][v], group_at(row[r] + k * STRIDE), panel[v]);
  }
#pragma GCC unroll 8
  for (int r = 0; r < MR; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store<Sum>(c[r] + v * L, sum[r][v], v + 1 < V ? L : columns - v * L);
}

// A packed matrix of depth k and n columns. Panels lie one after another; the last may be narrower.
template <class K>
struct Packed {
  const typename K::Group* data;
  long depth;  // groups
  long columns;
};

template <class K>
long packed_groups(long depth, long columns) {  // room that pack needs
  constexpr long L = Lanes<typename K::Sum>::count;
  return groups<K>(depth) * ((columns + L - 1) / L) * L;
}

inline long panels(long columns, long lanes) { return (columns + PANEL * lanes - 1) / (PANEL * lanes); }

// One group of operands: a number, or in bf16 two neighbours along k.
template <class K, class From>
inline typename K::Group group_of(From first, From second) {
  if constexpr (K::PAIR == 1)
    return Narrow<typename K::Elem>::of(widen(first));
  else
    return uint32_t(Narrow<uint16_t>::of(widen(first))) | uint32_t(Narrow<uint16_t>::of(widen(second))) << 16;
}

// Pack panel number p of B[k][n] = from[k * k_stride + n * n_stride], converting to the kind's operand type. One of the strides
// is 1.
template <class K, class From>
void pack_panel(const From* from, long k_stride, long n_stride, long depth, long columns, typename K::Group* to, long p) {
  constexpr long L = Lanes<typename K::Sum>::count, W = PANEL * L;
  typedef typename K::Group Group;
  const long first = p * W, valid = columns - first < W ? columns - first : W, width = (valid + L - 1) / L * L;
  const long whole = depth / K::PAIR, all = groups<K>(depth), BLOCK = 64;
  Group* out = to + all * first;
  for (long g0 = 0; g0 < all; g0 += BLOCK) {  // a block of the panel stays in the first-level cache while it is filled
    const long g1 = g0 + BLOCK < whole ? g0 + BLOCK : whole;
    if (n_stride == 1)
      for (long g = g0; g < g1; ++g) {
        const From* __restrict__ row = from + g * K::PAIR * k_stride + first;
        const From* __restrict__ second = row + (K::PAIR - 1) * k_stride;
        Group* __restrict__ o = out + g * width;
        for (long n = 0; n < valid; ++n) o[n] = group_of<K>(row[n], second[n]);
        for (long n = valid; n < width; ++n) o[n] = 0;
      }
    else  // k_stride is 1: a column of B is a row of memory
      for (long n = 0; n < width; ++n) {
        const From* __restrict__ column = from + (first + (n < valid ? n : 0)) * n_stride;
        Group* __restrict__ o = out + n;
        // The processor does not foresee steps from one row to the next; asked for eight ahead, they come in half the time.
        for (long g = g0; g < g1; g += 16 / K::PAIR) __builtin_prefetch(column + 8 * n_stride + g * K::PAIR);
        for (long g = g0; g < g1; ++g)
          o[g * width] = n < valid ? group_of<K>(column[g * K::PAIR], column[(g + 1) * K::PAIR - 1]) : Group(0);
      }
  }
  if (whole < all)  // an odd depth: the last pair is half empty
    for (long n = 0; n < width; ++n)
      out[whole * width + n] =
          n < valid ? group_of<K>(from[whole * K::PAIR * k_stride + (first + n) * n_stride], From(0)) : Group(0);
}

template <class K, int STRIDE>
using Tile = void (*)(const typename K::Group* const*, long, const typename K::Group*, typename K::Sum* const*, long, Start,
                      const typename K::Sum*);

template <class K, int STRIDE, int MR>
inline Tile<K, STRIDE> tile_of_width(int v) {
  static constexpr Tile<K, STRIDE> table[] = {
      tile<K, MR, 1, STRIDE>, tile<K, MR, 2, STRIDE>, tile<K, MR, (PANEL > 2 ? 3 : 2), STRIDE>,
      tile<K, MR, (PANEL > 3 ? 4 : 2), STRIDE>};
  return table[v - 1];
}

template <class K>
inline Tile<K, 1> tile_for(long rows, int v) {
  switch (rows) {
    case 1: return tile_of_width<K, 1, 1>(v);
    case 2: return tile_of_width<K, 1, 2>(v);
    case 3: return tile_of_width<K, 1, 3>(v);
    case 4: return tile_of_width<K, 1, 4>(v);
    case 5: return tile_of_width<K, 1, 5>(v);
    default: return tile_of_width<K, 1, 6>(v);
  }
}

// c[m][n] = start + sum over k of a[m][k] * B[k][n] for `rows` rows; a's rows are Elem, padded with zeros to whole groups.
// Only the columns from panel `first` up to panel `end`.
template <class K>
void product(const typename K::Elem* const* a, long rows, const Packed<K>& b, typename K::Sum* const* c, Start start,
             const typename K::Sum* bias = nullptr, long first = 0, long end = 1l << 40) {
  constexpr long L = Lanes<typename K::Sum>::count, W = PANEL * L;
  if (rows == 0) return;
  const typename K::Group* const* in = reinterpret_cast<const typename K::Group* const*>(a);
  const long blocks = (rows + ROWS - 1) / ROWS;
  for (long n = first * W; n < b.columns && n < end * W; n += W) {
    const long columns = b.columns - n < W ? b.columns - n : W;
    const int v = int((columns + L - 1) / L);
    typename K::Sum* out[ROWS];
    for (long block = 0; block < blocks; ++block) {  // blocks of nearly equal height: a last one of one row would be slow
      const long m0 = block * rows / blocks, m1 = (block + 1) * rows / blocks;
      for (long m = m0; m < m1; ++m) out[m - m0] = c[m] + n;
      tile_for<K>(m1 - m0, v)(in + m0, b.depth, b.data + n * b.depth, out, columns, start, bias ? bias + n : nullptr);
    }
  }
}

template <class K>
long strips_groups(long depth, long m) {  // room for the first operand, rounded up so that the second lies at a vector's start
  return (groups<K>(depth) * ((m + OUTER_ROWS - 1) / OUTER_ROWS * OUTER_ROWS) + 15) / 16 * 16;
}

// Room, in groups, that `outer` needs to lay its two operands out.
template <class K>
long outer_groups(long depth, long m, long n) {
  constexpr long W = OUTER_PANEL * Lanes<typename K::Sum>::count;
  return strips_groups<K>(depth, m) + groups<K>(depth) * ((n + W - 1) / W * W);
}

// `width` neighbouring operands of one row of k, or of the two of a pair; a row that is not there counts as zeros.
template <class K>
inline void strip_row(const typename K::Elem* __restrict__ row, const typename K::Elem* __restrict__ second, long valid,
                      long width, typename K::Group* __restrict__ to) {
  if constexpr (K::PAIR == 1) {
    for (long j = 0; j < valid; ++j) to[j] = row[j];
  } else if (second) {
    for (long j = 0; j < valid; ++j) to[j] = uint32_t(row[j]) | uint32_t(second[j]) << 16;
  } else {
    for (long j = 0; j < valid; ++j) to[j] = row[j];
  }
  for (long j = valid; j < width; ++j) to[j] = 0;
}

// Rows' columns [first, first + count) in strips of `width`, k running inside a strip: to[strip][k][width].
template <class K, long WIDTH>
void pack_strips(const typename K::Elem* const* rows, long depth, long first, long count, long width, typename K::Group* to) {
  typedef typename K::Elem Elem;
  const long all = groups<K>(depth);
  constexpr long SPAN = 64;  // columns laid out together, so that each row is read in whole cache lines
  const long span = SPAN / width > 0 ? SPAN / width * width : width;
  for (long c0 = 0; c0 < count; c0 += span)
    for (long g = 0; g < all; ++g) {
      const Elem* row = rows[g * K::PAIR] + first;
      const Elem* second = g * K::PAIR + K::PAIR - 1 < depth ? rows[g * K::PAIR + K::PAIR - 1] + first : nullptr;
      for (long c = c0; c < count && c < c0 + span; c += width) {
        typename K::Group* o = to + c * all + g * width;
        if (count - c >= WIDTH && width == WIDTH)  // a width known when compiled is a few vector moves
          strip_row<K>(row + c, second ? second + c : nullptr, WIDTH, WIDTH, o);
        else
          strip_row<K>(row + c, second ? second + c : nullptr, count - c < width ? count - c : width, width, o);
      }
    }
}

// c[i][j] += sum over k of a[k][a0 + i] * b[k][b0 + j], i < m, j < n; c's rows are `stride` apart. `packed_a` is a's part of the
// room if it was packed before (the same a0, m, depth), else null.
template <class K>
void outer(const typename K::Elem* const* a, long a0, long m, const typename K::Elem* const* b, long b0, long n, long depth,
           typename K::Sum* c, long stride, typename K::Group* room, bool a_is_packed) {
  typedef typename K::Sum Sum;
  typedef typename K::Group Group;
  constexpr long L = Lanes<Sum>::count, W = OUTER_PANEL * L;
  const long G = groups<K>(depth), strips = (m + OUTER_ROWS - 1) / OUTER_ROWS;
  Group *pa = room, *pb = room + strips_groups<K>(depth, m);
  if (!a_is_packed) pack_strips<K, OUTER_ROWS>(a, depth, a0, m, OUTER_ROWS, pa);
  static constexpr Tile<K, OUTER_ROWS> tiles[] = {tile<K, OUTER_ROWS, 1, OUTER_ROWS>, tile<K, OUTER_ROWS, 2, OUTER_ROWS>,
                                                  tile<K, OUTER_ROWS, 3, OUTER_ROWS>};
  Sum spare[W] = {};
  for (long j = 0; j < n; j += W) {
    const long columns = n - j < W ? n - j : W;
    const int v = int((columns + L - 1) / L);
    pack_strips<K, W>(b, depth, b0 + j, columns, v * L, pb);
    for (long s = 0; s < strips; ++s) {
      const Group* in[OUTER_ROWS];
      Sum* out[OUTER_ROWS];
      for (long r = 0; r < OUTER_ROWS; ++r) {
        in[r] = pa + s * G * OUTER_ROWS + r;
        out[r] = s * OUTER_ROWS + r < m ? c + (s * OUTER_ROWS + r) * stride + j : spare;
      }
      tiles[v - 1](in, G, pb, out, columns, Start::Add, nullptr);
    }
  }
}

// Two vectors in one: each lane whose number has bit S from b, the others from a, and to each its neighbour S lanes away.
template <class T, long S, size_t... lane>
inline typename Lanes<T>::vector folded(typename Lanes<T>::vector a, typename Lanes<T>::vector b, std::index_sequence<lane...>) {
  constexpr long L = Lanes<T>::count;
  return __builtin_shufflevector(a, b, (long(lane) & S ? L + long(lane) - S : long(lane))...) +
         __builtin_shufflevector(a, b, (long(lane) & S ? L + long(lane) : long(lane) + S)...);
}

// The sum of each vector's lanes, for as many vectors as a vector has lanes: lane l becomes that of sums[l], all in sums[0].
template <class T, long S = Lanes<T>::count / 2>
inline void fold(typename Lanes<T>::vector* sums) {
#pragma GCC unroll 16
  for (long i = 0; i < S; ++i)
    sums[i] = folded<T, S>(sums[i], sums[i + S], std::make_index_sequence<size_t(Lanes<T>::count)>{});
  if constexpr (S > 1) fold<T, S / 2>(sums);
}

// c[m][n] = start + sum over k of w[n][k] * a[m][k]; w row-major, `depth` apart, of the type of the sums. As many rows of w at
// a time as a vector has lanes, so that their sums are one vector in the end.
template <class T, class Elem>
void dots(const T* w, long depth, long columns, const Elem* const* a, long rows, T* const* c, Start start, const T* bias) {
  typedef typename Lanes<T>::vector V;
  constexpr long L = Lanes<T>::count;
  T wide[64];
  for (long m = 0; m < rows; ++m)
    for (long n = 0; n < columns; n += L) {
      const long valid_rows = columns - n < L ? columns - n : L;
      const T* row[L];
      V sum[L] = {};
#pragma GCC unroll 16
      for (long j = 0; j < L; ++j) row[j] = w + (n + (j < valid_rows ? j : 0)) * depth;
      for (long k = 0; k < depth; k += L) {
        const long valid = depth - k < L ? depth - k : L;
        V x;
        if constexpr (sizeof(Elem) == sizeof(T)) {
          x = load<T>(reinterpret_cast<const T*>(a[m]) + k, valid);
        } else {
          for (long i = 0; i < valid; ++i) wide[i] = widen(a[m][k + i]);
          x = load<T>(wide, valid);
        }
#pragma GCC unroll 16
        for (long j = 0; j < L; ++j) sum[j] += load<T>(row[j] + k, valid) * x;
      }
      fold<T>(sum);
      if (start == Start::Add)
        sum[0] += load<T>(c[m] + n, valid_rows);
      else if (start == Start::Bias)
        sum[0] += load<T>(bias + n, valid_rows);
      store<T>(c[m] + n, sum[0], valid_rows);
    }
}

}  // namespace recurra
