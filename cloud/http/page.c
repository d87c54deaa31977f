#include "page.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

int64_t sedge_page_size(const struct sedge_http_target *t, int64_t def)
{
    int64_t n = def;

    if (sedge_str_to_i64(sedge_http_query(t, "maxResults", ""), 1, INT64_MAX, &n, NULL) != 0) return def;
    return n > SEDGE_PAGE_MAX ? SEDGE_PAGE_MAX : n;
}

char *sedge_page_token(const char *after)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_base64url_encode(&b, after, strlen(after));
    return sedge_buf_steal(&b);
}

/* base64url to the standard alphabet, for the one decoder that there is. */
char *sedge_page_after(const char *token)
{
    sedge_auto_free char *text = sedge_xstrdup(token);
    struct sedge_buf b = SEDGE_BUF_INIT;

    for (char *p = text; *p; p++)
        *p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
    sedge_buf_puts(&b, "");
    if (sedge_base64_decode(&b, text, strlen(text), NULL) != 0 || !sedge_utf8_valid(b.data, b.len)) {
        sedge_buf_clear(&b);
        sedge_buf_puts(&b, "");
    }
    return sedge_buf_steal(&b);
}

struct json_object *sedge_page_of(const struct sedge_http_target *t, const char *member, struct json_object *all)
{
    struct json_object *o = json_object_new_object(), *list = json_object_new_array();
    sedge_auto_free char *after = sedge_page_after(sedge_http_query(t, "nextToken", ""));
    int64_t n = (int64_t)json_object_array_length(all), from = 0, size = sedge_page_size(t, SEDGE_PAGE_DEFAULT);

    (void)sedge_str_to_i64(after, 0, n, &from, NULL);
    for (int64_t i = from; i < n && i < from + size; i++)
        (void)json_object_array_add(list, json_object_get(json_object_array_get_idx(all, (size_t)i)));
    (void)json_object_object_add(o, member, list); /* takes list */
    if (from + size < n) {
        sedge_auto_free char *text = sedge_xasprintf("%lld", (long long)from + (long long)size);
        sedge_auto_free char *next = sedge_page_token(text);

        sedge_json_add_str(o, "nextToken", next);
    }
    json_object_put(all);
    return o;
}
