/* shadow_sync_internal - what shadow_sync.c (life, schedule), shadow_round.c and shadow_state.c share. */
#ifndef SEDGE_BRIDGE_SHADOW_SYNC_INTERNAL_H
#define SEDGE_BRIDGE_SHADOW_SYNC_INTERNAL_H

#include "shadow/rate.h"
#include "shadow_plan.h"
#include "shadow_sync.h"

#define SEDGE_SYNC_TOKEN_MAX 32

enum sedge_shadow_phase {
    SEDGE_SYNC_IDLE,
    SEDGE_SYNC_ASKING,  /* the cloud for its document */
    SEDGE_SYNC_READING, /* the device's */
    SEDGE_SYNC_WRITING, /* here */
    SEDGE_SYNC_TELLING  /* the cloud */
};

/* The subscription of one thing. */
struct sedge_synced_thing {
    struct sedge_synced_thing *next;
    struct sedge_shadow_sync *sync;
    char *thing;
    struct sedge_mqtt_sub *sub;
    bool classic, named; /* which filters it has */
    bool ready;          /* all were granted on this connection */
};

struct sedge_synced {
    struct sedge_synced *next;
    struct sedge_shadow_sync *sync;
    struct sedge_synced_thing *of; /* NULL: not configured (yet) */
    char *thing, *name;
    struct sedge_shadow_view base; /* when they were last in step */
    bool known;                    /* base is meaningful */
    bool cloud_changed, local_changed;
    bool released; /* periodic: its turn has come */
    bool gone;     /* freed when its call is back */
    int calls;     /* to the store of shadows */
    enum sedge_shadow_phase phase;
    struct sedge_shadow_view local, cloud;
    struct sedge_shadow_plan plan;
    char token[SEDGE_SYNC_TOKEN_MAX]; /* of the request; "": none */
    int64_t deadline;                 /* of its answer */
    int64_t due;                      /* not before */
    int tries;
};

struct sedge_shadow_sync {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct sedge_shadow_sync_options o;
    struct sedge_shadows *shadows;
    struct sedge_mqtt *mqtt;
    struct sedge_dbw *writer;
    enum sedge_shadow_direction direction;
    int64_t delay_s, outbound_rate;
    int64_t tick_due; /* periodic */
    struct sedge_shadow_bucket outbound;
    struct sedge_synced_thing *things;
    struct sedge_synced *list;
    char boot[9];
    unsigned counter;
    int calls; /* to the store of shadows and to the writer */
    bool configured, stepping, closing;
    void (*closed)(void *user);
    void *closed_user;
};

/* shadow_sync.c */
void sedge_shadow_sync_step(struct sedge_shadow_sync *y); /* begins what is due; arms the timer */
void sedge_shadow_sync_call_ended(struct sedge_shadow_sync *y);
void sedge_synced_free(struct sedge_synced *s);
struct sedge_synced *sedge_synced_find(struct sedge_shadow_sync *y, const char *thing, const char *name);
/* shadow_round.c */
void sedge_shadow_round_begin(struct sedge_synced *s);
void sedge_shadow_round_fail(struct sedge_synced *s, const char *why); /* and again later */
void sedge_shadow_round_abort(struct sedge_synced *s);                 /* the connection has gone */
void sedge_shadow_round_message(void *user, const struct sedge_mqtt_message *msg);
void sedge_shadow_round_forget(struct sedge_synced *s);
/* shadow_state.c */
int sedge_shadow_state_load(struct sedge_shadow_sync *y, struct sedge_db *db, struct sedge_err *err);
void sedge_shadow_state_put(struct sedge_synced *s);
void sedge_shadow_state_delete(struct sedge_synced *s);

#endif
