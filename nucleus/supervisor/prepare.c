#include "prepare.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "recipe/step.h"

#define NSS_BUFFER 16384
#define WORK_MODE  0700

void sedge_run_as_release(struct sedge_run_as *r)
{
    free(r->name);
    free(r->home);
    *r = (struct sedge_run_as){.name = NULL};
}

void sedge_prepare_release(struct sedge_prepare_out *out)
{
    sedge_run_as_release(&out->run_as);
    free(out->work_dir);
    sedge_strv_release(&out->cgroup_dirs);
    sedge_strv_release(&out->warnings);
}

/* ---- users ---- */

static bool is_number(const char *s, int64_t *out)
{
    return sedge_str_to_i64(s, 0, (int64_t)(uid_t)-2, out, NULL) == 0;
}

static void take_account(struct sedge_run_as *out, const struct passwd *pw)
{
    free(out->name);
    free(out->home);
    out->uid = pw->pw_uid;
    out->gid = pw->pw_gid;
    out->name = sedge_xstrdup(pw->pw_name);
    out->home = sedge_xstrdup(pw->pw_dir);
}

static bool find_account(const char *user, struct sedge_run_as *out)
{
    struct passwd pw, *found = NULL;
    char buffer[NSS_BUFFER];
    int64_t uid;

    if (is_number(user, &uid))
        (void)getpwuid_r((uid_t)uid, &pw, buffer, sizeof(buffer), &found);
    else
        (void)getpwnam_r(user, &pw, buffer, sizeof(buffer), &found);
    if (found) take_account(out, found);
    return found != NULL;
}

static bool find_group(const char *group, gid_t *out)
{
    struct group gr, *found = NULL;
    char buffer[NSS_BUFFER];
    int64_t gid;

    if (is_number(group, &gid)) {
        *out = (gid_t)gid;
        return true;
    }
    (void)getgrnam_r(group, &gr, buffer, sizeof(buffer), &found);
    if (found) *out = found->gr_gid;
    return found != NULL;
}

static void find_groups(struct sedge_run_as *r)
{
    int n = SEDGE_SUPPLEMENTARY_GROUPS_MAX;

    r->groups[0] = r->gid;
    r->ngroups = 1;
    if (!r->name) return;
    if (getgrouplist(r->name, r->gid, r->groups, &n) < 0) n = SEDGE_SUPPLEMENTARY_GROUPS_MAX; /* as many as fit */
    r->ngroups = (size_t)n;
}

enum sedge_prepared sedge_run_as_resolve(const char *text, struct sedge_run_as *out, struct sedge_err *err)
{
    sedge_auto_free char *user = sedge_xstrdup(text);
    char *group = strchr(user, ':');
    int64_t uid;

    if (group) *group++ = '\0';
    if (!find_account(user, out)) {
        if (!group || !is_number(user, &uid)) {
            (void)sedge_err_set(err, SEDGE_E_NOT_FOUND,
                                "user \"%s\" does not exist on this machine: create it or correct runWith.posixUser or "
                                "runWithDefault.posixUser (a number without an account needs an explicit group)",
                                user);
            return group ? SEDGE_PREPARED_NO_ACCOUNT : SEDGE_PREPARED_NO_USER;
        }
        out->uid = (uid_t)uid;
        out->name = sedge_xstrdup(user);
        out->home = sedge_xstrdup("/");
    }
    if (group && !find_group(group, &out->gid)) {
        (void)sedge_err_set(err, SEDGE_E_NOT_FOUND, "group \"%s\" of posixUser \"%s\" does not exist", group, text);
        return SEDGE_PREPARED_NO_ACCOUNT;
    }
    find_groups(out);
    return SEDGE_PREPARED;
}

static enum sedge_prepared be_ourselves(const struct sedge_prepare *in, struct sedge_prepare_out *out)
{
    struct sedge_run_as other = {.name = NULL};
    char uid[32];

    if (in->privileged) {
        (void)sedge_err_set(&out->err, SEDGE_E_DENIED,
                            "the step has RequiresPrivilege, and the nucleus does not run as root: start the nucleus "
                            "as root, or remove RequiresPrivilege from the recipe");
        return SEDGE_PREPARED_BAD_IO;
    }
    (void)snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid());
    if (!find_account(uid, &out->run_as)) out->run_as.name = sedge_xstrdup(uid);
    out->run_as.uid = geteuid();
    out->run_as.gid = getegid();
    if (in->user_text && *in->user_text &&
        (sedge_run_as_resolve(in->user_text, &other, NULL) != SEDGE_PREPARED || other.uid != out->run_as.uid))
        sedge_strv_add_take(&out->warnings,
                            sedge_xasprintf("runs as %s and not as %s: only a nucleus that runs as root can change "
                                            "users",
                                            out->run_as.name, in->user_text));
    sedge_run_as_release(&other);
    return SEDGE_PREPARED;
}

