/* watch: a deployment's counters as they change, until it is over. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "commands.h"
#include "cloud/deploy/deploy.h"
#include "cloud/deploy/deploy_status.h"

#define WATCH_POLL_US 200000

/* Whether the deployment stands in a state that nothing but an operator changes, or everybody is done. */
static bool over(struct json_object *o)
{
    static const char *const going[] = {"ROLLING", "PAUSED", "SCHEDULED", "WAITING_APPROVAL"};
    struct json_object *counters = sedge_json_obj(o, "counters");
    bool open = sedge_json_i64(counters, "QUEUED", 0) + sedge_json_i64(counters, "IN_PROGRESS", 0) > 0;
    const char *state = sedge_json_str(o, "state", "");

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(going); i++) {
        if (strcmp(state, going[i]) == 0) return false;
    }
    return !open || strcmp(state, "ACTIVE") != 0;
}

static bool failed(struct json_object *o)
{
    struct json_object *c = sedge_json_obj(o, "counters");
    const char *state = sedge_json_str(o, "state", "");

    return sedge_json_i64(c, "FAILED", 0) + sedge_json_i64(c, "TIMED_OUT", 0) + sedge_json_i64(c, "REJECTED", 0) > 0 ||
           strcmp(state, "ACTIVE") != 0;
}

static char *line_of(struct json_object *o)
{
    struct json_object *counters = sedge_json_obj(o, "counters"), *p = sedge_json_obj(o, "progress");
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    int64_t left = sedge_json_i64(p, "secondsLeft", 0), unreleased = sedge_json_i64(p, "unreleased", 0);

    sedge_buf_printf(&b, "%s:%lld %s, %lld of %lld done", sedge_json_str(o, "target", ""),
                     (long long)sedge_json_i64(o, "revision", 0), sedge_json_str(o, "state", ""),
                     (long long)sedge_json_i64(p, "done", 0), (long long)sedge_json_i64(p, "eligible", 0));
    json_object_object_foreach (counters, name, n) {
        sedge_buf_printf(&b, ", %s %s", sedge_json_text(n), name);
    }
    if (unreleased) sedge_buf_printf(&b, ", %lld not released", (long long)unreleased);
    if (left && strcmp(sedge_json_str(o, "state", ""), "ROLLING") == 0)
        sedge_buf_printf(&b, ", about %lld s left", (long long)left);
    return sedge_buf_steal(&b);
}

/* The numbers without what changes by time alone. */
static char *essence_of(struct json_object *o)
{
    return sedge_xasprintf("%s %s %s", sedge_json_str(o, "state", ""), sedge_json_text(sedge_json_obj(o, "counters")),
                           sedge_json_text(sedge_json_get(sedge_json_obj(o, "progress"), "unreleased")));
}

static void show(struct sedge_run *r, struct json_object *o, bool terminal)
{
    sedge_auto_free char *line = line_of(o);

    if (r->json)
        puts(sedge_json_text(o));
    else if (terminal)
        printf("\r\033[K%s", line);
    else
        puts(line);
    (void)fflush(stdout);
}

static int watch(struct sedge_run *r, int64_t id, bool terminal, struct sedge_err *err)
{
    sedge_auto_free char *shown = NULL;

    for (;;) {
        sedge_auto_put struct json_object *o =
            sedge_deploy_report(&r->cloud, id, sedge_wall_ms() / 1000, false, NULL, err);
        sedge_auto_free char *now = o ? essence_of(o) : NULL;

        if (!o) return -1;
        if (terminal || !sedge_str_eq(now, shown)) show(r, o, terminal);
        free(shown);
        shown = sedge_steal(&now);
        if (!over(o)) {
            (void)usleep(WATCH_POLL_US);
            continue;
        }
        r->exit_code = failed(o) ? SEDGE_EXIT_FAILED : SEDGE_EXIT_OK;
        if (terminal) puts("");
        return 0;
    }
}

int sedge_cmd_watch(struct sedge_run *r, struct sedge_err *err)
{
    int64_t id = 0;

    if (sedge_deploy_find(&r->cloud, r->operands.v[0], &id, err) != 0) return -1;
    return watch(r, id, !r->json && isatty(STDOUT_FILENO), err);
}
