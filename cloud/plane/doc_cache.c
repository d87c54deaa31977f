#include "doc_cache.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cloud/query.h"

#define DEFAULT_MINUTES 60

struct sedge_doc_cache {
    struct sedge_doc_text docs[SEDGE_DOC_CACHE_MAX]; /* the latest used first */
    size_t n;
};

struct sedge_doc_cache *sedge_doc_cache_new(void)
{
    return SEDGE_NEW(struct sedge_doc_cache);
}

void sedge_doc_cache_free(struct sedge_doc_cache *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->n; i++)
        free(c->docs[i].text);
    free(c);
}

static int read_doc(struct sedge_db *db, struct sedge_doc_text *d, struct sedge_err *err)
{
    sqlite3_stmt *q =
        sedge_q_kept(db, err, "SELECT device_doc, policy FROM deployment WHERE id=?1", "i", d->deployment_id);
    int rc = q ? sedge_db_step(db, q, err) : -1;

    if (rc == 1) {
        const char *policy = sedge_db_text(q, 1);
        sedge_auto_put struct json_object *p = sedge_json_parse_object(policy, strlen(policy), "policy", NULL);

        d->text = sedge_xstrdup(sedge_db_text(q, 0));
        d->len = strlen(d->text);
        d->in_progress_minutes = sedge_json_i64(p, "inProgressTimeoutInMinutes", DEFAULT_MINUTES);
    }
    sedge_db_done(db, q);
    if (rc == 0)
        return sedge_err_set(err, SEDGE_E_NOT_FOUND, "deployment %lld is gone from the database",
                             (long long)d->deployment_id);
    return rc == 1 ? 0 : -1;
}

static const struct sedge_doc_text *to_front(struct sedge_doc_cache *c, size_t i)
{
    struct sedge_doc_text found = c->docs[i];

    memmove(c->docs + 1, c->docs, i * sizeof(c->docs[0]));
    c->docs[0] = found;
    return &c->docs[0];
}

const struct sedge_doc_text *sedge_doc_cache_get(struct sedge_doc_cache *c, struct sedge_db *db, int64_t deployment_id,
                                                 struct sedge_err *err)
{
    struct sedge_doc_text fresh = {.deployment_id = deployment_id};

    for (size_t i = 0; i < c->n; i++) {
        if (c->docs[i].deployment_id == deployment_id) return to_front(c, i);
    }
    if (read_doc(db, &fresh, err) != 0) return NULL;
    if (c->n < SEDGE_DOC_CACHE_MAX)
        c->n++;
    else
        free(c->docs[c->n - 1].text);
    c->docs[c->n - 1] = fresh;
    return to_front(c, c->n - 1);
}
