/* A supervisor in a folder of its own, and a trace of every component's states, for tests with real processes. */
#ifndef SEDGE_TEST_SUP_H
#define SEDGE_TEST_SUP_H

#include "../test.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "supervisor/supervisor.h"

#define WAIT_MS 60000 /* ends a hang, no matter how slow the machine is */

struct rig {
    uv_loop_t loop;
    struct sedge_supervisor *sup;
    char root[64];
    char trace[8192];    /* "a:STARTING a:RUNNING ..." */
    const char *awaited; /* end of the trace; NULL: none */
    bool reached;
    bool done;
    int code;
    struct sedge_err err;
};

static inline bool rig_traced(struct rig *r, const char *text)
{
    size_t n = strlen(text), m = strlen(r->trace);
    return m >= n && strcmp(r->trace + m - n, text) == 0;
}

static void rig_event(void *env, const struct sedge_service_event *e)
{
    struct rig *r = env;
    size_t n = strlen(r->trace);
    (void)snprintf(r->trace + n, sizeof(r->trace) - n, "%s%s:%s", n ? " " : "", e->name, sedge_lc_name(e->state));
    if (r->awaited && rig_traced(r, r->awaited)) r->reached = true;
}

static void rig_environment(void *env, const char *component, struct sedge_strv *out)
{
    (void)env;
    (void)component;
    sedge_strv_add(out, "FROM_ROOT=root");
    sedge_strv_add(out, "WINNER=root");
}

static inline void rig_open(struct rig *r, const char *root)
{
    static const struct sedge_supervisor_ops ops = {rig_event, rig_environment};
    struct sedge_supervisor_options o = {.exec_path = SEDGE_BIN_DIR "/sedge-exec", .log = SEDGE_LOG_SETTINGS_DEFAULT};

    *r = (struct rig){.done = false};
    if (root)
        (void)snprintf(r->root, sizeof(r->root), "%s", root);
    else
        (void)snprintf(r->root, sizeof(r->root), "/tmp/sedge-sup-XXXXXX");
    if (!root) assert_non_null(mkdtemp(r->root));
    assert_int_equal(sedge_fs_mkdirs(r->root, 0755, NULL), 0);
    assert_int_equal(uv_loop_init(&r->loop), 0);
    sedge_log_set_level(SEDGE_ERROR);
    o.root = r->root;
    o.default_user = geteuid() == 0 ? "root" : NULL;
    r->sup = sedge_supervisor_new(&r->loop, &o, &ops, r, &r->err);
    if (!r->sup) fail_msg("%s", r->err.msg);
}

static inline void rig_done(void *arg, const struct sedge_err *err)
{
    struct rig *r = arg;
    r->done = true;
    if (err) r->err = *err;
}

static void rig_wake(uv_timer_t *t)
{
    (void)t;
}

/* Turns the loop until `is` says so. */
static inline void rig_until(struct rig *r, bool (*is)(struct rig *r, const char *text), const char *text)
{
    int64_t end = sedge_mono_ms() + WAIT_MS;
    uv_timer_t tick;

    (void)uv_timer_init(&r->loop, &tick);
    (void)uv_timer_start(&tick, rig_wake, 5, 5);
    while (!is(r, text) && sedge_mono_ms() < end)
        (void)uv_run(&r->loop, UV_RUN_ONCE);
    if (!is(r, text)) fail_msg("waited in vain for \"%s\"; trace: %s", text, r->trace);
    uv_close((uv_handle_t *)&tick, NULL);
    (void)uv_run(&r->loop, UV_RUN_NOWAIT);
}

static inline bool rig_has_reached(struct rig *r, const char *text)
{
    (void)text;
    return r->reached;
}

static inline bool rig_is_done(struct rig *r, const char *text)
{
    (void)text;
    return r->done;
}

