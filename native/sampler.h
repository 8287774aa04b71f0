// Scores → the token, as recurra.generation.samplers has it: the same operations in the same order, in double.
//
//     scores + bias - repetition - presence, frequency - softmax(. / temperature) - top_k - top_p - min_p - draw at u
//
// Nothing is contracted and every sum has one order, with an exponential of our own: the same bits on every machine.
#pragma once
#include <stdint.h>

#include <algorithm>
#include <vector>

#include "engine.h"
#include "vector.h"

namespace recurra {

// exp(v) for v <= 0, to 1 ulp; 0 below -708. v = n ln 2 + r, n by adding 1.5 * 2^52, whose last bits then hold it.
RECURRA_INLINE Doubles exp_down(Doubles v) {
  const double magic = 6755399441055744.0;
  const Doubles near = larger(all(-708.0), v), t = near * 1.4426950408889634 + magic, n = t - magic;
  const Doubles r = (near - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  Doubles p = all(1.6059043836821613e-10);  // 1 / 13!
  p = p * r + 2.08767569878681e-09;
  p = p * r + 2.505210838544172e-08;
  p = p * r + 2.755731922398589e-07;
  p = p * r + 2.7557319223985893e-06;
  p = p * r + 2.48015873015873e-05;
  p = p * r + 1.984126984126984e-04;
  p = p * r + 1.388888888888889e-03;
  p = p * r + 8.333333333333333e-03;
  p = p * r + 4.1666666666666664e-02;
  p = p * r + 1.6666666666666666e-01;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const Doubles scale = (Doubles)(((DoubleBits)t + 1023) << 52);
  return select(v < -708.0, Doubles{}, p * scale);
}

// The natural logarithm of a positive double, to 2 ulp, without the C library: v = 2^e m, ln m = 2 artanh((m - 1) / (m + 1)).
inline double log_of(double v) {
  int64_t bits;
  __builtin_memcpy(&bits, &v, 8);
  const int64_t shifted = bits - 0x3fe6a09e667f3bcdLL, e = shifted >> 52;  // m from sqrt(1/2) to sqrt(2)
  bits -= e * (int64_t(1) << 52);
  double m;
  __builtin_memcpy(&m, &bits, 8);
  const double s = (m - 1.0) / (m + 1.0), q = s * s;
  double p = 0.0;
  for (int k = 23; k > 1; k -= 2) p = (p + 1.0 / k) * q;
  return double(e) * 0.693147180369123816490 + (2.0 * (s * p + s) + double(e) * 1.90821492927058770002e-10);
}

inline uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}
inline double uniform(uint64_t& state) {
  state += 0x9E3779B97F4A7C15u;
  return double(mixed(state) >> 11) * 0x1p-53;
}

// Draws for one row after another; its memory is used again.
class Sampler {
  static constexpr int BLOCK = 16;

 public:
  explicit Sampler(long tokens)
      : V_(tokens), padded_((tokens + BLOCK - 1) / BLOCK * BLOCK), raw_(padded_, -__builtin_inf()), shaped_(padded_),
        weight_(padded_), blocks_(padded_ / BLOCK), seen_(tokens, 0) {}

  // The next token of a row and its probability under the model, after `last`. False: the row's status says why there is none.
  bool draw(Row& row, const float* logits, int64_t last, int64_t& token, double& chance) {
    double most;
    if (!read(row, logits, most)) return false;
    const double temperature = temperature_of(row);
    const bool shaped = shape(row, last);
    const double* scores = shaped ? shaped_.data() : raw_.data();
    double top = most;
    if (shaped) {
      top = *std::max_element(scores, scores + V_);
      if (top == -__builtin_inf()) return row.status = NOTHING_LEFT, false;
    }
    weigh(scores, top, temperature);
    const bool filtered = filter(row);
    const double sum = total();
    token = first_above(uniform(row.random) * sum);
    if (!shaped && !filtered && temperature == 1)
      chance = weight_[token] / sum;
    else
      chance = probability(token, most);
    return true;
  }

  // The natural logarithm of the probability that the model gives a token.
  bool log_chance(Row& row, const float* logits, int64_t token, double& value) {
    double most;
    if (!read(row, logits, most)) return false;
    weigh(raw_.data(), most, 1);
    value = raw_[token] - most - log_of(total());
    return true;
  }

 private:
  // The scores as doubles, and the largest. False if that is not finite.
  bool read(Row& row, const float* logits, double& most) {
    Floats largest_yet = all(-__builtin_inff());
    each<float>(V_, [&](auto at) __attribute__((always_inline)) {
      largest_yet = maximum(largest_yet, only(load(logits, at), at, -__builtin_inff()));
    });
    most = largest(largest_yet);
    for (long v = 0; v < V_; ++v) raw_[v] = logits[v];
    if (most - most == 0) return true;
    row.status = NOT_FINITE;
    return false;
  }

  static double temperature_of(const Row& row) {
    double progress = double(row.done) / double(std::max(1l, row.length - 1));
    if (progress > 1) progress = 1;
    return row.temperature_first + (row.temperature_last - row.temperature_first) * progress;
  }

