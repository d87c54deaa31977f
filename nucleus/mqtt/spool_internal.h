/* spool_internal - the messages, and what spool_store.c (file) offers the rest of the spool. */
#ifndef SEDGE_MQTT_SPOOL_INTERNAL_H
#define SEDGE_MQTT_SPOOL_INTERNAL_H

#include "base/db.h"
#include "reconnect.h"
#include "spool.h"

#define SEDGE_SPOOL_COMPONENT_MAX 128

enum sedge_on_disk { SEDGE_DISK_NO, SEDGE_DISK_WRITING, SEDGE_DISK_YES };

struct sedge_item {
    struct sedge_item *next; /* by id */
    struct sedge_spool *s;
    int64_t id; /* order of acceptance, and the row in the file */
    char *component;
    char *topic;
    void *payload;
    size_t len;
    char *props; /* JSON text or NULL */
    int qos;
    bool retain;
    int64_t size;       /* bytes counted */
    int64_t created_ms; /* wall clock */
    int64_t accepted;   /* monotonic; 0: by an earlier run */
    int attempts;
    enum sedge_on_disk disk;
    bool sent; /* in flight */
    int64_t sent_at;
    int closes;  /* connections that ended right after it was sent, alone */
    bool replay; /* limited rate */
    bool gone;   /* removed while a write of it is under way */
};

extern const char sedge_spool_schema[];
#define SEDGE_SPOOL_SCHEMA_VERSION 1

struct sedge_item *sedge_item_new(const char *component, const struct sedge_mqtt_message *msg);
void sedge_item_free(struct sedge_item *i);
char *sedge_props_text(const struct sedge_mqtt_props *p);
/* Owned texts in *out: sedge_props_release. False for NULL or unreadable text. */
bool sedge_props_parse(const char *text, struct sedge_mqtt_props *out);

struct sedge_spool_totals {
    int64_t messages, bytes, last_id;
};
int sedge_spool_totals(struct sedge_db *db, struct sedge_spool_totals *out, struct sedge_err *err);

/* Each runs on the writer with a struct sedge_spool_op; done gets the argument of the call in `sedge_spool_op`, which
 * it frees with sedge_spool_op_free. */
struct sedge_spool_op {
    struct sedge_spool *s;
    struct sedge_item *item; /* insert: borrowed and not changed meanwhile */
    int64_t id;              /* delete, attempts */
    int attempts;
    const char *path;
    int64_t min_free;
    struct sedge_item *rows; /* load: the result */
    int64_t after;
    int limit;
};
int sedge_spool_insert(struct sedge_db *db, void *arg, struct sedge_err *err);
int sedge_spool_delete(struct sedge_db *db, void *arg, struct sedge_err *err);
int sedge_spool_set_attempts(struct sedge_db *db, void *arg, struct sedge_err *err);
int sedge_spool_load(struct sedge_db *db, void *arg, struct sedge_err *err);

#endif
