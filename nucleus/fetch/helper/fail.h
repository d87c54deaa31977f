/*
 * fail - an error of the helper: base/err.h plus the Greengrass error codes that go with it.
 */
#ifndef SEDGE_FETCH_FAIL_H
#define SEDGE_FETCH_FAIL_H

#include "base/err.h"

struct sedge_fail {
    struct sedge_err err;
    const char *stack; /* static text: codes separated by a blank, general to specific; NULL or "" for none */
};

#endif
