/*
 * lastlines - the last lines that a component has written, for diagnosis after a crash.
 *
 *   struct sedge_lastlines l = {0};
 *   sedge_lastlines_add(&l, script, text, n);        text[n] must exist when n > SEDGE_LAST_LINE_MAX
 *   sedge_lastlines_get(&l, script, &out);           script 0: of all scripts
 *   sedge_lastlines_release(&l);
 *
 * Lines are cut at a character and escaped: they may be put into JSON and on a terminal. No memory before the first.
 */
#ifndef SEDGE_SUPERVISOR_LASTLINES_H
#define SEDGE_SUPERVISOR_LASTLINES_H

#include "base/str.h"

struct sedge_lastline;
struct sedge_lastlines {
    struct sedge_lastline *v;
    unsigned next;
};

void sedge_lastlines_add(struct sedge_lastlines *l, unsigned script, const char *text, size_t n);
void sedge_lastlines_get(const struct sedge_lastlines *l, unsigned script, struct sedge_strv *out); /* oldest first */
void sedge_lastlines_release(struct sedge_lastlines *l);

/* Up to `max` bytes of a longer text, so that no UTF-8 character is split. */
size_t sedge_piece_length(const char *text, size_t max);

#endif
