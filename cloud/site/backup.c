#include "backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cloud/component/store.h"

#define BUSY_PAUSE_MS 20

static int copy_pages(sqlite3 *from, sqlite3 *to, const char *path, struct sedge_err *err)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int rc = b ? SQLITE_OK : SQLITE_ERROR;

    while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
        if (rc != SQLITE_OK) (void)sqlite3_sleep(BUSY_PAUSE_MS);
        rc = sqlite3_backup_step(b, SEDGE_BACKUP_PAGES);
    }
    (void)sqlite3_backup_finish(b);
    if (rc == SQLITE_DONE) return 0;
    return sedge_err_set(err, SEDGE_E_IO, "%s: %s", path, sqlite3_errmsg(to));
}

static int sync_file(const char *path, struct sedge_err *err)
{
    sedge_auto_close int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0) return sedge_err_sys(err, errno, "%s", path);
    return 0;
}

static int copy(struct sedge_cloud *c, const char *part, struct sedge_err *err)
{
    int fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    sqlite3 *to = NULL;
    int rc;

    if (fd < 0) return sedge_err_sys(err, errno, "%s", part);
    (void)close(fd);
    if (sqlite3_open_v2(part, &to, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        rc = sedge_err_set(err, SEDGE_E_IO, "%s: %s", part, sqlite3_errmsg(to));
    else
        rc = copy_pages(sedge_db_handle(c->db), to, part, err);
    (void)sqlite3_close(to);
    return rc == 0 ? sync_file(part, err) : -1;
}

int sedge_cloud_backup(struct sedge_cloud *c, const char *file, struct sedge_err *err)
{
    sedge_auto_free char *part = sedge_xasprintf("%s.part", file);
    int rc = copy(c, part, err);

    if (rc == 0 && rename(part, file) != 0) rc = sedge_err_sys(err, errno, "%s", file);
    if (rc != 0) (void)unlink(part);
    return rc == 0 ? sedge_fs_sync_parent(file, err) : -1;
}

int sedge_cloud_backup_to_store(struct sedge_cloud *c, int64_t now_ms, char **key, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/backup.%d", c->dir, (int)getpid());
    sedge_auto_buf struct sedge_buf sha = SEDGE_BUF_INIT;
    time_t now = (time_t)(now_ms / 1000);
    struct sedge_store *s = sedge_store_open(&c->set, err);
    struct tm tm;
    char date[32];
    int rc = s ? sedge_cloud_backup(c, path, err) : -1;

    (void)strftime(date, sizeof(date), "%Y-%m-%dT%H%M%SZ", gmtime_r(&now, &tm));
    *key = sedge_xasprintf("exports/%s/cloud.db", date);
    if (rc == 0) rc = sedge_sha256_file_hex(path, &sha, err);
    if (rc == 0) rc = sedge_store_put_file(s, *key, path, sha.data, err);
    (void)unlink(path);
    sedge_store_close(s);
    return rc;
}
