// A language model that learns: embedding → layers of any compiled cell → softmax, one window of all streams a call. What Python's
// training loop does in a step (training/loop.py) without dropout: forward, cross-entropy, backward, clipping, AdamW, the running
// mean of the weights. The host brings the tokens, the schedule, and decides when to stop. float32, one thread.
#pragma once
#include <cstdint>

#include "core.h"

namespace recurra {

#define FIELD(type, name) type name;
#define LIST(type, name, count) type name[count];
struct LearnerLayer {
#include "fields_learnerlayer.h"
};

struct Learner {
#include "fields_learner.h"
};

struct Lesson {
#include "fields_lesson.h"
};
#undef FIELD
#undef LIST

}  // namespace recurra

extern "C" {
long recurra_learner_state(const recurra::Learner* learner, long batch);                  // numbers that `carry` has
long recurra_learner_step(const recurra::Learner* learner, recurra::Lesson* lesson);      // 0, or 1 where memory ran out
long recurra_learner_measure(const recurra::Learner* learner, recurra::Lesson* lesson);   // the loss alone; nothing is learned
const char* recurra_learner_layout();                                                     // as recurra_layout
}
