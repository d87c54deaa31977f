#include "keys.h"
#include "recipe.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>
#include <strings.h>

#define WORDS(...)                                                                                                     \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

static const struct sedge_key recipe_keys[] = {
    {.name = "RecipeFormatVersion",
     .type = SEDGE_KEY_FORMAT,
     .required = true,
     .expected = "\"" SEDGE_RECIPE_FORMAT "\"",
     .about = "Always \"" SEDGE_RECIPE_FORMAT "\"."},
    {.name = "ComponentName",
     .type = SEDGE_KEY_NAME,
     .required = true,
     .expected = "a text such as com.example.Hello",
     .also = "Name",
     .about = "1 to 128 letters, digits, \"-\", \"_\", \".\"; letter case counts."},
    {.name = "ComponentVersion",
     .type = SEDGE_KEY_VERSION,
     .required = true,
     .expected = "a text such as \"1.0.0\"",
     .also = "Version",
     .about = "major.minor.patch[-prerelease][+build], all three numbers."},
    {.name = "ComponentType",
     .type = SEDGE_KEY_WORD,
     .words =
         WORDS("aws.greengrass.generic", "aws.greengrass.lambda", "aws.greengrass.plugin", "aws.greengrass.nucleus"),
     .also = "Type",
     .about = "aws.greengrass.generic when absent; sedge runs no other type."},
    {.name = "ComponentDescription", .type = SEDGE_KEY_TEXT, .also = "Description", .about = "For people."},
    {.name = "ComponentPublisher", .type = SEDGE_KEY_TEXT, .also = "Publisher", .about = "For people."},
    {.name = "ComponentSource",
     .type = SEDGE_KEY_TEXT,
     .also = "Source",
     .about = "The Lambda function that the component was made from; informational."},
    {.name = "ComponentConfiguration",
     .type = SEDGE_KEY_OBJECT,
     .below = SEDGE_KEYS_CONFIGURATION,
     .also = "Configuration Config",
     .about = "Holds DefaultConfiguration."},
    {.name = "ComponentDependencies",
     .type = SEDGE_KEY_NAMED,
     .below = SEDGE_KEYS_DEPENDENCY,
     .max = SEDGE_RECIPE_DEPS_MAX,
     .also = "Dependencies",
     .about = "Components that this one needs: name -> VersionRequirement and DependencyType."},
    {.name = "Manifests",
     .type = SEDGE_KEY_OBJECTS,
     .required = true,
     .expected = "a list with at least one manifest",
     .below = SEDGE_KEYS_MANIFEST,
     .max = SEDGE_RECIPE_MANIFESTS_MAX,
     .about = "The first one whose Platform fits the device is used; the others are ignored."},
    {.name = "Lifecycle",
     .type = SEDGE_KEY_GLOBAL_LIFECYCLE,
     .about = "Steps for manifests without a Lifecycle of their own, filtered by their Selections. It is never merged "
              "with that of a manifest."},
};

static const struct sedge_key configuration_keys[] = {
    {.name = "DefaultConfiguration",
     .type = SEDGE_KEY_VALUES,
     .also = "Configuration Default Defaults",
     .about = "Any object: what the configuration is until deployments change it. accessControl in it says what the "
              "component may do."},
};

static const struct sedge_key dependency_keys[] = {
    {.name = "VersionRequirement",
     .type = SEDGE_KEY_REQUIREMENT,
     .required = true,
     .expected = "a text such as \">=1.0.0 <2.0.0\"",
     .also = "Version Requirement",
     .about = "1.2.3, ^1.2.0, ~1.2, 1.x, >=1.0.0 <2.0.0, 1.0.0 - 2.0.0, A || B, *"},
    {.name = "DependencyType",
     .type = SEDGE_KEY_WORD,
     .words = WORDS("HARD", "SOFT"),
     .also = "Type",
     .about = "HARD (when absent): this component waits for the other one and restarts with it. SOFT: it is deployed, "
              "nothing more."},
};

static const struct sedge_key manifest_keys[] = {
    {.name = "Name", .type = SEDGE_KEY_TEXT, .about = "A label for people."},
    {.name = "Platform",
     .type = SEDGE_KEY_PLATFORM,
     .below = SEDGE_KEYS_PLATFORM,
     .about = "Every entry must fit the device: a text, /regular expression/, \"*\"; all or any for os and "
              "architecture. Absent: fits every device. Letter case counts."},
    {.name = "Selections",
     .type = SEDGE_KEY_TEXTS,
     .max = SEDGE_RECIPE_SELECTIONS_MAX,
     .about = "Keys of the global Lifecycle that count for this manifest, the preferred one first; then \"all\"."},
    {.name = "Lifecycle", .type = SEDGE_KEY_LIFECYCLE, .about = "The steps. It replaces the global Lifecycle whole."},
    {.name = "Artifacts",
     .type = SEDGE_KEY_OBJECTS,
     .expected = "a list of artifacts",
     .below = SEDGE_KEYS_ARTIFACT,
     .max = SEDGE_RECIPE_ARTIFACTS_MAX,
     .about = "The files of this version."},
};

