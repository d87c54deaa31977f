/*
 * What is printed from the table of IPC operations (ipc/operations.h):
 *
 *   operations_text docs               docs/ipc.md
 *   operations_text dictionary NAME    tests/fuzz/dict/NAME: message, policy, publish or request
 *   operations_text json               all of it, for the comparison with an SDK
 *
 * tests/lint/test_generated.py compares; cmake --build build/dev --target generated writes.
 */
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "ipc_model/operations.h"

/* --- docs --------------------------------------------------------------------------------------------------------- */

static void link_shape(const char *name)
{
    printf("[%s](#", name);
    for (const char *p = name; *p; p++)
        putchar(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
    printf(")");
}

static void print_type(const struct sedge_member *m)
{
    switch (m->type) {
    case SEDGE_M_ENUM:
        printf("one of %s", m->of);
        break;
    case SEDGE_M_BLOB:
        printf("blob");
        break;
    case SEDGE_M_LONG:
        printf("integer");
        break;
    case SEDGE_M_DOUBLE:
        printf("number");
        break;
    case SEDGE_M_TIME:
        printf("time");
        break;
    case SEDGE_M_OBJECT:
        if (m->of)
            printf("map to %s", m->of);
        else
            printf("object");
        break;
    case SEDGE_M_SHAPE:
        link_shape(m->of);
        break;
    case SEDGE_M_SHAPES:
        printf("list of ");
        link_shape(m->of);
        break;
    case SEDGE_M_STRING:
    case SEDGE_M_BOOL:
    case SEDGE_M_DOCUMENT:
    case SEDGE_M_STRINGS:
        printf("%s", sedge_member_type_text(m->type));
        break;
    }
    if (m->required) printf(", required");
}

static void print_members(const char *where, const struct sedge_member *m)
{
    for (; m && m->name; m++) {
        printf("| %s`%s` | ", where, m->name);
        print_type(m);
        printf(" | %s |\n", m->note ? m->note : "");
    }
}

static void print_names(const char *before, const char *const *names)
{
    for (; names && *names; names++, before = ", ")
        printf("%s%s", before, *names);
}

static void print_operation(const struct sedge_operation *op)
{
    printf("### %s\n\n%s", sedge_operation_short(op), op->purpose);
    if (op->remarks) printf(" %s", op->remarks);
    if (!sedge_api_serves(sedge_operation_id(op)))
        printf(" **Not served**: ServiceError \"Operation %s is not supported by Greengrass\".", op->name);
    printf("\n\n");
    if (op->request || op->response || op->event) {
        printf("| Member | Type | |\n| --- | --- | --- |\n");
        print_members("request ", op->request);
        print_members("response ", op->response);
    }
    if (op->event) {
        printf("| events | ");
        link_shape(op->event);
        printf(" | |\n");
    }
    printf("%s", op->request || op->response || op->event ? "\n" : "");
    if (op->service) printf("Policy: `%s`, resource: %s. ", op->service, op->resource);
    print_names("Errors: ", op->errors);
    print_names("; not in the list of the model: ", op->also);
    printf(".\n\n");
}

static void print_shape(const struct sedge_shape *shape)
{
    printf("### %s\n\n", shape->name);
    if (shape->is_union) printf("Exactly one of:\n\n");
    printf("| Member | Type | |\n| --- | --- | --- |\n");
    print_members("", shape->members);
    printf("\n");
}

static const char intro[] =
    "# IPC operations\n\n"
    "Printed from the table in `ipc/operations.c`; do not edit: `cmake --build build/dev --target generated`.\n\n"
    "What components may ask the nucleus for, with an SDK, `libsedge-ipc`, or frames of their own on `ipc.socket`. An\n"
    "operation is called `aws.greengrass#NAME` on the wire and in policies. One answer comes, and events after it "
    "where\n"
    "there are any. A member of the wrong JSON type is a ServiceError that names it; unknown members are ignored, "
    "`null`\n"
    "counts as absent.\n\n"
    "| Type | In JSON |\n| --- | --- |\n"
    "| blob | a string in base64 |\n"
    "| time | a number: seconds since 1970, with fraction |\n"
    "| document | any JSON, unchanged |\n"
    "| object, map | an object |\n\n"
    "Policies are those of `accessControl` in the caller's configuration. Operations without one are open to every\n"
    "component. Command-line users (tokens in `cli_ipc_info`) need none for `aws.greengrass.Cli`. Every error has\n"
    "`message`; ResourceNotFoundError may have `resourceType` and `resourceName`, ServiceError `context`.\n\n";

static void print_docs(void)
{
    size_t n;
    const struct sedge_shape *shapes = sedge_shapes(&n);

    printf("%s## Operations\n\n", intro);
    for (size_t i = 0; i < SEDGE_OPERATION_COUNT; i++)
        print_operation(&sedge_operations()[i]);
    printf("## Structures\n\n");
    for (size_t i = 0; i < n; i++)
        print_shape(&shapes[i]);
}

/* --- dictionaries ------------------------------------------------------------------------------------------------- */

/* Words without repeats, in the order in which they came. */
struct words {
    struct sedge_strv v;
};

static void add(struct words *w, const char *word)
{
    if (!sedge_strv_has(&w->v, word)) sedge_strv_add(&w->v, word);
}

static void add_values(struct words *w, const char *values)
{
    sedge_auto_free char *copy = sedge_xstrdup(values);
    char *rest = NULL;

    for (char *v = strtok_r(copy, ", \"", &rest); v; v = strtok_r(NULL, ", \"", &rest))
        add(w, v);
}

static void add_members(struct words *w, const struct sedge_member *m)
{
    for (; m && m->name; m++) {
        add(w, m->name);
        if (m->type == SEDGE_M_ENUM) add_values(w, m->of);
        if (m->type == SEDGE_M_SHAPE || m->type == SEDGE_M_SHAPES) add_members(w, sedge_shape_find(m->of)->members);
    }
}

static void add_operations(struct words *w)
{
    for (size_t i = 0; i < SEDGE_OPERATION_COUNT; i++)
        add(w, sedge_operations()[i].name);
}

static void add_message(struct words *w)
{
    static const char *const headers[] = {":message-type",      ":message-flags",   ":stream-id",
                                          ":version",           "operation",        ":content-type",
                                          "service-model-type", "application/json", "0.1.0"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(headers); i++)
        add(w, headers[i]);
    add_operations(w);
}

static void add_policy(struct words *w)
{
    static const char *const words[] = {"operations", "resources", "policyDescription", "*", "${*}", "${$}", "${?}"};
    size_t n;
    const char *const *services = sedge_services(&n);

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(words); i++)
        add(w, words[i]);
    for (size_t i = 0; i < n; i++)
        add(w, services[i]);
    add_operations(w);
}

