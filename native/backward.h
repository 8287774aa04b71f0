// The backward pass of one part: its rows, one direction, last step to first, and its share of the weights' gradients.
#pragma once
#include "layer.h"

namespace recurra {

// Where a part adds its share of the weights' gradients: the caller's memory, or its own if several parts work on one direction.
template <class K>
struct Gradients {
  typedef typename K::Sum T;
  T *w_x = nullptr, *w_h = nullptr, *b_x = nullptr, *b_h = nullptr, *w_r = nullptr, *table = nullptr;
  std::vector<T*> vectors;
};

template <class K>
class Backward {
  typedef typename K::Sum T;
  typedef typename K::Elem Elem;

 public:
  Backward(const Call& call, const Sizes<K>& z, const Weights<K>& weights, long d, const Part& part, void* memory,
           const Gradients<K>& gradients, Team& team)
      : call_(call), z_(z), w_(weights), dir_(call.direction[d]), d_(d), part_(part), team_(team),
        g_(gradients), keep_(lay_out<K>(z, part, static_cast<char*>(memory))) {}

  void run() {
    begin();
    const long chunk = chunk_steps(part_), steps = part_.steps();
    for (long end = steps; end > 0;) {
      const long first = (end - 1) / chunk * chunk;
      first_ = first;
      for (long s = end - 1; s >= first; --s) step(s);
      weights(first, end);
      end = first;
    }
    finish();
  }

 private:
  static constexpr long ROWS_MOST = 64;
  long time(long r, long s) const { return d_ ? part_.length[r] - 1 - s : s; }
  const T* before(long k, long s) const {
    return keep_.history[k] + (s ? part_.rows + part_.base[s - 1] : 0) * z_.width(k);
  }
  const Elem* operand(long s, long r) const {  // what W_h multiplied
    if constexpr (K::PAIR == 1)
      if (z_.aliased) return before(0, s) + r * z_.P;
    return keep_.operand + (part_.base[s] + r) * z_.operand_width;
  }
  long at(long s, long r) const { return part_.base[s] - part_.base[first_] + r; }  // a row's place in the chunk

  void begin() {
    Arena& arena = own_arena();
    const long R = part_.rows, rows = std::min(part_.total(), chunk_steps(part_) * R);
    for (long k = 0; k < z_.S; ++k) {
      for (T*& turn : carry_[k]) turn = arena.take<T>(R * z_.width(k));
      if (zoned(k)) zone_[k] = arena.take<T>(R * z_.width(k));
      for (long r = 0; r < R; ++r) {
        const long b = part_.row[r], width = z_.width(k);
        T* first = carry_[k][0] + r * width;
        if (dir_.dlast && dir_.dlast[k])
          memcpy(first, static_cast<const T*>(dir_.dlast[k]) + b * width, width * sizeof(T));
        else
          memset(first, 0, width * sizeof(T));
        if (!d_) padding_trace(k, r, first);
        memcpy(carry_[k][1] + r * width, first, width * sizeof(T));
        if (dir_.dinitial && dir_.dinitial[k]) memset(static_cast<T*>(dir_.dinitial[k]) + b * width, 0, width * sizeof(T));
      }
    }
    dx_ = arena.take<T>(rows * z_.XH);
    dh_ = z_.merged || !z_.recurrent ? dx_ : arena.take<T>(rows * z_.GH);
    if (K::PAIR > 1) {
      dx_operand_ = arena.take<Elem>(rows * z_.x_width);
      dh_operand_ = dh_ == dx_ ? dx_operand_ : arena.take<Elem>(rows * z_.h_width);
    } else {
      dx_operand_ = reinterpret_cast<Elem*>(dx_), dh_operand_ = reinterpret_cast<Elem*>(dh_);
    }
    if (z_.projected) {
      wide_ = arena.take<T>(R * z_.H);
      unread_ = arena.take<T>(R * z_.H);
      dproject_ = arena.take<Elem>(rows * z_.operand_width);
    }
    if (dir_.mask || z_.cell.of) masked_ = arena.take<T>(ROWS_MOST * z_.P);
    if (z_.cell.of) dof_ = arena.take<T>(R * z_.cell.of * z_.H);
    if (z_.cell.cross + z_.cell.cross_row) cross_ = arena.take<T>(R * (z_.cell.cross * z_.H + z_.cell.cross_row));
    if (z_.cell.given) {
      given_ = arena.take<T>(R * z_.cell.given * z_.H);
      dgiven_ = arena.take<T>(R * z_.cell.given * z_.H);
    }
    if (z_.cell.output) doutput_ = arena.take<T>(R * z_.H);
    scratch_ = arena.take<T>((z_.cell.scratch_backward + 1) * z_.H * team_.size());
    if (K::PAIR > 1 && dir_.dx && !call_.tokens) dinput_ = arena.take<T>(rows * z_.I);
    long n = std::max(z_.I, z_.P), room = outer_groups<K>(rows, std::max(z_.XH, z_.GH), n);
    if (z_.projected) room = std::max(room, outer_groups<K>(rows, z_.P, z_.H));
    room_size_ = (room + 64) * team_.size();
    room_ = arena.take<typename K::Group>(room_size_);
    a_.resize(rows), b_.resize(rows), c_.resize(rows);
  }

