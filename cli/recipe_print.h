/*
 * recipe_print - what `sedge recipe check` tells, for people and for programs. Pure: text into a buffer.
 *
 *   x.yaml:7:20: error: Manifests[0].Lifecycle.run: Script is missing; expected a text [missing-script]
 *       7 |       run: {Timeout: 5}
 *         |       ^
 */
#ifndef SEDGE_CLI_RECIPE_PRINT_H
#define SEDGE_CLI_RECIPE_PRINT_H

#include "base/buf.h"
#include "base/json.h"
#include "recipe/check.h"

/* The findings of one file; `text` is that of the file (NULL: without its lines). Notes only when `notes`. */
void sedge_recipe_print_findings(const char *file, const char *text, size_t len, const struct sedge_report *r,
                                 bool notes, struct sedge_buf *out);
/* A preview (recipe/preview.h) of one file. */
void sedge_recipe_print_preview(const char *file, struct json_object *preview, struct sedge_buf *out);
/* "2 recipes: 1 error, 3 warnings (2 notes: see --notes)". */
void sedge_recipe_print_summary(size_t files, size_t errors, size_t warnings, size_t notes, bool notes_shown,
                                struct sedge_buf *out);
/* {"file", "findings": [{severity, rule, fails, line, column, member, text, expected, suggestion, message}]}; members
 * that are not known are left out. New reference. */
struct json_object *sedge_recipe_json_findings(const char *file, const struct sedge_report *r);

#endif