static void add_request(struct words *w)
{
    add_operations(w);
    for (size_t i = 0; i < SEDGE_OPERATION_COUNT; i++)
        add_members(w, sedge_operations()[i].request);
}

static int print_dictionary(const char *name)
{
    struct words w = {{NULL, 0}};

    if (strcmp(name, "message") == 0)
        add_message(&w);
    else if (strcmp(name, "policy") == 0)
        add_policy(&w);
    else if (strcmp(name, "publish") == 0)
        add_members(&w, sedge_operations()[SEDGE_OP_PublishToTopic].request);
    else if (strcmp(name, "request") == 0)
        add_request(&w);
    else
        return 2;
    printf("# Printed from ipc/operations.c: cmake --build build/dev --target generated\n");
    for (size_t i = 0; i < w.v.n; i++)
        printf("\"%s\"\n", w.v.v[i]);
    sedge_strv_release(&w.v);
    return 0;
}

/* --- json --------------------------------------------------------------------------------------------------------- */

static struct json_object *names_of(const struct sedge_member *m)
{
    struct json_object *list = json_object_new_array();

    for (; m && m->name; m++)
        (void)json_object_array_add(list, json_object_new_string(m->name));
    return list;
}

static struct json_object *list_of(const char *const *names)
{
    struct json_object *list = json_object_new_array();

    for (; names && *names; names++)
        (void)json_object_array_add(list, json_object_new_string(*names));
    return list;
}

static void print_json(void)
{
    sedge_auto_put struct json_object *all = json_object_new_object();
    struct json_object *operations = json_object_new_object();
    struct json_object *members = json_object_new_object();
    size_t n;
    const struct sedge_shape *shapes = sedge_shapes(&n);

    for (size_t i = 0; i < SEDGE_OPERATION_COUNT; i++) {
        const struct sedge_operation *op = &sedge_operations()[i];
        struct json_object *o = json_object_new_object();

        (void)json_object_object_add(o, "request", names_of(op->request));
        (void)json_object_object_add(o, "response", names_of(op->response));
        (void)json_object_object_add(o, "errors", list_of(op->errors));
        sedge_json_add_str(o, "event", op->event);
        sedge_json_add_bool(o, "served", sedge_api_serves(sedge_operation_id(op)));
        (void)json_object_object_add(operations, sedge_operation_short(op), o);
    }
    for (size_t i = 0; i < n; i++)
        (void)json_object_object_add(members, shapes[i].name, names_of(shapes[i].members));
    (void)json_object_object_add(all, "operations", operations);
    (void)json_object_object_add(all, "shapes", members);
    puts(sedge_json_text(all));
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "docs") == 0 && argc == 2) {
        print_docs();
        return 0;
    }
    if (strcmp(what, "json") == 0 && argc == 2) {
        print_json();
        return 0;
    }
    if (strcmp(what, "dictionary") == 0 && argc == 3) return print_dictionary(argv[2]);
    (void)fprintf(stderr, "usage: operations_text docs | json | dictionary NAME\n");
    return 2;
}
