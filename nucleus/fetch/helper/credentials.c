/* Credentials that the configuration does not have: environment, then the AWS credentials file. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "settings.h"

#define CREDENTIALS_FILE_MAX ((size_t)1 << 20)

static const char *env(const char *name)
{
    const char *v = getenv(name);

    return v && *v ? v : NULL;
}

static char *trimmed(const char *s, size_t n)
{
    while (n > 0 && strchr(" \t\r", *s)) {
        s++;
        n--;
    }
    while (n > 0 && strchr(" \t\r", s[n - 1]))
        n--;
    return sedge_xstrndup(s, n);
}

static void put(char **slot, char *value)
{
    free(*slot);
    *slot = value;
}

static void assign(struct sedge_settings *s, const char *key, char *value)
{
    if (strcmp(key, "aws_access_key_id") == 0)
        put(&s->access_key, value);
    else if (strcmp(key, "aws_secret_access_key") == 0)
        put(&s->secret_key, value);
    else if (strcmp(key, "aws_session_token") == 0)
        put(&s->session_token, value);
    else
        free(value);
}

void sedge_credentials_parse(struct sedge_settings *s, const char *text, const char *profile)
{
    bool inside = false;

    while (*text) {
        size_t n = strcspn(text, "\n");
        sedge_auto_free char *line = trimmed(text, n);
        char *eq = strchr(line, '=');

        if (*line == '[') {
            size_t len = strlen(line);
            sedge_auto_free char *name = len > 2 ? trimmed(line + 1, len - 2) : sedge_xstrdup("");

            inside = line[len - 1] == ']' && strcmp(name, profile) == 0;
        } else if (inside && *line != '#' && *line != ';' && eq) {
            sedge_auto_free char *key = trimmed(line, (size_t)(eq - line));

            assign(s, key, trimmed(eq + 1, strlen(eq + 1)));
        }
        text += n + (text[n] == '\n');
    }
}

static char *file_path(bool *named)
{
    const char *path = env("AWS_SHARED_CREDENTIALS_FILE"), *home = env("HOME");

    *named = path != NULL;
    if (path) return sedge_xstrdup(path);
    return home ? sedge_xasprintf("%s/.aws/credentials", home) : NULL;
}

static int from_file(struct sedge_settings *s, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    const char *profile = env("AWS_PROFILE");
    bool named;
    sedge_auto_free char *path = file_path(&named);

    if (!path || (!named && !sedge_fs_exists(path))) return 0;
    if (sedge_fs_read(path, CREDENTIALS_FILE_MAX, &text, err)) return named ? -1 : 0;
    sedge_buf_putc(&text, '\n');
    sedge_credentials_parse(s, text.data, profile ? profile : "default");
    if (!s->access_key == !s->secret_key) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "%s: profile \"%s\" needs both aws_access_key_id and aws_secret_access_key", path,
                         profile ? profile : "default");
}

int sedge_credentials_find(struct sedge_settings *s, struct sedge_err *err)
{
    const char *id = env("AWS_ACCESS_KEY_ID"), *secret = env("AWS_SECRET_ACCESS_KEY");

    if (!id || !secret) return from_file(s, err);
    s->access_key = sedge_xstrdup(id);
    s->secret_key = sedge_xstrdup(secret);
    put(&s->session_token, sedge_xstrdup(env("AWS_SESSION_TOKEN")));
    return 0;
}
