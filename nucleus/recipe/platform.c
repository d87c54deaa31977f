#include "platform.h"
#include "pattern.h"
#include "recipe.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>
#include <sys/utsname.h>

/* Architecture by machine name; the first row that fits wins. */
static const struct {
    const char *machine;
    bool anywhere; /* the text may stand anywhere in the name */
    const char *architecture;
} architectures[] = {{"x86_64", false, "amd64"}, {"amd64", false, "amd64"},     {"i386", false, "x86"},
                     {"i486", false, "x86"},     {"i586", false, "x86"},        {"i686", false, "x86"},
                     {"x86", false, "x86"},      {"aarch64", false, "aarch64"}, {"arm", true, "arm"}};

static const char *const details[] = {"armv6l", "armv7l", "armv8l", "armv6b", "armv7b", "armv8b"};

static const char *architecture_of(const char *machine)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(architectures); i++) {
        const char *m = architectures[i].machine;
        if (architectures[i].anywhere ? strstr(machine, m) != NULL : strcmp(machine, m) == 0)
            return architectures[i].architecture;
    }
    return "unknown";
}

static const char *os_of(const char *sysname)
{
    if (strcmp(sysname, "Linux") == 0) return "linux";
    if (strcmp(sysname, "Darwin") == 0) return "darwin";
    return strncmp(sysname, "Windows", 7) == 0 ? "windows" : "unknown";
}

struct json_object *sedge_platform_from(const char *sysname, const char *machine)
{
    struct json_object *p = json_object_new_object();
    sedge_auto_free char *low = sedge_xstrdup(machine);
    const char *architecture;

    for (char *c = low; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    architecture = architecture_of(low);
    sedge_json_add_str(p, "os", os_of(sysname));
    sedge_json_add_str(p, "architecture", architecture);
    if (strcmp(architecture, "arm") != 0 && strcmp(architecture, "aarch64") != 0) return p;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(details); i++)
        if (strcmp(low, details[i]) == 0) sedge_json_add_str(p, "architecture.detail", details[i]);
    return p;
}

struct json_object *sedge_platform_detect(void)
{
    struct utsname u;

    if (uname(&u) != 0) return sedge_platform_from("", "");
    return sedge_platform_from(u.sysname, u.machine);
}

void sedge_platform_override(struct json_object *platform, struct json_object *overrides)
{
    if (!overrides || !json_object_is_type(overrides, json_type_object)) return;
    json_object_object_foreach (overrides, name, v) {
        if (sedge_json_is_str(v)) sedge_json_add_str(platform, name, json_object_get_string(v));
    }
}

static bool is_regex(const char *text)
{
    size_t n = strlen(text);

    return n >= 2 && text[0] == '/' && text[n - 1] == '/';
}

/* The expression of "/.../"; NULL on failure. */
static struct sedge_pattern *compile(const char *text, struct sedge_err *err)
{
    sedge_auto_free char *inner = NULL;
    struct sedge_err why = SEDGE_ERR_INIT;
    struct sedge_pattern *p;

    if (strlen(text) > SEDGE_PLATFORM_TEMPLATE_MAX) {
        (void)sedge_err_set(err, SEDGE_E_LIMIT, "a platform value is longer than %d characters",
                            SEDGE_PLATFORM_TEMPLATE_MAX);
        return NULL;
    }
    inner = sedge_xstrndup(text + 1, strlen(text) - 2);
    p = sedge_pattern_parse(inner, &why);
    if (!p && why.code == SEDGE_E_INVALID)
        (void)sedge_err_set(err, why.code, "\"%s\" is not a valid regular expression: %s", text, why.msg);
    else if (!p)
        (void)sedge_err_set(err, why.code, "the regular expression \"%s\" cannot be used here: %s", text, why.msg);
    return p;
}

int sedge_platform_template_check(const char *text, struct sedge_err *err)
{
    struct sedge_pattern *p = is_regex(text) ? compile(text, err) : NULL;

    if (is_regex(text) && !p) return -1;
    sedge_pattern_free(p);
    return 0;
}

static int match_regex(const char *text, const char *value, struct sedge_err *err)
{
    struct sedge_pattern *p = compile(text, err);
    int hit = p ? sedge_pattern_match(p, value) : -1;

    sedge_pattern_free(p);
    return hit;
}

static bool is_blank(const char *s)
{
    return s[strspn(s, " \t\r\n")] == '\0';
}

static int match_one(const char *name, const char *text, const char *value, struct sedge_err *err)
{
    bool known = strcmp(name, "os") == 0 || strcmp(name, "architecture") == 0;

    if (!text || strcmp(text, "*") == 0) return 1;
    if (!value || is_blank(value)) return 0;
    if (is_regex(text)) return match_regex(text, value, err);
    if (known && (strcmp(text, "all") == 0 || strcmp(text, "any") == 0)) return 1;
    if ((unsigned char)*text >= 0x80 || !isalnum((unsigned char)*text)) return 0; /* reserved for later syntax */
    return strcmp(text, value) == 0;
}

int sedge_platform_match(struct json_object *wanted, struct json_object *platform, struct sedge_err *err)
{
    if (!wanted) return 1;
    json_object_object_foreach (wanted, name, v) {
        int rc = match_one(name, v ? json_object_get_string(v) : NULL, sedge_json_str(platform, name, NULL), err);
        if (rc != 1) return rc < 0 ? sedge_err_wrap(err, "Platform.%s", name) : 0;
    }
    return 1;
}
