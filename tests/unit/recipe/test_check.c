#include "../test.h"

#include "base/mem.h"
#include "base/fs.h"
#include "recipe/check_parts.h"
#include "recipe/recipe.h"

#define HEAD     "RecipeFormatVersion: 2020-01-25\nComponentName: com.x.A\nComponentVersion: 1.0.0\n"
#define MANIFEST HEAD "Manifests:\n  - Lifecycle:\n"
#define GLOBAL   HEAD "Manifests: [{Selections: [linux]}]\nLifecycle:\n"
#define ACCESS   HEAD "Manifests: [{}]\nComponentConfiguration:\n  DefaultConfiguration:\n    accessControl:\n"
#define ARTIFACT HEAD "Manifests:\n  - Artifacts:\n"

struct row {
    const char *text;
    const char *place;   /* "line:column" */
    const char *finding; /* "severity rule" */
    const char *message; /* a part of "member: message" */
};

static void check(const char *text, const char *file, struct sedge_report *r)
{
    sedge_recipe_check(text, strlen(text), file, r);
}

/* Heap; one finding a line. */
static char *rendered(const struct sedge_report *r, bool notes)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    for (size_t i = 0; i < r->n; i++)
        if (notes || r->v[i].severity != SEDGE_SEVERITY_NOTE)
            sedge_buf_printf(&b, "%u:%u %s %s %s: %s\n", r->v[i].line, r->v[i].column,
                             sedge_severity_name(r->v[i].severity), r->v[i].rule, r->v[i].member, r->v[i].message);
    return sedge_buf_steal(&b);
}

/* The row is the only finding; notes count only when the row is one. */
static void run(const struct row *row, const char *file)
{
    struct sedge_report r;
    sedge_auto_free char *want = sedge_xasprintf("%s %s ", row->place, row->finding);
    sedge_auto_free char *got = NULL;

    check(row->text, file, &r);
    got = rendered(&r, strncmp(row->finding, "note", 4) == 0);
    if (strncmp(got, want, strlen(want)) != 0 || !strstr(got, row->message) || strchr(got, '\n')[1])
        fail_msg("wanted %s%s\ngot\n%s\nfor\n%s", want, row->message, got, row->text);
    sedge_report_release(&r);
}

static void run_all(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        run(&rows[i], rows[i].text[0] == '{' ? "x.json" : "x.yaml");
}

