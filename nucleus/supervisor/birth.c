/* How a supervisor comes and goes; the environment that it gives to scripts; leftovers of a previous life. */
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "recipe/step.h"
#include "service.h"

#define CGROUP_MOUNT "/sys/fs/cgroup"

/* What is the nucleus' own business and not a component's. */
static bool is_private(const char *assignment)
{
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN=", "NOTIFY_SOCKET=", "GLIBC_TUNABLES=",
        "WATCHDOG_USEC=",     "WATCHDOG_PID=",          "LISTEN_FDS=",        "LISTEN_PID=",    "LISTEN_FDNAMES="};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++)
        if (sedge_str_starts(assignment, names[i])) return true;
    return false;
}

/* PATH of the nucleus, and the four system folders that exist. */
static char *search_path(void)
{
    static const char *const system[] = {"/bin", "/usr/bin", "/sbin", "/usr/sbin"};
    sedge_auto_strv struct sedge_strv dirs = {NULL, 0};
    const char *path = getenv("PATH");

    if (path && *path) sedge_strv_split(&dirs, path, ":,");
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(system); i++)
        if (!sedge_strv_has(&dirs, system[i]) && sedge_fs_is_dir(system[i])) sedge_strv_add(&dirs, system[i]);
    return sedge_strv_join(&dirs, ":");
}

static char *own_home(void)
{
    struct passwd pw, *found = NULL;
    char buffer[4096];
    const char *home = getenv("HOME");

    if (home && *home) return sedge_xstrdup(home);
    (void)getpwuid_r(geteuid(), &pw, buffer, sizeof(buffer), &found);
    return sedge_xstrdup(found ? found->pw_dir : "/");
}

static void take_environment(struct sedge_supervisor *sup)
{
    sup->search_path = search_path();
    sup->home = own_home();
    for (char **e = environ; *e; e++)
        if (!is_private(*e)) sedge_strv_add(&sup->base_env, *e);
    sedge_env_set(&sup->base_env, "PATH", sup->search_path);
    sedge_env_set(&sup->base_env, "HOME", sup->home);
}

static char *cgroup_name(const struct sedge_supervisor_options *o)
{
    sedge_auto_buf struct sedge_buf hex = SEDGE_BUF_INIT;

    if (o->cgroup_name) return sedge_xstrdup(o->cgroup_name);
    sedge_sha256_hex(o->root, strlen(o->root), &hex);
    return sedge_xasprintf("greengrass-%.8s", hex.data);
}

struct sweep {
    uv_work_t work;
    struct sedge_supervisor *sup;
};

static void sweep_cb(uv_work_t *w)
{
    struct sweep *sw = w->data;

    sweep_leftovers(sw->sup->root, sw->sup->cgroups);
}

static void swept_cb(uv_work_t *w, int status)
{
    struct sweep *sw = w->data;
    struct sedge_supervisor *sup = sw->sup;

    (void)status;
    free(sw);
    sup->sweeping = false;
    for (struct service *s = sup->services; s; s = s->next)
        s->dirty = true;
    supervisor_wake(sup);
    supervisor_unref(sup);
}

static void sweep_if_needed(struct sedge_supervisor *sup)
{
    sedge_auto_free char *marker = sedge_xasprintf("%s/state/components.running", sup->root);
    struct sweep *sw;

    if (!sedge_fs_exists(marker)) return;
    sw = SEDGE_NEW(struct sweep);
    sw->work.data = sw;
    sw->sup = sup;
    sup->sweeping = true;
    sup->refs++;
    (void)uv_queue_work(sup->loop, &sw->work, sweep_cb, swept_cb);
}

/* Ignored by whoever started us, it would take away the exit of our children. */
static void want_children(void)
{
    struct sigaction now;

    if (sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_IGN) (void)signal(SIGCHLD, SIG_DFL);
}

static void set_options(struct sedge_supervisor *sup, const struct sedge_supervisor_options *o)
{
    sup->root = sedge_xstrdup(o->root);
    sup->exec_path = sedge_xstrdup(o->exec_path);
    sup->default_user = sedge_xstrdup(o->default_user ? o->default_user : "");
    sup->shell = sedge_xstrdup(o->shell && *o->shell ? o->shell : "sh");
    sup->default_limits = o->default_limits;
    sup->is_root = geteuid() == 0;
    sup->log = o->log;
    sup->logs = o->log.directory ? sedge_xstrdup(o->log.directory) : sedge_xasprintf("%s/logs", o->root);
    sup->log.directory = NULL;
    sup->reader = SEDGE_NEW(struct sedge_process_reader);
}

