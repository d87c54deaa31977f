/*
 * tes - the token exchange service: components get AWS credentials from the device, over HTTP on 127.0.0.1.
 *
 *   struct sedge_tes *t = sedge_tes_new(loop, port, &ops, env, &err);     // port 0: any that is free
 *   ... http://localhost:<sedge_tes_port(t)>/2016-11-01/credentialprovider/ ...
 *   sedge_tes_credentials(t, text);  sedge_tes_failed(t, status, body, &pauses);     // answers to ops.ask
 *   sedge_tes_close(t, closed_cb, me);
 *
 * GET with the header "Authorization: <SVCUID>" is answered 200 with AccessKeyId, SecretAccessKey, Token and Expiration
 * as JSON; 405, 400 and 403 as request.h has it and for a token of nobody; 504 when the provider is silent for
 * SEDGE_TES_ANSWER_MS; and what it answered, as cache.h keeps it. Requests that come while it is asked wait for that
 * answer. One request a connection, which is closed after the answer. Nothing runs between requests. Loop thread only.
 */
#ifndef SEDGE_TES_TES_H
#define SEDGE_TES_TES_H

#include <uv.h>

#include "base/err.h"
#include "cache.h"

#define SEDGE_TES_CONNECTIONS_MAX 64    /* at a time; more are closed at once */
#define SEDGE_TES_REQUEST_MS      5000  /* a request must be complete by then */
#define SEDGE_TES_ANSWER_MS       30000 /* the provider must have answered by then */

struct sedge_tes;
struct sedge_tes_ops {
    /* Whose token it is and whether that component may have credentials. */
    bool (*allowed)(void *env, const char *token);
    /* Ask the provider; exactly one call of sedge_tes_credentials or sedge_tes_failed follows, later or at once. */
    void (*ask)(void *env);
};

/* NULL: the port is taken or not allowed. */
struct sedge_tes *sedge_tes_new(uv_loop_t *loop, int port, const struct sedge_tes_ops *ops, void *env,
                                struct sedge_err *err);
int sedge_tes_port(const struct sedge_tes *t);
void sedge_tes_credentials(struct sedge_tes *t, const char *text);
void sedge_tes_failed(struct sedge_tes *t, int status, const char *body, const struct sedge_tes_pauses *pauses);
void sedge_tes_forget(struct sedge_tes *t); /* what was answered before: other endpoint, other role */
/* An answer to ops.ask may come until `closed`, not after it. */
void sedge_tes_close(struct sedge_tes *t, void (*closed)(void *user), void *user);

#endif
