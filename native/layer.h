// One layer as the threads see it: its parts, its packed weights, and the queue of jobs.
#pragma once
#include <atomic>
#include <memory>

#include "plan.h"
#include "team.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace recurra {

// While it lives, results too small for a normal number are zero: a decaying state would else run a hundred times as slow.
class NoDenormals {
 public:
#if defined(__x86_64__)
  NoDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~NoDenormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  NoDenormals() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
    __asm__ volatile("msr fpcr, %0" : : "r"(before_ | (1ul << 24)));
  }
  ~NoDenormals() { __asm__ volatile("msr fpcr, %0" : : "r"(before_)); }

 private:
  unsigned long before_;
#endif
};

// Run `work(i)` for every i < count on at most `threads` threads. False where memory ran out.
template <class Work>
bool run_all(const Call& call, long threads, long count, Work work) {
  struct Shared {
    Work& work;
    long count;
    std::atomic<long> next{0};
    std::atomic<bool> failed{false};
  } shared{work, count};
  auto loop = [](void* data) {
    Shared& s = *static_cast<Shared*>(data);
    NoDenormals flushed;
    try {
      for (long i = s.next++; i < s.count; i = s.next++) s.work(i);
    } catch (const std::bad_alloc&) {
      s.failed = true;
    }
  };
  threads = std::min(threads, count);
  if (threads > 1 && call.parallel)
    call.parallel(loop, &shared, unsigned(threads), 0);
  else
    loop(&shared);
  return !shared.failed;
}

constexpr double WORTH_SHARING = RECURRA_SHARE;  // multiply-adds: below, waking the others takes as long as they save

// Jobs for the call's threads, `work(i, team)` for every i < count. Threads left over join the jobs' teams, where one step's
// product, of so many multiply-adds, is worth sharing.
template <class Work>
bool run_teams(const Call& call, long count, double product, Work work) {
  const long size = call.parallel && product >= WORTH_SHARING ? std::max(1l, call.threads / count) : 1;
  if (size == 1) {
    return run_all(call, call.threads, count, [&](long i) {
      Team alone(1);
      work(i, alone);
    });
  }
  std::vector<std::unique_ptr<Team>> teams;
  for (long i = 0; i < count; ++i) teams.emplace_back(new Team(size));
  return run_all(call, call.threads, count * size, [&](long i) {
    if (i >= count) {
      teams[i % count]->serve();
      return;
    }
    struct Dismiss {  // also where memory runs out: nobody may wait for a leader that is gone
      Team& team;
      ~Dismiss() { team.dismiss(); }
    } dismiss{*teams[i]};
    work(i, *teams[i]);
  });
}

// `product`, its columns shared out over the team.
template <class K>
void team_product(Team& team, const typename K::Elem* const* a, long rows, const Packed<K>& b, typename K::Sum* const* c,
                  Start start, const typename K::Sum* bias = nullptr) {
  const long all = panels(b.columns, Lanes<typename K::Sum>::count);
  const long pieces = double(rows) * b.depth * b.columns < WORTH_SHARING ? 1 : std::min(all, team.size());
  if (team.size() == 1 || pieces == 1) {
    product<K>(a, rows, b, c, start, bias);
    return;
  }
  team.run(pieces, [&](long i) { product<K>(a, rows, b, c, start, bias, i * all / pieces, (i + 1) * all / pieces); });
}

// `dots`, its columns shared out over the team.
template <class T, class Elem>
void team_dots(Team& team, const T* w, long depth, long columns, const Elem* const* a, long rows, T* const* c, Start start,
               const T* bias) {
  const long pieces = double(rows) * depth * columns < WORTH_SHARING ? 1 : team.size();
  if (team.size() == 1 || pieces == 1) {
    dots<T, Elem>(w, depth, columns, a, rows, c, start, bias);
    return;
  }
  team.run(pieces, [&](long i) {
    const long first = i * columns / pieces / 4 * 4, end = i + 1 == pieces ? columns : (i + 1) * columns / pieces / 4 * 4;
    std::vector<T*> out(c, c + rows);
    for (T*& row : out) row += first;
    dots<T, Elem>(w + first * depth, depth, end - first, a, rows, out.data(), start, bias ? bias + first : nullptr);
  });
}

