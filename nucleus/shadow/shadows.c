#include "shadows.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "names.h"
#include "rate.h"
#include "store.h"

enum kind { GET, UPDATE, DELETE, LIST };

static const char *const words[] = {[GET] = "get", [UPDATE] = "update", [DELETE] = "delete", [LIST] = "list"};

struct sedge_shadows {
    struct sedge_dbw *writer;
    struct sedge_shadow_rate rate;
    int64_t thing_rate, total_rate;
    size_t size_limit;
    sedge_shadow_message message;
    void *message_user;
    sedge_shadow_changed changed;
    void *changed_user;
    int calls;
};

/* A call; the worker's from submission to its end, so that nothing in it is shared. */
struct call {
    struct sedge_shadows *sh;
    enum kind kind;
    unsigned flags;
    char *thing, *name;
    struct sedge_shadow_update update;
    int64_t version; /* delete: wanted */
    size_t size_limit;
    char *after; /* list */
    int limit;
    sedge_shadow_done done;
    void *arg;
    /* results */
    char *answer, *delta, *documents;
    bool exists;
    int64_t now_s, found_version;
    struct sedge_strv names;
};

/* ---- on the worker ---- */

static char *text_take(struct json_object *o)
{
    char *text = o ? sedge_xstrdup(sedge_json_text(o)) : NULL;

    (void)json_object_put(o);
    return text;
}

static void note(struct call *c, const struct sedge_shadow_doc *doc)
{
    c->exists = doc->exists;
    c->found_version = doc->version;
}

static int not_found(struct sedge_err *err)
{
    return sedge_err_set(err, SEDGE_E_NOT_FOUND, "No shadow found");
}

static int get_work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct call *c = arg;
    struct sedge_shadow_doc doc;
    int rc = sedge_shadow_load(db, c->thing, c->name, &doc, err);

    note(c, &doc);
    if (rc == 0 && !doc.exists) rc = not_found(err);
    if (rc == 0) c->answer = text_take(sedge_shadow_got(&doc, c->now_s));
    sedge_shadow_doc_release(&doc);
    return rc;
}

static char *documents_text(struct json_object *previous, const struct sedge_shadow_doc *doc, const char *token)
{
    struct json_object *o = json_object_new_object();

    if (previous) (void)json_object_object_add(o, "previous", json_object_get(previous));
    (void)json_object_object_add(o, "current", sedge_shadow_body(doc));
    sedge_json_add_i64(o, "timestamp", doc->timestamp);
    sedge_json_add_str(o, "clientToken", token);
    return text_take(o);
}

static int update_work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct call *c = arg;
    sedge_auto_put struct json_object *previous = NULL;
    struct sedge_shadow_doc doc;
    int rc = sedge_shadow_load(db, c->thing, c->name, &doc, err);

    if (rc == 0 && doc.exists) previous = sedge_shadow_body(&doc);
    if (rc == 0) rc = sedge_shadow_update_apply(&doc, &c->update, c->size_limit, c->now_s, err);
    if (rc == 0) rc = sedge_shadow_save(db, c->thing, c->name, &doc, err);
    note(c, &doc);
    if (rc == 0) {
        c->answer = text_take(sedge_shadow_accepted(&doc, &c->update));
        c->delta = text_take(sedge_shadow_delta(&doc, c->update.token));
        c->documents = documents_text(previous, &doc, c->update.token);
    }
    sedge_shadow_doc_release(&doc);
    return rc;
}

/* A damaged shadow can be deleted, too. */
static int load_to_delete(struct sedge_db *db, const struct call *c, struct sedge_shadow_doc *doc,
                          struct sedge_err *err)
{
    struct sedge_err why = SEDGE_ERR_INIT;

    if (sedge_shadow_load(db, c->thing, c->name, doc, &why) != 0) {
        if (why.code == SEDGE_E_CORRUPT && doc->version > 0) return 0;
        *err = why;
        return -1;
    }
    return doc->exists ? 0 : not_found(err);
}

