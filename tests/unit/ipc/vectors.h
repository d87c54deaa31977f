/* Reading of the captured frames in shared/spec/vectors, which may be absent: the test then says so and skips. */
#ifndef SEDGE_TEST_VECTORS_H
#define SEDGE_TEST_VECTORS_H

#include <dirent.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"

#define VECTORS SEDGE_SHARED_DIR "/spec/vectors"

static inline void need_vectors(void)
{
    DIR *d = opendir(VECTORS);

    if (!d) {
        print_message("skipped: %s is not here\n", VECTORS);
        skip();
    }
    (void)closedir(d);
}

static inline struct json_object *load_json(const char *name)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", VECTORS, name);
    struct json_object *o = json_object_from_file(path);

    assert_non_null(o);
    return o;
}

static inline void unhex(struct sedge_buf *out, const char *hex)
{
    for (; hex[0] && hex[1]; hex += 2) {
        char two[3] = {hex[0], hex[1], 0};

        sedge_buf_putc(out, (char)strtoul(two, NULL, 16));
    }
}

/* Calls fn for each NNN_*.json. */
static inline unsigned each_vector(void (*fn)(struct json_object *v, void *arg), void *arg)
{
    DIR *d = opendir(VECTORS);
    struct dirent *e;
    unsigned n = 0;

    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        size_t len = strlen(e->d_name);
        struct json_object *v;

        if (e->d_name[0] < '0' || e->d_name[0] > '9' || len < 6 || strcmp(e->d_name + len - 5, ".json") != 0) continue;
        v = load_json(e->d_name);
        fn(v, arg);
        (void)json_object_put(v);
        n++;
    }
    (void)closedir(d);
    return n;
}

#endif
