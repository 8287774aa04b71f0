// The fields of recurra::LearnerLayer, see learner.h. Places count numbers from the start of the parameters; -1: there is none.
FIELD(const void*, cell)           // Cell<float>*
FIELD(long, inputs)
FIELD(long, units)
FIELD(long, w_x)                   // [X*H][I]
FIELD(long, w_h)                   // [G*H][H]
FIELD(long, b_x)                   // [X*H]
FIELD(long, b_h)                   // [G*H]
LIST(long, vectors, MOST_VECTORS)  // each [H]
FIELD(long, residual)              // 1: what it reads is added to what it puts out; as wide. Not for the first layer
