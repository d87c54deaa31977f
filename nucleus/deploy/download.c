/* Brings every artifact of the chosen versions onto the device. */
#include "artifacts.h"
#include "restart.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

#define PROGRESS_LOG_MS 5000

/* spec/recipe.md 10.2: a store that is full already takes no more. What a download adds is known only later; the helper
 * checks the free space of the disk before each. */
static int check_store_size(struct sedge_run *run)
{
    int64_t size = sedge_store_size(run->d->o.store, NULL);
    bool wanted = false;

    for (size_t i = 0; i < run->ndownloads; i++)
        wanted = wanted || run->downloads[i].action == SEDGE_ARTIFACT_GET;
    if (!wanted || size < run->store_limit) return 0;
    sedge_failure_add(&run->failure, "ARTIFACT_DOWNLOAD_ERROR");
    sedge_failure_add(&run->failure, "DISK_SPACE_CRITICAL");
    sedge_failure_cause(&run->failure,
                        "The component store holds %lld bytes and may hold %lld: remove components, or raise "
                        "componentStoreMaxSizeBytes "
                        "of aws.greengrass.Nucleus",
                        (long long)size, (long long)run->store_limit);
    return -1;
}

static void inspect_work(struct sedge_run *run)
{
    run->rc = sedge_artifacts_inspect(run);
    if (run->rc == 0) run->rc = check_store_size(run);
}

/* ---- transfers ---- */

static void sum_progress(struct sedge_run *run)
{
    run->bytes_done = run->bytes_total = run->bytes_per_s = 0;
    for (size_t i = 0; i < run->ndownloads; i++) {
        run->bytes_done += run->downloads[i].done_bytes;
        if (run->downloads[i].total_bytes > 0) run->bytes_total += run->downloads[i].total_bytes;
        if (!run->downloads[i].over) run->bytes_per_s += run->downloads[i].bytes_per_s;
    }
    sedge_run_progress(run);
}

static void progress_cb(const struct sedge_fetch_progress *p, void *user)
{
    struct sedge_download *w = user;

    w->done_bytes = p->done_bytes;
    w->total_bytes = p->total_bytes;
    w->bytes_per_s = p->bytes_per_s;
    sum_progress(w->run);
}

static void transfers_over(struct sedge_run *run)
{
    if (--run->waiting > 0) return;
    if (run->entry->cancel || sedge_run_is_over(run)) {
        sedge_run_fail_early(run);
        return;
    }
    if (!sedge_failure_is_set(&run->failure)) {
        sedge_run_plan(run);
        return;
    }
    if (!run->transient || run->entry->source == SEDGE_SOURCE_LOCAL) {
        sedge_run_fail_early(run);
        return;
    }
    run->retry_ms = run->retry_ms ? run->retry_ms * 2 : SEDGE_DEPLOY_RETRY_MIN_MS;
    if (run->retry_ms > SEDGE_DEPLOY_RETRY_MAX_MS) run->retry_ms = SEDGE_DEPLOY_RETRY_MAX_MS;
    sedge_log(SEDGE_WARN, "deploy", "download-wait", "id=%s retry in %lld ms: %s", run->entry->id,
              (long long)run->retry_ms, run->failure.cause);
    sedge_run_phase(run, "WAITING", run->failure.cause);
    sedge_failure_release(&run->failure);
    run->transient = false;
    sedge_run_after(run, run->retry_ms, sedge_run_download);
}

static void start_next_pull(struct sedge_run *run);

