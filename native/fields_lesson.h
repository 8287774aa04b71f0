// The fields of recurra::Lesson, see learner.h.
FIELD(long, time)                  // T
FIELD(long, batch)                 // B
FIELD(const int64_t*, inputs)      // [B][T]
FIELD(const int64_t*, targets)     // [T][B]; below 0: not counted
FIELD(const uint8_t*, resets)      // [T][B] 1 where a row starts over before it reads; or null
FIELD(float*, carry)               // for each layer and state [B][H]: before the first step; written: after the last
FIELD(double, loss)                // nats a target, the mean; written
FIELD(long, counted)               // targets; written
FIELD(double, norm)                // of all gradients, before clipping; written by a step
// the update
FIELD(long, step)                  // the number of this update, from 1
FIELD(double, rate)
FIELD(double, beta1)
FIELD(double, beta2)
FIELD(double, epsilon)
FIELD(double, weight_decay)
FIELD(double, clip)                // the norm's largest; 0: any
FIELD(double, keep_average)        // what the running mean keeps of itself