static void what_the_nucleus_refuses_is_an_error_with_its_place(void **st)
{
    static const struct row rows[] = {
        {"{\"a\":[{}\n}", "2:1", "error syntax", "not valid JSON: expected \",\" or \"]\""},
        {"a: [\n", "2:1", "error syntax", "not valid YAML"},
        {"a: 1\na: 2\n", "2:1", "error syntax", "key \"a\" is there twice"},
        {"RecipeFormatVersion: 2019-01-01\nComponentName: a\nComponentVersion: 1.0.0\nManifests: [{}]\n", "1:22",
         "error value", "RecipeFormatVersion: expected \"2020-01-25\", got 2019-01-01"},
        {"RecipeFormatVersion: 2020-01-25\nComponentName: a b\nComponentVersion: 1.0.0\nManifests: [{}]\n", "2:16",
         "error value", "ComponentName: component name \"a b\" has a character other"},
        {"RecipeFormatVersion: 2020-01-25\nComponentName: .a\nComponentVersion: 1.0.0\nManifests: [{}]\n", "2:16",
         "error component-name", "cannot be deployed"},
        {"RecipeFormatVersion: 2020-01-25\nComponentName: a\nComponentVersion: '1.0'\nManifests: [{}]\n", "3:19",
         "error value", "expected three numbers"},
        {HEAD, "1:1", "error missing-manifest", "Manifests is missing; expected a list with at least one manifest"},
        {HEAD "Manifests: []\n", "4:12", "error missing-manifest", "Manifests: is empty"},
        {HEAD "Manifests: {}\n", "4:12", "error type",
         "Manifests: expected a list with at least one manifest, got an object"},
        {HEAD "Manifests: [null]\n", "4:13", "error type", "Manifests[0]: expected an object (manifest), got nothing"},
        {HEAD "Manifests: [{}]\nComponentType: x\n", "5:16", "error value",
         "expected one of aws.greengrass.generic, aws.greengrass.lambda"},
        {HEAD "Manifests: [{}]\nComponentType: aws.greengrass.generik\n", "5:16", "error value",
         "did you mean \"aws.greengrass.generic\"?"},
        {HEAD "Manifests: [{}]\nComponentType: AWS.greengrass.Lambda\n", "5:16", "error component-type",
         "cannot be deployed here"},
        {HEAD "Manifests: [{}]\nmanifests: [{}]\n", "5:1", "error duplicate-key", "is there already, as \"Manifests\""},
        {HEAD "Manifests: [{}]\nComponentDependencies: {com.x.B: {}}\n", "5:34", "error missing-key",
         "ComponentDependencies.com.x.B: VersionRequirement is missing"},
        {HEAD "Manifests: [{}]\nComponentDependencies: {com.x.B: 1}\n", "5:34", "error type",
         "expected an object with VersionRequirement, got a number"},
        {HEAD "Manifests: [{}]\nComponentDependencies: {com.x.B: {VersionRequirement: '>'}}\n", "5:55", "error value",
         "requirement"},
        {HEAD "Manifests: [{}]\nComponentDependencies: {com.x.A: {VersionRequirement: '*'}}\n", "5:25",
         "error dependency-cycle", "depends on itself"},
        {HEAD "Manifests: [{}]\nComponentConfiguration: 5\n", "5:25", "error type", "expected an object, got a number"},
        {HEAD "Manifests:\n  - Lifecycle: text\n", "5:16", "error type", "expected an object with steps, got a text"},
        {HEAD "Manifests:\n  - Selections: [null]\nLifecycle: {all: {run: x}}\n", "5:18", "error type",
         "expected text, got nothing"},
        {HEAD "Manifests:\n  - Platform: {os: '/(/'}\n", "5:20", "error platform-regex",
         "not a valid regular expression"},
        {HEAD "Manifests:\n  - Platform: {os: []}\n", "5:20", "error type", "expected text, got a list"},
        {ARTIFACT "      - Digest: x\n        Algorithm: SHA-1\n", "6:9", "error missing-key", "URI is missing"},
        {ARTIFACT "      - Uri: ''\n", "6:14", "error artifact-uri", "is empty"},
        {ARTIFACT "      - {Uri: s3://b/a, Unarchive: RAR}\n", "6:36", "error value",
         "expected one of NONE, ZIP, TAR, TGZ, got RAR"},
        {ARTIFACT "      - {Uri: s3://b/a, Permission: {Read: Ownr}}\n", "6:44", "error value",
         "did you mean \"OWNER\"?"},
        {ARTIFACT "      - {Uri: 'docker:NGINX'}\n", "6:15", "error artifact-uri", "docker:"},
        {ARTIFACT "      - {Uri: 'lambda:x'}\n", "6:15", "error artifact-uri", "its scheme is not offered here"},
        {ARTIFACT "      - {Uri: hello.sh}\n", "6:15", "error artifact-uri", "has no scheme"},
        {ARTIFACT "      - {Uri: 's3://b/'}\n", "6:15", "error artifact-uri", "no usable file name"},
        {MANIFEST "      run: {Timeout: 5}\n", "6:7", "error missing-script", "Lifecycle.run: Script is missing"},
        {MANIFEST "      run: {Script: {a: b}}\n", "6:21", "error missing-script", "expected a text, got an object"},
        {MANIFEST "      install: {Script: x, Skipif: 'Exists /x'}\n", "6:36", "error skipif",
         "expected \"onpath NAME\""},
        {MANIFEST "      install: {Script: x, Skipif: exists}\n", "6:36", "error skipif", "got exists"},
        {MANIFEST "      run: echo {configuration:port}\n", "6:17", "error pointer-form",
         "did you mean \"{configuration:/port}\"?"},
    };

    (void)st;
    run_all(rows, SEDGE_ARRAY_LEN(rows));
}

