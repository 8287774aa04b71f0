// One recurrent layer on oneDNN's own primitives, for bench_onednn.py: zero first states, gates in oneDNN's order.
//   x [time][batch][inputs]   y [time][batch][hidden]   w_x [inputs][gates][hidden]   w_h [hidden][gates][hidden]
//   b [gates][hidden]; the linear-before-reset GRU has one row more, the candidate's bias inside the reset.
// Weights are put into the layouts that oneDNN requires once, at the start; gradients stay in its layout until they are read.
#include <cstring>
#include <memory>
#include <unordered_map>

#include "oneapi/dnnl/dnnl.hpp"

using namespace dnnl;
using Tag = memory::format_tag;

namespace {

enum Kind { LSTM, GRU, RNN };
// h, and the LSTM's c. They are given although they are zeros: oneDNN 3.2's gradient of w_h is wrong without.
constexpr int STATES[2] = {DNNL_ARG_SRC_ITER, DNNL_ARG_SRC_ITER_C}, LAST[2] = {DNNL_ARG_DST_ITER, DNNL_ARG_DST_ITER_C};

struct Layer {
  engine cpu{engine::kind::cpu, 0};
  stream on{cpu};
  primitive infer, learn, back;
  memory x, y, dx, dy, workspace;
  memory w[3], learn_w[3], back_w[3], dw[3];  // w_x, w_h, b: in each pass' layout
  memory::desc plain[3];
  std::unordered_map<int, memory> states;      // before and after, and their gradients: zeros, by argument

  // The arguments of a pass, with the states.
  std::unordered_map<int, memory> with(std::unordered_map<int, memory> arguments) {
    arguments.insert(states.begin(), states.end());
    return arguments;
  }

  memory reordered(const memory& from, const memory::desc& to) {
    memory out(to, cpu);
    reorder(from, out).execute(on, const_cast<memory&>(from), out);
    on.wait();
    return out;
  }
};

memory::desc desc(memory::dims dims, Tag tag) { return {dims, memory::data_type::f32, tag}; }

// Makes the three primitives from one family's types; `begin` holds the arguments before the layout of x, s is a state's layout.
template <class Forward, class Backward, class... Begin>
void make(Layer& l, const memory::desc& x, const memory::desc& y, const memory::desc& s, const memory::desc* w,
          Begin... begin) {
  constexpr bool two = std::is_same_v<Forward, lstm_forward>;
  auto describe = [&](prop_kind kind) {
    if constexpr (two)
      return typename Forward::primitive_desc(l.cpu, kind, begin..., x, s, s, w[0], w[1], w[2], y, s, s);
    else
      return typename Forward::primitive_desc(l.cpu, kind, begin..., x, s, w[0], w[1], w[2], y, s);
  };
  auto backward = [&](const typename Forward::primitive_desc& hint) {
    const auto kind = prop_kind::backward;
    if constexpr (two)
      return typename Backward::primitive_desc(l.cpu, kind, begin..., x, s, s, w[0], w[1], w[2], y, s, s,
                                               x, s, s, w[0], w[1], w[2], y, s, s, hint);
    else
      return typename Backward::primitive_desc(l.cpu, kind, begin..., x, s, w[0], w[1], w[2], y, s,
                                               x, s, w[0], w[1], w[2], y, s, hint);
  };
  const auto infer = describe(prop_kind::forward_inference), learn = describe(prop_kind::forward_training);
  const auto back = backward(learn);
  l.infer = Forward(infer), l.learn = Forward(learn), l.back = Backward(back);
  l.workspace = memory(learn.workspace_desc(), l.cpu);
  for (int k = 0; k < (two ? 2 : 1); ++k)
    for (int argument : {STATES[k], LAST[k], STATES[k] + DNNL_ARG_DIFF_SRC_LAYER - DNNL_ARG_SRC_LAYER,
                         LAST[k] + DNNL_ARG_DIFF_DST_LAYER - DNNL_ARG_DST_LAYER}) {
      l.states[argument] = memory(s, l.cpu);
      std::memset(l.states[argument].get_data_handle(), 0, s.get_size());
    }
  const memory given[3] = {l.w[0], l.w[1], l.w[2]};
  const memory::desc in[3] = {infer.weights_layer_desc(), infer.weights_iter_desc(), infer.bias_desc()};
  const memory::desc tr[3] = {learn.weights_layer_desc(), learn.weights_iter_desc(), learn.bias_desc()};
  const memory::desc bk[3] = {back.weights_layer_desc(), back.weights_iter_desc(), back.bias_desc()};
  const memory::desc df[3] = {back.diff_weights_layer_desc(), back.diff_weights_iter_desc(), back.diff_bias_desc()};
  for (int k = 0; k < 3; ++k) {
    l.w[k] = l.reordered(given[k], in[k]);
    l.learn_w[k] = l.reordered(given[k], tr[k]);
    l.back_w[k] = l.reordered(given[k], bk[k]);
    l.dw[k] = memory(df[k], l.cpu);
  }
}

}  // namespace

