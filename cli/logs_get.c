/* The files of the options become groups, each group a source; entries of all sources are printed by time. */
#include "logs_get.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "logfiles.h"
#include "logprint.h"
#include "logsource.h"

#include <stdio.h>
#include <time.h>

#define POLL_MS 100

struct job {
    struct sedge_logwindow *windows;
    struct sedge_logfilter *filter;
    struct sedge_strv paths;
    struct sedge_loggroups groups;
    struct sedge_logquery query;
    struct sedge_logstyle style;
};

static void release(struct job *j)
{
    free(j->windows);
    sedge_logfilter_free(j->filter);
    sedge_strv_release(&j->paths);
    sedge_loggroups_release(&j->groups);
}

/* ---- which files ---- */

static void add_files(struct job *j, const struct sedge_strv *files)
{
    for (size_t i = 0; i < files->n; i++) {
        sedge_auto_free char *path = sedge_cli_expand(files->v[i]);
        if (sedge_fs_exists(path) && !sedge_fs_is_dir(path))
            sedge_strv_add_take(&j->paths, sedge_steal(&path));
        else
            (void)fprintf(stderr, "Cannot find file: %s\n", path);
    }
}

static int add_dir(struct job *j, const char *dir)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    size_t before = j->paths.n;

    if (sedge_logfiles_list(dir, &j->paths, &err) != 0) {
        sedge_cli_fail("Log dir provided invalid: %s", err.msg);
        return -1;
    }
    if (j->paths.n > before) return 0;
    sedge_cli_fail("No log file found in %s: names of log files contain \"log\"", dir);
    return -1;
}

static int find_syslog(struct job *j, const struct sedge_logs_get_args *a)
{
    static const char *const standard[] = {"/var/log/system.log", "/var/log/syslog", "/var/log/messages"};
    sedge_auto_strv struct sedge_strv defaults = {NULL, 0};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(standard); i++)
        sedge_strv_add(&defaults, standard[i]);
    if (a->dirs.n) (void)fprintf(stderr, "Syslog does not support directory input!\n");
    if (a->verbose) (void)fprintf(stderr, "Syslog does not support verbosity!\n");
    add_files(j, a->files.n ? &a->files : &defaults);
    /* Names of the system log say nothing; each file is a group. */
    for (size_t i = 0; i < j->paths.n; i++) {
        struct sedge_loggroup g = {.name = sedge_xstrdup(j->paths.v[i])};
        sedge_strv_add(&g.paths, j->paths.v[i]);
        j->groups.v = sedge_xrealloc(j->groups.v, j->groups.n + 1, sizeof *j->groups.v);
        j->groups.v[j->groups.n++] = g;
    }
    if (j->groups.n) return 0;
    sedge_cli_fail("No system log was found; name it with --log-file=<file>");
    return -1;
}

static int find_default(struct sedge_cli *cli, struct job *j)
{
    const char *root = sedge_cli_root(cli);
    sedge_auto_free char *dir = root ? sedge_xasprintf("%s/logs", root) : NULL;

    if (dir) return add_dir(j, dir);
    sedge_cli_fail("No valid log input. Please provide a log file (--log-file) or a folder (--log-dir), or the nucleus "
                   "with --ggcRootPath=<path> before the command");
    return -1;
}

static int find_files(struct sedge_cli *cli, struct job *j, const struct sedge_logs_get_args *a)
{
    sedge_auto_strv struct sedge_strv odd = {NULL, 0};

    if (a->syslog) return find_syslog(j, a);
    if (!a->files.n && !a->dirs.n && find_default(cli, j) != 0) return -1;
    add_files(j, &a->files);
    for (size_t i = 0; i < a->dirs.n; i++) {
        sedge_auto_free char *dir = sedge_cli_expand(a->dirs.v[i]);
        if (add_dir(j, dir) != 0) return -1;
    }
    sedge_logfiles_group(&j->paths, &j->groups, &odd);
    for (size_t i = 0; i < odd.n; i++)
        (void)fprintf(stderr, "Unable to parse file name: %s\n", odd.v[i]);
    if (j->groups.n) return 0;
    sedge_cli_fail("No valid log input: expected files named <name>.log or <name>_yyyy_MM_dd_HH_<i>.log");
    return -1;
}