static void unknown_keys_are_told_with_the_nearest_known_one(void **st)
{
    static const struct row rows[] = {
        {HEAD "Manifests: [{}]\nComponentPublishr: me\n", "5:1", "warning unknown-key",
         "did you mean \"ComponentPublisher\"?"},
        {HEAD "Manifests: [{}]\nDependencies: {}\n", "5:1", "warning unknown-key",
         "did you mean \"ComponentDependencies\"?"},
        {HEAD "Manifests: [{}]\nPlatform: {os: linux}\n", "5:1", "warning unknown-key",
         "it belongs into Manifests[...]"},
        {HEAD "Manifests: [{}]\nRun: x\n", "5:1", "warning unknown-key", "it belongs into Lifecycle"},
        {HEAD "Manifests: [{run: x}]\n", "4:14", "warning unknown-key", "it belongs into Lifecycle"},
        {HEAD "Manifests: [{}]\nComponentConfiguration: {accessControl: {}}\n", "5:26", "warning unknown-key",
         "it belongs into ComponentConfiguration.DefaultConfiguration"},
        {ARTIFACT "      - {Uri: s3://b/a, Unzip: true}\n", "6:25", "warning unknown-key",
         "did you mean \"Unarchive\"?"},
        {ARTIFACT "      - {Uri: s3://b/a, Execute: ALL}\n", "6:25", "warning unknown-key",
         "it belongs into Permission"},
        {MANIFEST "      run: {Script: x, RequirePrivilige: true}\n", "6:24", "warning unknown-key",
         "Lifecycle.run.RequirePrivilige: unknown key of a step, it is ignored; did you mean \"RequiresPrivilege\"?"},
        {MANIFEST "      run: {Script: x, Environment: {}}\n", "6:24", "warning unknown-key",
         "did you mean \"Setenv\"?"},
        {MANIFEST "      instal: x\n", "6:7", "warning unknown-key", "did you mean \"install\"?"},
        {MANIFEST "      stop: x\n", "6:7", "warning unknown-key", "did you mean \"shutdown\"?"},
        {MANIFEST "      all: {run: x}\n", "6:7", "warning unknown-key",
         "selections count in the global Lifecycle only"},
        {GLOBAL "  windows: {run: x}\n", "6:3", "warning unknown-key", "a manifest must name it in Selections"},
        {GLOBAL "  Linux: {run: x}\n", "6:3", "warning unknown-key", "did you mean \"linux\"?"},
        {MANIFEST "      Run: x\n      run: y\n", "7:7", "warning same-key", "is there already, as \"Run\""},
    };

    (void)st;
    run_all(rows, SEDGE_ARRAY_LEN(rows));
}

static void platforms_that_no_device_has_are_told(void **st)
{
    static const struct row rows[] = {
        {HEAD "Manifests: [{Platform: {OS: linux}}]\n", "4:25", "warning platform-name", "did you mean \"os\"?"},
        {HEAD "Manifests: [{Platform: {arch: amd64}}]\n", "4:25", "warning platform-name",
         "did you mean \"architecture\"?"},
        {HEAD "Manifests: [{Platform: {os: Linux}}]\n", "4:29", "warning platform-value", "did you mean \"linux\"?"},
        {HEAD "Manifests: [{Platform: {architecture: x86_64}}]\n", "4:39", "warning platform-value",
         "did you mean \"amd64\"?"},
        {HEAD "Manifests: [{Platform: {architecture: armv8}}]\n", "4:39", "warning platform-value",
         "did you mean \"aarch64\"?"},
        {HEAD "Manifests: [{Platform: {architecture: All}}]\n", "4:39", "warning platform-value",
         "did you mean \"all\"?"},
        {HEAD "Manifests: [{Platform: {architecture: arm, architecture.detail: arm71}}]\n", "4:65",
         "warning platform-value", "did you mean \"armv7l\"?"},
        {HEAD "Manifests: [{Platform: {architecture: arm, architecture.detail: all}}]\n", "4:65",
         "warning platform-value", "did you mean \"*\"?"},
        {HEAD "Manifests: [{Platform: {architecture: aarch64, architecture.detail: armv8l}}]\n", "4:48",
         "warning platform-value", "devices of architecture aarch64 report no architecture.detail"},
        {HEAD "Manifests: [{Platform: {architecture: /x86_64|arm64/}}]\n", "4:39", "warning platform-value",
         "fits nothing that a device reports"},
        {HEAD "Manifests: [{Platform: {line: '=blue'}}]\n", "4:31", "warning platform-value", "fits no device"},
        {HEAD "Manifests: [{Platform: {os: windows}}]\n", "4:1", "warning no-linux", "no manifest fits a Linux device"},
        {HEAD "Manifests: [{Platform: {os: all}}, {Platform: {os: linux}}]\n", "4:36", "warning manifest-unreachable",
         "Manifests[1]: is never used: Manifests[0] fits every device"},
        {HEAD "Manifests: [{Platform: {os: linux}}, {Platform: {os: linux, architecture: arm}}]\n", "4:38",
         "warning manifest-unreachable", "is never used"},
    };
    static const char *const good[] = {
        HEAD
        "Manifests: [{Platform: {os: linux, architecture: /arm|aarch64/}}, {Platform: {os: all, line: blue}}, {}]\n",
        HEAD "Manifests: [{Platform: {os: '*', architecture: any, architecture.detail: null, runtime: '*'}}]\n",
        HEAD "Manifests: [{Platform: {architecture: arm, architecture.detail: armv7l}}, {Platform: {os: linux}}]\n",
    };

    (void)st;
    run_all(rows, SEDGE_ARRAY_LEN(rows));
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(good); i++) {
        struct sedge_report r;

        check(good[i], "x.yaml", &r);
        assert_int_equal(r.n, 0);
        sedge_report_release(&r);
    }
}

