// The core: a layer over a whole sequence, forward and backward, for any cell. See core.h for the contract.
//
// The batch is shared out over the threads for the whole sequence (plan.h). Each part multiplies its inputs by W_x for some steps
// at once, then walks the steps: product with W_h, the cell's generated equations, next. Backward it walks them the other way
// and does the weights' products chunk by chunk, while the gates' gradients are in cache.
#include "core.h"

#include <cstddef>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "backward.h"
#include "forward.h"
#include "watch.h"

namespace recurra {

// Ask for large pages under memory that is about to be filled for the first time: a page of 4 KB at a time, that costs more
// than what is then written to it.
void expect(const void* memory, size_t bytes) {
#if defined(__linux__)
  const uintptr_t first = (reinterpret_cast<uintptr_t>(memory) + 4095) / 4096 * 4096;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + bytes) / 4096 * 4096;
  if (memory && bytes >= (size_t(4) << 20)) madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
#endif
}

template <class T>
const T* as(const void* p) {
  return static_cast<const T*>(p);
}

// b_x, or b_x + b_h where one buffer holds both products.
template <class T>
T* sum_of(const void* a, const void* b, long n, Arena& arena) {
  if (!a && !b) return nullptr;
  T* sum = arena.take<T>(n);
  for (long i = 0; i < n; ++i) sum[i] = (a ? as<T>(a)[i] : T(0)) + (b ? as<T>(b)[i] : T(0));
  return sum;
}

// Multiply-adds of a part's largest product in one step.
template <class K>
double step_product(const Sizes<K>& z, const std::vector<Part>& parts) {
  return double(z.GH) * (z.recurrent ? z.P : 0) * parts[0].rows;
}

template <class K>
long forward(const Call& call) {
  typedef typename K::Sum T;
  const Sizes<K> z(call);
  const std::vector<Part> parts = plan(call);
  Arena& arena = shared_arena();
  arena.reset();
  Packing<K> packing{{}, arena};
  // So few rows that laying the weights out would cost more than their product does.
  const bool plain = call.time * ((call.batch + long(parts.size()) - 1) / long(parts.size())) <= 3;
  std::vector<Weights<K>> weights(call.directions);
  for (long d = 0; d < call.directions; ++d) {
    const Direction& dir = call.direction[d];
    Weights<K>& w = weights[d];
    w.recurrent = blocks_of(z);
    w.bias_x = sum_of<T>(call.tokens ? nullptr : dir.b_x, z.merged && z.recurrent ? dir.b_h : nullptr, z.XH, arena);
    if (!z.merged && z.recurrent) w.bias_h = sum_of<T>(dir.b_h, nullptr, z.GH, arena);
    if (!plain && !call.tokens) w.input = packing.add(as<T>(dir.w_x), 1, z.I, z.I, z.XH);
    if (plain || call.tokens) w.input = {nullptr, 0, 0};
    for (Block<K>& block : w.recurrent)
      block.packed = plain ? Packed<K>{nullptr, 0, 0}
                           : packing.add(as<T>(dir.w_h) + block.row * z.head_width, 1, z.head_width, z.head_width, block.rows);
    if (z.projected) w.project = packing.add(as<T>(dir.w_r), 1, z.H, z.H, z.P);
  }
  std::vector<size_t> offset(parts.size() + 1, 0);
  for (size_t p = 0; p < parts.size(); ++p) offset[p + 1] = offset[p] + lay_out<K>(z, parts[p], nullptr).bytes;
  for (long d = 0; d < call.directions; ++d) expect(call.direction[d].keep, offset.back());
  expect(call.y, sizeof(typename K::Elem) * call.time * call.batch * call.directions * z.P);
  if (!packing.run(call)) return 1;
  const long count = long(parts.size()) * call.directions;
  return !run_teams(call, count, step_product(z, parts), [&](long i, Team& team) {
    const long d = i % call.directions, p = i / call.directions;
    own_arena().reset();
    char* memory = static_cast<char*>(call.direction[d].keep);
    Forward<K>(call, z, weights[d], d, parts[p], memory ? memory + offset[p] : nullptr, team).run();
  });
}

