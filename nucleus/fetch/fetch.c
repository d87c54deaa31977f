#include "fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "internal.h"
#include "protocol.h"

#define PATH_SIZE 4096

/* One running sedge-fetch. Gone when its three handles are closed. */
struct helper {
    struct helper *next;
    struct sedge_fetcher *f;
    uv_process_t process;
    uv_pipe_t in, out;
    struct sedge_buf lines;
    int nopen;          /* handles whose close callback is to come */
    bool exited, ended; /* process; its output */
    bool input_closed;
};

struct request {
    struct request *next;
    uint64_t id;
    struct helper *helper; /* NULL: failed before it was sent */
    bool over;             /* `err` is to be reported on the next turn */
    struct sedge_err err;
    sedge_fetch_progress_cb progress;
    sedge_fetch_done_cb done;
    void *user;
};

struct sedge_fetcher {
    uv_loop_t *loop;
    uv_timer_t later; /* reports what failed without the helper */
    uv_timer_t idle;
    char *path, *user, *ca_file, *proxy, *no_proxy;
    int parallel, idle_ms;
    struct json_object *store, *plane, *tuning;
    struct helper *helpers, *current;
    struct request *requests, **last;
    uint64_t last_id;
    size_t noutstanding;
    bool closing;
    int ntimers; /* open */
    sedge_fetch_closed_cb on_closed;
    void *closed_user;
};

struct write {
    uv_write_t req;
    char *text;
};

/* ---- requests ---- */

static struct request *find(struct sedge_fetcher *f, uint64_t id)
{
    struct request *r = f->requests;

    while (r && r->id != id)
        r = r->next;
    return r;
}

static void on_idle(uv_timer_t *t);

/* Takes the request off the list, tells its owner, forgets it. */
static void complete(struct sedge_fetcher *f, struct request *r, const struct sedge_fetch_result *result)
{
    struct request **p = &f->requests;

    while (*p != r)
        p = &(*p)->next;
    *p = r->next;
    if (f->last == &r->next) f->last = p;
    f->noutstanding--;
    if (f->noutstanding == 0 && !f->closing) (void)uv_timer_start(&f->idle, on_idle, (uint64_t)f->idle_ms, 0);
    r->done(result, r->user);
    free(r);
}

static struct json_object *stack_of(const char *code)
{
    struct json_object *a = json_object_new_array();

    json_object_array_add(a, json_object_new_string("ARTIFACT_DOWNLOAD_ERROR"));
    if (code) json_object_array_add(a, json_object_new_string(code));
    return a;
}

static void finish_close(struct sedge_fetcher *f);

static void on_later(uv_timer_t *t)
{
    struct sedge_fetcher *f = t->data;
    struct request *r = f->requests;
    uint64_t upto = f->last_id;

    while (r) {
        sedge_auto_put struct json_object *stack = NULL;

        if (!r->over || r->id > upto) {
            r = r->next;
            continue;
        }
        stack = stack_of(NULL);
        complete(f, r, &(struct sedge_fetch_result){.err = &r->err, .stack = stack});
        r = f->requests; /* the callback may have changed the list */
    }
    if (f->closing) finish_close(f);
}

static void report_later(struct sedge_fetcher *f)
{
    (void)uv_timer_start(&f->later, on_later, 0, 0);
}

static struct request *add_request(struct sedge_fetcher *f, sedge_fetch_progress_cb progress, sedge_fetch_done_cb done,
                                   void *user)
{
    struct request *r = SEDGE_NEW(struct request);

    sedge_assert(done);
    r->id = ++f->last_id;
    r->progress = progress;
    r->done = done;
    r->user = user;
    *f->last = r;
    f->last = &r->next;
    f->noutstanding++;
    (void)uv_timer_stop(&f->idle);
    return r;
}

static void fail_later(struct sedge_fetcher *f, struct request *r)
{
    r->over = true;
    report_later(f);
}

/* ---- the helper ---- */

static void helper_closed(uv_handle_t *h)
{
    struct helper *p = h->data;
    struct sedge_fetcher *f = p->f;
    struct helper **at = &f->helpers;

    if (--p->nopen > 0) return;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    sedge_buf_release(&p->lines);
    free(p);
    if (f->closing) finish_close(f);
}

static void close_handle(uv_handle_t *h)
{
    if (!uv_is_closing(h)) uv_close(h, helper_closed);
}

