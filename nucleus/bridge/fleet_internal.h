/* fleet - what fleet.c (when and what), fleet_message.c (its form) and fleet_store.c (what is kept) share. Internal to
 * bridge. */
#ifndef SEDGE_BRIDGE_FLEET_INTERNAL_H
#define SEDGE_BRIDGE_FLEET_INTERNAL_H

#include "base/str.h"
#include "fleet.h"

struct sedge_fleet_event {
    struct sedge_fleet_event *next;
    int64_t row; /* in bridge_event; 0: not stored */
    char *trigger;
    struct json_object *info;
};

struct sedge_fleet {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct sedge_fleet_options o;
    char *thing, *version, *architecture;
    struct sedge_fleet_ops ops;
    struct sedge_mqtt *mqtt;
    struct sedge_dbw *writer;
    int64_t sequence;
    int64_t cadence_wall; /* when the last COMPLETE message was sent */
    int64_t jitter_ms;    /* of the next one */
    int64_t started, ready_at, last_sent, last_reconnect;
    bool online, settled, launched, reconnected, changed;
    char *deployment;          /* under way; NULL: none */
    struct sedge_strv dirty;   /* changed since they were told */
    struct sedge_strv urgent;  /* of these, the ones that cannot wait */
    struct json_object *known; /* names that the cloud knows */
    struct sedge_fleet_event *events;
    int64_t next_row;
    /* the message in flight */
    int waiting; /* PUBACKs */
    bool failed, complete;
    char *flight_trigger;
    struct sedge_strv flight;         /* its component names */
    struct json_object *flight_known; /* what the cloud knows when it has arrived */
    struct sedge_fleet_event *flight_event;
    int ops_running;
    bool closing;
    void (*closed)(void *user);
    void *closed_user;
};

/* fleet.c */
void sedge_fleet_stored(struct sedge_fleet *f); /* a write has ended */
/* fleet_store.c */
int sedge_fleet_load(struct sedge_fleet *f, struct sedge_db *db, struct sedge_err *err);
void sedge_fleet_store_value(struct sedge_fleet *f, const char *name, int64_t v);
void sedge_fleet_append_event(struct sedge_fleet *f, int64_t row, const char *trigger, struct json_object *info_take);
void sedge_fleet_store_event(struct sedge_fleet *f, const char *trigger, struct json_object *info);
void sedge_fleet_forget_event(struct sedge_fleet *f, struct sedge_fleet_event *e);
void sedge_fleet_free_event(struct sedge_fleet_event *e);
void sedge_fleet_drop_local_events(struct sedge_fleet *f); /* those that are not stored */
/* fleet_message.c. all: what the components op gives. */
struct json_object *sedge_fleet_base(const struct sedge_fleet *f, bool complete, const char *trigger,
                                     struct json_object *all);
/* What a message has of them: everything, the names in `only`, or (NULL) all that the cloud does not know yet. */
struct json_object *sedge_fleet_select(const struct sedge_fleet *f, struct json_object *all, bool complete,
                                       const struct sedge_strv *only);
struct json_object *sedge_fleet_information(struct json_object *info, struct json_object *components);
struct json_object *sedge_fleet_names(struct json_object *all); /* {"name": true, ...} */
bool sedge_fleet_all_stable(struct json_object *all);

#endif
