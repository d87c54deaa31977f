/*
 * cli - the command table of `sedge` (= greengrass-cli) and what its commands share. Private to cli.
 *
 * Commands return the exit code: 0 done, 1 failed, 2 wrong use (spec/cli.md 2.2; for wrong use the original exits with
 * 0, here it is 2 as recommended there).
 */
#ifndef SEDGE_CLI_CLI_H
#define SEDGE_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "args.h"
#include "base/json.h"
#include "sedge_ipc.h"

#define SEDGE_EXIT_FAILED 1
#define SEDGE_EXIT_USAGE  2

struct sedge_cli {
    const char *program; /* argv[0]: called through <root>/bin, it tells the root */
    const char *root;    /* --ggcRootPath, or NULL */
    char *root_buffer;
};

struct sedge_command {
    const char *group; /* "component"; "" for a command without group */
    const char *name;
    const char *help;
    const struct sedge_arg *args;
    size_t nargs;
    size_t size; /* of the struct that args fill; zeroed before */
    int (*run)(struct sedge_cli *cli, void *args);
};

const struct sedge_command *sedge_commands(size_t *n);

/* --ggcRootPath, else GGC_ROOT_PATH, SEDGE_ROOT, the link that was called, else the default root if it is there. NULL:
 * none is known, nothing is printed. Lives as long as *cli. */
const char *sedge_cli_root(struct sedge_cli *cli);
/* Connects with the credentials of <root>/cli_ipc_info; waits for a nucleus that is just restarting. NULL: printed to
 * stderr what is wrong and what to do. */
struct sedge_ipc_client *sedge_cli_connect(struct sedge_cli *cli);
/* One call; NULL: the error is printed. New reference. */
struct json_object *sedge_cli_call(struct sedge_cli *cli, const char *operation, struct json_object *request);
/* "~/x" with the home of the user; heap. */
char *sedge_cli_expand(const char *path);
/* The same, absolute. */
char *sedge_cli_absolute(const char *path);
void sedge_cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One file for each group. */
extern const struct sedge_command sedge_component_commands[];
extern const size_t sedge_component_ncommands;
extern const struct sedge_command sedge_deployment_commands[];
extern const size_t sedge_deployment_ncommands;
extern const struct sedge_command sedge_topic_commands[];
extern const size_t sedge_topic_ncommands;
extern const struct sedge_command sedge_logs_commands[];
extern const size_t sedge_logs_ncommands;
extern const struct sedge_command sedge_recipe_commands[];
extern const size_t sedge_recipe_ncommands;
extern const struct sedge_command sedge_secret_commands[];
extern const size_t sedge_secret_ncommands;
extern const struct sedge_command sedge_debug_commands[];
extern const size_t sedge_debug_ncommands;

#endif
