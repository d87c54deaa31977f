/* Platforms that no device has, and manifests that no device gets to. */
#include "check_parts.h"
#include "platform.h"
#include "recipe.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* What people write, and what a device reports. */
static const struct {
    const char *attribute, *written, *reported;
} other_names[] = {{"architecture", "x86_64", "amd64"},
                   {"architecture", "x64", "amd64"},
                   {"architecture", "x86-64", "amd64"},
                   {"architecture", "arm64", "aarch64"},
                   {"architecture", "armv8", "aarch64"},
                   {"architecture", "arm8", "aarch64"},
                   {"architecture", "i386", "x86"},
                   {"architecture", "i686", "x86"},
                   {"architecture", "386", "x86"},
                   {"architecture", "armhf", "arm"},
                   {"architecture", "arm32", "arm"},
                   {"architecture", "armv7", "arm"},
                   {"architecture", "armv7l", "arm"},
                   {"architecture", "armv6", "arm"},
                   {"architecture", "armv6l", "arm"},
                   {"os", "macos", "darwin"},
                   {"os", "osx", "darwin"},
                   {"os", "win", "windows"},
                   {"os", "ubuntu", "linux"},
                   {"os", "debian", "linux"},
                   {"architecture.detail", "arm61", "armv6l"},
                   {"architecture.detail", "arm71", "armv7l"},
                   {"architecture.detail", "arm81", "armv8l"},
                   {"architecture.detail", "armv61", "armv6l"},
                   {"architecture.detail", "armv71", "armv7l"},
                   {"architecture.detail", "armv81", "armv8l"},
                   {"architecture.detail", "armv6", "armv6l"},
                   {"architecture.detail", "armv7", "armv7l"},
                   {"architecture.detail", "armv7hf", "armv7l"}};

static bool is_regex(const char *text)
{
    size_t n = strlen(text);

    return n >= 2 && text[0] == '/' && text[n - 1] == '/';
}

/* os and architecture: "all" and "any" fit every device. */
static bool fits_all(const char *name, const char *text)
{
    if (!text || strcmp(text, "*") == 0) return true;
    return (strcmp(name, "os") == 0 || strcmp(name, "architecture") == 0) &&
           (strcmp(text, "all") == 0 || strcmp(text, "any") == 0);
}

/* 1 when `text` fits one of the values that devices report, 0 when none, -1 for a bad expression. */
static int fits_some(const struct sedge_key *key, const char *text)
{
    sedge_auto_put struct json_object *wanted = json_object_new_object();

    sedge_json_add_str(wanted, key->name, text);
    for (size_t i = 0; key->words[i]; i++) {
        sedge_auto_put struct json_object *platform = json_object_new_object();
        int rc;

        sedge_json_add_str(platform, key->name, key->words[i]);
        rc = sedge_platform_match(wanted, platform, NULL);
        if (rc != 0) return rc;
    }
    return 0;
}

static const char *suggestion_of(const struct sedge_key *key, const char *text)
{
    size_t n = 0;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(other_names); i++)
        if (strcmp(other_names[i].attribute, key->name) == 0 && strcasecmp(other_names[i].written, text) == 0)
            return other_names[i].reported;
    if (strcmp(key->name, "architecture.detail") != 0 && strcasecmp(text, "all") == 0) return "all";
    if (strcmp(key->name, "architecture.detail") != 0 && strcasecmp(text, "any") == 0) return "any";
    while (key->words[n])
        n++;
    return sedge_str_nearest(text, key->words, n);
}

static void check_known(struct check *c, const struct at *at, const struct sedge_key *key, const char *text)
{
    struct about about = {.at = at, .text = text};

    if (!key->words || fits_all(key->name, text) || fits_some(key, text) != 0) return;
    if (is_regex(text)) {
        sedge_check_found(c, RULE_PLATFORM_VALUE, &about, "%s fits nothing that a device reports as %s", text,
                          key->name);
        return;
    }
    if (strcmp(key->name, "architecture.detail") == 0 && (strcmp(text, "all") == 0 || strcmp(text, "any") == 0)) {
        about.suggestion = "*";
        sedge_check_found(c, RULE_PLATFORM_VALUE, &about,
                          "\"%s\" is an ordinary text here, which no device reports; only os and architecture know it",
                          text);
        return;
    }
    about.suggestion = suggestion_of(key, text);
    sedge_check_found(c, RULE_PLATFORM_VALUE, &about,
                      "no device reports \"%s\" as %s (unless platformOverride says so), and letter case counts", text,
                      key->name);
}

static void check_unknown(struct check *c, const struct at *at, const char *text)
{
    const char *name = at->key;
    struct about about = {.at = at, .key = true, .text = name};

    about.suggestion = sedge_key_nearest(SEDGE_KEYS_PLATFORM, name);
    if (about.suggestion && text)
        sedge_check_found(
            c, RULE_PLATFORM_NAME, &about,
            "no device has an attribute \"%s\" unless platformOverride gives it one, and letter case counts: "
            "this manifest fits none",
            name);
}