  bool zoned(long k) const {
    return (dir_.zoneout && dir_.zoneout[k]) || (dir_.zone_share && dir_.zone_share[k] != 0);
  }

  // A row past its end holds its state, so the gradient of those steps' trace goes to that state.
  void padding_trace(long k, long r, T* to) {
    if (!dir_.dtrace_states || !dir_.dtrace_states[k]) return;
    const long width = z_.width(k);
    for (long t = part_.length[r]; t < call_.time; ++t) {
      const T* from = static_cast<const T*>(dir_.dtrace_states[k]) + (t * call_.batch + part_.row[r]) * width;
      for (long i = 0; i < width; ++i) to[i] += from[i];
    }
  }

  void step(long s) {
    const long n = part_.active[s], together = rows_together<K>(z_, n);
    if (team_.size() > 1 && n > 1 && z_.cell.backward_stages == 1 && !z_.projected && !z_.cell.vectors) {
      const long pieces = std::min(n, team_.size());
      team_.run(pieces, [&](long i) {
        const long r = i * n / pieces;
        equations(s, r, (i + 1) * n / pieces - r, i);
      });
      through(s, 0, n);
    } else {
      for (long r = 0; r < n; r += together) {
        const long count = std::min(together, n - r);
        equations(s, r, count, 0);
        through(s, r, count);
      }
    }
    if (call_.resets) reset(s, n);
  }

  T* dnext(long k, long s) { return carry_[k][(part_.steps() - 1 - s) & 1]; }
  T* dstate(long k, long s) { return carry_[k][(part_.steps() - s) & 1]; }

  // The gradient of the cell's equations for some rows. piece: whose scratch.
  void equations(long s, long first, long count, long piece) {
    const auto& cell = z_.cell;
    take_in(s, first, count);
    const T *state[MOST_STATES], *dnext_rows[MOST_STATES], *vectors[MOST_VECTORS];
    T *dstate_rows[MOST_STATES], *dvectors[MOST_VECTORS];
    for (long k = 0; k < z_.S; ++k) {
      state[k] = keep_.recorded[k] ? before(k, s) + first * z_.width(k) : nullptr;
      dnext_rows[k] = dnext(k, s) + first * z_.width(k);
      dstate_rows[k] = dstate(k, s) + first * z_.width(k);
    }
    for (long i = 0; i < cell.vectors; ++i) vectors[i] = static_cast<const T*>(dir_.vectors[i]), dvectors[i] = g_.vectors[i];
    if (z_.projected) {
      unproject(s, first, count);
      dnext_rows[0] = wide_ + first * z_.H;
      for (long r = first; r < first + count; ++r) memset(dstate(0, s) + r * z_.P, 0, z_.P * sizeof(T));
      dstate_rows[0] = unread_;  // such a cell does not read its output, so this gradient is zero
    }
    Step<T> step = {};
    step.rows = count, step.units = z_.H;
    step.state = state, step.vector = vectors, step.dnext = dnext_rows, step.dstate = dstate_rows, step.dvector = dvectors;
    step.keep = keep_.values + (part_.base[s] + first) * (cell.keep * z_.H + cell.keep_row);
    if (cross_) step.cross = cross_ + first * (cell.cross * z_.H + cell.cross_row);
    step.scratch = scratch_ + piece * (cell.scratch_backward + 1) * z_.H;
    step.dx = dx_ + at(s, first) * z_.XH;
    step.dh = dh_ == dx_ ? nullptr : dh_ + at(s, first) * z_.GH;
    if (dof_) step.dof = dof_ + first * cell.of * z_.H;
    if (doutput_) step.doutput = doutput_ + first * z_.H;
    if (given_) {
      const long width = cell.given * z_.H;
      step.given = given_ + first * width, step.dgiven = dgiven_ + first * width;
      for (long r = first; r < first + count; ++r)
        read_given(call_, cell.given, time(r, s), part_.row[r], given_ + r * width);
    }
    cell.backward[0](&step);
    for (long j = 1; j < cell.backward_stages; ++j) {
      narrow(s, first, count);
      of_product(s, first, count, j);
      cell.backward[j](&step);
    }
    narrow(s, first, count);
    for (long k = 0; dir_.dgiven && k < cell.given; ++k)
      for (long r = first; dir_.dgiven[k] && r < first + count; ++r)
        memcpy(given_row(k, time(r, s), r), dgiven_ + (r * cell.given + k) * z_.H, z_.H * sizeof(T));
  }