/* The process is gone and all it said was read: what it did not answer has failed. */
static void bury(struct helper *p)
{
    struct sedge_fetcher *f = p->f;

    if (!p->exited || !p->ended) return;
    if (f->current == p) f->current = NULL;
    for (struct request *r = f->requests; r; r = r->next) {
        if (r->helper != p || r->over) continue;
        (void)sedge_err_set(&r->err, SEDGE_E_UNAVAILABLE, "the download helper ended unexpectedly; try again");
        r->over = true;
        r->helper = NULL;
        report_later(f);
    }
    close_handle((uv_handle_t *)&p->process);
    close_handle((uv_handle_t *)&p->in);
    close_handle((uv_handle_t *)&p->out);
}

static void on_exited(uv_process_t *process, int64_t status, int sig)
{
    struct helper *p = process->data;

    p->exited = true;
    if ((status || sig) && !p->f->closing)
        sedge_log(SEDGE_WARN, "fetch", "helper-ended", "status=%" PRId64 " signal=%d", status, sig);
    bury(p);
}

static void report_progress(struct request *r, struct json_object *event)
{
    struct sedge_fetch_progress p = {.done_bytes = sedge_json_i64(event, "done", 0),
                                     .total_bytes = sedge_json_i64(event, "total", -1),
                                     .bytes_per_s = sedge_json_i64(event, "rate", 0)};

    if (r->progress) r->progress(&p, r->user);
}

static void report_error(struct sedge_fetcher *f, struct request *r, struct json_object *event)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *stack = sedge_json_arr(event, "stack");
    sedge_auto_put struct json_object *own = stack ? json_object_get(stack) : stack_of(NULL);

    (void)sedge_err_set(&err, sedge_err_from_name(sedge_json_str(event, "code", "io-error")), "%s",
                        sedge_json_str(event, "message", "failed"));
    complete(f, r, &(struct sedge_fetch_result){.err = &err, .stack = own, .reply = event});
}

static void take_event(struct sedge_fetcher *f, const char *text, size_t n)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *event = sedge_json_parse_object(text, n, "sedge-fetch", &err);
    const char *name = sedge_json_str(event, "event", "");
    struct request *r = event ? find(f, (uint64_t)sedge_json_i64(event, "id", 0)) : NULL;

    if (!r || r->over) {
        if (!event || strcmp(name, "error") == 0)
            sedge_log(SEDGE_WARN, "fetch", "helper-said", "%s", event ? sedge_json_str(event, "message", "") : err.msg);
    } else if (strcmp(name, "progress") == 0) {
        report_progress(r, event);
    } else if (strcmp(name, "done") == 0) {
        complete(f, r, &(struct sedge_fetch_result){.reply = event});
    } else if (strcmp(name, "error") == 0) {
        report_error(f, r, event);
    } else {
        sedge_log(SEDGE_INFO, "fetch", name, "attempt=%" PRId64 " delayMs=%" PRId64 " %s",
                  sedge_json_i64(event, "attempt", 0), sedge_json_i64(event, "delayMs", 0),
                  sedge_json_str(event, "message", ""));
    }
}

static void take_lines(struct helper *p)
{
    size_t done = 0;
    const char *nl;

    while ((nl = memchr(p->lines.data + done, '\n', p->lines.len - done))) {
        size_t n = (size_t)(nl - p->lines.data) - done;

        take_event(p->f, p->lines.data + done, n);
        done += n + 1;
    }
    sedge_buf_drop_front(&p->lines, done);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct helper *p = h->data;

    (void)suggested;
    sedge_buf_reserve(&p->lines, 16384);
    *buf = uv_buf_init(p->lines.data + p->lines.len, 16384);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct helper *p = s->data;

    (void)buf; /* the free room of p->lines */
    if (n > 0) {
        p->lines.len += (size_t)n;
        p->lines.data[p->lines.len] = 0;
        take_lines(p);
        if (p->lines.len <= SEDGE_FETCH_LINE_MAX) return;
        sedge_log(SEDGE_ERROR, "fetch", "helper-line-too-long", "limit=%d", SEDGE_FETCH_LINE_MAX);
        (void)uv_process_kill(&p->process, SIGKILL);
    }
    if (n == 0) return;
    (void)uv_read_stop(s);
    p->ended = true;
    bury(p);
}

static void on_written(uv_write_t *req, int status)
{
    struct write *w = (struct write *)req;

    (void)status; /* a helper that does not read any more ends, and on_exited reports it */
    explicit_bzero(w->text, strlen(w->text));
    free(w->text);
    free(w);
}

