// What a browser's module has beside the learner and the engine: the cells' structures, which Python wrote into cells.inc, and
// stubs for the parts of the C++ runtime that this target lacks. Memory that runs out ends the call; the host reports it.
#include <stdlib.h>

#include "step.h"

namespace recurra {
#include "cells.inc"
}

extern "C" {
// The structure of a cell: to learn with, or, with `writes`, as the engine takes it.
const void* recurra_web_cell(long index, long writes) { return writes ? recurra::written + index : recurra::learned + index; }

void* __cxa_allocate_exception(size_t) noexcept { abort(); }
void __cxa_throw(void*, void*, void (*)(void*)) { abort(); }
int __cxa_thread_atexit(void (*)(void*), void*, void*) { return 0; }
}
