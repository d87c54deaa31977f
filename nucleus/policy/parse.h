/*
 * parse - the accessControl of one component as a list of rules. Private to the box.
 */
#ifndef SEDGE_POLICY_PARSE_H
#define SEDGE_POLICY_PARSE_H

#include "match.h"
#include "policy.h"

#include "base/json.h"
#include "base/str.h"

struct sedge_rule {
    char *service;
    struct sedge_strv operations;
    struct sedge_match_pattern *patterns;
    size_t npatterns;
};

struct sedge_rules {
    struct sedge_rule *v;
    size_t n;
};

/* Appends every good policy to *out and reports the others. */
void sedge_rules_parse(const char *component, struct json_object *access_control, sedge_policy_warn_cb warn, void *user,
                       struct sedge_rules *out);
void sedge_rules_free(struct sedge_rule *rules, size_t n);

#endif
