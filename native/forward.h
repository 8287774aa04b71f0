// The forward pass of one part: its rows, one direction, first step to last.
#pragma once
#include "layer.h"

namespace recurra {

template <class K>
class Forward {
  typedef typename K::Sum T;
  typedef typename K::Elem Elem;

 public:
  Forward(const Call& call, const Sizes<K>& z, const Weights<K>& weights, long d, const Part& part, void* memory,
          Team& team)
      : call_(call), z_(z), w_(weights), dir_(call.direction[d]), d_(d), part_(part), team_(team),
        training_(memory != nullptr) {
    if (training_) keep_ = lay_out<K>(z, part, static_cast<char*>(memory));
  }

  void run() {
    begin();
    const long chunk = chunk_steps(part_);
    for (long s = 0; s < part_.steps(); s += chunk) {
      const long end = std::min(s + chunk, part_.steps());
      read_inputs(s, end);
      for (long t = s; t < end; ++t) step(t, inputs_ + (part_.base[t] - part_.base[s]) * z_.XH);
    }
    pad();
  }

 private:
  long time(long r, long s) const { return d_ ? part_.length[r] - 1 - s : s; }
  T* before(long k, long s) {
    if (keep_.recorded[k]) return keep_.history[k] + (s ? part_.rows + part_.base[s - 1] : 0) * z_.width(k);
    return turns_[k][s & 1];
  }
  T* after(long k, long s) { return before(k, s + 1); }
  const T* vector_of(long i) const { return static_cast<const T*>(dir_.vectors[i]); }

  void begin() {
    Arena& arena = own_arena();
    const long R = part_.rows, chunk = chunk_steps(part_), rows = std::min(part_.total(), chunk * R);
    inputs_ = arena.take<T>(rows * z_.XH);
    if (!z_.merged && z_.recurrent) products_ = arena.take<T>(R * z_.GH);
    for (long k = 0; k < z_.S; ++k)
      for (long turn = 0; turn < 2 && !keep_.recorded[k]; ++turn) turns_[k][turn] = arena.take<T>(R * z_.width(k));
    if (z_.recurrent && !z_.aliased && !training_) operand_ = arena.take<Elem>(R * z_.operand_width);
    if (z_.cell.of) {
      of_ = arena.take<T>(R * z_.cell.of * z_.H);
      if (!training_) of_operand_ = arena.take<Elem>(R * z_.cell.of * z_.unit_width);
    }
    if (z_.projected) {
      wide_ = arena.take<T>(R * z_.H);
      if (!training_) wide_operand_ = arena.take<Elem>(R * z_.unit_width);
    }
    if (z_.cell.cross + z_.cell.cross_row) cross_ = arena.take<T>(R * (z_.cell.cross * z_.H + z_.cell.cross_row));
    if (z_.cell.given) given_ = arena.take<T>(R * z_.cell.given * z_.H);
    if (z_.cell.output) output_ = arena.take<T>(R * z_.H);
    scratch_ = arena.take<T>((z_.cell.scratch + 1) * z_.H * team_.size());
    if (dir_.trace_gates) gates_ = arena.take<T>(R * z_.cell.shown * z_.H);
    if (K::PAIR > 1 && !call_.tokens && (z_.I % K::PAIR)) padded_ = arena.take<Elem>(rows * z_.input_width);
    from_.resize(rows), to_.resize(rows);
    for (long k = 0; k < z_.S; ++k)
      for (long r = 0; r < R; ++r) {
        const T* state = static_cast<const T*>(dir_.state[k]) + part_.row[r] * z_.width(k);
        memcpy(before(k, 0) + r * z_.width(k), state, z_.width(k) * sizeof(T));
        if (part_.length[r] == 0) finish(k, r, state);
      }
  }

  // W_x x + b_x for all rows of some steps; from the table where the inputs are tokens.
  void read_inputs(long first, long end) {
    long j = 0;
    for (long s = first; s < end; ++s)
      for (long r = 0; r < part_.active[s]; ++r, ++j) {
        const long at = time(r, s) * call_.x_time + part_.row[r] * call_.x_row;
        to_[j] = inputs_ + j * z_.XH;
        if (call_.tokens) {
          const T* row = static_cast<const T*>(call_.x) + call_.tokens[at] * z_.XH;
          if (w_.bias_x)
            for (long i = 0; i < z_.XH; ++i) to_[j][i] = row[i] + w_.bias_x[i];
          else
            memcpy(to_[j], row, z_.XH * sizeof(T));
          continue;
        }
        from_[j] = static_cast<const Elem*>(call_.x) + at;
        if (padded_) {
          Elem* copy = padded_ + j * z_.input_width;
          memcpy(copy, from_[j], z_.I * sizeof(Elem));
          copy[z_.I] = 0;
          from_[j] = copy;
        }
      }
    if (!call_.tokens) multiply(from_.data(), j, w_.input, static_cast<const T*>(dir_.w_x), to_.data(), w_.bias_x);
  }

