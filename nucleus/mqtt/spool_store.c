#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "internal.h"
#include "spool_internal.h"

const char sedge_spool_schema[] =
    "CREATE TABLE spool (id INTEGER PRIMARY KEY, component TEXT NOT NULL, topic TEXT NOT NULL, qos INTEGER NOT NULL,"
    " retain INTEGER NOT NULL, props TEXT, payload BLOB NOT NULL, created INTEGER NOT NULL, attempts INTEGER NOT "
    "NULL);";

static int64_t size_of(const struct sedge_item *i)
{
    return (int64_t)(strlen(i->topic) + i->len + (i->props ? strlen(i->props) : 0) + SEDGE_SPOOL_OVERHEAD);
}

struct sedge_item *sedge_item_new(const char *component, const struct sedge_mqtt_message *msg)
{
    struct sedge_item *i = SEDGE_NEW(struct sedge_item);

    i->component = sedge_xstrndup(component, SEDGE_SPOOL_COMPONENT_MAX);
    i->topic = sedge_xstrdup(msg->topic);
    i->payload = sedge_xcalloc(1, msg->len + 1);
    if (msg->len) memcpy(i->payload, msg->payload, msg->len);
    i->len = msg->len;
    i->qos = msg->qos;
    i->retain = msg->retain;
    i->props = sedge_props_text(msg->props);
    i->size = size_of(i);
    i->created_ms = sedge_wall_ms();
    i->accepted = sedge_mono_ms();
    return i;
}

void sedge_item_free(struct sedge_item *i)
{
    if (!i) return;
    free(i->component);
    free(i->topic);
    free(i->payload);
    free(i->props);
    free(i);
}

/* --- properties as text ------------------------------------------------------------------------------------------ */

char *sedge_props_text(const struct sedge_mqtt_props *p)
{
    sedge_auto_put struct json_object *o = json_object_new_object();

    if (!p) return NULL;
    sedge_json_add_str(o, "contentType", p->content_type);
    sedge_json_add_str(o, "responseTopic", p->response_topic);
    if (p->correlation) {
        struct sedge_buf b = SEDGE_BUF_INIT;
        sedge_base64_encode(&b, p->correlation, p->correlation_len);
        sedge_json_add_str(o, "correlation", b.data ? b.data : "");
        sedge_buf_release(&b);
    }
    if (p->expiry_s >= 0) sedge_json_add_i64(o, "expiry", p->expiry_s);
    if (p->payload_format >= 0) sedge_json_add_i64(o, "format", p->payload_format);
    if (p->n_user > 0) {
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; i < p->n_user; i++) {
            struct json_object *pair = json_object_new_array();
            (void)json_object_array_add(pair, json_object_new_string(p->user[i].key ? p->user[i].key : ""));
            (void)json_object_array_add(pair, json_object_new_string(p->user[i].value ? p->user[i].value : ""));
            (void)json_object_array_add(list, pair);
        }
        json_object_object_add(o, "user", list);
    }
    return json_object_object_length(o) > 0 ? sedge_xstrdup(sedge_json_text(o)) : NULL;
}

static void parse_user(struct json_object *list, struct sedge_mqtt_props *out)
{
    size_t n = list ? json_object_array_length(list) : 0;
    struct sedge_mqtt_user_prop *user = n ? sedge_xcalloc(n, sizeof *user) : NULL;

    for (size_t i = 0; i < n; i++) {
        struct json_object *pair = json_object_array_get_idx(list, i);
        user[i].key = sedge_xstrdup(json_object_get_string(json_object_array_get_idx(pair, 0)));
        user[i].value = sedge_xstrdup(json_object_get_string(json_object_array_get_idx(pair, 1)));
    }
    out->user = user;
    out->n_user = n;
}

bool sedge_props_parse(const char *text, struct sedge_mqtt_props *out)
{
    sedge_auto_put struct json_object *o =
        text ? sedge_json_parse_object(text, strlen(text), "properties", NULL) : NULL;
    struct sedge_buf b = SEDGE_BUF_INIT;
    const char *correlation = sedge_json_str(o, "correlation", NULL);

    *out = SEDGE_MQTT_PROPS_INIT;
    if (!o) return false;
    out->content_type = sedge_xstrdup(sedge_json_str(o, "contentType", NULL));
    out->response_topic = sedge_xstrdup(sedge_json_str(o, "responseTopic", NULL));
    if (correlation && sedge_base64_decode(&b, correlation, strlen(correlation), NULL) == 0) {
        out->correlation_len = b.len;
        out->correlation = sedge_buf_steal(&b);
    }
    sedge_buf_release(&b);
    out->expiry_s = sedge_json_i64(o, "expiry", -1);
    out->payload_format = (int)sedge_json_i64(o, "format", -1);
    parse_user(sedge_json_arr(o, "user"), out);
    return true;
}