static const struct sedge_key platform_keys[] = {
    {.name = "os",
     .type = SEDGE_KEY_TEXT,
     .words = WORDS("linux", "darwin", "windows", "unknown"),
     .about = "linux, darwin, windows; all or any for every device."},
    {.name = "architecture",
     .type = SEDGE_KEY_TEXT,
     .words = WORDS("amd64", "aarch64", "arm", "x86", "unknown"),
     .also = "arch cpu",
     .about = "amd64, aarch64, arm, x86; all or any for every device."},
    {.name = "architecture.detail",
     .type = SEDGE_KEY_TEXT,
     .words = WORDS("armv6l", "armv7l", "armv8l", "armv6b", "armv7b", "armv8b"),
     .also = "detail architecture_detail architectureDetail",
     .about = "armv6l, armv7l, armv8l and so on; 32-bit ARM only, other devices have none."},
    {.name = "runtime", .type = SEDGE_KEY_TEXT, .about = "Of other nuclei; on sedge only \"*\" fits."},
};

static const struct sedge_key artifact_keys[] = {
    {.name = "URI",
     .type = SEDGE_KEY_URI,
     .required = true,
     .expected = "a text such as s3://bucket/key",
     .also = "Url File Path",
     .about =
         "s3://bucket/key/file; http://, https:// and file:// are extensions of sedge. The file gets the name after "
         "the last \"/\"."},
    {.name = "Digest",
     .type = SEDGE_KEY_TEXT,
     .also = "Hash Checksum",
     .about =
         "Base64 of the hash; component publish writes it. Without it the file must be in the artifact folder of a "
         "local deployment."},
    {.name = "Algorithm", .type = SEDGE_KEY_TEXT, .about = "SHA-256; belongs to Digest."},
    {.name = "Unarchive",
     .type = SEDGE_KEY_WORD,
     .words = WORDS("NONE", "ZIP", "TAR", "TGZ"),
     .also = "Unpack Unzip Decompress Extract",
     .about =
         "NONE when absent. Unpacked to {artifacts:decompressedPath}/<file name without extension>. TAR and TGZ are "
         "extensions of sedge."},
    {.name = "Permission",
     .type = SEDGE_KEY_OBJECT,
     .below = SEDGE_KEYS_PERMISSION,
     .about = "Who may read and execute the file and what is unpacked from it."},
};

static const struct sedge_key permission_keys[] = {
    {.name = "Read",
     .type = SEDGE_KEY_WORD,
     .words = WORDS("NONE", "OWNER", "ALL"),
     .about = "OWNER when absent: the component's user."},
    {.name = "Execute",
     .type = SEDGE_KEY_WORD,
     .words = WORDS("NONE", "OWNER", "ALL"),
     .also = "Exec Run",
     .about = "NONE when absent."},
};

static const struct sedge_key lifecycle_keys[] = {
    {.name = "bootstrap",
     .type = SEDGE_KEY_STEP,
     .about = "Before the new version counts, in a deployment. Exit code 100 restarts the nucleus, 101 the device."},
    {.name = "install",
     .type = SEDGE_KEY_STEP,
     .also = "setup prepare",
     .about = "Runs at every launch of the nucleus and for every new version; see Skipif."},
    {.name = "startup",
     .type = SEDGE_KEY_STEP,
     .about = "A script that ends (or reports RUNNING): the component is RUNNING after exit code 0. Instead of run."},
    {.name = "run",
     .type = SEDGE_KEY_STEP,
     .also = "exec execute main script command",
     .about = "A script that keeps running: the component is RUNNING as soon as it has begun."},
    {.name = "shutdown",
     .type = SEDGE_KEY_STEP,
     .also = "stop teardown",
     .about = "Before the processes of the component are stopped; 15 s. Its exit code is ignored."},
    {.name = "recover", .type = SEDGE_KEY_STEP, .about = "After each error; 60 s. Its exit code is ignored."},
    {.name = "uninstall", .type = SEDGE_KEY_STEP, .also = "remove", .about = "When the component is removed for good."},
    {.name = "setenv", .type = SEDGE_KEY_ENVIRONMENT, .also = "env environment", .about = "Environment of every step."},
    {.name = "errorResetTime",
     .type = SEDGE_KEY_SECONDS,
     .about = "Seconds without an error after which earlier ones are forgotten; 3600 when absent."},
    {.name = "sedge",
     .type = SEDGE_KEY_SETTINGS,
     .below = SEDGE_KEYS_EXTENSION,
     .about = "Extensions of sedge, which other nuclei ignore: restart back-off, readiness, watchdog."},
};

