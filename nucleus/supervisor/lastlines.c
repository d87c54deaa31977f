#include "lastlines.h"

#include "base/buf.h"
#include "base/mem.h"
#include "supervisor.h"

struct sedge_lastline {
    char *text;
    unsigned script;
};

size_t sedge_piece_length(const char *text, size_t max)
{
    size_t cut = max;

    while (cut > max - 4 && ((unsigned char)text[cut] & 0xC0u) == 0x80u)
        cut--;
    return cut > max - 4 ? cut : max;
}

void sedge_lastlines_add(struct sedge_lastlines *l, unsigned script, const char *text, size_t n)
{
    struct sedge_buf clean = SEDGE_BUF_INIT;
    struct sedge_lastline *slot;

    if (!l->v) l->v = sedge_xcalloc(SEDGE_LAST_LINES, sizeof(*l->v));
    slot = &l->v[l->next++ % SEDGE_LAST_LINES];
    if (n > SEDGE_LAST_LINE_MAX) n = sedge_piece_length(text, SEDGE_LAST_LINE_MAX);
    sedge_str_escape(&clean, text, n);
    free(slot->text);
    *slot = (struct sedge_lastline){sedge_buf_steal(&clean), script};
}

void sedge_lastlines_get(const struct sedge_lastlines *l, unsigned script, struct sedge_strv *out)
{
    for (unsigned i = 0; l->v && i < SEDGE_LAST_LINES; i++) {
        const struct sedge_lastline *line = &l->v[(l->next + i) % SEDGE_LAST_LINES];
        if (line->text && (script == 0 || line->script == script)) sedge_strv_add(out, line->text);
    }
}

void sedge_lastlines_release(struct sedge_lastlines *l)
{
    for (unsigned i = 0; l->v && i < SEDGE_LAST_LINES; i++)
        free(l->v[i].text);
    free(l->v);
    *l = (struct sedge_lastlines){NULL, 0};
}
