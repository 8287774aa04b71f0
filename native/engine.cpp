// The engine: a model's tokens in one call, without anything of Python between two of them. See engine.h for the contract.
//
// Rows are shared out over the threads for a whole call. A group of rows walks its steps together: the look-up in the table of
// input products, every layer's products (panels.h) and equations (the cell's generated code), the scores, the draw (sampler.h).
#include "engine.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <string>
#include <system_error>
#include <thread>

#include "panels.h"
#include "rounding.h"
#include "sampler.h"

namespace recurra {

constexpr long MOST_TOGETHER = 64;     // rows of a group
constexpr double TABLE = 4e6;          // numbers: a larger table of input products is not made
#ifndef RECURRA_SPAWN
#define RECURRA_SPAWN 3e6
#endif
constexpr double WORTH_A_THREAD = RECURRA_SPAWN;  // multiply-adds: below, starting one takes as long as it saves

inline std::vector<float> copy_of(const float* p, long n) { return p ? std::vector<float>(p, p + n) : std::vector<float>(); }
inline const float* data_of(const std::vector<float>& v) { return v.empty() ? nullptr : v.data(); }

// Rows of W_h that are multiplied at once: all of them, or one gate's where the cell multiplies more than one vector.
template <class K>
struct Gate {
  long gate, row;
  Panels<K> weights;
};

template <class K>
struct Stratum {
  const Cell<float>* cell;
  long I, H, P, S, XH, GH;
  bool residual, merged, recurrent, projected;
  Panels<K> input, project;
  std::vector<Gate<K>> gates;
  std::vector<float> bias_x, bias_h;
  std::vector<std::vector<float>> vectors, initial;
  std::vector<const float*> vector;
  std::vector<float> zone;

  long width(long state) const { return state == 0 ? P : H; }

  void open(const Layer& layer) {
    cell = static_cast<const Cell<float>*>(layer.cell);
    I = layer.inputs, H = layer.units, P = layer.outputs, S = cell->states;
    XH = cell->x_gates * H, GH = cell->h_gates * H;
    residual = layer.residual, merged = cell->merged, recurrent = cell->h_gates > 0, projected = layer.w_r.data;
    input.pack(layer.w_x);
    if (projected) project.pack(layer.w_r);
    const bool apart = cell->forward_stages > 1;
    for (long g = 0; recurrent && g < (apart ? cell->h_gates : 1); ++g) {
      Matrix part = layer.w_h;
      const long row = g * H;
      if (apart) {
        part.rows = H;
        part.scale = part.scale ? part.scale + row : nullptr;
        part.data = static_cast<const char*>(part.data) + row * part.columns * (std::is_same<K, Byte>::value ? 1 : 4);
      }
      gates.push_back({apart ? g : -1, row, {}});
      gates.back().weights.pack(part);
    }
    bias_x.assign(XH, 0.0f), bias_h.assign(GH, 0.0f);
    for (long i = 0; layer.b_x && i < XH; ++i) bias_x[i] = layer.b_x[i];
    for (long i = 0; layer.b_h && i < GH; ++i) (merged ? bias_x : bias_h)[i] += layer.b_h[i];
    for (long k = 0; k < cell->vectors; ++k) vectors.push_back(copy_of(layer.vectors[k], H));
    for (const auto& v : vectors) vector.push_back(v.data());
    for (long k = 0; k < S; ++k) {
      initial.push_back(layer.initial && layer.initial[k] ? copy_of(layer.initial[k], width(k)) : std::vector<float>(width(k), 0.0f));
      zone.push_back(layer.zone_share ? float(layer.zone_share[k]) : 0.0f);
    }
  }
};

class Opened {
 public:
  virtual ~Opened() = default;
  virtual long run(Row* rows, long count, long threads) const = 0;
  virtual void start(float* state) const = 0;
  long state = 0;
};

template <class K>
class Group;

template <class K>
class Engine : public Opened {
 public:
  explicit Engine(const Model& model) : V(model.tokens), embedding(model.embedding), strata(model.layers) {
    for (long k = 0; k < model.layers; ++k) strata[k].open(model.layer[k]);
    head.pack(model.head);
    head_bias.assign(V, 0.0f);
    for (long v = 0; model.head_bias && v < V; ++v) head_bias[v] = model.head_bias[v];
    for (const auto& z : strata) {
      for (long k = 0; k < z.S; ++k) state += z.width(k);
      work += double(z.XH) * z.I + double(z.GH) * z.P + (z.projected ? double(z.H) * z.P : 0);
    }
    work += double(V) * head.depth;
    const auto& first = strata[0];
    if (double(V) * first.XH > TABLE) return;
    table_ = allocate(V * first.XH * 4 + VECTOR_BYTES);
    table = reinterpret_cast<float*>(table_.get());
    std::vector<uint32_t> room(first.I + 16);
    Rounding rounding(std::is_same<K, Byte>::value);
    for (long v = 0; v < V; ++v) {
      const typename K::Operand a = K::operand(embedding + v * first.I, first.I, room.data());
      const float* start = first.bias_x.data();
      float* to = table + v * first.XH;
      first.input.multiply(&a, 1, &start, &to);
    }
    embedding = nullptr;
  }