// One rectangle of W_h: gates' rows and a head's columns. A plain layer has a single one.
template <class K>
struct Block {
  long gate, row, rows;  // rows of W_h; gate -1: all gates
  long column, columns;  // outputs that they multiply
  Packed<K> packed;
};

template <class K>
struct Weights {
  typedef typename K::Sum T;
  Packed<K> input, project;
  std::vector<Block<K>> recurrent;
  T *bias_x = nullptr, *bias_h = nullptr;
};

template <class K>
std::vector<Block<K>> blocks_of(const Sizes<K>& z) {
  std::vector<Block<K>> blocks;
  if (!z.recurrent) return blocks;
  if (z.heads == 1 && z.cell.forward_stages == 1) {
    blocks.push_back({-1, 0, z.GH, 0, z.P, {}});
    return blocks;
  }
  for (long g = 0; g < z.cell.h_gates; ++g)
    for (long k = 0; k < z.heads; ++k)
      blocks.push_back({g, g * z.H + k * (z.H / z.heads), z.H / z.heads, k * z.head_width, z.head_width, {}});
  return blocks;
}

// Panels to be packed, each a task of its own.
template <class K>
struct Packing {
  typedef typename K::Sum T;
  struct Task {
    const T* from;
    long k_stride, n_stride, depth, columns;
    typename K::Group* to;
    long panel;
  };
  std::vector<Task> tasks;
  Arena& arena;

  Packed<K> add(const T* from, long k_stride, long n_stride, long depth, long columns) {
    constexpr long L = Lanes<T>::count;
    typename K::Group* to = arena.take<typename K::Group>(packed_groups<K>(depth, columns));
    for (long p = 0; p < panels(columns, L); ++p) tasks.push_back({from, k_stride, n_stride, depth, columns, to, p});
    return {to, groups<K>(depth), columns};
  }
  bool run(const Call& call) {
    long numbers = 0;
    for (const Task& t : tasks) numbers += t.depth * std::min(t.columns, PANEL * Lanes<T>::count);
    const long threads = numbers < 60000 ? 1 : call.threads;  // a second thread takes longer to start
    return run_all(call, threads, long(tasks.size()), [&](long i) {
      const Task& t = tasks[i];
      pack_panel<K>(t.from, t.k_stride, t.n_stride, t.depth, t.columns, t.to, t.panel);
    });
  }
};

// Batch rows that go through a step's products and equations together. Where W_h fits the second-level cache, few: what lies
// between product and equations then stays in the first. Else all, so that each panel of W_h is fetched once a step.
template <class K>
long rows_together(const Sizes<K>& z, long rows) {
  if (z.weights() > LARGE) return rows;
  const long fit = 24000 / (std::max(z.XH, z.GH) * long(sizeof(typename K::Sum))) / ROWS * ROWS;
  return std::max(long(ROWS), fit);
}

// Steps whose inputs are multiplied at once: enough rows for a product at full speed, few enough to stay in cache.
inline long chunk_steps(const Part& part) {
  return std::max(1l, 256 / std::max(1l, part.rows));
}

// What the call gives a row at a step, H numbers each, side by side.
template <class T>
void read_given(const Call& call, long count, long time, long row, T* to) {
  for (long k = 0; k < count; ++k, to += call.units) {
    const long* stride = call.given_strides + 3 * k;
    const T* from = static_cast<const T*>(call.given[k]) + time * stride[0] + row * stride[1];
    if (stride[2])
      memcpy(to, from, call.units * sizeof(T));
    else
      std::fill(to, to + call.units, *from);
  }
}

inline Arena& shared_arena() {
  static thread_local Arena arena;
  return arena;
}
inline Arena& own_arena() {
  static thread_local Arena arena;
  return arena;
}

}  // namespace recurra
