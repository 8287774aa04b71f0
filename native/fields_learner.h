// The fields of recurra::Learner, see learner.h.
FIELD(long, tokens)                // V
FIELD(long, embedding_size)        // E, the inputs of the first layer
FIELD(long, layers)
FIELD(const LearnerLayer*, layer)
FIELD(float*, parameters)          // all of them, one behind the other; updated
FIELD(float*, gradients)           // as many; written by each lesson
FIELD(float*, first)               // as many: AdamW's running means of the gradients and of their squares; zeros at first
FIELD(float*, second)
FIELD(float*, average)             // as many: the running mean of the parameters; or null
FIELD(long, count)                 // numbers in all
FIELD(long, embedding)             // places: [V][E]
FIELD(long, head)                  // [V][H of the last layer]
FIELD(long, head_bias)             // [V]
FIELD(const uint8_t*, decays)      // [count] 1 where weight decay acts
