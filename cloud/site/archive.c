#include "archive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cloud/deploy/document.h"
#include "cloud/query.h"
#include "cloud/component/store.h"

struct revision {
    int64_t id, kind, number;
    char *uuid, *target, *name, *policy, *document;
};

static bool has_store(const struct sedge_cloud *c)
{
    return c->set.s3_bucket && c->set.s3_bucket[0];
}

static void revision_release(struct revision *r)
{
    free(r->uuid);
    free(r->target);
    free(r->name);
    free(r->policy);
    free(r->document);
    *r = (struct revision){0};
}

/* 1 found, 0 none is waiting, -1. */
static int next_revision(struct sedge_cloud *c, int64_t after, struct revision *r, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(c->db, err,
                              "SELECT d.id, t.kind, d.revision, d.uuid, t.ref_name, d.name, d.policy,"
                              " COALESCE(d.full_doc, d.device_doc) FROM deployment d JOIN target t ON t.id=d.target_id"
                              " WHERE d.archived=0 AND d.id>?1 ORDER BY d.id LIMIT 1",
                              "i", after);
    int rc = q ? sedge_db_step(c->db, q, err) : -1;

    *r = (struct revision){0};
    if (rc == 1) {
        r->id = sqlite3_column_int64(q, 0);
        r->kind = sqlite3_column_int64(q, 1);
        r->number = sqlite3_column_int64(q, 2);
        r->uuid = sedge_xstrdup(sedge_db_text(q, 3));
        r->target = sedge_xstrdup(sedge_db_text(q, 4));
        if (sqlite3_column_type(q, 5) != SQLITE_NULL) r->name = sedge_xstrdup(sedge_db_text(q, 5));
        r->policy = sedge_xstrdup(sedge_db_text(q, 6));
        r->document = sedge_xstrdup(sedge_db_text(q, 7));
    }
    (void)sqlite3_finalize(q);
    return rc;
}

/* Through a file: a text may be longer than a line of sedge-fetch. */
static int put(struct sedge_cloud *c, struct sedge_store *s, const char *key, const char *text, size_t n,
               struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/archive.%d", c->dir, (int)getpid());
    sedge_auto_buf struct sedge_buf sha = SEDGE_BUF_INIT;
    int rc;

    sedge_sha256_hex(text, n, &sha);
    rc = sedge_fs_write_atomic(path, text, n, 0600, err);
    if (rc == 0) rc = sedge_store_put_file(s, key, path, sha.data, err);
    (void)unlink(path);
    return rc;
}

