#include "../test.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "fetch/fetch.h"
#include "fetch/lookup.h"

#define GUARD_MS 120000 /* ends a hang */

struct fixture {
    uv_loop_t loop;
    uv_timer_t guard;
    struct sedge_fetcher *f;
    char dir[64];
    int done, closed;
    enum sedge_err_code code;
    char message[SEDGE_ERR_MSG_MAX];
    char answer[4096];
    int expected; /* answers before the fetcher is closed */
    uint64_t next_id;
};

static void on_guard(uv_timer_t *t)
{
    (void)t;
    fail_msg("the test takes too long");
}

static int setup(void **st)
{
    struct fixture *x = SEDGE_NEW(struct fixture);

    (void)signal(SIGPIPE, SIG_IGN);
    sedge_log_set_level(SEDGE_ERROR);
    (void)snprintf(x->dir, sizeof x->dir, "/tmp/sedge-fetch-XXXXXX");
    assert_non_null(mkdtemp(x->dir));
    assert_int_equal(uv_loop_init(&x->loop), 0);
    assert_int_equal(uv_timer_init(&x->loop, &x->guard), 0);
    assert_int_equal(uv_timer_start(&x->guard, on_guard, GUARD_MS, 0), 0);
    x->expected = 1;
    *st = x;
    return 0;
}

static int teardown(void **st)
{
    struct fixture *x = *st;

    uv_close((uv_handle_t *)&x->guard, NULL);
    (void)uv_run(&x->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&x->loop), 0); /* nothing was left open */
    assert_int_equal(sedge_fs_remove_tree(x->dir, NULL), 0);
    free(x);
    return 0;
}

static void open_fetcher(struct fixture *x, const char *helper, const char *store)
{
    sedge_auto_put struct json_object *o = store ? sedge_json_parse_object(store, strlen(store), "store", NULL) : NULL;
    sedge_auto_put struct json_object *tuning = json_object_new_object();

    sedge_json_add_i64(tuning, "attempts", 1);
    sedge_json_add_i64(tuning, "minFreeBytes", 0);
    x->f = sedge_fetcher_new(
        &x->loop, &(struct sedge_fetch_options){.helper = helper, .store = o, .tuning = tuning, .idle_ms = 50});
}

static void on_closed(void *user)
{
    struct fixture *x = user;

    x->closed++;
    (void)uv_timer_stop(&x->guard); /* the loop may end */
}

static void note(struct fixture *x, const struct sedge_err *err)
{
    x->done++;
    x->code = err ? err->code : SEDGE_OK;
    (void)snprintf(x->message, sizeof x->message, "%s", err ? err->msg : "");
}

static void on_done(const struct sedge_fetch_result *r, void *user)
{
    struct fixture *x = user;

    note(x, r->err);
    assert_true(!r->err == !r->stack);
    assert_true(r->err || r->reply);
    if (!r->err) (void)snprintf(x->answer, sizeof x->answer, "%s", sedge_json_str(r->reply, "text", ""));
    if (x->done == x->expected) sedge_fetcher_close(x->f, on_closed, x);
}

static void run(struct fixture *x)
{
    assert_int_equal(x->done, 0); /* never from inside the call */
    (void)uv_run(&x->loop, UV_RUN_DEFAULT);
    assert_int_equal(x->done, x->expected);
    assert_int_equal(x->closed, 1);
}

static char *path_of(const struct fixture *x, const char *name)
{
    return sedge_xasprintf("%s/%s", x->dir, name);
}

static void write_file(const struct fixture *x, const char *name, const char *text, mode_t mode)
{
    sedge_auto_free char *path = path_of(x, name);

    assert_int_equal(sedge_fs_write_atomic(path, text, strlen(text), mode, NULL), 0);
}

#define HELPER SEDGE_BIN_DIR "/sedge-fetch"

static void check_get(struct fixture *x, const char *digest, enum sedge_err_code code)
{
    sedge_auto_free char *dest = path_of(x, "sub/dest"), *url = sedge_xasprintf("file://%s/from", x->dir);
    struct stat s;

    write_file(x, "from", "data", 0600);
    open_fetcher(x, HELPER, NULL);
    (void)sedge_fetch_get(x->f, &(struct sedge_fetch_get){.url = url, .dest = dest, .mode = 0440, .digest = digest},
                          NULL, on_done, x);
    run(x);
    assert_int_equal(x->code, code);
    assert_int_equal(stat(dest, &s), code == SEDGE_OK ? 0 : -1);
    if (code == SEDGE_OK) assert_int_equal(s.st_mode & 0777, 0440);
}