static void send_line(struct helper *p, struct json_object *o)
{
    struct write *w = SEDGE_NEW(struct write);
    uv_buf_t buf;

    w->text = sedge_xasprintf("%s\n", sedge_json_text(o));
    buf = uv_buf_init(w->text, (unsigned)strlen(w->text));
    if (uv_write(&w->req, (uv_stream_t *)&p->in, &buf, 1, on_written)) on_written(&w->req, 0);
}

static struct json_object *config_line(const struct sedge_fetcher *f)
{
    struct json_object *o = f->tuning ? sedge_json_copy(f->tuning) : json_object_new_object();

    sedge_json_add_str(o, "op", "config");
    json_object_object_add(o, "objectStore", json_object_get(f->store)); /* shared: only read */
    if (f->plane) json_object_object_add(o, "dataPlane", json_object_get(f->plane));
    sedge_json_add_str(o, "user", f->user);
    sedge_json_add_str(o, "caFile", f->ca_file);
    sedge_json_add_str(o, "proxy", f->proxy);
    sedge_json_add_str(o, "proxyCaFile", f->ca_file);
    sedge_json_add_str(o, "noProxy", f->no_proxy);
    if (f->parallel > 0) sedge_json_add_i64(o, "parallel", f->parallel);
    return o;
}

static int spawn(struct helper *p, struct sedge_err *err)
{
    char name[] = "sedge-fetch";
    char *args[] = {name, NULL};
    uv_stdio_container_t io[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&p->in},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&p->out},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    uv_process_options_t o = {.exit_cb = on_exited, .file = p->f->path, .args = args, .stdio = io, .stdio_count = 3};
    int rc = uv_spawn(p->f->loop, &p->process, &o);

    if (rc == 0) {
        rc = uv_read_start((uv_stream_t *)&p->out, on_alloc, on_read);
        if (rc) (void)uv_process_kill(&p->process, SIGKILL); /* on_exited closes it */
    } else {
        p->exited = true;
    }
    if (rc == 0) return 0;
    p->ended = true;
    return sedge_err_set(err, SEDGE_E_UNAVAILABLE,
                         "cannot start the download helper %s: %s; it belongs beside the program that uses it",
                         p->f->path, uv_strerror(rc));
}

/* The helper that takes the next request. */
static struct helper *running(struct sedge_fetcher *f, struct sedge_err *err)
{
    sedge_auto_put struct json_object *config = NULL;
    struct helper *p;

    if (f->current) return f->current;
    p = SEDGE_NEW(struct helper);
    p->f = f;
    p->nopen = 3;
    (void)uv_pipe_init(f->loop, &p->in, 0); /* cannot fail */
    (void)uv_pipe_init(f->loop, &p->out, 0);
    p->next = f->helpers;
    f->helpers = p;
    p->process.data = p->in.data = p->out.data = p;
    if (spawn(p, err)) {
        bury(p);
        return NULL;
    }
    config = config_line(f);
    send_line(p, config);
    f->current = p;
    return p;
}

static void input_shut(uv_shutdown_t *req, int status)
{
    (void)status; /* the helper is gone then, which on_exited reports */
    close_handle((uv_handle_t *)req->handle);
    free(req);
}

/* No more requests for this helper: it ends when it has worked off what it has. */
static void retire(struct sedge_fetcher *f)
{
    struct helper *p = f->current;
    uv_shutdown_t *req;

    f->current = NULL;
    if (!p || p->input_closed) return;
    p->input_closed = true;
    req = SEDGE_NEW(uv_shutdown_t);
    if (uv_shutdown(req, (uv_stream_t *)&p->in, input_shut) == 0) return;
    free(req);
    close_handle((uv_handle_t *)&p->in);
}

static void on_idle(uv_timer_t *t)
{
    struct sedge_fetcher *f = t->data;

    if (f->noutstanding == 0) retire(f);
}

/* ---- open and close ---- */

static char *default_path(void)
{
    char exe[PATH_SIZE];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    char *slash;

    if (n < 0) return sedge_xstrdup("sedge-fetch");
    exe[n] = 0;
    slash = strrchr(exe, '/');
    return sedge_xasprintf("%.*s/sedge-fetch", slash ? (int)(slash - exe) : 0, exe);
}

