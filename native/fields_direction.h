// The fields of recurra::Direction, see core.h.
// weights
FIELD(const void*, w_x)               // [X*H][I]; null with tokens
FIELD(const void*, w_h)               // [G*H][P/heads]; row g*H + u multiplies the outputs of u's own head; null: none
FIELD(const void*, b_x)               // [G*H] or null
FIELD(const void*, b_h)               // [G*H] or null
FIELD(const void*, w_r)               // [P][H] projection, or null
FIELD(const void* const*, vectors)    // each [H]
// states, each [B][H], the first [B][P]
FIELD(const void* const*, state)      // before the first step
FIELD(const void* const*, initial)    // what a reset sets; null without resets
FIELD(void* const*, last)             // after the last step; written
// options
FIELD(const void*, mask)              // recurrent dropout [B][P], multiplied onto h before W_h, or null
FIELD(const uint8_t* const*, zoneout) // for each state [T][B][H] (the first [T][B][P]), 1 keeps the old value; null entries or null
FIELD(const double*, state_clip)      // for each state the largest size after the step and its projection, 0: any; null: none
FIELD(const double*, zone_share)      // for each state the fraction that is kept, where zoneout is null; null: none
// on request; each [T][B][H] (the first state [T][B][P]); past a row's length the state it holds there, gates 0
FIELD(void* const*, trace_states)     // or null
FIELD(void* const*, trace_gates)      // for each gate the cell shows, or null
// training
FIELD(void*, keep)                    // recurra_keep_bytes(call) bytes, for one direction; null: inference
// backward
FIELD(const void* const*, dlast)      // gradients of `last`, or null entries
FIELD(const void* const*, dtrace_states)// or null; null entries allowed
FIELD(void*, dx)                      // [T][B][I] (tokens: [V][X*H], added to), of this direction alone; or null
FIELD(void* const*, dgiven)           // for each of GIVEN [T][B][H], of this direction alone; null or null entries: not wanted
FIELD(void*, dw_x)                    // this and the next: written, laid out as the weights; null: not wanted
FIELD(void*, dw_h)
FIELD(void*, db_x)
FIELD(void*, db_h)
FIELD(void*, dw_r)
FIELD(void* const*, dvectors)         // null entries: not wanted
FIELD(void* const*, dstate)           // gradient of `state`; null entries: not wanted
FIELD(void* const*, dinitial)         // gradient of `initial`; null or null entries: not wanted
