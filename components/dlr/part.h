/*
 * part - one piece of a model: a file, or memory of the caller.
 *
 *   struct sedge_part_view v;
 *   if (sedge_part_open(&part, limit, &v, err)) ...
 *   ... v.p, v.n ...
 *   sedge_part_close(&v);
 *
 * A file is mapped, read only; memory is borrowed and has to outlive the view.
 */
#ifndef SEDGE_DLR_PART_H
#define SEDGE_DLR_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sedge_part {
    char *path; /* owned; wins over data */
    const void *data;
    size_t size;
};

struct sedge_part_view {
    const uint8_t *p;
    size_t n;
    void *map; /* the same address, when it is a mapped file */
};

bool sedge_part_there(const struct sedge_part *part);
/* For messages: the path, or "(in memory)". */
const char *sedge_part_name(const struct sedge_part *part);
/* Refuses what is empty, or longer than `limit` bytes. */
int sedge_part_open(const struct sedge_part *part, uint64_t limit, struct sedge_part_view *view, struct sedge_err *err);
/* The bytes up to `at` have been read for the last time: a mapped file gives their memory back. */
void sedge_part_done(const struct sedge_part_view *view, const void *at);
void sedge_part_close(struct sedge_part_view *view);

#endif
