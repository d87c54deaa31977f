#include "component.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <sedge_ipc.h>

#include "base/clock.h"
#include "base/mem.h"
#include "classifier.h"
#include "message.h"
#include "settings.h"
#include "trial.h"

struct component {
    struct sedge_ipc_client *ipc;
    struct sedge_settings set;
    struct sedge_classifier *classifier;
    char *model;  /* the folder that `classifier` was opened from */
    char *last;   /* file name of the last image */
    char *told;   /* the last complaint: the same one is not repeated */
    bool changed; /* the configuration */
    int64_t due;  /* monotonic time of the next image */
};

/* ---- complaints go to stderr, which is the component's log ---- */

static void complain(struct component *c, const char *text)
{
    if (c->told && strcmp(c->told, text) == 0) return;
    free(c->told);
    c->told = sedge_xstrdup(text);
    (void)fprintf(stderr, "%s\n", text);
}

static int from_ipc(struct sedge_err *err, const struct sedge_ipc_err *e, const char *doing)
{
    enum sedge_err_code code = e->code == SEDGE_IPC_E_TIMEOUT ? SEDGE_E_TIMEOUT : SEDGE_E_UNAVAILABLE;

    return sedge_err_set(err, code, "%s: %s%s%s", doing, e->message, e->name[0] ? " " : "", e->name);
}

static bool is_over(const struct sedge_ipc_err *e)
{
    return e->code == SEDGE_IPC_E_CLOSED || e->code == SEDGE_IPC_E_PROTOCOL;
}

/* ---- configuration ---- */

static void on_change(const char *component, const char *const *key_path, void *user)
{
    struct component *c = user;

    (void)component;
    (void)key_path;
    c->changed = true;
}

static int open_model(struct component *c, struct sedge_err *err)
{
    sedge_auto_free char *folder = sedge_settings_model(&c->set, getenv("DLR_IC_MODEL_DIR"), err);
    struct sedge_classifier *fresh;

    if (!folder) return -1;
    if (c->model && strcmp(c->model, folder) == 0) return 0;
    fresh = sedge_trial_run(folder, err) ? NULL : sedge_classifier_open(folder, NULL, err);
    if (!fresh) return sedge_err_wrap(err, "model");
    sedge_classifier_close(c->classifier);
    c->classifier = fresh;
    free(c->model);
    c->model = sedge_steal(&folder);
    printf("model: %s\n", c->model);
    return 0;
}

static int read_settings(struct component *c, struct sedge_settings *out, bool *over, struct sedge_err *err)
{
    sedge_auto_put struct json_object *config = NULL;
    struct sedge_ipc_err e;
    struct utsname machine = {0};
    char *text = NULL;

    if (sedge_ipc_get_configuration(c->ipc, NULL, NULL, &text, &e)) {
        *over = is_over(&e);
        return from_ipc(err, &e, "the configuration could not be read");
    }
    (void)uname(&machine); /* fails for a bad pointer only */
    config = sedge_json_parse_object(text, strlen(text), "configuration", err);
    sedge_ipc_free(text);
    return config ? sedge_settings_read(out, config, machine.machine, getenv("DEFAULT_DLR_IC_IMAGE_DIR"), err) : -1;
}

/* Takes the configuration as it is now. A malformed one is reported and the old one stays, if there is an old one. */
static int configure(struct component *c, bool first, struct sedge_err *err)
{
    struct sedge_settings fresh;
    bool over = false;

    c->changed = false;
    if (read_settings(c, &fresh, &over, err)) {
        if (first || over) return -1;
        complain(c, err->msg);
        return 0;
    }
    sedge_settings_release(&c->set);
    c->set = fresh;
    free(c->told); /* what was wrong before may be told again */
    c->told = NULL;
    c->due = sedge_mono_ms();
    printf("configuration: every %g s, images %s/%s, results to %s\n", (double)c->set.interval_ms / 1000,
           c->set.directory ? c->set.directory : "?", c->set.image ? c->set.image : "*",
           c->set.topic[0] ? c->set.topic : "the log only");
    if (open_model(c, err) == 0) return 0;
    if (first) return -1;
    complain(c, err->msg);
    return 0;
}