static void traps_of_lifecycles_are_told(void **st)
{
    static const struct row rows[] = {
        {HEAD "Manifests: [{Lifecycle: {run: x}}]\nLifecycle: {install: y}\n", "4:14", "warning lifecycle-replaced",
         "replaces the global Lifecycle whole"},
        {HEAD "Manifests: [{}]\nLifecycle: [{all: {run: x}}]\n", "5:12", "warning lifecycle-list",
         "expects one object"},
        {HEAD "Manifests: [{Selections: [linux]}]\n", "4:14", "warning selection-unused", "no global Lifecycle"},
        {GLOBAL "  linux: {run: x}\n  install: y\n", "7:3", "warning selection-mixed", "is dropped"},
        {GLOBAL "  setenv: {all: {}, A: 2}\n  run: x\n", "6:21", "warning selection-mixed", "is dropped"},
        {HEAD
         "Manifests: [{Platform: {os: linux}, Selections: [pi]}, {Selections: [linux]}]\nLifecycle: {pi: {run: x}}\n",
         "4:57", "warning selection-empty", "the component has no steps"},
        {HEAD "Manifests: [{Selections: [startup]}]\nLifecycle: {startup: {run: x}}\n", "4:27",
         "warning selection-name", "is also the name of a key"},
        {MANIFEST "      run: x\n      sedge: {backof: true}\n", "7:15", "warning unknown-key",
         "did you mean \"backoff\"?"},
        {MANIFEST "      run: x\n      sedge: {backoff: {max: soon}}\n", "7:25", "warning extension",
         "expected a number from 0.1"},
        {MANIFEST "      run: x\n      sedge: 5\n", "7:14", "warning extension", "expected a map with backoff"},
        {MANIFEST "      startup: x\n      run: y\n", "7:7", "warning startup-and-run", "is ignored"},
        {MANIFEST "      run: [a, b]\n", "6:12", "warning step-type", "got a list; the step counts as absent"},
        {MANIFEST "      run: true\n", "6:12", "warning step-type", "\"true\" is run as a command"},
        {MANIFEST "      run: ''\n", "6:12", "warning empty-script", "the step does nothing"},
        {MANIFEST "      run: {Script: null}\n", "6:21", "warning empty-script", "the step does nothing"},
        {MANIFEST "      run: {Script: x, RequiresPrivilege: 'True'}\n", "6:43", "warning boolean-text",
         "\"True\" counts as false"},
        {MANIFEST "      run: {Script: x, RequiresPrivilege: []}\n", "6:43", "warning boolean-text",
         "it counts as false"},
        {MANIFEST "      run: {Script: x, Timeout: 5m}\n", "6:33", "warning seconds", "got \"5m\", which counts as 0"},
        {MANIFEST "      run: {Script: x, Timeout: 0.5}\n", "6:33", "warning seconds", "expires at once"},
        {MANIFEST "      run: {Script: x, Timeout: {}}\n", "6:33", "warning seconds", "it is ignored"},
        {MANIFEST "      run: x\n      errorResetTime: soon\n", "7:23", "warning seconds", "forgets every error"},
        {MANIFEST "      run: {Script: x, Setenv: {A: [1]}}\n", "6:36", "warning setenv-value", "it is left out"},
        {MANIFEST "      run: x\n      setenv: text\n", "7:15", "warning setenv-value", "it is ignored"},
        {MANIFEST "      run: x\n      setenv: {A=B: 1}\n", "7:16", "warning setenv-name", "not a name"},
        {MANIFEST "      run: x\n      setenv: {SVCUID: 1}\n", "7:16", "warning setenv-name", "to talk to the nucleus"},
        {MANIFEST "      run: x\n      setenv: {PATH: '/opt/x:$PATH'}\n", "7:22", "warning setenv-dollar",
         "no shell replaces \"$PATH\""},
        {MANIFEST "      run: {Script: x, BootstrapOnRollback: true}\n", "6:24", "warning bootstrap-only",
         "in the step bootstrap only"},
        {MANIFEST "      run: {Script: x, RequiresPrivilege: true}\n", "6:24", "note privilege", "user of the nucleus"},
    };

    (void)st;
    run_all(rows, SEDGE_ARRAY_LEN(rows));
}

