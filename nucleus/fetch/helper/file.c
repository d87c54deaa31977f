/* The steps of a job that block on files: before the transfer and after it. They run on a thread of their own. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../protocol.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "job.h"

#define WRITE_STACK "IO_ERROR IO_WRITE_ERROR"
#define READ_STACK  "IO_ERROR IO_READ_ERROR"
#define META_MAX    16384
#define COPY_BLOCK  ((size_t)1 << 20)

static int check_canceled(struct sedge_job *job)
{
    return atomic_load(&job->canceled) ? sedge_job_fail(job, SEDGE_E_CANCELED, NULL, "canceled") : 0;
}

int sedge_file_check_space(struct sedge_job *job, int64_t more)
{
    int64_t free_bytes = sedge_fs_free_bytes(job->req.dest, &job->fail.err);

    if (free_bytes < 0) return sedge_job_fail_file(job, READ_STACK);
    if (free_bytes >= job->settings->min_free && free_bytes - job->settings->min_free >= more) return 0;
    return sedge_job_fail(job, SEDGE_E_NO_SPACE, "DISK_SPACE_CRITICAL",
                          "no space for %s: %" PRId64 " bytes free at %s, %" PRId64 " needed and %" PRId64
                          " must stay free; free some space",
                          job->req.source.text, free_bytes, job->req.dest, more, job->settings->min_free);
}

static const char *algorithm(const struct sedge_job *job)
{
    return job->req.algorithm ? job->req.algorithm : "SHA-256";
}

static bool has_digest(const struct sedge_job *job)
{
    return job->req.digest || job->req.sha256;
}

/* Refuses an algorithm or a digest text that nothing could ever match, before anything is fetched. */
static int check_digest_form(struct sedge_job *job)
{
    sedge_auto_buf struct sedge_buf raw = SEDGE_BUF_INIT, none = SEDGE_BUF_INIT;

    if (!job->req.digest) return 0;
    if (sedge_digest_file_base64("/dev/null", algorithm(job), &none, &job->fail.err))
        return sedge_job_fail(job, SEDGE_E_UNSUPPORTED, "HASHING_ALGORITHM_UNAVAILABLE",
                              "%s: unknown digest algorithm \"%s\"; use SHA-256", job->req.source.text, algorithm(job));
    if (sedge_base64_decode(&raw, job->req.digest, strlen(job->req.digest), &job->fail.err))
        return sedge_job_fail(job, SEDGE_E_INVALID, "ARTIFACT_CHECKSUM_MISMATCH",
                              "%s: the digest \"%s\" of the recipe is not base64", job->req.source.text,
                              job->req.digest);
    return 0;
}

/* 1 agrees, 0 differs, -1. *is gets the digest of the file in the form that was asked for. */
static int digest_agrees(struct sedge_job *job, const char *path, struct sedge_buf *is)
{
    sedge_auto_buf struct sedge_buf want = SEDGE_BUF_INIT, raw = SEDGE_BUF_INIT;

    if (job->req.sha256) {
        if (sedge_sha256_file_hex(path, is, &job->fail.err)) return sedge_job_fail_file(job, READ_STACK);
        if (strcasecmp(is->data, job->req.sha256) != 0) return 0;
        sedge_buf_clear(is);
    }
    if (!job->req.digest) return 1;
    if (sedge_digest_file_base64(path, algorithm(job), is, &job->fail.err)) return sedge_job_fail_file(job, READ_STACK);
    /* The recipe's digest may lack its padding. */
    if (sedge_base64_decode(&raw, job->req.digest, strlen(job->req.digest), &job->fail.err)) return -1;
    sedge_base64_encode(&want, raw.data, raw.len);
    return want.data && strcmp(want.data, is->data) == 0;
}

static char *meta_path(const struct sedge_job *job)
{
    return sedge_xasprintf("%s.meta", job->part);
}

