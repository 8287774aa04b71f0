// The fields of recurra::Matrix, see engine.h.
FIELD(const void*, data)        // [rows][columns]: float, or in int8 the whole numbers; null: none
FIELD(const float*, scale)      // in int8 what a row's numbers are multiplied by, [rows]
FIELD(long, rows)
FIELD(long, columns)
