// What the core hands to a cell's generated code: some batch rows at one time step, R rows of H units.
// X gates have rows in W_x, G in W_h: those that the step reads.
//
// Every array is row-major and dense: a row of `x` holds the X gates of one batch row, H numbers each, in the cell's order.
// T is the type of the arithmetic: float, or double for checking. A pointer is null where a cell or a call has no use for it.
#pragma once

namespace recurra {

constexpr long MOST_STAGES = 4;    // of a step: one, and one for each `h.of`
constexpr long MOST_STATES = 8;
constexpr long MOST_VECTORS = 64;
constexpr long MOST_GIVEN = 8;
constexpr long MOST_GATES = 64;    // of W_h, with `h.of`: one bit each

// The fields stand in files of their own: C++ makes the structures of them here, core.cpp a text that says where each lies, and
// Python (backends/cpu/abi.py) reads the same lines.
#define FIELD(type, name) type name;
#define LIST(type, name, count) type name[count];

template <class T>
struct Step {
#include "fields_step.h"
};

template <class T>
using Stage = void (*)(const Step<T>*);

// What the core must know of a cell; made by Python from the traced graph.
template <class T>
struct Cell {
#include "fields_cell.h"
};

#undef FIELD
#undef LIST

}  // namespace recurra
