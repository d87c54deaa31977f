#include <string.h>
#include <unistd.h>

#include "cloud/site/archive.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "commands.h"
#include "cloud/deploy/deploy.h"
#include "cloud/deploy/deploy_check.h"
#include "cloud/deploy/deploy_status.h"
#include "cloud/deploy/document.h"

#define WAIT_POLL_US 100000
#define WAIT_MAX_S   604800

static int read_document(const struct sedge_run *r, struct sedge_buf *text, struct sedge_doc *doc,
                         struct sedge_err *err)
{
    const char *file = sedge_run_opt(r, "file", NULL);

    if (sedge_str_starts(file, "file://")) file += 7; /* as the AWS CLI writes it */
    if (sedge_fs_read(file, SEDGE_DOC_INPUT_MAX, text, err) != 0) return -1;
    return sedge_doc_parse(text->data, text->len, file, doc, err);
}

static void print_warnings(struct json_object *list)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        (void)fprintf(stderr, "warning: %s\n", json_object_get_string(json_object_array_get_idx(list, i)));
}

static void print_summary(struct json_object *o)
{
    print_warnings(sedge_json_arr(o, "warnings"));
    printf("%s %s:%lld  deployment %s\n  for %lld %s; follow it with: sedge-cloud deploy show %s --devices\n",
           sedge_json_bool(o, "unchanged", false) ? "Nothing changes; current is" : "Created",
           sedge_json_str(o, "target", ""), (long long)sedge_json_i64(o, "revision", 0),
           sedge_json_str(o, "deploymentId", ""), (long long)sedge_json_i64(o, "things", 0),
           sedge_json_i64(o, "things", 0) == 1 ? "thing" : "things", sedge_json_str(o, "target", ""));
}

/* Until no execution is open. Exit status 5 when one failed or the time is over. */
static int wait_for(struct sedge_run *r, int64_t id, struct sedge_err *err)
{
    int64_t seconds = 0, open = 1, failed = 0, state = 0, end;
    sedge_auto_put struct json_object *o = NULL;

    if (sedge_run_int(r, "timeout", 1, WAIT_MAX_S, &seconds, err) != 0) return -1;
    end = seconds ? sedge_mono_ms() + seconds * 1000 : INT64_MAX;
    while (open && state != SEDGE_DEP_PAUSED && sedge_mono_ms() < end) {
        if (sedge_deploy_progress(&r->cloud, id, &open, &failed, &state, err) != 0) return -1;
        if (open && state != SEDGE_DEP_PAUSED) (void)usleep(WAIT_POLL_US);
    }
    r->exit_code = open || failed || state != SEDGE_DEP_ACTIVE ? SEDGE_EXIT_FAILED : 0;
    o = sedge_deploy_report(&r->cloud, id, sedge_wall_ms() / 1000, true, NULL, err);
    if (!o) return -1;
    if (r->json)
        sedge_print_json(o);
    else {
        sedge_print_deployment(o);
        if (state == SEDGE_DEP_PAUSED)
            printf("\nPaused: %s\nGo on with: sedge-cloud deploy resume %s\n", sedge_json_str(o, "reason", "?"),
                   sedge_json_str(o, "deploymentId", ""));
        else if (open)
            printf("\nGave up waiting after %lld s; %lld things are not done.\n", (long long)seconds, (long long)open);
    }
    return 0;
}

/* The revision that the operator has seen: what --expected-revision says, else what there is when we begin. */
static int seen_revision(struct sedge_run *r, int kind, const char *target, int64_t *out, struct sedge_err *err)
{
    if (sedge_run_has(r, "expected-revision")) return sedge_run_int(r, "expected-revision", 0, INT64_MAX, out, err);
    return sedge_deploy_last_revision(&r->cloud, kind, target, out, err);
}

/* A document that devices fetch is put there at once; if that fails, serve tries again. */
static void store_large(struct sedge_run *r, struct json_object *o)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int n = 0;

    if (sedge_json_bool(o, "large", false) && sedge_archive_revisions(&r->cloud, &n, &err) != 0)
        (void)fprintf(stderr, "warning: the document is not in the object store yet, serve tries again: %s\n", err.msg);
}

static int finish(struct sedge_run *r, const struct sedge_deploy_request *rq, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = sedge_deploy_create(&r->cloud, rq, sedge_wall_ms(), err);
    int64_t id = 0;

    if (!o) return -1;
    store_large(r, o);
    if (!sedge_run_has(r, "wait")) {
        if (r->json)
            sedge_print_json(o);
        else
            print_summary(o);
        return 0;
    }
    if (!r->json) print_summary(o);
    (void)fflush(stdout);
    if (sedge_deploy_find(&r->cloud, sedge_json_str(o, "deploymentId", ""), &id, err) != 0) return -1;
    return wait_for(r, id, err);
}

