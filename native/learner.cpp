// A language model that learns. See learner.h for the contract.
//
// The first layer reads its inputs from a table, W_x e + b_x for every token: a character model has fewer tokens than a window
// has places. Its gradient gives those of W_x, b_x and the embedding. The scores are made, judged and turned into their gradient
// some rows at a time, so that a large vocabulary takes no more memory than a small one.
#include "learner.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include "layer.h"

namespace recurra {

constexpr long ROWS_AT_ONCE = 192;  // of the scores

typedef Packed<Single> Matrix;

// Room for one call, kept for the next; what is taken lies at a vector's start.
class Room {
 public:
  Room() { arena().reset(); }
  float* floats(long n, bool clear = false) {
    float* p = arena().take<float>(n);
    if (clear) memset(p, 0, n * sizeof(float));
    return p;
  }
  char* bytes(long n) { return arena().take<char>(n); }

 private:
  static Arena& arena() {
    static thread_local Arena arena;
    return arena;
  }
};

// B[k][n] = from[k * k_stride + n * n_stride], laid out for `product`.
Matrix packed(Room& room, const float* from, long k_stride, long n_stride, long depth, long columns) {
  float* to = room.floats(packed_groups<Single>(depth, columns));
  for (long p = 0; p < panels(columns, Lanes<float>::count); ++p)
    pack_panel<Single>(from, k_stride, n_stride, depth, columns, to, p);
  return {to, depth, columns};
}

template <class T>
std::vector<T*> rows_of(T* p, long rows, long width) {
  std::vector<T*> list(rows);
  for (long r = 0; r < rows; ++r) list[r] = p + r * width;
  return list;
}

// c[m][n] += sum over k of a[k][m] * b[k][n]. room: outer_groups(depth, m, n) floats.
void add_outer(float* room, const float* a, long m, const float* b, long n, long depth, float* c) {
  const auto first = rows_of(a, depth, m), second = rows_of(b, depth, n);
  outer<Single>(first.data(), 0, m, second.data(), 0, n, depth, c, n, room, false);
}

class Pass {
 public:
  Pass(const Learner& learner, Lesson& lesson, bool learns)
      : l_(learner), s_(lesson), learns_(learns), N_(lesson.time * lesson.batch), calls_(learner.layers), lists_(learner.layers) {}

  long run() {
    if (learns_) memset(l_.gradients, 0, l_.count * sizeof(float));
    begin();
    float* y = nullptr;
    for (long j = 0; j < l_.layers; ++j) {
      const float* below = y;
      y = open(j, below);
      if (recurra_forward(&calls_[j])) return 1;
      if (l_.layer[j].residual) y = sum(y, below, N_ * l_.layer[j].units);  // the core keeps its own
    }
    const long H = l_.layer[l_.layers - 1].units;
    float* dy = learns_ ? room_.floats(N_ * H) : nullptr;
    score(y, H, dy);
    keep_state();
    if (!learns_) return 0;
    for (long j = l_.layers; j-- > 0;) {
      const float* above = dy;
      dy = close(j, dy);
      if (recurra_backward(&calls_[j])) return 1;
      if (l_.layer[j].residual) dy = sum(dy, above, N_ * l_.layer[j].units);
    }
    table_gradient();
    update();
    return 0;
  }

 private:
  struct Lists {  // the arrays of addresses of a layer's call
    const void *state[MOST_STATES], *initial[MOST_STATES], *vectors[MOST_VECTORS];
    void *last[MOST_STATES], *dvectors[MOST_VECTORS], *none[MOST_STATES];
  };

  float* at(long place) const { return place < 0 ? nullptr : l_.parameters + place; }
  float* gradient(long place) const { return place < 0 ? nullptr : l_.gradients + place; }
  static const Cell<float>& cell_of(const LearnerLayer& layer) { return *static_cast<const Cell<float>*>(layer.cell); }

