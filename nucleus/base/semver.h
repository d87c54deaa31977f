/*
 * semver - component versions and version requirements (the NPM grammar that recipes use).
 *
 *   struct sedge_version v;
 *   sedge_version_parse("1.4.2", &v, &err)
 *   struct sedge_semreq *r = sedge_semreq_parse(">=1.2.0 <2.0.0", &err);
 *   if (sedge_semreq_match(r, &v)) ...
 *   sedge_semreq_free(r);
 *
 * Pure: no files, no state. A candidate for several dependants must match each of their requirements; do not join
 * texts. Any thread; a requirement does not change after it was parsed.
 */
#ifndef SEDGE_BASE_SEMVER_H
#define SEDGE_BASE_SEMVER_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

#define SEDGE_VERSION_TEXT_MAX   64     /* bytes of a whole version text */
#define SEDGE_VERSION_NUMBER_MAX 999999 /* each of the three numbers */
#define SEDGE_SEMREQ_TEXT_MAX    1024   /* bytes of a requirement text */

struct sedge_version {
    uint32_t n[3];                         /* major, minor, patch */
    char pre[SEDGE_VERSION_TEXT_MAX + 1];  /* "beta.1", empty for a release */
    char text[SEDGE_VERSION_TEXT_MAX + 1]; /* as written, with build metadata */
};

/* Strict major.minor.patch[-prerelease][+build]; INVALID says what is wrong, LIMIT which limit was passed. */
int sedge_version_parse(const char *text, struct sedge_version *out, struct sedge_err *err);
/* Negative, 0, positive. Build metadata does not count. Pre-release identifiers compare without regard to case. */
int sedge_version_cmp(const struct sedge_version *a, const struct sedge_version *b);

struct sedge_semreq;

/* NULL on failure (INVALID, LIMIT); the message quotes the text. "", "*" and "latest" match every release and more. */
struct sedge_semreq *sedge_semreq_parse(const char *text, struct sedge_err *err);
void sedge_semreq_free(struct sedge_semreq *r); /* NULL is fine */
bool sedge_semreq_match(const struct sedge_semreq *r, const struct sedge_version *v);
/* The text it was parsed from, without blanks around it; lives as long as the requirement. */
const char *sedge_semreq_text(const struct sedge_semreq *r);

#endif
