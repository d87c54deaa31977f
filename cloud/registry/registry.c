#include "registry.h"

#include <pwd.h>
#include <unistd.h>

#include "cloud/http/actor.h"
#include "base/buf.h"
#include "cloud/query.h"

#define NAMES_SHOWN 8

const char *sedge_who(void)
{
    const struct passwd *pw = getpwuid(getuid());

    if (sedge_actor()) return sedge_actor();
    return pw ? pw->pw_name : NULL;
}

int sedge_audit(struct sedge_db *db, int64_t now_ms, const char *what, const char *ref, const char *body,
                struct sedge_err *err)
{
    return sedge_q_run(db, err, "INSERT INTO audit(at,who,what,ref,body) VALUES(?1,?2,?3,?4,?5)", "itttt", now_ms,
                       sedge_who(), what, ref, body);
}

/* "there are: a, b, c" from a query with one text column. */
static void names_hint(struct sedge_db *db, const char *sql, const char *none, struct sedge_buf *out)
{
    sqlite3_stmt *q = sedge_q(db, NULL, sql, "");
    int n = 0;

    while (q && sedge_db_step(db, q, NULL) == 1 && n <= NAMES_SHOWN) {
        if (n == NAMES_SHOWN)
            sedge_buf_puts(out, ", ...");
        else
            sedge_buf_printf(out, "%s%s", n ? ", " : "there are: ", sedge_db_text(q, 0));
        n++;
    }
    (void)sqlite3_finalize(q);
    if (n == 0) sedge_buf_puts(out, none);
}

int sedge_thing_id(struct sedge_cloud *c, const char *name, int64_t *id, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf hint = SEDGE_BUF_INIT;
    int rc = sedge_q_i64(c->db, err, id, "SELECT id FROM thing WHERE name=?1 AND state<>2", "t", name);

    if (rc != 0) return rc == 1 ? 0 : -1;
    names_hint(c->db, "SELECT name FROM thing WHERE state<>2 ORDER BY name", "there are no things yet", &hint);
    return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                         "thing \"%s\" does not exist (%s); make it with: sedge-cloud thing create %s", name, hint.data,
                         name);
}

int sedge_group_id(struct sedge_cloud *c, const char *name, int64_t *id, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf hint = SEDGE_BUF_INIT;
    int rc = sedge_q_i64(c->db, err, id, "SELECT id FROM grp WHERE name=?1", "t", name);

    if (rc != 0) return rc == 1 ? 0 : -1;
    names_hint(c->db, "SELECT name FROM grp ORDER BY name", "there are no groups yet", &hint);
    return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                         "group \"%s\" does not exist (%s); make it with: sedge-cloud group create %s", name, hint.data,
                         name);
}
