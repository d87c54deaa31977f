/* sedge secret set | list | remove: the secrets that this device keeps for its components. */
#include "cli.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "secret_input.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct set_args {
    struct sedge_strv names;
    const char *file, *arn, *version_id;
    struct sedge_strv labels;
    bool binary, json;
};
struct list_args {
    bool json;
};
struct remove_args {
    struct sedge_strv names;
    const char *version_id;
};

/* ---- set ---- */

static int read_value(const struct set_args *a, struct sedge_buf *value, struct sedge_err *err)
{
    sedge_auto_free char *path = a->file ? sedge_cli_expand(a->file) : NULL;

    if (path && strcmp(path, "-") != 0) {
        if (sedge_secret_read_file(path, value, err) != 0) return -1;
    } else if (!path && isatty(STDIN_FILENO) == 1) {
        return sedge_secret_prompt(a->names.v[0], value, err);
    } else if (sedge_secret_read(STDIN_FILENO, "standard input", value, err) != 0) {
        return -1;
    }
    if (!a->binary) sedge_secret_cut_newline(value);
    return 0;
}

static void add_value(struct json_object *request, const struct sedge_buf *value, bool binary)
{
    struct sedge_buf text = SEDGE_BUF_INIT;

    if (!binary) {
        sedge_json_add_str(request, "secretString", value->data);
        return;
    }
    sedge_buf_reserve(&text, value->len / 3 * 4 + 8);
    sedge_base64_encode(&text, value->data, value->len);
    sedge_json_add_str(request, "secretBinary", text.data ? text.data : "");
    sedge_buf_wipe(&text);
}

static struct json_object *set_request(const struct set_args *a, const struct sedge_buf *value)
{
    struct json_object *request = json_object_new_object();

    sedge_json_add_str(request, "name", a->names.v[0]);
    sedge_json_add_str(request, "arn", a->arn);
    sedge_json_add_str(request, "versionId", a->version_id);
    if (a->labels.n > 0) {
        struct json_object *labels = json_object_new_array();
        for (size_t i = 0; i < a->labels.n; i++)
            (void)json_object_array_add(labels, json_object_new_string(a->labels.v[i]));
        (void)json_object_object_add(request, "labels", labels);
    }
    add_value(request, value, a->binary);
    return request;
}

static char *labels_text(struct json_object *version)
{
    sedge_auto_strv struct sedge_strv words = {NULL, 0};
    struct json_object *list = sedge_json_arr(version, "labels");

    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        sedge_strv_add(&words, json_object_get_string(json_object_array_get_idx(list, i)));
    return words.n > 0 ? sedge_strv_join(&words, ", ") : sedge_xstrdup("no label");
}

static int print_set(struct json_object *r, bool json)
{
    sedge_auto_free char *labels = labels_text(r);

    if (!r) return SEDGE_EXIT_FAILED;
    if (json)
        (void)printf("%s\n", sedge_json_text(r));
    else
        (void)printf("Secret stored: %s\nARN: %s\nVersion: %s (%s)\n", sedge_json_str(r, "name", ""),
                     sedge_json_str(r, "arn", ""), sedge_json_str(r, "versionId", ""), labels);
    return 0;
}

static int set_value(struct sedge_cli *cli, const struct set_args *a, const struct sedge_buf *value)
{
    sedge_auto_put struct json_object *request = NULL;
    sedge_auto_put struct json_object *r = NULL;

    if (!a->binary && !sedge_utf8_valid(value->data, value->len)) {
        sedge_cli_fail("The value is not UTF-8 text. Give --binary to store it as it is.");
        return SEDGE_EXIT_FAILED;
    }
    request = set_request(a, value);
    r = sedge_cli_call(cli, "sedge#SetSecret", request);
    sedge_json_wipe(request);
    return print_set(r, a->json);
}

static int run_set(struct sedge_cli *cli, void *args)
{
    const struct set_args *a = args;
    struct sedge_buf value = SEDGE_BUF_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;
    int code = SEDGE_EXIT_FAILED;

    if (a->names.n != 1) {
        sedge_cli_fail("%s", a->names.n == 0
                                 ? "Which secret? sedge secret set NAME"
                                 : "One name is expected. A value is never a word of the command, where others "
                                   "could see it: give --file, pipe it in, or type it when asked");
        return SEDGE_EXIT_USAGE;
    }
    if (read_value(a, &value, &err) == 0)
        code = set_value(cli, a, &value);
    else
        sedge_cli_fail("%s", err.msg);
    sedge_buf_wipe(&value);
    return code;
}

/* ---- list ---- */