struct sedge_supervisor *sedge_supervisor_new(uv_loop_t *loop, const struct sedge_supervisor_options *options,
                                              const struct sedge_supervisor_ops *ops, void *env, struct sedge_err *err)
{
    sedge_auto_free char *state = sedge_xasprintf("%s/state", options->root);
    sedge_auto_free char *group = cgroup_name(options);
    struct sedge_supervisor *sup;

    if (access(options->exec_path, X_OK) != 0) {
        (void)sedge_err_set(err, SEDGE_E_NOT_FOUND,
                            "%s: the helper that starts components is not there or not executable: is the nucleus "
                            "installed completely?",
                            options->exec_path);
        return NULL;
    }
    if (sedge_fs_mkdirs(state, 0700, err) != 0) return NULL;
    sup = SEDGE_NEW(struct sedge_supervisor);
    sup->loop = loop;
    sup->ops = *ops;
    sup->env = env;
    want_children();
    set_options(sup, options);
    take_environment(sup);
    sedge_cgroups_mount(CGROUP_MOUNT);
    sup->cgroups = sedge_cgroups_open(CGROUP_MOUNT, group);
    (void)uv_idle_init(loop, &sup->idle);
    (void)uv_timer_init(loop, &sup->deadline);
    sup->idle.data = sup;
    sup->deadline.data = sup;
    sup->refs = 1;
    sweep_if_needed(sup);
    return sup;
}

static void destroy(struct sedge_supervisor *sup)
{
    void (*freed)(void *) = sup->freed;
    void *arg = sup->freed_arg;

    for (size_t i = 0; i < sup->nevents; i++) {
        free(sup->events[i].name);
        free(sup->events[i].reason);
    }
    free(sup->events);
    sedge_cgroups_close(sup->cgroups);
    sedge_strv_release(&sup->base_env);
    free(sup->search_path);
    free(sup->home);
    free(sup->root);
    free(sup->exec_path);
    free(sup->default_user);
    free(sup->shell);
    free(sup->logs);
    free(sup->reader);
    free(sup);
    if (freed) freed(arg);
}

static void handle_closed_cb(uv_handle_t *h)
{
    supervisor_unref(h->data);
}

void supervisor_unref(struct sedge_supervisor *sup)
{
    if (--sup->refs > 0) return;
    destroy(sup);
}

/* While it is being freed: forgets components whose processes are gone, and closes at last. */
void supervisor_check_freed(struct sedge_supervisor *sup)
{
    struct service *next;

    if (!sup->freeing || sup->closed) return;
    for (struct service *s = sup->services; s; s = next) {
        next = s->next;
        if (s->scripts) continue;
        service_unlink(&sup->services, s);
        sedge_cgroups_remove(sup->cgroups, s->name);
        service_close(s);
    }
    if (sup->services || sup->detached) return;
    sup->closed = true;
    sup->refs += 2;
    uv_close((uv_handle_t *)&sup->idle, handle_closed_cb);
    uv_close((uv_handle_t *)&sup->deadline, handle_closed_cb);
    supervisor_unref(sup); /* the one that new gave */
}

static void cancel_callbacks(struct sedge_supervisor *sup)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)sedge_err_set(&err, SEDGE_E_CANCELED, "the supervisor is being freed");
    for (struct service *s = sup->services; s; s = s->next) {
        sedge_supervisor_done done = s->removed;
        s->removed = NULL;
        if (done) done(s->removed_arg, &err);
    }
    if (sup->stopped) sup->stopped(sup->stopped_arg, &err);
    sup->stopped = NULL;
}

void sedge_supervisor_free(struct sedge_supervisor *sup, void (*freed)(void *arg), void *arg)
{
    if (sup->freeing) return;
    sup->freeing = true;
    sup->freed = freed;
    sup->freed_arg = arg;
    cancel_callbacks(sup);
    sup->ops = (struct sedge_supervisor_ops){.event = NULL};
    for (struct service *s = sup->services; s; s = s->next) {
        s->removing = false;
        if (!s->builtin) service_force(s);
    }
    for (struct service *next, *s = sup->detached; s; s = next) {
        next = s->next; /* it may be gone at once */
        service_abort_bootstrap(s, true);
    }
    supervisor_wake(sup);
}
