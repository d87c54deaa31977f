#include "recipe.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/mem.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const struct {
    const char *prefix;
    enum sedge_uri_scheme scheme;
} schemes[] = {{"s3", SEDGE_URI_S3},     {"greengrass", SEDGE_URI_GREENGRASS}, {"docker", SEDGE_URI_DOCKER},
               {"http", SEDGE_URI_HTTP}, {"https", SEDGE_URI_HTTPS},           {"file", SEDGE_URI_FILE}};

enum sedge_uri_scheme sedge_artifact_scheme(const char *uri)
{
    size_t n = strspn(uri, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    if (n == 0 || uri[n] != ':') return SEDGE_URI_NO_SCHEME;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(schemes); i++)
        if (strlen(schemes[i].prefix) == n && strncasecmp(uri, schemes[i].prefix, n) == 0) return schemes[i].scheme;
    return SEDGE_URI_OTHER;
}

static char *refuse(struct sedge_err *err, enum sedge_err_code code, const char *uri, const char *why)
{
    (void)sedge_err_set(err, code, "artifact \"%.200s\": %s", uri, why);
    return NULL;
}

static bool is_usable_file_name(const char *s, size_t n)
{
    if (n == 0 || n > 255 || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.')) return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f) return false;
    return true;
}

char *sedge_artifact_file_name(const char *uri, struct sedge_err *err)
{
    enum sedge_uri_scheme scheme = sedge_artifact_scheme(uri);
    const char *rest = strchr(uri, ':');
    const char *slash;
    size_t n;

    if (scheme == SEDGE_URI_NO_SCHEME)
        return refuse(err, SEDGE_E_UNSUPPORTED, uri,
                      "has no scheme; expected s3://bucket/key, https:// or file:///path");
    if (scheme == SEDGE_URI_DOCKER || scheme == SEDGE_URI_OTHER)
        return refuse(err, SEDGE_E_UNSUPPORTED, uri,
                      "its scheme is not offered here; expected s3, https, http, file or greengrass");
    n = strlen(++rest);
    if (scheme != SEDGE_URI_S3 && scheme != SEDGE_URI_GREENGRASS) n = strcspn(rest, "?#");
    slash = memrchr(rest, '/', n);
    if (slash) {
        n -= (size_t)(slash + 1 - rest);
        rest = slash + 1;
    }
    if (!is_usable_file_name(rest, n))
        return refuse(err, SEDGE_E_INVALID, uri, "there is no usable file name after the last \"/\"");
    return sedge_xstrndup(rest, n);
}

char *sedge_artifact_base_name(const char *file_name, enum sedge_unarchive unarchive)
{
    const char *first = strchr(file_name, '.');
    const char *last = strrchr(file_name, '.');
    size_t n = last ? (size_t)(last - file_name) : 0;

    if (!first || first == file_name) return sedge_xstrdup(file_name);
    if (unarchive == SEDGE_UNARCHIVE_TGZ && n > 4 && strncasecmp(file_name + n - 4, ".tar", 4) == 0) n -= 4;
    return sedge_xstrndup(file_name, n);
}

mode_t sedge_artifact_mode(const struct sedge_artifact *a, bool root)
{
    bool execute = a->execute != SEDGE_PERMISSION_NONE;
    mode_t m = S_IRUSR;

    if (!root) m |= S_IWUSR;
    if (execute) m |= S_IXUSR | S_IRGRP | S_IXGRP;
    if (a->read != SEDGE_PERMISSION_NONE) m |= S_IRGRP;
    if (a->read == SEDGE_PERMISSION_ALL || a->execute == SEDGE_PERMISSION_ALL) m |= S_IROTH;
    if (a->execute == SEDGE_PERMISSION_ALL) m |= S_IXOTH;
    return m;
}

const char *sedge_unarchive_name(enum sedge_unarchive u)
{
    static const char *const names[] = {[SEDGE_UNARCHIVE_NONE] = "NONE",
                                        [SEDGE_UNARCHIVE_ZIP] = "ZIP",
                                        [SEDGE_UNARCHIVE_TAR] = "TAR",
                                        [SEDGE_UNARCHIVE_TGZ] = "TGZ"};

    return names[u];
}
