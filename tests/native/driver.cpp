// Run by test_native: the core with some generated cells over random sizes and options. It looks that one thread and several give
// the same numbers (test_cpu_backend compares them with the equations), and with a second argument prints them.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "core.h"
#include "plan.h"

using namespace recurra;

#define CELL(NAME)                                                              \
  extern "C" void NAME##_forward_0_f32(const Step<float>*);                     \
  extern "C" void NAME##_backward_0_f32(const Step<float>*);
#define STAGE(NAME, NUMBER)                                                     \
  extern "C" void NAME##_forward_##NUMBER##_f32(const Step<float>*);            \
  extern "C" void NAME##_backward_##NUMBER##_f32(const Step<float>*);
#include "cells.inc"  // made by the test: the declarations, and `Cell<float> cells[]`

static std::mt19937 generator(1);
static long pick(long low, long high) { return std::uniform_int_distribution<long>(low, high)(generator); }

// Exactly as large as asked for, so that one number too far is seen.
struct Numbers {
  std::vector<float> values;
  explicit Numbers(long n, float scale = 1) : values(n) {
    for (float& v : values) v = scale * std::uniform_real_distribution<float>(-1, 1)(generator);
  }
};

static void threads(void (*work)(void*), void* data, unsigned count, unsigned) {
  std::vector<std::thread> others;
  for (unsigned i = 1; i < count; ++i) others.emplace_back(work, data);
  work(data);
  for (std::thread& other : others) other.join();
}

struct Case {
  Call call = {};
  std::vector<Numbers> memory;
  std::vector<std::vector<const void*>> lists;
  std::vector<int64_t> lengths;
  std::vector<long> strides;
  std::vector<uint8_t> resets, held;
  std::vector<double> shares;
  std::vector<size_t> results;

  void* fresh(long n, float scale = 1) {
    memory.emplace_back(n, scale);
    return memory.back().values.data();
  }
  void* result(long n) {
    results.push_back(memory.size());
    return fresh(n);
  }
  const void* const* list(std::vector<const void*> pointers) {
    lists.push_back(std::move(pointers));
    return lists.back().data();
  }

