#include "upkeep.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cloud/component/component.h"
#include "cloud/component/publication.h"
#include "cloud/registry/group_dynamic.h"

struct sedge_upkeep {
    struct sedge_cloud *c;
    pid_t pid;
    int64_t look_at, retry_ms, regroup_at;
};

static bool clean_is_due(const struct sedge_cloud *c, int64_t now_s)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/upkeep.stamp", c->dir);
    struct stat st;

    return stat(path, &st) != 0 || now_s - (int64_t)st.st_mtime >= SEDGE_UPKEEP_DAY_S ||
           (int64_t)st.st_mtime - now_s >= SEDGE_UPKEEP_DAY_S; /* the clock was wrong */
}

struct sedge_upkeep *sedge_upkeep_new(struct sedge_cloud *c)
{
    struct sedge_upkeep *u = SEDGE_NEW(struct sedge_upkeep);

    u->c = c;
    u->retry_ms = SEDGE_UPKEEP_RETRY_MIN_MS;
    u->look_at = sedge_mono_ms() + SEDGE_UPKEEP_LOOK_MS;
    return u;
}

static void start(struct sedge_upkeep *u)
{
    char *argv[] = {(char[]){"sedge-cloud"}, (char[]){"upkeep"}, (char[]){"--state"}, u->c->dir, NULL};
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t files;
    sigset_t none;
    int rc;

    (void)sigemptyset(&none);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    rc = posix_spawn(&u->pid, "/proc/self/exe", &files, &attr, argv, environ);
    if (rc != 0) {
        u->pid = 0;
        sedge_log(SEDGE_ERROR, "upkeep", "start-failed", "%s", strerror(rc));
    }
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attr);
}

/* The process has ended: its message is in our log already. */
static void ended(struct sedge_upkeep *u, int status, int64_t mono_ms)
{
    bool fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;

    u->pid = 0;
    if (fine) {
        u->retry_ms = SEDGE_UPKEEP_RETRY_MIN_MS;
        u->look_at = mono_ms + SEDGE_UPKEEP_LOOK_MS;
        return;
    }
    u->look_at = mono_ms + u->retry_ms;
    sedge_log(SEDGE_WARN, "upkeep", "failed", "again-in-ms=%lld: deployments go on; what was to be archived waits",
              (long long)u->retry_ms);
    u->retry_ms = u->retry_ms * 2 > SEDGE_UPKEEP_RETRY_MAX_MS ? SEDGE_UPKEEP_RETRY_MAX_MS : u->retry_ms * 2;
}

void sedge_upkeep_turn(struct sedge_upkeep *u, int64_t mono_ms)
{
    int64_t waiting = 0, changed = 0, publications = 0;
    int status = 0;

    if (u->pid && waitpid(u->pid, &status, WNOHANG) == u->pid) ended(u, status, mono_ms);
    if (u->pid || mono_ms < u->look_at) return;
    u->look_at = mono_ms + SEDGE_UPKEEP_LOOK_MS;
    if (mono_ms >= u->regroup_at && sedge_groups_note_all(u->c, NULL) == 0)
        u->regroup_at = mono_ms + SEDGE_REGROUP_SECONDS * INT64_C(1000);
    if (sedge_archive_waiting(u->c, &waiting, NULL) != 0 || sedge_groups_waiting(u->c, &changed, NULL) != 0 ||
        sedge_publications_waiting(u->c, &publications, NULL) != 0)
        return;
    if (waiting || changed || publications || clean_is_due(u->c, sedge_wall_ms() / 1000)) start(u);
}

void sedge_upkeep_free(struct sedge_upkeep *u)
{
    if (!u) return;
    if (u->pid) {
        (void)kill(u->pid, SIGTERM);
        (void)waitpid(u->pid, NULL, 0);
    }
    free(u);
}

static int clean(struct sedge_cloud *c, int64_t now_ms, struct sedge_upkeep_done *done, struct sedge_err *err)
{
    sedge_auto_free char *stamp = sedge_xasprintf("%s/upkeep.stamp", c->dir);

    if (sedge_archive_executions(c, now_ms, &done->executions, err) != 0 || sedge_archive_audit(c, now_ms, err) != 0 ||
        sedge_publications_clean(c, now_ms, err) != 0)
        return -1;
    if (c->set.s3_bucket && c->set.s3_bucket[0] && sedge_component_clean(c, now_ms, &done->leftovers, err) != 0)
        return -1;
    done->cleaned = true;
    return sedge_fs_write_atomic(stamp, "", 0, 0600, err);
}

int sedge_upkeep_run(struct sedge_cloud *c, bool force, int64_t now_ms, struct sedge_upkeep_done *done,
                     struct sedge_err *err)
{
    *done = (struct sedge_upkeep_done){0};
    if (sedge_groups_refresh(c, now_ms, &done->moved, err) != 0) return -1;
    if (sedge_archive_revisions(c, &done->revisions, err) != 0 || sedge_publications_run(c, &done->published, err) != 0)
        return -1;
    return force || clean_is_due(c, now_ms / 1000) ? clean(c, now_ms, done, err) : 0;
}