static int create(struct sedge_run *r, struct sedge_buf *text, struct sedge_doc *doc, struct sedge_err *err)
{
    const char *target = sedge_run_opt(r, "target", NULL);
    struct sedge_deploy_request rq;
    int64_t seen = 0;

    if (read_document(r, text, doc, err) != 0) return -1;
    if (target) {
        free(doc->target);
        doc->target = NULL;
        if (sedge_doc_parse_target(target, &doc->kind, &doc->target, err) != 0) return -1;
    }
    if (!doc->target)
        return sedge_err_set(err, SEDGE_E_INVALID, "%s names no targetArn; add it, or say --target group:NAME",
                             sedge_run_opt(r, "file", ""));
    if (seen_revision(r, doc->kind, doc->target, &seen, err) != 0) return -1;
    rq = (struct sedge_deploy_request){
        .kind = doc->kind,
        .target = doc->target,
        .name = sedge_run_opt(r, "name", doc->name),
        .content = doc->content,
        .job = doc->job,
        .rollout = doc->rollout,
        .in_progress_minutes = doc->in_progress_minutes,
        .expects = true,
        .expected_revision = seen,
        .token = sedge_run_opt(r, "token", doc->client_token),
        .request = text->data,
        .skip_resolve = sedge_run_has(r, "skip-resolve"),
        .force = sedge_run_has(r, "force"),
    };
    return finish(r, &rq, err);
}

int sedge_cmd_deploy_create(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    struct sedge_doc doc = {0};
    int rc;

    if (!sedge_run_has(r, "file"))
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "deploy create needs -f FILE; see: sedge-cloud deploy create --help");
    rc = create(r, &text, &doc, err);
    sedge_doc_release(&doc);
    return rc;
}

static int apply_options(const struct sedge_run *r, struct json_object *content, struct sedge_err *err)
{
    static const struct {
        const char *option;
        int (*apply)(struct json_object *content, const char *text, struct sedge_err *err);
    } steps[] = {
        {"rm-component", sedge_doc_rm_component},
        {"set-component", sedge_doc_set_component},
        {"reset", sedge_doc_reset},
        {"merge", sedge_doc_merge},
    };

    for (size_t s = 0; s < SEDGE_ARRAY_LEN(steps); s++) {
        for (size_t i = 0; i < r->names.n; i++) {
            if (strcmp(r->names.v[i], steps[s].option) == 0 && steps[s].apply(content, r->values.v[i], err) != 0)
                return -1;
        }
    }
    return 0;
}

/* The content to start from: the file if there is one, else the current revision, else nothing. */
static int start_from(struct sedge_run *r, struct sedge_doc *doc, struct json_object *old, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    if (sedge_run_has(r, "file")) {
        sedge_doc_release(doc); /* the file says everything */
        return read_document(r, &text, doc, err);
    }
    doc->content = old ? sedge_json_copy(old) : sedge_doc_empty();
    return 0;
}

static int dry_run(struct sedge_run *r, int kind, const char *target, struct json_object *content,
                   struct sedge_err *err)
{
    sedge_auto_put struct json_object *warnings = json_object_new_array();
    int rc = sedge_deploy_check(&r->cloud, kind, target, content, sedge_run_has(r, "skip-resolve"), warnings, err);

    print_warnings(warnings);
    return rc;
}

static int revise(struct sedge_run *r, const char *target, int kind, int64_t seen, struct json_object *old,
                  struct sedge_doc *doc, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf diff = SEDGE_BUF_INIT;
    struct sedge_deploy_request rq;

    if (apply_options(r, doc->content, err) != 0) return -1;
    sedge_doc_diff(old, doc->content, &diff);
    if (!r->json) printf("%s", diff.len ? diff.data : "(no difference)\n");
    if (sedge_run_has(r, "dry-run")) return dry_run(r, kind, target, doc->content, err);
    rq = (struct sedge_deploy_request){
        .kind = kind,
        .target = target,
        .name = sedge_run_opt(r, "name", doc->name),
        .content = doc->content,
        .job = doc->job,
        .rollout = doc->rollout,
        .in_progress_minutes = doc->in_progress_minutes,
        .expects = true,
        .expected_revision = seen,
        .token = sedge_run_opt(r, "token", NULL),
        .request = diff.data,
        .skip_resolve = sedge_run_has(r, "skip-resolve"),
        .force = sedge_run_has(r, "force"),
    };
    return finish(r, &rq, err);
}

int sedge_cmd_deploy_revise(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *old = NULL;
    sedge_auto_free char *target = NULL;
    struct sedge_err none = SEDGE_ERR_INIT;
    struct sedge_doc doc = {0};
    int64_t id = 0, seen = 0;
    int kind = 0, rc;

    if (sedge_doc_parse_target(r->operands.v[0], &kind, &target, err) != 0 ||
        seen_revision(r, kind, target, &seen, err) != 0)
        return -1;
    if (sedge_deploy_find(&r->cloud, r->operands.v[0], &id, &none) == 0) {
        old = sedge_deploy_content(&r->cloud, id, &doc.name, &doc.in_progress_minutes, err);
        if (!old) return -1;
    }
    rc = start_from(r, &doc, old, err);
    if (rc == 0 && old && !sedge_run_has(r, "file"))
        rc = sedge_deploy_policy(&r->cloud, id, &doc.job, &doc.rollout, err);
    if (rc == 0) rc = revise(r, target, kind, seen, old, &doc, err);
    sedge_doc_release(&doc);
    return rc;
}
