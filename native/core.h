// What Python hands to the core: one layer, one or both directions, over a whole sequence. See step.h for a cell's own part.
//
// T time steps, B batch rows, I inputs, H units, P outputs of a direction (H, or fewer with a projection), S states, X and G
// gates of W_x and of W_h.
// Numbers: `io` is the type of x, y and their gradients; everything else is float (double where io is double). In bf16 the
// products run on bf16 operands and sum in float.
#pragma once
#include <cstdint>

#include "step.h"

namespace recurra {

typedef void (*Parallel)(void (*)(void*), void*, unsigned, unsigned);

enum Io : long { F32 = 0, BF16 = 1, F64 = 2 };

#define FIELD(type, name) type name;
#define LIST(type, name, count) type name[count];
struct Direction {
#include "fields_direction.h"
};

struct Call {
#include "fields_call.h"
};
#undef FIELD
#undef LIST

}  // namespace recurra

extern "C" {
long recurra_keep_bytes(const recurra::Call* call);   // for one direction
long recurra_forward(const recurra::Call* call);      // 0, or 1 where memory ran out
long recurra_backward(const recurra::Call* call);
const char* recurra_layout();                         // every field of the structures: its type, place and size
}
