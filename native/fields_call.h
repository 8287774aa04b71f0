// The fields of recurra::Call, see core.h.
FIELD(const void*, cell)              // Cell<float>*, or Cell<double>* where io is F64
FIELD(long, io)
FIELD(long, time)
FIELD(long, batch)
FIELD(long, inputs)
FIELD(long, units)
FIELD(long, outputs)
FIELD(long, heads)
FIELD(long, directions)
FIELD(long, threads)                  // the same in backward as in forward
FIELD(const void*, x)                 // element (t, b, i) at t*x_time + b*x_row + i; with tokens the table [V][X*H] (float or double)
FIELD(long, x_time)
FIELD(long, x_row)
FIELD(const int64_t*, tokens)         // [T][B] with strides x_time, x_row: row of the table for each step, or null. Table: W_x e + b_x
FIELD(long, table_rows)
FIELD(const int64_t*, lengths)        // [B] or null
FIELD(const uint8_t*, resets)         // [T][B] or null
FIELD(const void* const*, given)      // for each of GIVEN: element (t, b, u) at t*s[0] + b*s[1] + u*s[2], s its three strides in
FIELD(const long*, given_strides)     // [GIVEN][3]; s[2] is 1, or 0 for one number per row
FIELD(void*, y)                       // element (t, b, d*P + p) at t*y_time + b*y_row + d*P + p; zeros past a row's length
FIELD(long, y_time)
FIELD(long, y_row)
FIELD(const void*, dy)                // laid out as y; or null
FIELD(long, dy_time)
FIELD(long, dy_row)
FIELD(const Watch*, watch)            // weights that must be what they were, or null; read by recurra_forward
FIELD(Parallel, parallel)             // OpenMP's GOMP_parallel as PyTorch loaded it, or null
LIST(Direction, direction, 2)
