// The fields of recurra::Row, see engine.h.
FIELD(float*, state)                    // every state of every layer, as recurra_engine_state counts them; read and written
FIELD(const int64_t*, given)            // tokens to read first, one at least
FIELD(long, given_count)
FIELD(long, previous)                   // the token before them; -1: none
FIELD(long, eod)                        // the token after which a row starts over; -1: none
// on request, of the tokens read
FIELD(float*, logits)                   // the scores that follow the last of them, [tokens]; or null
FIELD(long, every)                      // 1: the scores that follow each of them, [given_count][tokens]
FIELD(const int64_t*, targets)          // for each of them the token whose probability is wanted; -1: none. Or null
FIELD(double*, target_logs)             // [given_count] the natural logarithms of these; written where there is a target
// drawing
FIELD(long, steps)                      // tokens to draw at most; 0: none. The last one drawn is not read any more.
FIELD(int64_t*, drawn)                  // [steps]
FIELD(double*, chances)                 // [steps] what the model itself gave each
FIELD(long, made)                       // how many were drawn; written
FIELD(long, status)                     // GOOD, NOT_FINITE or NOTHING_LEFT; written
FIELD(uint64_t, random)                 // the state of SplitMix64; read and written
FIELD(double, temperature_first)
FIELD(double, temperature_last)
FIELD(long, length)                     // units over which the temperature goes from the first to the last
FIELD(long, done)                       // units drawn so far; read and written
FIELD(const int64_t*, units)            // [tokens] how many units each token counts; null: 1
FIELD(long, top_k)                      // 0: all
FIELD(double, top_p)                    // 1: all
FIELD(double, min_p)                    // 0: all
FIELD(double, repetition_penalty)       // 1: off
FIELD(int64_t*, recent)                 // [window] the tokens it looks at, a ring; null where it is off
FIELD(long, window)
FIELD(long, recent_count)               // tokens ever put into the ring; read and written
FIELD(double, presence_penalty)
FIELD(double, frequency_penalty)
FIELD(int64_t*, counts)                 // [tokens] how often each was drawn; read and written; null where both are 0
FIELD(const double*, bias)              // [tokens] added to the scores, or null
FIELD(long, never)                      // a token that is never drawn; -1: none
FIELD(const uint8_t*, pause)            // [tokens] 1 ends the row's turn where this token was drawn; or null