/* --- rows -------------------------------------------------------------------------------------------------------- */

int sedge_spool_totals(struct sedge_db *db, struct sedge_spool_totals *out, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db,
                                       "SELECT count(*), coalesce(sum(length(payload) + length(CAST(topic AS BLOB)) + "
                                       "coalesce(length(CAST(props AS BLOB)), 0) + ?1), 0), coalesce(max(id), 0) FROM "
                                       "spool",
                                       err);
    int rc;

    if (!q) return -1;
    sedge_db_bind_i64(q, 1, SEDGE_SPOOL_OVERHEAD);
    rc = sedge_db_step(db, q, err);
    if (rc == 1)
        *out = (struct sedge_spool_totals){sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1),
                                           sqlite3_column_int64(q, 2)};
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

static void bind_item(sqlite3_stmt *q, void *user)
{
    const struct sedge_item *i = user;

    sedge_db_bind_i64(q, 1, i->id);
    sedge_db_bind_text(q, 2, i->component);
    sedge_db_bind_text(q, 3, i->topic);
    sedge_db_bind_i64(q, 4, i->qos);
    sedge_db_bind_i64(q, 5, i->retain);
    sedge_db_bind_text(q, 6, i->props);
    sedge_db_bind_blob(q, 7, i->payload, i->len);
    sedge_db_bind_i64(q, 8, i->created_ms);
    sedge_db_bind_i64(q, 9, i->attempts);
}

int sedge_spool_insert(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct sedge_spool_op *op = arg;
    int64_t free_bytes = sedge_fs_free_bytes(op->path, NULL);

    if (free_bytes >= 0 && free_bytes < op->min_free)
        return sedge_err_set(err, SEDGE_E_NO_SPACE, "%s: %lld bytes free, %lld are kept free (minFreeBytes)", op->path,
                             (long long)free_bytes, (long long)op->min_free);
    return sedge_db_run(
        db,
        "INSERT OR REPLACE INTO spool (id, component, topic, qos, retain, props, payload, created, attempts)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        bind_item, op->item, err);
}

static void bind_id(sqlite3_stmt *q, void *user)
{
    const struct sedge_spool_op *op = user;

    sedge_db_bind_i64(q, 1, op->id);
    if (sqlite3_bind_parameter_count(q) > 1) sedge_db_bind_i64(q, 2, op->attempts);
}

int sedge_spool_delete(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    return sedge_db_run(db, "DELETE FROM spool WHERE id = ?1", bind_id, arg, err);
}

int sedge_spool_set_attempts(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    return sedge_db_run(db, "UPDATE spool SET attempts = ?2 WHERE id = ?1", bind_id, arg, err);
}

static struct sedge_item *read_item(sqlite3_stmt *q)
{
    struct sedge_item *i = SEDGE_NEW(struct sedge_item);
    int n = sqlite3_column_bytes(q, 6);

    i->id = sqlite3_column_int64(q, 0);
    i->component = sedge_xstrdup(sedge_db_text(q, 1));
    i->topic = sedge_xstrdup(sedge_db_text(q, 2));
    i->qos = sqlite3_column_int(q, 3);
    i->retain = sqlite3_column_int(q, 4) != 0;
    if (sqlite3_column_type(q, 5) != SQLITE_NULL) i->props = sedge_xstrdup(sedge_db_text(q, 5));
    i->len = n > 0 ? (size_t)n : 0;
    i->payload = sedge_xcalloc(1, i->len + 1);
    if (i->len) memcpy(i->payload, sqlite3_column_blob(q, 6), i->len);
    i->created_ms = sqlite3_column_int64(q, 7);
    i->attempts = sqlite3_column_int(q, 8);
    i->size = size_of(i);
    i->disk = SEDGE_DISK_YES;
    i->replay = true;
    return i;
}

int sedge_spool_load(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct sedge_spool_op *op = arg;
    struct sedge_item **end = &op->rows;
    sqlite3_stmt *q = sedge_db_prepare(db,
                                       "SELECT id, component, topic, qos, retain, props, payload, created, attempts"
                                       " FROM spool WHERE id > ?1 ORDER BY id LIMIT ?2",
                                       err);
    int rc;

    if (!q) return -1;
    sedge_db_bind_i64(q, 1, op->after);
    sedge_db_bind_i64(q, 2, op->limit);
    while ((rc = sedge_db_step(db, q, err)) == 1) {
        *end = read_item(q);
        end = &(*end)->next;
    }
    (void)sqlite3_finalize(q);
    return rc;
}
