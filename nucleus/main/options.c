#include "options.h"

#include "base/mem.h"
#include "base/str.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

static const struct option_row {
    const char *name;
    const char *alias;
    size_t offset;
    int flag; /* takes no value */
} rows[] = {
    {"--root", "-r", offsetof(struct sedge_options, root), 0},
    {"--config", "-i", offsetof(struct sedge_options, config_file), 0},
    {"--init-config", "-init", offsetof(struct sedge_options, init_config), 0},
    {"--aws-region", "-ar", offsetof(struct sedge_options, aws_region), 0},
    {"--env-stage", "-es", offsetof(struct sedge_options, env_stage), 0},
    {"--component-default-user", "-u", offsetof(struct sedge_options, default_user), 0},
    {"--help", "-h", offsetof(struct sedge_options, help), 1},
    {"--version", "-V", offsetof(struct sedge_options, version), 1},
};

const char *sedge_options_usage(void)
{
    return "Usage: sedge-nucleus [options]\n"
           "\n"
           "Runs the components of this device until SIGTERM.\n"
           "\n"
           "  -r, --root DIR              folder of everything the nucleus keeps (default: $SEDGE_ROOT, else\n"
           "                              /var/lib/sedge for root, ~/.sedge for other users)\n"
           "      --init-config FILE      configuration merged over what is stored; for provisioning\n"
           "  -i, --config FILE           new base configuration; discards what is stored\n"
           "      --aws-region NAME       region text of the device\n"
           "      --env-stage NAME        accepted for compatibility\n"
           "  -u, --component-default-user USER[:GROUP]\n"
           "                              whom components run as (needed when the nucleus runs as root)\n"
           "  -V, --version               print the version\n"
           "  -h, --help                  print this text\n";
}

static const struct option_row *find(const char *word, size_t n)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        if (strlen(rows[i].name) == n && strncmp(rows[i].name, word, n) == 0) return &rows[i];
        if (strlen(rows[i].alias) == n && strncmp(rows[i].alias, word, n) == 0) return &rows[i];
    }
    return NULL;
}

static int unknown(const char *word, struct sedge_err *err)
{
    const char *names[SEDGE_ARRAY_LEN(rows)];
    const char *near;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        names[i] = rows[i].name;
    near = sedge_str_nearest(word, names, SEDGE_ARRAY_LEN(rows));
    return sedge_err_set(err, SEDGE_E_INVALID, "unknown option \"%s\"%s%s%s. Try --help", word,
                         near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

int sedge_options_parse(int argc, char **argv, struct sedge_options *out, struct sedge_err *err)
{
    memset(out, 0, sizeof *out);
    for (int i = 1; i < argc; i++) {
        size_t n = strcspn(argv[i], "=");
        const struct option_row *row = find(argv[i], n);
        const char *value;

        if (!row) return unknown(argv[i], err);
        if (row->flag) {
            *(int *)(void *)((char *)out + row->offset) = 1;
            continue;
        }
        value = argv[i][n] ? argv[i] + n + 1 : argv[++i];
        if (!value) return sedge_err_set(err, SEDGE_E_INVALID, "option %s needs a value. Try --help", row->name);
        memcpy((char *)out + row->offset, &value, sizeof value);
        if (i >= argc) break;
    }
    return 0;
}

char *sedge_options_root(const struct sedge_options *o)
{
    const char *root = o->root ? o->root : getenv("SEDGE_ROOT");
    const char *home = getenv("HOME");
    char cwd[PATH_MAX];

    if (!root && geteuid() == 0) return sedge_xstrdup("/var/lib/sedge");
    if (!root) return sedge_xasprintf("%s/.sedge", home ? home : "/tmp");
    if (root[0] == '~' && root[1] == '/' && home) return sedge_xasprintf("%s/%s", home, root + 2);
    if (root[0] == '/') return sedge_xstrdup(root);
    return sedge_xasprintf("%s/%s", getcwd(cwd, sizeof cwd) ? cwd : "", root);
}
