// The fields of recurra::Watch, see watch.h.
FIELD(long, count)
FIELD(Watched*, watched)              // [count]
// PyTorch's functions aoti_torch_get_...; they return 0, or another number where they could not
FIELD(AskPlace, data_ptr)
FIELD(AskNumber, storage_size)
FIELD(AskType, dtype)
FIELD(AskNumber, dim)
FIELD(AskNumbers, sizes)
FIELD(AskNumbers, strides)