extern "C" {

// Null where oneDNN has no such primitive here.
void* onednn_layer(int kind, long time, long batch, long inputs, long hidden, float* w_x, float* w_h, float* b) try {
  auto l = std::make_unique<Layer>();
  const long gates = kind == LSTM ? 4 : kind == GRU ? 3 : 1, biases = kind == GRU ? 4 : gates;
  const memory::dims sizes[3] = {{1, 1, inputs, gates, hidden}, {1, 1, hidden, gates, hidden}, {1, 1, biases, hidden}};
  const Tag tags[3] = {Tag::ldigo, Tag::ldigo, Tag::ldgo};
  float* const values[3] = {w_x, w_h, b};
  memory::desc any[3];
  for (int k = 0; k < 3; ++k) {
    l->plain[k] = desc(sizes[k], tags[k]);
    l->w[k] = memory(l->plain[k], l->cpu, values[k]);
    any[k] = k == 2 ? l->plain[k] : desc(sizes[k], Tag::any);
  }
  const auto x = desc({time, batch, inputs}, Tag::tnc), y = desc({time, batch, hidden}, Tag::tnc);
  const auto s = desc({1, 1, batch, hidden}, Tag::ldnc);
  const auto ahead = rnn_direction::unidirectional_left2right;
  if (kind == LSTM) make<lstm_forward, lstm_backward>(*l, x, y, s, any, ahead);
  if (kind == GRU) make<lbr_gru_forward, lbr_gru_backward>(*l, x, y, s, any, ahead);
  if (kind == RNN) make<vanilla_rnn_forward, vanilla_rnn_backward>(*l, x, y, s, any, algorithm::eltwise_tanh, ahead);
  l->x = memory(x, l->cpu, nullptr), l->dx = memory(x, l->cpu, nullptr);
  l->y = memory(y, l->cpu, nullptr), l->dy = memory(y, l->cpu, nullptr);
  return l.release();
} catch (const error&) {
  return nullptr;
}

void onednn_forward(void* layer, float* x, float* y) {
  Layer& l = *static_cast<Layer*>(layer);
  l.x.set_data_handle(x), l.y.set_data_handle(y);
  l.infer.execute(l.on, l.with({{DNNL_ARG_SRC_LAYER, l.x}, {DNNL_ARG_WEIGHTS_LAYER, l.w[0]},
                                {DNNL_ARG_WEIGHTS_ITER, l.w[1]}, {DNNL_ARG_BIAS, l.w[2]}, {DNNL_ARG_DST_LAYER, l.y}}));
  l.on.wait();
}

void onednn_train(void* layer, float* x, float* dy, float* y, float* dx) {
  Layer& l = *static_cast<Layer*>(layer);
  l.x.set_data_handle(x), l.y.set_data_handle(y), l.dx.set_data_handle(dx), l.dy.set_data_handle(dy);
  l.learn.execute(l.on, l.with({{DNNL_ARG_SRC_LAYER, l.x}, {DNNL_ARG_WEIGHTS_LAYER, l.learn_w[0]},
                                {DNNL_ARG_WEIGHTS_ITER, l.learn_w[1]}, {DNNL_ARG_BIAS, l.learn_w[2]},
                                {DNNL_ARG_DST_LAYER, l.y}, {DNNL_ARG_WORKSPACE, l.workspace}}));
  for (auto& dw : l.dw) std::memset(dw.get_data_handle(), 0, dw.get_desc().get_size());  // it adds to them
  l.back.execute(l.on, l.with({{DNNL_ARG_SRC_LAYER, l.x}, {DNNL_ARG_WEIGHTS_LAYER, l.back_w[0]},
                               {DNNL_ARG_WEIGHTS_ITER, l.back_w[1]}, {DNNL_ARG_BIAS, l.back_w[2]},
                               {DNNL_ARG_DST_LAYER, l.y}, {DNNL_ARG_WORKSPACE, l.workspace},
                               {DNNL_ARG_DIFF_DST_LAYER, l.dy}, {DNNL_ARG_DIFF_SRC_LAYER, l.dx},
                               {DNNL_ARG_DIFF_WEIGHTS_LAYER, l.dw[0]}, {DNNL_ARG_DIFF_WEIGHTS_ITER, l.dw[1]},
                               {DNNL_ARG_DIFF_BIAS, l.dw[2]}}));
  l.on.wait();
}

// The gradients of w_x (k = 0), w_h (1) and b (2) of the last call of onednn_train, laid out as the weights.
void onednn_gradient(void* layer, int k, float* to) {
  Layer& l = *static_cast<Layer*>(layer);
  memory out(l.plain[k], l.cpu, to);
  reorder(l.dw[k], out).execute(l.on, l.dw[k], out);
  l.on.wait();
}

void onednn_free(void* layer) { delete static_cast<Layer*>(layer); }
}
