/* The inside of struct sedge_store, shared by store.c, import.c and collect.c. Not for other boxes. */
#ifndef SEDGE_STORE_INSIDE_H
#define SEDGE_STORE_INSIDE_H

#include <uv.h>

#include "base/fs.h"
#include "store.h"

struct sedge_recipe;

struct sedge_store_entry {
    char *name, *version, *path;
};

struct sedge_store {
    char *packages;
    uv_mutex_t lock; /* index and recipe files */
    struct sedge_store_entry *entries;
    size_t nentries;
    bool indexed;
    uv_mutex_t pin_lock; /* held for memory and one rename only: the loop takes it */
    struct sedge_strv pins;
    unsigned trash_nr;
};

int sedge_store_check(const char *name, const char *version, struct sedge_err *err);
int sedge_store_write_recipe(struct sedge_store *s, const struct sedge_recipe *r, const char *text,
                             struct json_object *metadata, struct sedge_err *err);
/* Many recipes of other versions or names in one go: written with the others at commit, known after it. */
struct sedge_store_batch {
    struct sedge_fs_batch files;
    struct sedge_strv names, versions, paths;
};
int sedge_store_batch_add(struct sedge_store *s, struct sedge_store_batch *b, const struct sedge_recipe *r,
                          const char *text, struct sedge_err *err);
int sedge_store_batch_commit(struct sedge_store *s, struct sedge_store_batch *b, struct sedge_err *err);
void sedge_store_batch_release(struct sedge_store_batch *b);
int sedge_store_drop_recipe(struct sedge_store *s, const char *name, const char *version, struct sedge_err *err);
/* Names in a folder, in byte order, without those that begin with '.'; a folder that does not exist has none. */
int sedge_store_list(const char *dir, struct sedge_strv *names, struct sedge_err *err);

#endif
