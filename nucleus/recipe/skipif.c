#include "step.h"

#include "base/mem.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char blanks[] = " \t\r\n";

static int refuse(const char *text, struct sedge_err *err)
{
    return sedge_err_set(
        err, SEDGE_E_INVALID,
        "skipif \"%.200s\": expected \"onpath NAME\" or \"exists PATH\", with an optional \"!\" in front", text);
}

int sedge_skipif_parse(const char *text, struct sedge_skipif *out, struct sedge_err *err)
{
    const char *p = text + strspn(text, blanks);
    size_t n;

    *out = (struct sedge_skipif){.argument = NULL};
    if (*p == '!') {
        out->negate = true;
        p++;
        p += strspn(p, blanks);
    }
    if (strncmp(p, "onpath", 6) == 0)
        out->op = SEDGE_SKIPIF_ONPATH;
    else if (strncmp(p, "exists", 6) == 0)
        out->op = SEDGE_SKIPIF_EXISTS;
    else
        return refuse(text, err);
    p += 6;
    if (!*p || !strchr(blanks, *p)) return refuse(text, err);
    p += strspn(p, blanks);
    n = strlen(p);
    while (n > 0 && strchr(blanks, p[n - 1]))
        n--;
    if (n == 0) return refuse(text, err);
    out->argument = sedge_xstrndup(p, n);
    return 0;
}

void sedge_skipif_release(struct sedge_skipif *s)
{
    free(s->argument);
    s->argument = NULL;
}

static bool exists(const struct sedge_skipif_env *env, const char *path)
{
    struct stat st;

    if (env->exists) return env->exists(path, env->user);
    return stat(path, &st) == 0;
}

static bool executable(const struct sedge_skipif_env *env, const char *path)
{
    struct stat st;

    if (env->executable) return env->executable(path, env->user);
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* "~packages/x" -> "<root>/packages/x". Heap. */
static char *expand(const struct sedge_skipif_env *env, const char *path)
{
    const struct {
        const char *prefix;
        const char *base;
        const char *below;
    } rows[] = {{"~/", env->home, ""},
                {"~root/", env->root, ""},
                {"~config/", env->root, "/config"},
                {"~packages/", env->root, "/packages"}};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        if (rows[i].base && sedge_str_starts(path, rows[i].prefix))
            return sedge_xasprintf("%s%s/%s", rows[i].base, rows[i].below, path + strlen(rows[i].prefix));
    return sedge_xstrdup(path);
}

static bool on_path(const struct sedge_skipif_env *env, const char *name)
{
    static const char *const system_folders[] = {"/bin", "/usr/bin", "/sbin", "/usr/sbin"};
    sedge_auto_strv struct sedge_strv folders = {NULL, 0};

    if (*name == '/') return executable(env, name);
    if (env->search_path) sedge_strv_split(&folders, env->search_path, ":,");
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(system_folders); i++)
        if (!sedge_strv_has(&folders, system_folders[i])) sedge_strv_add(&folders, system_folders[i]);
    for (size_t i = 0; i < folders.n; i++) {
        sedge_auto_free char *path = sedge_xasprintf("%s/%s", folders.v[i], name);

        if (*folders.v[i] && executable(env, path)) return true;
    }
    return false;
}

bool sedge_skipif_eval(const struct sedge_skipif *s, const struct sedge_skipif_env *env)
{
    sedge_auto_free char *path = NULL;

    if (s->op == SEDGE_SKIPIF_ONPATH) return on_path(env, s->argument) != s->negate;
    path = expand(env, s->argument);
    return exists(env, path) != s->negate;
}
