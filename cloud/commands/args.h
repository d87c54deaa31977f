/*
 * args - the command line: command words, options, operands; and the tables that commands print.
 */
#ifndef SEDGE_CLOUD_ARGS_H
#define SEDGE_CLOUD_ARGS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/str.h"
#include "cloud/cloud.h"

#define SEDGE_EXIT_OK       0
#define SEDGE_EXIT_ERROR    1
#define SEDGE_EXIT_USAGE    2
#define SEDGE_EXIT_NONE     3
#define SEDGE_EXIT_CONFLICT 4
#define SEDGE_EXIT_FAILED   5 /* a deployment that was waited for */

struct sedge_run {
    const struct sedge_command *command;
    struct sedge_strv operands, names, values; /* options: names[i] has values[i] ("" for a flag) */
    bool json;
    char *state;
    struct sedge_cloud cloud; /* open, unless the command has no_state */
    int exit_code;            /* what a command that returns 0 exits with */
};

struct sedge_command {
    const char *words, *operands, *help;
    const char *options; /* "out= json": names separated by blanks, "=" when it takes a value */
    size_t min, max;     /* operands */
    bool no_state;
    int (*run)(struct sedge_run *r, struct sedge_err *err);
};

extern const struct sedge_command sedge_commands[]; /* ends with words NULL */

/* The last value of an option, or def; "" for a flag that is given. */
const char *sedge_run_opt(const struct sedge_run *r, const char *name, const char *def);
bool sedge_run_has(const struct sedge_run *r, const char *name);
int sedge_run_int(const struct sedge_run *r, const char *name, int64_t min, int64_t max, int64_t *out,
                  struct sedge_err *err);

/* The time so long ago: 90s, 30m, 36h or 7d. Unchanged when the option is not given. */
int sedge_run_age(const struct sedge_run *r, const char *name, int64_t *then_s, struct sedge_err *err);

/* All of main except its name. */
int sedge_cloud_main(int argc, char **argv);

/* A table: first row is the heading. Columns are as wide as needed; printed and emptied. */
struct sedge_table {
    struct sedge_strv cells;
    size_t columns;
};
void sedge_table_row(struct sedge_table *t, const char *const *cells); /* `columns` texts; NULL is "-" */
void sedge_table_print(struct sedge_table *t, FILE *f);

struct json_object;
void sedge_print_json(struct json_object *o);
/* {"a": "x", "b": "y"}: names and texts, NULL ends them; a text that is NULL is left out. New reference. */
struct json_object *sedge_texts(const char *name, ...) __attribute__((sentinel));
/* What a command that changes something says at its end: with --json `o` (taken), else the text. Returns 0. */
int sedge_run_done(const struct sedge_run *r, struct json_object *o, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "12 s ago" */
void sedge_ago(int64_t then_s, char out[32]);

#endif
