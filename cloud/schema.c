#include "schema.h"

static const char first[] =
    "CREATE TABLE thing(\n"
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0,\n"
    "  attrs TEXT NOT NULL DEFAULT '{}', cert_sha256 TEXT, created_at INTEGER NOT NULL,\n"
    "  last_seen INTEGER, last_queued_at INTEGER NOT NULL DEFAULT 0,\n"
    "  fss_seq INTEGER, fss_ts INTEGER, fss_gap INTEGER NOT NULL DEFAULT 0,\n"
    "  ggc_version TEXT, telemetry TEXT, runtime TEXT, platform TEXT, arch TEXT, health INTEGER);\n"
    "CREATE UNIQUE INDEX thing_name ON thing(name) WHERE state <> 2;\n"
    "CREATE TABLE grp(\n"
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent_id INTEGER REFERENCES grp, query TEXT);\n"
    "CREATE TABLE member(\n"
    "  group_id INTEGER NOT NULL, thing_id INTEGER NOT NULL, added_at INTEGER NOT NULL,\n"
    "  PRIMARY KEY(group_id, thing_id)) WITHOUT ROWID;\n"
    "CREATE INDEX member_thing ON member(thing_id);\n"
    "CREATE TABLE component_version(\n"
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, state INTEGER NOT NULL,\n"
    "  recipe_sha256 TEXT NOT NULL, manifest TEXT NOT NULL, created_at INTEGER NOT NULL, UNIQUE(name, version));\n"
    "CREATE TABLE target(\n"
    "  id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, ref_name TEXT NOT NULL,\n"
    "  last_revision INTEGER NOT NULL DEFAULT 0, last_creation_ms INTEGER NOT NULL DEFAULT 0,\n"
    "  current_deployment INTEGER, UNIQUE(kind, ref_name));\n"
    "CREATE TABLE deployment(\n"
    "  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, job_id TEXT NOT NULL UNIQUE,\n"
    "  target_id INTEGER NOT NULL REFERENCES target, revision INTEGER NOT NULL, name TEXT,\n"
    "  creation_ms INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT,\n"
    "  device_doc TEXT NOT NULL, content_hash TEXT NOT NULL, large INTEGER NOT NULL DEFAULT 0,\n"
    "  request TEXT NOT NULL, policy TEXT NOT NULL,\n"
    "  wave INTEGER NOT NULL DEFAULT 0, wave_started_at INTEGER, rate_step INTEGER NOT NULL DEFAULT 0,\n"
    "  created_by TEXT, approved_by TEXT, parent_id INTEGER, UNIQUE(target_id, revision));\n"
    "CREATE TABLE counter(\n"
    "  deployment_id INTEGER NOT NULL, status INTEGER NOT NULL, shard INTEGER NOT NULL DEFAULT 0,\n"
    "  n INTEGER NOT NULL, PRIMARY KEY(deployment_id, status, shard)) WITHOUT ROWID;\n"
    "CREATE TABLE execution(\n"
    "  thing_id INTEGER NOT NULL, deployment_id INTEGER NOT NULL, exec_no INTEGER NOT NULL DEFAULT 1,\n"
    "  status INTEGER NOT NULL, version INTEGER NOT NULL DEFAULT 1,\n"
    "  queued_at INTEGER NOT NULL, started_at INTEGER, updated_at INTEGER NOT NULL,\n"
    "  deadline_at INTEGER, step_deadline_at INTEGER, next_retry_at INTEGER,\n"
    "  details TEXT, late_status INTEGER, flags INTEGER NOT NULL DEFAULT 0,\n"
    "  PRIMARY KEY(thing_id, deployment_id, exec_no)) WITHOUT ROWID;\n"
    "CREATE INDEX exec_dep ON execution(deployment_id, status);\n"
    "CREATE INDEX exec_deadline ON execution(deadline_at) WHERE deadline_at IS NOT NULL;\n"
    "CREATE INDEX exec_retry ON execution(next_retry_at) WHERE next_retry_at IS NOT NULL;\n"
    "CREATE TABLE shadow(\n"
    "  thing_id INTEGER NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,\n"
    "  desired TEXT, reported TEXT, updated_at INTEGER NOT NULL, PRIMARY KEY(thing_id, name)) WITHOUT ROWID;\n"
    "CREATE TABLE component_state(\n"
    "  thing_id INTEGER NOT NULL, name_id INTEGER NOT NULL, version TEXT NOT NULL, state INTEGER NOT NULL,\n"
    "  is_root INTEGER NOT NULL, arns TEXT, codes TEXT, reason TEXT, updated_at INTEGER NOT NULL,\n"
    "  PRIMARY KEY(thing_id, name_id)) WITHOUT ROWID;\n"
    "CREATE TABLE dirty(\n"
    "  thing_id INTEGER NOT NULL, ns INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(thing_id, ns)) WITHOUT "
    "ROWID;\n"
    "CREATE TABLE notified(\n"
    "  thing_id INTEGER NOT NULL, ns INTEGER NOT NULL, head TEXT, PRIMARY KEY(thing_id, ns)) WITHOUT ROWID;\n"
    "CREATE TABLE idem(\n"
    "  token TEXT PRIMARY KEY, request_hash TEXT NOT NULL, response TEXT NOT NULL, expires_at INTEGER NOT NULL);\n"
    "CREATE TABLE audit(\n"
    "  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT, what TEXT NOT NULL, ref TEXT, body TEXT);\n"
    "CREATE TABLE name(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);\n";