static void traps_of_scripts_are_told(void **st)
{
    static const struct row rows[] = {
        {MANIFEST "      install: apt-get install -y foo\n", "6:16", "warning install-repeated",
         "runs at every launch"},
        {MANIFEST "      install: cp a b\n", "6:16", "note install-launch", "Skipif can leave it out"},
        {MANIFEST "      recover: {Script: x, Skipif: onpath x}\n", "6:28", "note recover-skipif", "on Greengrass"},
        {MANIFEST "      startup: |\n        cd /x\n        ./server --port 5 &\n", "8:9", "warning daemon-output",
         "\"./server --port 5 &\" keeps the standard output"},
        {MANIFEST "      startup: ./server >log &\n", "6:16", "warning daemon-output",
         "keeps the standard output and error"},
        {MANIFEST "      run: x\n      shutdown: exit 3\n", "7:17", "note exit-ignored", "the exit code of shutdown"},
        {HEAD "Manifests:\n  - Artifacts: [{Uri: s3://b/hello.sh, Algorithm: SHA-1}]\n    Lifecycle: {run: "
              "'{artifacts:path}/hello.sh x'}\n",
         "6:40", "warning not-executable", "no Permission to execute"},
        {MANIFEST "      run: echo $AWS_CONTAINER_CREDENTIALS_FULL_URI\n", "6:18", "warning token-exchange",
         "aws.greengrass.TokenExchangeService among the dependencies"},
    };
    static const char *const good[] = {
        MANIFEST "      install: {Script: apt-get install -y foo, Skipif: onpath foo}\n",
        MANIFEST "      install: command -v foo || apt-get install -y foo\n",
        MANIFEST "      startup: ./server >/dev/null 2>&1 & true && echo 'a & b' # c & d\n",
        MANIFEST "      startup: |\n        exec >/dev/null 2>&1\n        ./server &\n",
        MANIFEST "      startup: {Script: ./a && ./b &>/dev/null, Timeout: '{configuration:}'}\n",
        MANIFEST "      run: ./server & wait\n",
        HEAD "Manifests:\n  - Artifacts: [{Uri: s3://b/hello.sh, Algorithm: SHA-1}]\n    Lifecycle: {run: 'sh "
             "{artifacts:path}/hello.sh x; {artifacts:path}/other'}\n",
    };

    (void)st;
    run_all(rows, SEDGE_ARRAY_LEN(rows));
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(good); i++) {
        struct sedge_report r;
        sedge_auto_free char *got = NULL;

        check(good[i], "x.yaml", &r);
        got = rendered(&r, false);
        if (*got) fail_msg("%s\n%s", got, good[i]);
        sedge_report_release(&r);
    }
}

#define WITH(lifecycle)                                                                                                \
    HEAD                                                                                                               \
        "ComponentDependencies: {com.x.Lib: {VersionRequirement: '*'}}\nComponentConfiguration: "                      \
        "{DefaultConfiguration: "                                                                                      \
        "{Port: 1, a: {b: 2}}}\nManifests:\n  - Artifacts: [{Uri: s3://b/app.zip, Unarchive: ZIP, Algorithm: SHA-1}, " \
        "{Uri: s3://b/hello.sh, Algorithm: SHA-1}]\n    Lifecycle:\n      run: sh " lifecycle "\n"

