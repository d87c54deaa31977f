/*
 * start - which configuration a start begins with, and the files for people (config.md 3, 4).
 *
 * Order: `config_file` (new base, everything stored is discarded); else the database; else, on a first start or after a
 * damaged database, the first valid of config/config.tlog.old, config.tlog, config.tlog~, bootstrap.tlog,
 * bootstrap.tlog~ (a Greengrass installation, or what this program kept of its own first start); else nothing. On top
 * of it `init_config_file`, or, if nothing was stored, config/config.yaml (.yml, .json). Values of files carry the
 * file's modification time, so an old file does not override newer stored values. At last the values of the command
 * line.
 *
 * bootstrap.tlog is written once, by the first start that ends well: the fall-back after a damaged database.
 *
 * Files: .yaml .yml .json .tlog. At the top only `system`, `services` and `setenv`. Errors name file, line and column.
 * All functions block: for the start, the end, and work items where noted.
 */
#ifndef SEDGE_CONFIG_START_H
#define SEDGE_CONFIG_START_H

#include "base/db.h"
#include "config.h"

#define SEDGE_CONFIG_FILE_MAX (4u << 20) /* .yaml, .yml, .json */
#define SEDGE_CONFIG_TLOG_MAX (256u << 20)

struct sedge_config_start {
    const char *root;                   /* absolute */
    struct sedge_db *db;                /* NULL: nothing stored (tests) */
    bool db_was_bad;                    /* from sedge_config_open_db: says in the log what the start fell back to */
    const char *config_file;            /* --config, or NULL */
    const char *init_config_file;       /* --init-config, or NULL */
    const char *aws_region;             /* --aws-region, or NULL */
    const char *env_stage;              /* --env-stage, or NULL */
    const char *component_default_user; /* --component-default-user, or NULL */
    const char *nucleus_version;        /* written to services.<nucleus>.version */
};
/* Fills the (empty) tree. The folder <root>/config must exist. */
int sedge_config_start(struct sedge_config *cfg, const struct sedge_config_start *options, struct sedge_err *err);

/* Merges one file with its modification time. */
int sedge_config_merge_file(struct sedge_config *cfg, const char *path, struct sedge_err *err);
/* A file of start-up form as a plain object (system, services, setenv); new reference. Not for .tlog. */
struct json_object *sedge_config_read_file(const char *path, struct sedge_err *err);
/* Transaction log of a Greengrass installation (config.md 3.1). Every line is checked before the first is applied. */
int sedge_config_read_tlog(struct sedge_config *cfg, const char *path, struct sedge_err *err);
/* Complete dump in that form, without private names. */
void sedge_config_tlog_text(struct sedge_config *cfg, struct sedge_buf *out);

/* Content of effectiveConfig.yaml: system and services without private names; secrets are "***". Heap text; on the
 * loop. */
char *sedge_config_effective_text(struct sedge_config *cfg);
/* Text to <root>/config/effectiveConfig.yaml, atomically. From a work item, or at start and end. */
int sedge_config_write_effective(const char *root, const char *text, struct sedge_err *err);

/* "~/x" home, "~root/x", "~config/x", "~packages/x" below `root`; any other text as it is. Heap text. */
char *sedge_config_expand_path(const char *root, const char *text);
/* services entry with componentType NUCLEUS, else "aws.greengrass.Nucleus". Heap text. */
char *sedge_config_nucleus_name(struct sedge_config *cfg);

#endif