static void replace_text(char **p, const char *text, bool *changed)
{
    *changed = *changed || !sedge_str_eq(*p, text);
    free(*p);
    *p = sedge_xstrdup(text);
}

static void replace_object(struct json_object **p, struct json_object *fresh, bool *changed)
{
    *changed = *changed || !json_object_equal(*p, fresh);
    json_object_put(*p);
    *p = fresh;
}

static void use_options(struct sedge_fetcher *f, const struct sedge_fetch_options *o, bool *changed)
{
    replace_text(&f->user, o->user, changed);
    replace_text(&f->ca_file, o->ca_file, changed);
    replace_text(&f->proxy, o->proxy, changed);
    replace_text(&f->no_proxy, o->no_proxy, changed);
    replace_object(&f->store, o->store ? sedge_json_copy(o->store) : json_object_new_object(), changed);
    replace_object(&f->plane, o->plane ? sedge_json_copy(o->plane) : NULL, changed);
    replace_object(&f->tuning, o->tuning ? sedge_json_copy(o->tuning) : NULL, changed);
}

struct sedge_fetcher *sedge_fetcher_new(uv_loop_t *loop, const struct sedge_fetch_options *o)
{
    struct sedge_fetcher *f = SEDGE_NEW(struct sedge_fetcher);
    bool changed = false;

    f->loop = loop;
    f->last = &f->requests;
    f->path = o->helper ? sedge_xstrdup(o->helper) : default_path();
    f->parallel = o->parallel;
    f->idle_ms = o->idle_ms ? o->idle_ms : SEDGE_FETCH_IDLE_MS;
    use_options(f, o, &changed);
    (void)uv_timer_init(loop, &f->later); /* cannot fail */
    (void)uv_timer_init(loop, &f->idle);
    f->later.data = f->idle.data = f;
    f->ntimers = 2;
    return f;
}

void sedge_fetcher_set(struct sedge_fetcher *f, const struct sedge_fetch_options *o)
{
    bool changed = false;

    use_options(f, o, &changed);
    if (changed) retire(f);
}

struct json_object *sedge_fetcher_store(const struct sedge_fetcher *f)
{
    return f->store;
}

struct json_object *sedge_fetcher_plane(const struct sedge_fetcher *f)
{
    return f->plane;
}

static void timer_closed(uv_handle_t *h)
{
    struct sedge_fetcher *f = h->data;

    if (--f->ntimers > 0) return;
    if (f->on_closed) f->on_closed(f->closed_user);
    json_object_put(f->store);
    json_object_put(f->plane);
    json_object_put(f->tuning);
    free(f->path);
    free(f->user);
    free(f->ca_file);
    free(f->proxy);
    free(f->no_proxy);
    free(f);
}

/* Called at each step of closing; the last one closes the timers. */
static void finish_close(struct sedge_fetcher *f)
{
    if (f->requests || f->helpers || uv_is_closing((uv_handle_t *)&f->later)) return;
    uv_close((uv_handle_t *)&f->later, timer_closed);
    uv_close((uv_handle_t *)&f->idle, timer_closed);
}

void sedge_fetcher_close(struct sedge_fetcher *f, sedge_fetch_closed_cb on_closed, void *user)
{
    sedge_assert(!f->closing);
    f->closing = true;
    f->on_closed = on_closed;
    f->closed_user = user;
    for (struct request *r = f->requests; r; r = r->next) {
        if (r->over) continue;
        (void)sedge_err_set(&r->err, SEDGE_E_CANCELED, "canceled: the program is stopping");
        r->over = true;
    }
    /* Whatever the helper is at, the next run can take it up from there. */
    for (struct helper *p = f->helpers; p; p = p->next)
        if (!p->exited) (void)uv_process_kill(&p->process, SIGTERM);
    report_later(f);
}

/* ---- requests of each kind ---- */

void sedge_fetch_submit_failed(struct sedge_fetcher *f, const struct sedge_err *err, sedge_fetch_done_cb done,
                               void *user)
{
    struct request *r = add_request(f, NULL, done, user);

    r->err = *err;
    fail_later(f, r);
}