static void variables_that_stay_are_told(void **st)
{
    static const struct row rows[] = {
        {WITH("{artifacts:pth}"), "9:15", "warning variable-unknown", "did you mean \"{artifacts:path}\"?"},
        {WITH("{Artifacts:path}"), "9:15", "warning variable-unknown", "did you mean \"{artifacts:path}\"?"},
        {WITH("{artifacts:decompressedpath}/app"), "9:15", "warning variable-unknown",
         "did you mean \"{artifacts:decompressedPath}\"?"},
        {WITH("{iot:thingname}"), "9:15", "warning variable-unknown", "did you mean \"{iot:thingName}\"?"},
        {WITH("{foo:bar}"), "9:15", "warning variable-unknown", "there is no recipe variable {foo:bar}"},
        {WITH("${Artifacts:path}"), "9:16", "warning variable-unknown", "did you mean"},
        {WITH("${artifacts:path}"), "9:16", "warning variable-dollar", "the \"$\" in front stays"},
        {WITH("{com.x.Lib:kernel:rootPath}"), "9:15", "warning variable-unknown",
         "did you mean \"{kernel:rootPath}\"?"},
        {WITH("{com.x.Libb:work:path}"), "9:15", "warning variable-component",
         "did you mean \"{com.x.Lib:work:path}\"?"},
        {WITH("{com.x.A:work:path}"), "9:15", "warning variable-component", "did you mean \"{work:path}\"?"},
        {WITH("{configuration:/port}"), "9:15", "warning variable-pointer", "did you mean \"{configuration:/Port}\"?"},
        {WITH("{configuration:/none/x}"), "9:15", "warning variable-pointer",
         "stays as it is unless a deployment sets /none/x"},
        {WITH("{configuration:/a/c}"), "9:15", "warning variable-pointer", "DefaultConfiguration has no such value"},
        {WITH("{com.x.Lib:configuration:port}"), "9:15", "error pointer-form",
         "did you mean \"{com.x.Lib:configuration:/port}\"?"},
        {WITH("{artifacts:decompressedPath}/run.sh"), "9:15", "warning decompressed-path", "did you mean \"app\"?"},
        {WITH("{artifacts:path}/helo.sh"), "9:15", "warning artifact-file", "did you mean \"hello.sh\"?"},
        {MANIFEST "      run: ls {artifacts:decompressedPath}\n", "6:15", "warning decompressed-path",
         "nothing is unpacked"},
        {HEAD "Manifests: [{}]\nComponentConfiguration: {DefaultConfiguration: {p: 'x{artifacts:path}'}}\n", "5:54",
         "warning variable-place", "interpolateComponentConfiguration"},
        {HEAD "Manifests: [{}]\nComponentConfiguration: {DefaultConfiguration: {p: '{configuration:/x}'}}\n", "5:53",
         "warning variable-place", "not replaced within a configuration"},
        {"{\"RecipeFormatVersion\":\"2020-01-25\",\"ComponentName\":\"a\",\"ComponentVersion\":\"1.0.0\",\"Manifests\":"
         "[\n"
         " {\"Lifecycle\":{\"run\":\"echo {work:pth}\"}}]}",
         "2:28", "warning variable-unknown", "did you mean \"{work:path}\"?"},
    };
    static const char *const good[] = {
        WITH("{artifacts:decompressedPath}/app/x {artifacts:path}/* {work:path} {kernel:rootPath} {iot:thingName}"),
        WITH("{configuration:} {configuration:/a/b} {com.x.Lib:configuration:/any} {com.x.Lib:artifacts:path}"),
        WITH("${VAR:-x} ${work:-/tmp} ${kernel:0:3} {print} {a b:c}"),
    };

    (void)st;
    run_all(rows, SEDGE_ARRAY_LEN(rows));
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(good); i++) {
        struct sedge_report r;
        sedge_auto_free char *got = NULL;

        check(good[i], "x.yaml", &r);
        got = rendered(&r, false);
        if (*got) fail_msg("%s\n%s", got, good[i]);
        sedge_report_release(&r);
    }
}

static void traps_of_artifacts_versions_and_configuration_are_told(void **st)
{
    static const struct row rows[] = {
        {ARTIFACT "      - {Uri: 'https://h/a'}\n", "6:15", "warning artifact-scheme", "an extension of sedge"},
        {ARTIFACT "      - {Uri: 'greengrass:x/a.zip'}\n", "6:15", "warning artifact-scheme", "only a data plane"},
        {ARTIFACT "      - {Uri: s3://b/a, Digest: abc=}\n", "6:33", "warning artifact-digest",
         "Digest without Algorithm"},
        {ARTIFACT "      - {Uri: s3://b/a, Digest: abc=, Algorithm: SHA-256}\n", "6:33", "warning artifact-digest",
         "no file can match it"},
        {ARTIFACT "      - {Uri: s3://b/a}\n", "6:15", "note artifact-placed", "it is not downloaded"},
        {ARTIFACT "      - {Uri: s3://b/a/x}\n      - {Uri: s3://b/b/x}\n", "7:15", "warning artifact-twice",
         "one overwrites the other"},
        {ARTIFACT "      - {Uri: s3://b/a.tgz, Unarchive: tgz}\n", "6:40", "warning unarchive-extension",
         "TGZ is an extension of sedge"},
        {"RecipeFormatVersion: 2020-01-25\nComponentName: a\nComponentVersion: 1.0.0-1\nManifests: [{}]\n", "3:19",
         "warning version-prerelease", "begins with a number"},
        {"RecipeFormatVersion: 2020-01-25\nComponentName: a\nComponentVersion: 1.0.0-rc.1\nManifests: [{}]\n", "3:19",
         "note prerelease", "does not match it unless"},
        {HEAD "Manifests: [{}]\nComponentDependencies: {b: {VersionRequirement: 1.0.0-1}}\n", "5:49",
         "warning requirement-prerelease", "Greengrass reads it as a range"},
        {HEAD "Manifests: [{}]\nComponentDependencies: {b: {VersionRequirement: '^1.0.0-rc'}}\n", "5:49",
         "note prerelease", "of the same major.minor.patch"},
        {HEAD "Manifests: [{}]\nComponentDependencies: {b: {VersionRequirement: '*', DependencyType: SOFT}}\n", "5:25",
         "note soft-dependency", "does not wait for it"},
        {HEAD "Manifests: [{}]\nComponentConfiguration: {DefaultConfiguration: {_x: 1}}\n", "5:49",
         "warning configuration-key", "the value is not kept"},
        {HEAD "Manifests: [{}]\nComponentConfiguration: {DefaultConfiguration: {a: {x: 1, X: 2}}}\n", "5:59",
         "warning configuration-key", "is there already, as \"x\""},
    };

    (void)st;
    run_all(rows, SEDGE_ARRAY_LEN(rows));
}

