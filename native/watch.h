// Whether PyTorch's tensors still are what they were when their addresses were read.
//
// Between two calls a weight may be moved, freed, shrunk, or read in another shape or type, and the core believes its addresses.
// To ask from Python costs a tenth of a small layer's step. PyTorch's C functions, whose form is the same in all its versions,
// answer within nanoseconds; Python passes their addresses, so that nothing here is linked to PyTorch.
#pragma once
#include <cstring>

#include "core.h"

namespace recurra {

// Write down what a tensor is now. False where PyTorch does not say, or where it has more dimensions than a weight has.
inline bool look(const Watch& watch, Watched& now) {
  int64_t bytes = 0, dims = 0, *sizes = nullptr, *strides = nullptr;
  int32_t type = 0;
  if (watch.data_ptr(now.tensor, &now.numbers) || watch.storage_size(now.tensor, &bytes) || watch.dtype(now.tensor, &type) ||
      watch.dim(now.tensor, &dims) || dims > 2 || watch.sizes(now.tensor, &sizes) || watch.strides(now.tensor, &strides))
    return false;
  now.bytes = long(bytes), now.type = type, now.dims = long(dims);
  for (long k = 0; k < 2; ++k) {
    now.sizes[k] = k < dims ? long(sizes[k]) : 0;
    now.strides[k] = k < dims ? long(strides[k]) : 0;
  }
  return true;
}

inline bool same(const Watch& watch) {
  for (long i = 0; i < watch.count; ++i) {
    Watched now = watch.watched[i];
    if (!look(watch, now) || memcmp(&now, &watch.watched[i], sizeof now)) return false;
  }
  return true;
}

}  // namespace recurra
