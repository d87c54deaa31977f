/* Things that nobody has made here, and that come with a certificate of the site's own authority. */
#include "base/log.h"
#include "base/mem.h"
#include "cloud/query.h"
#include "registry.h"

/* A name that was ever used is not made again: its thing is blocked or was deleted by somebody. 1, 0, -1. */
static int was_used(struct sedge_cloud *c, const char *name, const char *serial, struct sedge_err *err)
{
    int64_t one = 0;

    return sedge_q_i64(c->db, err, &one,
                       "SELECT 1 FROM thing WHERE name=?1 UNION SELECT 1 FROM revoked WHERE"
                       " ltrim(lower(serial),'0')=ltrim(?2,'0')",
                       "tt", name, serial);
}

/* The operator may have made the group dynamic: then its query decides. */
static int join_unassigned(struct sedge_cloud *c, const char *name, int64_t now_ms, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf offers = SEDGE_BUF_INIT;
    int64_t dynamic = 0;

    if (sedge_q_run(c->db, err, "INSERT INTO grp(name) VALUES(?1) ON CONFLICT(name) DO NOTHING", "t",
                    SEDGE_GROUP_UNASSIGNED) != 0 ||
        sedge_q_i64(c->db, err, &dynamic, "SELECT query IS NOT NULL FROM grp WHERE name=?1", "t",
                    SEDGE_GROUP_UNASSIGNED) < 0)
        return -1;
    return dynamic ? 0 : sedge_group_join(c, SEDGE_GROUP_UNASSIGNED, name, now_ms, &offers, err);
}

int sedge_thing_meet(struct sedge_cloud *c, const char *name, const char *fingerprint, const char *serial,
                     int64_t now_ms, int64_t *id, struct sedge_err *err)
{
    int rc;

    if (sedge_cloud_check_name("thing", name, NULL) != 0) return 0;
    rc = was_used(c, name, serial, err);
    if (rc != 0) return rc < 0 ? -1 : 0;
    if (sedge_q_run(c->db, err,
                    "INSERT INTO thing(name,created_at,last_seen,cert_sha256,cert_serial) VALUES(?1,?2,?2,?3,?4)",
                    "titt", name, now_ms / 1000, fingerprint, serial) != 0)
        return -1;
    *id = sqlite3_last_insert_rowid(sedge_db_handle(c->db));
    if (join_unassigned(c, name, now_ms, err) != 0 ||
        sedge_audit(c->db, now_ms, "thing-auto-register", name, fingerprint, err) != 0)
        return -1;
    sedge_log(SEDGE_INFO, "registry", "auto-registered", "thing=%s group=" SEDGE_GROUP_UNASSIGNED, name);
    return 1;
}

int sedge_thing_pin(struct sedge_cloud *c, int64_t id, const char *fingerprint, const char *serial,
                    struct sedge_err *err)
{
    return sedge_q_run(c->db, err,
                       "UPDATE thing SET cert_sha256=?2, cert_serial=?3 WHERE id=?1 AND cert_sha256 IS NULL", "itt", id,
                       fingerprint, serial);
}
