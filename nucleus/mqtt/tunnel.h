/*
 * tunnel - a connection to the broker through a proxy: HTTP CONNECT (to the proxy in the clear or with TLS), SOCKS5.
 * Internal to mqtt.
 *
 *   struct sedge_tunnel *t = sedge_tunnel_open(&proxy, host, port, ca, timeout_ms, &cancel, &err);
 *   fd = sedge_tunnel_take(t);     // what is written there arrives at the broker; the caller closes it
 *   ...
 *   sedge_tunnel_free(t);          // after fd has been closed
 *
 * Open blocks, for a work item: at most timeout_ms for each of name look-up aside connecting and each answer, and ends
 * soon after *cancel. The name of the broker is resolved by the proxy. For a proxy with TLS, which is checked with the
 * file `ca`, a thread of the tunnel encrypts; it ends when either side has closed.
 */
#ifndef SEDGE_MQTT_TUNNEL_H
#define SEDGE_MQTT_TUNNEL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "proxy.h"

#define SEDGE_TUNNEL_ANSWER_MAX 16384 /* bytes of a proxy's answer to CONNECT */

struct sedge_tunnel;

/* NULL: UNAVAILABLE, TIMEOUT, DENIED (the proxy refuses the user or the host), CANCELED; the message names the proxy.
 */
struct sedge_tunnel *sedge_tunnel_open(const struct sedge_proxy *proxy, const char *host, int port, const char *ca,
                                       int timeout_ms, atomic_bool *cancel, struct sedge_err *err);
int sedge_tunnel_take(struct sedge_tunnel *t);
void sedge_tunnel_free(struct sedge_tunnel *t); /* NULL is fine */

/* relay.c: the thread. fd and ssl (a struct ssl_st over a socket) are closed when it ends. NULL: no thread. */
struct sedge_relay;
struct ssl_st;
struct sedge_relay *sedge_relay_start(int fd, struct ssl_st *ssl);
void sedge_relay_join(struct sedge_relay *r);

#endif