  float* sum(const float* a, const float* b, long n) {
    float* both = room_.floats(n);
    for (long i = 0; i < n; ++i) both[i] = a[i] + b[i];
    return both;
  }

  // The table of input products of the first layer, and which targets count.
  void begin() {
    const LearnerLayer& first = l_.layer[0];
    const long XH = cell_of(first).x_gates * first.units, E = l_.embedding_size;
    table_ = room_.floats(l_.tokens * XH);
    const Matrix w = packed(room_, at(first.w_x), 1, E, E, XH);
    const auto from = rows_of<const float>(at(l_.embedding), l_.tokens, E);
    const auto to = rows_of(table_, l_.tokens, XH);
    product<Single>(from.data(), l_.tokens, w, to.data(), first.b_x < 0 ? Start::Zero : Start::Bias, at(first.b_x));
    s_.counted = 0;
    for (long i = 0; i < N_; ++i) s_.counted += s_.targets[i] >= 0;
  }

  // A layer's call, and room for its results. below: [T][B][I].
  float* open(long j, const float* below) {
    const LearnerLayer& layer = l_.layer[j];
    const Cell<float>& cell = cell_of(layer);
    Call& call = calls_[j];
    Lists& list = lists_[j];
    const long B = s_.batch, H = layer.units;
    call = {}, list = {};
    call.cell = layer.cell, call.io = F32, call.time = s_.time, call.batch = B;
    call.inputs = layer.inputs, call.units = H, call.outputs = H, call.heads = 1, call.directions = 1, call.threads = 1;
    if (j == 0) {
      call.x = table_, call.table_rows = l_.tokens;
      call.tokens = s_.inputs, call.x_time = 1, call.x_row = s_.time;
    } else {
      call.x = below, call.x_time = B * layer.inputs, call.x_row = layer.inputs;
    }
    call.resets = s_.resets;
    float* y = room_.floats(N_ * H);
    call.y = y, call.y_time = B * H, call.y_row = H;
    Direction& to = call.direction[0];
    if (j) to.w_x = at(layer.w_x), to.b_x = at(layer.b_x);
    to.w_h = at(layer.w_h), to.b_h = at(layer.b_h);
    for (long k = 0; k < cell.vectors; ++k) list.vectors[k] = at(layer.vectors[k]);
    to.vectors = list.vectors;
    const float* zeros = s_.resets ? room_.floats(B * H, true) : nullptr;
    for (long k = 0; k < cell.states; ++k) {
      float* before = room_.floats(B * H);
      memcpy(before, carried(j, k), B * H * sizeof(float));
      list.state[k] = before, list.initial[k] = zeros, list.last[k] = room_.floats(B * H);
    }
    to.state = list.state, to.initial = s_.resets ? list.initial : nullptr, to.last = list.last;
    if (learns_) to.keep = room_.bytes(recurra_keep_bytes(&call));
    return y;
  }

  float* carried(long layer, long state) const {
    float* p = s_.carry;
    for (long j = 0; j < layer; ++j) p += cell_of(l_.layer[j]).states * s_.batch * l_.layer[j].units;
    return p + state * s_.batch * l_.layer[layer].units;
  }

  void keep_state() {
    for (long j = 0; j < l_.layers; ++j)
      for (long k = 0; k < cell_of(l_.layer[j]).states; ++k)
        memcpy(carried(j, k), lists_[j].last[k], s_.batch * l_.layer[j].units * sizeof(float));
  }