/* Until the trace ends so, be it for a moment: a loop that was held up has several events in one turn. */
static inline void rig_wait(struct rig *r, const char *trace_end)
{
    r->awaited = trace_end;
    r->reached = rig_traced(r, trace_end);
    rig_until(r, rig_has_reached, trace_end);
    r->awaited = NULL;
}

static void rig_freed(void *arg)
{
    *(bool *)arg = true;
}

static inline void rig_close(struct rig *r)
{
    bool freed = false;

    sedge_supervisor_free(r->sup, rig_freed, &freed);
    assert_int_equal(uv_run(&r->loop, UV_RUN_DEFAULT), 0);
    assert_true(freed);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    assert_int_equal(sedge_fs_remove_tree(r->root, NULL), 0);
}

/* `lifecycle` is JSON with ' for "; `deps` like "a,b" are HARD. */
static inline enum sedge_reaction rig_put(struct rig *r, const char *name, const char *version, const char *lifecycle,
                                          const char *deps)
{
    sedge_auto_free char *text = sedge_xstrdup(lifecycle);
    sedge_auto_put struct json_object *o = NULL;
    sedge_auto_strv struct sedge_strv names = {NULL, 0};
    struct sedge_service_dep d[8];
    struct sedge_service_spec spec = {.name = name, .version = version, .deps = d};
    enum sedge_reaction reaction = SEDGE_REACT_NONE;

    for (char *p = text; *p; p++)
        if (*p == '\'') *p = '"';
    o = sedge_json_parse_object(text, strlen(text), "lifecycle", &r->err);
    if (!o) fail_msg("%s", r->err.msg);
    if (deps) sedge_strv_split(&names, deps, ",");
    for (size_t i = 0; i < names.n; i++)
        d[i] = (struct sedge_service_dep){names.v[i], true};
    spec.ndeps = names.n;
    spec.lifecycle = o;
    if (sedge_supervisor_put(r->sup, &spec, &reaction, &r->err) != 0) fail_msg("%s", r->err.msg);
    return reaction;
}

static inline void rig_start(struct rig *r, const char *name, const char *lifecycle)
{
    (void)rig_put(r, name, "1.0.0", lifecycle, NULL);
    assert_int_equal(sedge_supervisor_start(r->sup, name, &r->err), 0);
}

static inline struct sedge_service_info rig_info(struct rig *r, const char *name)
{
    struct sedge_service_info info;
    assert_int_equal(sedge_supervisor_get(r->sup, name, &info, &r->err), 0);
    return info;
}

/* Content of <root>/<path>; "" when it is not there. */
static inline char *rig_file(struct rig *r, const char *path)
{
    sedge_auto_free char *full = sedge_xasprintf("%s/%s", r->root, path);
    struct sedge_buf b = SEDGE_BUF_INIT;

    (void)sedge_fs_read(full, 64u << 20, &b, NULL);
    return sedge_buf_steal(&b);
}

static inline pid_t rig_pid(struct rig *r, const char *path)
{
    sedge_auto_free char *text = rig_file(r, path);
    return (pid_t)strtol(text, NULL, 10);
}

static inline bool rig_pid_written(struct rig *r, const char *path)
{
    return rig_pid(r, path) > 0;
}

static inline bool rig_alive(pid_t pid)
{
    return pid > 0 && kill(pid, 0) == 0;
}

/* Whether a process has its working folder below the root: also one that had no time to tell its number. */
static inline bool rig_has_processes(const struct rig *r)
{
    DIR *d = opendir("/proc");
    const struct dirent *e;
    bool found = false;

    assert_non_null(d);
    while (!found && (e = readdir(d))) {
        sedge_auto_free char *path = sedge_xasprintf("/proc/%s/cwd", e->d_name);
        char folder[512];
        ssize_t n = readlink(path, folder, sizeof(folder) - 1); /* fails for what is no process, or none any more */

        if (n < 0) continue;
        folder[n] = '\0';
        found = sedge_str_starts(folder, r->root);
    }
    (void)closedir(d);
    return found;
}

#endif
