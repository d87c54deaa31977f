/* world - a site with its device plane; ask() sends one message as a device does. */
#ifndef SEDGE_TEST_WORLD_H
#define SEDGE_TEST_WORLD_H

#include "site.h"

#include "cloud/deploy/exec.h"
#include "cloud/plane/guests.h"
#include "cloud/plane/plane.h"
#include "cloud/plane/shadow.h"

#define NS     "/namespace-aws-gg-deployment"
#define NEXT   "$aws/things/cam-1/jobs/$next" NS "/get"
#define HEALTH "$aws/things/cam-1/greengrassv2/health/json"
#define GO     "{\"status\":\"IN_PROGRESS\""

struct world {
    struct sedge_cloud *c;
    struct sedge_plane *p;
};

static inline int world_setup(void **st)
{
    struct world *w = SEDGE_NEW(struct world);
    void *c = NULL;

    (void)site_setup(&c);
    w->c = c;
    w->p = sedge_plane_new(w->c->db);
    *st = w;
    return 0;
}

static inline int world_teardown(void **st)
{
    struct world *w = *st;
    void *c = w->c;

    sedge_plane_free(w->p);
    free(w);
    return site_teardown(&c);
}

/* Sends one message; the answers are in `out`. */
static inline void tell(struct world *w, const char *topic, const char *payload, int64_t now_ms,
                        struct sedge_plane_out *out)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    assert_int_equal(sedge_plane_refresh(w->p, &err), 0);
    if (!sedge_plane_quick(w->p, now_ms, topic, payload, strlen(payload), out) &&
        sedge_plane_handle(w->p, now_ms, topic, payload, strlen(payload), out, &err) != 0)
        fail_msg("%s", err.msg);
    sedge_plane_own(w->p);
}

/* Sends one message and returns the only answer's payload (heap), NULL when there is none. */
static inline char *ask(struct world *w, const char *topic, const char *payload, const char *kind, int64_t now_ms)
{
    struct sedge_plane_out out = {0};
    sedge_auto_free char *want = sedge_xasprintf("%s/%s", topic, kind);
    char *answer = NULL;

    tell(w, topic, payload, now_ms, &out);
    if (out.n) {
        assert_int_equal(out.n, 1);
        if (strcmp(out.v[0].topic, want) != 0) fail_msg("%s: %s", out.v[0].topic, out.v[0].payload);
        assert_false(out.v[0].notification);
        answer = sedge_xstrdup(out.v[0].payload);
    }
    sedge_plane_out_release(&out);
    return answer;
}

/* Deploys to cams and returns the update topic of the job (heap). */
static inline char *begin(struct world *w)
{
    sedge_auto_put struct json_object *d = site_deploy(w->c, SEDGE_TARGET_GROUP, "cams", "1.0.0", T0);

    return sedge_xasprintf("$aws/things/cam-1/jobs/%s" NS "/update", sedge_json_str(d, "jobId", ""));
}

#endif