  // The mean cross-entropy of the scores of y, and where dy is not null their gradients.
  void score(const float* y, long H, float* dy) {
    const long V = l_.tokens;
    const Matrix head = packed(room_, at(l_.head), 1, H, H, V);
    const Matrix back = dy ? packed(room_, at(l_.head), H, 1, V, H) : Matrix{};
    float* scores = room_.floats(ROWS_AT_ONCE * V);
    const auto to = rows_of(scores, ROWS_AT_ONCE, V);
    float* room = dy ? room_.floats(outer_groups<Single>(ROWS_AT_ONCE, V, H)) : nullptr;
    const double each = s_.counted ? 1.0 / double(s_.counted) : 0.0;
    double sum = 0;
    for (long first = 0; first < N_; first += ROWS_AT_ONCE) {
      const long n = std::min(ROWS_AT_ONCE, N_ - first);
      const int64_t* targets = s_.targets + first;
      if (std::all_of(targets, targets + n, [](int64_t target) { return target < 0; })) {  // windows that predict one token
        if (dy) memset(dy + first * H, 0, n * H * sizeof(float));
        continue;
      }
      const auto from = rows_of<const float>(y + first * H, n, H);
      product<Single>(from.data(), n, head, to.data(), Start::Bias, at(l_.head_bias));
      for (long r = 0; r < n; ++r) sum += judge(to[r], targets[r], float(each));
      if (!dy) continue;
      const auto dto = rows_of(dy + first * H, n, H);
      product<Single>(to.data(), n, back, dto.data(), Start::Zero);
      add_outer(room, scores, V, y + first * H, H, n, gradient(l_.head));
      float* bias = gradient(l_.head_bias);
      for (long r = 0; r < n; ++r)
        for (long v = 0; v < V; ++v) bias[v] += to[r][v];
    }
    s_.loss = sum * each;
  }

  // The loss of one row of scores, which become the gradient of the mean.
  double judge(float* row, int64_t target, float each) const {
    const long V = l_.tokens;
    if (target < 0) {
      memset(row, 0, V * sizeof(float));
      return 0;
    }
    float most = row[0];
    for (long v = 1; v < V; ++v) most = std::max(most, row[v]);
    const float right = row[target] - most;
    double total = 0;
    for (long v = 0; v < V; ++v) {
      row[v] = std::exp(row[v] - most);
      total += row[v];
    }
    const float scale = float(each / total);
    for (long v = 0; v < V; ++v) row[v] *= scale;
    row[target] -= each;
    return std::log(total) - double(right);
  }

  // The rest of a layer's call, for the way back; the gradient of what it read.
  float* close(long j, float* dy) {
    const LearnerLayer& layer = l_.layer[j];
    const Cell<float>& cell = cell_of(layer);
    Call& call = calls_[j];
    Lists& list = lists_[j];
    Direction& to = call.direction[0];
    call.dy = dy, call.dy_time = call.y_time, call.dy_row = call.y_row;
    to.dlast = list.none, to.dstate = list.none;
    if (s_.resets) to.dinitial = list.none;
    const long numbers = j ? N_ * layer.inputs : l_.tokens * cell.x_gates * layer.units;
    float* dx = room_.floats(numbers, j == 0);
    to.dx = dx;
    if (j) to.dw_x = gradient(layer.w_x);
    to.dw_h = gradient(layer.w_h);
    to.db_x = layer.b_x >= 0 ? gradient(layer.b_x) : layer.b_h >= 0 ? room_.floats(cell.x_gates * layer.units) : nullptr;
    to.db_h = gradient(layer.b_h);
    for (long k = 0; k < cell.vectors; ++k) list.dvectors[k] = gradient(layer.vectors[k]);
    to.dvectors = list.dvectors;
    return dx;
  }

  // From the gradient of the table to those of W_x and of the embedding.
  void table_gradient() {
    const LearnerLayer& first = l_.layer[0];
    const float* d = static_cast<const float*>(calls_[0].direction[0].dx);
    const long XH = cell_of(first).x_gates * first.units, E = l_.embedding_size, V = l_.tokens;
    add_outer(room_.floats(outer_groups<Single>(V, XH, E)), d, XH, at(l_.embedding), E, V, gradient(first.w_x));
    const Matrix w = packed(room_, at(first.w_x), E, 1, XH, E);
    const auto from = rows_of<const float>(d, V, XH);
    const auto to = rows_of(gradient(l_.embedding), V, E);
    product<Single>(from.data(), V, w, to.data(), Start::Zero);
  }

