// The product W_h h alone, again and again: what a recurrent network's next token costs at least.
#include "panels.h"

using namespace recurra;

#pragma GCC visibility push(default)
extern "C" {
void* bare_open(const float* weights, long rows, long columns) {
  auto* made = new Panels<Single>;
  made->pack({weights, nullptr, rows, columns});
  return made;
}
void bare_close(void* made) { delete static_cast<Panels<Single>*>(made); }
void bare_run(const void* made, const float* h, float* out, long steps) {
  for (long step = 0; step < steps; ++step) static_cast<const Panels<Single>*>(made)->multiply(&h, 1, nullptr, &out);
}
}
