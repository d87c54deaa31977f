/*
 * tool - what the commands of sedge-dlr share. Each command prints its result, or what is wrong, and returns the exit
 * code: 0, 1 for a failure, 2 for words that it does not understand.
 */
#ifndef SEDGE_TOOL_TOOL_H
#define SEDGE_TOOL_TOOL_H

#include <json-c/json.h>
#include <stdbool.h>

#define TOOL_JSON (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)

struct tool_words {
    const char *model;
    int n;
    char **more; /* what follows the model */
    const char *labels;
    const char *input[64], *output[64]; /* NAME=FILE */
    int ninput, noutput;
    int threads; /* 0: as the library takes them */
    int runs, top;
    bool json;
};

int tool_info(const struct tool_words *w);
int tool_run(const struct tool_words *w);
int tool_bench(const struct tool_words *w);

/* With six digits behind the point. New reference. */
struct json_object *tool_number(double v);
/* Prints "sedge-dlr: ..." and returns 1. */
int tool_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
