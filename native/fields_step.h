// The fields of recurra::Step, see step.h.
FIELD(long, rows)
FIELD(long, units)
// forward
FIELD(const T*, x)              // [R][X*H]  W_x x + b_x; for a merged cell W_x x + b_x + W_h h + b_h
FIELD(const T*, h)              // [R][G*H]  W_h h + b_h; null for a merged cell and for one without W_h
FIELD(const T* const*, state)   // for each state [R][H]: before the step
FIELD(const T* const*, vector)  // for each learned vector [H]
FIELD(const T*, given)          // [R][GIVEN*H]  what the call gives at this step; also on the way back
FIELD(T* const*, next)          // for each state [R][H]: after the step; overlaps nothing else
FIELD(T*, output)               // [R][H]  for a cell whose output is no state
FIELD(T*, keep)     // [R][KEEP*H + KEEP_ROW]  for the gradient: vectors first, then row numbers; null: not training
FIELD(T*, gate)     // [R][SHOWN*H]  the gates' values on request, or null
FIELD(T*, of)       // [R][OF*H]  vectors that a later stage multiplies by W_h; the core fills their gates in `h`
FIELD(T*, cross)    // [R][CROSS*H + CROSS_ROW]  what one stage leaves for a later one
FIELD(T*, scratch)  // [SCRATCH*H]  of this thread; holds nothing between calls
// backward: `state`, `vector`, `keep`, `cross` and `scratch` as above, and
FIELD(const T* const*, dnext)   // for each state [R][H]: gradient of the state after the step
FIELD(T* const*, dstate)        // for each state [R][H]: gradient of the state before it; written; overlaps nothing else.
                                //   What flows through W_h is not in it: the core adds that to the first.
FIELD(T*, dx)        // [R][X*H]  gradient of x; for a merged cell, of the sum; written (0 for a gate whose value is not used)
FIELD(T*, dh)        // [R][G*H]  gradient of h; null for a merged cell
FIELD(const T*, dof)            // [R][OF*H]  gradient of `of`, filled by the core between the stages
FIELD(const T*, doutput)        // [R][H]  gradient of `output`
FIELD(T*, dgiven)               // [R][GIVEN*H]  gradient of `given`; written
FIELD(T* const*, dvector)       // for each learned vector [H]: its gradient, added to
