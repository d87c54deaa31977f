/* Finding the nucleus and talking to it (spec/cli.md 9). */
#include "cli.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CREDENTIALS_MAX 4096
#define CALL_TIMEOUT_MS 60000
#define RESTART_WAIT_MS 60000
#define RESTART_POLL_US 20000

void sedge_cli_fail(const char *fmt, ...)
{
    bool colour = isatty(STDERR_FILENO) == 1;
    va_list ap;

    if (colour) (void)fputs("\033[31m", stderr);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputs(colour ? "\033[0m\n" : "\n", stderr);
}

char *sedge_cli_expand(const char *path)
{
    const char *home = getenv("HOME");

    if (path[0] == '~' && (path[1] == '/' || !path[1]) && home) return sedge_xasprintf("%s%s", home, path + 1);
    return sedge_xstrdup(path);
}

char *sedge_cli_absolute(const char *path)
{
    sedge_auto_free char *expanded = sedge_cli_expand(path);
    sedge_auto_free char *real = realpath(expanded, NULL);
    char cwd[PATH_MAX];

    if (real) return sedge_xstrdup(real);
    if (expanded[0] == '/') return sedge_xstrdup(expanded);
    return sedge_xasprintf("%s/%s", getcwd(cwd, sizeof cwd) ? cwd : "", expanded);
}

/* <root>/bin/greengrass-cli is a link that the nucleus makes: called through it, the root is known. */
static char *root_of_link(const char *program)
{
    const char *word = program && strchr(program, '/') ? program : getenv("_");
    const char *slash = word ? strrchr(word, '/') : NULL;
    sedge_auto_free char *above = slash ? sedge_xasprintf("%.*s/..", (int)(slash - word), word) : NULL;
    sedge_auto_free char *root = above ? realpath(above, NULL) : NULL;
    sedge_auto_free char *info = root ? sedge_xasprintf("%s/cli_ipc_info", root) : NULL;

    return info && sedge_fs_is_dir(info) ? sedge_steal(&root) : NULL;
}

static const char *not_empty(const char *text)
{
    return text && *text ? text : NULL;
}

const char *sedge_cli_root(struct sedge_cli *cli)
{
    const char *root = not_empty(cli->root);
    const char *home = getenv("HOME");

    if (cli->root_buffer) return cli->root_buffer;
    if (!root) root = not_empty(getenv("GGC_ROOT_PATH"));
    if (!root) root = not_empty(getenv("SEDGE_ROOT"));
    if (root) return cli->root_buffer = sedge_cli_expand(root);
    cli->root_buffer = root_of_link(cli->program);
    if (cli->root_buffer) return cli->root_buffer;
    cli->root_buffer = geteuid() != 0 && home ? sedge_xasprintf("%s/.sedge", home) : sedge_xstrdup("/var/lib/sedge");
    if (sedge_fs_is_dir(cli->root_buffer)) return cli->root_buffer;
    free(sedge_steal(&cli->root_buffer));
    return NULL;
}

static const char *find_root(struct sedge_cli *cli)
{
    const char *root = sedge_cli_root(cli);

    if (!root)
        sedge_cli_fail("No root path of the nucleus is known: give --ggcRootPath=<path> before the command, or set "
                       "GGC_ROOT_PATH");
    return root;
}

/* {"cli_auth_token", "domain_socket_path"}, new reference; NULL if it cannot be read. */
static struct json_object *read_credentials(const char *path)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    if (sedge_fs_read(path, CREDENTIALS_MAX, &text, NULL) != 0) return NULL;
    return sedge_json_parse_object(text.data, text.len, path, NULL);
}

static struct json_object *any_credentials(const char *dir)
{
    DIR *d = opendir(dir);
    struct json_object *found = NULL;
    struct dirent *e;

    while (d && !found && (e = readdir(d))) {
        sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.') found = read_credentials(path);
    }
    if (d) (void)closedir(d);
    return found;
}

static struct json_object *find_credentials(const char *root)
{
    sedge_auto_free char *dir = sedge_xasprintf("%s/cli_ipc_info", root);
    sedge_auto_free char *user = sedge_xasprintf("%s/user-%u", dir, (unsigned)geteuid());
    sedge_auto_free char *group = sedge_xasprintf("%s/group-%u", dir, (unsigned)getegid());
    struct json_object *o = read_credentials(user);

