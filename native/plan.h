// Who does what: batch rows shared out over the threads, and where a row's history lies. No barrier is needed inside the loop
// over time, since a batch row never looks at another: a part carries its rows from the first step to the last alone.
#pragma once
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <new>
#include <vector>

#include "core.h"
#include "product.h"

namespace recurra {

// Memory of one thread that is kept from call to call, so that a short call does not pay for fresh pages.
class Arena {
 public:
  ~Arena() { release(); }
  void reset() {
    if (blocks_.size() > 1 || total_ > LARGEST) {
      const size_t size = total_ > LARGEST ? 0 : total_;
      release();
      if (size) grow(size);
    }
    used_ = 0;
  }
  template <class T>
  T* take(long n) {
    const size_t size = (size_t(n) * sizeof(T) + 127) / 64 * 64;  // room for a vector past the end, aligned
    if (blocks_.empty() || used_ + size > blocks_.back().size) grow(std::max(size, total_));
    T* p = reinterpret_cast<T*>(static_cast<char*>(blocks_.back().memory) + used_);
    used_ += size;
    return p;
  }

 private:
  struct Block {
    void* memory;
    size_t size;
  };
  static constexpr size_t LARGEST = size_t(256) << 20;
  void grow(size_t size) {
    size = (size + 4095) / 4096 * 4096;
    void* memory = aligned_alloc(64, size);
    if (!memory) throw std::bad_alloc();
    blocks_.push_back({memory, size});
    total_ += size;
    used_ = 0;
  }
  void release() {
    for (Block& block : blocks_) free(block.memory);
    blocks_.clear();
    total_ = used_ = 0;
  }
  std::vector<Block> blocks_;
  size_t total_ = 0, used_ = 0;
};

// Some batch rows, the longest first, so that those still running at a step are always the first ones.
struct Part {
  long rows = 0;
  std::vector<long> row;     // batch row of each
  std::vector<long> length;  // its steps
  std::vector<long> active;  // for each step, and one more: rows still running
  std::vector<long> base;    // for each step, and one more: rows of all steps before it
  long steps() const { return long(active.size()) - 1; }
  long total() const { return base.back(); }
};

#ifndef RECURRA_LARGE  // the sanitizers' small cases are to go the ways of large ones too
#define RECURRA_LARGE 6e5
#define RECURRA_SHARE 130000
#endif
constexpr double LARGE = RECURRA_LARGE;  // bytes of W_h that no longer fit the second-level cache with what else is there

inline long parts_of(const Call& call) {
  const double work = double(call.time) * call.batch * call.units * (call.inputs + call.outputs);
  const long enough = work < 2e5 ? 1 : call.threads;  // starting a second thread costs as much as this
  return std::max(1l, std::min(call.batch, (enough + call.directions - 1) / call.directions));
}

inline std::vector<Part> plan(const Call& call) {
  const long count = parts_of(call), B = call.batch;
  std::vector<long> order(B);
  for (long b = 0; b < B; ++b) order[b] = b;
  if (call.lengths)
    std::stable_sort(order.begin(), order.end(), [&](long a, long b) { return call.lengths[a] > call.lengths[b]; });
  std::vector<Part> parts(count);
  for (long p = 0; p < count; ++p) {
    Part& part = parts[p];
    if (call.lengths)
      for (long b = p; b < B; b += count) part.row.push_back(order[b]);  // dealt out, so that every part gets long and short
    else
      for (long b = p * B / count; b < (p + 1) * B / count; ++b) part.row.push_back(b);
    part.rows = long(part.row.size());
    for (long b : part.row) part.length.push_back(call.lengths ? call.lengths[b] : call.time);
    const long steps = part.rows ? part.length[0] : 0;
    long running = part.rows, total = 0;
    for (long s = 0; s <= steps; ++s) {
      while (running && part.length[running - 1] <= s) --running;
      part.active.push_back(running);
      part.base.push_back(total);
      total += running;
    }
  }
  return parts;
}

// What a part keeps of the forward pass for the backward pass, in one stretch of memory. In inference the same names stand for
// two buffers used in turn.
template <class K>
struct Keep {
  typedef typename K::Sum T;
  typedef typename K::Elem Elem;
  T* values = nullptr;          // [total][keep*H + keep_row]  what the cell keeps
  T* history[MOST_STATES] = {};          // [rows + total][width]  each state before the first step, then after every step
  Elem* operand = nullptr;      // [total][P]  what W_h multiplied, where that is not history[0]
  Elem* of = nullptr;           // [total][OF][H]  the cell's own operands
  Elem* cell_output = nullptr;  // [total][H]  the output before its projection
  uint8_t* cut[MOST_STATES] = {};        // [total][width]  1 where `state_clip` cut the new state
  bool recorded[MOST_STATES] = {};
  size_t bytes = 0;
};

// Sizes that follow from a call and its cell.
template <class K>
struct Sizes {
  typedef typename K::Sum T;
  const Cell<T>& cell;
  long H, P, I, S, XH, GH, heads, head_width;               // XH, GH: numbers of a row of W_x x, of W_h h
  long operand_width, unit_width, x_width, h_width, input_width;  // P, H, XH, GH and I, rounded up to whole groups
  bool projected, merged, recurrent, clipped, aliased;      // aliased: W_h multiplies the recorded output itself
  explicit Sizes(const Call& call) : cell(*static_cast<const Cell<T>*>(call.cell)) {
    H = call.units, P = call.outputs, I = call.inputs, S = cell.states, heads = call.heads;
    XH = cell.x_gates * H, GH = cell.h_gates * H;
    head_width = P / heads;
    auto up = [](long n) { return groups<K>(n) * K::PAIR; };
    operand_width = up(P), unit_width = up(H), x_width = up(XH), h_width = up(GH), input_width = up(I);
    projected = call.direction[0].w_r != nullptr;
    clipped = call.direction[0].state_clip != nullptr;
    merged = cell.merged, recurrent = cell.h_gates > 0;
    aliased = recurrent && K::PAIR == 1 && !call.direction[0].mask;
  }
  double weights() const { return recurrent ? double(GH) * head_width * sizeof(typename K::Elem) : 0; }
  long width(long state) const { return state == 0 ? P : H; }
};

template <class K>
Keep<K> lay_out(const Sizes<K>& z, const Part& part, char* memory) {
  Keep<K> keep;
  size_t used = 0;
  auto take = [&](auto*& p, long n) {
    typedef std::remove_reference_t<decltype(*p)> E;
    p = memory ? reinterpret_cast<E*>(memory + used) : nullptr;
    used += (size_t(n) * sizeof(E) + 63) / 64 * 64;
  };
  const long N = part.total();
  take(keep.values, N * (z.cell.keep * z.H + z.cell.keep_row));
  for (long k = 0; k < z.S; ++k) {
    keep.recorded[k] = (z.cell.keeps_state >> k & 1) || (k == 0 && z.aliased);
    if (keep.recorded[k]) take(keep.history[k], (part.rows + N) * z.width(k));
  }
  for (long k = 0; k < z.S && z.clipped; ++k) take(keep.cut[k], N * z.width(k));
  if (z.recurrent && !z.aliased) take(keep.operand, N * z.operand_width);
  if (z.cell.of) take(keep.of, N * z.cell.of * z.unit_width);
  if (z.projected) take(keep.cell_output, N * z.unit_width);
  keep.bytes = used + 64;
  return keep;
}

}  // namespace recurra
