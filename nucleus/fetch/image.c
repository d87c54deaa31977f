#include "image.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

/* One run of docker; gone when its three handles are closed. */
struct command {
    struct sedge_image_pull *pull;
    uv_process_t process;
    uv_pipe_t out, err;
    struct sedge_buf out_text, err_text;
    int nopen;
    int nended; /* of the two pipes */
    bool exited;
    int64_t status;
    int signal;
};

struct sedge_image_pull {
    uv_loop_t *loop;
    uv_timer_t timer; /* the start, then time-outs */
    char *reference;
    bool asking; /* docker images, not docker pull */
    bool canceled, timed_out;
    struct command *command;
    sedge_fetch_done_cb done;
    void *user;
    struct sedge_err err;
    struct json_object *stack;
};

/* ---- the end ---- */

static void timer_closed(uv_handle_t *h)
{
    struct sedge_image_pull *p = h->data;
    struct sedge_fetch_result r = {.err = p->err.code == SEDGE_OK ? NULL : &p->err, .stack = p->stack};

    p->done(&r, p->user);
    (void)json_object_put(p->stack);
    free(p->reference);
    free(p);
}

static void finish(struct sedge_image_pull *p)
{
    uv_close((uv_handle_t *)&p->timer, timer_closed);
}

static void add_code(struct sedge_image_pull *p, const char *code)
{
    if (!p->stack) p->stack = json_object_new_array();
    (void)json_object_array_add(p->stack, json_object_new_string(code));
}

/* What docker says, and what it means. The first row that fits counts. */
static const struct {
    const char *says;
    enum sedge_err_code code;
    const char *stack;
} meanings[] = {
    {"Cannot connect to the Docker daemon", SEDGE_E_UNAVAILABLE, "DOCKER_SERVICE_UNAVAILABLE"},
    {"docker daemon running", SEDGE_E_UNAVAILABLE, "DOCKER_SERVICE_UNAVAILABLE"},
    {"permission denied while trying to connect", SEDGE_E_DENIED, "USER_NOT_AUTHORIZED_FOR_DOCKER"},
    {"dial unix", SEDGE_E_UNAVAILABLE, "DOCKER_SERVICE_UNAVAILABLE"},
    {"manifest unknown", SEDGE_E_INVALID, "DOCKER_IMAGE_NOT_VALID"},
    {"not found", SEDGE_E_INVALID, "DOCKER_IMAGE_NOT_VALID"},
    {"does not exist", SEDGE_E_INVALID, "DOCKER_IMAGE_NOT_VALID"},
    {"access denied", SEDGE_E_INVALID, "DOCKER_IMAGE_NOT_VALID"},
    {"access to the resource is denied", SEDGE_E_INVALID, "DOCKER_IMAGE_NOT_VALID"},
    {"unauthorized", SEDGE_E_INVALID, "DOCKER_IMAGE_NOT_VALID"},
    {"invalid reference format", SEDGE_E_INVALID, "DOCKER_IMAGE_NOT_VALID"},
};

static void fail(struct sedge_image_pull *p, const struct command *c)
{
    const char *text = c->err_text.len ? c->err_text.data : "it said nothing";
    size_t n = strlen(text);
    enum sedge_err_code code = p->asking ? SEDGE_E_IO : SEDGE_E_UNAVAILABLE;
    const char *what = p->asking ? "images -q" : "pull";

    add_code(p, "DOCKER_ERROR");
    add_code(p, p->asking ? "DOCKER_IMAGE_QUERY_ERROR" : "DOCKER_PULL_ERROR");
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(meanings); i++) {
        if (!strstr(text, meanings[i].says)) continue;
        code = meanings[i].code;
        add_code(p, meanings[i].stack);
        break;
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    (void)sedge_err_set(&p->err, code, "docker %s %s failed with exit code %d: %.*s", what, p->reference,
                        (int)c->status, (int)(n < 600 ? n : 600), text);
}

/* ---- one command ---- */

static void next(struct sedge_image_pull *p);

/* Everything of a command is over: what now? */
static void judge(struct sedge_image_pull *p, const struct command *c)
{
    if (p->err.code != SEDGE_OK) {
        ; /* it could not be started */
    } else if (p->canceled) {
        (void)sedge_err_set(&p->err, SEDGE_E_CANCELED, "docker pull %s was canceled", p->reference);
    } else if (p->timed_out) {
        add_code(p, "DOCKER_ERROR");
        (void)sedge_err_set(&p->err, SEDGE_E_TIMEOUT, "docker took too long with image %s", p->reference);
    } else if (c->status != 0 || c->signal != 0) {
        fail(p, c);
    } else if (p->asking && c->out_text.len == 0) {
        p->asking = false;
        next(p);
        return;
    }
    finish(p);
}

static void command_closed(uv_handle_t *h)
{
    struct command *c = h->data;
    struct sedge_image_pull *p = c->pull;

    if (--c->nopen > 0) return;
    p->command = NULL;
    judge(p, c);
    sedge_buf_release(&c->out_text);
    sedge_buf_release(&c->err_text);
    free(c);
}

