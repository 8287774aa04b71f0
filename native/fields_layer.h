// The fields of recurra::Layer, see engine.h.
FIELD(const void*, cell)                // Cell<float>*, its forward stages compiled for the engine; must outlive it
FIELD(long, inputs)
FIELD(long, units)
FIELD(long, outputs)                    // units, or fewer with a projection
FIELD(long, residual)                   // whether the layer's input is added to its output
FIELD(Matrix, w_x)                      // [X*H][I]
FIELD(Matrix, w_h)                      // [G*H][P], or none
FIELD(Matrix, w_r)                      // [P][H] projection, or none
FIELD(const float*, b_x)                // [X*H] or null
FIELD(const float*, b_h)                // [G*H] or null
FIELD(const float* const*, vectors)     // each [H]
FIELD(const float* const*, initial)     // for each state the numbers it starts from, or null entries: zeros
FIELD(const double*, zone_share)        // for each state the fraction of the old value that is kept; null: none
