/*
 * job - one request on its way: its phase, and everything that its phases share.
 *
 * The engine's thread owns a job, except between "the step thread was started" and "step_over is set": then the step
 * owns it (and the engine touches `canceled` only).
 */
#ifndef SEDGE_FETCH_JOB_H
#define SEDGE_FETCH_JOB_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "listing.h"
#include "request.h"
#include "settings.h"
#include "verdict.h"

#define SEDGE_JOB_ATTEMPTS_MAX 100 /* also when every attempt made progress */

#define SEDGE_PHASES(X) X(QUEUED) X(PREPARE) X(TRANSFER) X(WAIT) X(FINISH) X(OVER)
enum sedge_phase {
#define X(sym) SEDGE_PHASE_##sym,
    SEDGE_PHASES(X)
#undef X
};

/* What one HTTP exchange has brought. */
struct sedge_response {
    long status;
    int64_t length;      /* Content-Length, -1 */
    int64_t range_start; /* of Content-Range, -1 */
    int64_t range_total; /* of Content-Range, -1 */
    char exception[64];  /* of the data plane */
    char etag[256];
    char modified[64];
    bool begun;              /* the first byte of the body was judged */
    struct sedge_buf body;   /* of LIST and TEXT */
    struct sedge_buf refuse; /* body of an error answer, its beginning */
};

struct sedge_job {
    struct sedge_job *next;
    struct sedge_request req;
    const struct sedge_settings *settings;
    enum sedge_phase phase;
    int result; /* of the last step: 0, -1 with `fail` */
    struct sedge_fail fail;
    struct json_object *answer;
    bool complete; /* nothing left to transfer */
    int64_t attempts, attempts_total, wake_ms;

    pthread_t thread;
    atomic_bool step_over, canceled;
    void (*step)(struct sedge_job *job);
    CURLM *multi; /* woken when the step is over */

    CURL *easy;
    struct curl_slist *headers;
    char curl_text[CURL_ERROR_SIZE];
    struct sedge_response in;
    bool asking;       /* this exchange is with the data plane */
    char *signed_url;  /* what it gave for `presign` */
    int nsigned;       /* such URLs in a row that brought no byte */
    int64_t signed_at; /* bytes in the part file when the last one came */
    bool gave_up;      /* a callback ended the transfer: `fail` says why */
    bool enough;       /* a callback ended it because all that was asked is known */
    bool restart;      /* what is in the part file is of no use */

    int fd;              /* part file of GET, source of PUT */
    char *part;          /* "<dest>.part" */
    int64_t have, start; /* bytes in the part file; of them before this attempt */
    char validator[256]; /* ETag or Last-Modified of what is in the part file */
    bool resumed;        /* bytes of several answers are in the part file */
    int64_t progress_ms, progress_bytes, rate;

    struct sedge_listing listing;
    int64_t size; /* PUT */
    char sha256[65];
    bool looked_up;     /* PUT with ifNoneMatch: nothing is there */
    bool unconditional; /* PUT: the store refuses the header */
};

struct sedge_job *sedge_job_new(const struct sedge_settings *s, CURLM *multi);
void sedge_job_free(struct sedge_job *job);
/* Returns -1. */
int sedge_job_fail(struct sedge_job *job, enum sedge_err_code code, const char *stack, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Gives the error that is already in job->fail.err its codes. Returns -1. */
int sedge_job_fail_file(struct sedge_job *job, const char *stack);

/* file.c: blocking steps; each sets job->result. */
void sedge_file_prepare(struct sedge_job *job);
void sedge_file_finish(struct sedge_job *job);
/* Free space for `more` bytes where the job writes. */
int sedge_file_check_space(struct sedge_job *job, int64_t more);
/* Remembers what the part file is a part of. */
void sedge_file_note_part(struct sedge_job *job);
int sedge_file_restart_part(struct sedge_job *job);

/* transfer.c: sets up job->easy for the next exchange; what it means afterwards. */
int sedge_transfer_begin(struct sedge_job *job);
enum sedge_verdict sedge_transfer_end(struct sedge_job *job, CURLcode rc, int64_t *asked_ms);

/* transfer_plane.c: an exchange with the data plane, or by a URL that it signed. */
bool sedge_transfer_is_signed(const struct sedge_job *job);
int sedge_transfer_set_plane(struct sedge_job *job);
void sedge_transfer_set_signed(struct sedge_job *job);
enum sedge_verdict sedge_transfer_end_plane(struct sedge_job *job, const struct sedge_outcome *o, int64_t asked_ms);
enum sedge_verdict sedge_transfer_end_signed(struct sedge_job *job, const struct sedge_outcome *o);
/* The data plane's answer to `presign` becomes signed_url. */
int sedge_transfer_take_signed(struct sedge_job *job);
/* The signed URL was refused: true when another one is worth a try. */
bool sedge_transfer_sign_again(struct sedge_job *job);
void sedge_transfer_add_header(struct sedge_job *job, const char *name, const char *value);

#endif