static void close_command(struct command *c)
{
    uv_handle_t *handles[] = {(uv_handle_t *)&c->process, (uv_handle_t *)&c->out, (uv_handle_t *)&c->err};

    (void)uv_timer_stop(&c->pull->timer);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(handles); i++)
        if (!uv_is_closing(handles[i])) uv_close(handles[i], command_closed);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct command *c = h->data;
    struct sedge_buf *text = h == (uv_handle_t *)&c->out ? &c->out_text : &c->err_text;

    (void)suggested;
    if (text->len > SEDGE_IMAGE_OUTPUT_MAX) sedge_buf_drop_front(text, text->len - SEDGE_IMAGE_OUTPUT_MAX);
    sedge_buf_reserve(text, SEDGE_IMAGE_OUTPUT_MAX);
    *buf = uv_buf_init(text->data + text->len, SEDGE_IMAGE_OUTPUT_MAX);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct command *c = s->data;
    struct sedge_buf *text = s == (uv_stream_t *)&c->out ? &c->out_text : &c->err_text;

    (void)buf; /* the free room of the text */
    if (n > 0) {
        text->len += (size_t)n;
        text->data[text->len] = '\0';
    }
    if (n >= 0) return;
    (void)uv_read_stop(s);
    if (++c->nended == 2 && c->exited) close_command(c);
}

static void no_more_output(uv_timer_t *t)
{
    struct sedge_image_pull *p = t->data;

    if (p->command) close_command(p->command);
}

static void on_exited(uv_process_t *process, int64_t status, int sig)
{
    struct command *c = process->data;

    c->exited = true;
    c->status = status;
    c->signal = sig;
    if (c->nended == 2)
        close_command(c);
    else
        (void)uv_timer_start(&c->pull->timer, no_more_output, SEDGE_IMAGE_KILL_MS, 0);
}

static void kill_it(uv_timer_t *t)
{
    struct sedge_image_pull *p = t->data;

    if (p->command && !p->command->exited) (void)uv_process_kill(&p->command->process, SIGKILL);
}

static void end_it(struct sedge_image_pull *p)
{
    if (!p->command || p->command->exited) return;
    (void)uv_process_kill(&p->command->process, SIGTERM);
    (void)uv_timer_start(&p->timer, kill_it, SEDGE_IMAGE_KILL_MS, 0);
}

static void on_timeout(uv_timer_t *t)
{
    struct sedge_image_pull *p = t->data;

    p->timed_out = true;
    end_it(p);
}

static int spawn(struct command *c, char **args)
{
    uv_stdio_container_t io[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&c->out},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&c->err},
    };
    uv_process_options_t o = {.exit_cb = on_exited, .file = args[0], .args = args, .stdio = io, .stdio_count = 3};
    uv_loop_t *loop = c->pull->loop;

    (void)uv_pipe_init(loop, &c->out, 0); /* cannot fail on Linux */
    (void)uv_pipe_init(loop, &c->err, 0);
    c->process.data = c->out.data = c->err.data = c;
    c->nopen = 3; /* also after a failure the process handle must be closed */
    return uv_spawn(loop, &c->process, &o);
}

/* docker could not be started at all. */
static void not_started(struct command *c, int rc)
{
    struct sedge_image_pull *p = c->pull;

    c->exited = true;
    add_code(p, "DOCKER_ERROR");
    add_code(p, "DOCKER_SERVICE_UNAVAILABLE");
    if (rc == UV_ENOENT)
        (void)sedge_err_set(&p->err, SEDGE_E_NOT_FOUND,
                            "image %s: there is no docker command on the search path of the nucleus; install docker, "
                            "or podman with podman-docker",
                            p->reference);
    else
        (void)sedge_err_set(&p->err, SEDGE_E_IO, "image %s: docker cannot be started: %s", p->reference,
                            uv_strerror(rc));
    close_command(c);
}

static void next(struct sedge_image_pull *p)
{
    char docker[] = "docker", images[] = "images", quiet[] = "-q", pull[] = "pull";
    char *ask[] = {docker, images, quiet, p->reference, NULL};
    char *get[] = {docker, pull, p->reference, NULL};
    struct command *c = SEDGE_NEW(struct command);
    int rc;

    c->pull = p;
    p->command = c;
    rc = spawn(c, p->asking ? ask : get);
    if (rc != 0) {
        not_started(c, rc);
        return;
    }
    sedge_log(SEDGE_INFO, "fetch", p->asking ? "image-query" : "image-pull", "image=%s", p->reference);
    (void)uv_timer_start(&p->timer, on_timeout, p->asking ? SEDGE_IMAGE_QUERY_MS : SEDGE_IMAGE_PULL_MS, 0);
    (void)uv_read_start((uv_stream_t *)&c->out, on_alloc, on_read); /* fresh pipes: cannot fail */
    (void)uv_read_start((uv_stream_t *)&c->err, on_alloc, on_read);
}

static void begin(uv_timer_t *t)
{
    struct sedge_image_pull *p = t->data;

    if (p->canceled) {
        (void)sedge_err_set(&p->err, SEDGE_E_CANCELED, "docker pull %s was canceled", p->reference);
        finish(p);
        return;
    }
    next(p);
}

struct sedge_image_pull *sedge_image_pull(uv_loop_t *loop, const char *reference, bool always, sedge_fetch_done_cb done,
                                          void *user)
{
    struct sedge_image_pull *p = SEDGE_NEW(struct sedge_image_pull);

    p->loop = loop;
    p->reference = sedge_xstrdup(reference);
    p->asking = !always;
    p->done = done;
    p->user = user;
    (void)uv_timer_init(loop, &p->timer);
    p->timer.data = p;
    (void)uv_timer_start(&p->timer, begin, 0, 0);
    return p;
}

void sedge_image_pull_cancel(struct sedge_image_pull *p)
{
    p->canceled = true;
    end_it(p);
}
