/*
 * Another broker, or the same by other parameters, as a deployment of the cloud wants it: the connection is made anew
 * when whoever has asked for the deployment has its terminal status (spec/cloud-protocol.md 10.5).
 */
#include "nucleus.h"

#include "base/clock.h"
#include "base/log.h"

#define MOVE_LOOK_MS  50    /* between two looks whether the status has been answered */
#define MOVE_LIMIT_MS 60000 /* for the answer */

static bool must_stay(struct sedge_nucleus *n)
{
    if (sedge_deployer_serves_cloud(n->deployer))
        n->move_by = sedge_mono_ms() + MOVE_LIMIT_MS;
    else if (!sedge_jobs_owes(n->jobs) && !sedge_thing_owes(n->thing))
        return false;
    if (sedge_mono_ms() < n->move_by) return true;
    sedge_log(SEDGE_WARN, "cloud", "status-not-told",
              "nobody has answered the status of the deployment that changed the connection within %d s",
              MOVE_LIMIT_MS / 1000);
    return false;
}

static void look_cb(uv_timer_t *timer)
{
    struct sedge_nucleus *n = timer->data;

    if (!n->stopping && must_stay(n)) return;
    (void)uv_timer_stop(timer);
    if (!n->stopping) sedge_cloud_connect_anew(n);
}

void sedge_move_open(struct sedge_nucleus *n)
{
    (void)uv_timer_init(&n->loop, &n->move);
    n->move.data = n;
}

void sedge_move_later(struct sedge_nucleus *n)
{
    if (uv_is_active((uv_handle_t *)&n->move)) return;
    if (sedge_deployer_serves_cloud(n->deployer) && must_stay(n))
        (void)uv_timer_start(&n->move, look_cb, MOVE_LOOK_MS, MOVE_LOOK_MS);
    else
        sedge_cloud_connect_anew(n);
}

void sedge_move_close(struct sedge_nucleus *n)
{
    uv_close((uv_handle_t *)&n->move, NULL);
}
