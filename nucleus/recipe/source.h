/*
 * source - the text of a recipe while it is read: its tree, and errors that name file, line, column and member.
 * Private to the box.
 *
 *   struct at manifests = {NULL, "Manifests", 0}, first = {&manifests, NULL, 0};
 *   return sedge_source_bad(src, &first, SEDGE_E_INVALID, "expected ...");  // "x.yaml:9:5: Manifests[0]: expected ..."
 */
#ifndef SEDGE_RECIPE_SOURCE_H
#define SEDGE_RECIPE_SOURCE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/* A place in the tree: a member (key) or an element (index, when key is NULL) of `up`; NULL is the root. */
struct at {
    const struct at *up;
    const char *key;
    size_t index;
};

struct source {
    const char *text;
    size_t len;
    const char *file;
    bool yaml;
    struct sedge_err *err;
};

/* The tree of the text (new reference to an object), NULL with the error in src->err. */
struct json_object *sedge_source_read(const struct source *src);
/* Always -1. */
int sedge_source_bad(const struct source *src, const struct at *at, enum sedge_err_code code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Puts file, line, column and member in front of the message that is in src->err. Always -1. */
int sedge_source_wrap(const struct source *src, const struct at *at);
/* Appends the member: "Manifests[0].Name"; nothing for the root. */
void sedge_source_member(const struct at *at, struct sedge_buf *b);
/* Where the value at `at` stands (or its key, where it has one), or the nearest thing around it that can be found: an
 * alias of YAML has no places inside. -1 when nothing can be. */
int sedge_source_locate(const struct source *src, const struct at *at, bool key, unsigned *line, unsigned *column);

#endif
