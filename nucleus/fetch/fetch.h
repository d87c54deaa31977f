/*
 * fetch - the nucleus' side of the helper program sedge-fetch: downloads, listings and unpacking, one callback each.
 *
 *   struct sedge_fetcher *f = sedge_fetcher_new(loop, &(struct sedge_fetch_options){.store = settings});
 *   sedge_fetch_get(f, &(struct sedge_fetch_get){.url = "s3://b/k", .dest = path, .digest = d}, on_progress, on_done,
 * me);
 *   ...
 *   sedge_fetcher_close(f, on_closed, me);
 *
 * The helper is started by the first request, takes all that follow, and ends when there was nothing to do for
 * idle_ms. If it dies, each request under way fails with UNAVAILABLE, once; the next request starts a new one.
 *
 * Callbacks run on the loop, never from inside the call that made the request; `done` runs exactly once for each
 * request, also after cancel (CANCELED) and after close (CANCELED, before on_closed). What a callback is given is
 * lent for the call. A callback may make requests, cancel, and close. Arguments of requests are copied.
 * Thread: the loop's. Nothing here blocks but uv_spawn itself.
 * Limits: protocol.h. Secrets in `store` go to the helper over its stdin and nowhere else.
 */
#ifndef SEDGE_FETCH_FETCH_H
#define SEDGE_FETCH_FETCH_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"
#include "base/str.h"

#define SEDGE_FETCH_IDLE_MS         3000
#define SEDGE_FETCH_OUTSTANDING_MAX 1000 /* requests not yet done; more fail with LIMIT */

struct sedge_fetcher;

struct sedge_fetch_options {
    const char *helper;        /* path of sedge-fetch; NULL: beside the running program */
    struct json_object *store; /* {endpoint, region, bucket, prefix, pathStyle, accessKeyId, secretAccessKey,
                                  sessionToken}, all optional; NULL: none. bucket and prefix are used by lookup.h */
    const char *user;          /* started as root: the helper becomes this user; NULL: stays */
    struct json_object *plane; /* {url, certFile, keyFile, caFile, alpn} of protocol.h and {thingName, s3EndpointType}
                                  of dataplane.h; NULL: no data plane */
    const char *ca_file;       /* trusted besides the system's; NULL: none */
    const char *proxy;         /* NULL: none, or what the environment says */
    const char *no_proxy;
    int parallel;               /* 0: SEDGE_FETCH_PARALLEL */
    int idle_ms;                /* 0: SEDGE_FETCH_IDLE_MS */
    struct json_object *tuning; /* more members for the helper's config line (attempts, retryBaseMs, ...); NULL: none */
};

struct sedge_fetch_progress {
    int64_t done_bytes;
    int64_t total_bytes; /* -1: not known */
    int64_t bytes_per_s;
};

struct sedge_fetch_result {
    const struct sedge_err *err; /* NULL: success */
    struct json_object *stack;   /* failure: array of Greengrass error codes, general to specific; NULL on success */
    struct json_object *reply;   /* the "done" or "error" event of protocol.h; NULL when the helper said nothing */
};

typedef void (*sedge_fetch_progress_cb)(const struct sedge_fetch_progress *p, void *user);
typedef void (*sedge_fetch_done_cb)(const struct sedge_fetch_result *r, void *user);
typedef void (*sedge_fetch_closed_cb)(void *user);

/* Starts nothing yet; cannot fail. */
struct sedge_fetcher *sedge_fetcher_new(uv_loop_t *loop, const struct sedge_fetch_options *o);
/* New settings (copied; helper, parallel and idle_ms stay) for requests that are made from now on; what runs is
 * finished with the old ones. */
void sedge_fetcher_set(struct sedge_fetcher *f, const struct sedge_fetch_options *o);
/* Settings as given, borrowed; never NULL. */
struct json_object *sedge_fetcher_store(const struct sedge_fetcher *f);
struct json_object *sedge_fetcher_plane(const struct sedge_fetcher *f); /* NULL: there is none */
/* Ends what runs (done with CANCELED), then on_closed (may be NULL), then f is gone. Once. */
void sedge_fetcher_close(struct sedge_fetcher *f, sedge_fetch_closed_cb on_closed, void *user);

struct sedge_fetch_get {
    const char *url;          /* s3:// https:// http:// file:// */
    const char *dest;         /* absolute path of the file */
    const char *digest;       /* base64, NULL: not checked */
    const char *algorithm;    /* NULL: SHA-256 */
    mode_t mode;              /* 0: 0644 */
    const char *unarchive;    /* "ZIP", "TAR", "TGZ"; NULL or "NONE": not unpacked */
    const char *unarchive_to; /* folder that will hold the content */
    mode_t file_mode;         /* of unpacked files, 0: 0644 */
    int64_t max_bytes;        /* 0: SEDGE_FETCH_BYTES_MAX */
    const char *presign;      /* path of the data plane that gives a URL for it; NULL: url is fetched */
    const char *signed_url;   /* such a URL, of sedge_fetch_head; NULL: none yet */
};

/* Each returns the request's id for sedge_fetch_cancel, never 0. `progress` may be NULL. */
uint64_t sedge_fetch_get(struct sedge_fetcher *f, const struct sedge_fetch_get *g, sedge_fetch_progress_cb progress,
                         sedge_fetch_done_cb done, void *user);
/* result.reply: "keys" and "prefixes". delimiter may be NULL. */
uint64_t sedge_fetch_list(struct sedge_fetcher *f, const char *bucket, const char *prefix, const char *delimiter,
                          sedge_fetch_done_cb done, void *user);
/* result.reply: "text". sha256: lower-case hex or NULL. */
uint64_t sedge_fetch_text(struct sedge_fetcher *f, const char *url, const char *sha256, sedge_fetch_done_cb done,
                          void *user);
/* One look, no second attempt: reply "bytes" (-1: not known) and, with presign, "signedUrl". Uses url and presign. */
uint64_t sedge_fetch_head(struct sedge_fetcher *f, const struct sedge_fetch_get *g, sedge_fetch_done_cb done,
                          void *user);
/* A local file: reply "unpacked". Uses unarchive, unarchive_to, file_mode of g, and dest as the archive. */
uint64_t sedge_fetch_unpack(struct sedge_fetcher *f, const struct sedge_fetch_get *g, sedge_fetch_done_cb done,
                            void *user);
/* Any request of protocol.h, copied, without its id. */
uint64_t sedge_fetch_submit(struct sedge_fetcher *f, struct json_object *request, sedge_fetch_progress_cb progress,
                            sedge_fetch_done_cb done, void *user);
/* done comes later with CANCELED, or with the result if that was under way. An id that is over is fine. */
void sedge_fetch_cancel(struct sedge_fetcher *f, uint64_t id);
void sedge_fetch_cancel_all(struct sedge_fetcher *f);

#endif