static char *operator_form(struct sedge_cloud *c, const struct revision *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *content = sedge_doc_content(r->document, err);
    sedge_auto_put struct json_object *policy =
        sedge_json_parse_object(r->policy, strlen(r->policy), "stored policy", NULL);
    sedge_auto_put struct json_object *form = NULL;
    sedge_auto_free char *arn = sedge_xasprintf("arn:aws:iot:%s:%s:%s/%s", c->set.region, c->set.account,
                                                r->kind == SEDGE_TARGET_GROUP ? "thinggroup" : "thing", r->target);

    if (!content) return NULL;
    form = sedge_doc_operator(content, arn, r->name, policy);
    return sedge_xstrdup(
        json_object_to_json_string_ext(form, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static int archive_one(struct sedge_cloud *c, struct sedge_store *s, const struct revision *r, struct sedge_err *err)
{
    sedge_auto_free char *document_key = sedge_xasprintf("deployments/%s.json", r->uuid);
    sedge_auto_free char *form_key = sedge_xasprintf(
        "targets/%s/%s/%lld.json", r->kind == SEDGE_TARGET_GROUP ? "group" : "thing", r->target, (long long)r->number);
    sedge_auto_free char *form = operator_form(c, r, err);

    if (!form || put(c, s, document_key, r->document, strlen(r->document), err) != 0 ||
        put(c, s, form_key, form, strlen(form), err) != 0)
        return -1;
    return sedge_q_run(c->db, err, "UPDATE deployment SET archived=1 WHERE id=?1", "i", r->id);
}

int sedge_archive_waiting(struct sedge_cloud *c, int64_t *n, struct sedge_err *err)
{
    *n = 0;
    if (!has_store(c)) return 0;
    return sedge_q_i64(c->db, err, n, "SELECT COUNT(*) FROM deployment WHERE archived=0", "") < 0 ? -1 : 0;
}

int sedge_archive_revisions(struct sedge_cloud *c, int *n, struct sedge_err *err)
{
    struct revision r;
    struct sedge_store *s = NULL;
    int64_t last = 0;
    int rc = 0;

    *n = 0;
    while (has_store(c) && (rc = next_revision(c, last, &r, err)) == 1) {
        if (!s) s = sedge_store_open(&c->set, err);
        rc = s ? archive_one(c, s, &r, err) : -1;
        last = r.id;
        revision_release(&r);
        if (rc != 0) break;
        ++*n;
    }
    sedge_store_close(s);
    return rc;
}

/* One batch of executions that are not kept, into the temporary table `old`. */
#define COLLECT                                                                                                        \
    "INSERT INTO old SELECT thing_id, deployment_id, exec_no FROM (SELECT thing_id, deployment_id, exec_no, status,"   \
    " ROW_NUMBER() OVER (PARTITION BY thing_id ORDER BY queued_at DESC, deployment_id DESC, exec_no DESC) AS place"    \
    " FROM execution) WHERE place>?1 AND status NOT IN (0,1) AND deployment_id NOT IN (SELECT current_deployment"      \
    " FROM target WHERE current_deployment IS NOT NULL) LIMIT ?2"

static int collect(struct sedge_cloud *c, int64_t *n, struct sedge_err *err)
{
    if (sedge_db_exec(c->db,
                      "CREATE TEMP TABLE IF NOT EXISTS old(thing_id, deployment_id, exec_no, PRIMARY KEY(thing_id,"
                      " deployment_id, exec_no)); DELETE FROM old",
                      err) != 0 ||
        sedge_q_run(c->db, err, COLLECT, "ii", (int64_t)SEDGE_EXECUTIONS_KEPT, (int64_t)SEDGE_EXECUTIONS_BATCH) != 0)
        return -1;
    return sedge_q_i64(c->db, err, n, "SELECT COUNT(*) FROM old", "") < 0 ? -1 : 0;
}

static int export_lines(struct sedge_cloud *c, struct sedge_buf *out, struct sedge_err *err)
{
    static const char *const keys[] = {"executionNumber", "status", "queuedAt", "startedAt", "updatedAt"};
    sqlite3_stmt *q =
        sedge_q(c->db, err,
                "SELECT t.name, CASE g.kind WHEN 0 THEN 'group:' ELSE 'thing:' END || g.ref_name, d.uuid, e.details, "
                "d.revision,"
                " e.exec_no, e.status, e.queued_at, e.started_at, e.updated_at FROM old o JOIN execution e"
                " USING(thing_id, deployment_id, exec_no) JOIN deployment d ON d.id=e.deployment_id JOIN target g ON"
                " g.id=d.target_id JOIN thing t ON t.id=e.thing_id",
                "");
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        sedge_auto_put struct json_object *o = json_object_new_object();
        const char *details = sedge_db_text(q, 3);

        sedge_json_add_str(o, "thingName", sedge_db_text(q, 0));
        sedge_json_add_str(o, "target", sedge_db_text(q, 1));
        sedge_json_add_i64(o, "revision", sqlite3_column_int64(q, 4));
        sedge_json_add_str(o, "deploymentId", sedge_db_text(q, 2));
        for (int i = 0; i < (int)SEDGE_ARRAY_LEN(keys); i++) {
            if (i == 1)
                sedge_json_add_str(o, keys[i], sedge_exec_state_name(sqlite3_column_int64(q, 6)));
            else if (sqlite3_column_type(q, 5 + i) != SQLITE_NULL)
                sedge_json_add_i64(o, keys[i], sqlite3_column_int64(q, 5 + i));
        }
        if (details[0])
            (void)json_object_object_add(o, "statusDetails",
                                         sedge_json_parse(details, strlen(details), "details", NULL));
        sedge_buf_printf(out, "%s\n", sedge_json_text(o));
    }
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

static int append(const char *path, const struct sedge_buf *lines, struct sedge_err *err)
{
    sedge_auto_close int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, lines->data, lines->len) != (ssize_t)lines->len || fsync(fd) != 0)
        return sedge_err_sys(err, errno, "%s", path);
    return 0;
}

static int keep_lines(struct sedge_cloud *c, int64_t now_ms, const struct sedge_buf *lines, struct sedge_err *err)
{
    time_t now = (time_t)(now_ms / 1000);
    sedge_auto_free char *key = NULL;
    sedge_auto_free char *path = sedge_xasprintf("%s/executions.jsonl", c->dir);
    struct sedge_store *s;
    char month[16], id[SEDGE_UUID_LEN + 1];
    struct tm tm;
    int rc;

    if (!has_store(c)) return append(path, lines, err);
    (void)strftime(month, sizeof(month), "%Y-%m", gmtime_r(&now, &tm));
    sedge_uuid4(id);
    key = sedge_xasprintf("exports/executions/%s/%s.jsonl", month, id);
    s = sedge_store_open(&c->set, err);
    rc = s ? put(c, s, key, lines->data, lines->len, err) : -1;
    sedge_store_close(s);
    return rc;
}

static int forget(struct sedge_cloud *c, struct sedge_err *err)
{
    if (sedge_q_begin(c->db, err) != 0) return -1;
    return sedge_q_end(c->db,
                       sedge_q_run(c->db, err,
                                   "DELETE FROM execution WHERE (thing_id,deployment_id,exec_no) IN (SELECT thing_id,"
                                   " deployment_id, exec_no FROM old)",
                                   ""),
                       err);
}

int sedge_archive_executions(struct sedge_cloud *c, int64_t now_ms, int *n, struct sedge_err *err)
{
    *n = 0;
    for (;;) {
        sedge_auto_buf struct sedge_buf lines = SEDGE_BUF_INIT;
        int64_t batch = 0;

        if (collect(c, &batch, err) != 0) return -1;
        if (batch == 0) return 0;
        if (export_lines(c, &lines, err) != 0 || keep_lines(c, now_ms, &lines, err) != 0 || forget(c, err) != 0)
            return -1;
        *n += (int)batch;
    }
}

int sedge_archive_audit(struct sedge_cloud *c, int64_t now_ms, struct sedge_err *err)
{
    return sedge_q_run(c->db, err, "DELETE FROM audit WHERE at<?1", "i", now_ms - SEDGE_AUDIT_KEPT * INT64_C(1000));
}