void sedge_file_note_part(struct sedge_job *job)
{
    sedge_auto_put struct json_object *meta = json_object_new_object();
    sedge_auto_free char *path = meta_path(job);
    const char *text;
    int fd;

    if (!has_digest(job) || !*job->validator) {
        (void)unlink(path); /* without a digest no later run may trust the part file */
        return;
    }
    sedge_json_add_str(meta, "url", job->req.source.text);
    sedge_json_add_str(meta, "validator", job->validator);
    text = sedge_json_text(meta);
    /* Not synced: a torn file does not parse, and the download then starts afresh. */
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return;
    if (write(fd, text, strlen(text)) < 0) (void)unlink(path);
    (void)close(fd);
}

int sedge_file_restart_part(struct sedge_job *job)
{
    job->have = 0;
    job->resumed = false;
    job->validator[0] = 0;
    if (ftruncate(job->fd, 0) == 0) return 0;
    (void)sedge_err_sys(&job->fail.err, errno, "cannot empty %s", job->part);
    return sedge_job_fail_file(job, WRITE_STACK);
}

/* What an earlier run left: it is continued if it belongs to the same URL and the result will be checked. */
static void read_note(struct sedge_job *job)
{
    sedge_auto_free char *path = meta_path(job);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *meta = NULL;
    const char *validator;

    if (!has_digest(job) || sedge_fs_read(path, META_MAX, &text, NULL) || !text.data) return;
    meta = sedge_json_parse_object(text.data, text.len, path, NULL);
    validator = sedge_json_str(meta, "validator", "");
    if (strcmp(sedge_json_str(meta, "url", ""), job->req.source.text) != 0) return;
    (void)snprintf(job->validator, sizeof job->validator, "%s", validator);
}

static int open_part(struct sedge_job *job)
{
    const char *slash = strrchr(job->req.dest, '/');
    sedge_auto_free char *folder = sedge_xstrndup(job->req.dest, (size_t)(slash - job->req.dest));
    struct stat st;

    if (*folder && !sedge_fs_is_dir(folder) && sedge_fs_mkdirs(folder, 0755, &job->fail.err))
        return sedge_job_fail_file(job, WRITE_STACK);
    job->part = sedge_xasprintf("%s.part", job->req.dest);
    job->fd = open(job->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (job->fd < 0 || fstat(job->fd, &st)) {
        (void)sedge_err_sys(&job->fail.err, errno, "cannot write %s", job->part);
        return sedge_job_fail_file(job, WRITE_STACK);
    }
    read_note(job);
    job->have = st.st_size;
    job->resumed = job->have > 0;
    return *job->validator ? 0 : sedge_file_restart_part(job);
}

static int write_part(struct sedge_job *job, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = pwrite(job->fd, p, n, job->have);

        if (w < 0 && errno == EINTR) continue;
        if (w < 0) {
            (void)sedge_err_sys(&job->fail.err, errno, "cannot write %s", job->part);
            return sedge_job_fail_file(job, WRITE_STACK);
        }
        p += w;
        n -= (size_t)w;
        job->have += w;
    }
    return 0;
}

static int open_source(struct sedge_job *job, const char *path, int64_t limit, int64_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st)) {
        (void)sedge_err_sys(&job->fail.err, errno, "cannot read %s", path);
        if (fd >= 0) (void)close(fd);
        return sedge_job_fail_file(job, READ_STACK);
    }
    *size = st.st_size;
    if (S_ISREG(st.st_mode) && st.st_size <= limit) return fd;
    (void)close(fd);
    if (!S_ISREG(st.st_mode)) return sedge_job_fail(job, SEDGE_E_INVALID, READ_STACK, "%s is not a file", path);
    return sedge_job_fail(job, SEDGE_E_LIMIT, "ARTIFACT_DOWNLOAD_ERROR",
                          "%s has %" PRId64 " bytes, more than the %" PRId64 " allowed", path, *size, limit);
}

static int64_t max_bytes(const struct sedge_job *job)
{
    return job->req.max_bytes ? job->req.max_bytes : SEDGE_FETCH_BYTES_MAX;
}

