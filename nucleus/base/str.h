/*
 * str - text helpers: prefixes, lists, numbers, base64, hex, UUIDs, escaping for logs.
 */
#ifndef SEDGE_BASE_STR_H
#define SEDGE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

bool sedge_str_starts(const char *s, const char *prefix);
bool sedge_str_ends(const char *s, const char *suffix);
bool sedge_str_eq(const char *a, const char *b); /* NULL equals NULL only */

/* A list of owned texts. */
struct sedge_strv {
    char **v;
    size_t n;
};
#define sedge_auto_strv __attribute__((cleanup(sedge_strv_release)))
void sedge_strv_release(struct sedge_strv *l);
void sedge_strv_add(struct sedge_strv *l, const char *s);
void sedge_strv_add_take(struct sedge_strv *l, char *s);
bool sedge_strv_has(const struct sedge_strv *l, const char *s);
/* Pieces of `s` between characters of `separators`; empty pieces are kept. */
void sedge_strv_split(struct sedge_strv *l, const char *s, const char *separators);
char *sedge_strv_join(const struct sedge_strv *l, const char *separator);

/* Whole text as a number; -1 with INVALID ("expected an integer, got ...") or LIMIT when outside min..max. */
int sedge_str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out, struct sedge_err *err);
int sedge_str_to_double(const char *s, double *out, struct sedge_err *err);

/* Standard alphabet with padding. Decoding accepts missing padding, refuses everything else (INVALID). */
void sedge_base64_encode(struct sedge_buf *out, const void *data, size_t n);
int sedge_base64_decode(struct sedge_buf *out, const char *text, size_t n, struct sedge_err *err);
/* URL alphabet, no padding. */
void sedge_base64url_encode(struct sedge_buf *out, const void *data, size_t n);
void sedge_hex_encode(struct sedge_buf *out, const void *data, size_t n); /* lower case */

#define SEDGE_UUID_LEN 36
/* Random UUID (version 4), lower case, from the kernel's generator. */
void sedge_uuid4(char out[SEDGE_UUID_LEN + 1]);
bool sedge_is_uuid(const char *s);
void sedge_random_bytes(void *out, size_t n);
/* Length-independent comparison of secrets. */
bool sedge_secret_eq(const char *a, const char *b);

/* Appends text from outside so that it stays on one line and steers no terminal: control characters (but tabs) and
 * invalid UTF-8 become \xNN, controls and line separators beyond ASCII \uNNNN. */
void sedge_str_escape(struct sedge_buf *out, const char *s, size_t n);
/* Appends s with everything but unreserved characters (RFC 3986 2.3; and slashes, if kept) percent-encoded. */
void sedge_url_encode(struct sedge_buf *out, const char *s, bool keep_slash);
/* How many of the n bytes, from the first on, are valid UTF-8 (Unicode 3.9: no overlong forms, no surrogates); NUL is.
 */
size_t sedge_utf8_prefix(const char *s, size_t n);
/* Whether all n bytes are valid UTF-8 without NUL. */
bool sedge_utf8_valid(const char *s, size_t n);
/* The name of `known` nearest to `word` (edit distance at most 2 and under half its length), NULL if none is near. */
const char *sedge_str_nearest(const char *word, const char *const *known, size_t n);

#endif
