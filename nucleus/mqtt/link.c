#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tunnel.h"

#define STEP_MS 200 /* how often a blocking wait looks at `cancel` */

/* --- callbacks of the library: they only note -------------------------------------------------------------------- */

static struct sedge_link_event *append(struct sedge_link *l, enum sedge_link_kind kind, int mid)
{
    struct sedge_link_event *e = SEDGE_NEW(struct sedge_link_event);

    e->kind = kind;
    e->mid = mid;
    if (l->last)
        l->last->next = e;
    else
        l->first = e;
    l->last = e;
    return e;
}

static void connect_cb(struct mosquitto *m, void *user, int rc, int flags, const mosquitto_property *props)
{
    struct sedge_link *l = user;

    (void)m, (void)flags, (void)props; /* whether the broker kept a session changes nothing */
    l->acked = true;
    l->connack = rc;
}

static void disconnect_cb(struct mosquitto *m, void *user, int rc, const mosquitto_property *props)
{
    struct sedge_link *l = user;

    (void)m, (void)props;
    if (l->gone) return;
    l->gone = true;
    l->gone_reason = rc;
    if (l->on_gone) l->on_gone(l->user);
}

static void publish_cb(struct mosquitto *m, void *user, int mid, int reason, const mosquitto_property *props)
{
    (void)m, (void)props;
    append(user, SEDGE_LINK_PUBACK, mid)->reason = reason;
}

static void subscribe_cb(struct mosquitto *m, void *user, int mid, int n, const int *codes,
                         const mosquitto_property *props)
{
    struct sedge_link_event *e = append(user, SEDGE_LINK_SUBACK, mid);

    (void)m;
    for (int i = 0; i < n && i < SEDGE_MQTT_FILTERS_MAX; i++)
        e->codes[e->n_codes++] = codes[i];
    if (!mosquitto_property_read_string(props, MQTT_PROP_REASON_STRING, &e->reason_string, false))
        e->reason_string = NULL;
}

static void unsubscribe_cb(struct mosquitto *m, void *user, int mid, const mosquitto_property *props)
{
    (void)m, (void)props;
    (void)append(user, SEDGE_LINK_UNSUBACK, mid);
}

static void message_cb(struct mosquitto *m, void *user, const struct mosquitto_message *msg,
                       const mosquitto_property *props)
{
    struct sedge_link_event *e = append(user, SEDGE_LINK_MESSAGE, msg->mid);

    (void)m;
    e->topic = sedge_xstrdup(msg->topic);
    e->len = msg->payloadlen > 0 ? (size_t)msg->payloadlen : 0;
    e->payload = sedge_xcalloc(1, e->len + 1);
    if (e->len) memcpy(e->payload, msg->payload, e->len);
    e->qos = msg->qos;
    e->retain = msg->retain;
    /* Not mosquitto_property_copy_all: it crashes at an empty text. */
    e->has_props = props != NULL;
    sedge_props_from_library(props, &e->props);
}

struct sedge_link_event *sedge_link_next(struct sedge_link *l)
{
    struct sedge_link_event *e = l->first;

    if (!e) return NULL;
    l->first = e->next;
    if (!l->first) l->last = NULL;
    return e;
}

void sedge_link_event_free(struct sedge_link_event *e)
{
    free(e->reason_string);
    free(e->topic);
    free(e->payload);
    if (e->has_props) sedge_props_release(&e->props);
    free(e);
}

/* --- making ------------------------------------------------------------------------------------------------------ */

struct sedge_link *sedge_link_new(const struct sedge_mqtt_options *o, bool v5, bool clean)
{
    struct sedge_link *l = SEDGE_NEW(struct sedge_link);

    l->o = o;
    l->v5 = v5;
    l->clean = clean;
    atomic_init(&l->cancel, false);
    return l;
}

void sedge_link_free(struct sedge_link *l)
{
    struct sedge_link_event *e;

    if (!l) return;
    if (l->mosq) mosquitto_destroy(l->mosq);
    if (l->ctx) SSL_CTX_free(l->ctx);
    sedge_tunnel_free(l->tunnel);
    while ((e = sedge_link_next(l)))
        sedge_link_event_free(e);
    free(l);
}

