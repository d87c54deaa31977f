/* http_internal - the server's parts: listener (http.c), one request (http_request.c), the other side (http_peer.c). */
#ifndef SEDGE_CLOUD_HTTP_INTERNAL_H
#define SEDGE_CLOUD_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>

#include "http.h"

/* One connection: MHD's socket context. */
struct sedge_http_connection {
    struct sedge_http_connection *prev, *next;
    int fd;
    int64_t since_ms;                /* it was opened, or its last request was answered */
    bool proved;                     /* the certificate has been looked at */
    char *cn, *fingerprint, *serial; /* of a certificate that is in order */
};

struct sedge_http {
    struct sedge_http_options o;
    char *name, *dir, *socket;
    bool asks_certificates;
    struct MHD_Daemon *daemon;
    int port;
    pthread_mutex_t lock; /* of what follows */
    struct sedge_http_connection *connections;
    struct sedge_cloud *contexts; /* one for each thread */
    bool *taken;
    unsigned ncontexts;
};

struct sedge_cloud *sedge_http_context_take(struct sedge_http *h);
void sedge_http_context_give(struct sedge_http *h, struct sedge_cloud *c);

struct sedge_http_file {
    int fd; /* -1: none */
    char *path;
};
int sedge_http_file_open(struct sedge_http_file *f, const char *dir, struct sedge_err *err);
int sedge_http_file_add(struct sedge_http_file *f, const char *data, size_t n, struct sedge_err *err);
int sedge_http_file_sync(struct sedge_http_file *f, struct sedge_err *err);
void sedge_http_file_close(struct sedge_http_file *f);

/* Callbacks of MHD. */
void *sedge_http_on_target(void *cls, const char *uri, struct MHD_Connection *mc);
enum MHD_Result sedge_http_on_request(void *cls, struct MHD_Connection *mc, const char *url, const char *method,
                                      const char *version, const char *data, size_t *ndata, void **state);
void sedge_http_on_completed(void *cls, struct MHD_Connection *mc, void **state, enum MHD_RequestTerminationCode why);

/* Reads certificate, user and token of a connection. Texts in out live until the request ends. */
void sedge_http_prove(struct sedge_http *h, struct MHD_Connection *mc, struct sedge_http_connection *c,
                      struct sedge_http_proof *out);

/* For parameters of libraries that only read but do not say so. */
static inline void *sedge_http_unconst(const void *p)
{
    const union {
        const void *in;
        void *out;
    } u = {p};

    return u.out;
}

#endif
