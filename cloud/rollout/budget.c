/* maxBytesPerSecond: bytes that were released and not yet had their time are owed. A thing is released when, with it,
 * no more than one second's worth is owed, or nothing is: then one thing alone may be more than that, and those behind
 * it wait until it had its time. All of it is in the database, so that a restart owes the same. */
#include "cloud/query.h"
#include "download.h"
#include "release.h"

/* A clock that was set back gives no time, and counts from there. */
static int64_t owed_now(const struct sedge_rev *r, int64_t now)
{
    int64_t passed = now - r->bytes_at, limit = r->policy.max_bytes_per_second;

    if (passed <= 0) return r->bytes_owed;
    return passed > r->bytes_owed / limit ? 0 : r->bytes_owed - passed * limit;
}

int sedge_rev_spend(struct sedge_db *db, int64_t now, struct sedge_rev *r, int64_t thing_id, bool *may,
                    struct sedge_err *err)
{
    int64_t limit = r->policy.max_bytes_per_second, bytes = 0, owed;

    *may = true;
    if (!limit) return 0;
    if (sedge_download_bytes(db, r->id, thing_id, &bytes, err) != 0) return -1;
    if (bytes == 0) return 0;
    owed = owed_now(r, now);
    *may = owed == 0 || bytes <= limit - owed;
    if (!*may && now >= r->bytes_at) return 0;
    r->bytes_owed = *may ? owed + bytes : owed;
    r->bytes_at = now;
    return sedge_q_run(db, err, "UPDATE deployment SET bytes_owed=?2, bytes_at=?3 WHERE id=?1", "iii", r->id,
                       r->bytes_owed, r->bytes_at);
}
