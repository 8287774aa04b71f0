// The fields of recurra::Watched, see watch.h.
FIELD(void*, tensor)                  // PyTorch's at::Tensor
FIELD(void*, numbers)                 // where they are
FIELD(long, bytes)                    // of its storage
FIELD(long, type)                     // PyTorch's number for it
FIELD(long, dims)
LIST(long, sizes, 2)                  // 0 past its dims
LIST(long, strides, 2)
