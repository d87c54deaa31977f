#include "err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Cuts an overlong text before a torn UTF-8 sequence. */
static void trim_utf8(char *s)
{
    size_t n = strlen(s);

    if (n + 1 < SEDGE_ERR_MSG_MAX) return;
    while (n > 0 && ((unsigned char)s[n - 1] & 0xC0u) == 0x80u)
        n--;
    if (n > 0 && (unsigned char)s[n - 1] >= 0xC0u) n--;
    s[n] = 0;
}

int sedge_err_set(struct sedge_err *err, enum sedge_err_code code, const char *fmt, ...)
{
    va_list ap;

    if (!err) return -1;
    err->code = code;
    err->sys = 0;
    va_start(ap, fmt);
    (void)vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    trim_utf8(err->msg);
    return -1;
}

static enum sedge_err_code code_of_errno(int sys)
{
    switch (sys) {
    case ENOENT:
        return SEDGE_E_NOT_FOUND;
    case EACCES:
    case EPERM:
        return SEDGE_E_DENIED;
    case EEXIST:
        return SEDGE_E_CONFLICT;
    case ENOSPC:
    case EDQUOT:
        return SEDGE_E_NO_SPACE;
    case ETIMEDOUT:
        return SEDGE_E_TIMEOUT;
    case ECONNREFUSED:
    case ENETUNREACH:
    case EHOSTUNREACH:
        return SEDGE_E_UNAVAILABLE;
    default:
        return SEDGE_E_IO;
    }
}

int sedge_err_sys(struct sedge_err *err, int sys, const char *fmt, ...)
{
    char text[SEDGE_ERR_MSG_MAX];
    va_list ap;

    if (!err) return -1;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)sedge_err_set(err, code_of_errno(sys), "%s: %s", text, strerror(sys));
    err->sys = sys;
    return -1;
}

int sedge_err_wrap(struct sedge_err *err, const char *fmt, ...)
{
    char text[SEDGE_ERR_MSG_MAX];
    char old[SEDGE_ERR_MSG_MAX];
    va_list ap;
    int sys;

    if (!err) return -1;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sys = err->sys;
    memcpy(old, err->msg, sizeof old);
    (void)sedge_err_set(err, err->code, "%s: %s", text, old);
    err->sys = sys;
    return -1;
}

static const char *const names[] = {[SEDGE_OK] = "ok",
#define X(sym, name) [SEDGE_E_##sym] = (name),
                                    SEDGE_ERR_CODES(X)
#undef X
};

const char *sedge_err_name(enum sedge_err_code code)
{
    return (unsigned)code < SEDGE_ERR_COUNT ? names[code] : "unknown";
}

enum sedge_err_code sedge_err_from_name(const char *name)
{
    for (unsigned i = 0; i < SEDGE_ERR_COUNT; i++)
        if (name && strcmp(names[i], name) == 0) return (enum sedge_err_code)i;
    return SEDGE_E_IO;
}

int sedge_err_may_heal(const struct sedge_err *err)
{
    return err && (err->code == SEDGE_E_TIMEOUT || err->code == SEDGE_E_UNAVAILABLE);
}
