#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 512

static int become(const char *user, struct sedge_err *err)
{
    const struct passwd *pw;

    errno = 0;
    pw = getpwnam(user);
    if (!pw) return sedge_err_set(err, SEDGE_E_NOT_FOUND, "user \"%s\" for downloads does not exist", user);
    if (geteuid() == pw->pw_uid) return 0;
    if (initgroups(user, pw->pw_gid) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid))
        return sedge_err_sys(err, errno, "cannot become user \"%s\" for downloads", user);
    return 0;
}

static int limit(int what, rlim_t value, const char *name, struct sedge_err *err)
{
    struct rlimit r;

    if (getrlimit((__rlimit_resource_t)what, &r)) return sedge_err_sys(err, errno, "getrlimit %s", name);
    if (r.rlim_max != RLIM_INFINITY && r.rlim_max < value) value = r.rlim_max;
    r.rlim_cur = r.rlim_max = value;
    if (setrlimit((__rlimit_resource_t)what, &r)) return sedge_err_sys(err, errno, "setrlimit %s", name);
    return 0;
}

int sedge_sandbox_enter(const char *user, pid_t parent, struct sedge_err *err)
{
    if (user && become(user, err)) return -1;
    (void)umask(077);
    if (limit(RLIMIT_CORE, 0, "core", err) || limit(RLIMIT_NOFILE, FILES_MAX, "nofile", err)) return -1;
    if (SEDGE_FETCH_MEMORY_MAX > 0 && limit(RLIMIT_DATA, SEDGE_FETCH_MEMORY_MAX, "data", err)) return -1;
    /* After the change of user, which would undo the last two. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
        return sedge_err_sys(err, errno, "prctl");
    if (getppid() != parent) return sedge_err_set(err, SEDGE_E_CANCELED, "the parent process is gone");
    return 0;
}