static int delete_work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct call *c = arg;
    struct json_object *answer;
    struct sedge_shadow_doc doc;
    int rc = load_to_delete(db, c, &doc, err);

    if (rc == 0 && c->version >= 0 && c->version != doc.version)
        rc = sedge_err_set(err, SEDGE_E_CONFLICT, "Version conflict");
    if (rc == 0) {
        doc.exists = false;
        doc.timestamp = c->now_s;
        rc = sedge_shadow_save(db, c->thing, c->name, &doc, err);
    }
    note(c, &doc);
    if (rc == 0) {
        answer = json_object_new_object();
        sedge_json_add_i64(answer, "version", doc.version);
        sedge_json_add_i64(answer, "timestamp", c->now_s);
        c->answer = text_take(answer);
    }
    sedge_shadow_doc_release(&doc);
    return rc;
}

static int list_work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct call *c = arg;

    return sedge_shadow_names(db, c->thing, c->after, c->limit, &c->names, err);
}

/* ---- messages ---- */

static void say(struct sedge_shadows *sh, const struct call *c, const char *suffix, const char *payload)
{
    sedge_auto_free char *topic = sedge_shadow_topic(c->thing, c->name, suffix);

    if (payload && sh->message) sh->message(sh->message_user, topic, payload, strlen(payload));
}

void sedge_shadows_refused(struct sedge_shadows *sh, const char *operation, const char *thing, const char *name,
                           const struct sedge_err *err, const char *token)
{
    sedge_auto_put struct json_object *o = sedge_shadow_rejected(err, token, sedge_wall_ms() / 1000);
    sedge_auto_free char *suffix = sedge_xasprintf("/%s/rejected", operation);
    sedge_auto_free char *topic = sedge_shadow_topic(thing, name, suffix);
    const char *payload = sedge_json_text(o);

    if (sh->message) sh->message(sh->message_user, topic, payload, strlen(payload));
}

static void tell(const struct call *c, int rc, const struct sedge_err *err)
{
    sedge_auto_free char *accepted = sedge_xasprintf("/%s/accepted", words[c->kind]);

    if (rc != 0) {
        sedge_shadows_refused(c->sh, words[c->kind], c->thing, c->name, err, c->update.token);
        return;
    }
    say(c->sh, c, accepted, c->answer);
    say(c->sh, c, "/update/delta", c->delta);
    say(c->sh, c, "/update/documents", c->documents);
}

/* ---- calls ---- */

static void free_call(struct call *c)
{
    sedge_shadow_update_release(&c->update);
    sedge_strv_release(&c->names);
    free(c->thing);
    free(c->name);
    free(c->after);
    free(c->answer);
    free(c->delta);
    free(c->documents);
    free(c);
}

static void done_cb(void *arg, int rc, const struct sedge_err *err)
{
    struct call *c = arg;
    struct sedge_shadows *sh = c->sh;
    struct sedge_shadow_result result = {c->answer, c->exists, c->found_version, &c->names};
    bool change = rc == 0 && (c->kind == UPDATE || c->kind == DELETE);

    if (rc != 0 && sedge_shadow_code(err->code) == sedge_shadow_code(SEDGE_E_IO))
        sedge_log(SEDGE_ERROR, "shadow", "store-failed", "operation=%s thing=%s shadow=%s: %s", words[c->kind],
                  c->thing, c->name, err->msg);
    if (c->flags & SEDGE_SHADOW_TELL) tell(c, rc, err);
    if (change && (c->flags & SEDGE_SHADOW_CHANGE) && sh->changed) sh->changed(sh->changed_user, c->thing, c->name);
    c->done(c->arg, &result, err);
    free_call(c);
    sh->calls--;
}

