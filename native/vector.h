// Vectors for generated code: arithmetic by GCC's and Clang's vector extensions, and the functions that cells use.
//
// Vec<float> and Vec<double> are as wide as the instruction set this is compiled for: 64 bytes with AVX-512, 32 with AVX,
// 16 otherwise. No header of the system is included, so a cell compiles in a second. Needs NaN and infinity to work
// (no -ffast-math); -ffp-contract=fast gives the fused multiply-add.
//
// Float functions are our own. The largest errors over a sweep of all floats, in units in the last place (ulp):
// sigmoid 2.3, tanh 2.5, exp 1.2, exp2 1.2, expm1 1.7, log 0.8, log1p 1.5, softplus 2.0, logsigmoid 2.2, erf 2.5, sin and cos 0.6;
// tests/expr/test_vector.py holds them to it. Denormal results are 0. Double functions, for checking, call the C library
// lane by lane.
//
// Polynomials: least squares in the relative error, reweighted until its ripples are level (Lawson), on Chebyshev points
// against 30 digits; then rounded to float.
#pragma once

#define RECURRA_EXPORT extern "C" __attribute__((visibility("default")))
#ifndef RECURRA_NAME
#define RECURRA_NAME(name) recurra_##name
#endif
#define RECURRA_INLINE __attribute__((always_inline)) inline

#pragma GCC diagnostic ignored "-Wpsabi"