  void start(float* to) const override {
    for (const auto& z : strata)
      for (long k = 0; k < z.S; ++k) to = std::copy(z.initial[k].begin(), z.initial[k].end(), to);
  }

  long run(Row* rows, long count, long threads) const override;

  const long V;
  double work = 0;  // multiply-adds of a token
  const float* embedding;
  float* table = nullptr;  // [V][XH] W_x e + b_x of the first layer, and b_h where one buffer holds both products
  std::vector<Stratum<K>> strata;
  Panels<K> head;
  std::vector<float> head_bias;

 private:
  Block table_;
};

// Some rows that walk their steps together.
template <class K>
class Group {
  typedef typename K::Operand Operand;

 public:
  Group(const Engine<K>& engine, Row* const* rows, long count) : e_(engine), n_(count), sampler_(engine.V) {
    long x = 1, h = 1, wide = 1, of = 1, cross = 1, scratch = 1, deepest = e_.head.depth;
    for (const auto& z : e_.strata) {
      x = std::max(x, z.XH), h = std::max(h, z.GH), wide = std::max(wide, z.H);
      of = std::max(of, z.cell->of * z.H);
      cross = std::max(cross, z.cell->cross * z.H + z.cell->cross_row);
      scratch = std::max(scratch, z.cell->scratch * z.H);
      deepest = std::max({deepest, z.I, z.H, z.P});
    }
    room_ = (deepest + 31) / 4;
    const long each = x + h + 3 * wide + of + cross + 2 * e_.state + e_.V + room_;
    memory_ = allocate((each * n_ + scratch + 64 * (16 + 2 * MOST_STATES * long(e_.strata.size()))) * 4);
    char* at = memory_.get();
    auto take = [&](long numbers) {
      float* p = reinterpret_cast<float*>(at);
      at += (numbers * 4 + 63) / 64 * 64;
      return p;
    };
    x_ = take(x * n_), h_ = take(h * n_), wide_ = take(wide * n_), sum_[0] = take(wide * n_), sum_[1] = take(wide * n_);
    of_ = take(of * n_), cross_ = take(cross * n_), scratch_ = take(scratch), logits_ = take(e_.V * n_);
    numbers_ = reinterpret_cast<uint32_t*>(take(room_ * n_));
    for (const auto& z : e_.strata) {
      states_.emplace_back();
      for (long k = 0; k < z.S; ++k) states_.back().push_back({take(z.width(k) * n_), take(z.width(k) * n_)});
    }
    for (long r = 0; r < n_; ++r) {
      Row& row = *rows[r];
      row.made = 0, row.status = GOOD;
      walkers_.push_back({&row, 0, row.given[0], row.previous});
      const float* from = row.state;
      each_state([&](long width, float* now) {
        memcpy(now + r * width, from, width * 4);
        from += width;
      });
    }
  }

  void run() {
    while (n_) step();
  }

 private:
  struct Walker {
    Row* row;
    long read;         // tokens of `given` that were read
    int64_t token;     // to be read next
    int64_t previous;  // the one before it
  };
  struct State {
    float *now, *next;
  };