  // start + W a, by packed panels, or straight from W where there are too few rows for packing to pay.
  void multiply(const Elem* const* a, long rows, const Packed<K>& packed, const T* plain, T* const* c, const T* bias) {
    const Start start = bias ? Start::Bias : Start::Zero;
    if (packed.data)
      team_product<K>(team_, a, rows, packed, c, start, bias);
    else
      team_dots<T, Elem>(team_, plain, z_.I, z_.XH, a, rows, c, start, bias);
  }

  void step(long s, T* x) {
    const long n = part_.active[s], together = rows_together<K>(z_, n);
    if (call_.resets) reset(s, n);
    if (team_.size() > 1 && n > 1 && z_.cell.forward_stages == 1 && !z_.projected) {
      if (z_.recurrent) recur(s, 0, n, products(x, 0));
      const long pieces = std::min(n, team_.size());
      team_.run(pieces, [&](long i) {
        const long r = i * n / pieces;
        equations(s, r, (i + 1) * n / pieces - r, x + r * z_.XH, i);
      });
    } else {
      for (long r = 0; r < n; r += together) {
        const long count = std::min(together, n - r);
        if (z_.recurrent) recur(s, r, count, products(x + r * z_.XH, r));
        equations(s, r, count, x + r * z_.XH, 0);
      }
    }
    for (long r = part_.active[s + 1]; r < n; ++r)
      for (long k = 0; k < z_.S; ++k) finish(k, r, after(k, s) + r * z_.width(k));
  }

  // Where a row's product with W_h goes: onto that with W_x, or to a place of its own.
  T* products(T* x, long r) { return z_.merged ? x : products_ ? products_ + r * z_.GH : nullptr; }

  // The cell's equations for some rows, and what follows them. piece: whose scratch.
  void equations(long s, long first, long count, T* x, long piece) {
    const auto& cell = z_.cell;
    T* h = products(x, first);
    const T *state[MOST_STATES], *vectors[MOST_VECTORS];
    T* next[MOST_STATES];
    for (long k = 0; k < z_.S; ++k) {
      state[k] = before(k, s) + first * z_.width(k);
      next[k] = after(k, s) + first * z_.width(k);
    }
    for (long i = 0; i < cell.vectors; ++i) vectors[i] = vector_of(i);
    Step<T> step = {};
    step.rows = count, step.units = z_.H;
    step.x = x, step.h = z_.merged ? nullptr : h;
    step.state = state, step.vector = vectors, step.next = next;
    T* projected = next[0];
    if (z_.projected) next[0] = wide_ + first * z_.H;
    const long at = part_.base[s] + first;
    if (training_) step.keep = keep_.values + at * (cell.keep * z_.H + cell.keep_row);
    if (dir_.trace_gates) step.gate = gates_ + first * cell.shown * z_.H;
    if (given_) {
      T* to = given_ + first * cell.given * z_.H;
      step.given = to;
      for (long r = first; r < first + count; ++r, to += cell.given * z_.H)
        read_given(call_, cell.given, time(r, s), part_.row[r], to);
    }
    if (output_) step.output = output_ + first * z_.H;
    if (of_) step.of = of_ + first * cell.of * z_.H;
    if (cross_) step.cross = cross_ + first * (cell.cross * z_.H + cell.cross_row);
    step.scratch = scratch_ + piece * (cell.scratch + 1) * z_.H;
    cell.forward[0](&step);
    for (long j = 1; j < cell.forward_stages; ++j) {
      of_product(s, first, count, j, h);
      cell.forward[j](&step);
    }
    if (z_.projected) project(s, first, count, projected);
    if (z_.clipped) clip(s, first, count);
    if (dir_.zoneout || dir_.zone_share) zone(s, first, count);
    give(s, first, count);
  }