static void print_version(struct json_object *v)
{
    sedge_auto_free char *labels = labels_text(v);
    char time[SEDGE_TIME_LEN];

    sedge_time_cli(sedge_json_i64(v, "createdOn", 0), time);
    (void)printf("    Version: %s (%s), %s, %s\n", sedge_json_str(v, "versionId", ""), labels,
                 sedge_json_bool(v, "binary", false) ? "binary" : "text", time);
}

static void print_secret(struct json_object *o)
{
    struct json_object *versions = sedge_json_arr(o, "versions");

    (void)printf("Secret: %s\n    ARN: %s\n", sedge_json_str(o, "name", ""), sedge_json_str(o, "arn", ""));
    for (size_t i = 0; versions && i < json_object_array_length(versions); i++)
        print_version(json_object_array_get_idx(versions, i));
}

static int run_list(struct sedge_cli *cli, void *args)
{
    const struct list_args *a = args;
    sedge_auto_put struct json_object *r = sedge_cli_call(cli, "sedge#ListSecrets", NULL);
    struct json_object *list = sedge_json_arr(r, "secrets");

    if (!r) return SEDGE_EXIT_FAILED;
    if (a->json) {
        (void)printf("%s\n", sedge_json_text(list));
        return 0;
    }
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        print_secret(json_object_array_get_idx(list, i));
    return 0;
}

/* ---- remove ---- */

static int remove_one(struct sedge_cli *cli, const char *name, const char *version_id)
{
    sedge_auto_put struct json_object *request = json_object_new_object();
    sedge_auto_put struct json_object *r = NULL;

    sedge_json_add_str(request, "secretId", name);
    sedge_json_add_str(request, "versionId", version_id);
    r = sedge_cli_call(cli, "sedge#RemoveSecret", request);
    return r ? 0 : SEDGE_EXIT_FAILED;
}

static int run_remove(struct sedge_cli *cli, void *args)
{
    const struct remove_args *a = args;
    int code = 0;

    if (a->names.n == 0) {
        sedge_cli_fail("Which secret? sedge secret remove NAME");
        return SEDGE_EXIT_USAGE;
    }
    for (size_t i = 0; i < a->names.n && code == 0; i++)
        code = remove_one(cli, a->names.v[i], a->version_id);
    return code;
}

static const struct sedge_arg set_args[] = {
    {"NAME|ARN", NULL, SEDGE_ARG_WORDS, false, offsetof(struct set_args, names), NULL,
     "friendly name, or ARN, of the secret. Its value is read from standard input, or asked for at a terminal"},
    {"--file", "-f", SEDGE_ARG_TEXT, false, offsetof(struct set_args, file), "<file>",
     "read the value from a file (-: standard input); of text, one newline at the end is dropped"},
    {"--binary", "-b", SEDGE_ARG_FLAG, false, offsetof(struct set_args, binary), NULL,
     "the value is bytes, not text: components get it as secretBinary"},
    {"--label", "-l", SEDGE_ARG_LIST, false, offsetof(struct set_args, labels), "<label>",
     "staging label of this version, default AWSCURRENT"},
    {"--arn", NULL, SEDGE_ARG_TEXT, false, offsetof(struct set_args, arn), "<arn>",
     "ARN of a new secret, default one of this device"},
    {"--version-id", NULL, SEDGE_ARG_TEXT, false, offsetof(struct set_args, version_id), "<id>",
     "id of this version, default a random UUID"},
    {"--json", NULL, SEDGE_ARG_FLAG, false, offsetof(struct set_args, json), NULL, "print JSON"}};
static const struct sedge_arg list_args[] = {
    {"--json", NULL, SEDGE_ARG_FLAG, false, offsetof(struct list_args, json), NULL, "print JSON"}};
static const struct sedge_arg remove_args[] = {
    {"NAME|ARN...", NULL, SEDGE_ARG_WORDS, false, offsetof(struct remove_args, names), NULL, "the secrets"},
    {"--version-id", NULL, SEDGE_ARG_TEXT, false, offsetof(struct remove_args, version_id), "<id>",
     "remove this version only"}};

const struct sedge_command sedge_secret_commands[] = {
    {"secret", "set", "Store a secret, or a new version of one", set_args, SEDGE_ARRAY_LEN(set_args),
     sizeof(struct set_args), run_set},
    {"secret", "list", "Show names, ARNs, versions and labels of the secrets, never their values", list_args,
     SEDGE_ARRAY_LEN(list_args), sizeof(struct list_args), run_list},
    {"secret", "remove", "Remove secrets, or one version of a secret", remove_args, SEDGE_ARRAY_LEN(remove_args),
     sizeof(struct remove_args), run_remove},
};
const size_t sedge_secret_ncommands = SEDGE_ARRAY_LEN(sedge_secret_commands);