static const struct sedge_key step_keys[] = {
    {.name = "Script",
     .type = SEDGE_KEY_SCRIPT,
     .required = true,
     .expected = "a text",
     .also = "command cmd run exec",
     .about = "Shell commands."},
    {.name = "RequiresPrivilege",
     .type = SEDGE_KEY_BOOL,
     .also = "privileged privilege root sudo",
     .about = "true: runs as the user of the nucleus (root), not as the component's."},
    {.name = "Skipif",
     .type = SEDGE_KEY_SKIPIF,
     .also = "skip if unless",
     .about = "The step is left out when this holds: onpath NAME, exists PATH, or either with \"!\" in front."},
    {.name = "Timeout",
     .type = SEDGE_KEY_SECONDS,
     .about = "Seconds. When absent: 120; shutdown 15, recover 60, run none."},
    {.name = "Setenv",
     .type = SEDGE_KEY_ENVIRONMENT,
     .also = "env environment",
     .about = "Environment of this step, over that of the lifecycle."},
    {.name = "BootstrapOnRollback",
     .type = SEDGE_KEY_BOOL,
     .about = "bootstrap only: run it again when the deployment is rolled back."},
};

static const struct sedge_key extension_keys[] = {
    {.name = "backoff",
     .type = SEDGE_KEY_SETTINGS,
     .below = SEDGE_KEYS_BACKOFF,
     .about = "Pauses between attempts after errors; true for the defaults."},
    {.name = "readiness",
     .type = SEDGE_KEY_TEXT,
     .words = WORDS("report"),
     .about = "report: RUNNING only when the component says so (UpdateState)."},
    {.name = "startTimeout", .type = SEDGE_KEY_SECONDS, .about = "Seconds for that report."},
    {.name = "watchdog",
     .type = SEDGE_KEY_SETTINGS,
     .below = SEDGE_KEYS_WATCHDOG,
     .about = "Seconds without a sign of life after which the component is started again."},
};

static const struct sedge_key backoff_keys[] = {
    {.name = "initial", .type = SEDGE_KEY_NUMBER, .about = "Seconds of the first pause; 1 when absent."},
    {.name = "max", .type = SEDGE_KEY_NUMBER, .about = "Seconds of the longest pause; 300 when absent."},
    {.name = "factor", .type = SEDGE_KEY_NUMBER, .about = "From one pause to the next; 2 when absent."},
    {.name = "jitter",
     .type = SEDGE_KEY_NUMBER,
     .about = "Share by which a pause is shortened at random; 0.2 when absent."},
    {.name = "resetAfter",
     .type = SEDGE_KEY_NUMBER,
     .about = "Seconds of RUNNING after which the first pause is the next one; 600 when absent."},
    {.name = "attempts", .type = SEDGE_KEY_NUMBER, .about = "Errors in a row until BROKEN; 0 when absent: never."},
};

static const struct sedge_key watchdog_keys[] = {
    {.name = "timeout", .type = SEDGE_KEY_NUMBER, .about = "Seconds."},
    {.name = "output", .type = SEDGE_KEY_BOOL, .about = "true: a line of output is a sign of life, too."},
};

static const struct sedge_key policy_keys[] = {
    {.name = "policyDescription", .type = SEDGE_KEY_TEXT, .also = "description", .about = "For people."},
    {.name = "operations",
     .type = SEDGE_KEY_TEXTS,
     .required = true,
     .also = "actions",
     .about = "Operations such as aws.greengrass#PublishToTopic; \"*\" for all of the service."},
    {.name = "resources",
     .type = SEDGE_KEY_TEXTS,
     .required = true,
     .also = "topics",
     .about = "What they may be done to; \"*\" stands for any run of characters, ${*} for the character."},
};

#define LEVEL(name_, rows_)                                                                                            \
    {                                                                                                                  \
        .name = (name_), .rows = (rows_), .n = SEDGE_ARRAY_LEN(rows_)                                                  \
    }