  template <class Work>
  void each_state(Work work) {
    for (size_t j = 0; j < states_.size(); ++j)
      for (size_t k = 0; k < states_[j].size(); ++k) work(e_.strata[j].width(long(k)), states_[j][k].now);
  }

  void step() {
    for (long r = 0; r < n_; ++r)
      if (walkers_[r].row->eod >= 0 && walkers_[r].previous == walkers_[r].row->eod) begin_anew(r);
    const float* y = nullptr;  // of the layer below, [n][P]
    for (size_t j = 0; j < e_.strata.size(); ++j) y = layer(long(j), y);
    score(y);
    for (long r = n_; r-- > 0;)
      if (!take(r)) leave(r);
  }

  void begin_anew(long r) {
    for (size_t j = 0; j < states_.size(); ++j)
      for (size_t k = 0; k < states_[j].size(); ++k) {
        const auto& initial = e_.strata[j].initial[k];
        std::copy(initial.begin(), initial.end(), states_[j][k].now + r * long(initial.size()));
      }
  }

  const float* layer(long j, const float* below) {
    const Stratum<K>& z = e_.strata[j];
    const float* x = x_;
    const float* start[MOST_TOGETHER];
    float* to[MOST_TOGETHER];
    for (long r = 0; r < n_; ++r) to[r] = x_ + r * z.XH;
    if (j == 0 && e_.table) {
      for (long r = 0; r < n_; ++r) start[r] = e_.table + walkers_[r].token * z.XH;
      if (z.merged && z.recurrent) {
        recur(j, start, to);
      } else if (n_ == 1) {
        x = start[0];
      } else {
        for (long r = 0; r < n_; ++r) memcpy(to[r], start[r], z.XH * 4);
      }
    } else {
      const Operand* a = j ? operands(below, z.I) : embedded(z.I);
      for (long r = 0; r < n_; ++r) start[r] = z.bias_x.data();
      z.input.multiply(a, n_, start, to);
      if (z.merged && z.recurrent) recur(j, to, to);
    }
    if (!z.merged && z.recurrent) {
      for (long r = 0; r < n_; ++r) start[r] = z.bias_h.data(), to[r] = h_ + r * z.GH;
      recur(j, start, to);
    }
    equations(j, x);
    for (long k = 0; k < z.S; ++k) std::swap(states_[j][k].now, states_[j][k].next);
    const float* y = states_[j][0].now;
    if (!z.residual || j == 0) return y;
    float* sum = sum_[j & 1];
    for (long i = 0; i < n_ * z.P; ++i) sum[i] = y[i] + below[i];
    return sum;
  }

  // Rows of n numbers as they are multiplied.
  const Operand* operands(const float* rows, long n, long stride = 0) {
    for (long r = 0; r < n_; ++r) operand_[r] = K::operand(rows + r * (stride ? stride : n), n, numbers_ + r * room_);
    return operand_;
  }
  const Operand* embedded(long n) {
    for (long r = 0; r < n_; ++r)
      operand_[r] = K::operand(e_.embedding + walkers_[r].token * n, n, numbers_ + r * room_);
    return operand_;
  }

  // to = start + W_h h, for the gates that wait for nothing but h.
  template <class Start>
  void recur(long j, Start start, float** to) {
    const Stratum<K>& z = e_.strata[j];
    gates(z, operands(states_[j][0].now, z.P), z.cell->whole_gates, start, to);
  }
  template <class Start>
  void gates(const Stratum<K>& z, const Operand* a, long which, Start start, float** to) {
    const float* from[MOST_TOGETHER];
    float* out[MOST_TOGETHER];
    for (const auto& part : z.gates) {
      if (part.gate >= 0 && !(which >> part.gate & 1)) continue;
      for (long r = 0; r < n_; ++r) from[r] = start[r] + part.row, out[r] = to[r] + part.row;
      part.weights.multiply(a, n_, from, out);
    }
  }

