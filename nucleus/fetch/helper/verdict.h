/*
 * verdict - what the end of an HTTP transfer means: success, something that can heal, or an error for people.    (pure)
 */
#ifndef SEDGE_FETCH_VERDICT_H
#define SEDGE_FETCH_VERDICT_H

#include "fail.h"
#include "s3url.h"
#include "settings.h"

enum sedge_verdict { SEDGE_VERDICT_OK, SEDGE_VERDICT_HEAL, SEDGE_VERDICT_FINAL };

struct sedge_outcome {
    int curl;           /* CURLcode */
    long status;        /* 0: no answer */
    int os_errno;       /* of a failed connect */
    const char *detail; /* curl's own words, may be "" */
    char s3_code[64];   /* code of the error document, "" */
};

/* Fills *fail unless the verdict is OK. */
enum sedge_verdict sedge_verdict_of(const struct sedge_outcome *o, const struct sedge_settings *s,
                                    const struct sedge_source *src, struct sedge_fail *fail);

#endif
