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

/* What the data plane said with an error status: its exception by name and its message, "" for what it left out. */
struct sedge_plane_answer {
    char exception[64];
    char message[512];
};

/* Fills *fail unless the verdict is OK. */
enum sedge_verdict sedge_verdict_of(const struct sedge_outcome *o, const struct sedge_settings *s,
                                    const struct sedge_source *src, struct sedge_fail *fail);

/* The same for a question to the data plane, whose `body` (may be NULL) is the error document. `what` is asked. */
enum sedge_verdict sedge_verdict_of_plane(const struct sedge_outcome *o, const struct sedge_settings *s,
                                          const char *what, const char *body, size_t n,
                                          struct sedge_plane_answer *answer, struct sedge_fail *fail);

#endif