  T* given_row(long k, long t, long r) {
    return static_cast<T*>(dir_.dgiven[k]) + (t * call_.batch + part_.row[r]) * z_.H;
  }

  // What flows on through W_h, and what zoneout held back.
  void through(long s, long first, long count) {
    if (z_.recurrent) recur(s, first, count);
    for (long k = 0; k < z_.S; ++k)
      if (zone_[k]) {
        T *to = dstate(k, s) + first * z_.width(k), *from = zone_[k] + first * z_.width(k);
        for (long i = 0; i < count * z_.width(k); ++i) to[i] += from[i];
      }
  }

  // The gradient of the states after the step: what came from later, from y, from the traces; less what zoneout held back.
  void take_in(long s, long first, long count) {
    for (long r = first; r < first + count; ++r) {
      const long t = time(r, s), b = part_.row[r];
      if (doutput_) {
        T* to = doutput_ + r * z_.H;
        if (call_.dy)
          convert(static_cast<const Elem*>(call_.dy) + t * call_.dy_time + b * call_.dy_row + d_ * z_.P, to, z_.H);
        else
          memset(to, 0, z_.H * sizeof(T));
      } else if (call_.dy) {
        const Elem* from = static_cast<const Elem*>(call_.dy) + t * call_.dy_time + b * call_.dy_row + d_ * z_.P;
        T* to = dnext(0, s) + r * z_.P;
        for (long i = 0; i < z_.P; ++i) to[i] += widen(from[i]);
      }
      for (long k = 0; k < z_.S; ++k) {
        const long width = z_.width(k), place = (t * call_.batch + b) * width;
        T* to = dnext(k, s) + r * width;
        if (dir_.dtrace_states && dir_.dtrace_states[k]) {
          const T* from = static_cast<const T*>(dir_.dtrace_states[k]) + place;
          for (long i = 0; i < width; ++i) to[i] += from[i];
        }
        T* held = zone_[k] ? zone_[k] + r * width : nullptr;
        if (held && dir_.zoneout && dir_.zoneout[k]) {
          const uint8_t* kept = dir_.zoneout[k] + place;
          for (long i = 0; i < width; ++i) held[i] = kept[i] ? to[i] : T(0), to[i] = kept[i] ? T(0) : to[i];
        } else if (held) {
          const T share = T(dir_.zone_share[k]);
          for (long i = 0; i < width; ++i) held[i] = share * to[i], to[i] -= held[i];
        }
        if (z_.clipped && dir_.state_clip[k] != 0) {
          const uint8_t* cut = keep_.cut[k] + (part_.base[s] + r) * width;
          for (long i = 0; i < width; ++i) to[i] = cut[i] ? T(0) : to[i];
        }
      }
    }
  }

  void unproject(long s, long first, long count) {
    const Elem* a[ROWS_MOST];
    T* c[ROWS_MOST];
    for (long r0 = first; r0 < first + count; r0 += ROWS_MOST) {
      const long n = std::min(long(ROWS_MOST), first + count - r0);
      for (long i = 0; i < n; ++i) {
        Elem* to = dproject_ + at(s, r0 + i) * z_.operand_width;
        convert(dnext(0, s) + (r0 + i) * z_.P, to, z_.P);
        for (long j = z_.P; j < z_.operand_width; ++j) to[j] = 0;
        a[i] = to, c[i] = wide_ + (r0 + i) * z_.H;
      }
      product<K>(a, n, w_.project, c, Start::Zero);
    }
  }

