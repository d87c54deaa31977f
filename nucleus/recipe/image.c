#include "image.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

static int refuse(const char *uri, const char *why, struct sedge_err *err)
{
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "artifact \"%.200s\": %s; expected docker:[registry/]name[:tag] or docker:name@sha256:<64 hex "
                         "digits>",
                         uri, why);
}

static bool is_host(const char *s, size_t n)
{
    return memchr(s, '.', n) || memchr(s, ':', n) || (n == 9 && strncmp(s, "localhost", n) == 0);
}

/* "registry.example.com:5000" */
static bool is_good_host(const char *s, size_t n)
{
    size_t name = strspn(s, LOWER UPPER DIGIT ".-");
    size_t port;

    if (name == 0 || name > n || s[0] == '.' || s[0] == '-') return false;
    if (name == n) return true;
    port = strspn(s + name + 1, DIGIT);
    return s[name] == ':' && port > 0 && name + 1 + port == n;
}

/* One part of the name: lower-case letters and digits, with separators between them. */
static bool is_good_name(const char *s, size_t n)
{
    if (n == 0 || !strchr(LOWER DIGIT, s[0]) || !strchr(LOWER DIGIT, s[n - 1])) return false;
    return strspn(s, LOWER DIGIT "._-") >= n;
}

/* All parts up to `end`. */
static bool are_good_names(const char *s, const char *end)
{
    while (s <= end) {
        const char *slash = memchr(s, '/', (size_t)(end - s));
        const char *stop = slash ? slash : end;

        if (!is_good_name(s, (size_t)(stop - s))) return false;
        s = stop + 1;
    }
    return true;
}

static bool is_good_tag(const char *s)
{
    size_t n = strspn(s, LOWER UPPER DIGIT "_.-");

    return n > 0 && n <= 128 && !s[n] && s[0] != '.' && s[0] != '-';
}

static bool is_good_digest(const char *s)
{
    return sedge_str_starts(s, "sha256:") && strspn(s + 7, DIGIT "abcdef") == 64 && !s[7 + 64];
}

static enum sedge_registry registry_of(const char *host, size_t n)
{
    static const char private_begin[] = ".dkr.ecr.";
    sedge_auto_free char *name = sedge_xstrndup(host, n);
    size_t account = strspn(name, DIGIT);

    if (n == 0 || strcmp(name, "docker.io") == 0 || strcmp(name, "registry.hub.docker.com") == 0)
        return SEDGE_REGISTRY_HUB;
    if (strcmp(name, "public.ecr.aws") == 0) return SEDGE_REGISTRY_ECR_PUBLIC;
    if (account > 0 && sedge_str_starts(name + account, private_begin) &&
        (sedge_str_ends(name, ".amazonaws.com") || sedge_str_ends(name, ".amazonaws.com.cn")))
        return SEDGE_REGISTRY_ECR_PRIVATE;
    return SEDGE_REGISTRY_OTHER;
}

int sedge_image_parse(const char *uri, struct sedge_image *out, struct sedge_err *err)
{
    const char *colon = strchr(uri, ':');
    const char *text = colon ? colon + 1 : "";
    const char *slash = strchr(text, '/');
    size_t host = slash && is_host(text, (size_t)(slash - text)) ? (size_t)(slash - text) : 0;
    const char *name = host ? slash + 1 : text;
    const char *end = name + strcspn(name, ":@");

    *out = (struct sedge_image){.reference = NULL};
    if (strlen(text) > SEDGE_IMAGE_REFERENCE_MAX) return refuse(uri, "it is too long", err);
    if (host && !is_good_host(text, host)) return refuse(uri, "the registry's name is not valid", err);
    if (!are_good_names(name, end)) return refuse(uri, "the image's name is not valid", err);
    if (*end == ':' && !is_good_tag(end + 1)) return refuse(uri, "the tag is not valid", err);
    if (*end == '@' && !is_good_digest(end + 1)) return refuse(uri, "the digest is not valid", err);
    out->latest = !*end || strcmp(end, ":latest") == 0;
    out->registry = registry_of(text, host);
    out->reference = sedge_xasprintf("%s%s", text, *end ? "" : ":latest");
    return 0;
}

void sedge_image_release(struct sedge_image *image)
{
    free(image->reference);
    *image = (struct sedge_image){.reference = NULL};
}
