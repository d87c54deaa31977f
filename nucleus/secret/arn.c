#include "arn.h"

#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

#define LOCAL_PREFIX "arn:aws:secretsmanager:local:000000000000:secret:"
#define FIELDS       6 /* in front of the name */
#define SUFFIX_LEN   6

bool sedge_secret_is_arn(const char *id)
{
    return sedge_str_starts(id, "arn:");
}

/* What stands behind "arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:", NULL if it is none of that. */
static const char *resource_of(const char *arn)
{
    static const char *const want[FIELDS] = {"arn", NULL, "secretsmanager", NULL, NULL, "secret"};
    const char *p = arn;

    for (size_t i = 0; i < FIELDS; i++) {
        size_t n = strcspn(p, ":");
        if (!p[n] || (want[i] && (strlen(want[i]) != n || strncmp(p, want[i], n) != 0))) return NULL;
        p += n + 1;
    }
    return p;
}

/* Length of the name in NAME-XXXXXX, 0 if it has not that form. */
static size_t name_len(const char *resource)
{
    size_t n = strlen(resource);

    if (n < SUFFIX_LEN + 2 || resource[n - SUFFIX_LEN - 1] != '-') return 0;
    for (size_t i = n - SUFFIX_LEN; i < n; i++)
        if (!isalnum((unsigned char)resource[i])) return 0;
    return n - SUFFIX_LEN - 1;
}

bool sedge_secret_arn_has_name(const char *arn, const char *name)
{
    const char *resource = resource_of(arn);
    size_t n = resource ? name_len(resource) : 0;

    return n > 0 && strlen(name) == n && strncmp(resource, name, n) == 0;
}

int sedge_secret_name_check(const char *name, struct sedge_err *err)
{
    size_t n = strlen(name);

    if (n > SEDGE_SECRET_NAME_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "the name of the secret has %zu bytes, at most %d are possible", n,
                             SEDGE_SECRET_NAME_MAX);
    if (n > 0 && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+=.@-") == n) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "\"%s\" is not a name of a secret: letters, digits and the characters /_+=.@- are possible",
                         name);
}

char *sedge_secret_arn_name(const char *arn, struct sedge_err *err)
{
    const char *resource = resource_of(arn);
    size_t n = resource ? name_len(resource) : 0;
    sedge_auto_free char *name = n > 0 ? sedge_xstrndup(resource, n) : NULL;

    if (strlen(arn) > SEDGE_SECRET_ARN_MAX) {
        (void)sedge_err_set(err, SEDGE_E_LIMIT, "the ARN has %zu bytes, at most %d are possible", strlen(arn),
                            SEDGE_SECRET_ARN_MAX);
        return NULL;
    }
    if (!name) {
        (void)sedge_err_set(err, SEDGE_E_INVALID,
                            "\"%s\" is not the ARN of a secret: expected "
                            "arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX, with six letters or digits at "
                            "the end",
                            arn);
        return NULL;
    }
    return sedge_secret_name_check(name, err) == 0 ? sedge_steal(&name) : NULL;
}

char *sedge_secret_local_arn(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    uint8_t bytes[SUFFIX_LEN];
    char suffix[SUFFIX_LEN + 1] = {0};

    sedge_random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < SUFFIX_LEN; i++)
        suffix[i] = letters[bytes[i] % (sizeof letters - 1)]; /* unique by its name; the letters need not be even */
    return sedge_xasprintf(LOCAL_PREFIX "%s-%s", name, suffix);
}