  Case(Cell<float>& cell, long seed, bool half) {
    generator.seed(unsigned(seed));
    memory.reserve(400), lists.reserve(100);
    const long T = pick(1, 12), B = pick(1, 9), I = pick(1, 20), D = pick(1, 2), X = cell.x_gates, G = cell.h_gates;
    const bool projects = cell.states > 1 && !(cell.keeps_state & 1) && cell.h_gates && !cell.of && !cell.output && pick(0, 3) == 0;
    const long heads = !projects && cell.h_gates && pick(0, 3) == 0 ? 2 : 1, H = pick(2, 24) * heads;
    const long P = projects ? pick(1, H - 1) : H, E = half ? 2 : 4;
    call.cell = &cell, call.io = half ? BF16 : F32;
    call.time = T, call.batch = B, call.inputs = I, call.units = H, call.outputs = P, call.heads = heads, call.directions = D;
    call.parallel = threads;
    const bool ragged = pick(0, 1), resetting = pick(0, 1);
    for (long b = 0; b < B && ragged; ++b) lengths.push_back(pick(0, T));
    for (long i = 0; i < T * B && resetting; ++i) resets.push_back(pick(0, 4) == 0);
    if (ragged) call.lengths = lengths.data();
    if (resetting) call.resets = resets.data();
    call.x = operands(T * B * I, half), call.x_time = B * I, call.x_row = I;
    call.y = result(T * B * D * P * E / 4 + 1), call.y_time = B * D * P, call.y_row = D * P;
    call.dy = operands(T * B * D * P, half), call.dy_time = B * D * P, call.dy_row = D * P;
    std::vector<const void*> given;
    for (long i = 0; i < cell.given; ++i) {  // one number a unit, or one a row
      given.push_back(fresh(T * B * H));
      const long wide = pick(0, 1) ? H : 1;
      strides.insert(strides.end(), {B * wide, wide, wide > 1});
    }
    call.given = list(given), call.given_strides = strides.data();
    const long zone = pick(0, 2), clipping = pick(0, 3) == 0;
    for (long i = 0; i < T * B * H; ++i) held.push_back(pick(0, 3) == 0);
    shares.assign(8, 0.25);
    for (long d = 0; d < D; ++d) {
      Direction& dir = call.direction[d];
      auto states = [&](bool written) {
        std::vector<const void*> pointers;
        for (long k = 0; k < cell.states; ++k) pointers.push_back(written ? result(B * (k ? H : P)) : fresh(B * (k ? H : P)));
        return list(pointers);
      };
      auto traces = [&](bool written) {
        std::vector<const void*> pointers;
        for (long k = 0; k < cell.states; ++k)
          pointers.push_back(written ? result(T * B * (k ? H : P)) : fresh(T * B * (k ? H : P)));
        return list(pointers);
      };
      dir.w_x = fresh(X * H * I, 0.3f);
      if (cell.h_gates) dir.w_h = fresh(G * H * P / heads, 0.3f);
      if (pick(0, 2)) dir.b_x = fresh(X * H), dir.b_h = cell.h_gates ? fresh(G * H) : nullptr;
      if (projects) dir.w_r = fresh(P * H, 0.3f);
      std::vector<const void*> vectors, dvectors;
      for (long i = 0; i < cell.vectors; ++i) vectors.push_back(fresh(H)), dvectors.push_back(result(H));
      dir.vectors = list(vectors), dir.dvectors = const_cast<void* const*>(list(dvectors));
      dir.state = states(false), dir.initial = resetting ? states(false) : nullptr;
      dir.last = const_cast<void* const*>(states(true));
      if (cell.h_gates && pick(0, 1)) dir.mask = fresh(B * P);
      if (zone == 1) {
        std::vector<const void*> masks(size_t(cell.states), held.data());
        dir.zoneout = reinterpret_cast<const uint8_t* const*>(list(masks));
      } else if (zone == 2) {
        dir.zone_share = shares.data();
      }
      if (clipping) dir.state_clip = shares.data();
      if (pick(0, 1)) dir.trace_states = const_cast<void* const*>(traces(true)), dir.dtrace_states = traces(false);
      dir.dlast = states(false);
      dir.dx = result(T * B * I * E / 4 + 1);
      dir.dw_x = result(X * H * I);
      if (cell.h_gates) dir.dw_h = result(G * H * P / heads);
      if (dir.b_x) dir.db_x = result(X * H), dir.db_h = cell.h_gates ? result(G * H) : nullptr;
      if (projects) dir.dw_r = result(P * H);
      std::vector<const void*> dgiven;
      for (long i = 0; i < cell.given; ++i) dgiven.push_back(result(T * B * H));
      dir.dgiven = const_cast<void* const*>(list(dgiven));
      dir.dstate = const_cast<void* const*>(states(true));
      if (resetting) dir.dinitial = const_cast<void* const*>(states(true));
    }
  }
  void* operands(long n, bool half) {
    float* values = static_cast<float*>(fresh(half ? n / 2 + 1 : n));
    uint16_t* halves = reinterpret_cast<uint16_t*>(values);
    for (long i = 0; i < n && half; ++i) halves[i] = uint16_t(0x3f00 + pick(0, 127) + 0x8000 * pick(0, 1));
    return values;
  }

  bool run(long count) {
    call.threads = count;
    std::vector<std::vector<char>> keep(2);
    for (long d = 0; d < call.directions; ++d) {
      keep[d].resize(size_t(recurra_keep_bytes(&call)) + 64);
      call.direction[d].keep = keep[d].data() + (64 - reinterpret_cast<uintptr_t>(keep[d].data()) % 64);
    }
    return recurra_forward(&call) == 0 && recurra_backward(&call) == 0;
  }
  std::vector<std::vector<float>> outcome() {
    std::vector<std::vector<float>> all;
    for (size_t i : results) all.push_back(memory[i].values);
    return all;
  }
};

int main(int argc, char** argv) {
  const long cases = argc > 1 ? atol(argv[1]) : 20;
  long compared = 0;
  for (size_t c = 0; c < sizeof cells / sizeof *cells; ++c)
    for (long seed = 0; seed < cases; ++seed) {
      const bool half = seed % 4 == 3;
      Case one(cells[c], seed, half), several(cells[c], seed, half);
      if (!one.run(1) || !several.run(3)) return printf("cell %zu case %ld: out of memory\n", c, seed), 1;
      const auto a = one.outcome(), b = several.outcome();
      for (size_t i = 0; i < a.size() && !half; ++i)
        for (size_t j = 0; j < a[i].size(); ++j, ++compared) {
          if (argc > 2) printf("%.7g\n", a[i][j]);
          if (!(std::fabs(a[i][j] - b[i][j]) <= 1e-3f * (1 + std::fabs(a[i][j]))))
            return printf("cell %zu case %ld: result %zu [%zu] is %g with one thread, %g with three\n", c, seed, i, j, a[i][j], b[i][j]), 1;
        }
    }
  printf("%ld numbers compared\n", compared);
  return compared ? 0 : 1;
}