  // The gates' gradients as operands of the products.
  void narrow(long s, long first, long count) {
    if constexpr (K::PAIR > 1)
      for (long r = first; r < first + count; ++r) {
        const long j = at(s, r);
        narrow_row(dx_ + j * z_.XH, dx_operand_ + j * z_.x_width, z_.XH, z_.x_width);
        if (dh_ != dx_) narrow_row(dh_ + j * z_.GH, dh_operand_ + j * z_.h_width, z_.GH, z_.h_width);
      }
  }
  static void narrow_row(const T* from, Elem* to, long n, long width) {
    convert(from, to, n);
    for (long i = n; i < width; ++i) to[i] = 0;
  }

  // dstate of the output += W_hᵀ dh.
  void recur(long s, long first, long count) {
    for (long r0 = first; r0 < first + count; r0 += ROWS_MOST) {
      const long n = std::min(long(ROWS_MOST), first + count - r0);
      if (!dir_.mask) {
        into(s, r0, n, dstate(0, s) + r0 * z_.P, z_.cell.whole_gates);
        continue;
      }
      memset(masked_, 0, n * z_.P * sizeof(T));
      into(s, r0, n, masked_, z_.cell.whole_gates);
      for (long i = 0; i < n; ++i) {
        const T* mask = mask_of(r0 + i);
        T* to = dstate(0, s) + (r0 + i) * z_.P;
        for (long j = 0; j < z_.P; ++j) to[j] += mask[j] * masked_[i * z_.P + j];
      }
    }
  }

  const T* mask_of(long r) const { return static_cast<const T*>(dir_.mask) + part_.row[r] * z_.P; }

  // to[i] += W_hᵀ dh of rows r0 .. r0 + n, through some gates.
  void into(long s, long r0, long n, T* to, long gates) {
    const Elem* a[ROWS_MOST];
    T* c[ROWS_MOST];
    for (const Block<K>& block : w_.recurrent) {
      if (block.gate >= 0 && !(gates >> block.gate & 1)) continue;
      for (long i = 0; i < n; ++i) {
        a[i] = rows_operand(s, r0 + i, block);
        c[i] = to + i * z_.P + block.column;
      }
      team_product<K>(team_, a, n, block.packed, c, Start::Add);
    }
  }

  // A row of dh from a block's first gate row on. In pairs a block must begin on a whole group and end in zeros, so where it
  // might not, a copy is made.
  const Elem* rows_operand(long s, long r, const Block<K>& block) {
    const Elem* row = dh_operand_ + at(s, r) * (K::PAIR > 1 ? z_.h_width : z_.GH) + block.row;
    if (K::PAIR == 1 || block.rows % K::PAIR == 0 || block.gate < 0) return row;
    const long width = groups<K>(block.rows) * K::PAIR;
    copies_.resize(ROWS_MOST * width);
    Elem* copy = copies_.data() + (r % ROWS_MOST) * width;
    memcpy(copy, row, block.rows * sizeof(Elem));
    for (long i = block.rows; i < width; ++i) copy[i] = 0;
    return copy;
  }

  void of_product(long s, long first, long count, long stage) {
    const long which = z_.cell.backward_of[stage], OF = z_.cell.of;
    for (long r0 = first; r0 < first + count; r0 += ROWS_MOST) {
      const long n = std::min(long(ROWS_MOST), first + count - r0);
      memset(masked_, 0, n * z_.P * sizeof(T));
      into(s, r0, n, masked_, z_.cell.backward_gates[stage]);
      for (long i = 0; i < n; ++i) {
        T* to = dof_ + ((r0 + i) * OF + which) * z_.H;
        const T* from = masked_ + i * z_.P;
        if (dir_.mask)
          for (long j = 0; j < z_.P; ++j) to[j] = from[j] * mask_of(r0 + i)[j];
        else
          memcpy(to, from, z_.P * sizeof(T));
      }
    }
  }