static const struct level {
    const char *name;
    const struct sedge_key *rows;
    size_t n;
} levels[SEDGE_KEYS_NLEVELS] = {
    [SEDGE_KEYS_RECIPE] = LEVEL("recipe", recipe_keys),
    [SEDGE_KEYS_CONFIGURATION] = LEVEL("ComponentConfiguration", configuration_keys),
    [SEDGE_KEYS_DEPENDENCY] = LEVEL("dependency", dependency_keys),
    [SEDGE_KEYS_MANIFEST] = LEVEL("manifest", manifest_keys),
    [SEDGE_KEYS_PLATFORM] = LEVEL("Platform", platform_keys),
    [SEDGE_KEYS_ARTIFACT] = LEVEL("artifact", artifact_keys),
    [SEDGE_KEYS_PERMISSION] = LEVEL("Permission", permission_keys),
    [SEDGE_KEYS_LIFECYCLE] = LEVEL("lifecycle", lifecycle_keys),
    [SEDGE_KEYS_STEP] = LEVEL("step", step_keys),
    [SEDGE_KEYS_EXTENSION] = LEVEL("extension", extension_keys),
    [SEDGE_KEYS_BACKOFF] = LEVEL("backoff", backoff_keys),
    [SEDGE_KEYS_WATCHDOG] = LEVEL("watchdog", watchdog_keys),
    [SEDGE_KEYS_POLICY] = LEVEL("policy", policy_keys),
};

const struct sedge_key *sedge_keys(enum sedge_keys_level level, size_t *n)
{
    *n = levels[level].n;
    return levels[level].rows;
}

const struct sedge_key *sedge_key_find(enum sedge_keys_level level, const char *name)
{
    const struct level *l = &levels[level];

    for (size_t i = 0; i < l->n; i++)
        if ((level == SEDGE_KEYS_PLATFORM ? strcmp(l->rows[i].name, name) : strcasecmp(l->rows[i].name, name)) == 0)
            return &l->rows[i];
    return NULL;
}

static bool is_also(const struct sedge_key *row, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = row->also; p && *p;) {
        size_t word = strcspn(p, " ");

        if (word == n && strncasecmp(p, name, n) == 0) return true;
        p += word;
        p += strspn(p, " ");
    }
    return false;
}

const char *sedge_key_nearest(enum sedge_keys_level level, const char *name)
{
    const struct level *l = &levels[level];
    const char *names[32] = {NULL};

    sedge_assert(l->n <= SEDGE_ARRAY_LEN(names));
    for (size_t i = 0; i < l->n; i++) {
        if (is_also(&l->rows[i], name)) return l->rows[i].name;
        names[i] = l->rows[i].name;
    }
    return sedge_str_nearest(name, names, l->n);
}

const char *sedge_key_expected(const struct sedge_key *key)
{
    static const char *const texts[SEDGE_NKEY_TYPES] = {
        [SEDGE_KEY_TEXT] = "text",
        [SEDGE_KEY_FORMAT] = "text",
        [SEDGE_KEY_NAME] = "text",
        [SEDGE_KEY_VERSION] = "text",
        [SEDGE_KEY_REQUIREMENT] = "text",
        [SEDGE_KEY_WORD] = "a word",
        [SEDGE_KEY_OBJECT] = "an object",
        [SEDGE_KEY_OBJECTS] = "a list",
        [SEDGE_KEY_NAMED] = "an object",
        [SEDGE_KEY_TEXTS] = "a list of texts",
        [SEDGE_KEY_PLATFORM] = "an object",
        [SEDGE_KEY_VALUES] = "an object",
        [SEDGE_KEY_URI] = "text",
        [SEDGE_KEY_LIFECYCLE] = "an object with steps",
        [SEDGE_KEY_GLOBAL_LIFECYCLE] = "an object with steps",
        [SEDGE_KEY_STEP] = "a script, or an object with Script",
        [SEDGE_KEY_SCRIPT] = "text",
        [SEDGE_KEY_SKIPIF] = "\"onpath NAME\" or \"exists PATH\", with an optional \"!\" in front",
        [SEDGE_KEY_SECONDS] = "a number of seconds",
        [SEDGE_KEY_NUMBER] = "a number",
        [SEDGE_KEY_SETTINGS] = "an object",
        [SEDGE_KEY_BOOL] = "true or false",
        [SEDGE_KEY_ENVIRONMENT] = "an object of names and texts",
    };

    return key->expected ? key->expected : texts[key->type];
}

const char *sedge_keys_level_name(enum sedge_keys_level level)
{
    return levels[level].name;
}