static int make_client(struct sedge_link *l)
{
    l->mosq = mosquitto_new(l->o->client_id, l->clean, l);
    if (!l->mosq) return sedge_err_set(&l->err, SEDGE_E_INVALID, "client id \"%s\" cannot be used", l->o->client_id);
    (void)mosquitto_int_option(l->mosq, MOSQ_OPT_PROTOCOL_VERSION, l->v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    (void)mosquitto_int_option(l->mosq, MOSQ_OPT_TCP_NODELAY, 1);
    (void)mosquitto_int_option(l->mosq, MOSQ_OPT_RECEIVE_MAXIMUM, l->o->receive_max);
    (void)mosquitto_int_option(l->mosq, MOSQ_OPT_SEND_MAXIMUM, SEDGE_MQTT_INFLIGHT_MAX);
    mosquitto_connect_v5_callback_set(l->mosq, connect_cb);
    mosquitto_disconnect_v5_callback_set(l->mosq, disconnect_cb);
    mosquitto_publish_v5_callback_set(l->mosq, publish_cb);
    mosquitto_subscribe_v5_callback_set(l->mosq, subscribe_cb);
    mosquitto_unsubscribe_v5_callback_set(l->mosq, unsubscribe_cb);
    mosquitto_message_v5_callback_set(l->mosq, message_cb);
    if (!l->o->ca) return 0;
    l->ctx = sedge_link_tls(l, &l->err);
    if (!l->ctx) return -1;
    (void)mosquitto_void_option(l->mosq, MOSQ_OPT_SSL_CTX, l->ctx);
    (void)mosquitto_int_option(l->mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
    return 0;
}

/* --- connecting (work item) -------------------------------------------------------------------------------------- */

static void explain_socket(struct sedge_link *l, int sys)
{
    const char *hint = sys == ECONNREFUSED
                           ? ": nothing listens there; check the port (mqtt.port) and that the broker runs"
                       : sys == ETIMEDOUT ? ": no answer; check the address, the network and firewalls"
                                          : "";

    (void)sedge_err_set(&l->err, sys == ETIMEDOUT ? SEDGE_E_TIMEOUT : SEDGE_E_UNAVAILABLE, "%s port %d: %s%s",
                        l->o->host, l->o->port, strerror(sys), hint);
}

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
    return (ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24) == 127;
}

/* 0 when something accepts connections at the address. The library's own connect would wait for the kernel's limit of
 * two minutes on a silent address, and has no handle to bound it; a loopback address is never silent. */
static int probe(struct sedge_link *l, const struct addrinfo *ai)
{
    sedge_auto_close int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int64_t deadline = sedge_mono_ms() + l->o->connect_timeout_ms;
    int so = 0;
    socklen_t n = sizeof so;

    if (fd < 0) return errno;
    if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    while (sedge_mono_ms() < deadline && !atomic_load(&l->cancel)) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (poll(&p, 1, STEP_MS) <= 0) continue;
        return getsockopt(fd, SOL_SOCKET, SO_ERROR, &so, &n) == 0 ? so : errno;
    }
    return ETIMEDOUT;
}

static void explain_connack(struct sedge_link *l)
{
    const char *text = l->v5 ? mosquitto_reason_string(l->connack) : mosquitto_connack_string(l->connack);
    bool denied = l->connack == 0x87 || l->connack == 0x86 || l->connack == 0x8A ||
                  (!l->v5 && (l->connack == 4 || l->connack == 5));

    l->refused_version = l->v5 && (l->connack == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION || l->connack == 1);
    (void)sedge_err_set(&l->err, denied ? SEDGE_E_DENIED : SEDGE_E_UNAVAILABLE,
                        "%s port %d refused the connection of \"%s\": %s (code %d)%s", l->o->host, l->o->port,
                        l->o->client_id, text, l->connack,
                        denied ? "; check that the broker knows this thing and that its certificate is active" : "");
}

