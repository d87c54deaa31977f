#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"

struct sedge_store {
    const struct sedge_cloud_settings *set;
    FILE *to, *from;
    pid_t pid;
    int64_t last_id;
    void (*old_sigpipe)(int);
};

/* Heap. A name without slash is looked up in PATH by exec. */
static char *helper_path(void)
{
    const char *env = getenv("SEDGE_FETCH");
    char self[4096];
    ssize_t n;
    char *slash, *path;

    if (env && env[0]) return sedge_xstrdup(env);
    n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n > 0) {
        self[n] = 0;
        slash = strrchr(self, '/');
        if (slash) *slash = 0;
        path = sedge_xasprintf("%s/sedge-fetch", self);
        if (sedge_fs_exists(path)) return path;
        free(path);
    }
    return sedge_xstrdup("sedge-fetch");
}

static int start(struct sedge_store *s, const char *path, struct sedge_err *err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};

    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return sedge_err_sys(err, errno, "pipe");
    s->pid = fork();
    if (s->pid == 0) {
        (void)signal(SIGPIPE, SIG_DFL);
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)execlp(path, path, (char *)NULL);
        (void)fprintf(stderr, "sedge-cloud: cannot start %s: %s; set SEDGE_FETCH to its path\n", path, strerror(errno));
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    s->to = fdopen(in[1], "w");
    s->from = fdopen(out[0], "r");
    if (s->pid < 0 || !s->to || !s->from) return sedge_err_sys(err, errno, "%s", path);
    return 0;
}

static int send_line(struct sedge_store *s, struct json_object *o, struct sedge_err *err)
{
    if (fprintf(s->to, "%s\n", sedge_json_text(o)) > 0 && fflush(s->to) == 0) return 0;
    return sedge_err_set(err, SEDGE_E_UNAVAILABLE, "sedge-fetch has ended early");
}

static int configure(struct sedge_store *s, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = json_object_new_object();
    struct json_object *store = json_object_new_object();

    sedge_json_add_str(o, "op", "config");
    (void)json_object_object_add(o, "objectStore", store); /* takes store */
    sedge_json_add_str(store, "endpoint", s->set->s3_endpoint);
    sedge_json_add_str(store, "region", s->set->s3_region);
    sedge_json_add_bool(store, "pathStyle", s->set->s3_path_style);
    sedge_json_add_str(store, "accessKeyId", s->set->s3_access_key);
    sedge_json_add_str(store, "secretAccessKey", s->set->s3_secret_key);
    sedge_json_add_i64(o, "attempts", 4);
    return send_line(s, o, err);
}

struct sedge_store *sedge_store_open(const struct sedge_cloud_settings *set, struct sedge_err *err)
{
    sedge_auto_free char *path = helper_path();
    struct sedge_store *s;

    if (!set->s3_bucket || !set->s3_bucket[0]) {
        (void)sedge_err_set(err, SEDGE_E_INVALID,
                            "no object store is set; set it with: sedge-cloud init --s3-endpoint URL --bucket NAME");
        return NULL;
    }
    s = SEDGE_NEW(struct sedge_store);
    s->set = set;
    s->old_sigpipe = signal(SIGPIPE, SIG_IGN);
    if (start(s, path, err) == 0 && configure(s, err) == 0) return s;
    sedge_store_close(s);
    return NULL;
}

void sedge_store_close(struct sedge_store *s)
{
    if (!s) return;
    if (s->to) (void)fclose(s->to);
    if (s->from) (void)fclose(s->from);
    if (s->pid > 0) (void)waitpid(s->pid, NULL, 0);
    (void)signal(SIGPIPE, s->old_sigpipe);
    free(s);
}

/* The last event of request `id`. New reference. */
static struct json_object *answer(struct sedge_store *s, int64_t id, struct sedge_err *err)
{
    sedge_auto_free char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, s->from)) > 0 && n <= SEDGE_STORE_LINE_MAX) {
        struct json_object *o = sedge_json_parse_object(line, (size_t)n - 1, "answer of sedge-fetch", err);
        const char *event = sedge_json_str(o, "event", "");

        if (!o) return NULL;
        if (sedge_json_i64(o, "id", -1) == id && (strcmp(event, "done") == 0 || strcmp(event, "error") == 0)) return o;
        json_object_put(o);
    }
    (void)sedge_err_set(err, SEDGE_E_UNAVAILABLE, "sedge-fetch has ended early");
    return NULL;
}

