/*
 * sedge-classify - tells what is in images, with a model that libdlr runs.
 *
 * As a component (no options) it is configured by the nucleus; with --once it works alone and prints a table.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classifier.h"
#include "component.h"
#include "trial.h"

static const char usage[] =
    "usage: sedge-classify                                            run as a component of the nucleus\n"
    "       sedge-classify --once --model DIR [--labels FILE] [--top N] IMAGE...\n"
    "                                                                 classify files, print a table, and end\n"
    "       sedge-classify --try --model DIR                          tell whether the model can be used\n"
    "       sedge-classify --version | --help\n";

struct options {
    const char *model, *labels;
    int top, once, try_it;
};

static int print_table(struct sedge_classifier *c, int n, char **images, int top)
{
    int failed = 0;

    printf("%-24s %-32s %8s %10s\n", "image", "label", "score", "ms");
    for (int i = 0; i < n; i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_ranking r;
        const char *slash = strrchr(images[i], '/');
        if (sedge_classifier_run(c, images[i], &r, &err)) {
            (void)fprintf(stderr, "image skipped: %s\n", err.msg);
            failed = 1;
            continue;
        }
        for (int k = 0; k < r.n && k < top; k++)
            printf("%-24s %-32s %8.4f %10.3f\n", slash ? slash + 1 : images[i], r.best[k].label,
                   (double)r.best[k].score, r.milliseconds);
    }
    return failed;
}

static int once(const struct options *o, int n, char **images)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_classifier *c;
    int failed;

    if (!o->model || n == 0) {
        (void)fputs(usage, stderr);
        return 2;
    }
    c = sedge_classifier_open(o->model, o->labels, &err);
    if (!c) {
        (void)fprintf(stderr, "sedge-classify: %s\n", err.msg);
        return 1;
    }
    failed = print_table(c, n, images, o->top);
    sedge_classifier_close(c);
    return failed;
}

static int parse(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        {"once", no_argument, NULL, 'o'},        {"try", no_argument, NULL, 'r'},
        {"model", required_argument, NULL, 'm'}, {"labels", required_argument, NULL, 'l'},
        {"top", required_argument, NULL, 't'},   {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
    int opt;

    while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1)
        switch (opt) {
        case 'o':
            o->once = 1;
            break;
        case 'r':
            o->try_it = 1;
            break;
        case 'm':
            o->model = optarg;
            break;
        case 'l':
            o->labels = optarg;
            break;
        case 't':
            o->top = (int)strtol(optarg, NULL, 10);
            break;
        case 'v':
            printf("sedge-classify %s\n", SEDGE_VERSION);
            return 0;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        default:
            (void)fputs(usage, stderr);
            return 2;
        }
    return -1;
}

int main(int argc, char **argv)
{
    struct options o = {.top = 1};
    struct sedge_err err = SEDGE_ERR_INIT;
    int done = parse(&o, argc, argv);

    if (done >= 0) return done;
    if (setvbuf(stdout, NULL, _IOLBF, 0)) return 1;
    if (o.once) return once(&o, argc - optind, argv + optind);
    if (o.try_it && o.model) return sedge_trial_main(o.model);
    if (optind < argc || o.try_it) {
        (void)fputs(usage, stderr);
        return 2;
    }
    sedge_trial_limit_memory();
    if (sedge_classify_component(&err) == 0) return 0;
    (void)fprintf(stderr, "sedge-classify: %s\n", err.msg);
    return 1;
}