/* ---- work ---- */

/* -1 only when the connection is over. */
static int publish(struct component *c, const char *text, struct sedge_err *err)
{
    sedge_auto_free char *complaint = NULL;
    struct sedge_ipc_err e;

    if (c->set.topic[0] == 0) return 0;
    if (sedge_ipc_publish_iot_core(c->ipc, c->set.topic, 1, text, strlen(text), &e) == 0) return 0;
    if (is_over(&e)) return from_ipc(err, &e, "the connection to the nucleus has ended");
    if (strcmp(e.name, "UnauthorizedError") == 0)
        complaint = sedge_xasprintf(
            "publishing on \"%s\" is not allowed (UnauthorizedError): list the topic under accessControl, "
            "aws.greengrass.ipc.mqttproxy, resources, with operation aws.greengrass#PublishToIoTCore, in "
            "this component's configuration",
            c->set.topic);
    else
        complaint =
            sedge_xasprintf("publishing on \"%s\" failed, the result is lost: %s %s", c->set.topic, e.message, e.name);
    complain(c, complaint);
    return 0;
}

static void print_result(const struct sedge_ranking *r, const char *image)
{
    if (r->n) printf("%s: %s %.3f, %.3f ms\n", image, r->best[0].label, (double)r->best[0].score, r->milliseconds);
}

static const char *file_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* One image. -1 only when the connection is over. */
static int classify_next(struct component *c, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_settings_next_image(&c->set, c->last, err), *text = NULL;
    struct sedge_ranking r;

    if (!path) {
        complain(c, err->msg);
        return 0;
    }
    free(c->last);
    c->last = sedge_xstrdup(file_of(path));
    if (sedge_classifier_run(c->classifier, path, &r, err)) {
        sedge_auto_free char *complaint = sedge_xasprintf("image skipped: %s", err->msg);
        complain(c, complaint);
        return 0;
    }
    print_result(&r, c->last);
    text = sedge_classify_message(&r, c->last, sedge_wall_ms());
    return publish(c, text, err);
}

static int step(struct component *c, struct sedge_err *err)
{
    struct sedge_ipc_err e;
    int64_t now = sedge_mono_ms();

    if (c->due > now) {
        int64_t wait = c->due - now;
        if (sedge_ipc_client_dispatch(c->ipc, wait > INT32_MAX ? INT32_MAX : (int)wait, &e) < 0)
            return from_ipc(err, &e, "the connection to the nucleus has ended");
    } else {
        c->due += c->set.interval_ms;
        if (c->due < now) c->due = now + c->set.interval_ms; /* slower than the interval: leave out, do not pile up */
        if (classify_next(c, err)) return -1;
        if (sedge_ipc_client_dispatch(c->ipc, 0, &e) < 0)
            return from_ipc(err, &e, "the connection to the nucleus has ended");
    }
    return c->changed ? configure(c, false, err) : 0;
}

static int run(struct component *c, struct sedge_err *err)
{
    struct sedge_ipc_err e;
    sedge_ipc_sub_t sub;
    int rc;

    c->ipc = sedge_ipc_connect(NULL, &e);
    if (!c->ipc)
        return from_ipc(err, &e, "no connection to the nucleus (this program is started by it; --once works without)");
    if (sedge_ipc_subscribe_configuration(c->ipc, NULL, NULL, on_change, NULL, c, &sub, &e))
        return from_ipc(err, &e, "changes of the configuration cannot be followed");
    rc = configure(c, true, err);
    while (rc == 0)
        rc = step(c, err);
    return rc;
}

int sedge_classify_component(struct sedge_err *err)
{
    struct component c = {.ipc = NULL};
    int rc = run(&c, err);

    sedge_ipc_disconnect(c.ipc);
    sedge_classifier_close(c.classifier);
    sedge_settings_release(&c.set);
    free(c.model);
    free(c.last);
    free(c.told);
    return rc;
}