static void traps_of_access_control_are_told(void **st)
{
    static const struct row rows[] = {
        {ACCESS
         "      aws.greengrass.ipc.pubsub:\n        p:\n          operations: ['aws.greengrass#PublishToIoTCore']\n"
         "          resources: ['*']\n",
         "10:24", "warning access-operation", "is an operation of aws.greengrass.ipc.mqttproxy"},
        {ACCESS "      aws.greengrass.ipc.pubsub:\n        p:\n          operations: [PublishToTopic]\n"
                "          resources: ['*']\n",
         "10:24", "warning access-operation", "did you mean \"aws.greengrass#PublishToTopic\"?"},
        {ACCESS "      aws.greengrass.ipc.pubsub:\n        p: {operations: ['*'], resources: ['a/+']}\n", "9:44",
         "warning access-resource", "ordinary characters in policies of pubsub"},
        {ACCESS "      aws.greengrass.ipc.mqttproxy:\n        p: {operations: ['*'], resources: ['a/?']}\n", "9:44",
         "warning access-resource", "this resource is left out"},
        {ACCESS "      aws.greengrass.ipc.mqttproxy:\n        p: {operations: ['*'], resources: ['${x}']}\n", "9:44",
         "warning access-resource", "only ${*}, ${$} and ${?}"},
        {ACCESS "      aws.greengrass.ipc.mqttproxy:\n        p: {operations: ['*'], resources: []}\n", "9:32",
         "warning access-form", "the policy permits nothing"},
        {ACCESS "      aws.greengrass.ipc.mqttproxy:\n        p: {resources: ['a']}\n", "9:9", "warning access-form",
         "operations is missing"},
        {ACCESS "      aws.greengrass.ipc.mqttproxy:\n        p: {operations: ['*'], resources: ['a'], actions: []}\n",
         "9:50", "warning access-form", "did you mean \"operations\"?"},
        {ACCESS "      aws.greengrass.ipc.mqttproxy:\n        p: {operations: '*', resources: ['a']}\n", "9:25",
         "warning access-form", "expected a list of texts, got a text"},
        {ACCESS "      aws.greengrass.ipc.pubsubs: {}\n", "8:7", "warning access-service",
         "did you mean \"aws.greengrass.ipc.pubsub\"?"},
        {ACCESS "      aws.greengrass.ipc.pubsub: []\n", "8:34", "warning access-form",
         "expected an object of policies"},
        {HEAD "Manifests: [{}]\nComponentConfiguration: {DefaultConfiguration: {accessControl: '{'}}\n", "5:64",
         "warning access-form", "is left out"},
        {HEAD "Manifests: [{}]\nComponentConfiguration: {DefaultConfiguration: {AccessControl: '{\"x\":{}}'}}\n",
         "5:49", "warning access-service", "no service of this name"},
    };

    (void)st;
    run_all(rows, SEDGE_ARRAY_LEN(rows));
}