static void a_file_is_fetched_with_its_digest(void **st)
{
    check_get(*st, "Om6weQ85rIfJTzhWst0sXREOaBFgImGpqSPTuyOtyLc=", SEDGE_OK);
}

static void a_file_with_another_digest_is_refused(void **st)
{
    check_get(*st, "AAAA", SEDGE_E_DIGEST);
}

static void many_requests_are_answered_one_by_one(void **st)
{
    struct fixture *x = *st;
    sedge_auto_free char *url = sedge_xasprintf("file://%s/t", x->dir);

    write_file(x, "t", "text", 0600);
    open_fetcher(x, HELPER, NULL);
    x->expected = 50;
    for (int i = 0; i < x->expected; i++)
        (void)sedge_fetch_text(x->f, url, NULL, on_done, x);
    run(x);
    assert_int_equal(x->code, SEDGE_OK);
    assert_string_equal(x->answer, "text");
}

static void errors_come_with_code_stack_and_message(void **st)
{
    struct fixture *x = *st;

    open_fetcher(x, HELPER, "{\"endpoint\":\"http://127.0.0.1:1\"}");
    (void)sedge_fetch_list(x->f, "bucket", "p/", NULL, on_done, x);
    run(x);
    assert_int_equal(x->code, SEDGE_E_UNAVAILABLE);
    assert_non_null(strstr(x->message, "http://127.0.0.1:1"));
}

static void a_helper_that_is_not_there_is_named(void **st)
{
    struct fixture *x = *st;

    open_fetcher(x, "/nonexistent/sedge-fetch", NULL);
    (void)sedge_fetch_text(x->f, "s3://b/k", NULL, on_done, x);
    run(x);
    assert_int_equal(x->code, SEDGE_E_UNAVAILABLE);
    assert_non_null(strstr(x->message, "/nonexistent/sedge-fetch"));
}

static void a_helper_that_dies_fails_each_request_once(void **st)
{
    struct fixture *x = *st;
    sedge_auto_free char *helper = path_of(x, "helper");

    write_file(x, "helper", "#!/bin/sh\nread a; read b; read c; echo '{\"id\":1,\"event\":\"prog'; kill -9 $$\n", 0700);
    open_fetcher(x, helper, NULL);
    x->expected = 2;
    (void)sedge_fetch_text(x->f, "s3://b/k", NULL, on_done, x);
    (void)sedge_fetch_text(x->f, "s3://b/l", NULL, on_done, x);
    run(x);
    assert_int_equal(x->code, SEDGE_E_UNAVAILABLE);
    assert_non_null(strstr(x->message, "try again"));
}

static void again(const struct sedge_fetch_result *r, void *user)
{
    struct fixture *x = user;

    assert_non_null(r->err);
    x->done++;
    (void)sedge_fetch_text(x->f, "s3://b/l", NULL, on_done, x);
}

static void the_next_request_after_a_death_starts_a_new_helper(void **st)
{
    struct fixture *x = *st;
    sedge_auto_free char *helper = path_of(x, "helper"), *script = NULL;

    script = sedge_xasprintf("#!/bin/sh\ncd %s\nif [ ! -e died ]; then : >died; exit 3; fi\nread a; read b\n"
                             "echo '{\"id\":2,\"event\":\"done\",\"text\":\"second\"}'\nread c\n",
                             x->dir);
    write_file(x, "helper", script, 0700);
    open_fetcher(x, helper, NULL);
    x->expected = 2;
    (void)sedge_fetch_text(x->f, "s3://b/k", NULL, again, x);
    run(x);
    assert_int_equal(x->code, SEDGE_OK);
    assert_string_equal(x->answer, "second");
}

static void a_cancelled_request_ends_with_canceled(void **st)
{
    struct fixture *x = *st;
    sedge_auto_free char *helper = path_of(x, "helper");
    uint64_t id;

    write_file(
        x, "helper",
        "#!/bin/sh\nwhile read l; do case $l in *cancel*) echo '{\"id\":1,\"event\":\"error\",\"code\":\"canceled\","
        "\"stack\":[],\"message\":\"canceled\"}';; esac; done\n",
        0700);
    open_fetcher(x, helper, NULL);
    id = sedge_fetch_text(x->f, "s3://b/k", NULL, on_done, x);
    sedge_fetch_cancel(x->f, id);
    sedge_fetch_cancel(x->f, id + 99); /* is fine */
    run(x);
    assert_int_equal(x->code, SEDGE_E_CANCELED);
}

