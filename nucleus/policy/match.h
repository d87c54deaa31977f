/*
 * match - resource patterns of policies, compiled once and matched often. Private to the box.
 */
#ifndef SEDGE_POLICY_MATCH_H
#define SEDGE_POLICY_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "policy.h"

#include "base/err.h"

enum sedge_token_kind {
    SEDGE_TOKEN_LITERAL,
    SEDGE_TOKEN_ANY,   /* "*": any run of characters */
    SEDGE_TOKEN_LEVEL, /* "+" alone on its level: wildcard in MQTT style, otherwise the character */
    SEDGE_TOKEN_REST   /* "#" alone on the last level: likewise */
};

struct sedge_match_token {
    enum sedge_token_kind kind;
    char c;
};

struct sedge_match_pattern {
    struct sedge_match_token *tokens;
    size_t n;
    char *text;
};

/* INVALID or LIMIT; *out is empty then. */
int sedge_match_compile(const char *text, struct sedge_match_pattern *out, struct sedge_err *err);
void sedge_match_release(struct sedge_match_pattern *p);
bool sedge_match_run(const struct sedge_match_pattern *p, const char *resource, enum sedge_match_style style);

#endif
