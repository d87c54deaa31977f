/* What was asked for, the counters, and the end of the programs. */
#include "fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRACE_LINE_MAX 1024
#define PLAN_MAX       4096

static const char *const kind_names[] = {
#define X(sym) #sym,
    FAULT_KINDS(X)
#undef X
};

static const struct {
    const char *name;
    int number;
} errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EDQUOT", EDQUOT}};

enum action { ACTION_NONE, ACTION_BEFORE, ACTION_AFTER, ACTION_FAIL, ACTION_FAILING, ACTION_SHORT, ACTION_CLOCK };
static const char *const action_names[] = {"none", "before", "after", "fail", "failing", "short", "clock"};

static struct {
    bool on;
    const char *program;
    const char *root;
    size_t root_len;
    struct fault_state *state;
    const char *trace;
    enum action action;
    enum fault_kind kind;
    int number;
    int error;
    int64_t shift_s;
    const char *text; /* of what is counted */
} plan;

/* ---- what was asked for ---- */

static int index_of(const char *word, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], word) == 0) return i;
    (void)fprintf(stderr, "fault: \"%s\" in SEDGE_FAULT is unknown\n", word);
    _exit(99);
}

static void read_argument(const char *word)
{
    plan.shift_s = strtoll(word, NULL, 10);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(errors[i].name, word) == 0) plan.error = errors[i].number;
}

static void read_plan(void)
{
    static char words[PLAN_MAX]; /* for good: its parts are used */
    const char *given = getenv("SEDGE_FAULT");
    char *at, *word, *rest = words;
    int place = 0;

    if (!given) return;
    if (snprintf(words, sizeof words, "%s", given) >= PLAN_MAX) {
        (void)fprintf(stderr, "fault: SEDGE_FAULT is longer than %d bytes\n", PLAN_MAX - 1);
        _exit(99);
    }
    at = strchr(words, '@');
    if (at) {
        *at = '\0';
        plan.text = at + 1; /* kept: read for the life of the program */
    }
    while ((word = strsep(&rest, ":"))) {
        if (place == 0) plan.action = (enum action)index_of(word, action_names, 7);
        if (place == 1) plan.kind = (enum fault_kind)index_of(word, kind_names, FAULT_KIND_COUNT);
        if (place == 2) plan.number = (int)strtol(word, NULL, 10);
        if (place == 3) read_argument(word);
        place++;
    }
}

static void map_state(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *p = MAP_FAILED;

    if (fd >= 0 && ftruncate(fd, sizeof(struct fault_state)) == 0)
        p = mmap(NULL, sizeof(struct fault_state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        (void)fprintf(stderr, "fault: %s: %s\n", path, strerror(errno));
        _exit(99);
    }
    (void)close(fd);
    plan.state = p;
}

__attribute__((constructor)) static void start(void)
{
    static char exe[PATH_MAX];
    const char *state = getenv("SEDGE_FAULT_STATE");
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

    plan.root = getenv("SEDGE_FAULT_ROOT");
    plan.program = n > 0 ? strrchr(exe, '/') : NULL;
    if (!plan.root || !state || !plan.program) return;
    plan.program++;
    if (strcmp(plan.program, "sedge-nucleus") != 0 && strcmp(plan.program, "sedge-fetch") != 0) return;
    plan.root_len = strlen(plan.root);
    read_plan();
    map_state(state);
    plan.trace = getenv("SEDGE_FAULT_TRACE"); /* opened for each line: sedge-fetch closes what it does not know */
    if (strcmp(plan.program, "sedge-nucleus") == 0) plan.state->nucleus = getpid();
    if (plan.action == ACTION_CLOCK && plan.number == 0) plan.state->shift_s = plan.shift_s;
    plan.on = true;
}

void *fault_next(const char *name)
{
    void *fn = dlsym(RTLD_NEXT, name);

    if (!fn) {
        (void)fprintf(stderr, "fault: there is no %s\n", name);
        _exit(99);
    }
    return fn;
}

int64_t fault_shift_s(void)
{
    return plan.on ? __atomic_load_n(&plan.state->shift_s, __ATOMIC_SEQ_CST) : 0;
}

/* ---- events ---- */

static void trace(enum fault_kind kind, int number, int total, const char *call, const char *what)
{
    char line[TRACE_LINE_MAX];
    int n =
        snprintf(line, sizeof line, "%d %s %d %s %s %s\n", total, kind_names[kind], number, plan.program, call, what);

    int fd = plan.trace ? open(plan.trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

    if (fd < 0) return;
    if (n > 0) /* not write(): that is ours */
        (void)!syscall(SYS_write, fd, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
    (void)close(fd);
}

/* Both programs at once, as a power cut does it; what they started ends by itself. */
static void die(void)
{
    (void)syscall(SYS_kill, plan.state->nucleus, SIGKILL);
    (void)syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

static void act_before(struct fault_event *e, int number)
{
    e->chosen = number == plan.number || (plan.action == ACTION_FAILING && number > plan.number);
    if (!e->chosen) return;
    __atomic_store_n(&plan.state->fired, 1, __ATOMIC_SEQ_CST);
    if (plan.action == ACTION_BEFORE) die();
    if (plan.action == ACTION_FAIL) e->error = plan.error;
    if (plan.action == ACTION_FAILING && !__atomic_load_n(&plan.state->healed, __ATOMIC_SEQ_CST)) e->error = plan.error;
    if (plan.action == ACTION_SHORT) e->shorten = true;
    if (plan.action == ACTION_CLOCK) __atomic_store_n(&plan.state->shift_s, plan.shift_s, __ATOMIC_SEQ_CST);
}

struct fault_event fault_other(enum fault_kind kind, const char *call, const char *what)
{
    struct fault_event e = {.counted = false};
    int saved = errno, number, total;

    if (!plan.on || !what || (plan.text && !strstr(what, plan.text))) return e;
    e.counted = true;
    number = __atomic_add_fetch(&plan.state->count[kind], 1, __ATOMIC_SEQ_CST);
    total = __atomic_add_fetch(&plan.state->total, 1, __ATOMIC_SEQ_CST);
    trace(kind, number, total, call, what);
    if (plan.action != ACTION_NONE && kind == plan.kind) act_before(&e, number);
    errno = saved;
    return e;
}

struct fault_event fault_file(enum fault_kind kind, const char *call, const char *path)
{
    if (!plan.on || !path || strncmp(path, plan.root, plan.root_len) != 0 || strstr(path, "/logs/"))
        return (struct fault_event){.counted = false};
    return fault_other(kind, call, path + plan.root_len);
}

struct fault_event fault_fd(enum fault_kind kind, const char *call, int fd)
{
    char link[64], path[PATH_MAX];
    ssize_t n;
    int saved = errno;

    if (!plan.on) return (struct fault_event){.counted = false};
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (n <= 0) return (struct fault_event){.counted = false};
    path[n] = '\0';
    return fault_file(kind, call, path);
}

void fault_done(const struct fault_event *e)
{
    if (e->counted && e->chosen && plan.action == ACTION_AFTER) die();
}