/* Registry: recipes for resolution, certificates that were revoked, nested groups, documents that do not fit a message.
 * grp_above has each group with itself and every group above it. */
static const char registry[] =
    "ALTER TABLE component_version ADD COLUMN recipe TEXT;\n"
    "ALTER TABLE thing ADD COLUMN cert_serial TEXT;\n"
    "CREATE TABLE revoked(\n"
    "  serial TEXT PRIMARY KEY, thing TEXT NOT NULL, thing_id INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;\n"
    "ALTER TABLE deployment ADD COLUMN full_doc TEXT;\n"
    "ALTER TABLE deployment ADD COLUMN full_sha256 TEXT;\n"
    "ALTER TABLE deployment ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;\n"
    "CREATE TABLE grp_above(\n"
    "  group_id INTEGER NOT NULL, above_id INTEGER NOT NULL, PRIMARY KEY(group_id, above_id)) WITHOUT ROWID;\n"
    "CREATE INDEX grp_below ON grp_above(above_id);\n"
    "INSERT INTO grp_above SELECT id, id FROM grp;\n"
    "CREATE TRIGGER grp_made AFTER INSERT ON grp BEGIN\n"
    "  INSERT INTO grp_above VALUES(NEW.id, NEW.id);\n"
    "  INSERT INTO grp_above SELECT NEW.id, above_id FROM grp_above WHERE group_id=NEW.parent_id;\n"
    "END;\n"
    "CREATE TRIGGER grp_gone AFTER DELETE ON grp BEGIN\n"
    "  DELETE FROM grp_above WHERE group_id=OLD.id OR above_id=OLD.id;\n"
    "END;\n"
    "CREATE VIEW effective_member AS SELECT DISTINCT a.above_id AS group_id, m.thing_id\n"
    "  FROM grp_above a JOIN member m ON m.group_id=a.group_id;\n";

/* Of the newest execution of a thing: what it counts as (enum sedge_count in counters.h). */
#define CLASS(row)                                                                                                     \
    "CASE WHEN " row ".flags & 4 THEN 9 WHEN " row ".status=5 AND " row ".flags & 8 THEN 8"                            \
    " WHEN " row ".status=2 AND " row ".flags & 2 THEN 10 ELSE " row ".status END"
#define COUNT_ONE(deployment, class)                                                                                   \
    "INSERT INTO counter(deployment_id,status,n) VALUES(" deployment                                                   \
    "," class ",1)"                                                                                                    \
              " ON CONFLICT(deployment_id,status,shard) DO UPDATE SET n=n+1;\n"

/* The rollout engine. Revisions from before it have been offered to everybody. */
static const char rollout[] =
    "ALTER TABLE deployment ADD COLUMN released INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE deployment ADD COLUMN gated INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE deployment ADD COLUMN wave_limit INTEGER;\n"
    "ALTER TABLE deployment ADD COLUMN wave_done_at INTEGER;\n"
    "ALTER TABLE deployment ADD COLUMN rate_mark INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE deployment ADD COLUMN accepted TEXT;\n"
    "ALTER TABLE deployment ADD COLUMN verdict INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE deployment ADD COLUMN only_after INTEGER;\n"
    "ALTER TABLE deployment ADD COLUMN joins INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE deployment ADD COLUMN minute INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE deployment ADD COLUMN minute_n INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE execution ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;\n"
    "UPDATE deployment SET released=1, wave_limit=10000;\n"
    "CREATE INDEX dep_alive ON deployment(target_id, revision) WHERE state IN (0,1,4,6,7);\n"
    "CREATE INDEX exec_step ON execution(step_deadline_at) WHERE step_deadline_at IS NOT NULL;\n"
    "INSERT INTO counter(deployment_id,status,n) SELECT e.deployment_id, e.status, COUNT(*) FROM execution e WHERE NOT"
    " EXISTS(SELECT 1 FROM execution x WHERE x.thing_id=e.thing_id AND x.deployment_id=e.deployment_id AND"
    " x.exec_no>e.exec_no) GROUP BY 1, 2;\n"
    "CREATE TRIGGER exec_added AFTER INSERT ON execution BEGIN\n"
    "  UPDATE counter SET n=n-1 WHERE NEW.exec_no>1 AND deployment_id=NEW.deployment_id AND shard=0 AND status=(SELECT"
    " " CLASS("e") " FROM execution e WHERE e.thing_id=NEW.thing_id AND e.deployment_id=NEW.deployment_id AND"
                   " e.exec_no<NEW.exec_no ORDER BY e.exec_no DESC LIMIT 1);\n"
                   "  " COUNT_ONE(
                       "NEW.deployment_id",
                       CLASS("NEW")) "END;\n"
                                     "CREATE TRIGGER exec_changed AFTER UPDATE OF status, flags ON execution "
                                     "WHEN " CLASS("OLD") "<>" CLASS(
                                         "NEW") " AND NOT EXISTS(SELECT 1 FROM execution e WHERE "
                                                "e.thing_id=NEW.thing_id AND e.deployment_id=NEW.deployment_id AND"
                                                " e.exec_no>NEW.exec_no) BEGIN\n"
                                                "  UPDATE counter SET n=n-1 WHERE deployment_id=NEW.deployment_id AND "
                                                "shard=0 AND status=" CLASS(
                                                    "OLD") ";\n"
                                                           "  " COUNT_ONE(
                                                               "NEW.deployment_id",
                                                               CLASS("NEW")) "END;\n"
                                                                             "CREATE TRIGGER exec_late AFTER UPDATE OF "
                                                                             "late_status ON execution WHEN "
                                                                             "NEW.late_status=2 AND OLD.late_status IS "
                                                                             "NOT"
                                                                             " 2 BEGIN\n"
                                                                             "  " COUNT_ONE("NEW.deployment_id",
                                                                                            "11") "END;\n";