  void equations(long j, const float* x) {
    const Stratum<K>& z = e_.strata[j];
    const Cell<float>& cell = *z.cell;
    const float* state[MOST_STATES];
    float* next[MOST_STATES];
    for (long k = 0; k < z.S; ++k) state[k] = states_[j][k].now, next[k] = states_[j][k].next;
    float* out = next[0];
    if (z.projected) next[0] = wide_;
    Step<float> step = {};
    step.rows = n_, step.units = z.H;
    step.x = x, step.h = z.merged ? nullptr : h_;
    step.state = state, step.vector = z.vector.data(), step.next = next;
    step.of = of_, step.cross = cross_, step.scratch = scratch_;
    cell.forward[0](&step);
    for (long stage = 1; stage < cell.forward_stages; ++stage) {
      const float* start[MOST_TOGETHER];
      float* to[MOST_TOGETHER];
      for (long r = 0; r < n_; ++r) start[r] = z.bias_h.data(), to[r] = h_ + r * z.GH;
      gates(z, operands(of_ + cell.forward_of[stage] * z.H, z.H, cell.of * z.H), cell.forward_gates[stage], start, to);
      cell.forward[stage](&step);
    }
    if (z.projected) {
      float* to[MOST_TOGETHER];
      for (long r = 0; r < n_; ++r) to[r] = out + r * z.P;
      z.project.multiply(operands(wide_, z.H), n_, nullptr, to);
      next[0] = out;
    }
    for (long k = 0; k < z.S; ++k) {
      const float share = z.zone[k];
      for (long i = 0; share != 0 && i < n_ * z.width(k); ++i) next[k][i] += share * (state[k][i] - next[k][i]);
    }
  }

  // Whether the scores after the token that was just read are wanted.
  static bool scored(const Walker& w) {
    const Row& row = *w.row;
    const long at = w.read;  // of the token just read
    if (at >= row.given_count - 1) return row.steps > 0 || row.logits || (at < row.given_count && row.targets && row.targets[at] >= 0);
    return (row.logits && row.every) || (row.targets && row.targets[at] >= 0);
  }

  void score(const float* y) {
    float* to[MOST_TOGETHER];
    const float* start[MOST_TOGETHER];
    long count = 0;
    const long depth = e_.head.depth;
    for (long r = 0; r < n_; ++r) {
      if (!scored(walkers_[r])) continue;
      operand_[count] = K::operand(y + r * depth, depth, numbers_ + count * room_);
      start[count] = e_.head_bias.data();
      to[count++] = logits_ + r * e_.V;
    }
    if (count) e_.head.multiply(operand_, count, start, to);
  }

  // What follows the token that row r has just read. False if the row's turn ends.
  bool take(long r) {
    Walker& w = walkers_[r];
    Row& row = *w.row;
    const float* logits = logits_ + r * e_.V;
    const long at = w.read;
    if (at < row.given_count) {
      w.read = at + 1;
      const bool last = at == row.given_count - 1;
      if (row.logits && (row.every || last)) memcpy(row.logits + (row.every ? at * e_.V : 0), logits, e_.V * 4);
      if (row.targets && row.targets[at] >= 0 && !sampler_.log_chance(row, logits, row.targets[at], row.target_logs[at])) return false;
      if (!last) {
        w.previous = w.token, w.token = row.given[at + 1];
        return true;
      }
    }
    if (row.made >= row.steps) return false;
    int64_t token;
    double chance;
    if (!sampler_.draw(row, logits, w.token, token, chance)) return false;
    row.drawn[row.made] = token, row.chances[row.made] = chance;
    ++row.made;
    row.done += row.units ? long(row.units[token]) : 1;
    if (row.recent) row.recent[row.recent_count++ % row.window] = token;
    if (row.counts) ++row.counts[token];
    w.previous = w.token, w.token = token;
    return row.made < row.steps && !(row.pause && row.pause[token]);
  }

  // Row r is done: its state goes out, and the last row takes its place.
  void leave(long r) {
    float* to = walkers_[r].row->state;
    each_state([&](long width, float* now) {
      memcpy(to, now + r * width, width * 4);
      to += width;
      if (r != n_ - 1) memcpy(now + r * width, now + (n_ - 1) * width, width * 4);
    });
    if (r != n_ - 1) {
      walkers_[r] = walkers_[n_ - 1];
    }
    walkers_.pop_back();
    --n_;
  }

