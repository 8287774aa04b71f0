// The fields of recurra::Cell, see step.h.
FIELD(long, x_gates)          // gates with rows in W_x and b_x: those that the step reads of x
FIELD(long, h_gates)          // gates with rows in W_h and b_h; 0: no W_h
FIELD(long, states)
FIELD(long, vectors)
FIELD(long, given)
FIELD(long, output)           // 1: the output is no state, and stands in Step::output; there is no projection then
FIELD(long, merged)           // every gate is read only as x.g + h.g (or there is no W_h), so one buffer holds the sum
FIELD(long, keep)
FIELD(long, keep_row)
FIELD(long, shown)
FIELD(long, of)
FIELD(long, cross)
FIELD(long, cross_row)
FIELD(long, scratch)
FIELD(long, scratch_backward)
FIELD(long, keeps_state)      // bit k: the backward code reads state k before the step
FIELD(long, forward_stages)   // 1, and 1 more for each product that waits for `of`
FIELD(long, backward_stages)
// Before forward stage j (j >= 1) the core computes the gates of W_h in forward_gates[j] (bits) from `of` number forward_of[j].
LIST(long, forward_of, MOST_STAGES)
LIST(long, forward_gates, MOST_STAGES)
// Before backward stage j (j >= 1) it computes `dof` number backward_of[j] from dh's gates in backward_gates[j].
LIST(long, backward_of, MOST_STAGES)
LIST(long, backward_gates, MOST_STAGES)
FIELD(long, whole_gates)      // bits: gates of the product with h_{t-1} (all of W_h's, but for those that wait for an `of`)
LIST(Stage<T>, forward, MOST_STAGES)
LIST(Stage<T>, backward, MOST_STAGES)
