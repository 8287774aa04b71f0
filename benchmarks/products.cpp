// For bench_products.py: the core's own product, packed panels × tiles, as one function. c = a · wᵀ, w packed before.
#include <stdlib.h>

#include "product.h"

using namespace recurra;

extern "C" __attribute__((visibility("default"))) void* product_pack(const float* w, long depth, long columns) {
  Single::Group* packed = static_cast<Single::Group*>(aligned_alloc(64, (packed_groups<Single>(depth, columns) * 4 + 63) / 64 * 64));
  for (long p = 0; p < panels(columns, Lanes<float>::count); ++p) pack_panel<Single>(w, 1, depth, depth, columns, packed, p);
  return packed;
}

extern "C" __attribute__((visibility("default"))) void product_free(void* packed) { free(packed); }

extern "C" __attribute__((visibility("default"))) void product_run(const float* a, long rows, const void* packed, long depth, long columns, float* c) {
  const float** from = static_cast<const float**>(malloc(rows * sizeof(float*)));
  float** to = static_cast<float**>(malloc(rows * sizeof(float*)));
  for (long r = 0; r < rows; ++r) from[r] = a + r * depth, to[r] = c + r * columns;
  product<Single>(from, rows, {static_cast<const Single::Group*>(packed), depth, columns}, to, Start::Zero);
  free(from);
  free(to);
}
