/*
 * args - options the way users of greengrass-cli write them: --name value, --name=value, -n value, -n=value, -nvalue.
 *
 * A table says what a command understands; values go to the struct that the row's offset points into. Pure.
 */
#ifndef SEDGE_CLI_ARGS_H
#define SEDGE_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum sedge_arg_type {
    SEDGE_ARG_FLAG, /* bool */
    SEDGE_ARG_TEXT, /* const char * */
    SEDGE_ARG_LIST, /* struct sedge_strv: may be given several times */
    SEDGE_ARG_INT,  /* int */
    SEDGE_ARG_WORDS /* struct sedge_strv: words that are no options; the name is that of the usage: "FILE|DIR..." */
};

struct sedge_arg {
    const char *name;  /* "--merge" */
    const char *alias; /* "-m", or NULL */
    enum sedge_arg_type type;
    bool required;
    size_t offset;
    const char *value; /* for the usage: "<name=version>" */
    const char *help;
};

enum sedge_args_result {
    SEDGE_ARGS_BAD = -1,
    SEDGE_ARGS_RUN,
    SEDGE_ARGS_HELP,   /* --help or -h was met; what follows was not read */
    SEDGE_ARGS_VERSION /* --version or -V */
};

/* argv[0..argc) are the words after the command. BAD: INVALID names the word and what was expected. Options other than
 * lists may be given once. */
enum sedge_args_result sedge_args_parse(int argc, char **argv, const struct sedge_arg *rows, size_t n, void *out,
                                        struct sedge_err *err);
void sedge_args_release(const struct sedge_arg *rows, size_t n, void *out);
/* The names of words that are no options, for the first line of the usage; NULL for none. */
const char *sedge_args_words(const struct sedge_arg *rows, size_t n);
/* Lines of the usage. */
void sedge_args_usage(const struct sedge_arg *rows, size_t n, struct sedge_buf *out);

#endif