/* Sends a request (taken) on a key, NULL for the bucket itself, and waits. New reference to the "done" event. */
static struct json_object *ask(struct sedge_store *s, struct json_object *request, const char *key,
                               struct sedge_err *err)
{
    const char *prefix = s->set->s3_prefix ? s->set->s3_prefix : "";
    sedge_auto_free char *url =
        key ? sedge_xasprintf("s3://%s/%s%s%s", s->set->s3_bucket, prefix, prefix[0] ? "/" : "", key)
            : sedge_xasprintf("s3://%s", s->set->s3_bucket);
    sedge_auto_put struct json_object *o = request;
    struct json_object *a;

    sedge_json_add_i64(o, "id", ++s->last_id);
    sedge_json_add_str(o, "url", url);
    if (send_line(s, o, err) != 0) return NULL;
    a = answer(s, s->last_id, err);
    if (!a || strcmp(sedge_json_str(a, "event", ""), "done") == 0) return a;
    (void)sedge_err_set(err, sedge_err_from_name(sedge_json_str(a, "code", "")), "%s",
                        sedge_json_str(a, "message", "the object store failed"));
    json_object_put(a);
    return NULL;
}

static struct json_object *request(const char *op)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "op", op);
    return o;
}

int sedge_store_put_file(struct sedge_store *s, const char *key, const char *path, const char *sha256,
                         struct sedge_err *err)
{
    struct json_object *o = request("put");
    sedge_auto_put struct json_object *a = NULL;
    const char *sent;

    sedge_json_add_str(o, "file", path);
    a = ask(s, o, key, err); /* takes o */
    if (!a) return -1;
    sent = sedge_json_str(a, "sha256", sha256);
    if (strcmp(sent, sha256) == 0) return 0;
    return sedge_err_set(err, SEDGE_E_DIGEST, "%s changed while it was published; publish it again", path);
}

int sedge_store_put_text(struct sedge_store *s, const char *key, const char *text, struct sedge_err *err)
{
    struct json_object *o = request("put");
    sedge_auto_put struct json_object *a = NULL;

    sedge_json_add_str(o, "text", text);
    sedge_json_add_str(o, "contentType", "application/json");
    a = ask(s, o, key, err); /* takes o */
    return a ? 0 : -1;
}

int sedge_store_get_text(struct sedge_store *s, const char *key, struct sedge_buf *out, struct sedge_err *err)
{
    struct json_object *o = request("text");
    sedge_auto_put struct json_object *a = NULL;

    sedge_json_add_i64(o, "maxBytes", SEDGE_STORE_TEXT_MAX);
    a = ask(s, o, key, err); /* takes o */
    if (!a) return -1;
    sedge_buf_puts(out, sedge_json_str(a, "text", ""));
    return 0;
}

int sedge_store_list(struct sedge_store *s, const char *prefix, struct sedge_strv *keys, struct sedge_err *err)
{
    const char *ours = s->set->s3_prefix ? s->set->s3_prefix : "";
    sedge_auto_free char *whole = sedge_xasprintf("%s%s%s", ours, ours[0] ? "/" : "", prefix);
    struct json_object *o = request("list"), *list;
    sedge_auto_put struct json_object *a = NULL;

    sedge_json_add_str(o, "bucket", s->set->s3_bucket);
    sedge_json_add_str(o, "prefix", whole);
    a = ask(s, o, NULL, err); /* takes o */
    if (!a) return -1;
    list = sedge_json_arr(a, "keys");
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        sedge_strv_add(keys,
                       json_object_get_string(json_object_array_get_idx(list, i)) + strlen(whole) - strlen(prefix));
    return 0;
}

int sedge_store_delete(struct sedge_store *s, const char *key, struct sedge_err *err)
{
    sedge_auto_put struct json_object *a = ask(s, request("delete"), key, err); /* takes the request */

    return a ? 0 : -1;
}

int sedge_store_make_bucket(struct sedge_store *s, struct sedge_err *err)
{
    struct json_object *o = request("put");
    sedge_auto_put struct json_object *a = NULL;

    sedge_json_add_str(o, "text", "");
    a = ask(s, o, NULL, err); /* takes o */
    return a ? 0 : -1;
}
