/* sedge-fetch - see ../protocol.h. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

static int usage(FILE *to, int status)
{
    (void)fputs("usage: sedge-fetch [--version|--help]\n"
                "Downloads, uploads, lists and unpacks for sedge-nucleus and sedge-cloud. Requests are read from\n"
                "standard input, one JSON object a line; events are written to standard output in the same form.\n",
                to);
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) return puts("sedge-fetch " SEDGE_VERSION) < 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) return usage(stdout, 0);
    if (argc != 1) return usage(stderr, 2);
    (void)close_range(STDERR_FILENO + 1, ~0U, 0); /* what a library of the parent left open is not ours to hold */
    (void)setlocale(LC_CTYPE, "C.UTF-8");         /* without it libarchive gives no name that is not ASCII */
    (void)signal(SIGPIPE, SIG_IGN);               /* a broken connection is an error of the transfer, not our end */
    return sedge_engine_run(STDIN_FILENO);
}