static int copy_file(struct sedge_job *job)
{
    sedge_auto_free char *block = sedge_xcalloc(1, COPY_BLOCK);
    int64_t size;
    sedge_auto_close int from = open_source(job, job->req.source.path, max_bytes(job), &size);
    ssize_t n;

    if (from < 0 || sedge_file_check_space(job, size) || sedge_file_restart_part(job)) return -1;
    while ((n = read(from, block, COPY_BLOCK)) > 0)
        if (write_part(job, block, (size_t)n) || check_canceled(job)) return -1;
    if (n == 0) {
        job->complete = true;
        return 0;
    }
    (void)sedge_err_sys(&job->fail.err, errno, "cannot read %s", job->req.source.path);
    return sedge_job_fail_file(job, READ_STACK);
}

static int prepare_get(struct sedge_job *job)
{
    sedge_auto_buf struct sedge_buf is = SEDGE_BUF_INIT;
    struct stat st;

    if (check_digest_form(job)) return -1;
    if (has_digest(job) && lstat(job->req.dest, &st) == 0 && S_ISREG(st.st_mode) &&
        digest_agrees(job, job->req.dest, &is) == 1) {
        sedge_json_add_bool(job->answer, "cached", true);
        job->have = st.st_size;
        job->complete = true;
        return 0;
    }
    if (open_part(job)) return -1;
    if (job->req.source.scheme == SEDGE_SCHEME_FILE) return copy_file(job);
    return sedge_file_check_space(job, 0);
}

static int hash_put(struct sedge_job *job)
{
    sedge_auto_buf struct sedge_buf hex = SEDGE_BUF_INIT;

    if (job->req.file) {
        job->fd = open_source(job, job->req.file, SEDGE_FETCH_BYTES_MAX, &job->size);
        if (job->fd < 0) return -1;
        if (sedge_sha256_file_hex(job->req.file, &hex, &job->fail.err)) return sedge_job_fail_file(job, READ_STACK);
    } else {
        job->size = job->req.text ? (int64_t)strlen(job->req.text) : 0;
        sedge_sha256_hex(job->req.text ? job->req.text : "", (size_t)job->size, &hex);
    }
    (void)snprintf(job->sha256, sizeof job->sha256, "%s", hex.data);
    return 0;
}

/* TEXT and HEAD of a file location. */
static int look_at_file(struct sedge_job *job)
{
    int64_t size, limit = job->req.op == SEDGE_OP_TEXT ? SEDGE_FETCH_TEXT_MAX : SEDGE_FETCH_BYTES_MAX;
    sedge_auto_close int fd = open_source(job, job->req.source.path, limit, &size);

    if (fd < 0) return -1;
    job->complete = true;
    if (job->req.op == SEDGE_OP_HEAD) {
        sedge_json_add_i64(job->answer, "bytes", size);
        return 0;
    }
    if (sedge_fs_read(job->req.source.path, (size_t)limit, &job->in.body, &job->fail.err))
        return sedge_job_fail_file(job, READ_STACK);
    return 0;
}

void sedge_file_prepare(struct sedge_job *job)
{
    job->result = 0;
    if (job->req.op == SEDGE_OP_GET)
        job->result = prepare_get(job);
    else if (job->req.op == SEDGE_OP_PUT)
        job->result = hash_put(job);
    else if (job->req.op == SEDGE_OP_UNPACK)
        job->complete = true;
    else if (job->req.source.scheme == SEDGE_SCHEME_FILE)
        job->result = look_at_file(job);
}