static void closing_cancels_what_runs(void **st)
{
    struct fixture *x = *st;
    sedge_auto_free char *helper = path_of(x, "helper");

    write_file(x, "helper", "#!/bin/sh\nexec sleep 60\n", 0700);
    open_fetcher(x, helper, NULL);
    x->expected = 3;
    for (int i = 0; i < 2; i++)
        (void)sedge_fetch_text(x->f, "s3://b/k", NULL, on_done, x);
    sedge_fetcher_close(x->f, on_closed, x);
    (void)sedge_fetch_text(x->f, "s3://b/k", NULL, on_done, x); /* too late: canceled as well */
    x->expected = 4;                                            /* so that on_done does not close again */
    assert_int_equal(x->done, 0);
    (void)uv_run(&x->loop, UV_RUN_DEFAULT);
    assert_int_equal(x->done, 3);
    assert_int_equal(x->closed, 1);
    assert_int_equal(x->code, SEDGE_E_CANCELED);
}

static void an_unused_fetcher_closes(void **st)
{
    struct fixture *x = *st;

    open_fetcher(x, HELPER, NULL);
    sedge_fetcher_close(x->f, on_closed, x);
    (void)uv_run(&x->loop, UV_RUN_DEFAULT);
    assert_int_equal(x->closed, 1);
}

static void progressed(const struct sedge_fetch_progress *p, void *user)
{
    struct fixture *x = user;

    assert_int_equal(p->done_bytes, 10);
    assert_int_equal(p->total_bytes, 20);
    assert_int_equal(p->bytes_per_s, 5);
    x->next_id++;
}

static void progress_is_passed_on(void **st)
{
    struct fixture *x = *st;
    sedge_auto_free char *helper = path_of(x, "helper");

    write_file(x, "helper",
               "#!/bin/sh\nread a; read b\necho 'noise'\necho '{\"id\":1,\"event\":\"retry\",\"attempt\":1}'\n"
               "echo '{\"id\":1,\"event\":\"progress\",\"done\":10,\"total\":20,\"rate\":5}'\n"
               "echo '{\"id\":1,\"event\":\"done\"}'\nread c\n",
               0700);
    sedge_log_set_level(SEDGE_ERROR);
    open_fetcher(x, helper, NULL);
    (void)sedge_fetch_get(x->f, &(struct sedge_fetch_get){.url = "s3://b/k", .dest = "/x"}, progressed, on_done, x);
    run(x);
    assert_int_equal(x->next_id, 1);
}

/* ---- lookup ---- */

/* Helper that plays a bucket: answers by what the request line holds. */
static const char bucket_script[] =
    "#!/bin/sh\nread config\nwhile read -r l; do\n"
    "id=${l##*\\\"id\\\":}; id=${id%\\}}; id=${id%,*}\n"
    "none() { echo \"{\\\"id\\\":$id,\\\"event\\\":\\\"error\\\",\\\"code\\\":\\\"not-found\\\",\\\"stack\\\":[],"
    "\\\"message\\\":\\\"none\\\"}\"; }\n"
    "keys() { echo \"{\\\"id\\\":$id,\\\"event\\\":\\\"done\\\",\\\"keys\\\":[$1]}\"; }\n"
    "text() { echo \"{\\\"id\\\":$id,\\\"event\\\":\\\"done\\\",\\\"text\\\":\\\"$1\\\"}\"; }\n"
    "l=$(echo \"$l\" | tr -d '\\\\\\\\')\n"
    "case $l in\n"
    "*list*pre/manifests/full/*) keys '\"pre/manifests/full/1.0.0.json\",\"pre/manifests/full/1.2.0.json\","
    "\"pre/manifests/full/README\"' ;;\n"
    "*list*pre/recipes/bare/*) keys '\"pre/recipes/bare/2.0.0.yaml\",\"pre/recipes/bare/2.0.0.json\"' ;;\n"
    "*list*) keys '' ;;\n"
    "*text*pre/manifests/full/1.2.0.json*) text "
    "'{\\\\\"recipe\\\\\":{\\\\\"key\\\\\":\\\\\"recipes/full/1.2.0.yaml\\\\\","
    "\\\\\"sha256\\\\\":\\\\\"0123456789012345678901234567890123456789012345678901234567890123\\\\\"}}' ;;\n"
    "*text*pre/manifests/full/1.0.0.json*) text '{}' ;;\n"
    "*text*pre/recipes/full/1.2.0.yaml*01234567890123*) text 'the recipe' ;;\n"
    "*text*pre/recipes/bare/2.0.0.json*) text 'the json recipe' ;;\n"
    "*) none ;;\nesac\ndone\n";

