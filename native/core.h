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
typedef int32_t (*AskPlace)(void* tensor, void**);
typedef int32_t (*AskNumber)(void* tensor, int64_t*);
typedef int32_t (*AskType)(void* tensor, int32_t*);
typedef int32_t (*AskNumbers)(void* tensor, int64_t**);

enum Io : long { F32 = 0, BF16 = 1, F64 = 2 };

#define FIELD(type, name) type name;
#define LIST(type, name, count) type name[count];
struct Watched {
#include "fields_watched.h"
};

struct Watch {
#include "fields_watch.h"
};

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
long recurra_forward(const recurra::Call* call);      // 0; 1 where memory ran out; 2, and nothing was read, where call->watch has changed
long recurra_backward(const recurra::Call* call);
long recurra_look(const recurra::Watch* watch);       // write down what its tensors are now; 0, or 1 if PyTorch's functions fail
long recurra_same(const recurra::Watch* watch);       // 1 where all are as they were; else 0
const char* recurra_layout();                         // every field of the structures: its type, place and size
}
