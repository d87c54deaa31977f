/* spec/deployment.md 22. The notes of a finished deployment stay until its clean-up is over: a kill in between leaves
 * it to the next start. */
#include "run.h"

#include "base/mem.h"

#include <string.h>

struct clean_up {
    uv_work_t work;
    struct sedge_deployer *d;
    struct sedge_store_keep keep;
    int64_t seq; /* of the entry, which may be forgotten meanwhile */
};

static void keep_version(struct sedge_config *config, const char *name, const char *key, struct sedge_store_keep *keep)
{
    const char *version = sedge_config_str(config, SEDGE_PATH("services", name, key), NULL);

    if (version) sedge_store_keep_add(keep, name, version);
}

static void keep_versions_of_services(struct sedge_config *config, struct sedge_store_keep *keep)
{
    sedge_auto_strv struct sedge_strv names = {NULL, 0};

    sedge_config_children(config, SEDGE_PATH("services"), &names);
    for (size_t i = 0; i < names.n; i++) {
        keep_version(config, names.v[i], "version", keep);
        keep_version(config, names.v[i], "previousVersion", keep);
    }
}

static void keep_resolved(const struct sedge_entry *e, struct sedge_store_keep *keep)
{
    struct json_object *resolved = sedge_json_obj(e->notes, "resolved");

    if (!resolved || strcmp(e->status, "SUCCEEDED") == 0) return;
    json_object_object_foreach (resolved, name, version) {
        sedge_store_keep_add(keep, name, json_object_get_string(version));
    }
}

static void work_cb(uv_work_t *req)
{
    struct clean_up *c = req->data;

    (void)sedge_store_collect(c->d->o.store, &c->keep, NULL);
    sedge_documents_sweep(c->d->root);
}

static struct sedge_entry *find(struct sedge_deployer *d, int64_t seq)
{
    struct sedge_entry *e = d->entries;

    while (e && e->seq != seq)
        e = e->next;
    return e;
}

static void done_cb(uv_work_t *req, int status)
{
    struct clean_up *c = req->data;
    struct sedge_deployer *d = c->d;
    struct sedge_entry *e = find(d, c->seq);

    (void)status; /* never cancelled */
    sedge_store_keep_release(&c->keep);
    free(c);
    d->cleaning = false;
    if (d->closing) {
        sedge_deployer_try_close(d);
        return;
    }
    if (e) {
        (void)json_object_put(sedge_steal(&e->notes));
        sedge_journal_save_entry(d, e, NULL, NULL);
    }
    sedge_deployer_kick(d);
}

static void begin(struct sedge_deployer *d, const struct sedge_entry *e)
{
    struct clean_up *c = SEDGE_NEW(struct clean_up);

    c->d = d;
    c->seq = e->seq;
    keep_versions_of_services(d->o.config, &c->keep);
    keep_resolved(e, &c->keep);
    c->work.data = c;
    d->cleaning = true;
    sedge_assert(uv_queue_work(d->o.loop, &c->work, work_cb, done_cb) == 0);
}

void sedge_run_clean_up(struct sedge_run *run)
{
    begin(run->d, run->entry);
}

void sedge_deployer_clean_up(struct sedge_deployer *d)
{
    struct sedge_entry *last = d->entries;

    while (last && last->next)
        last = last->next;
    if (last && last->phase == SEDGE_PHASE_DONE && last->notes) begin(d, last);
}
