/* The part of upkeep: what waits goes to the object store, what nobody asked for goes away. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cloud/http/actor.h"
#include "cloud/http/http.h"
#include "cloud/query.h"
#include "publication_internal.h"

/* Whether another try can end otherwise. */
static bool may_heal(enum sedge_err_code code)
{
    return code != SEDGE_E_INVALID && code != SEDGE_E_NOT_FOUND && code != SEDGE_E_CONFLICT && code != SEDGE_E_DIGEST &&
           code != SEDGE_E_LIMIT && code != SEDGE_E_UNSUPPORTED;
}

static int upload(struct sedge_cloud *c, const char *name, const char *version, struct sedge_err *err)
{
    sedge_auto_free char *folder = sedge_publication_folder(c, name, version);
    struct sedge_package p = {0};
    bool unchanged = false;
    int rc = sedge_publication_load(c, folder, &p, err);

    if (rc == 0) rc = sedge_component_publish(c, &p, &unchanged, NULL, err);
    sedge_package_release(&p);
    return rc;
}

static int still_waits(struct sedge_cloud *c, const char *name, const char *version)
{
    int64_t one = 0;

    return sedge_q_i64(c->db, NULL, &one, "SELECT 1 FROM publication WHERE name=?1 AND version=?2 AND state=0", "tt",
                       name, version);
}

static int run_one(struct sedge_cloud *c, const char *name, const char *version, const char *who, int *n,
                   struct sedge_err *err)
{
    struct sedge_err why = SEDGE_ERR_INIT;
    int rc;

    sedge_actor_set(who);
    rc = upload(c, name, version, &why);
    sedge_actor_set(NULL);
    if (rc == 0) {
        ++*n;
        return sedge_publication_done(c, name, version, err);
    }
    if (still_waits(c, name, version) == 0) return 0; /* another upkeep was faster */
    sedge_log(SEDGE_ERROR, "upkeep", "publish-failed", "component=%s version=%s: %s", name, version, why.msg);
    if (!may_heal(why.code)) return sedge_publication_failed(c, name, version, why.msg, err);
    *err = why;
    return -1;
}

int sedge_publications_run(struct sedge_cloud *c, int *n, struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv names = {0}, versions = {0}, who = {0};
    sqlite3_stmt *q =
        sedge_q(c->db, err, "SELECT name, version, COALESCE(who,'') FROM publication WHERE state=0 ORDER BY at", "");
    int rc = -1;

    *n = 0;
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        sedge_strv_add(&names, sedge_db_text(q, 0));
        sedge_strv_add(&versions, sedge_db_text(q, 1));
        sedge_strv_add(&who, sedge_db_text(q, 2));
    }
    (void)sqlite3_finalize(q);
    for (size_t i = 0; rc == 0 && i < names.n; i++)
        rc = run_one(c, names.v[i], versions.v[i], who.v[i][0] ? who.v[i] : NULL, n, err);
    return rc < 0 ? -1 : 0;
}

static bool is_old(const char *path, int64_t now_s)
{
    struct stat st;

    return stat(path, &st) == 0 && now_s - (int64_t)st.st_mtime >= SEDGE_PUBLICATION_KEPT_S;
}

/* Whether upkeep still needs NAME@VERSION: 1, 0, -1. */
static int is_wanted(struct sedge_cloud *c, const char *what, struct sedge_err *err)
{
    int64_t one = 0;

    return sedge_q_i64(c->db, err, &one, "SELECT 1 FROM publication WHERE name||'@'||version=?1 AND state=0", "t",
                       what);
}

static int sweep(struct sedge_cloud *c, const char *folder, int64_t now_s, struct sedge_err *err)
{
    sedge_auto_free char *dir = sedge_xasprintf("%s/%s", c->dir, folder);
    DIR *d = opendir(dir);
    struct dirent *e;
    int rc = 0;

    if (!d) return errno == ENOENT ? 0 : sedge_err_sys(err, errno, "%s", dir);
    while (rc == 0 && (e = readdir(d)) != NULL) {
        sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, e->d_name);

        if (e->d_name[0] == '.' || !is_old(path, now_s)) continue;
        rc = is_wanted(c, e->d_name, err);
        if (rc == 0) rc = sedge_fs_remove_tree(path, err);
        if (rc == 1) rc = 0;
    }
    (void)closedir(d);
    return rc;
}

int sedge_publications_clean(struct sedge_cloud *c, int64_t now_ms, struct sedge_err *err)
{
    int64_t now = now_ms / 1000;

    if (sweep(c, "publish", now, err) != 0 || sweep(c, SEDGE_HTTP_INCOMING, now, err) != 0) return -1;
    return sedge_q_run(c->db, err, "DELETE FROM publication WHERE state<>0 AND at<=?1", "i",
                       now - SEDGE_PUBLICATION_KEPT_S);
}
