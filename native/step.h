// What the core hands to a cell's generated code: some batch rows at one time step, R rows of H units.
//
// Every array is row-major and dense: a row of `x` holds the G gates of one batch row, H numbers each, in the cell's order.
// T is the type of the arithmetic: float, or double for checking. A pointer is null where a cell or a call has no use for it.
#pragma once

namespace recurra {

template <class T>
struct Step {
  long rows;
  long units;
  // forward
  const T* x;                   // [R][G*H]  W_x x + b_x; for a merged cell W_x x + b_x + W_h h + b_h
  const T* h;                   // [R][G*H]  W_h h + b_h; null for a merged cell and for one without W_h
  const T* const* state;        // for each state [R][H]: before the step
  const T* const* vector;       // for each learned vector [H]
  T* const* next;               // for each state [R][H]: after the step; overlaps nothing else
  T* keep;                      // [R][KEEP*H + KEEP_ROW]  for the gradient: vectors first, then row numbers; null: not training
  T* gate;                      // [R][SHOWN*H]  the gates' values on request, or null
  T* of;                        // [R][OF*H]  vectors that a later stage multiplies by W_h; the core fills their gates in `h`
  T* cross;                     // [R][CROSS*H + CROSS_ROW]  what one stage leaves for a later one
  T* scratch;                   // [SCRATCH*H]  of this thread; holds nothing between calls
  // backward: `state`, `vector`, `keep`, `cross` and `scratch` as above, and
  const T* const* dnext;        // for each state [R][H]: gradient of the state after the step
  T* const* dstate;             // for each state [R][H]: gradient of the state before it; written; overlaps nothing else.
                                //   What flows through W_h is not in it: the core adds that to the first.
  T* dx;                        // [R][G*H]  gradient of x; for a merged cell, of the sum; written (0 for a gate not read)
  T* dh;                        // [R][G*H]  gradient of h; null for a merged cell
  const T* dof;                 // [R][OF*H]  gradient of `of`, filled by the core between the stages
  T* const* dvector;            // for each learned vector [H]: its gradient, added to
};

// What the core must know of a cell; made by Python from the traced graph.
template <class T>
struct Cell {
  long gates, states, vectors;
  long merged;                  // every gate is read only as x.g + h.g, so one buffer holds the sum
  long recurrent;               // has a W_h
  long keep, keep_row, shown, of, cross, cross_row, scratch, scratch_backward;
  long keeps_state;             // bit k: the backward code reads state k before the step
  long forward_stages;          // 1, and 1 more for each product that waits for `of`
  long backward_stages;
  // Before forward stage j (j >= 1) the core computes h's gates in forward_gates[j] (bits) from `of` number forward_of[j].
  long forward_of[4], forward_gates[4];
  // Before backward stage j (j >= 1) it computes `dof` number backward_of[j] from dh's gates in backward_gates[j].
  long backward_of[4], backward_gates[4];
  long whole_gates;             // bits: gates of the product with h_{t-1} (all, but for those that wait for an `of`)
  void (*forward[4])(const Step<T>*);
  void (*backward[4])(const Step<T>*);
};

}  // namespace recurra