static void all_problems_are_found_at_once_and_in_order(void **st)
{
    static const char text[] =
        "RecipeFormatVersion: x\nComponentName: a b\nManifests:\n  - Artifacts: [{Unarchive: RAR}]\n"
        "    Lifecycle: {run: {Scrpt: x}}\n";
    struct sedge_report r;
    sedge_auto_free char *got = NULL;

    (void)st;
    check(text, "x.yaml", &r);
    got = rendered(&r, true);
    assert_string_equal(
        got, "1:1 error missing-key : ComponentVersion is missing; expected a text such as \"1.0.0\"\n"
             "1:22 error value RecipeFormatVersion: expected \"2020-01-25\", got x\n"
             "2:16 error value ComponentName: component name \"a b\" has a character other than letters, digits, "
             "\"-\", \"_\" and \".\"\n"
             "4:17 error missing-key Manifests[0].Artifacts[0]: URI is missing; expected a text such as "
             "s3://bucket/key\n"
             "4:29 error value Manifests[0].Artifacts[0].Unarchive: expected one of NONE, ZIP, TAR, TGZ, got RAR\n"
             "5:17 error missing-script Manifests[0].Lifecycle.run: Script is missing; expected a text\n"
             "5:23 warning unknown-key Manifests[0].Lifecycle.run.Scrpt: unknown key of a step, it is ignored; did "
             "you mean \"Script\"?\n");
    assert_int_equal(r.errors, 6);
    assert_int_equal(r.warnings, 1);
    assert_string_equal(r.v[4].text, "RAR");
    assert_string_equal(r.v[6].suggestion, "Script");
    assert_string_equal(sedge_fails_name(r.v[4].fails), "recipe");
    assert_string_equal(sedge_fails_name(r.v[5].fails), "step");
    sedge_report_release(&r);
}

static void the_file_name_is_compared_when_it_promises_a_version(void **st)
{
    struct sedge_report r;

    (void)st;
    check(HEAD "Manifests: [{}]\n", "d/com.x.A-1.0.0.yaml", &r);
    assert_int_equal(r.n, 0);
    check(HEAD "Manifests: [{}]\n", "d/com.x.A-1.0.1.yaml", &r);
    assert_int_equal(r.warnings, 1);
    assert_string_equal(r.v[0].rule, "file-name");
    sedge_report_release(&r);
    check(HEAD "Manifests: [{}]\n", "d/my-recipe.yaml", &r);
    assert_int_equal(r.n, 0);
}

static void many_findings_are_cut(void **st)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    struct sedge_report r;

    (void)st;
    sedge_buf_puts(&b, HEAD "Manifests: [{}]\n");
    for (int i = 0; i < 2 * SEDGE_CHECK_FINDINGS_MAX; i++)
        sedge_buf_printf(&b, "key%d: 1\n", i);
    check(b.data, "x.yaml", &r);
    assert_int_equal(r.n, SEDGE_CHECK_FINDINGS_MAX + 1);
    assert_string_equal(r.v[r.n - 1].rule, "more-findings");
    assert_int_equal(r.errors, 0);
    sedge_report_release(&r);
}

static void hostile_text_is_escaped_in_messages(void **st)
{
    struct sedge_report r;

    (void)st;
    check(HEAD "Manifests: [{}]\n\"a\\e[31m\\n\": 1\n", "x.yaml", &r);
    assert_int_equal(r.n, 1);
    assert_string_equal(r.v[0].text, "a\\x1b[31m\\x0a");
    assert_null(strchr(r.v[0].member, '\x1b'));
    sedge_report_release(&r);
}

static void the_manual_has_every_rule(void **st)
{
    static const char *const rules[] = {
#define X(sym, name, severity, fails) name,
        SEDGE_CHECK_RULES(X)
#undef X
    };
    sedge_auto_buf struct sedge_buf manual = SEDGE_BUF_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    if (sedge_fs_read(SEDGE_SOURCE_DIR "/docs/recipes.md", 1u << 20, &manual, &err) != 0) fail_msg("%s", err.msg);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rules); i++) {
        sedge_auto_free char *word = sedge_xasprintf("`%s`", rules[i]);

        if (!strstr(manual.data, word)) fail_msg("docs/recipes.md: the rule %s is missing", rules[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_nucleus_refuses_is_an_error_with_its_place),
        cmocka_unit_test(unknown_keys_are_told_with_the_nearest_known_one),
        cmocka_unit_test(platforms_that_no_device_has_are_told),
        cmocka_unit_test(traps_of_lifecycles_are_told),
        cmocka_unit_test(traps_of_scripts_are_told),
        cmocka_unit_test(variables_that_stay_are_told),
        cmocka_unit_test(traps_of_artifacts_versions_and_configuration_are_told),
        cmocka_unit_test(traps_of_access_control_are_told),
        cmocka_unit_test(all_problems_are_found_at_once_and_in_order),
        cmocka_unit_test(the_file_name_is_compared_when_it_promises_a_version),
        cmocka_unit_test(many_findings_are_cut),
        cmocka_unit_test(the_manual_has_every_rule),
        cmocka_unit_test(hostile_text_is_escaped_in_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
