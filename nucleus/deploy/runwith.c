/* A changed runWithDefault: a user or a shell that does not exist would keep every component from running. */
#include "consult.h"
#include "restart.h"

#include "base/mem.h"
#include "config/params.h"
#include "supervisor/prepare.h"

#include <string.h>
#include <unistd.h>

static void refuse(struct sedge_run *run, const char *why)
{
    sedge_failure_add(&run->failure, "RUN_WITH_CONFIG_NOT_VALID");
    sedge_failure_cause(&run->failure, "%s: %s", SEDGE_NUCLEUS, why);
}

static void check_user(struct sedge_run *run)
{
    struct sedge_run_as as = {.name = NULL};
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_free char *why = NULL;

    if (!run->new_user || !*run->new_user || geteuid() != 0) return; /* others run components as themselves */
    if (sedge_run_as_resolve(run->new_user, &as, &err) != SEDGE_PREPARED) {
        why = sedge_xasprintf("runWithDefault.posixUser: %s", err.msg);
        refuse(run, why);
    }
    sedge_run_as_release(&as);
}

static bool is_on_path(const char *program)
{
    const char *path = getenv("PATH");
    sedge_auto_strv struct sedge_strv dirs = {NULL, 0};

    if (strchr(program, '/')) return access(program, X_OK) == 0;
    sedge_strv_split(&dirs, path && *path ? path : "/usr/bin:/bin", ":");
    for (size_t i = 0; i < dirs.n; i++) {
        sedge_auto_free char *file = sedge_xasprintf("%s/%s", dirs.v[i], program);
        if (access(file, X_OK) == 0) return true;
    }
    return false;
}

static void check_shell(struct sedge_run *run)
{
    sedge_auto_free char *why = NULL;

    if (!run->new_shell || !*run->new_shell || is_on_path(run->new_shell)) return;
    why = sedge_xasprintf("runWithDefault.posixShell: \"%s\" is not an executable program, and not found on the "
                          "nucleus' PATH: install it, or name another shell",
                          run->new_shell);
    refuse(run, why);
}

static void check_work(struct sedge_run *run)
{
    check_user(run);
    check_shell(run);
}

static void checked(struct sedge_run *run)
{
    if (sedge_failure_is_set(&run->failure))
        sedge_run_fail_early(run);
    else
        sedge_run_consult(run);
}

static char *changed(struct json_object *before, struct json_object *after, const char *key)
{
    struct json_object *old = sedge_json_get_nocase(sedge_json_get_nocase(before, "runWithDefault", NULL), key, NULL);
    struct json_object *new = sedge_json_get_nocase(sedge_json_get_nocase(after, "runWithDefault", NULL), key, NULL);

    if (!new || json_object_equal(old, new)) return NULL;
    return sedge_xstrdup(json_object_get_string(new));
}

void sedge_run_check_run_with(struct sedge_run *run, struct json_object *before, struct json_object *after)
{
    run->new_user = changed(before, after, "posixUser");
    run->new_shell = changed(before, after, "posixShell");
    if (run->new_user || run->new_shell)
        sedge_run_work(run, check_work, checked); /* name services may block */
    else
        sedge_run_consult(run);
}