  void reset(long s, long n) {
    if (d_ && s == 0) return;
    for (long r = 0; r < n; ++r) {
      const long b = part_.row[r];
      if (!call_.resets[(time(r, s) + d_) * call_.batch + b]) continue;
      for (long k = 0; k < z_.S; ++k) {
        const long width = z_.width(k);
        T* gone = dstate(k, s) + r * width;
        if (dir_.dinitial && dir_.dinitial[k]) {
          T* to = static_cast<T*>(dir_.dinitial[k]) + b * width;
          for (long i = 0; i < width; ++i) to[i] += gone[i];
        }
        memset(gone, 0, width * sizeof(T));
      }
    }
  }

  // The large products of a chunk, while its gates' gradients are still in cache.
  void weights(long first, long end) {
    long rows = 0;
    const long x_stride = K::PAIR > 1 ? z_.x_width : z_.XH, h_stride = K::PAIR > 1 ? z_.h_width : z_.GH;
    for (long s = first; s < end; ++s) rows += part_.active[s];
    if (!rows) return;
    for (long j = 0; j < rows; ++j) a_[j] = dx_operand_ + j * x_stride;
    bool packed = false;
    if (call_.tokens) {
      if (g_.table) to_table(first, end);
    } else {
      if (dir_.dx) to_inputs(first, end, rows);
      if (g_.w_x) {
        gather(first, end, [&](long s, long r) {
          return static_cast<const Elem*>(call_.x) + time(r, s) * call_.x_time + part_.row[r] * call_.x_row;
        });
        team_outer(0, z_.XH, 0, z_.I, rows, g_.w_x, z_.I, false);
        packed = true;
      }
    }
    if (g_.b_x) add_columns(dx_, rows, z_.XH, g_.b_x);
    if (z_.recurrent && g_.b_h && dh_ != dx_) add_columns(dh_, rows, z_.GH, g_.b_h);
    if (z_.recurrent && g_.w_h) {
      if (dh_ != dx_) {
        packed = false;
        for (long j = 0; j < rows; ++j) a_[j] = dh_operand_ + j * h_stride;
      }
      for (const Block<K>& block : w_.recurrent) to_recurrent(first, end, rows, block, packed);
    }
    if (z_.projected && g_.w_r) {
      for (long j = 0; j < rows; ++j) {
        a_[j] = dproject_ + j * z_.operand_width;
        b_[j] = keep_.cell_output + (part_.base[first] + j) * z_.unit_width;
      }
      team_outer(0, z_.P, 0, z_.H, rows, g_.w_r, z_.H, false);
    }
  }

  // c += aᵀ b, c's rows shared out over the team, each piece with room of its own.
  void team_outer(long a0, long m, long b0, long n, long depth, T* c, long stride, bool packed) {
    const long strips = (m + OUTER_ROWS - 1) / OUTER_ROWS;
    const long pieces = double(m) * n * depth < WORTH_SHARING ? 1 : std::min(strips, team_.size());
    const long room = room_size_ / pieces / 16 * 16;
    if (team_.size() == 1 || pieces == 1 || outer_groups<K>(depth, (strips / pieces + 1) * OUTER_ROWS, n) > room) {
      outer<K>(a_.data(), a0, m, b_.data(), b0, n, depth, c, stride, room_, packed && pieces_ == 1);
      pieces_ = 1;
      return;
    }
    packed = packed && pieces_ == pieces;  // the first operand lies as the pieces of the product before were cut
    pieces_ = pieces;
    team_.run(pieces, [&](long i) {
      const long first = i * strips / pieces * OUTER_ROWS, end = std::min(m, (i + 1) * strips / pieces * OUTER_ROWS);
      outer<K>(a_.data(), a0 + first, end - first, b_.data(), b0, n, depth, c + first * stride, stride, room_ + i * room, packed);
    });
  }

  template <class Row>
  void gather(long first, long end, Row row) {
    long j = 0;
    for (long s = first; s < end; ++s)
      for (long r = 0; r < part_.active[s]; ++r) b_[j++] = row(s, r);
  }

  void to_recurrent(long first, long end, long rows, const Block<K>& block, bool packed) {
    long of = -1;
    if (block.gate >= 0 && !(z_.cell.whole_gates >> block.gate & 1)) {
      for (long j = 1; j < z_.cell.forward_stages; ++j)
        if (z_.cell.forward_gates[j] >> block.gate & 1) of = z_.cell.forward_of[j];
      if (of < 0) return;  // a gate whose product nobody reads
    }
    gather(first, end, [&](long s, long r) {
      return of < 0 ? operand(s, r) : keep_.of + ((part_.base[s] + r) * z_.cell.of + of) * z_.unit_width;
    });
    team_outer(block.row, block.rows, block.column, block.columns, rows, g_.w_h + block.row * z_.head_width, z_.head_width,
               packed && block.gate < 0);
  }

