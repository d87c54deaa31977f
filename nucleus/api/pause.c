/* PauseComponent and ResumeComponent (spec/ipc-operations.md 6.4). */
#include "internal.h"

#include "base/mem.h"

struct pausing {
    struct sedge_ipc_stream *stream; /* a reference: the caller may be gone when it is done */
    char *name;
    const char *verb;
};

static void done_cb(void *arg, const struct sedge_err *err)
{
    struct pausing *p = arg;

    if (err->code == SEDGE_OK)
        (void)sedge_ipc_respond(p->stream, NULL);
    else
        sedge_api_error(p->stream, "ServiceError", "Failed to %s component %s due to : %s", p->verb, p->name, err->msg);
    sedge_ipc_stream_unref(p->stream);
    free(p->name);
    free(p);
}

/* The name in the request, allowed and of a component that can be paused at all; otherwise the error is answered. */
static const char *target(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request,
                          const char *verb)
{
    const char *name = sedge_json_str(request, "componentName", "");
    struct sedge_service_info info;

    if (!*name) {
        sedge_api_error(s, "InvalidArgumentsError", "Component name is required.");
        return NULL;
    }
    if (sedge_api_authorize(api, s, name, NULL) != 0) return NULL;
    if (sedge_supervisor_get(api->o.supervisor, name, &info, NULL) != 0) {
        (void)sedge_ipc_error(s, "ResourceNotFoundError", NULL, NULL);
        return NULL;
    }
    if (!info.builtin) return name;
    sedge_api_error(s, "InvalidArgumentsError", "Only generic components can be %sd.", verb);
    return NULL;
}

typedef int (*request_fn)(struct sedge_supervisor *sup, const char *name, sedge_supervisor_done done, void *arg,
                          struct sedge_err *err);

static void ask(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request, const char *verb,
                request_fn fn)
{
    const char *name = target(api, s, request, verb);
    struct sedge_err err = SEDGE_ERR_INIT;
    struct pausing *p;

    if (!name) return;
    p = SEDGE_NEW(struct pausing);
    *p = (struct pausing){sedge_ipc_stream_ref(s), sedge_xstrdup(name), verb};
    if (fn(api->o.supervisor, name, done_cb, p, &err) == 0) return;
    if (err.code == SEDGE_E_CONFLICT)
        (void)sedge_ipc_error(s, "InvalidArgumentsError", err.msg, NULL);
    else
        sedge_api_error(s, "ServiceError", "Failed to %s component %s due to : %s", verb, name, err.msg);
    sedge_ipc_stream_unref(p->stream);
    free(p->name);
    free(p);
}

void sedge_op_pause_component(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    ask(api, s, request, "pause", sedge_supervisor_pause);
}

void sedge_op_resume_component(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    ask(api, s, request, "resume", sedge_supervisor_resume);
}
