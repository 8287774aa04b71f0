// Runs the engine on a model that a test has written to a file, where there is no Python: under sanitizers, or on another processor.
//
//   driver MODEL scores                    reads n, then n tokens, again and again (int64, from standard input); after each turn
//                                          writes the n rows' scores (float). n = 0 ends it. Rows beyond n end.
//   driver MODEL write ROWS STEPS THREADS  rows of different settings draw; prints a sum of all that they draw
//
// cells.inc: CELL(name) for each cell that is linked, and what the engine must know of it.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine.h"

using namespace recurra;

#define STAGE(word, number) extern "C" void word##_step_##number(const Step<float>*);
#include "cells.inc"

static std::vector<char> content;
static size_t at = 0;

static int64_t number() {
  int64_t value;
  memcpy(&value, content.data() + at, 8);
  at += 8;
  return value;
}

// An array of the file: how many bytes it has, then these; of no bytes it is null.
static const void* array() {
  const int64_t bytes = number();
  const void* p = bytes ? content.data() + at : nullptr;
  at += size_t(bytes + 7) / 8 * 8;
  return p;
}

static Matrix matrix() {
  Matrix m;
  m.rows = number(), m.columns = number();
  m.data = array(), m.scale = static_cast<const float*>(array());
  return m;
}

static uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

int main(int count, char** words) {
  if (count < 3) return 2;
  FILE* file = fopen(words[1], "rb");
  char part[65536];
  for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;) content.insert(content.end(), part, part + n);
  fclose(file);

  Model model = {};
  model.precision = number(), model.tokens = number(), model.layers = number();
  std::vector<Layer> layers(model.layers);
  std::vector<std::vector<const float*>> vectors(model.layers);
  for (long k = 0; k < model.layers; ++k) {
    Layer& layer = layers[k];
    layer.cell = &cells[number()];
    layer.inputs = number(), layer.units = number(), layer.outputs = number(), layer.residual = number();
    layer.w_x = matrix(), layer.w_h = matrix(), layer.w_r = matrix();
    layer.b_x = static_cast<const float*>(array()), layer.b_h = static_cast<const float*>(array());
    for (int64_t left = number(); left > 0; --left) vectors[k].push_back(static_cast<const float*>(array()));
    layer.vectors = vectors[k].data();
  }
  model.layer = layers.data();
  model.embedding = static_cast<const float*>(array());
  model.head = matrix();
  model.head_bias = static_cast<const float*>(array());
  void* engine = recurra_engine_open(&model);
  if (!engine) return 1;
  const long V = model.tokens;

  if (!strcmp(words[2], "scores")) {
    std::vector<std::vector<float>> states;
    int64_t n;
    while (fread(&n, 8, 1, stdin) == 1 && n > 0) {
      std::vector<int64_t> tokens(n);
      if (fread(tokens.data(), 8, n, stdin) != size_t(n)) return 1;
      while (int64_t(states.size()) < n) {
        states.emplace_back(recurra_engine_state(engine));
        recurra_engine_start(engine, states.back().data());
      }
      std::vector<float> scores(n * V);
      std::vector<Row> rows(n);
      for (int64_t r = 0; r < n; ++r) {
        rows[r] = {};
        rows[r].state = states[r].data(), rows[r].given = &tokens[r], rows[r].given_count = 1;
        rows[r].previous = rows[r].eod = rows[r].never = -1, rows[r].logits = scores.data() + r * V;
      }
      if (recurra_engine_run(engine, rows.data(), n, 2)) return 1;
      fwrite(scores.data(), 4, scores.size(), stdout);
      fflush(stdout);
    }
    recurra_engine_close(engine);
    return 0;
  }

  const long R = atol(words[3]), steps = atol(words[4]), threads = atol(words[5]);
  uint64_t sum = 0;
  std::vector<std::vector<float>> states(R, std::vector<float>(recurra_engine_state(engine)));
  std::vector<std::vector<int64_t>> drawn(R, std::vector<int64_t>(steps)), rings(R, std::vector<int64_t>(5)), counts(R, std::vector<int64_t>(V));
  std::vector<std::vector<double>> chances(R, std::vector<double>(steps)), logs(R, std::vector<double>(4));
  std::vector<double> bias(V, 0.25);
  std::vector<uint8_t> pause(V, 0);
  pause[V - 1] = 1;
  std::vector<std::vector<float>> scores(R, std::vector<float>(4 * V));
  const std::vector<int64_t> given = {1, 0, 2, 1}, targets = {0, -1, 2, 1};
  std::vector<Row> rows(R);
  for (long r = 0; r < R; ++r) {
    Row& row = rows[r];
    recurra_engine_start(engine, states[r].data());
    row = {};
    row.state = states[r].data(), row.given = given.data(), row.given_count = 1 + r % 4;
    row.previous = r % 5 ? -1 : 0, row.eod = r % 3 ? -1 : 0, row.never = r % 7 ? -1 : 1;
    row.steps = r % 6 ? steps - r % 3 : 0, row.drawn = drawn[r].data(), row.chances = chances[r].data();
    row.random = mixed(r + 1), row.length = steps;
    row.temperature_first = r % 4 ? 1.3 : 0, row.temperature_last = r % 8 ? 0.4 : 0;
    row.top_k = r % 2 ? 3 + r % 5 : 0, row.top_p = r % 3 ? 1 : 0.7, row.min_p = r % 5 ? 0 : 0.2;
    row.repetition_penalty = r % 2 ? 1 : 1.4, row.recent = rings[r].data(), row.window = 5;
    if (r % 3 == 0) row.counts = counts[r].data(), row.presence_penalty = 0.3, row.frequency_penalty = 0.1;
    if (r % 4 == 1) row.bias = bias.data();
    if (r % 5 == 2) row.pause = pause.data();
    if (r % 4 == 3) row.logits = scores[r].data(), row.every = r % 8 == 3;
    if (r % 4 == 2) row.targets = targets.data(), row.target_logs = logs[r].data();
  }
  for (int turn = 0; turn < 2; ++turn) {
    if (recurra_engine_run(engine, rows.data(), R, threads)) return 1;
    for (long r = 0; r < R; ++r) {
      if (rows[r].status) return 1;
      for (long k = 0; k < rows[r].made; ++k) {
        uint64_t bits;
        memcpy(&bits, &chances[r][k], 8);
        sum = mixed(sum + uint64_t(drawn[r][k]) + bits);
      }
      for (float number : states[r]) {
        uint32_t bits;
        memcpy(&bits, &number, 4);
        sum = mixed(sum + bits);
      }
    }
  }
  recurra_engine_close(engine);
  printf("%016llx\n", (unsigned long long)sum);
  return 0;
}
