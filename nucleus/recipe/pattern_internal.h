/*
 * pattern_internal - what the reader of patterns and their matcher share: a program of steps. Private.
 *
 * A step that takes a character goes on with the step after it; jumps are relative to the step itself, so that a block
 * of steps can be moved and copied.
 */
#ifndef SEDGE_RECIPE_PATTERN_INTERNAL_H
#define SEDGE_RECIPE_PATTERN_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "pattern.h"

enum step_kind {
    STEP_CHAR,  /* takes `c` */
    STEP_ANY,   /* takes a character that does not end a line */
    STEP_SET,   /* takes one of the ranges [first, first + count) */
    STEP_JUMP,  /* to `a` */
    STEP_SPLIT, /* to `a` and to `b` */
    STEP_BEGIN, /* only at the beginning, ... */
    STEP_END,
    STEP_WORD_EDGE,
    STEP_NO_WORD_EDGE
};

struct step {
    enum step_kind kind;
    uint32_t c;
    size_t first, count;
    int32_t a, b;
};

struct range {
    uint32_t from, to;
};

struct sedge_pattern {
    bool ignore_case; /* of ASCII letters */
    struct step *steps;
    size_t n;
    struct range *ranges;
    size_t nranges;
};

/* One character at *p, which moves on; bytes that are no UTF-8 stand for themselves. */
uint32_t sedge_pattern_take(const char **p);

#endif
