/* Where a value stands in a YAML text. */
#include "yaml.h"
#include "mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct locator {
    yaml_parser_t parser;
    bool key; /* the place of the key, not of the value */
    unsigned line, column;
};

static int locate_next(struct locator *l, yaml_event_t *ev)
{
    return yaml_parser_parse(&l->parser, ev) ? 0 : -1;
}

static bool opens(const yaml_event_t *ev)
{
    return ev->type == YAML_MAPPING_START_EVENT || ev->type == YAML_SEQUENCE_START_EVENT;
}

/* Reads past the rest of the node that `ev` began. */
static int skip_rest(struct locator *l, const yaml_event_t *ev)
{
    size_t depth = opens(ev) ? 1 : 0;

    while (depth > 0) {
        yaml_event_t next;

        if (locate_next(l, &next) != 0) return -1;
        if (opens(&next)) depth++;
        if (next.type == YAML_MAPPING_END_EVENT || next.type == YAML_SEQUENCE_END_EVENT) depth--;
        if (next.type == YAML_STREAM_END_EVENT) depth = 0;
        yaml_event_delete(&next);
    }
    return 0;
}

/* Takes the first token off a pointer: "/a~1b/c" gives "a/b", rest "/c". */
static void split_token(const char **pointer, struct sedge_buf *token)
{
    const char *p = *pointer + 1;

    sedge_buf_clear(token);
    sedge_buf_puts(token, "");
    for (; *p && *p != '/'; p++) {
        if (*p == '~' && (p[1] == '0' || p[1] == '1')) {
            sedge_buf_putc(token, *++p == '0' ? '~' : '/');
        } else {
            sedge_buf_putc(token, *p);
        }
    }
    *pointer = p;
}

static int locate_node(struct locator *l, const yaml_event_t *ev, const char *pointer);

static void note(struct locator *l, const yaml_event_t *ev)
{
    l->line = (unsigned)ev->start_mark.line + 1;
    l->column = (unsigned)ev->start_mark.column + 1;
}

/* One key or index of the collection: 1 found, 0 go on, -1 end or failure. */
static int locate_child(struct locator *l, bool map, size_t index, const char *token, const char *rest)
{
    char number[24];
    yaml_event_t ev;
    bool hit;
    int rc;

    if (locate_next(l, &ev) != 0) return -1;
    if (ev.type == YAML_MAPPING_END_EVENT || ev.type == YAML_SEQUENCE_END_EVENT || ev.type == YAML_STREAM_END_EVENT) {
        yaml_event_delete(&ev);
        return -1;
    }
    (void)snprintf(number, sizeof number, "%zu", index);
    hit = strcmp(number, token) == 0;
    if (map) {
        hit = ev.type == YAML_SCALAR_EVENT && strcmp((const char *)ev.data.scalar.value, token) == 0;
        if (hit && l->key && !*rest) note(l, &ev);
        rc = skip_rest(l, &ev);
        yaml_event_delete(&ev);
        if (rc != 0 || locate_next(l, &ev) != 0) return -1;
    }
    rc = hit ? locate_node(l, &ev, rest) : skip_rest(l, &ev);
    yaml_event_delete(&ev);
    return rc != 0 ? -1 : hit ? 1 : 0;
}

/* Recursion ends with the pointer. */
static int locate_node(struct locator *l, const yaml_event_t *ev, const char *pointer)
{
    sedge_auto_buf struct sedge_buf token = SEDGE_BUF_INIT;
    int rc = 0;

    if (!*pointer) {
        if (!l->key || !l->line) note(l, ev);
        return 0;
    }
    if (!opens(ev)) return -1;
    split_token(&pointer, &token);
    for (size_t i = 0; rc == 0; i++)
        rc = locate_child(l, ev->type == YAML_MAPPING_START_EVENT, i, token.data, pointer);
    return rc == 1 ? 0 : -1;
}

static int locate(const char *text, size_t len, const char *pointer, bool key, unsigned *line, unsigned *column)
{
    struct locator l = {.key = key};
    bool done = false;
    int rc = -1;

    if (strlen(pointer) > SEDGE_YAML_BYTES_MAX || (*pointer && *pointer != '/')) return -1;
    sedge_assert(yaml_parser_initialize(&l.parser));
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, len);
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
    while (!done) {
        yaml_event_t ev;

        if (locate_next(&l, &ev) != 0) break;
        done = ev.type == YAML_STREAM_END_EVENT || ev.type == YAML_SCALAR_EVENT || opens(&ev);
        if (done && ev.type != YAML_STREAM_END_EVENT) rc = locate_node(&l, &ev, pointer);
        yaml_event_delete(&ev);
    }
    yaml_parser_delete(&l.parser);
    *line = l.line;
    *column = l.column;
    return rc;
}

int sedge_yaml_locate(const char *text, size_t len, const char *pointer, unsigned *line, unsigned *column)
{
    return locate(text, len, pointer, false, line, column);
}

int sedge_yaml_locate_key(const char *text, size_t len, const char *pointer, unsigned *line, unsigned *column)
{
    return locate(text, len, pointer, true, line, column);
}
