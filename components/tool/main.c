/* sedge-dlr - looks into models, runs them on images and tensors, and measures them. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "tool.h"

#define ENDS_MAX    64
#define RUNS_MAX    100000
#define THREADS_MAX 64

static const char usage[] =
    "usage: sedge-dlr info MODEL [--json]\n"
    "           inputs, outputs, operators and memory, and which back-end takes the model and why\n"
    "       sedge-dlr run MODEL IMAGE... [--labels FILE] [--top N] [--threads N] [--json]\n"
    "           classifies images\n"
    "       sedge-dlr run MODEL --input NAME=FILE... [--output NAME=FILE]... [--threads N] [--json]\n"
    "           one inference on raw tensors: elements row by row, little-endian, without a header\n"
    "       sedge-dlr bench MODEL [--runs N] [--threads N] [--json]\n"
    "           latency of N runs (100) after 10 to warm up, copy of the input included, load time and memory\n"
    "       sedge-dlr --version | --help\n"
    "MODEL: a folder, or files with ':' between. Environment: DLR_BACKEND, DLR_ORT_PATH, TVM_NUM_THREADS.\n";

int tool_fail(const char *fmt, ...)
{
    va_list args;

    (void)fputs("sedge-dlr: ", stderr);
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    return 1;
}

struct json_object *tool_number(double v)
{
    sedge_auto_free char *text = sedge_xasprintf("%.6f", v);
    return json_object_new_double_s(v, text);
}

static int number(const char *option, int64_t max, int *out)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int64_t v;

    if (sedge_str_to_i64(optarg, 1, max, &v, &err)) {
        (void)tool_fail("--%s: %s", option, err.msg);
        return -1;
    }
    *out = (int)v;
    return 0;
}

static int tensor(const char *option, const char **list, int *n)
{
    if (!strchr(optarg, '=') || *n == ENDS_MAX) {
        (void)tool_fail("--%s %s: expected NAME=FILE, at most %d times", option, optarg, ENDS_MAX);
        return -1;
    }
    list[(*n)++] = optarg;
    return 0;
}

static int take(struct tool_words *w, int opt, const char *name)
{
    switch (opt) {
    case 'j':
        w->json = true;
        return 0;
    case 'l':
        w->labels = optarg;
        return 0;
    case 'i':
        return tensor(name, w->input, &w->ninput);
    case 'o':
        return tensor(name, w->output, &w->noutput);
    case 't':
        return number(name, THREADS_MAX, &w->threads);
    case 'r':
        return number(name, RUNS_MAX, &w->runs);
    case 'b':
        return number(name, ENDS_MAX, &w->top);
    default:
        return -1;
    }
}

/* Options may stand anywhere. -1: a message was printed. */
static int parse(struct tool_words *w, int argc, char **argv)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'},          {"labels", required_argument, NULL, 'l'},
        {"input", required_argument, NULL, 'i'},   {"output", required_argument, NULL, 'o'},
        {"threads", required_argument, NULL, 't'}, {"runs", required_argument, NULL, 'r'},
        {"top", required_argument, NULL, 'b'},     {NULL, 0, NULL, 0}};
    int opt, at = 0;

    while ((opt = getopt_long(argc, argv, "", longs, &at)) != -1)
        if (take(w, opt, longs[at].name)) return -1;
    if (optind == argc) {
        (void)tool_fail("which model? Give the folder that holds it");
        return -1;
    }
    w->model = argv[optind];
    w->more = argv + optind + 1;
    w->n = argc - optind - 1;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct tool_words *w);
    } commands[] = {{"info", tool_info}, {"run", tool_run}, {"bench", tool_bench}};
    struct tool_words w = {.runs = 100, .top = 5};
    const char *word = argc > 1 ? argv[1] : "";

    if (strcmp(word, "--version") == 0) return printf("sedge-dlr %s\n", SEDGE_VERSION) < 0;
    if (strcmp(word, "--help") == 0 || strcmp(word, "help") == 0) return fputs(usage, stdout) < 0;
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
        if (strcmp(word, commands[i].name) == 0) return parse(&w, argc - 1, argv + 1) ? 2 : commands[i].run(&w);
    (void)fputs(usage, stderr);
    return 2;
}