uint64_t sedge_fetch_submit(struct sedge_fetcher *f, struct json_object *request, sedge_fetch_progress_cb progress,
                            sedge_fetch_done_cb done, void *user)
{
    sedge_auto_put struct json_object *line = sedge_json_copy(request);
    struct request *r = add_request(f, progress, done, user);

    if (f->closing)
        (void)sedge_err_set(&r->err, SEDGE_E_CANCELED, "canceled: the program is stopping");
    else if (f->noutstanding > SEDGE_FETCH_OUTSTANDING_MAX)
        (void)sedge_err_set(&r->err, SEDGE_E_LIMIT, "more than %d downloads at once", SEDGE_FETCH_OUTSTANDING_MAX);
    else
        r->helper = running(f, &r->err);
    if (!r->helper) {
        fail_later(f, r);
        return r->id;
    }
    sedge_json_add_i64(line, "id", (int64_t)r->id);
    send_line(r->helper, line);
    return r->id;
}

static void add_unarchive(struct json_object *o, const struct sedge_fetch_get *g)
{
    sedge_json_add_str(o, "unarchive", g->unarchive);
    sedge_json_add_str(o, "unarchiveTo", g->unarchive_to);
    if (g->file_mode) sedge_json_add_i64(o, "fileMode", (int64_t)g->file_mode);
}

uint64_t sedge_fetch_get(struct sedge_fetcher *f, const struct sedge_fetch_get *g, sedge_fetch_progress_cb progress,
                         sedge_fetch_done_cb done, void *user)
{
    sedge_auto_put struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "op", "get");
    sedge_json_add_str(o, "url", g->url);
    sedge_json_add_str(o, "dest", g->dest);
    sedge_json_add_str(o, "digest", g->digest);
    sedge_json_add_str(o, "algorithm", g->algorithm);
    if (g->mode) sedge_json_add_i64(o, "mode", (int64_t)g->mode);
    if (g->max_bytes) sedge_json_add_i64(o, "maxBytes", g->max_bytes);
    sedge_json_add_str(o, "presign", g->presign);
    sedge_json_add_str(o, "signedUrl", g->signed_url);
    add_unarchive(o, g);
    return sedge_fetch_submit(f, o, progress, done, user);
}

uint64_t sedge_fetch_list(struct sedge_fetcher *f, const char *bucket, const char *prefix, const char *delimiter,
                          sedge_fetch_done_cb done, void *user)
{
    sedge_auto_put struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "op", "list");
    sedge_json_add_str(o, "bucket", bucket);
    sedge_json_add_str(o, "prefix", prefix);
    sedge_json_add_str(o, "delimiter", delimiter);
    return sedge_fetch_submit(f, o, NULL, done, user);
}

uint64_t sedge_fetch_text(struct sedge_fetcher *f, const char *url, const char *sha256, sedge_fetch_done_cb done,
                          void *user)
{
    sedge_auto_put struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "op", "text");
    sedge_json_add_str(o, "url", url);
    sedge_json_add_str(o, "sha256", sha256);
    return sedge_fetch_submit(f, o, NULL, done, user);
}

uint64_t sedge_fetch_head(struct sedge_fetcher *f, const struct sedge_fetch_get *g, sedge_fetch_done_cb done,
                          void *user)
{
    sedge_auto_put struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "op", "head");
    sedge_json_add_str(o, "url", g->url);
    sedge_json_add_str(o, "presign", g->presign);
    sedge_json_add_i64(o, "attempts", 1);
    return sedge_fetch_submit(f, o, NULL, done, user);
}

uint64_t sedge_fetch_unpack(struct sedge_fetcher *f, const struct sedge_fetch_get *g, sedge_fetch_done_cb done,
                            void *user)
{
    sedge_auto_put struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "op", "unpack");
    sedge_json_add_str(o, "file", g->dest);
    add_unarchive(o, g);
    return sedge_fetch_submit(f, o, NULL, done, user);
}

void sedge_fetch_cancel(struct sedge_fetcher *f, uint64_t id)
{
    struct request *r = find(f, id);
    sedge_auto_put struct json_object *o = NULL;

    if (!r || r->over || !r->helper) return;
    if (r->helper->input_closed) { /* cannot be told any more: its result is dropped */
        (void)sedge_err_set(&r->err, SEDGE_E_CANCELED, "canceled");
        fail_later(f, r);
        return;
    }
    o = json_object_new_object();
    sedge_json_add_str(o, "op", "cancel");
    sedge_json_add_i64(o, "id", (int64_t)id);
    send_line(r->helper, o);
}

void sedge_fetch_cancel_all(struct sedge_fetcher *f)
{
    for (struct request *r = f->requests; r; r = r->next)
        sedge_fetch_cancel(f, r->id);
}