/* ---- which entries ---- */

static int read_windows(struct job *j, const struct sedge_strv *texts, struct sedge_err *err)
{
    int64_t now = sedge_wall_ms();

    j->windows = sedge_xcalloc(texts->n, sizeof *j->windows);
    for (size_t i = 0; i < texts->n; i++)
        if (sedge_logwindow_parse(texts->v[i], now, &j->windows[i], err) != 0) return -1;
    return 0;
}

static int read_filters(struct job *j, const struct sedge_strv *texts, struct sedge_err *err)
{
    j->filter = sedge_logfilter_new();
    for (size_t i = 0; i < texts->n; i++) {
        sedge_auto_free char *warning = NULL;
        int rc = sedge_logfilter_add(j->filter, texts->v[i], &warning, err);
        if (warning) (void)fprintf(stderr, "%s\n", warning);
        if (rc != 0) return -1;
    }
    return 0;
}

static int read_query(struct job *j, const struct sedge_logs_get_args *a)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (read_windows(j, &a->windows, &err) != 0 || read_filters(j, &a->filters, &err) != 0) {
        sedge_cli_fail("%s", err.msg);
        return -1;
    }
    j->query = (struct sedge_logquery){.windows = j->windows,
                                       .nwindows = a->windows.n,
                                       .filter = j->filter,
                                       .before = a->before,
                                       .after = a->after,
                                       .syslog = a->syslog,
                                       .follow = a->follow};
    j->style = (struct sedge_logstyle){.verbose = a->verbose, .colour = !a->no_colour, .json = a->json};
    return 0;
}

/* ---- printing ---- */

/* The source whose next entry is the oldest; NULL: nothing (for now). */
static struct sedge_logsource *oldest(struct sedge_logsource *const *sources, size_t n)
{
    struct sedge_logsource *best = NULL;
    int64_t best_ms = 0;

    for (size_t i = 0; i < n; i++) {
        const struct sedge_loghit *h = sedge_logsource_peek(sources[i]);
        if (!h || (best && h->entry.time_ms >= best_ms)) continue;
        best = sources[i];
        best_ms = h->entry.time_ms;
    }
    return best;
}

static int print_available(const struct job *j, struct sedge_logsource *const *sources)
{
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
    struct sedge_logsource *s;
    struct sedge_loghit hit;

    while ((s = oldest(sources, j->groups.n)) && sedge_logsource_next(s, &hit) == 1) {
        sedge_buf_clear(&out);
        sedge_logprint(&out, &hit.entry, &hit.keywords, &j->style);
        sedge_loghit_release(&hit);
        if (fwrite(out.data, 1, out.len, stdout) != out.len) return -1;
    }
    return fflush(stdout);
}

static int print_all(const struct job *j)
{
    sedge_auto_free struct sedge_logsource **sources = sedge_xcalloc(j->groups.n, sizeof(struct sedge_logsource *));
    int rc;

    for (size_t i = 0; i < j->groups.n; i++)
        sources[i] = sedge_logsource_new(&j->groups.v[i].paths, &j->query);
    for (;;) {
        struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
        /* Before reading, so that what is written until the windows end is still seen. */
        bool over = !j->query.follow || sedge_logwindow_over(j->windows, j->query.nwindows, sedge_wall_ms());
        rc = print_available(j, sources);
        if (rc != 0 || over) break;
        (void)nanosleep(&pause, NULL);
    }
    for (size_t i = 0; i < j->groups.n; i++)
        sedge_logsource_free(sources[i]);
    if (rc != 0) sedge_cli_fail("The output cannot be written");
    return rc;
}

int sedge_logs_get(struct sedge_cli *cli, void *args)
{
    const struct sedge_logs_get_args *a = args;
    struct job j = {.filter = NULL};
    int rc = 0;

    if (read_query(&j, a) != 0 || find_files(cli, &j, a) != 0 || print_all(&j) != 0) rc = SEDGE_EXIT_FAILED;
    release(&j);
    return rc;
}
