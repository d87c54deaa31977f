#include "request.h"

#include <string.h>
#include <strings.h>

size_t sedge_tes_request_end(const char *text, size_t n)
{
    const char *end = memmem(text, n, "\r\n\r\n", 4);

    return end ? (size_t)(end - text) + 4 : 0;
}

/* The value of a header, NULL without it; *n its length without spaces around it. */
static const char *header(const char *head, const char *name, size_t *n)
{
    for (const char *line = strstr(head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        const char *v = line + 2 + strlen(name);
        if (strncasecmp(line + 2, name, strlen(name)) != 0 || *v != ':') continue;
        v += 1 + strspn(v + 1, " \t");
        *n = strcspn(v, "\r\n");
        while (*n > 0 && (v[*n - 1] == ' ' || v[*n - 1] == '\t'))
            (*n)--;
        return v;
    }
    return NULL;
}

int sedge_tes_request_read(const char *head, char token[SEDGE_TES_TOKEN_MAX + 1])
{
    size_t method = strcspn(head, " \r\n"), n = 0, path;
    const char *target = head + method + 1, *value;

    if (head[method] != ' ') return 400;
    if (method != 3 || strncmp(head, "GET", 3) != 0) return 405;
    path = strcspn(target, " ?\r\n");
    if (path != strlen(SEDGE_TES_PATH) || strncmp(target, SEDGE_TES_PATH, path) != 0) return 400;
    value = header(head, "Authorization", &n);
    if (!value || n == 0 || n > SEDGE_TES_TOKEN_MAX) return 403;
    memcpy(token, value, n);
    token[n] = '\0';
    return 200;
}
