#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "classifier.h"

#define SAID_MAX 900

/* ---- in the process of its own ---- */

static void limit(int resource, rlim_t value)
{
    struct rlimit l;

    if (getrlimit((__rlimit_resource_t)resource, &l) || (l.rlim_cur != RLIM_INFINITY && l.rlim_cur <= value)) return;
    l.rlim_cur = value;
    (void)setrlimit((__rlimit_resource_t)resource, &l); /* lowering one's own limit cannot fail */
}

void sedge_trial_limit_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    limit(RLIMIT_DATA, SEDGE_TRIAL_MEMORY_MAX);
#endif
}

int sedge_trial_main(const char *folder)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_classifier *c;
    int rc;

    sedge_trial_limit_memory();
    limit(RLIMIT_CPU, SEDGE_TRIAL_SECONDS);
    limit(RLIMIT_CORE, 0);
    (void)alarm(SEDGE_TRIAL_PATIENCE_S);
    c = sedge_classifier_open(folder, NULL, &err);
    rc = c ? sedge_classifier_try(c, &err) : -1;
    if (rc) (void)fprintf(stderr, "%s\n", err.msg);
    sedge_classifier_close(c);
    return rc ? 1 : 0;
}

/* ---- in the process that waits ---- */

/* The last line that the trial said; it keeps nobody waiting: the pipe ends with the trial. */
static void listen_to(int fd, char said[SAID_MAX])
{
    size_t n = 0;
    char *line;

    for (;;) {
        ssize_t got = read(fd, said + n, SAID_MAX - 1 - n);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        n += (size_t)got;
        if (n == SAID_MAX - 1) { /* keep the end */
            memmove(said, said + SAID_MAX / 2, n - SAID_MAX / 2);
            n -= SAID_MAX / 2;
        }
    }
    said[n] = '\0';
    while (n > 0 && said[n - 1] == '\n')
        said[--n] = '\0';
    line = strrchr(said, '\n');
    if (line) memmove(said, line + 1, strlen(line));
}

static int judge(const char *folder, int status, const char *said, struct sedge_err *err)
{
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 1 && said[0])
        return sedge_err_set(err, SEDGE_E_INVALID, "%s", said);
    if (sig == SIGXCPU || sig == SIGALRM)
        return sedge_err_set(err, SEDGE_E_TIMEOUT,
                             "%s: loading and one inference take more than %d s of processor time", folder,
                             SEDGE_TRIAL_SECONDS);
    return sedge_err_set(err, SEDGE_E_INVALID, "%s: the model crashes what loads it (%s %d, %.300s)", folder,
                         sig ? "signal" : "status", sig ? sig : WEXITSTATUS(status), sig ? strsignal(sig) : said);
}

static int spawn(const char *folder, int output, pid_t *pid)
{
    sedge_auto_free char *name = sedge_xstrdup("sedge-classify"), *try_it = sedge_xstrdup("--try");
    sedge_auto_free char *model = sedge_xasprintf("--model=%s", folder);
    char *words[] = {name, try_it, model, NULL};
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc) return rc;
    rc = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    if (rc == 0) rc = posix_spawn(pid, "/proc/self/exe", &actions, NULL, words, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

int sedge_trial_run(const char *folder, struct sedge_err *err)
{
    char said[SAID_MAX];
    int out[2], rc, status;
    pid_t pid;

    if (pipe2(out, O_CLOEXEC)) return sedge_err_sys(err, errno, "a trial of the model");
    rc = spawn(folder, out[1], &pid);
    (void)close(out[1]);
    if (rc == 0) {
        listen_to(out[0], said);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    (void)close(out[0]);
    return rc ? sedge_err_sys(err, rc, "a trial of the model") : judge(folder, status, said, err);
}