/* Objects of the bucket without a manifest, since when; the things that a target's deployments reach. */
static const char upkeep[] =
    "CREATE TABLE leftover(key TEXT PRIMARY KEY, seen_at INTEGER NOT NULL) WITHOUT ROWID;\n"
    "CREATE VIEW target_member AS\n"
    "  SELECT t.id AS target_id, e.thing_id FROM target t JOIN grp g ON g.name=t.ref_name\n"
    "    JOIN effective_member e ON e.group_id=g.id WHERE t.kind=0\n"
    "  UNION ALL SELECT t.id, h.id FROM target t JOIN thing h ON h.name=t.ref_name AND h.state<>2 WHERE t.kind=1;\n";

/* The device plane: shadows that come and go, telemetry apart from what is written often, carriers. */
static const char plane[] =
    "ALTER TABLE shadow ADD COLUMN metadata TEXT;\n"
    "ALTER TABLE shadow ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE shadow ADD COLUMN untold INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE thing ADD COLUMN carrier TEXT;\n"
    "CREATE TABLE telemetry(thing_id INTEGER PRIMARY KEY, at INTEGER NOT NULL, body TEXT NOT NULL);\n"
    "INSERT INTO telemetry SELECT id, COALESCE(last_seen,created_at), telemetry FROM thing WHERE telemetry IS NOT "
    "NULL;\n"
    "UPDATE thing SET telemetry=NULL;\n";

/* Dynamic groups: things that changed and are to be looked at again. */
#define NOTE(what, event, id)                                                                                          \
    "CREATE TRIGGER regroup_" what " AFTER " event " WHEN EXISTS(SELECT 1 FROM grp WHERE query IS NOT NULL) BEGIN\n"   \
    "  INSERT OR IGNORE INTO regroup VALUES(" id ");\nEND;\n"
static const char dynamic[] =
    "CREATE TABLE regroup(thing_id INTEGER PRIMARY KEY);\n"
    "CREATE INDEX grp_query ON grp(id) WHERE query IS NOT NULL;\n" NOTE("made", "INSERT ON thing", "NEW.id")
        NOTE("thing", "UPDATE OF attrs, health, runtime, platform, arch, ggc_version ON thing", "NEW.id")
            NOTE("added", "INSERT ON component_state", "NEW.thing_id")
                NOTE("changed", "UPDATE OF version ON component_state", "NEW.thing_id")
                    NOTE("gone", "DELETE ON component_state", "OLD.thing_id");

/* Bytes that releases are expected to make things fetch, and those that had no time yet. */
static const char bytes[] =
    "ALTER TABLE deployment ADD COLUMN bytes_owed INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE deployment ADD COLUMN bytes_at INTEGER NOT NULL DEFAULT 0;\n"
    "CREATE TABLE download(\n"
    "  deployment_id INTEGER NOT NULL, arch TEXT NOT NULL, component TEXT NOT NULL, version TEXT NOT NULL,\n"
    "  bytes INTEGER NOT NULL, PRIMARY KEY(deployment_id, arch, component)) WITHOUT ROWID;\n";

/* Component versions that came over the control API and are not in the bucket yet. */
static const char publications[] = "CREATE TABLE publication(\n"
                                   "  name TEXT NOT NULL, version TEXT NOT NULL, state INTEGER NOT NULL, message TEXT, "
                                   "who TEXT, at INTEGER NOT NULL,\n"
                                   "  PRIMARY KEY(name, version)) WITHOUT ROWID;\n";

const char *const sedge_cloud_schema[SEDGE_CLOUD_SCHEMA_VERSION] = {first, registry, rollout, upkeep,
                                                                    plane, dynamic,  bytes,   publications};