  void to_inputs(long first, long end, long rows) {
    long j = 0;
    for (long s = first; s < end; ++s)
      for (long r = 0; r < part_.active[s]; ++r, ++j)
        c_[j] = K::PAIR > 1 ? dinput_ + j * z_.I : reinterpret_cast<T*>(input_row(s, r));
    team_product<K>(team_, a_.data(), rows, w_.input, c_.data(), Start::Zero);
    if (K::PAIR == 1) return;
    j = 0;
    for (long s = first; s < end; ++s)
      for (long r = 0; r < part_.active[s]; ++r, ++j) convert(dinput_ + j * z_.I, input_row(s, r), z_.I);
  }

  Elem* input_row(long s, long r) {
    return static_cast<Elem*>(dir_.dx) + (time(r, s) * call_.batch + part_.row[r]) * z_.I;
  }

  void to_table(long first, long end) {
    long j = 0;
    for (long s = first; s < end; ++s)
      for (long r = 0; r < part_.active[s]; ++r, ++j) {
        T* to = g_.table + call_.tokens[time(r, s) * call_.x_time + part_.row[r] * call_.x_row] * z_.XH;
        const T* from = dx_ + j * z_.XH;
        for (long i = 0; i < z_.XH; ++i) to[i] += from[i];
      }
  }

  static void add_columns(const T* rows, long count, long width, T* to) {
    constexpr long SPAN = 64;  // a strip of columns is summed in registers over all rows
    for (long c = 0; c < width; c += SPAN) {
      const long n = std::min(SPAN, width - c);
      T sum[SPAN] = {};
      if (n == SPAN)
        for (long j = 0; j < count; ++j)
          for (long i = 0; i < SPAN; ++i) sum[i] += rows[j * width + c + i];
      else
        for (long j = 0; j < count; ++j)
          for (long i = 0; i < n; ++i) sum[i] += rows[j * width + c + i];
      for (long i = 0; i < n; ++i) to[c + i] += sum[i];
    }
  }

  void finish() {
    for (long k = 0; k < z_.S; ++k)
      for (long r = 0; r < part_.rows; ++r) {
        const long width = z_.width(k), b = part_.row[r];
        T* from = carry_[k][part_.length[r] ? part_.steps() & 1 : 0] + r * width;
        if (d_) padding_trace(k, r, from);
        if (dir_.dstate && dir_.dstate[k]) memcpy(static_cast<T*>(dir_.dstate[k]) + b * width, from, width * sizeof(T));
        for (long i = 0; k == 0 && dir_.dgiven && i < z_.cell.given; ++i)
          for (long t = part_.length[r]; dir_.dgiven[i] && t < call_.time; ++t)
            memset(given_row(i, t, r), 0, z_.H * sizeof(T));
        if (k == 0 && dir_.dx && !call_.tokens)
          for (long t = part_.length[r]; t < call_.time; ++t)
            memset(static_cast<Elem*>(dir_.dx) + (t * call_.batch + b) * z_.I, 0, z_.I * sizeof(Elem));
      }
  }

  const Call& call_;
  const Sizes<K>& z_;
  const Weights<K>& w_;
  const Direction& dir_;
  const long d_;
  const Part& part_;
  Team& team_;
  const Gradients<K>& g_;
  const Keep<K> keep_;
  long first_ = 0, room_size_ = 0, pieces_ = 0;
  T *carry_[MOST_STATES][2] = {}, *zone_[MOST_STATES] = {}, *dx_ = nullptr, *dh_ = nullptr, *wide_ = nullptr, *unread_ = nullptr, *masked_ = nullptr, *dof_ = nullptr;
  T *cross_ = nullptr, *scratch_ = nullptr, *dinput_ = nullptr, *given_ = nullptr, *dgiven_ = nullptr, *doutput_ = nullptr;
  Elem *dx_operand_ = nullptr, *dh_operand_ = nullptr, *dproject_ = nullptr;
  typename K::Group* room_ = nullptr;
  std::vector<Elem> copies_;
  std::vector<const Elem*> a_, b_;
  std::vector<T*> c_;
};

}  // namespace recurra
