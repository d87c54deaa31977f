/*
 * yaml - YAML text to the same tree as JSON, and back.
 *
 * Reading is one document through parser events with limits on bytes, depth and nodes; an alias is expanded, and what
 * it brings counts as nodes, so that a few lines cannot grow into gigabytes. Refused: duplicate keys, keys that are not
 * scalars, more than one document, unknown tags, aliases of an enclosing node.
 *
 * How a plain (unquoted) scalar gets its type - the YAML 1.2 core schema:
 *   ~ null Null NULL and nothing at all          null
 *   true True TRUE false False FALSE             boolean
 *   [-+]?digits, 0o octal, 0x hexadecimal        integer (a float when it does not fit 64 bits)
 *   digits with a point or an exponent           float
 *   everything else                              text: yes, on, 1.0.0, 2020-01-25, .inf, .nan
 * Quoted and block scalars are text. The tags !!str !!int !!float !!bool !!null override this rule. "<<" is a key like
 * any other. A number that JSON could not write (infinity, not a number) stays text.
 *
 * Any thread.
 */
#ifndef SEDGE_BASE_YAML_H
#define SEDGE_BASE_YAML_H

#include <stddef.h>

#include "buf.h"
#include "err.h"
#include "json.h"

#define SEDGE_YAML_BYTES_MAX (4u << 20)
#define SEDGE_YAML_DEPTH_MAX SEDGE_JSON_DEPTH_MAX
#define SEDGE_YAML_NODES_MAX 200000u

/* Like sedge_json_parse: new reference; messages "recipe.yaml:3:17: ...". A YAML null or an empty document is returned
 * as *NULL with SEDGE_OK in err->code; callers that want an object use sedge_yaml_parse_object. */
struct json_object *sedge_yaml_parse(const char *text, size_t len, const char *what, struct sedge_err *err);
struct json_object *sedge_yaml_parse_object(const char *text, size_t len, const char *what, struct sedge_err *err);

/* Where the value at a JSON pointer starts in a text that parses (line and column from 1). -1 when it is not there. */
int sedge_yaml_locate(const char *text, size_t len, const char *pointer, unsigned *line, unsigned *column);
/* The same for its key; an element of a list or the root has none and gives the place of the value. */
int sedge_yaml_locate_key(const char *text, size_t len, const char *pointer, unsigned *line, unsigned *column);

/* Appends `v` as one YAML document in block style, keys in stored order. Reading it back gives an equal tree: text that
 * would be read as something else is quoted, text of several lines becomes a literal block. */
void sedge_yaml_emit(struct sedge_buf *out, struct json_object *v);

#endif
