/*
 * prepare - what has to be known and made before a script can run: the user, the work folder, owners of artifacts,
 * control groups, whether the step is to be skipped. Blocks (name services, file system): for a work item.
 */
#ifndef SEDGE_SUPERVISOR_PREPARE_H
#define SEDGE_SUPERVISOR_PREPARE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/cgroup.h"
#include "base/err.h"
#include "base/str.h"
#include "supervisor.h"

#define SEDGE_SUPPLEMENTARY_GROUPS_MAX 64
#define SEDGE_LIMITS_WARNING           "systemResourceLimits are not applied: %s" /* the same at launch and later */

struct sedge_prepare {
    const char *root;
    const char *component;
    const char *version;
    const char *user_text;   /* runWith.posixUser or the default; NULL or "": none configured */
    const char *skipif;      /* NULL: none */
    const char *search_path; /* for skipif onpath */
    const char *home;        /* of the nucleus' user */
    bool privileged;
    bool is_root;
    bool own_files; /* give the work folder and the artifacts to the user */
    struct sedge_cgroups *cgroups;
    struct sedge_limits limits;
    bool set_limits;
};

enum sedge_prepared {
    SEDGE_PREPARED,
    SEDGE_PREPARED_SKIP,
    SEDGE_PREPARED_BAD_CONFIG,
    SEDGE_PREPARED_BAD_IO,
    SEDGE_PREPARED_NO_USER,
    SEDGE_PREPARED_NO_ACCOUNT /* user:group with a name that the system does not know: as if the script had exited with
                                 1 */
};

struct sedge_run_as {
    bool switch_user;
    uid_t uid;
    gid_t gid;
    gid_t groups[SEDGE_SUPPLEMENTARY_GROUPS_MAX];
    size_t ngroups;
    char *name; /* for USER and LOGNAME */
    char *home;
};

struct sedge_prepare_out {
    struct sedge_run_as run_as;
    char *work_dir;
    struct sedge_strv cgroup_dirs;
    struct sedge_strv warnings;
    struct sedge_err err; /* for BAD_* and NO_* */
};

enum sedge_prepared sedge_prepare(const struct sedge_prepare *in, struct sedge_prepare_out *out);
/* Whether a step with this skipif would run now; one that makes no sense: no. NULL: yes. */
bool sedge_prepare_wanted(const struct sedge_prepare *in, const char *skipif);
void sedge_prepare_release(struct sedge_prepare_out *out);
/* "user[:group]", names or numbers (spec/recipe.md 12.3). Fills all but switch_user. */
enum sedge_prepared sedge_run_as_resolve(const char *text, struct sedge_run_as *out, struct sedge_err *err);
void sedge_run_as_release(struct sedge_run_as *r);

/* own.c: gives the tree to the user, `path` itself only with `itself`. Safe also below folders that others may write
 * to: links are not followed, files with several names that belong to somebody else are left alone. */
int sedge_own_tree(const char *path, bool itself, uid_t uid, gid_t gid, struct sedge_err *err);

#endif