  // h += (or = b_h +) W_h times what the state holds.
  void recur(long s, long first, long count, T* h) {
    const Elem* a[ROWS_MOST];
    T* c[ROWS_MOST];
    for (long r0 = 0; r0 < count; r0 += ROWS_MOST) {
      const long n = std::min(long(ROWS_MOST), count - r0);
      for (long i = 0; i < n; ++i) {
        const long r = first + r0 + i;
        c[i] = h + (r0 + i) * z_.GH;
        const T* state = before(0, s) + r * z_.P;
        if constexpr (K::PAIR == 1)
          if (z_.aliased) {
            a[i] = state;
            continue;
          }
        Elem* to = training_ ? keep_.operand + (part_.base[s] + r) * z_.operand_width : operand_ + r * z_.operand_width;
        narrow(state, r, to, z_.P, z_.operand_width);
        a[i] = to;
      }
      for (const Block<K>& block : w_.recurrent)
        if (block.gate < 0 || (z_.cell.whole_gates >> block.gate & 1)) apply(block, a, n, c);
    }
  }

  void apply(const Block<K>& block, const Elem* const* a, long n, T* const* c) {
    const bool shifted = block.column || block.row;
    const Elem* part_a[ROWS_MOST];
    T* part_c[ROWS_MOST];
    for (long i = 0; i < n && shifted; ++i) part_a[i] = a[i] + block.column, part_c[i] = c[i] + block.row;
    const Elem* const* in = shifted ? part_a : a;
    T* const* out = shifted ? part_c : c;
    const T* bias = w_.bias_h ? w_.bias_h + block.row : nullptr;
    const Start start = z_.merged ? Start::Add : bias ? Start::Bias : Start::Zero;
    if (block.packed.data)
      team_product<K>(team_, in, n, block.packed, out, start, bias);
    else
      team_dots<T, Elem>(team_, static_cast<const T*>(dir_.w_h) + block.row * z_.head_width, z_.head_width, block.rows, in,
                         n, out, start, bias);
  }

  // A vector as W_h multiplies it: dropped by the mask, rounded to the operands' type, padded to whole groups.
  void narrow(const T* from, long r, Elem* to, long n, long width) {
    if (dir_.mask) {
      const T* mask = static_cast<const T*>(dir_.mask) + part_.row[r] * z_.P;
      for (long i = 0; i < n; ++i) to[i] = Narrow<Elem>::of(from[i] * mask[i]);
    } else {
      convert(from, to, n);
    }
    for (long i = n; i < width; ++i) to[i] = 0;
  }

  void of_product(long s, long first, long count, long stage, T* h) {
    const long which = z_.cell.forward_of[stage], OF = z_.cell.of;
    for (long r0 = 0; r0 < count; r0 += ROWS_MOST) {
      const Elem* a[ROWS_MOST];
      T* c[ROWS_MOST];
      const long n = std::min(long(ROWS_MOST), count - r0);
      for (long i = 0; i < n; ++i) {
        const long r = first + r0 + i;
        Elem* to = (training_ ? keep_.of + (part_.base[s] + r) * OF * z_.unit_width : of_operand_ + r * OF * z_.unit_width) +
                   which * z_.unit_width;
        narrow(of_ + (r * OF + which) * z_.H, r, to, z_.H, z_.unit_width);
        a[i] = to, c[i] = h + (r0 + i) * z_.GH;
      }
      for (const Block<K>& block : w_.recurrent)
        if (block.gate >= 0 && (z_.cell.forward_gates[stage] >> block.gate & 1)) apply(block, a, n, c);
    }
  }

  void project(long s, long first, long count, T* out) {
    for (long r0 = 0; r0 < count; r0 += ROWS_MOST) {
      const Elem* a[ROWS_MOST];
      T* c[ROWS_MOST];
      const long n = std::min(long(ROWS_MOST), count - r0);
      for (long i = 0; i < n; ++i) {
        const long r = first + r0 + i;
        Elem* to = training_ ? keep_.cell_output + (part_.base[s] + r) * z_.unit_width : wide_operand_ + r * z_.unit_width;
        convert(wide_ + r * z_.H, to, z_.H);
        for (long j = z_.H; j < z_.unit_width; ++j) to[j] = 0;
        a[i] = to, c[i] = out + (r0 + i) * z_.P;
      }
      product<K>(a, n, w_.project, c, Start::Zero);
    }
  }

  // New states cut to the largest size that they may have.
  void clip(long s, long first, long count) {
    for (long k = 0; k < z_.S; ++k) {
      const T most = T(dir_.state_clip[k]);
      if (most == 0) continue;
      const long n = count * z_.width(k);
      T* next = after(k, s) + first * z_.width(k);
      uint8_t* cut = training_ ? keep_.cut[k] + (part_.base[s] + first) * z_.width(k) : nullptr;
      for (long i = 0; i < n; ++i) {
        if (cut) cut[i] = next[i] < -most || next[i] > most;
        next[i] = next[i] < -most ? -most : next[i] > most ? most : next[i];
      }
    }
  }

