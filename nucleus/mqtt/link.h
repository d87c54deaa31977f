/*
 * link - one attempt to connect and, when it succeeds, the connection. Internal to mqtt.
 *
 * sedge_link_connect blocks and owns the link meanwhile (work item). After that the loop drives it with
 * mosquitto_loop_read, _write and _misc. The library's callbacks only append events, which the session takes after each
 * call with sedge_link_next; on_gone (set by the session) is the exception: it must stop the poll at once.
 */
#ifndef SEDGE_MQTT_LINK_H
#define SEDGE_MQTT_LINK_H

#include <mosquitto.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "session.h"

struct ssl_st;
struct sedge_tunnel;

enum sedge_link_kind { SEDGE_LINK_PUBACK, SEDGE_LINK_SUBACK, SEDGE_LINK_UNSUBACK, SEDGE_LINK_MESSAGE };

struct sedge_link_event {
    enum sedge_link_kind kind;
    int mid;
    int reason; /* PUBACK */
    int codes[SEDGE_MQTT_FILTERS_MAX];
    size_t n_codes;
    char *reason_string; /* SUBACK; NULL: none */
    char *topic;
    void *payload;
    size_t len;
    int qos;
    bool retain;
    bool has_props;
    struct sedge_mqtt_props props; /* owned texts */
    struct sedge_link_event *next;
};

/* The texts live as long as the session. */
struct sedge_link {
    const struct sedge_mqtt_options *o;
    struct mosquitto *mosq;
    struct ssl_ctx_st *ctx;
    struct sedge_tunnel *tunnel; /* NULL: no proxy */
    bool v5;
    bool clean;
    atomic_bool cancel; /* set by the loop: give up soon */
    bool acked;         /* a CONNACK has come */
    int connack;
    bool tls_up;    /* the handshake was completed */
    bool connected; /* result of sedge_link_connect */
    bool refused_version;
    struct sedge_err err;  /* why not, or why it ended */
    struct sedge_err note; /* what the TLS callbacks saw */
    bool gone;             /* the library has closed its socket */
    int gone_reason;
    void (*on_gone)(void *user);
    void *user;
    struct sedge_link_event *first, *last;
};

/* For what is const only in a declaration: our own copies, and arguments of C libraries that do not write to them. */
static inline void *sedge_link_unconst(const void *p)
{
    void *v;

    memcpy(&v, &p, sizeof v);
    return v;
}

struct sedge_link *sedge_link_new(const struct sedge_mqtt_options *o, bool v5, bool clean);
void sedge_link_connect(struct sedge_link *l);
/* The oldest event, to be freed with sedge_link_event_free; NULL when there is none. */
struct sedge_link_event *sedge_link_next(struct sedge_link *l);
void sedge_link_event_free(struct sedge_link_event *e);
/* Fills l->err for a connection that ended after it had been up. */
void sedge_link_explain_end(struct sedge_link *l, int rc);
void sedge_link_free(struct sedge_link *l);

/* tls.c: the client's TLS settings; NULL with a message that names the file. */
struct ssl_ctx_st *sedge_link_tls(struct sedge_link *l, struct sedge_err *err);
/* The name (or address) that the other side's certificate must have, and, unless it is an address, the one to ask for.
 */
void sedge_link_tls_name(struct ssl_ctx_st *ctx, const char *host);
void sedge_link_tls_sni(struct ssl_st *ssl, const char *host);

/* handover.c: the way of sedge_link_connect through o->proxy; connect_to has the library connect to an address. 0, or
 * -1 with l->err. */
int sedge_link_through_proxy(struct sedge_link *l, int (*connect_to)(struct sedge_link *l, const char *host, int port));

#endif
