/* Credentials of the object store, found where sedge-fetch finds them. */
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "presign.h"

#define FILE_MAX 65536

void sedge_presign_keys_release(struct sedge_presign_keys *k)
{
    if (k->secret_key) sedge_wipe(k->secret_key, strlen(k->secret_key));
    free(k->access_key);
    free(k->secret_key);
    free(k->session_token);
    *k = (struct sedge_presign_keys){0};
}

static bool take(struct sedge_presign_keys *out, const char *key, const char *secret, const char *token)
{
    if (!key || !key[0] || !secret || !secret[0]) return false;
    sedge_presign_keys_release(out);
    out->access_key = sedge_xstrdup(key);
    out->secret_key = sedge_xstrdup(secret);
    out->session_token = token && token[0] ? sedge_xstrdup(token) : NULL;
    return true;
}

static char *trimmed(const char *s, size_t n)
{
    while (n && strchr(" \t\r", s[0])) {
        s++;
        n--;
    }
    while (n && strchr(" \t\r", s[n - 1]))
        n--;
    return sedge_xstrndup(s, n);
}

/* "aws_access_key_id = X" of the profile's section. */
static void read_line(const char *line, const char *profile, bool *inside, struct sedge_presign_keys *k)
{
    const char *eq = strchr(line, '=');
    sedge_auto_free char *name = trimmed(line, eq ? (size_t)(eq - line) : strlen(line));
    sedge_auto_free char *section = sedge_xasprintf("[%s]", profile);
    char **slot;

    if (name[0] == '[') *inside = strcmp(name, section) == 0;
    if (!*inside || !eq) return;
    slot = strcmp(name, "aws_access_key_id") == 0       ? &k->access_key
           : strcmp(name, "aws_secret_access_key") == 0 ? &k->secret_key
           : strcmp(name, "aws_session_token") == 0     ? &k->session_token
                                                        : NULL;
    if (!slot) return;
    free(*slot);
    *slot = trimmed(eq + 1, strlen(eq + 1));
}

static bool from_file(struct sedge_presign_keys *out)
{
    const char *home = getenv("HOME"), *given = getenv("AWS_SHARED_CREDENTIALS_FILE"), *profile = getenv("AWS_PROFILE");
    sedge_auto_free char *path =
        given ? sedge_xstrdup(given) : sedge_xasprintf("%s/.aws/credentials", home ? home : "");
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    sedge_auto_strv struct sedge_strv lines = {0};
    bool inside = false;

    if (!sedge_fs_exists(path) || sedge_fs_read(path, FILE_MAX, &text, NULL) != 0) return false;
    sedge_buf_puts(&text, "");
    sedge_strv_split(&lines, text.data, "\n");
    for (size_t i = 0; i < lines.n; i++)
        read_line(lines.v[i], profile && profile[0] ? profile : "default", &inside, out);
    return out->access_key && out->secret_key;
}

int sedge_presign_keys_find(const struct sedge_cloud_settings *set, struct sedge_presign_keys *out,
                            struct sedge_err *err)
{
    *out = (struct sedge_presign_keys){0};
    if (take(out, set->s3_device_access_key, set->s3_device_secret_key, NULL) ||
        take(out, set->s3_access_key, set->s3_secret_key, NULL) ||
        take(out, getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"), getenv("AWS_SESSION_TOKEN")) ||
        from_file(out))
        return 0;
    return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                         "there are no credentials of the object store to sign URLs with; set them with: sedge-cloud "
                         "init --s3-access-key K --s3-secret-key @FILE");
}
