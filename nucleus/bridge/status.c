#include "status.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

static const struct {
    const char *detailed, *job;
} table[] = {
    {"SUCCESSFUL", "SUCCEEDED"},
    {"FAILED_NO_STATE_CHANGE", "FAILED"},
    {"FAILED_ROLLBACK_NOT_REQUESTED", "FAILED"},
    {"FAILED_ROLLBACK_COMPLETE", "FAILED"},
    {"FAILED_UNABLE_TO_ROLLBACK", "FAILED"},
    {"REJECTED", "REJECTED"},
};

const char *sedge_status_for_job(const char *detailed)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(table); i++)
        if (sedge_str_eq(table[i].detailed, detailed)) return table[i].job;
    return NULL;
}

bool sedge_status_is_terminal(const char *status)
{
    static const char *const terminal[] = {"SUCCEEDED", "FAILED", "REJECTED", "CANCELED"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(terminal); i++)
        if (sedge_str_eq(terminal[i], status)) return true;
    return false;
}

char *sedge_detail_value(const char *text)
{
    struct sedge_buf b = SEDGE_BUF_INIT;
    size_t characters = 0;

    sedge_buf_puts(&b, "");
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool begins = (c & 0xC0) != 0x80; /* not in the middle of a UTF-8 character */
        if (begins && ++characters > SEDGE_DETAIL_VALUE_MAX) break;
        sedge_buf_putc(&b, c < 0x20 || c == 0x7F ? ' ' : *p);
    }
    return sedge_buf_steal(&b);
}

static void add_value(struct json_object *o, const char *key, const char *text)
{
    sedge_auto_free char *v = NULL;

    if (!text || !text[0]) return; /* an empty value is invalid on AWS */
    v = sedge_detail_value(text);
    sedge_json_add_str(o, key, v);
}

static struct json_object *list_of(const char *const *v, size_t n)
{
    struct json_object *a = json_object_new_array();

    for (size_t i = 0; i < n; i++)
        (void)json_object_array_add(a, json_object_new_string(v[i]));
    return a;
}

/* A list as JSON text that fits the limit: the most specific codes at the end are kept before the middle ones. */
static void add_list(struct json_object *o, const char *key, const char *const *v, size_t n)
{
    sedge_auto_put struct json_object *a = list_of(v, n);

    if (n == 0) return;
    while (strlen(sedge_json_text(a)) > SEDGE_DETAIL_VALUE_MAX && json_object_array_length(a) > 1)
        (void)json_object_array_del_idx(a, json_object_array_length(a) / 2, 1);
    add_value(o, key, sedge_json_text(a));
}

struct json_object *sedge_outcome_for_job(const struct sedge_outcome *o)
{
    struct json_object *map = json_object_new_object();

    sedge_json_add_str(map, "detailed-deployment-status", o->detailed);
    add_value(map, "deployment-failure-cause", o->cause);
    add_list(map, "deployment-error-stack", o->stack, o->n_stack);
    add_list(map, "deployment-error-types", o->types, o->n_types);
    return map;
}

struct json_object *sedge_outcome_for_fleet(const struct sedge_outcome *o)
{
    struct json_object *d = json_object_new_object();

    sedge_json_add_str(d, "detailedStatus", o->detailed);
    sedge_json_add_str(d, "failureCause", o->cause ? o->cause : "");
    json_object_object_add(d, "errorStack", list_of(o->stack, o->n_stack));
    json_object_object_add(d, "errorTypes", list_of(o->types, o->n_types));
    return d;
}
