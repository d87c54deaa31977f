#include "recipe_init.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "recipe/recipe.h"

#include <string.h>

/* NAME and VERSION stand for what the user chose. */
static const char recipe_text[] =
    "# yaml-language-server: $schema=./recipe.schema.json\n"
    "# The recipe of one component version: what it is, what it needs, and what runs. Check it with\n"
    "#   sedge recipe check FILE\n"
    "# `sedge recipe schema >recipe.schema.json` beside it gives editors completion.\n"
    "RecipeFormatVersion: \"2020-01-25\"\n"
    "ComponentName: \"NAME\"\n"
    "# Change the version with every change: devices keep what they have of a version.\n"
    "ComponentVersion: \"VERSION\"\n"
    "ComponentDescription: Says hello, again and again.\n"
    "ComponentPublisher: You\n"
    "\n"
    "# Values that a deployment may change. Scripts get them as recipe variables; programs ask with GetConfiguration.\n"
    "ComponentConfiguration:\n"
    "  DefaultConfiguration:\n"
    "    Message: world\n"
    "    IntervalSeconds: 5\n"
    "    # What the component may do over IPC. Without a policy: nothing.\n"
    "    # accessControl:\n"
    "    #   aws.greengrass.ipc.pubsub:\n"
    "    #     \"NAME:pubsub:1\":\n"
    "    #       policyDescription: publish greetings\n"
    "    #       operations: [\"aws.greengrass#PublishToTopic\"]\n"
    "    #       resources: [\"hello/*\"]\n"
    "\n"
    "# Components that must be there, and are started first.\n"
    "# ComponentDependencies:\n"
    "#   com.example.Other: {VersionRequirement: \"^1.0.0\", DependencyType: HARD}\n"
    "\n"
    "# The first manifest whose Platform fits the device counts, alone.\n"
    "Manifests:\n"
    "  - Platform:\n"
    "      os: linux # architecture: amd64, aarch64, arm or x86; without it: any\n"
    "    # The files. A local deployment finds them in <artifactDir>/NAME/VERSION; `sedge-cloud component publish` "
    "uploads them\n"
    "    # and writes the bucket and the SHA-256 digest here. Unarchive: ZIP unpacks an archive.\n"
    "    Artifacts:\n"
    "      - URI: s3://BUCKET/main.sh\n"
    "        Permission:\n"
    "          Execute: OWNER\n"
    "    Lifecycle:\n"
    "      # Runs at every launch of the nucleus; Skipif leaves it out once it has been done.\n"
    "      # install:\n"
    "      #   Skipif: exists {work:path}/installed\n"
    "      #   Script: touch {work:path}/installed\n"
    "      # run stays in the foreground. For a program that goes into the background, write startup and shutdown "
    "instead.\n"
    "      run:\n"
    "        Script: '\"{artifacts:path}/main.sh\" \"{configuration:/Message}\"'\n"
    "        Setenv:\n"
    "          INTERVAL: \"{configuration:/IntervalSeconds}\"\n"
    "      # Before the processes are stopped; they get SIGTERM then.\n"
    "      # shutdown: echo stopping\n";

static const char script_text[] = "#!/bin/sh\n"
                                  "# The program of NAME: whatever it prints goes to its log.\n"
                                  "while :; do\n"
                                  "    echo \"Hello ${1:-world}\"\n"
                                  "    sleep \"${INTERVAL:-5}\"\n"
                                  "done\n";

/* `text` with NAME and VERSION replaced. Heap. */
static char *filled(const char *text, const char *name, const char *version)
{
    const struct {
        const char *word, *value;
    } rows[] = {{"NAME", name}, {"VERSION", version}};
    struct sedge_buf b = SEDGE_BUF_INIT;

    for (const char *p = text; *p;) {
        size_t i = 0;

        while (i < SEDGE_ARRAY_LEN(rows) && !sedge_str_starts(p, rows[i].word))
            i++;
        if (i < SEDGE_ARRAY_LEN(rows)) {
            sedge_buf_puts(&b, rows[i].value);
            p += strlen(rows[i].word);
        } else {
            sedge_buf_putc(&b, *p++);
        }
    }
    return sedge_buf_steal(&b);
}

static int check_names(const char *name, const char *version, struct sedge_err *err)
{
    struct sedge_version parsed;

    if (sedge_component_name_check(name, err) != 0)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "\"%.200s\" is no component name: expected 1 to %d letters, digits, \"-\", \"_\" "
                             "and \".\", such as com.example.Hello",
                             name, SEDGE_COMPONENT_NAME_MAX);
    if (*name == '.')
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "component name \"%s\" begins with \".\"; expected a letter or digit", name);
    return sedge_version_parse(version, &parsed, err);
}

static int write_file(const char *path, const char *text, mode_t mode, struct sedge_err *err)
{
    sedge_auto_free char *folder = sedge_xstrndup(path, (size_t)(strrchr(path, '/') - path));

    if (sedge_fs_mkdirs(folder, 0755, err) != 0) return -1;
    return sedge_fs_write_atomic(path, text, strlen(text), mode, err);
}

/* A word of a shell command. */
static void put_word(struct sedge_buf *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=+:@%-";

    if (word[strspn(word, plain)] == '\0') {
        sedge_buf_puts(out, word);
        return;
    }
    sedge_buf_putc(out, '\'');
    for (; *word; word++)
        if (*word == '\'')
            sedge_buf_puts(out, "'\\''");
        else
            sedge_buf_putc(out, *word);
    sedge_buf_putc(out, '\'');
}

static void put_next(struct sedge_buf *out, const char *dir, const char *name, const char *version)
{
    sedge_auto_free char *recipes = sedge_xasprintf("%s/recipes", dir);
    sedge_auto_free char *artifacts = sedge_xasprintf("%s/artifacts", dir);

    sedge_buf_puts(out, "\nDeploy it:\n  sedge deployment create --recipeDir ");
    put_word(out, recipes);
    sedge_buf_puts(out, " --artifactDir ");
    put_word(out, artifacts);
    sedge_buf_printf(out, " --merge %s=%s\n\nAfter changes, check it:\n  sedge recipe check ", name, version);
    put_word(out, recipes);
    sedge_buf_putc(out, '\n');
}

int sedge_recipe_init(const char *name, const char *version, const char *dir, struct sedge_buf *next,
                      struct sedge_err *err)
{
    sedge_auto_free char *folder = sedge_xasprintf("%s%s", dir ? dir : *name == '-' ? "./" : "", dir ? "" : name);
    sedge_auto_free char *recipe = sedge_xasprintf("%s/recipes/%s-%s.yaml", folder, name, version);
    sedge_auto_free char *script = sedge_xasprintf("%s/artifacts/%s/%s/main.sh", folder, name, version);
    sedge_auto_free char *recipe_body = filled(recipe_text, name, version);
    sedge_auto_free char *script_body = filled(script_text, name, version);
    const char *const paths[] = {recipe, script};

    if (check_names(name, version, err) != 0) return -1;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(paths); i++)
        if (sedge_fs_exists(paths[i]))
            return sedge_err_set(err, SEDGE_E_CONFLICT,
                                 "%s is there already; nothing was written. Choose another --dir or version", paths[i]);
    if (write_file(recipe, recipe_body, 0644, err) != 0 || write_file(script, script_body, 0755, err) != 0) return -1;
    sedge_buf_printf(next, "Wrote %s\nWrote %s\n", recipe, script);
    put_next(next, folder, name, version);
    return 0;
}