/* Rule 5 of platform matching: such texts are reserved and fit nothing. */
static void check_reserved(struct check *c, const struct at *at, const char *text)
{
    const struct about about = {.at = at, .text = text};

    if (isalnum((unsigned char)*text) || strcmp(text, "*") == 0 || is_regex(text)) return;
    sedge_check_found(c, RULE_PLATFORM_VALUE, &about,
                      "fits no device: a value begins with a letter or digit, is \"*\", or a /regular expression/");
}

/* Only 32-bit ARM has a detail. */
static void check_detail(struct check *c, const struct at *at, struct json_object *platform)
{
    const char *architecture = sedge_json_str(platform, "architecture", NULL);
    const char *detail = sedge_json_str(platform, "architecture.detail", NULL);
    const struct about about = {.at = AT(at, "architecture.detail"), .key = true, .text = detail};

    if (!architecture || !detail || strcmp(detail, "*") == 0) return;
    if (strcmp(architecture, "aarch64") != 0 && strcmp(architecture, "amd64") != 0 && strcmp(architecture, "x86") != 0)
        return;
    sedge_check_found(c, RULE_PLATFORM_VALUE, &about,
                      "devices of architecture %s report no architecture.detail: this manifest fits none",
                      architecture);
}

static void check_platform(struct check *c, const struct at *at, struct json_object *platform)
{
    json_object_object_foreach (platform, name, v) {
        const struct at here = {at, name, 0};
        const struct sedge_key *key = sedge_key_find(SEDGE_KEYS_PLATFORM, name);
        const char *text = v && sedge_check_is_scalar(v) ? sedge_check_text(v) : NULL;

        if (!key) check_unknown(c, &here, text);
        if (!text) continue;
        if (key && key->words && isalnum((unsigned char)*text))
            check_known(c, &here, key, text);
        else if (key && is_regex(text))
            check_known(c, &here, key, text);
        else
            check_reserved(c, &here, text);
    }
    check_detail(c, at, platform);
}

/* Whether every device that fits `later` fits `earlier`, too: each entry of the latter fits all or stands in both. */
static bool covers(struct json_object *earlier, struct json_object *later)
{
    if (!earlier) return true;
    json_object_object_foreach (earlier, name, v) {
        const char *text = v && sedge_check_is_scalar(v) ? sedge_check_text(v) : NULL;
        struct json_object *other = later ? sedge_json_get(later, name) : NULL;

        if (fits_all(name, text)) continue;
        if (!other || !sedge_check_is_scalar(other) || strcmp(sedge_check_text(other), text ? text : "") != 0)
            return false;
    }
    return true;
}

static void check_reach(struct check *c, const struct at *at, size_t i)
{
    struct json_object *later = sedge_check_object(json_object_array_get_idx(c->manifests, i), "Platform", NULL);

    for (size_t k = 0; k < i; k++) {
        struct json_object *m = json_object_array_get_idx(c->manifests, k);
        struct json_object *earlier = sedge_check_object(m, "Platform", NULL);

        if (!json_object_is_type(m, json_type_object) || !covers(earlier, later)) continue;
        sedge_check_found(
            c, RULE_MANIFEST_UNREACHABLE, &(struct about){.at = AT_INDEX(at, i)},
            "is never used: Manifests[%zu] fits every device that this one fits, and the first one counts", k);
        return;
    }
}

/* Whether a manifest may fit some Linux device; a word that no device reports was told already. */
static bool fits_linux(struct json_object *manifest)
{
    struct json_object *platform = sedge_check_object(manifest, "Platform", NULL);
    struct json_object *os = platform ? sedge_json_get(platform, "os") : NULL;
    sedge_auto_put struct json_object *wanted = json_object_new_object();
    sedge_auto_put struct json_object *device = json_object_new_object();

    if (!os || !sedge_check_is_scalar(os) ||
        fits_some(sedge_key_find(SEDGE_KEYS_PLATFORM, "os"), sedge_check_text(os)) != 1)
        return true;
    sedge_json_add_str(wanted, "os", sedge_check_text(os));
    sedge_json_add_str(device, "os", "linux");
    return sedge_platform_match(wanted, device, NULL) != 0;
}

void sedge_check_platforms(struct check *c)
{
    const char *key = NULL;
    const char *platform_key = NULL;
    struct json_object *manifests = sedge_check_list(c->doc, "Manifests", &key);
    const struct at at = {NULL, key, 0};
    size_t n = manifests ? json_object_array_length(manifests) : 0;
    bool linux_device = n == 0;

    for (size_t i = 0; i < n && !c->full; i++) {
        struct json_object *m = json_object_array_get_idx(manifests, i);
        struct json_object *platform = sedge_check_object(m, "Platform", &platform_key);

        linux_device = linux_device || fits_linux(m);
        if (!json_object_is_type(m, json_type_object)) continue;
        if (platform) check_platform(c, AT(AT_INDEX(&at, i), platform_key), platform);
        if (i < SEDGE_RECIPE_MANIFESTS_MAX) check_reach(c, &at, i);
    }
    if (!linux_device)
        sedge_check_found(c, RULE_NO_LINUX, &(struct about){.at = &at, .key = true}, "no manifest fits a Linux device");
}