static struct call *new_call(struct sedge_shadows *sh, enum kind kind, const char *thing, const char *name,
                             unsigned flags)
{
    struct call *c = SEDGE_NEW(struct call);

    c->sh = sh;
    c->kind = kind;
    c->flags = flags;
    c->thing = sedge_xstrdup(thing);
    c->name = sedge_xstrdup(name ? name : "");
    c->update = SEDGE_SHADOW_UPDATE_INIT;
    c->version = -1;
    c->size_limit = sh->size_limit;
    c->now_s = sedge_wall_ms() / 1000;
    return c;
}

static void submit(struct call *c, sedge_shadow_done done, void *arg)
{
    static const sedge_dbw_work work[] = {
        [GET] = get_work, [UPDATE] = update_work, [DELETE] = delete_work, [LIST] = list_work};

    c->done = done;
    c->arg = arg;
    c->sh->calls++;
    sedge_dbw_submit(c->sh->writer, work[c->kind], done_cb, c);
}

void sedge_shadows_get(struct sedge_shadows *sh, const char *thing, const char *name, unsigned flags,
                       sedge_shadow_done done, void *arg)
{
    submit(new_call(sh, GET, thing, name, flags), done, arg);
}

void sedge_shadows_update_take(struct sedge_shadows *sh, const char *thing, const char *name,
                               struct sedge_shadow_update *u, unsigned flags, sedge_shadow_done done, void *arg)
{
    struct call *c = new_call(sh, UPDATE, thing, name, flags);

    c->update = *u;
    *u = SEDGE_SHADOW_UPDATE_INIT;
    submit(c, done, arg);
}

void sedge_shadows_delete(struct sedge_shadows *sh, const char *thing, const char *name, int64_t version,
                          unsigned flags, sedge_shadow_done done, void *arg)
{
    struct call *c = new_call(sh, DELETE, thing, name, flags);

    c->version = version;
    submit(c, done, arg);
}

void sedge_shadows_list(struct sedge_shadows *sh, const char *thing, const char *after, int limit,
                        sedge_shadow_done done, void *arg)
{
    struct call *c = new_call(sh, LIST, thing, NULL, 0);

    c->after = sedge_xstrdup(after);
    c->limit = limit;
    submit(c, done, arg);
}

int sedge_shadows_admit(struct sedge_shadows *sh, const char *thing, struct sedge_err *err)
{
    if (sedge_shadow_rate_take(&sh->rate, thing, sh->total_rate, sh->thing_rate, sedge_mono_ms())) return 0;
    return sedge_err_set(err, SEDGE_E_UNAVAILABLE, "Too Many Requests");
}

/* ---- life ---- */

struct sedge_shadows *sedge_shadows_new(struct sedge_db *db, struct sedge_err *err)
{
    struct sedge_shadows *sh;

    if (sedge_db_exec(db, sedge_shadow_schema, err) != 0) return NULL;
    sh = SEDGE_NEW(struct sedge_shadows);
    sh->rate = SEDGE_SHADOW_RATE_INIT;
    sedge_shadows_configure(sh, &SEDGE_SHADOW_SETTINGS_INIT);
    return sh;
}

void sedge_shadows_start(struct sedge_shadows *sh, struct sedge_dbw *writer)
{
    sh->writer = writer;
}

void sedge_shadows_configure(struct sedge_shadows *sh, const struct sedge_shadow_settings *settings)
{
    sh->size_limit = settings->size_limit;
    sh->thing_rate = settings->thing_rate;
    sh->total_rate = settings->total_rate;
}

void sedge_shadows_on_message(struct sedge_shadows *sh, sedge_shadow_message cb, void *user)
{
    sh->message = cb;
    sh->message_user = user;
}

void sedge_shadows_on_change(struct sedge_shadows *sh, sedge_shadow_changed cb, void *user)
{
    sh->changed = cb;
    sh->changed_user = user;
}

void sedge_shadows_free(struct sedge_shadows *sh)
{
    if (!sh) return;
    sedge_assert(sh->calls == 0);
    sedge_shadow_rate_release(&sh->rate);
    free(sh);
}