  // AdamW (Loshchilov & Hutter 2019), after clipping by the norm of all gradients.
  void update() {
    double square = 0;
    for (long i = 0; i < l_.count; ++i) square += double(l_.gradients[i]) * l_.gradients[i];
    s_.norm = std::sqrt(square);
    const float scale = s_.clip > 0 ? float(std::min(1.0, s_.clip / (s_.norm + 1e-6))) : 1.0f;
    const float b1 = float(s_.beta1), b2 = float(s_.beta2), decay = float(1.0 - s_.rate * s_.weight_decay);
    const float rate = float(s_.rate / (1.0 - std::pow(s_.beta1, double(s_.step))));
    const float correction = float(1.0 / std::sqrt(1.0 - std::pow(s_.beta2, double(s_.step)))), epsilon = float(s_.epsilon);
    float *p = l_.parameters, *m = l_.first, *v = l_.second;
    for (long i = 0; i < l_.count; ++i) {
      const float g = l_.gradients[i] * scale;
      m[i] = b1 * m[i] + (1 - b1) * g;
      v[i] = b2 * v[i] + (1 - b2) * g * g;
      p[i] = (l_.decays[i] ? p[i] * decay : p[i]) - rate * m[i] / (std::sqrt(v[i]) * correction + epsilon);
    }
    const float keep = float(s_.keep_average);
    for (long i = 0; l_.average && i < l_.count; ++i) l_.average[i] = keep * l_.average[i] + (1 - keep) * p[i];
  }

  const Learner& l_;
  Lesson& s_;
  const bool learns_;
  const long N_;
  Room room_;
  float* table_ = nullptr;  // [V][X*H]
  std::vector<Call> calls_;
  std::vector<Lists> lists_;
};

long taught(const Learner& learner, Lesson& lesson, bool learns) {
  try {
    return Pass(learner, lesson, learns).run();
  } catch (const std::bad_alloc&) {
    return 1;
  }
}

std::string learner_layout() {
  std::string text;
#define FIELD(type, name)                                                                                      \
  text += std::string(NAME "." #name " " #type " ") + std::to_string(offsetof(STRUCTURE, name)) + " " +       \
          std::to_string(sizeof(STRUCTURE::name)) + ";";
#define LIST(type, name, count) FIELD(type, name)
#define STRUCTURE LearnerLayer
#define NAME "LearnerLayer"
#include "fields_learnerlayer.h"
#undef STRUCTURE
#undef NAME
#define STRUCTURE Learner
#define NAME "Learner"
#include "fields_learner.h"
#undef STRUCTURE
#undef NAME
#define STRUCTURE Lesson
#define NAME "Lesson"
#include "fields_lesson.h"
#undef STRUCTURE
#undef NAME
#undef FIELD
#undef LIST
  return text;
}

}  // namespace recurra

#define VISIBLE __attribute__((visibility("default")))
extern "C" {
VISIBLE long recurra_learner_state(const recurra::Learner* learner, long batch) {
  long numbers = 0;
  for (long j = 0; j < learner->layers; ++j)
    numbers += static_cast<const recurra::Cell<float>*>(learner->layer[j].cell)->states * batch * learner->layer[j].units;
  return numbers;
}
VISIBLE long recurra_learner_step(const recurra::Learner* learner, recurra::Lesson* lesson) {
  return recurra::taught(*learner, *lesson, true);
}
VISIBLE long recurra_learner_measure(const recurra::Learner* learner, recurra::Lesson* lesson) {
  return recurra::taught(*learner, *lesson, false);
}
VISIBLE const char* recurra_learner_layout() {
  static const std::string text = recurra::learner_layout();
  return text.c_str();
}
}