  const Engine<K>& e_;
  long n_, room_;
  Sampler sampler_;
  Block memory_;
  float *x_, *h_, *wide_, *sum_[2], *of_, *cross_, *scratch_, *logits_;
  uint32_t* numbers_;
  std::vector<std::vector<State>> states_;
  std::vector<Walker> walkers_;
  Operand operand_[MOST_TOGETHER];
};

template <class K>
long Engine<K>::run(Row* rows, long count, long threads) const {
  double steps = 0;
  for (long r = 0; r < count; ++r) steps += double(rows[r].given_count + rows[r].steps);
  threads = std::max(1l, std::min({threads, count, long(steps * work / WORTH_A_THREAD)}));
  const long groups = std::max(threads, (count + MOST_TOGETHER - 1) / MOST_TOGETHER);
  std::atomic<long> next{0};
  std::atomic<bool> failed{false};
  auto loop = [&] {
    Rounding rounding(std::is_same<K, Byte>::value);
    try {
      for (long g = next++; g < groups; g = next++) {
        std::vector<Row*> own;
        for (long r = g * count / groups; r < (g + 1) * count / groups; ++r) own.push_back(rows + r);
        Group<K>(*this, own.data(), long(own.size())).run();
      }
    } catch (const std::bad_alloc&) {
      failed = true;
    }
  };
#if defined(__wasm__)  // a browser's module has one thread
  loop();
#else
  std::vector<std::thread> others;
  try {
    for (long t = 1; t < threads; ++t) others.emplace_back(loop);
  } catch (const std::system_error&) {  // no more threads are available: those that there are do the work
  }
  loop();
  for (std::thread& other : others) other.join();
#endif
  return failed;
}

std::string engine_layout() {
  std::string text;
  auto add = [&](const char* name, const char* type, size_t offset, size_t size) {
    text += std::string(name) + " " + type + " " + std::to_string(offset) + " " + std::to_string(size) + ";";
  };
#define FIELD(type, name) add(NAME "." #name, #type, offsetof(STRUCTURE, name), sizeof(STRUCTURE::name));
#define STRUCTURE Matrix
#define NAME "Matrix"
#include "fields_matrix.h"
#undef STRUCTURE
#undef NAME
#define STRUCTURE Layer
#define NAME "Layer"
#include "fields_layer.h"
#undef STRUCTURE
#undef NAME
#define STRUCTURE Model
#define NAME "Model"
#include "fields_model.h"
#undef STRUCTURE
#undef NAME
#define STRUCTURE Row
#define NAME "Row"
#include "fields_row.h"
#undef STRUCTURE
#undef NAME
#undef FIELD
  return text;
}

}  // namespace recurra

using recurra::Opened;

extern "C" {
__attribute__((visibility("default"))) void* recurra_engine_open(const recurra::Model* model) {
  try {
    Opened* made;
    if (model->precision == recurra::INT8)
      made = new recurra::Engine<recurra::Byte>(*model);
#if !defined(RECURRA_FLOAT32_ONLY)  // a browser's module has no bfloat16
    else if (model->precision == recurra::BFLOAT16)
      made = new recurra::Engine<recurra::Brain>(*model);
#endif
    else
      made = new recurra::Engine<recurra::Single>(*model);
    return made;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
__attribute__((visibility("default"))) void recurra_engine_close(void* engine) { delete static_cast<Opened*>(engine); }
__attribute__((visibility("default"))) long recurra_engine_state(const void* engine) {
  return static_cast<const Opened*>(engine)->state;
}
__attribute__((visibility("default"))) void recurra_engine_start(const void* engine, float* state) {
  static_cast<const Opened*>(engine)->start(state);
}
__attribute__((visibility("default"))) long recurra_engine_run(const void* engine, recurra::Row* rows, long count, long threads) {
  return static_cast<const Opened*>(engine)->run(rows, count, threads);
}
__attribute__((visibility("default"))) const char* recurra_engine_layout() {
  static const std::string text = recurra::engine_layout();
  return text.c_str();
}
}