  // Bias, penalties and tokens that are not drawn. False: there are none of these, and `shaped_` was not written.
  bool shape(const Row& row, int64_t last) {
    const bool repeats = row.recent && row.repetition_penalty != 1;
    const bool ends = row.eod >= 0 && last == row.eod;
    if (!repeats && !row.counts && !row.bias && row.never < 0 && !ends) return false;
    double* s = shaped_.data();
    std::copy(raw_.begin(), raw_.end(), shaped_.begin());
    if (row.never >= 0) s[row.never] = -__builtin_inf();
    if (ends) s[row.eod] = -__builtin_inf();
    for (long v = 0; row.bias && v < V_; ++v) s[v] += row.bias[v];
    if (repeats) {
      ++stamp_;
      const long count = std::min(row.window, row.recent_count);
      for (long i = 0; i < count; ++i) {
        const int64_t v = row.recent[i];
        if (seen_[v] == stamp_) continue;
        seen_[v] = stamp_;
        s[v] = s[v] > 0 ? s[v] / row.repetition_penalty : s[v] * row.repetition_penalty;
      }
    }
    for (long v = 0; row.counts && v < V_; ++v)
      if (row.counts[v]) s[v] -= row.presence_penalty + row.frequency_penalty * double(row.counts[v]);
    return true;
  }

  // weight_ = exp((scores - top) / temperature); at temperature 0 all on the highest, the first of equal ones.
  void weigh(const double* scores, double top, double temperature) {
    if (temperature == 0) {
      std::fill(weight_.begin(), weight_.end(), 0.0);
      weight_[std::max_element(scores, scores + V_) - scores] = 1;
      return;
    }
    const double times = 1 / temperature;
    const bool tiny = !(times < 1e300);  // 0 times infinity would be no number
    for (long v = 0; v < padded_; v += LANES<double>) {
      const Doubles below = load(scores, Whole{v}) - top;
      store(weight_.data(), Whole{v}, exp_down(tiny ? below / temperature : below * times));
    }
  }

  // The sum of all weights, by blocks of ids, whose sums the processor adds up side by side.
  double total() {
    double sum = 0;
    for (long b = 0; b * BLOCK < padded_; ++b) {
      const double* w = weight_.data() + b * BLOCK;
      double part[4] = {w[0], w[1], w[2], w[3]};
      for (int i = 4; i < BLOCK; ++i) part[i % 4] += w[i];
      sum += blocks_[b] = (part[0] + part[1]) + (part[2] + part[3]);
    }
    return sum;
  }

  // The first token up to which the weights sum to more than `limit`, after `total`.
  int64_t first_above(double limit) const {
    double before = 0;
    long b = 0;
    while ((b + 1) * BLOCK < padded_ && !(before + blocks_[b] > limit)) before += blocks_[b++];
    for (long v = b * BLOCK; v < V_ && v < (b + 1) * BLOCK; ++v)
      if ((before += weight_[v]) > limit) return v;
    // A rounding: the sum of a block and that of its weights in their order may differ in the last bit.
    int64_t v = std::min(V_, (b + 1) * BLOCK) - 1;
    while (v > 0 && weight_[v] == 0) --v;
    return v;
  }

  // What the model itself gives a token.
  double probability(int64_t token, double most) {
    weigh(raw_.data(), most, 1);
    return weight_[token] / total();
  }

  // Zero what the filters leave out. Each keeps a first part of the tokens in falling order, ties to the lower id.
  bool filter(const Row& row) {
    const bool few = row.top_k > 0 && row.top_k < V_, mass = row.top_p < 1, least = row.min_p > 0;
    if (!few && !mass && !least) return false;
    const double highest = *std::max_element(weight_.begin(), weight_.begin() + V_);
    if (few || mass) {
      heap_.resize(V_);
      for (long v = 0; v < V_; ++v) heap_[v] = {weight_[v], v};
      const auto later = [](const Entry& a, const Entry& b) { return a.weight < b.weight || (a.weight == b.weight && a.token > b.token); };
      std::make_heap(heap_.begin(), heap_.end(), later);
      const long most = few ? row.top_k : V_;
      double sum = 0;
      long kept = 0;
      const auto take = [&] {
        std::pop_heap(heap_.begin(), heap_.end() - kept, later);
        return heap_[V_ - 1 - kept++];
      };
      if (few) {
        while (kept < most) sum += take().weight;
      } else {
        sum = total();
      }
      if (mass) {
        double before = 0;
        const long all_kept = few ? kept : V_;
        long n = 0;
        while (n < all_kept && (n == 0 || before < row.top_p * sum)) {
          before += few ? heap_[V_ - 1 - n].weight : take().weight;
          ++n;
        }
        kept = n;
      }
      std::fill(weight_.begin(), weight_.begin() + V_, 0.0);
      for (long n = 0; n < kept; ++n) weight_[heap_[V_ - 1 - n].token] = heap_[V_ - 1 - n].weight;
    }
    for (long v = 0; least && v < V_; ++v)
      if (weight_[v] < row.min_p * highest) weight_[v] = 0;
    return true;
  }

  struct Entry {
    double weight;
    long token;
  };
  const long V_, padded_;
  std::vector<double> raw_, shaped_, weight_;
  std::vector<double> blocks_;  // the sums of BLOCK weights each
  std::vector<int64_t> seen_;  // the draw that met a token last
  int64_t stamp_ = 0;
  std::vector<Entry> heap_;
};

}  // namespace recurra
