/* A deployment document that did not fit into its carrier (spec/cloud-protocol.md 8.4): the rest is downloaded. */
#include "run.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "fetch/dataplane.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

static char *file_of(const struct sedge_run *run)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_buf_printf(&b, "%s/deployments/", run->d->root);
    sedge_url_encode(&b, run->doc.deployment_id, false);
    sedge_buf_puts(&b, SEDGE_DOCUMENT_FILE);
    return sedge_buf_steal(&b);
}

void sedge_documents_sweep(const char *root)
{
    sedge_auto_free char *folder = sedge_xasprintf("%s/deployments", root);
    DIR *d = opendir(folder);
    const struct dirent *e;

    while (d && (e = readdir(d))) {
        if (strstr(e->d_name, SEDGE_DOCUMENT_FILE))
            (void)unlinkat(dirfd(d), e->d_name, 0); /* the next sweep tries again */
    }
    if (d) (void)closedir(d);
}

/* ---- read it ---- */

static void read_work(struct sedge_run *run)
{
    sedge_auto_free char *file = file_of(run);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *full = NULL;

    run->err = SEDGE_ERR_INIT;
    run->completed = NULL;
    if (sedge_fs_read(file, SEDGE_DEPLOY_LARGE_MAX, &text, &run->err) == 0)
        full = sedge_json_parse_object(text.data, text.len, "the downloaded deployment document", &run->err);
    if (full) run->completed = sedge_document_complete(run->entry->request, full, &run->err);
    run->rc = run->completed ? 0 : -1;
}

static void read_over(struct sedge_run *run)
{
    if (run->rc == 0) { /* from here on the journal has all of it */
        (void)json_object_put(run->entry->request);
        run->entry->request = run->completed;
        run->completed = NULL;
        sedge_document_release(&run->doc);
        run->rc = sedge_document_parse(run->entry->request, &run->doc, &run->failure);
    } else {
        sedge_failure_add(&run->failure, "DEPLOYMENT_DOCUMENT_NOT_VALID");
        sedge_failure_add(&run->failure, "DEPLOYMENT_DOCUMENT_PARSE_ERROR");
        sedge_failure_cause(&run->failure, "The deployment document is not valid: %s", run->err.msg);
    }
    if (run->rc != 0 || run->entry->cancel || sedge_run_is_over(run)) {
        sedge_run_fail_early(run);
        return;
    }
    run->tries = run->refusals = 0;
    sedge_run_ask_membership(run);
}

/* ---- get it ---- */

/* Network, server and digest are tried without end, what the client is to blame for ten times, a refusal not at all. */
static void failed(struct sedge_run *run, const struct sedge_err *err, struct json_object *stack, int64_t status)
{
    bool endless = sedge_err_may_heal(err) || err->code == SEDGE_E_DIGEST;
    bool hopeless = status == 403 || err->code == SEDGE_E_LIMIT || err->code == SEDGE_E_NO_SPACE ||
                    err->code == SEDGE_E_IO || err->code == SEDGE_E_UNSUPPORTED;

    if (err->code == SEDGE_E_LIMIT) sedge_failure_add(&run->failure, "DEPLOYMENT_DOCUMENT_SIZE_EXCEEDED");
    sedge_failure_add(&run->failure, status == 403 ? "GET_DEPLOYMENT_CONFIGURATION_ACCESS_DENIED"
                                                   : "DOWNLOAD_DEPLOYMENT_DOCUMENT_ERROR");
    for (size_t i = 0; stack && i < json_object_array_length(stack); i++) {
        const char *code = json_object_get_string(json_object_array_get_idx(stack, i));

        if (strstr(code, "ARTIFACT") == NULL) sedge_failure_add(&run->failure, code);
    }
    sedge_failure_cause(&run->failure, "The rest of the deployment document cannot be downloaded: %s", err->msg);
    if (!hopeless && (endless || ++run->refusals < SEDGE_DEPLOY_REFUSALS_MAX))
        sedge_run_pause(run, sedge_run_complete_document);
    else
        sedge_run_fail_early(run);
}

static bool is_over(struct sedge_run *run)
{
    run->waiting--;
    if (!run->entry->cancel && !sedge_run_is_over(run)) return false;
    sedge_run_fail_early(run);
    return true;
}

static void fetched_cb(const struct sedge_fetch_result *r, void *user)
{
    struct sedge_run *run = user;

    if (is_over(run)) return;
    if (r->err)
        failed(run, r->err, r->stack, 0);
    else
        sedge_run_work(run, read_work, read_over);
}

static void fetch(struct sedge_run *run, const struct sedge_plane_document *d)
{
    struct sedge_fetcher *f = run->d->o.fetcher;
    sedge_auto_free char *file = file_of(run);
    sedge_auto_free char *name = sedge_xasprintf("greengrass:deployments/%s", run->doc.deployment_id);
    sedge_auto_free char *path = sedge_plane_configuration_path(f, run->doc.deployment_id);
    struct sedge_fetch_get get = {.url = name,
                                  .dest = file,
                                  .digest = d->digest,
                                  .algorithm = d->algorithm,
                                  .mode = 0600,
                                  .max_bytes = SEDGE_DEPLOY_LARGE_MAX,
                                  .presign = path,
                                  .signed_url = d->url};

    run->waiting++;
    (void)sedge_fetch_get(f, &get, NULL, fetched_cb, run);
}

static void described_cb(const struct sedge_plane_document *d, void *user)
{
    struct sedge_run *run = user;

    if (is_over(run)) return;
    run->asked_ms = d->r.pause_ms;
    if (d->r.err)
        failed(run, d->r.err, d->r.stack, d->r.status);
    else
        fetch(run, d);
}

void sedge_run_complete_document(struct sedge_run *run)
{
    if (!run->doc.incomplete) {
        sedge_run_ask_membership(run);
        return;
    }
    if (!run->has_plane) {
        sedge_failure_add(&run->failure, "NUCLEUS_MISSING_REQUIRED_CAPABILITIES");
        sedge_failure_cause(
            &run->failure,
            "The deployment document is too large for its message (LARGE_CONFIGURATION), and this device "
            "has no data plane to download it from: set greengrassDataPlaneEndpoint of "
            "aws.greengrass.Nucleus");
        sedge_run_fail_early(run);
        return;
    }
    sedge_run_phase(run, "PREPARING", NULL);
    run->waiting++;
    sedge_plane_configuration(run->d->o.fetcher, run->doc.deployment_id, 1, described_cb, run);
}
