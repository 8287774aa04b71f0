// What Python hands to the core: one layer, one or both directions, over a whole sequence. See step.h for a cell's own part.
//
// T time steps, B batch rows, I inputs, H units, P outputs of a direction (H, or fewer with a projection), G gates, S states.
// Numbers: `io` is the type of x, y and their gradients; everything else is float (double where io is double). In bf16 the
// products run on bf16 operands and sum in float.
#pragma once
#include <cstdint>

#include "step.h"

namespace recurra {

enum Io : long { F32 = 0, BF16 = 1, F64 = 2 };

struct Direction {
  // weights
  const void* w_x;              // [G*H][I]; null with tokens
  const void* w_h;              // [G*H][P/heads]; row g*H + u multiplies the outputs of u's own head; null: none
  const void* b_x;              // [G*H] or null
  const void* b_h;              // [G*H] or null
  const void* w_r;              // [P][H] projection, or null
  const void* const* vectors;   // each [H]
  // states, each [B][H], the first [B][P]
  const void* const* state;     // before the first step
  const void* const* initial;   // what a reset sets; null without resets
  void* const* last;            // after the last step; written
  // options
  const void* mask;             // recurrent dropout [B][P], multiplied onto h before W_h, or null
  const uint8_t* const* zoneout;  // for each state [T][B][H] (the first [T][B][P]), 1 keeps the old value; null entries or null
  const double* zone_share;     // for each state the share that is kept, where zoneout is null; null: none
  // on request; each [T][B][H] (the first state [T][B][P]); past a row's length the state it holds there, gates 0
  void* const* trace_states;    // or null
  void* const* trace_gates;     // for each gate the cell shows, or null
  // training
  void* keep;                   // recurra_keep_bytes(call) bytes, for one direction; null: inference
  // backward
  const void* const* dlast;     // gradients of `last`, or null entries
  const void* const* dtrace_states;  // or null; null entries allowed
  void* dx;                     // [T][B][I] (tokens: [V][G*H], added to), of this direction alone; or null
  void* dw_x;                   // this and the next: written, laid out as the weights; null: not wanted
  void* dw_h;
  void* db_x;
  void* db_h;
  void* dw_r;
  void* const* dvectors;        // null entries: not wanted
  void* const* dstate;          // gradient of `state`; null entries: not wanted
  void* const* dinitial;        // gradient of `initial`; null or null entries: not wanted
};

struct Call {
  const void* cell;             // Cell<float>*, or Cell<double>* where io is F64
  long io;
  long time, batch, inputs, units, outputs, heads, directions;
  long threads;                 // the same in backward as in forward
  const void* x;                // element (t, b, i) at t*x_time + b*x_row + i; with tokens the table [V][G*H] (float or double)
  long x_time, x_row;
  const int64_t* tokens;        // [T][B] with strides x_time, x_row: row of the table for each step, or null. Table: W_x e + b_x
  long table_rows;
  const int64_t* lengths;       // [B] or null
  const uint8_t* resets;        // [T][B] or null
  void* y;                      // element (t, b, d*P + p) at t*y_time + b*y_row + d*P + p; zeros past a row's length
  long y_time, y_row;
  const void* dy;               // laid out as y; or null
  long dy_time, dy_row;
  void (*parallel)(void (*)(void*), void*, unsigned, unsigned);  // OpenMP's GOMP_parallel as PyTorch loaded it, or null
  Direction direction[2];
};

}  // namespace recurra

extern "C" {
long recurra_keep_bytes(const recurra::Call* call);   // for one direction
long recurra_forward(const recurra::Call* call);      // 0, or 1 where memory ran out
long recurra_backward(const recurra::Call* call);
}