/* What the library's return code means, with what the TLS callbacks saw in front. */
static void explain_rc(struct sedge_link *l, int rc, int sys)
{
    if (l->note.code != SEDGE_OK) {
        l->err = l->note;
        (void)sedge_err_wrap(&l->err, "%s port %d", l->o->host, l->o->port);
        return;
    }
    if (l->tls_up && !l->acked) { /* TLS 1.3 refuses a certificate after the handshake, and the alert may be lost */
        (void)sedge_err_set(&l->err, SEDGE_E_UNAVAILABLE, "%s port %d closed the connection before it answered: %s%s%s",
                            l->o->host, l->o->port,
                            l->o->cert
                                ? "check that the broker knows the CA of our certificate "
                                : "the broker may ask for a certificate: set certificateFilePath and privateKeyPath",
                            l->o->cert ? l->o->cert : "",
                            l->o->cert ? ", that it has not been revoked, and that this is an MQTT port" : "");
        return;
    }
    switch (rc) {
    case MOSQ_ERR_ERRNO:
        explain_socket(l, sys ? sys : ECONNRESET);
        return;
    case MOSQ_ERR_TLS:
        (void)sedge_err_set(&l->err, SEDGE_E_UNAVAILABLE,
                            "%s port %d: the TLS handshake failed; check that this is the TLS port of the broker",
                            l->o->host, l->o->port);
        return;
    case MOSQ_ERR_CONN_LOST:
    case MOSQ_ERR_NO_CONN:
    case MOSQ_ERR_CONN_REFUSED:
        (void)sedge_err_set(&l->err, SEDGE_E_UNAVAILABLE, "%s port %d closed the connection%s", l->o->host, l->o->port,
                            l->o->ca && !l->tls_up ? " before TLS was set up; check that this is its TLS port" : "");
        return;
    case MOSQ_ERR_KEEPALIVE:
        (void)sedge_err_set(&l->err, SEDGE_E_TIMEOUT, "%s port %d does not answer pings any more", l->o->host,
                            l->o->port);
        return;
    default:
        (void)sedge_err_set(&l->err, SEDGE_E_UNAVAILABLE, "%s port %d: %s", l->o->host, l->o->port,
                            mosquitto_strerror(rc));
    }
}

void sedge_link_explain_end(struct sedge_link *l, int rc)
{
    if (rc >= 0x80) /* DISCONNECT of MQTT 5 */
        (void)sedge_err_set(&l->err, SEDGE_E_UNAVAILABLE, "%s ended the connection: %s (code %d)", l->o->host,
                            mosquitto_reason_string(rc), rc);
    else
        explain_rc(l, rc == MOSQ_ERR_SUCCESS ? MOSQ_ERR_CONN_LOST : rc, rc == MOSQ_ERR_ERRNO ? errno : 0);
}

static int drive_once(struct sedge_link *l)
{
    struct pollfd p = {.fd = mosquitto_socket(l->mosq), .events = POLLIN};
    int rc = MOSQ_ERR_SUCCESS;
    int n;

    if (p.fd < 0) return MOSQ_ERR_NO_CONN;
    if (mosquitto_want_write(l->mosq)) p.events |= POLLOUT;
    n = poll(&p, 1, STEP_MS);
    errno = 0;
    /* Reading first: what the broker says before it hangs up is worth more than a failed write. */
    if (n > 0 && (p.revents & ~POLLOUT)) rc = mosquitto_loop_read(l->mosq, 1);
    if (n > 0 && rc == MOSQ_ERR_SUCCESS && !l->gone && (p.revents & POLLOUT)) rc = mosquitto_loop_write(l->mosq, 1);
    return rc;
}