// Every array of weights' gradients, with its size.
template <class K>
struct GradientList {
  typedef typename K::Sum T;
  struct Entry {
    T* to;
    long size;
  };
  std::vector<Entry> entries;

  // A part's share: the first part writes into the caller's memory, the others into their own.
  Gradients<K> share(const Call& call, const Sizes<K>& z, const Direction& dir, bool first, Arena& arena) {
    Gradients<K> g;
    auto place = [&](void* wanted, long size) -> T* {
      if (!wanted) return nullptr;
      T* to = first ? static_cast<T*>(wanted) : arena.take<T>(size);
      entries.push_back({to, size});
      return to;
    };
    g.w_x = place(call.tokens ? nullptr : dir.dw_x, z.XH * z.I);
    g.w_h = place(dir.dw_h, z.GH * z.head_width);
    g.b_x = place(dir.db_x, z.XH);
    g.b_h = place(z.merged ? nullptr : dir.db_h, z.GH);
    g.w_r = place(dir.dw_r, z.P * z.H);
    g.table = place(call.tokens ? dir.dx : nullptr, call.table_rows * z.XH);
    for (long i = 0; i < z.cell.vectors; ++i) {
      T* to = place(dir.dvectors ? dir.dvectors[i] : nullptr, z.H);
      if (!to) to = arena.take<T>(z.H);  // the generated code always adds it up
      g.vectors.push_back(to);
    }
    return g;
  }
};

template <class K>
long backward(const Call& call) {
  typedef typename K::Sum T;
  const Sizes<K> z(call);
  const std::vector<Part> parts = plan(call);
  Arena& arena = shared_arena();
  arena.reset();
  Packing<K> packing{{}, arena};
  std::vector<Weights<K>> weights(call.directions);
  for (long d = 0; d < call.directions; ++d) {
    const Direction& dir = call.direction[d];
    Weights<K>& w = weights[d];
    w.recurrent = blocks_of(z);
    if (dir.dx && !call.tokens) w.input = packing.add(as<T>(dir.w_x), z.I, 1, z.XH, z.I);
    for (Block<K>& block : w.recurrent)
      block.packed = packing.add(as<T>(dir.w_h) + block.row * z.head_width, z.head_width, 1, block.rows, block.columns);
    if (z.projected) w.project = packing.add(as<T>(dir.w_r), z.H, 1, z.P, z.H);
  }
  std::vector<size_t> offset(parts.size() + 1, 0);
  for (size_t p = 0; p < parts.size(); ++p) offset[p + 1] = offset[p] + lay_out<K>(z, parts[p], nullptr).bytes;
  const long D = call.directions, count = long(parts.size()) * D;
  std::vector<GradientList<K>> lists(count);
  std::vector<Gradients<K>> gradients(count);
  for (long i = 0; i < count; ++i) gradients[i] = lists[i].share(call, z, call.direction[i % D], i < D, arena);
  for (long d = 0; d < D; ++d)
    if (!call.tokens) expect(call.direction[d].dx, sizeof(typename K::Elem) * call.time * call.batch * z.I);
  if (!packing.run(call)) return 1;
  const bool done = run_teams(call, count, step_product(z, parts), [&](long i, Team& team) {
    own_arena().reset();
    for (auto& entry : lists[i].entries) memset(entry.to, 0, entry.size * sizeof(T));
    char* memory = static_cast<char*>(call.direction[i % D].keep);
    Backward<K>(call, z, weights[i % D], i % D, parts[i / D], memory + offset[i / D], gradients[i],
                team)
        .run();
  });
  if (!done) return 1;
  // The parts' shares are added up in their order, whoever computed them: the same threads, the same bits.
  if (count > D) {
    struct Sum {
      long list, entry, first, last;
    };
    std::vector<Sum> sums;
    constexpr long SPAN = 1 << 15;
    for (long d = 0; d < D; ++d)
      for (size_t e = 0; e < lists[d].entries.size(); ++e)
        for (long i = 0; i < lists[d].entries[e].size; i += SPAN)
          sums.push_back({d, long(e), i, std::min(i + SPAN, lists[d].entries[e].size)});
    run_all(call, call.threads, long(sums.size()), [&](long j) {
      const Sum& sum = sums[j];
      T* to = lists[sum.list].entries[sum.entry].to;
      for (long other = sum.list + D; other < count; other += D) {
        const T* from = lists[other].entries[sum.entry].to;
        for (long i = sum.first; i < sum.last; ++i) to[i] += from[i];
      }
    });
  }
  for (long d = 0; d < D; ++d) {
    const Direction& dir = call.direction[d];
    if (z.merged && dir.db_h && dir.db_x) memcpy(dir.db_h, dir.db_x, z.GH * sizeof(T));
  }
  return 0;
}