namespace recurra {

#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64;
#elif defined(__AVX__)
constexpr int VECTOR_BYTES = 32;
#else
constexpr int VECTOR_BYTES = 16;
#endif

template <class T>
struct VectorOf;
template <> struct VectorOf<float> {
  typedef float type __attribute__((vector_size(VECTOR_BYTES)));
  typedef decltype(type{} < type{}) bits;  // what a comparison gives: all ones or all zeros
};
template <> struct VectorOf<double> {
  typedef double type __attribute__((vector_size(VECTOR_BYTES)));
  typedef decltype(type{} < type{}) bits;
};
template <class T> using Vec = typename VectorOf<T>::type;
template <class T> using Bits = typename VectorOf<T>::bits;
template <class T> constexpr long LANES = VECTOR_BYTES / sizeof(T);

typedef Vec<float> Floats;
typedef Vec<double> Doubles;
typedef Bits<float> FloatBits;
typedef Bits<double> DoubleBits;

template <class T>
RECURRA_INLINE Vec<T> all(T value) {
  return value - Vec<T>{};
}

// ---- where in a row: a whole vector from unit u, or the row's last n units ----

struct Whole {
  long u;
};
struct Part {
  long u, n;
};

template <class T, class Body>
RECURRA_INLINE void each(long units, Body&& body) {
  long u = 0;
  for (; u + LANES<T> <= units; u += LANES<T>) body(Whole{u});
  if (u < units) body(Part{u, units - u});
}

// The numbers of the lanes: 0, 1, 2, ...
template <class T>
RECURRA_INLINE Bits<T> lane_numbers() {
  Bits<T> lanes{};
  for (int k = 0; k < LANES<T>; ++k) lanes[k] = k;
  return lanes;
}

template <class T>
RECURRA_INLINE Vec<T> load(const T* p, Whole at) {
  Vec<T> v;
  __builtin_memcpy(&v, p + at.u, sizeof v);
  return v;
}
template <class T, class V>
RECURRA_INLINE void store(T* p, Whole at, V v) {
  __builtin_memcpy(p + at.u, &v, sizeof v);
}

// Lanes past the row's end are 0 on loading and are not written. Where the processor has masked moves, one instruction.
#if defined(__AVX512F__)
RECURRA_INLINE Floats load(const float* p, Part at) {
  return (Floats)__builtin_ia32_loadups512_mask(p + at.u, Floats{}, (unsigned short)((1u << at.n) - 1));
}
RECURRA_INLINE Doubles load(const double* p, Part at) {
  return (Doubles)__builtin_ia32_loadupd512_mask(p + at.u, Doubles{}, (unsigned char)((1u << at.n) - 1));
}
RECURRA_INLINE void store(float* p, Part at, Floats v) {
  __builtin_ia32_storeups512_mask(p + at.u, v, (unsigned short)((1u << at.n) - 1));
}
RECURRA_INLINE void store(double* p, Part at, Doubles v) {
  __builtin_ia32_storeupd512_mask(p + at.u, v, (unsigned char)((1u << at.n) - 1));
}
#else
template <class T>
RECURRA_INLINE Vec<T> load(const T* p, Part at) {
  Vec<T> v{};
  for (int k = 0; k < LANES<T> - 1; ++k)
    if (k < at.n) v[k] = p[at.u + k];
  return v;
}
template <class T, class V>
RECURRA_INLINE void store(T* p, Part at, V v) {
  for (int k = 0; k < LANES<T> - 1; ++k)
    if (k < at.n) p[at.u + k] = v[k];
}
#endif

template <class T, class At, class V>
RECURRA_INLINE void add_to(T* p, At at, V v) {
  store(p, at, load(p, at) + v);
}

// ---- over the lanes ----

RECURRA_INLINE Floats only(Floats v, Whole, float) { return v; }
RECURRA_INLINE Doubles only(Doubles v, Whole, double) { return v; }
RECURRA_INLINE Floats only(Floats v, Part at, float other) {
  return lane_numbers<float>() < (int)at.n ? v : all(other);
}
RECURRA_INLINE Doubles only(Doubles v, Part at, double other) {
  return lane_numbers<double>() < at.n ? v : all(other);
}

RECURRA_INLINE float first(Floats v) { return v[0]; }
RECURRA_INLINE double first(Doubles v) { return v[0]; }

// The sum and the largest of the lanes, halving: the same order of additions every time.
template <class T, class V>
RECURRA_INLINE T sum_of_lanes(V v) {
  T lane[LANES<T>];
  __builtin_memcpy(lane, &v, sizeof v);
  for (int half = LANES<T> / 2; half > 0; half /= 2)
    for (int k = 0; k < half; ++k) lane[k] += lane[k + half];
  return lane[0];
}
template <class T, class V>
RECURRA_INLINE T largest_of_lanes(V v) {
  T most = v[0];
  for (int k = 1; k < LANES<T>; ++k) most = (v[k] > most || v[k] != v[k]) ? v[k] : most;
  return most;
}
RECURRA_INLINE float total(Floats v) { return sum_of_lanes<float>(v); }
RECURRA_INLINE double total(Doubles v) { return sum_of_lanes<double>(v); }
RECURRA_INLINE float largest(Floats v) { return largest_of_lanes<float>(v); }
RECURRA_INLINE double largest(Doubles v) { return largest_of_lanes<double>(v); }

// A sum whose lanes are added up in sixteen places, whatever the width of the vectors: the same order everywhere.
template <class T>
struct OrderedSum {
  static constexpr int PLACES = 16;
  T place[PLACES] = {};
  template <class At>
  RECURRA_INLINE void add(At at, Vec<T> v) {
    T* p = place + at.u % PLACES;
    store(p, Whole{0}, load(p, Whole{0}) + v);
  }
};
template <class T>
RECURRA_INLINE T total(const OrderedSum<T>& sum) {
  T place[OrderedSum<T>::PLACES];
  __builtin_memcpy(place, sum.place, sizeof place);
  for (int half = OrderedSum<T>::PLACES / 2; half > 0; half /= 2)
    for (int k = 0; k < half; ++k) place[k] += place[k + half];
  return place[0];
}

// ---- choices; NaN stays NaN ----

RECURRA_INLINE Floats select(FloatBits m, Floats a, Floats b) { return m ? a : b; }
RECURRA_INLINE Doubles select(DoubleBits m, Doubles a, Doubles b) { return m ? a : b; }

// The smaller and the larger; the second where either is NaN. On x86 that is one instruction, which compilers do not find.
#if defined(__AVX512F__) && defined(__clang__)
RECURRA_INLINE Floats smaller(Floats a, Floats b) { return __builtin_ia32_minps512(a, b, 4); }
RECURRA_INLINE Floats larger(Floats a, Floats b) { return __builtin_ia32_maxps512(a, b, 4); }
#elif defined(__AVX512F__)
RECURRA_INLINE Floats smaller(Floats a, Floats b) { return __builtin_ia32_minps512_mask(a, b, a, (short)-1, 4); }
RECURRA_INLINE Floats larger(Floats a, Floats b) { return __builtin_ia32_maxps512_mask(a, b, a, (short)-1, 4); }
#elif defined(__AVX__)
RECURRA_INLINE Floats smaller(Floats a, Floats b) { return __builtin_ia32_minps256(a, b); }
RECURRA_INLINE Floats larger(Floats a, Floats b) { return __builtin_ia32_maxps256(a, b); }
#elif defined(__SSE__)
RECURRA_INLINE Floats smaller(Floats a, Floats b) { return __builtin_ia32_minps(a, b); }
RECURRA_INLINE Floats larger(Floats a, Floats b) { return __builtin_ia32_maxps(a, b); }
#else
RECURRA_INLINE Floats smaller(Floats a, Floats b) { return a < b ? a : b; }
RECURRA_INLINE Floats larger(Floats a, Floats b) { return a > b ? a : b; }
#endif
RECURRA_INLINE Doubles smaller(Doubles a, Doubles b) { return a < b ? a : b; }
RECURRA_INLINE Doubles larger(Doubles a, Doubles b) { return a > b ? a : b; }

RECURRA_INLINE Floats maximum(Floats a, Floats b) { return select(a != a, a, larger(a, b)); }
RECURRA_INLINE Doubles maximum(Doubles a, Doubles b) { return select(a != a, a, larger(a, b)); }
RECURRA_INLINE Floats minimum(Floats a, Floats b) { return select(a != a, a, smaller(a, b)); }
RECURRA_INLINE Doubles minimum(Doubles a, Doubles b) { return select(a != a, a, smaller(a, b)); }

template <class V, class T>
RECURRA_INLINE V at_most(V v, T limit) {
  return smaller(all<T>(limit), v);
}
template <class V, class T>
RECURRA_INLINE V at_least(V v, T limit) {
  return larger(all<T>(limit), v);
}
template <class V, class T>
RECURRA_INLINE V clamp(V v, T low, T high) {
  return at_most(at_least(v, low), high);
}

RECURRA_INLINE Floats relu(Floats v) { return at_least(v, 0.0f); }
RECURRA_INLINE Doubles relu(Doubles v) { return at_least(v, 0.0); }
RECURRA_INLINE Floats abs(Floats v) { return (Floats)((FloatBits)v & 0x7fffffff); }
RECURRA_INLINE Doubles abs(Doubles v) { return (Doubles)((DoubleBits)v & 0x7fffffffffffffffLL); }
RECURRA_INLINE Floats with_sign(Floats size, Floats sign) {
  return (Floats)(((FloatBits)size & 0x7fffffff) | ((FloatBits)sign & (int)0x80000000));
}
// -1, 0, 1; 0 for NaN, as PyTorch has it.
RECURRA_INLINE Floats sign(Floats v) { return select(v > 0.0f, all(1.0f), select(v < 0.0f, all(-1.0f), Floats{})); }
RECURRA_INLINE Doubles sign(Doubles v) { return select(v > 0.0, all(1.0), select(v < 0.0, all(-1.0), Doubles{})); }

// ---- float functions ----

RECURRA_INLINE Floats sqrt(Floats v) {
  Floats r;
  for (int k = 0; k < LANES<float>; ++k) r[k] = __builtin_sqrtf(v[k]);
  return r;
}

// v = n ln 2 + r with n whole and |r| <= ln 2 / 2; scale = 2^n. n by adding 1.5 * 2^23, whose last bits then hold
// n + 127: shifted into place they are the exponent of the scale. For -87.3 <= v < 89; the scale of 88.4 and more is inf.
struct Split {
  Floats r, scale;
};
RECURRA_INLINE Split split(Floats v) {
  const float magic = 12582912.0f + 127.0f;
  const Floats t = v * 1.44269504f + magic;
  const Floats n = t - magic;
  return {v - n * 0.693359375f - n * -2.12194440e-4f, (Floats)((FloatBits)t << 23)};
}
// exp(r) - 1 for |r| <= ln 2 / 2, to 1.3e-8 relative.
RECURRA_INLINE Floats expm1_core(Floats r) {
  Floats p = all(0.0013882488710805774f);
  p = p * r + 0.008366691879928112f;
  p = p * r + 0.04166720435023308f;
  p = p * r + 0.16666541993618011f;
  p = p * r + 0.4999999701976776f;
  return r + r * r * p;
}

// exp(r) in the same range.
RECURRA_INLINE Floats exp_core(Floats r) {
  Floats p = all(0.001381422160193324f);
  p = p * r + 0.00836889911442995f;
  p = p * r + 0.04166840389370918f;
  p = p * r + 0.1666651964187622f;
  p = p * r + 0.4999999403953552f;
  return (p * r + 1.0f) * r + 1.0f;
}

// A scale of 2^128, which no float holds, as 2^127 and 2.
struct Scales {
  Floats scale, twice;
};
RECURRA_INLINE Scales in_range(Floats scale) {
  const FloatBits over = scale > 1.8e38f;
  return {select(over, all(0x1p127f), scale), select(over, all(2.0f), all(1.0f))};
}

RECURRA_INLINE Floats exp(Floats v) {
  const Split s = split(clamp(v, -87.33654f, 89.0f));
  const Scales two = in_range(s.scale);
  return select(v < -87.33654f, all(0.0f), exp_core(s.r) * two.scale * two.twice);
}

// The whole part goes straight into the scale.
RECURRA_INLINE Floats exp2(Floats v) {
  const float magic = 12582912.0f + 127.0f;
  const Floats near = clamp(v, -126.0f, 128.4f), t = near + magic;
  const Scales two = in_range((Floats)((FloatBits)t << 23));
  const Floats y = exp_core((near - (t - magic)) * 0.693147181f) * two.scale * two.twice;
  return select(v < -126.0f, all(0.0f), y);
}

// 1 / (1 + exp(-v))
RECURRA_INLINE Floats sigmoid(Floats v) {
  const Split s = split(-clamp(v, -89.0f, 87.0f));
  return 1.0f / (exp_core(s.r) * s.scale + 1.0f);
}

// (1 - e) / (1 + e) with e = exp(-2 |v|), e - 1 computed without cancellation.
RECURRA_INLINE Floats tanh(Floats v) {
  const Split s = split(at_most(abs(v), 10.0f) * -2.0f);
  const Floats m = expm1_core(s.r) * s.scale + (s.scale - 1.0f);
  return with_sign(m / (m + 2.0f), v);
}

RECURRA_INLINE Floats expm1(Floats v) {
  const Split s = split(clamp(v, -87.33654f, 89.0f));
  const Scales two = in_range(s.scale);
  const Floats m = (expm1_core(s.r) * two.scale + (two.scale - 1.0f)) * two.twice;
  return select(v == 0.0f, v, m);
}

// v = 2^e (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2): ln v = e ln 2 + ln(1 + f)
RECURRA_INLINE Floats log(Floats v) {
  const FloatBits i = (FloatBits)v - 0x3f3504f3;
  const Floats e = __builtin_convertvector(i >> 23, Floats);
  const Floats f = (Floats)((i & 0x7fffff) + 0x3f3504f3) - 1.0f;
  Floats p = all(-0.07634498924016953f);
  p = p * f + 0.12761583924293518f;
  p = p * f - 0.13160185515880585f;
  p = p * f + 0.14201757311820984f;
  p = p * f - 0.16623356938362122f;
  p = p * f + 0.20001226663589478f;
  p = p * f - 0.2500081956386566f;
  p = p * f + 0.3333333134651184f;
  const Floats ff = f * f;
  Floats y = e * -2.12194440e-4f + ff * f * p;
  y = (y - 0.5f * ff) + f + e * 0.693359375f;
  y = select(v < 1.17549435e-38f, all(-__builtin_inff()), y);
  y = select(v < 0.0f, all(__builtin_nanf("")), y);
  return select((v == __builtin_inff()) | (v != v), v, y);
}

// ln u + (v - (u - 1)) / u with u = 1 + v: what rounding u lost is put back.
RECURRA_INLINE Floats log1p(Floats v) {
  const Floats u = 1.0f + v;
  const Floats lost = (v - (u - 1.0f)) / u;
  return select((u == 1.0f), v, select((v > 0x1p30f) | (u <= 0.0f), log(u), log(u) + lost));
}

// From the limit on v itself, as PyTorch has it: no float tells the two apart there.
RECURRA_INLINE Floats softplus(Floats v, float) { return relu(v) + log1p(exp(-abs(v))); }
RECURRA_INLINE Floats logsigmoid(Floats v) { return at_most(v, 0.0f) - log1p(exp(-abs(v))); }

RECURRA_INLINE Floats erf(Floats v) {
  const Floats a = at_most(abs(v), 4.0f), s = a * a;
  Floats p = all(7.853774150134996e-05f);
  p = p * s - 0.0008010169258341193f;
  p = p * s + 0.0051883249543607235f;
  p = p * s - 0.026853810995817184f;
  p = p * s + 0.1128358542919159f;
  p = p * s - 0.3761262595653534f;
  p = p * s + 1.1283791065216064f;
  // From 1 on: 1 - exp(-q).
  Floats q = all(-0.0001888251572381705f);
  q = q * a + 0.002972458256408572f;
  q = q * a - 0.021940499544143677f;
  q = q * a + 0.10332750529050827f;
  q = q * a + 0.6378828883171082f;
  q = q * a + 1.1272516250610352f;
  q = q * a + 0.0003003980091307312f;
  return with_sign(select(a < 1.0f, a * p, 1.0f - exp(-q)), v);
}

// Whole already from 2^23 on.
RECURRA_INLINE Floats floor(Floats v) {
  const Floats near = clamp(v, -0x1p23f, 0x1p23f);
  const Floats whole = __builtin_convertvector(__builtin_convertvector(near, FloatBits), Floats);
  return select(abs(v) < 0x1p23f, with_sign(select(whole > v, whole - 1.0f, whole), v), v);
}

RECURRA_INLINE bool everywhere(FloatBits m) {
  long long part[VECTOR_BYTES / 8], both = -1;
  __builtin_memcpy(part, &m, sizeof m);
  for (int k = 0; k < VECTOR_BYTES / 8; ++k) both &= part[k];
  return both == -1;
}

// Floats computed in double, one half after the other: where what cancels needs the digits.
typedef float HalfFloats __attribute__((vector_size(VECTOR_BYTES / 2)));
RECURRA_INLINE Doubles half(Floats v, int which) {
  HalfFloats part;
  __builtin_memcpy(&part, reinterpret_cast<const char*>(&v) + which * sizeof part, sizeof part);
  return __builtin_convertvector(part, Doubles);
}
RECURRA_INLINE void put_half(Floats& v, int which, Doubles part) {
  const HalfFloats floats = __builtin_convertvector(part, HalfFloats);
  __builtin_memcpy(reinterpret_cast<char*>(&v) + which * sizeof floats, &floats, sizeof floats);
}

// sin(v + quarters * pi / 2) for |v| < 2^20: v = n pi / 2 + r with |r| <= pi / 4, pi / 2 in two parts of which n times the
// first is exact. To 2e-10.
RECURRA_INLINE Doubles turned(Doubles v, long quarters) {
  const double magic = 6755399441055744.0;  // 1.5 * 2^52: its last bits then hold n
  const Doubles t = v * 0.63661977236758134 + magic;
  const Doubles n = t - magic;
  const Doubles r = (v - n * 1.5707963267341256) - n * 6.0771005065061922e-11, s = r * r;
  Doubles sine = all(2.7557319223985893e-06);
  sine = sine * s - 1.9841269841269841e-04;
  sine = sine * s + 8.3333333333333333e-03;
  sine = sine * s - 1.6666666666666667e-01;
  Doubles cosine = all(-2.7557319223985888e-07);
  cosine = cosine * s + 2.4801587301587302e-05;
  cosine = cosine * s - 1.3888888888888889e-03;
  cosine = cosine * s + 4.1666666666666667e-02;
  cosine = cosine * s - 0.5;
  const DoubleBits q = (DoubleBits)t + quarters;
  const Doubles y = select(-(q & 1), cosine * s + 1.0, sine * s * r + r);
  return (Doubles)((DoubleBits)y ^ ((q & 2) << 62));
}
// Larger ones are left to the C library, lane by lane: what a lane gets does not depend on its neighbours.
template <class Large>
RECURRA_INLINE Floats turned(Floats v, long quarters, Large large) {
  Floats y;
  for (int k = 0; k < 2; ++k) put_half(y, k, turned(half(v, k), quarters));
  if (!everywhere(abs(v) < 0x1p20f))
    for (int k = 0; k < LANES<float>; ++k)
      if (!(__builtin_fabsf(v[k]) < 0x1p20f)) y[k] = large(v[k]);
  return y;
}
RECURRA_INLINE Floats sin(Floats v) {
  return turned(v, 0, [](float x) { return __builtin_sinf(x); });
}
RECURRA_INLINE Floats cos(Floats v) {
  return turned(v, 1, [](float x) { return __builtin_cosf(x); });
}

// a - floor(a / b) b. In double the product is exact while the quotient has less than 30 bits; else fmod, lane by lane.
RECURRA_INLINE Floats remainder(Floats a, Floats b) {
  Floats y;
  if (everywhere((abs(a / b) < 0x1p29f) & (abs(b) < __builtin_inff()))) {
    const double magic = 6755399441055744.0;
    for (int k = 0; k < 2; ++k) {
      const Doubles x = half(a, k), m = half(b, k), q = x / m, n = (q + magic) - magic;
      put_half(y, k, x - select(n > q, n - 1.0, n) * m);
    }
  } else {
    for (int k = 0; k < LANES<float>; ++k) {
      y[k] = __builtin_fmodf(a[k], b[k]);
      if (y[k] != 0.0f && (y[k] < 0.0f) != (b[k] < 0.0f)) y[k] += b[k];
    }
  }
  return y;
}

// ---- sums over the units of a row, in place ----

template <class T>
RECURRA_INLINE void sums_forward(T* p, long units) {
  double sum = 0;
  for (long u = 0; u < units; ++u) p[u] = T(sum += p[u]);
}
template <class T>
RECURRA_INLINE void sums_backward(T* p, long units) {
  double sum = 0;
  for (long u = units; u-- > 0;) p[u] = T(sum += p[u]);
}

// ---- double functions ----

#define RECURRA_LANES(NAME)                                                    \
  RECURRA_INLINE Doubles NAME(Doubles v) {                                     \
    Doubles r{};                                                               \
    for (int k = 0; k < LANES<double>; ++k) r[k] = __builtin_##NAME(v[k]);     \
    return r;                                                                  \
  }
RECURRA_LANES(exp)
RECURRA_LANES(exp2)
RECURRA_LANES(expm1)
RECURRA_LANES(log)
RECURRA_LANES(log1p)
RECURRA_LANES(sqrt)
RECURRA_LANES(tanh)
RECURRA_LANES(erf)
RECURRA_LANES(sin)
RECURRA_LANES(cos)
RECURRA_LANES(floor)
#undef RECURRA_LANES

RECURRA_INLINE Doubles sigmoid(Doubles v) { return 1.0 / (1.0 + exp(-v)); }
RECURRA_INLINE Doubles softplus(Doubles v, double limit) {
  return select(v > limit, v, relu(v) + log1p(exp(-abs(v))));
}
RECURRA_INLINE Doubles logsigmoid(Doubles v) { return at_most(v, 0.0) - log1p(exp(-abs(v))); }
RECURRA_INLINE Doubles remainder(Doubles a, Doubles b) {
  Doubles y;
  for (int k = 0; k < LANES<double>; ++k) {
    y[k] = __builtin_fmod(a[k], b[k]);
    if (y[k] != 0.0 && (y[k] < 0.0) != (b[k] < 0.0)) y[k] += b[k];
  }
  return y;
}

}  // namespace recurra
