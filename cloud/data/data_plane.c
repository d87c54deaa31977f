#include "data_plane.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "data_internal.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"
#include "cloud/site/server_cert.h"

static const struct sedge_http_route routes[] = {
    {"GET", "greengrass/v2/coreDevices/{}/thingGroups", "ListThingGroupsForCoreDevice", 0, sedge_data_thing_groups},
    {"POST", "greengrass/v2/resolveComponentCandidates", "ResolveComponentCandidates", 0, sedge_data_resolve},
    {"GET", "greengrass/v2/components/{}/artifacts/{*}", "GetComponentVersionArtifact", 0, sedge_data_artifact},
    {"GET", "greengrass/v2/coreDevices/{}/deployments/{}/configuration", "GetDeploymentConfiguration", 0,
     sedge_data_configuration},
    {0},
};

/* 1: the certificate is one of the thing, 0 not. */
static int find_thing(struct sedge_cloud *c, const struct sedge_http_proof *proof, int64_t *id, int64_t *state,
                      struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(c->db, err,
                              "SELECT id, state, (cert_sha256 IS NOT NULL AND cert_sha256<>?2) OR EXISTS(SELECT 1 FROM"
                              " revoked WHERE ltrim(lower(serial),'0')=ltrim(?3,'0')) FROM thing"
                              " WHERE name=?1 AND state<>2",
                              "ttt", proof->cn, proof->fingerprint, proof->serial);
    int rc = q ? sedge_db_step(c->db, q, err) : -1;

    if (rc == 1) {
        *id = sqlite3_column_int64(q, 0);
        *state = sqlite3_column_int64(q, 1);
        if (sqlite3_column_int(q, 2) && *state == SEDGE_THING_ACTIVE) rc = 0;
    }
    (void)sqlite3_finalize(q);
    return rc;
}

/* What find_thing says, after a look at things that nobody made. */
static int meet(struct sedge_cloud *c, const struct sedge_http_proof *proof, bool known, int64_t *id,
                struct sedge_err *err)
{
    int64_t one = 0;
    int rc;

    if (known &&
        sedge_q_i64(c->db, err, &one, "SELECT 1 FROM thing WHERE id=?1 AND cert_sha256 IS NULL", "i", *id) == 0)
        return 1;
    if (sedge_q_begin(c->db, err) != 0) return -1;
    rc = known ? sedge_thing_pin(c, *id, proof->fingerprint, proof->serial, err)
               : sedge_thing_meet(c, proof->cn, proof->fingerprint, proof->serial, sedge_wall_ms(), id, err);
    if (sedge_q_end(c->db, rc < 0 ? -1 : 0, err) != 0) return -1;
    return known ? 1 : rc;
}

static int identify(void *user, struct sedge_cloud *c, const struct sedge_http_proof *proof,
                    struct sedge_http_peer *out, struct sedge_err *err)
{
    struct sedge_data_plane *d = user;
    int64_t state = 0;
    int rc;

    if (!proof->cn)
        return sedge_err_set(err, SEDGE_E_DENIED,
                             "this is the data plane for devices: show a device certificate of this site's authority");
    (void)snprintf(out->who, sizeof(out->who), "%s", proof->cn);
    rc = find_thing(c, proof, &out->id, &state, err);
    if (rc >= 0 && c->set.auto_register && state == SEDGE_THING_ACTIVE) rc = meet(c, proof, rc == 1, &out->id, err);
    if (rc < 0) return -1;
    if (rc == 0)
        return sedge_err_set(err, SEDGE_E_DENIED, "thing \"%s\" is not registered with this certificate", proof->cn);
    if (state != SEDGE_THING_ACTIVE) return sedge_err_set(err, SEDGE_E_DENIED, "thing \"%s\" is blocked", proof->cn);
    if (sedge_throttle_take(d->throttle, out->id, sedge_mono_ms())) return 0;
    return sedge_err_set(err, SEDGE_E_LIMIT, "too many requests; %d a second are possible", SEDGE_DATA_RATE);
}

int sedge_data_own(const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (strcmp(sedge_http_arg(rq, 0), rq->peer.who) == 0) return 0;
    (void)sedge_err_set(&err, SEDGE_E_DENIED, "the certificate is for %s: ask for this thing alone", rq->peer.who);
    sedge_http_fail(re, &err);
    return -1;
}

static int start(struct sedge_data_plane *d, const char *dir, const struct sedge_cloud_settings *set,
                 struct sedge_err *err)
{
    struct sedge_server_cert files = {0};
    struct sedge_http_tls tls;
    struct sedge_http_options o = {
        .name = "data-plane",
        .dir = dir,
        .address = set->data_bind ? set->data_bind : "",
        .port = (int)set->data_port,
        .tls = &tls,
        .routes = routes,
        .identify = identify,
        .user = d,
        .threads = SEDGE_DATA_THREADS,
        .body_max = SEDGE_DATA_BODY_MAX,
    };
    int rc = sedge_server_cert_read(dir, "data-plane", set->data_host, &files, err);

    if (rc == 0) {
        tls = (struct sedge_http_tls){.key = files.key.data, .cert = files.cert.data, .client_ca = files.ca.data};
        d->http = sedge_http_start(&o, err);
    }
    sedge_server_cert_release(&files);
    return d->http ? 0 : -1;
}

struct sedge_data_plane *sedge_data_plane_start(const char *dir, const struct sedge_cloud_settings *set,
                                                struct sedge_err *err)
{
    struct sedge_data_plane *d;

    if (!set->data_port) return NULL;
    d = SEDGE_NEW(struct sedge_data_plane);
    d->answers = sedge_cache_new(SEDGE_DATA_CACHE_MS);
    d->closures = sedge_cache_new(SEDGE_DATA_CACHE_MS);
    d->throttle = sedge_throttle_new(SEDGE_DATA_RATE, SEDGE_DATA_BURST);
    d->store = sedge_probe_new(set->s3_endpoint);
    if (start(d, dir, set, err) == 0) {
        sedge_log(SEDGE_INFO, "serve", "data-plane", "port=%d hosts=%s", sedge_http_port(d->http), set->data_host);
        return d;
    }
    sedge_data_plane_stop(d);
    return NULL;
}

void sedge_data_plane_tick(struct sedge_data_plane *d)
{
    if (d) sedge_http_sweep(d->http);
}

void sedge_data_plane_stop(struct sedge_data_plane *d)
{
    if (!d) return;
    sedge_http_stop(d->http);
    sedge_cache_free(d->answers);
    sedge_cache_free(d->closures);
    sedge_throttle_free(d->throttle);
    sedge_probe_free(d->store);
    free(d);
}