static void wait_for_connack(struct sedge_link *l)
{
    int64_t deadline = sedge_mono_ms() + l->o->connect_timeout_ms;
    int rc = MOSQ_ERR_SUCCESS;

    while (rc == MOSQ_ERR_SUCCESS && !l->acked && !l->gone && sedge_mono_ms() < deadline && !atomic_load(&l->cancel))
        rc = drive_once(l);
    if (l->acked && l->connack == 0 && !l->gone)
        l->connected = true;
    else if (l->acked && l->connack != 0)
        explain_connack(l);
    else if (atomic_load(&l->cancel))
        (void)sedge_err_set(&l->err, SEDGE_E_CANCELED, "connecting was given up");
    else if (rc != MOSQ_ERR_SUCCESS || l->gone)
        explain_rc(l, rc != MOSQ_ERR_SUCCESS ? rc : MOSQ_ERR_CONN_LOST, errno);
    else
        (void)sedge_err_set(&l->err, SEDGE_E_TIMEOUT,
                            "%s port %d accepted the connection but does not speak MQTT: no answer in %d ms%s",
                            l->o->host, l->o->port, l->o->connect_timeout_ms, l->o->ca ? "" : " (is it a TLS port?)");
}

static int connect_to(struct sedge_link *l, const char *address, int port)
{
    mosquitto_property *props = NULL;
    int rc;

    if (l->v5) (void)mosquitto_property_add_int32(&props, MQTT_PROP_SESSION_EXPIRY_INTERVAL, l->o->session_expiry_s);
    if (l->v5) (void)mosquitto_property_add_int16(&props, MQTT_PROP_RECEIVE_MAXIMUM, (uint16_t)l->o->receive_max);
    errno = 0;
    rc = mosquitto_connect_bind_v5(l->mosq, address, port, l->o->keep_alive_s, NULL, props);
    if (rc != MOSQ_ERR_SUCCESS) explain_rc(l, rc, errno);
    mosquitto_property_free_all(&props);
    return rc == MOSQ_ERR_SUCCESS ? 0 : -1;
}

/* Whether to stop: 0 connected at socket level, 1 try the next address. */
static int try_address(struct sedge_link *l, const struct addrinfo *ai)
{
    char address[NI_MAXHOST];
    int sys = is_loopback(ai->ai_addr) ? 0 : probe(l, ai);

    if (sys != 0) {
        explain_socket(l, sys);
        return 1;
    }
    if (getnameinfo(ai->ai_addr, ai->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) != 0) return 1;
    return connect_to(l, address, l->o->port) == 0 ? 0 : 1;
}

/* At socket level; what went wrong is in l->err. */
static void connect_directly(struct sedge_link *l)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    char port[16];
    int rc;

    (void)snprintf(port, sizeof port, "%d", l->o->port);
    rc = getaddrinfo(l->o->host, port, &hints, &list);
    if (rc != 0) {
        (void)sedge_err_set(&l->err, SEDGE_E_UNAVAILABLE,
                            "the name \"%s\" cannot be resolved: %s; check iotDataEndpoint and the DNS settings",
                            l->o->host, gai_strerror(rc));
        return;
    }
    for (struct addrinfo *ai = list; ai; ai = ai->ai_next) {
        if (atomic_load(&l->cancel) || try_address(l, ai) == 0) break;
        if (l->note.code != SEDGE_OK) break; /* reached, and refused */
    }
    freeaddrinfo(list);
}

static void set_up_socket(struct sedge_link *l)
{
    unsigned ms = (unsigned)l->o->ping_timeout_ms;

    /* The library does not set it. A child that holds a copy would keep the connection in our epoll set after the
     * library closed it, and its end would then be reported on the next socket with the same number. */
    (void)fcntl(mosquitto_socket(l->mosq), F_SETFD, FD_CLOEXEC);
    (void)setsockopt(mosquitto_socket(l->mosq), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms,
                     sizeof ms); /* else: keep-alive finds it */
}

void sedge_link_connect(struct sedge_link *l)
{
    int rc = 0;

    if (make_client(l) != 0) return;
    if (l->o->proxy)
        rc = sedge_link_through_proxy(l, connect_to);
    else
        connect_directly(l);
    if (rc == 0 && mosquitto_socket(l->mosq) >= 0) {
        struct sedge_err none = SEDGE_ERR_INIT;
        l->err = none;
        wait_for_connack(l);
    } else if (l->err.code == SEDGE_OK) {
        (void)sedge_err_set(&l->err, SEDGE_E_CANCELED, "connecting was given up");
    }
    if (l->connected) set_up_socket(l);
}