/* Digest, mode, fsync, rename. */
static int settle(struct sedge_job *job)
{
    sedge_auto_buf struct sedge_buf is = SEDGE_BUF_INIT;
    sedge_auto_free char *meta = meta_path(job);
    int agrees = has_digest(job) ? digest_agrees(job, job->part, &is) : 1;

    if (agrees < 0) return -1;
    if (!agrees) {
        job->restart = job->resumed; /* pieces of two versions: worth one more try from the beginning */
        if (!job->restart) (void)unlink(job->part);
        (void)unlink(meta);
        return sedge_job_fail(job, SEDGE_E_DIGEST, "ARTIFACT_CHECKSUM_MISMATCH",
                              "%s: the digest is %s, the recipe or manifest says %s; publish the component again, as a "
                              "new version",
                              job->req.source.text, is.data, job->req.sha256 ? job->req.sha256 : job->req.digest);
    }
    (void)unlink(meta); /* first: nobody would look for it once the file is in its place */
    if (fchmod(job->fd, (mode_t)(job->req.mode ? job->req.mode : 0644)) || fsync(job->fd) ||
        rename(job->part, job->req.dest)) {
        (void)sedge_err_sys(&job->fail.err, errno, "cannot finish %s", job->req.dest);
        return sedge_job_fail_file(job, WRITE_STACK);
    }
    if (sedge_fs_sync_parent(job->req.dest, &job->fail.err)) return sedge_job_fail_file(job, WRITE_STACK);
    return 0;
}

static int unpack(struct sedge_job *job, const char *archive)
{
    struct sedge_unpack u = {.archive = archive,
                             .kind = job->req.unarchive,
                             .to = job->req.unarchive_to,
                             .file_mode = (mode_t)job->req.file_mode,
                             .min_free = job->settings->min_free,
                             .canceled = &job->canceled};
    int64_t files;
    bool was_there;

    if (job->req.unarchive == SEDGE_UNARCHIVE_NONE) return 0;
    if (sedge_unpack(&u, &files, &was_there, &job->fail.err))
        return job->fail.err.code == SEDGE_E_CANCELED ? -1 : sedge_job_fail_file(job, "IO_ERROR IO_UNZIP_ERROR");
    sedge_json_add_i64(job->answer, "unpacked", files);
    return 0;
}

static int check_text(struct sedge_job *job)
{
    sedge_auto_buf struct sedge_buf hex = SEDGE_BUF_INIT;
    const struct sedge_buf *body = &job->in.body;
    const char *text = body->data ? body->data : "";

    if (!sedge_utf8_valid(text, body->len))
        return sedge_job_fail(job, SEDGE_E_INVALID, NULL, "%s is not UTF-8 text", job->req.source.text);
    sedge_sha256_hex(text, body->len, &hex);
    if (job->req.sha256 && strcasecmp(hex.data, job->req.sha256) != 0)
        return sedge_job_fail(
            job, SEDGE_E_DIGEST, "ARTIFACT_CHECKSUM_MISMATCH",
            "%s: the SHA-256 is %s, the manifest says %s; publish the component again, as a new version",
            job->req.source.text, hex.data, job->req.sha256);
    sedge_json_add_str(job->answer, "text", text);
    sedge_json_add_i64(job->answer, "bytes", (int64_t)body->len);
    return 0;
}

static int finish_get(struct sedge_job *job)
{
    bool cached = sedge_json_bool(job->answer, "cached", false);

    if (cached) {
        /* The recipe's permissions may have changed since. */
        if (chmod(job->req.dest, (mode_t)(job->req.mode ? job->req.mode : 0644))) {
            (void)sedge_err_sys(&job->fail.err, errno, "cannot set the mode of %s", job->req.dest);
            return sedge_job_fail_file(job, "SET_PERMISSION_ERROR");
        }
    } else {
        if (settle(job)) return -1;
        sedge_json_add_bool(job->answer, "cached", false);
    }
    sedge_json_add_i64(job->answer, "bytes", job->have);
    sedge_json_add_i64(job->answer, "attempts", job->attempts_total);
    return unpack(job, job->req.dest);
}

void sedge_file_finish(struct sedge_job *job)
{
    if (job->req.op == SEDGE_OP_GET)
        job->result = finish_get(job);
    else if (job->req.op == SEDGE_OP_UNPACK)
        job->result = unpack(job, job->req.file);
    else if (job->req.op == SEDGE_OP_TEXT || job->req.op == SEDGE_OP_API)
        job->result = check_text(job);
    else
        job->result = 0;
}
