#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "inside.h"

static char *entry_text(const char *name, const char *version)
{
    return sedge_xasprintf("%s@%s", name, version);
}

void sedge_store_keep_add(struct sedge_store_keep *keep, const char *name, const char *version)
{
    sedge_auto_free char *entry = entry_text(name, version);

    if (!sedge_strv_has(&keep->entries, entry)) sedge_strv_add(&keep->entries, entry);
}

void sedge_store_keep_release(struct sedge_store_keep *keep)
{
    sedge_strv_release(&keep->entries);
}

void sedge_store_pin(struct sedge_store *s, const char *name, const char *version)
{
    uv_mutex_lock(&s->pin_lock);
    sedge_strv_add_take(&s->pins, entry_text(name, version));
    uv_mutex_unlock(&s->pin_lock);
}

void sedge_store_unpin(struct sedge_store *s, const char *name, const char *version)
{
    sedge_auto_free char *entry = entry_text(name, version);

    uv_mutex_lock(&s->pin_lock);
    for (size_t i = 0; i < s->pins.n; i++)
        if (strcmp(s->pins.v[i], entry) == 0) {
            free(s->pins.v[i]);
            s->pins.v[i] = s->pins.v[--s->pins.n];
            break;
        }
    uv_mutex_unlock(&s->pin_lock);
}

static int to_trash(struct sedge_store *s, const char *path, struct sedge_err *err)
{
    sedge_auto_free char *trash = sedge_xasprintf("%s/trash/%u", s->packages, s->trash_nr++);

    return rename(path, trash) == 0 || errno == ENOENT ? 0 : sedge_err_sys(err, errno, "%s", path);
}

/* The folder of artifacts goes last: as long as it is there, the next clean-up finds the version again. */
static int take_away(struct sedge_store *s, const char *name, const char *version, struct sedge_err *err)
{
    sedge_auto_free char *artifacts = sedge_store_artifact_dir(s, name, version, err);
    sedge_auto_free char *unarchived = artifacts ? sedge_store_unarchived_dir(s, name, version, err) : NULL;

    if (!unarchived || to_trash(s, unarchived, err) != 0) return -1;
    if (sedge_store_drop_recipe(s, name, version, err) != 0) return -1;
    return to_trash(s, artifacts, err);
}

/* 1 removed, 0 it is pinned, -1. */
static int discard(struct sedge_store *s, const char *name, const char *version, const char *entry,
                   struct sedge_err *err)
{
    int rc = 0;

    uv_mutex_lock(&s->pin_lock);
    if (!sedge_strv_has(&s->pins, entry)) rc = take_away(s, name, version, err) == 0 ? 1 : -1;
    uv_mutex_unlock(&s->pin_lock);
    return rc;
}

static void collect_component(struct sedge_store *s, const char *dir, const char *name,
                              const struct sedge_store_keep *keep, struct sedge_strv *removed)
{
    sedge_auto_free char *component = sedge_xasprintf("%s/%s", dir, name);
    sedge_auto_strv struct sedge_strv versions = {0};
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_store_list(component, &versions, &err) != 0)
        sedge_log(SEDGE_WARN, "store", "clean-up-failed", "%s", err.msg);
    for (size_t i = 0; i < versions.n; i++) {
        sedge_auto_free char *entry = entry_text(name, versions.v[i]);
        int rc;

        if (sedge_strv_has(&keep->entries, entry)) continue;
        rc = discard(s, name, versions.v[i], entry, &err);
        if (rc < 0) sedge_log(SEDGE_WARN, "store", "clean-up-failed", "%s", err.msg);
        if (rc == 1) {
            sedge_log(SEDGE_INFO, "store", "version-removed", "component=%s version=%s", name, versions.v[i]);
            sedge_strv_add(removed, entry);
        }
    }
}

static void empty_trash(struct sedge_store *s)
{
    sedge_auto_free char *dir = sedge_xasprintf("%s/trash", s->packages);
    sedge_auto_strv struct sedge_strv names = {0};
    struct sedge_err err = SEDGE_ERR_INIT;
    int rc = sedge_store_list(dir, &names, &err);

    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, names.v[i]);

        rc = sedge_fs_remove_tree(path, &err);
    }
    if (rc != 0) sedge_log(SEDGE_WARN, "store", "clean-up-failed", "%s", err.msg);
}

size_t sedge_store_collect(struct sedge_store *s, const struct sedge_store_keep *keep, struct sedge_strv *removed)
{
    sedge_auto_free char *dir = sedge_xasprintf("%s/artifacts", s->packages);
    sedge_auto_strv struct sedge_strv names = {0}, gone = {0};
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_store_list(dir, &names, &err) != 0) sedge_log(SEDGE_WARN, "store", "clean-up-failed", "%s", err.msg);
    for (size_t i = 0; i < names.n; i++)
        collect_component(s, dir, names.v[i], keep, &gone);
    empty_trash(s);
    for (size_t i = 0; removed && i < gone.n; i++)
        sedge_strv_add(removed, gone.v[i]);
    return gone.n;
}

static int add_size(const char *path, const char *relative, void *user, struct sedge_err *err)
{
    struct stat st;

    (void)relative;
    if (lstat(path, &st) != 0) return errno == ENOENT ? 0 : sedge_err_sys(err, errno, "%s", path);
    *(int64_t *)user += st.st_size;
    return 0;
}

int64_t sedge_store_size(struct sedge_store *s, struct sedge_err *err)
{
    static const char *const parts[] = {"artifacts", "artifacts-unarchived", "recipes"};
    int64_t size = 0;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(parts); i++) {
        sedge_auto_free char *dir = sedge_xasprintf("%s/%s", s->packages, parts[i]);

        if (sedge_fs_walk(dir, add_size, &size, err) != 0) return -1;
    }
    return size;
}
