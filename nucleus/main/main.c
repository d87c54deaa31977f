/* sedge-nucleus: the daemon. */
#include "nucleus.h"

#include "again.h"
#include "base/files.h"
#include "base/log.h"
#include "notify.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_FAILURE_CODE 1
#define EXIT_USAGE        2

int main(int argc, char **argv)
{
    static struct sedge_nucleus nucleus;
    static struct sedge_again again;
    struct sedge_options options;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_options_parse(argc, argv, &options, &err) != 0) {
        (void)fprintf(stderr, "sedge-nucleus: %s\n", err.msg);
        return EXIT_USAGE;
    }
    if (options.help) {
        (void)fputs(sedge_options_usage(), stdout);
        return 0;
    }
    if (options.version) {
        (void)printf("sedge-nucleus %s (Greengrass nucleus 2.17.0 compatible)\n", SEDGE_VERSION);
        return 0;
    }
    sedge_again_init(&again, argv);
    (void)mallopt(M_ARENA_MAX, 1); /* one heap for all threads: they allocate little, and a heap each costs memory */
    sedge_files_raise();
    sedge_notify_init();
    if (sedge_nucleus_start(&nucleus, &options, &err) != 0) {
        sedge_log(SEDGE_ERROR, "main", "start-failed", "%s", err.msg);
        (void)fprintf(stderr, "sedge-nucleus: %s\n", err.msg);
        return EXIT_FAILURE_CODE;
    }
    (void)uv_run(&nucleus.loop, UV_RUN_DEFAULT);
    sedge_nucleus_end(&nucleus);
    sedge_files_restore();
    if (nucleus.again) return sedge_again_execute(&again);
    return 0;
}
