/*
 * spool_parts - the inside of the spool, shared by its parts. Nobody outside includes this. Loop thread only.
 *
 * spool.c accepts messages, makes and closes; spool_queue.c is what is held in memory and who holds it; spool_disk.c
 * decides what the file gets and gives back (spool_store.c carries that out on the writer's thread); spool_send.c hands
 * messages to the session. An item belongs to the list it is in, or, while only the file is to get it, to that write.
 */
#ifndef SEDGE_MQTT_SPOOL_PARTS_H
#define SEDGE_MQTT_SPOOL_PARTS_H

#include "spool_internal.h"

struct sedge_spool_list {
    struct sedge_item *first;
    size_t n;
};

struct sedge_spool_publisher {
    struct sedge_spool_publisher *next;
    char *name;
    int64_t bytes;
};

struct sedge_spool {
    uv_loop_t *loop;
    struct sedge_mqtt *mqtt;
    struct sedge_spool_options o;
    char *path;
    struct sedge_dbw *writer; /* NULL: memory storage */
    uv_timer_t timer;
    struct sedge_spool_list queue; /* QoS 1, by id */
    struct sedge_spool_list loose; /* QoS 0 */
    struct sedge_spool_publisher *publishers;
    int64_t next_id;
    int64_t loaded_id; /* rows up to here are or were in memory */
    int64_t unloaded;  /* messages only in the file, all newer than loaded_id */
    bool loading;
    bool disk_ok;
    int64_t disk_again;
    int inflight;
    bool probation; /* one at a time: a message may be closing the connection */
    int64_t paused_until;
    int pauses;
    struct sedge_bucket replay_messages, replay_bytes;
    struct sedge_spool_stats stats;
    int64_t drops_logged, drops_logged_at;
    int ops; /* writes under way */
    bool closing;
    void (*closed)(void *user);
    void *closed_user;
};

/* spool.c */
/* While closing: closes the timer when no write is under way any more. */
void sedge_spool_maybe_closed(struct sedge_spool *s);

/* spool_queue.c */
void sedge_spool_list_add(struct sedge_spool_list *l, struct sedge_item *i); /* in its place by id */
bool sedge_spool_list_has(const struct sedge_spool_list *l, int64_t id);
/* Counts an item in (1) or out (-1). */
void sedge_spool_account(struct sedge_spool *s, const struct sedge_item *i, int sign);
/* Out of its list, the accounts and the file; frees it, at once or after the write that is under way. */
void sedge_spool_remove(struct sedge_spool *s, struct sedge_item *i);
/* The same, counted and logged as a loss. */
void sedge_spool_drop(struct sedge_spool *s, struct sedge_item *i, const char *why);
/* By the policy, until the item fits; LIMIT when it cannot. */
int sedge_spool_make_room(struct sedge_spool *s, const struct sedge_item *i, struct sedge_err *err);
void sedge_spool_queue_release(struct sedge_spool *s);

/* spool_disk.c */
/* Blocks shortly. Without a usable file the spool stays in memory; that is logged. */
void sedge_spool_open_storage(struct sedge_spool *s);
/* Writes what was accepted before this time (sedge_mono_ms) and is not in the file. */
void sedge_spool_write_waiting(struct sedge_spool *s, int64_t older_than);
/* Takes the item over: it waits in the file, behind older ones, until it is loaded. */
void sedge_spool_write_only(struct sedge_spool *s, struct sedge_item *i);
/* Fetches the next ones from the file when few are left in memory. */
void sedge_spool_load_more(struct sedge_spool *s);
void sedge_spool_delete_row(struct sedge_spool *s, const struct sedge_item *i);
void sedge_spool_save_attempts(struct sedge_spool *s, const struct sedge_item *i);

/* spool_send.c */
void sedge_spool_sender_start(struct sedge_spool *s);
/* No answer comes after it. */
void sedge_spool_sender_stop(struct sedge_spool *s);
/* Looks at everything in `ms` milliseconds, or earlier. */
void sedge_spool_arm(struct sedge_spool *s, int64_t ms);

#endif