static void done_cb(const struct sedge_fetch_result *r, void *user)
{
    struct sedge_download *w = user;
    struct sedge_run *run = w->run;

    w->over = true;
    if (r->err) {
        if (sedge_err_may_heal(r->err))
            run->transient = true;
        else
            run->transient = false;
        sedge_failure_add(&run->failure, "ARTIFACT_DOWNLOAD_ERROR");
        for (size_t i = 0; r->stack && i < json_object_array_length(r->stack); i++)
            sedge_failure_add(&run->failure, json_object_get_string(json_object_array_get_idx(r->stack, i)));
        sedge_failure_cause(&run->failure, "Artifact of %s %s: %s", w->component, w->version, r->err->msg);
    } else {
        sedge_log(SEDGE_INFO, "deploy", "artifact-ready", "component=%s version=%s file=%s", w->component, w->version,
                  w->image.reference ? w->image.reference : w->dest);
        if (w->total_bytes <= 0) w->total_bytes = w->done_bytes;
    }
    if (w->pull) {
        w->pull = NULL;
        start_next_pull(run);
    }
    transfers_over(run);
}

/* Images come one after another: docker itself is what works in parallel. */
static void start_next_pull(struct sedge_run *run)
{
    if (sedge_failure_is_set(&run->failure) || run->entry->cancel || run->d->closing) return;
    for (size_t i = 0; i < run->ndownloads; i++) {
        struct sedge_download *w = &run->downloads[i];

        if (w->action != SEDGE_ARTIFACT_PULL || w->over) continue;
        run->waiting++;
        w->pull = sedge_image_pull(run->d->o.loop, w->image.reference, w->image.latest, done_cb, w);
        return;
    }
}

static void start(struct sedge_download *w)
{
    struct sedge_fetcher *f = w->run->d->o.fetcher;
    const struct sedge_artifact *a = w->artifact;
    mode_t mode = sedge_artifact_mode(a, geteuid() == 0);
    struct sedge_fetch_get get = {.url = a->uri,
                                  .dest = w->dest,
                                  .digest = a->digest,
                                  .algorithm = a->algorithm,
                                  .mode = mode,
                                  .unarchive =
                                      a->unarchive == SEDGE_UNARCHIVE_NONE ? NULL : sedge_unarchive_name(a->unarchive),
                                  .unarchive_to = a->unarchive == SEDGE_UNARCHIVE_NONE ? NULL : w->unarchive_to,
                                  .file_mode = mode};

    w->run->waiting++;
    w->over = false;
    if (w->action == SEDGE_ARTIFACT_UNPACK)
        w->id = sedge_fetch_unpack(f, &get, done_cb, w);
    else
        w->id = sedge_fetch_get(f, &get, progress_cb, done_cb, w);
}

static void inspected(struct sedge_run *run)
{
    if (run->rc != 0 || run->entry->cancel || sedge_run_is_over(run)) {
        sedge_run_fail_early(run);
        return;
    }
    run->waiting++; /* holds the count above zero until all are asked for */
    for (size_t i = 0; i < run->ndownloads; i++)
        if (run->downloads[i].action == SEDGE_ARTIFACT_GET || run->downloads[i].action == SEDGE_ARTIFACT_UNPACK)
            start(&run->downloads[i]);
    start_next_pull(run);
    if (run->waiting > 1) sedge_run_phase(run, "DOWNLOADING", NULL);
    transfers_over(run);
}

void sedge_run_download(struct sedge_run *run)
{
    sedge_run_release_downloads(run);
    sedge_run_work(run, inspect_work, inspected);
}

void sedge_run_cancel_downloads(struct sedge_run *run)
{
    for (size_t i = 0; i < run->ndownloads; i++)
        if (run->downloads[i].id && !run->downloads[i].over)
            sedge_fetch_cancel(run->d->o.fetcher, run->downloads[i].id);
    sedge_run_cancel_pulls(run);
}

void sedge_run_cancel_pulls(struct sedge_run *run)
{
    for (size_t i = 0; i < run->ndownloads; i++)
        if (run->downloads[i].pull) sedge_image_pull_cancel(run->downloads[i].pull);
}

void sedge_run_release_downloads(struct sedge_run *run)
{
    for (size_t i = 0; i < run->ndownloads; i++) {
        free(run->downloads[i].dest);
        free(run->downloads[i].unarchive_to);
        sedge_image_release(&run->downloads[i].image);
    }
    free(run->downloads);
    run->downloads = NULL;
    run->ndownloads = 0;
}
