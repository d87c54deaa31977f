/*
 * json_scan - what the tree of a JSON text no longer tells: where things stood, keys that were there twice, and what
 * was expected where the text is wrong. For documents that people write; use json.h for what programs send.
 *
 *   if (sedge_json_scan(text, len, "recipe.json", &err) != 0) -> "recipe.json:31:7: expected \",\" or \"]\" ..., got
 * \"}\"" sedge_json_locate(text, len, "/Manifests/0/Name", &line, &column)
 *
 * Pure, any thread.
 */
#ifndef SEDGE_BASE_JSON_SCAN_H
#define SEDGE_BASE_JSON_SCAN_H

#include <stddef.h>

#include "err.h"

/* 0 when the text is one JSON value, at most SEDGE_JSON_DEPTH_MAX deep, without duplicate keys; INVALID or LIMIT. */
int sedge_json_scan(const char *text, size_t len, const char *what, struct sedge_err *err);
/* Where the value at a JSON pointer starts (line and column from 1) in a text that passed the scan. -1: not there. */
int sedge_json_locate(const char *text, size_t len, const char *pointer, unsigned *line, unsigned *column);
/* The same for its key; an element of a list or the root has none and gives the place of the value. */
int sedge_json_locate_key(const char *text, size_t len, const char *pointer, unsigned *line, unsigned *column);

#endif