    if (!o) o = read_credentials(group);
    if (!o) o = any_credentials(dir);
    if (o) return o;
    if (!sedge_fs_is_dir(dir))
        sedge_cli_fail("%s is not the root of a nucleus (there is no %s). Is sedge-nucleus running there?", root, dir);
    else
        sedge_cli_fail(
            "No credentials for this user in %s. Use the user that runs the nucleus (sudo), or a group listed in "
            "AuthorizedPosixGroups of aws.greengrass.Cli",
            dir);
    return NULL;
}

/* <root>/restarting has the process id of a nucleus that is about to be back (nucleus/main). */
static bool is_restarting(const char *root)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/restarting", root);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    int64_t pid;

    if (sedge_fs_read(path, CREDENTIALS_MAX, &text, NULL) != 0) return false;
    sedge_buf_puts(&text, "");
    if (sedge_str_to_i64(text.data, 2, INT32_MAX, &pid, NULL) != 0) return false;
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

static void wait_for_restart(const char *root)
{
    int64_t end = sedge_mono_ms() + RESTART_WAIT_MS;

    while (is_restarting(root) && sedge_mono_ms() < end)
        (void)usleep(RESTART_POLL_US);
}

static struct sedge_ipc_client *connect_once(const char *root, struct sedge_ipc_err *err)
{
    sedge_auto_put struct json_object *credentials = find_credentials(root);
    struct sedge_ipc_options o = SEDGE_IPC_OPTIONS_INIT;

    o.timeout_ms = CALL_TIMEOUT_MS;
    err->code = SEDGE_IPC_OK; /* without credentials all is said */
    if (!credentials) return NULL;
    o.token = sedge_json_str(credentials, "cli_auth_token", "");
    o.socket_path = sedge_json_str(credentials, "domain_socket_path", "");
    return sedge_ipc_connect(&o, err);
}

struct sedge_ipc_client *sedge_cli_connect(struct sedge_cli *cli)
{
    const char *root = find_root(cli);
    struct sedge_ipc_client *c;
    struct sedge_ipc_err err;

    if (!root) return NULL;
    wait_for_restart(root);
    c = connect_once(root, &err);
    if (!c && is_restarting(root)) { /* it began in between */
        wait_for_restart(root);
        c = connect_once(root, &err);
    }
    if (!c && err.code != SEDGE_IPC_OK)
        sedge_cli_fail("Unable to create ipc client: %s. Is sedge-nucleus running in %s?", err.message, root);
    return c;
}

/* A question whose connection ended in a restart of the nucleus is asked once more; nothing else is. */
static bool may_ask_again(struct sedge_cli *cli, const char *operation, const struct sedge_ipc_err *err)
{
    bool asks = sedge_str_starts(operation, "Get") || sedge_str_starts(operation, "List");

    return asks && err->code == SEDGE_IPC_E_CLOSED && is_restarting(sedge_cli_root(cli));
}

static struct sedge_ipc_client *call_once(struct sedge_cli *cli, const char *operation, struct json_object *request,
                                          char **text, struct sedge_ipc_err *err)
{
    struct sedge_ipc_client *c = sedge_cli_connect(cli);

    if (!c) return NULL;
    if (sedge_ipc_call(c, operation, request ? sedge_json_text(request) : NULL, text, err) == 0)
        err->code = SEDGE_IPC_OK;
    return c;
}

struct json_object *sedge_cli_call(struct sedge_cli *cli, const char *operation, struct json_object *request)
{
    struct sedge_ipc_err err;
    struct json_object *response = NULL;
    char *text = NULL;
    struct sedge_ipc_client *c = call_once(cli, operation, request, &text, &err);

    if (c && err.code != SEDGE_IPC_OK && may_ask_again(cli, operation, &err)) {
        sedge_ipc_disconnect(c);
        c = call_once(cli, operation, request, &text, &err);
    }
    if (!c) return NULL;
    if (err.code != SEDGE_IPC_OK) {
        if (err.code == SEDGE_IPC_E_REMOTE)
            sedge_cli_fail("%s: %s", err.name, err.message);
        else
            sedge_cli_fail("%s: %s", operation, err.message);
    } else {
        response = sedge_json_parse_object(text, strlen(text), operation, NULL);
    }
    sedge_ipc_free(text);
    sedge_ipc_disconnect(c);
    return response;
}