  // Zoneout: a unit keeps its old value, or in evaluation the expected fraction of it.
  void zone(long s, long first, long count) {
    for (long k = 0; k < z_.S; ++k) {
      const uint8_t* held = dir_.zoneout ? dir_.zoneout[k] : nullptr;
      const T share = dir_.zone_share ? T(dir_.zone_share[k]) : T(0);
      if (!held && share == 0) continue;
      const long width = z_.width(k);
      for (long r = first; r < first + count; ++r) {
        const T* old = before(k, s) + r * width;
        T* next = after(k, s) + r * width;
        if (held) {
          const uint8_t* keep = held + (time(r, s) * call_.batch + part_.row[r]) * width;
          for (long i = 0; i < width; ++i) next[i] = keep[i] ? old[i] : next[i];
        } else {
          for (long i = 0; i < width; ++i) next[i] += share * (old[i] - next[i]);
        }
      }
    }
  }

  // Write out the step: y, and the requested traces.
  void give(long s, long first, long count) {
    for (long r = first; r < first + count; ++r) {
      const long t = time(r, s), b = part_.row[r];
      convert((output_ ? output_ : after(0, s)) + r * z_.P, static_cast<Elem*>(call_.y) + t * call_.y_time + b * call_.y_row + d_ * z_.P, z_.P);
      for (long k = 0; dir_.trace_states && k < z_.S; ++k)
        if (dir_.trace_states[k])
          memcpy(static_cast<T*>(dir_.trace_states[k]) + (t * call_.batch + b) * z_.width(k), after(k, s) + r * z_.width(k),
                 z_.width(k) * sizeof(T));
      for (long g = 0; dir_.trace_gates && g < z_.cell.shown; ++g)
        memcpy(static_cast<T*>(dir_.trace_gates[g]) + (t * call_.batch + b) * z_.H, gates_ + (r * z_.cell.shown + g) * z_.H,
               z_.H * sizeof(T));
    }
  }

  // Backwards, a document that starts at t ends between t and t - 1.
  void reset(long s, long n) {
    for (long r = 0; r < n; ++r) {
      if (d_ && s == 0) continue;
      if (!call_.resets[(time(r, s) + d_) * call_.batch + part_.row[r]]) continue;
      for (long k = 0; k < z_.S; ++k)
        memcpy(before(k, s) + r * z_.width(k), static_cast<const T*>(dir_.initial[k]) + part_.row[r] * z_.width(k),
               z_.width(k) * sizeof(T));
    }
  }

  void finish(long k, long r, const T* state) {
    memcpy(static_cast<T*>(dir_.last[k]) + part_.row[r] * z_.width(k), state, z_.width(k) * sizeof(T));
  }

  void pad() {
    for (long r = 0; r < part_.rows; ++r)
      for (long t = part_.length[r]; t < call_.time; ++t) {
        const long b = part_.row[r];
        memset(static_cast<Elem*>(call_.y) + t * call_.y_time + b * call_.y_row + d_ * z_.P, 0, z_.P * sizeof(Elem));
        for (long k = 0; dir_.trace_states && k < z_.S; ++k)
          if (dir_.trace_states[k]) {
            T* trace = static_cast<T*>(dir_.trace_states[k]) + (t * call_.batch + b) * z_.width(k);
            // Past its end a row's state stays as it was; backwards, these steps come before its first.
            memcpy(trace, static_cast<const T*>(d_ ? dir_.state[k] : dir_.last[k]) + b * z_.width(k), z_.width(k) * sizeof(T));
          }
        for (long g = 0; dir_.trace_gates && g < z_.cell.shown; ++g)
          memset(static_cast<T*>(dir_.trace_gates[g]) + (t * call_.batch + b) * z_.H, 0, z_.H * sizeof(T));
      }
  }

  static constexpr long ROWS_MOST = 64;
  const Call& call_;
  const Sizes<K>& z_;
  const Weights<K>& w_;
  const Direction& dir_;
  const long d_;
  const Part& part_;
  Team& team_;
  const bool training_;
  Keep<K> keep_;
  T *inputs_ = nullptr, *products_ = nullptr, *turns_[MOST_STATES][2] = {}, *of_ = nullptr, *wide_ = nullptr, *cross_ = nullptr;
  T *scratch_ = nullptr, *gates_ = nullptr, *given_ = nullptr, *output_ = nullptr;
  Elem *operand_ = nullptr, *of_operand_ = nullptr, *wide_operand_ = nullptr, *padded_ = nullptr;
  std::vector<const Elem*> from_;
  std::vector<T*> to_;
};

}  // namespace recurra