static void on_versions(const struct sedge_fetch_versions *r, void *user)
{
    struct fixture *x = user;
    sedge_auto_free char *text = sedge_strv_join(r->versions, " ");

    note(x, r->err);
    (void)snprintf(x->answer, sizeof x->answer, "%s", text);
    if (x->done == x->expected) sedge_fetcher_close(x->f, on_closed, x);
}

static void on_recipe(const struct sedge_fetch_recipe *r, void *user)
{
    struct fixture *x = user;

    note(x, r->err);
    if (!r->err) (void)snprintf(x->answer, sizeof x->answer, "%s|%s|%s", r->text, r->extension, r->url);
    sedge_fetcher_close(x->f, on_closed, x);
}

static void open_bucket(struct fixture *x)
{
    sedge_auto_free char *helper = path_of(x, "helper");

    write_file(x, "helper", bucket_script, 0700);
    open_fetcher(x, helper, "{\"bucket\":\"bkt\",\"prefix\":\"/pre/\"}");
}

static void check_versions(struct fixture *x, const char *component, const char *versions)
{
    open_bucket(x);
    sedge_fetch_component_versions(x->f, component, on_versions, x);
    run(x);
    assert_int_equal(x->code, SEDGE_OK);
    assert_string_equal(x->answer, versions);
}

static void versions_come_from_the_manifests(void **st)
{
    check_versions(*st, "full", "1.0.0 1.2.0");
}

static void without_manifests_versions_come_from_the_recipes(void **st)
{
    check_versions(*st, "bare", "2.0.0");
}

static void an_unknown_component_has_no_versions(void **st)
{
    check_versions(*st, "other", "");
}

static void check_recipe(struct fixture *x, const char *component, const char *version, enum sedge_err_code code,
                         const char *text)
{
    open_bucket(x);
    sedge_fetch_component_recipe(x->f, component, version, on_recipe, x);
    run(x);
    assert_int_equal(x->code, code);
    if (code == SEDGE_OK)
        assert_string_equal(x->answer, text);
    else if (!strstr(x->message, text))
        fail_msg("%s", x->message);
}

static void a_recipe_is_found_through_its_manifest(void **st)
{
    check_recipe(*st, "full", "1.2.0", SEDGE_OK, "the recipe|yaml|s3://bkt/pre/recipes/full/1.2.0.yaml");
}

static void a_recipe_without_any_manifest_is_found_by_name(void **st)
{
    check_recipe(*st, "bare", "2.0.0", SEDGE_OK, "the json recipe|json|s3://bkt/pre/recipes/bare/2.0.0.json");
}

static void a_version_without_manifest_does_not_exist(void **st)
{
    check_recipe(*st, "full", "9.9.9", SEDGE_E_NOT_FOUND, "published versions: 1.0.0, 1.2.0");
}

static void a_manifest_without_recipe_is_refused(void **st)
{
    check_recipe(*st, "full", "1.0.0", SEDGE_E_INVALID, "recipe.key");
}

static void without_a_bucket_the_missing_setting_is_named(void **st)
{
    struct fixture *x = *st;

    open_fetcher(x, HELPER, NULL);
    x->expected = 1;
    sedge_fetch_component_versions(x->f, "c", on_versions, x);
    run(x);
    assert_int_equal(x->code, SEDGE_E_NOT_FOUND);
    assert_non_null(strstr(x->message, "objectStore.bucket"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_fetched_with_its_digest),
        TEST(a_file_with_another_digest_is_refused),
        TEST(many_requests_are_answered_one_by_one),
        TEST(errors_come_with_code_stack_and_message),
        TEST(a_helper_that_is_not_there_is_named),
        TEST(a_helper_that_dies_fails_each_request_once),
        TEST(the_next_request_after_a_death_starts_a_new_helper),
        TEST(a_cancelled_request_ends_with_canceled),
        TEST(closing_cancels_what_runs),
        TEST(an_unused_fetcher_closes),
        TEST(progress_is_passed_on),
        TEST(versions_come_from_the_manifests),
        TEST(without_manifests_versions_come_from_the_recipes),
        TEST(an_unknown_component_has_no_versions),
        TEST(a_recipe_is_found_through_its_manifest),
        TEST(a_recipe_without_any_manifest_is_found_by_name),
        TEST(a_version_without_manifest_does_not_exist),
        TEST(a_manifest_without_recipe_is_refused),
        TEST(without_a_bucket_the_missing_setting_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
