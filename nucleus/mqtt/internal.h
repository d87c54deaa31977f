/* internal - what session.c (connection), publish.c and subs.c share. Not for other boxes. */
#ifndef SEDGE_MQTT_INTERNAL_H
#define SEDGE_MQTT_INTERNAL_H

#include "link.h"
#include "reconnect.h"
#include "session.h"

struct sedge_pub {
    struct sedge_pub *next;
    char *topic;
    void *payload;
    size_t len;
    int qos;
    bool retain;
    mosquitto_property *props;
    int mid;
    int64_t deadline;
    int reason;
    struct sedge_err err;
    sedge_mqtt_done done; /* NULL after forget */
    void *user;
};
struct sedge_pub_list {
    struct sedge_pub *first, *last;
    size_t n;
};

enum sedge_filter_state {
    SEDGE_FILTER_IDLE,    /* not at the broker */
    SEDGE_FILTER_COVERED, /* not at the broker: a granted one is wider */
    SEDGE_FILTER_PENDING, /* SUBSCRIBE sent */
    SEDGE_FILTER_GRANTED,
    SEDGE_FILTER_REFUSED
};
struct sedge_filter {
    struct sedge_filter *next;
    char *text;
    int qos;
    int refs;
    enum sedge_filter_state state;
    int code;            /* granted QoS or reason */
    char *reason_string; /* what the broker said to a refusal; NULL: nothing */
    int mid;
    int64_t due; /* PENDING: deadline; REFUSED: next try */
};

struct sedge_mqtt_sub {
    struct sedge_mqtt_sub *next;
    struct sedge_mqtt *m;
    struct sedge_filter *filters[SEDGE_MQTT_FILTERS_MAX];
    size_t n;
    struct sedge_mqtt_sub_cbs cbs;
    void *user;
    bool answered;
    bool dead;
};

struct sedge_listener {
    struct sedge_listener *next;
    sedge_mqtt_state_cb cb; /* NULL: removed */
    void *user;
};

struct sedge_mqtt {
    uv_loop_t *loop;
    struct sedge_mqtt_options o;     /* texts owned */
    struct sedge_mqtt_options *next; /* to be in force soon, likewise; NULL: none */
    uv_timer_t tick;                 /* each second while connected */
    uv_timer_t kick;                 /* things to do from the loop */
    uv_timer_t retry;                /* next attempt */
    uv_work_t work;
    uv_poll_t *poll; /* heap: freed in its close callback */
    struct sedge_link *link;
    bool busy; /* the work item owns link */
    bool started, connected, closing, handles_closing;
    bool want_v311; /* the broker refused MQTT 5 */
    bool was_v5;
    bool had_connection; /* of this process */
    unsigned failures;
    int64_t connected_at;
    int open_handles;
    struct sedge_listener *listeners;
    struct sedge_pub_list waiting, sent, finished;
    struct sedge_bucket publishes, bytes;
    struct sedge_filter *filters;
    struct sedge_mqtt_sub *subs;
    void (*closed)(void *user);
    void *closed_user;
};

/* session.c */
void sedge_mqtt_kick(struct sedge_mqtt *m, int64_t ms); /* run the kick timer in at most so many ms */
void sedge_mqtt_update_poll(struct sedge_mqtt *m);
/* publish.c */
void sedge_pub_acked(struct sedge_mqtt *m, int mid, int reason);
void sedge_pub_pump(struct sedge_mqtt *m); /* sends what may be sent */
void sedge_pub_expire(struct sedge_mqtt *m, int64_t now);
void sedge_pub_fail_all(struct sedge_mqtt *m, enum sedge_err_code code, const char *why);
void sedge_pub_deliver_done(struct sedge_mqtt *m); /* runs the callbacks of finished ones */
/* subs.c */
void sedge_subs_reset(struct sedge_mqtt *m); /* the connection is new: nothing is at the broker */
void sedge_subs_sync(struct sedge_mqtt *m);
void sedge_subs_acked(struct sedge_mqtt *m, const struct sedge_link_event *e);
void sedge_subs_expire(struct sedge_mqtt *m, int64_t now);
void sedge_subs_answer(struct sedge_mqtt *m); /* runs on_granted where all is known; frees dead ones */
void sedge_subs_dispatch(struct sedge_mqtt *m, const struct sedge_link_event *e);
void sedge_subs_free_all(struct sedge_mqtt *m);
/* props.c */
mosquitto_property *sedge_props_to_library(const struct sedge_mqtt_props *p);
/* Borrowed texts become owned by *out; release with sedge_props_release. */
void sedge_props_from_library(const mosquitto_property *list, struct sedge_mqtt_props *out);
void sedge_props_release(struct sedge_mqtt_props *p);

#endif
