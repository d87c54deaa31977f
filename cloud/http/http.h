/*
 * http - an HTTP/1.1 server on libmicrohttpd: a listener on TCP (TLS, with or without client certificates) or on a Unix
 * socket, a table of routes, JSON in and out.
 *
 *   static const struct sedge_http_route routes[] = {
 *       {"GET", "greengrass/v2/coreDevices/{}/thingGroups", "ListThingGroupsForCoreDevice", 0, thing_groups}, {0}};
 *   struct sedge_http_options o = {.name = "data-plane", .dir = state_folder, .address = "0.0.0.0", .port = 8443,
 *                                  .tls = &files, .routes = routes, .identify = identify, .user = me};
 *   struct sedge_http *h = sedge_http_start(&o, &err);
 *   now and then: sedge_http_sweep(h);
 *   sedge_http_stop(h);                      // ends requests that are under way, then frees; NULL is fine
 *
 * Threads: the server has threads of its own (`threads`). `identify` and handlers run in them, each with a database
 * connection that no other request has meanwhile; they may block for a moment. What `user` points to is shared between
 * them. start, sweep and stop: the thread that made it.
 *
 * Limits: connections in all and from one address, bytes of headers, of the request line and of the body (413), seconds
 * without a byte, and seconds in all for a request to arrive (a body that goes into a file may take longer).
 */
#ifndef SEDGE_CLOUD_HTTP_H
#define SEDGE_CLOUD_HTTP_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cloud/cloud.h"
#include "http_target.h"

#define SEDGE_HTTP_CONNECTIONS_MAX 1024
#define SEDGE_HTTP_ADDRESS_MAX     256   /* connections from one IP address */
#define SEDGE_HTTP_MEMORY_MAX      32768 /* bytes for the head of a request */
#define SEDGE_HTTP_IDLE_S          30    /* without a byte, also between two requests */
#define SEDGE_HTTP_REQUEST_S       60    /* from the end of the request before to the end of this one, and idle time */
#define SEDGE_HTTP_BODY_MAX        11534336 /* where a listener does not say less: a deployment and its JSON */
#define SEDGE_HTTP_RETRY_AFTER_S   30       /* told with 503 */
#define SEDGE_HTTP_ARGS_MAX        4
#define SEDGE_HTTP_INCOMING        "incoming" /* folder in the state folder for bodies in files */

/* In the role of a route: the body goes into a file. */
enum { SEDGE_HTTP_TO_FILE = 1 << 30 };

struct sedge_http;

/* Who asks. Filled by identify. */
struct sedge_http_peer {
    char who[SEDGE_CLOUD_GROUP_MAX + 1]; /* thing, user or token, for logs and the audit */
    unsigned role;                       /* bits; the listener's own meaning */
    int64_t id;                          /* of a thing */
    struct sedge_strv groups;            /* that the role is for; empty: all */
};

struct sedge_http_request {
    const char *method;
    struct sedge_http_target target;
    size_t args[SEDGE_HTTP_ARGS_MAX]; /* segments of the route's {} */
    const char *body;                 /* NUL behind it; valid for the handler's time */
    size_t nbody;
    const char
        *file; /* of a route with SEDGE_HTTP_TO_FILE: the body, synced; gone after the handler unless that renames it */
    int64_t nfile;
    struct sedge_http_peer peer;
    struct sedge_cloud *cloud; /* for this request alone */
};

struct sedge_http_reply {
    int status;               /* 200 to begin with */
    struct json_object *json; /* taken; or: */
    struct sedge_buf text;
    const char *type;       /* content type of text */
    const char *error_type; /* x-amzn-ErrorType */
    int retry_after;        /* seconds; 0: no such header */
};

typedef void (*sedge_http_handler)(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re);

struct sedge_http_route {
    const char *method, *pattern; /* http_target.h */
    const char *operation;        /* for metrics and logs */
    unsigned role;                /* bits that the peer must have; SEDGE_HTTP_TO_FILE */
    sedge_http_handler handle;
};

/* What the connection shows about the other side. */
struct sedge_http_proof {
    const char *cn;          /* client certificate that the CA has signed for clients; NULL: none */
    const char *fingerprint; /* its SHA-256, hex */
    const char *serial;      /* hex, lower case */
    const char *bearer;      /* token of the header Authorization; NULL: none */
    bool local;              /* Unix socket: */
    uid_t uid;
    gid_t gid;
    pid_t pid;
};
/* Fills the peer, or -1: DENIED is answered 403 (401 where no proof was shown), LIMIT 429. */
typedef int (*sedge_http_identify)(void *user, struct sedge_cloud *c, const struct sedge_http_proof *proof,
                                   struct sedge_http_peer *out, struct sedge_err *err);

struct sedge_http_tls {
    const char *key, *cert; /* PEM texts; copied */
    const char *client_ca;  /* PEM: clients show certificates of it; NULL: none are asked for */
};

struct sedge_http_options {
    const char *name;                      /* for logs and metrics */
    const char *dir;                       /* state folder: a database connection for each thread is opened there */
    const char *socket;                    /* path of a Unix socket, or: */
    const char *address;                   /* numeric; "" every one */
    int port;                              /* 0: any free one, see sedge_http_port */
    const struct sedge_http_tls *tls;      /* NULL: without TLS */
    const struct sedge_http_route *routes; /* ends with method NULL */
    sedge_http_identify identify;
    void *user;
    unsigned threads;           /* 0: 1 */
    size_t body_max;            /* 0: SEDGE_HTTP_BODY_MAX */
    int64_t file_max;           /* bytes of a body that goes into a file */
    unsigned idle_s, request_s; /* 0: the limits above */
};

struct sedge_http *sedge_http_start(const struct sedge_http_options *o, struct sedge_err *err);
void sedge_http_stop(struct sedge_http *h);
int sedge_http_port(const struct sedge_http *h);
/* Cuts connections that take longer than request_s and idle_s for one request. */
void sedge_http_sweep(struct sedge_http *h);

/* The text of a route's n-th {}. */
const char *sedge_http_arg(const struct sedge_http_request *rq, size_t n);

/* Status, x-amzn-ErrorType and {"message"} for an error; Retry-After where it may heal. */
void sedge_http_fail(struct sedge_http_reply *re, const struct sedge_err *err);
/* The same from parts. */
void sedge_http_fail_with(struct sedge_http_reply *re, int status, const char *error_type, const char *message);
void sedge_http_reply_release(struct sedge_http_reply *re);

#endif
