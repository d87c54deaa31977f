/*
 * again - executes the program of this process anew, with the same arguments, environment and process id.
 *
 *   sedge_again_init(&again, argv);              // first of all: before the environment is touched
 *   ... everything is closed ...
 *   return sedge_again_execute(&again);
 *
 * The program is looked for by its path, so that one that was replaced on the disk meanwhile is the one that starts.
 */
#ifndef SEDGE_MAIN_AGAIN_H
#define SEDGE_MAIN_AGAIN_H

#include <limits.h>

enum { SEDGE_EXIT_AGAIN = 100 }; /* exit code when it could not be executed: the service manager shall start it */

struct sedge_again {
    char **argv;
    char **env;          /* copy of the list; the texts are those that the process was started with */
    char path[PATH_MAX]; /* absolute */
};

void sedge_again_init(struct sedge_again *a, char **argv);
/* Returns only when it fails, with the exit code for main. */
int sedge_again_execute(const struct sedge_again *a);

#endif
