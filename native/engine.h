// What Python hands to the engine: a whole model, from token to drawn token, and the rows of text that it writes.
//
// A row has a state, a stream of random numbers and settings of its own. One call reads each row's given tokens, then draws up
// to `steps` more; rows of one call need not be alike, and none looks at another: its numbers are the same alone or beside
// others, on one thread or several. In float32 and bfloat16 they are the same wherever a multiply-add rounds once (AVX2,
// AVX-512, NEON), in int8 everywhere: see panels.h.
#pragma once
#include <cstdint>

#include "step.h"

namespace recurra {

enum Precision : long { FLOAT32 = 0, BFLOAT16 = 1, INT8 = 2 };
enum Status : long { GOOD = 0, NOT_FINITE = 1, NOTHING_LEFT = 2 };

#define FIELD(type, name) type name;
#define LIST(type, name, count) type name[count];
struct Matrix {
#include "fields_matrix.h"
};
struct Layer {
#include "fields_layer.h"
};
struct Model {
#include "fields_model.h"
};
struct Row {
#include "fields_row.h"
};
#undef FIELD
#undef LIST

}  // namespace recurra

extern "C" {
void* recurra_engine_open(const recurra::Model* model);                                    // null where memory ran out
void recurra_engine_close(void* engine);
long recurra_engine_state(const void* engine);                                             // numbers of a row's state
void recurra_engine_start(const void* engine, float* state);                               // writes the state rows start from
long recurra_engine_run(const void* engine, recurra::Row* rows, long count, long threads);  // 0, or 1 where memory ran out
const char* recurra_engine_layout();                                                       // as recurra_layout
}