template <class K>
long keep_bytes(const Call& call) {
  const Sizes<K> z(call);
  size_t bytes = 0;
  for (const Part& part : plan(call)) bytes += lay_out<K>(z, part, nullptr).bytes;
  return long(bytes);
}

}  // namespace recurra

namespace recurra {

std::string layout() {
  std::string text;
  auto add = [&](const char* name, const char* type, size_t offset, size_t size) {
    text += std::string(name) + " " + type + " " + std::to_string(offset) + " " + std::to_string(size) + ";";
  };
  typedef float T;
#define FIELD(type, name) add(NAME "." #name, #type, offsetof(STRUCTURE, name), sizeof(STRUCTURE::name));
#define LIST(type, name, count) FIELD(type, name)
#define STRUCTURE Step<T>
#define NAME "Step"
#include "fields_step.h"
#undef STRUCTURE
#undef NAME
#define STRUCTURE Cell<T>
#define NAME "Cell"
#include "fields_cell.h"
#undef STRUCTURE
#undef NAME
#define STRUCTURE Watched
#define NAME "Watched"
#include "fields_watched.h"
#undef STRUCTURE
#undef NAME
#define STRUCTURE Watch
#define NAME "Watch"
#include "fields_watch.h"
#undef STRUCTURE
#undef NAME
#define STRUCTURE Direction
#define NAME "Direction"
#include "fields_direction.h"
#undef STRUCTURE
#undef NAME
#define STRUCTURE Call
#define NAME "Call"
#include "fields_call.h"
#undef STRUCTURE
#undef NAME
#undef FIELD
#undef LIST
  return text;
}

}  // namespace recurra

using recurra::Call;

template <class Work>
static long guarded(Work work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return 1;
  }
}

// A function for the call's type of numbers. The browser's module has one.
#if defined(RECURRA_FLOAT32_ONLY)
#define BY_TYPE(function) recurra::function<recurra::Single>(*call)
#else
#define BY_TYPE(function)                                                    \
  (call->io == recurra::F32   ? recurra::function<recurra::Single>(*call)    \
   : call->io == recurra::F64 ? recurra::function<recurra::Double>(*call)    \
                              : recurra::function<recurra::Half>(*call))
#endif

extern "C" {
__attribute__((visibility("default"))) long recurra_keep_bytes(const Call* call) { return BY_TYPE(keep_bytes); }
__attribute__((visibility("default"))) long recurra_forward(const Call* call) {
  if (call->watch && !recurra::same(*call->watch)) return 2;
  return guarded([&] { return BY_TYPE(forward); });
}
__attribute__((visibility("default"))) long recurra_backward(const Call* call) {
  return guarded([&] { return BY_TYPE(backward); });
}
__attribute__((visibility("default"))) long recurra_look(const recurra::Watch* watch) {
  for (long i = 0; i < watch->count; ++i)
    if (!recurra::look(*watch, watch->watched[i])) return 1;
  return 0;
}
__attribute__((visibility("default"))) long recurra_same(const recurra::Watch* watch) { return recurra::same(*watch); }
// Every field of the structures, "Call.time long 16 8;" and so on, so that the caller can see that it lays them out the same way.
__attribute__((visibility("default"))) const char* recurra_layout() {
  static const std::string text = recurra::layout();
  return text.c_str();
}
}
