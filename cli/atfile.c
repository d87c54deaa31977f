#include "atfile.h"

#include "base/fs.h"
#include "base/mem.h"

#include <ctype.h>
#include <string.h>

static int expand(const char *word, int depth, struct sedge_strv *out, struct sedge_err *err);

/* The next word of *p into *word; false at the end. */
static bool next_word(const char **p, struct sedge_buf *word)
{
    char quote = 0;

    sedge_buf_clear(word);
    for (;;) {
        *p += strspn(*p, " \t\r\n\f");
        if (**p != '#') break;
        *p += strcspn(*p, "\n");
    }
    if (!**p) return false;
    sedge_buf_puts(word, "");
    for (; **p && (quote || !isspace((unsigned char)**p)); (*p)++) {
        if (quote && **p == '\\' && (*p)[1])
            sedge_buf_putc(word, *++*p);
        else if (**p == quote)
            quote = 0;
        else if (!quote && (**p == '"' || **p == '\''))
            quote = **p;
        else
            sedge_buf_putc(word, **p);
    }
    return true;
}

static int expand_file(const char *path, int depth, struct sedge_strv *out, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf word = SEDGE_BUF_INIT;
    const char *p;

    if (depth >= SEDGE_ATFILE_DEPTH_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "@%s: files name each other more than %d deep", path,
                             SEDGE_ATFILE_DEPTH_MAX);
    if (sedge_fs_read(path, SEDGE_ATFILE_MAX, &text, err) != 0) return -1;
    p = text.data ? text.data : "";
    while (next_word(&p, &word))
        if (expand(word.data ? word.data : "", depth + 1, out, err) != 0) return -1;
    return 0;
}

static int expand(const char *word, int depth, struct sedge_strv *out, struct sedge_err *err)
{
    if (word[0] == '@' && word[1] == '@') {
        sedge_strv_add(out, word + 1);
        return 0;
    }
    if (word[0] == '@' && sedge_fs_exists(word + 1) && !sedge_fs_is_dir(word + 1))
        return expand_file(word + 1, depth, out, err);
    sedge_strv_add(out, word);
    return 0;
}

int sedge_atfile_expand(int argc, char **argv, struct sedge_strv *out, struct sedge_err *err)
{
    for (int i = 0; i < argc; i++)
        if (expand(argv[i], 0, out, err) != 0) return -1;
    return 0;
}
