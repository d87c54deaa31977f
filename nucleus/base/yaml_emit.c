/* A tree as YAML text. */
#include "yaml.h"
#include "mem.h"
#include "str.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

static int write_buf(void *user, unsigned char *data, size_t n)
{
    sedge_buf_add(user, data, n);
    return 1;
}

/* Text that some YAML reader would take for something else is quoted: also what only YAML 1.1 readers would. */
static bool needs_quotes(const char *s)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "~", "=", "<<"};

    if (!*s || strchr("0123456789+-.", *s)) return true;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(words); i++)
        if (strcasecmp(s, words[i]) == 0) return true;
    return false;
}

static void emit(yaml_emitter_t *e, yaml_event_t *ev)
{
    sedge_assert(yaml_emitter_emit(e, ev)); /* takes the event; fails only without memory */
}

static void emit_scalar(yaml_emitter_t *e, const char *s, yaml_scalar_style_t style)
{
    yaml_event_t ev;
    /* the library wants a mutable pointer and does not write through it */
    sedge_auto_free char *copy = sedge_xstrdup(s);

    sedge_assert(yaml_scalar_event_initialize(&ev, NULL, NULL, (yaml_char_t *)copy, (int)strlen(s), 1, 1, style));
    emit(e, &ev);
}

static void emit_text(yaml_emitter_t *e, const char *s)
{
    yaml_scalar_style_t style = YAML_ANY_SCALAR_STYLE;
    size_t n = strlen(s);

    if (!sedge_utf8_valid(s, n)) { /* cannot come from a parser; keep the document readable all the same */
        sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
        sedge_str_escape(&b, s, n);
        emit_scalar(e, b.data ? b.data : "", YAML_DOUBLE_QUOTED_SCALAR_STYLE);
        return;
    }
    if (strchr(s, '\n'))
        style = strchr("\n \t", s[0]) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_LITERAL_SCALAR_STYLE;
    else if (needs_quotes(s))
        style = YAML_SINGLE_QUOTED_SCALAR_STYLE;
    emit_scalar(e, s, style);
}

static void emit_value(yaml_emitter_t *e, struct json_object *v);

static void emit_object(yaml_emitter_t *e, struct json_object *v)
{
    yaml_event_t ev;

    sedge_assert(yaml_mapping_start_event_initialize(&ev, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
    emit(e, &ev);
    json_object_object_foreach (v, key, child) {
        emit_text(e, key);
        emit_value(e, child);
    }
    sedge_assert(yaml_mapping_end_event_initialize(&ev));
    emit(e, &ev);
}

static void emit_array(yaml_emitter_t *e, struct json_object *v)
{
    yaml_event_t ev;

    sedge_assert(yaml_sequence_start_event_initialize(&ev, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
    emit(e, &ev);
    for (size_t i = 0; i < json_object_array_length(v); i++)
        emit_value(e, json_object_array_get_idx(v, i));
    sedge_assert(yaml_sequence_end_event_initialize(&ev));
    emit(e, &ev);
}

static void emit_value(yaml_emitter_t *e, struct json_object *v)
{
    switch (json_object_get_type(v)) {
    case json_type_object:
        emit_object(e, v);
        break;
    case json_type_array:
        emit_array(e, v);
        break;
    case json_type_string:
        emit_text(e, json_object_get_string(v));
        break;
    case json_type_null:
    case json_type_boolean:
    case json_type_double:
    case json_type_int:
        emit_scalar(e, sedge_json_text(v), YAML_PLAIN_SCALAR_STYLE);
        break;
    }
}

void sedge_yaml_emit(struct sedge_buf *out, struct json_object *v)
{
    yaml_emitter_t e;
    yaml_event_t ev;

    sedge_assert(yaml_emitter_initialize(&e));
    yaml_emitter_set_output(&e, write_buf, out);
    yaml_emitter_set_unicode(&e, 1);
    yaml_emitter_set_width(&e, -1);
    sedge_assert(yaml_stream_start_event_initialize(&ev, YAML_UTF8_ENCODING));
    emit(&e, &ev);
    sedge_assert(yaml_document_start_event_initialize(&ev, NULL, NULL, NULL, 1));
    emit(&e, &ev);
    emit_value(&e, v);
    sedge_assert(yaml_document_end_event_initialize(&ev, 1));
    emit(&e, &ev);
    sedge_assert(yaml_stream_end_event_initialize(&ev));
    emit(&e, &ev);
    yaml_emitter_delete(&e);
}
