/* Brings every artifact of the chosen versions onto the device: looks what is there, asks for sizes, checks that there
 * is room for all, fetches (spec/recipe.md 10.2). */
#include "artifacts.h"
#include "restart.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "fetch/dataplane.h"
#include "fetch/protocol.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void inspect_work(struct sedge_run *run)
{
    run->rc = sedge_artifacts_inspect(run);
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

/* Nothing is wrong but digests: a store may need a while until all of it has the new object. A job has that time. */
static bool may_match_later(struct sedge_run *run)
{
    if (!run->mismatch || run->permanent || run->entry->source == SEDGE_SOURCE_LOCAL) return false;
    return ++run->refusals < SEDGE_DEPLOY_REFUSALS_MAX;
}

static void transfers_over(struct sedge_run *run)
{
    if (--run->waiting > 0) return;
    if (run->entry->cancel || sedge_run_is_over(run)) {
        sedge_run_fail_early(run);
        return;
    }
    if (!sedge_failure_is_set(&run->failure)) {
        run->tries = run->refusals = 0;
        sedge_run_plan(run);
        return;
    }
    if (may_match_later(run))
        sedge_run_pause(run, sedge_run_download);
    else if (!sedge_run_wait(run, sedge_run_download))
        sedge_run_fail_early(run);
}

static void start_next_pull(struct sedge_run *run);

static void done_cb(const struct sedge_fetch_result *r, void *user)
{
    struct sedge_download *w = user;
    struct sedge_run *run = w->run;

    w->over = true;
    if (r->err) {
        if (r->err->code == SEDGE_E_DIGEST)
            run->mismatch = true;
        else if (sedge_err_may_heal(r->err))
            run->transient = true;
        else
            run->permanent = true;
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

static char *presign_path(const struct sedge_download *w)
{
    return w->arn ? sedge_plane_artifact_path(w->run->d->o.fetcher, w->arn, w->artifact->uri) : NULL;
}

static void start(struct sedge_download *w)
{
    struct sedge_fetcher *f = w->run->d->o.fetcher;
    const struct sedge_artifact *a = w->artifact;
    mode_t mode = sedge_artifact_mode(a, geteuid() == 0);
    bool unpacks = a->unarchive != SEDGE_UNARCHIVE_NONE;
    sedge_auto_free char *presign = presign_path(w);
    struct sedge_fetch_get get = {.url = a->uri,
                                  .dest = w->dest,
                                  .digest = a->digest,
                                  .algorithm = a->algorithm,
                                  .mode = mode,
                                  .unarchive = unpacks ? sedge_unarchive_name(a->unarchive) : NULL,
                                  .unarchive_to = unpacks ? w->unarchive_to : NULL,
                                  .file_mode = mode,
                                  .presign = presign,
                                  .signed_url = w->signed_url};

    w->run->waiting++;
    w->over = false;
    w->total_bytes = w->size;
    if (w->action == SEDGE_ARTIFACT_UNPACK)
        (void)sedge_fetch_unpack(f, &get, done_cb, w);
    else
        (void)sedge_fetch_get(f, &get, progress_cb, done_cb, w);
}

static void start_transfers(struct sedge_run *run)
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

/* ---- room for what comes ---- */

static int no_room(struct sedge_run *run, const char *text)
{
    sedge_failure_add(&run->failure, "ARTIFACT_DOWNLOAD_ERROR");
    sedge_failure_add(&run->failure, "DISK_SPACE_CRITICAL");
    sedge_failure_cause(&run->failure, "%s", text);
    return -1;
}

/* Of a file whose size is known, what an earlier attempt has not brought yet. */
static int64_t missing_bytes(const struct sedge_download *w)
{
    sedge_auto_free char *part = sedge_xasprintf("%s.part", w->dest);
    struct stat st;

    if (w->size <= 0) return 0;
    if (lstat(part, &st) != 0 || st.st_size > w->size) return w->size;
    return w->size - st.st_size;
}

static int64_t needed_bytes(const struct sedge_run *run)
{
    int64_t need = 0;

    for (size_t i = 0; i < run->ndownloads; i++)
        if (run->downloads[i].action == SEDGE_ARTIFACT_GET) need += missing_bytes(&run->downloads[i]);
    return need;
}

static int check_store_size(struct sedge_run *run, int64_t need)
{
    int64_t have = sedge_store_size(run->d->o.store, NULL);
    sedge_auto_free char *text = NULL;

    if (have < run->store_limit && need <= run->store_limit - have) return 0;
    text =
        sedge_xasprintf("The component store holds %lld bytes and may hold %lld, and this deployment has to download "
                        "%lld: remove components, or raise componentStoreMaxSizeBytes of aws.greengrass.Nucleus",
                        (long long)have, (long long)run->store_limit, (long long)need);
    return no_room(run, text);
}

static int check_disk(struct sedge_run *run, int64_t need)
{
    sedge_auto_free char *packages = sedge_xasprintf("%s/packages", run->d->root);
    int64_t free_bytes = sedge_fs_free_bytes(packages, NULL);
    sedge_auto_free char *text = NULL;

    if (free_bytes < 0 || (free_bytes >= SEDGE_FETCH_MIN_FREE && need <= free_bytes - SEDGE_FETCH_MIN_FREE)) return 0;
    text = sedge_xasprintf("This deployment has to download %lld bytes, and %s has %lld free, of which %lld must stay "
                           "free: free some space",
                           (long long)need, packages, (long long)free_bytes, SEDGE_FETCH_MIN_FREE);
    return no_room(run, text);
}

static void room_work(struct sedge_run *run)
{
    int64_t need = needed_bytes(run);

    run->rc = check_store_size(run, need);
    if (run->rc == 0) run->rc = check_disk(run, need);
}

static void sizes_over(struct sedge_run *run)
{
    if (--run->waiting > 0) return;
    if (run->entry->cancel || sedge_run_is_over(run))
        sedge_run_fail_early(run);
    else
        sedge_run_work(run, room_work, start_transfers);
}

/* A size that nobody tells is not counted; what is wrong will show when the file is fetched. */
static void size_cb(const struct sedge_fetch_result *r, void *user)
{
    struct sedge_download *w = user;

    if (!r->err) {
        w->size = sedge_json_i64(r->reply, "bytes", -1);
        w->signed_url = sedge_xstrdup(sedge_json_str(r->reply, "signedUrl", NULL));
    }
    sizes_over(w->run);
}

static void ask_size(struct sedge_download *w)
{
    sedge_auto_free char *presign = presign_path(w);
    struct sedge_fetch_get get = {.url = w->artifact->uri, .presign = presign};

    w->run->waiting++;
    (void)sedge_fetch_head(w->run->d->o.fetcher, &get, size_cb, w);
}

static void inspected(struct sedge_run *run)
{
    bool wanted = false;

    for (size_t i = 0; i < run->ndownloads; i++)
        wanted = wanted || run->downloads[i].action == SEDGE_ARTIFACT_GET;
    if (run->rc != 0 || run->entry->cancel || sedge_run_is_over(run) || !wanted) {
        start_transfers(run);
        return;
    }
    run->waiting++; /* holds the count above zero until all are asked for */
    for (size_t i = 0; i < run->ndownloads; i++)
        if (run->downloads[i].action == SEDGE_ARTIFACT_GET) ask_size(&run->downloads[i]);
    sizes_over(run);
}

void sedge_run_download(struct sedge_run *run)
{
    sedge_run_release_downloads(run);
    sedge_run_work(run, inspect_work, inspected);
}

void sedge_run_cancel_downloads(struct sedge_run *run)
{
    sedge_fetch_cancel_all(run->d->o.fetcher); /* nobody else uses it */
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
        free(run->downloads[i].arn);
        free(run->downloads[i].signed_url);
        sedge_image_release(&run->downloads[i].image);
    }
    free(run->downloads);
    run->downloads = NULL;
    run->ndownloads = 0;
}
