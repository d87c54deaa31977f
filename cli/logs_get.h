/* logs_get - `sedge logs get`: from the options to the printed entries. */
#ifndef SEDGE_CLI_LOGS_GET_H
#define SEDGE_CLI_LOGS_GET_H

#include "base/str.h"
#include "cli.h"

struct sedge_logs_get_args {
    struct sedge_strv files, dirs, windows, filters;
    int before, after, queue_size;
    bool follow, no_colour, verbose, syslog, json;
};

/* A command of the table: `args` is the struct above. */
int sedge_logs_get(struct sedge_cli *cli, void *args);

#endif
