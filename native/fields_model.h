// The fields of recurra::Model, see engine.h.
FIELD(long, precision)                  // of the products: FLOAT32, BFLOAT16 or INT8
FIELD(long, tokens)
FIELD(long, layers)
FIELD(const Layer*, layer)
FIELD(const float*, embedding)          // [tokens][inputs of the first layer]; must outlive the engine where it makes no table
FIELD(Matrix, head)                     // [tokens][outputs of the last layer]
FIELD(const float*, head_bias)          // [tokens] or null