static enum sedge_prepared find_user(const struct sedge_prepare *in, struct sedge_prepare_out *out)
{
    if (!in->is_root) return be_ourselves(in, out);
    if (!in->user_text || !*in->user_text) {
        (void)sedge_err_set(&out->err, SEDGE_E_INVALID,
                            "no user is configured to run components: set runWithDefault.posixUser in the nucleus' "
                            "configuration, or runWith.posixUser in the deployment");
        return SEDGE_PREPARED_NO_USER;
    }
    out->run_as.switch_user = true;
    return sedge_run_as_resolve(in->user_text, &out->run_as, &out->err);
}

/* A privileged script runs as root, although folders belong to the component's user. */
static void be_root(struct sedge_run_as *r)
{
    sedge_run_as_release(r);
    (void)find_account("0", r);
    r->uid = 0;
    r->gid = 0;
    r->switch_user = false;
}

/* ---- folders ---- */

static void own_or_warn(const struct sedge_prepare *in, struct sedge_prepare_out *out, const char *path, bool itself)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (!in->is_root || !in->own_files || !sedge_fs_is_dir(path)) return;
    if (sedge_own_tree(path, itself, out->run_as.uid, out->run_as.gid, &err) != 0)
        sedge_strv_add_take(&out->warnings, sedge_xasprintf("not all files belong to user %s now: %s",
                                                            out->run_as.name ? out->run_as.name : "", err.msg));
}

/* Its mode is set before every step, whatever a step has made of it. */
static int make_work_dir(const struct sedge_prepare *in, struct sedge_prepare_out *out)
{
    out->work_dir = sedge_xasprintf("%s/work/%s", in->root, in->component);
    if (sedge_fs_mkdirs(out->work_dir, WORK_MODE, &out->err) != 0) return -1;
    if (chmod(out->work_dir, WORK_MODE) != 0) return sedge_err_sys(&out->err, errno, "chmod %s", out->work_dir);
    own_or_warn(in, out, out->work_dir, true);
    return 0;
}

static int make_folders(const struct sedge_prepare *in, struct sedge_prepare_out *out)
{
    static const char *const kinds[] = {"artifacts", "artifacts-unarchived"};

    if (make_work_dir(in, out) != 0) return -1;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(kinds); i++) {
        sedge_auto_free char *dir =
            sedge_xasprintf("%s/packages/%s/%s/%s", in->root, kinds[i], in->component, in->version);
        own_or_warn(in, out, dir, false);
    }
    return 0;
}

static void make_groups(const struct sedge_prepare *in, struct sedge_prepare_out *out)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    bool wanted = in->limits.memory_kb > 0 || in->limits.cpus > 0;

    if (sedge_cgroups_make(in->cgroups, in->component, in->set_limits, &out->cgroup_dirs, &err) == 0 && in->set_limits)
        (void)sedge_cgroups_limit(in->cgroups, in->component, in->limits.memory_kb, in->limits.cpus, &err);
    if (wanted && err.code != SEDGE_OK)
        sedge_strv_add_take(&out->warnings, sedge_xasprintf(SEDGE_LIMITS_WARNING, err.msg));
}

static enum sedge_prepared evaluate_skipif(const struct sedge_prepare *in, const char *skipif, struct sedge_err *err)
{
    struct sedge_skipif s = {.argument = NULL};
    struct sedge_skipif_env env = {.search_path = in->search_path, .home = in->home, .root = in->root};
    bool skip;

    if (!skipif) return SEDGE_PREPARED;
    if (sedge_skipif_parse(skipif, &s, err) != 0) return SEDGE_PREPARED_BAD_CONFIG;
    skip = sedge_skipif_eval(&s, &env);
    sedge_skipif_release(&s);
    return skip ? SEDGE_PREPARED_SKIP : SEDGE_PREPARED;
}

bool sedge_prepare_wanted(const struct sedge_prepare *in, const char *skipif)
{
    return evaluate_skipif(in, skipif, NULL) == SEDGE_PREPARED;
}

enum sedge_prepared sedge_prepare(const struct sedge_prepare *in, struct sedge_prepare_out *out)
{
    enum sedge_prepared rc;

    *out = (struct sedge_prepare_out){.work_dir = NULL};
    rc = evaluate_skipif(in, in->skipif, &out->err);
    if (rc == SEDGE_PREPARED) rc = find_user(in, out);
    if (rc != SEDGE_PREPARED) return rc;
    if (make_folders(in, out) != 0) return SEDGE_PREPARED_BAD_IO;
    make_groups(in, out);
    if (in->privileged) be_root(&out->run_as);
    return SEDGE_PREPARED;
}
