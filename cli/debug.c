/* sedge get-debug-password (spec/cli.md 6). */
#include "cli.h"

#include "base/mem.h"
#include "logtime.h"

#include <stdio.h>

struct debug_args {
    bool json;
};

static void print_expiry(struct json_object *r)
{
    double seconds = sedge_json_double(r, "passwordExpiration", -1); /* the wire form of a timestamp */
    char time[64];

    if (seconds < 0 || seconds > 1e12) return;
    sedge_logtime_offset((int64_t)(seconds * 1000), time, sizeof time);
    (void)printf("Password expires at: %s\n", time);
}

static int run_password(struct sedge_cli *cli, void *args)
{
    const struct debug_args *a = args;
    sedge_auto_put struct json_object *r = sedge_cli_call(cli, "CreateDebugPassword", NULL);
    const char *sha256 = sedge_json_str(r, "certificateSHA256Hash", "");
    const char *sha1 = sedge_json_str(r, "certificateSHA1Hash", "");

    if (!r) return SEDGE_EXIT_FAILED;
    if (a->json) {
        (void)printf("%s\n", sedge_json_text(r));
        return 0;
    }
    (void)printf("Username: %s\nPassword: %s\n", sedge_json_str(r, "username", ""), sedge_json_str(r, "password", ""));
    print_expiry(r);
    if (!*sha256 && !*sha1) return 0;
    (void)printf("\nThe local debug console uses a certificate that it signed itself; browsers warn about it.\n"
                 "Before you sign in, compare the fingerprint that the browser shows with the one here.\n");
    if (*sha256) (void)printf("SHA-256: %s\n", sha256);
    if (*sha1) (void)printf("SHA-1: %s\n", sha1);
    return 0;
}

static const struct sedge_arg password_args[] = {
    {"--json", NULL, SEDGE_ARG_FLAG, false, offsetof(struct debug_args, json), NULL, "print JSON"}};

const struct sedge_command sedge_debug_commands[] = {
    {"", "get-debug-password", "Make a password for the local debug console", password_args,
     SEDGE_ARRAY_LEN(password_args), sizeof(struct debug_args), run_password},
};
const size_t sedge_debug_ncommands = SEDGE_ARRAY_LEN(sedge_debug_commands);
