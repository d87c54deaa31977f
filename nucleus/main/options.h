/*
 * options - the command line of sedge-nucleus (spec/config.md 16).
 */
#ifndef SEDGE_MAIN_OPTIONS_H
#define SEDGE_MAIN_OPTIONS_H

#include "base/err.h"

struct sedge_options {
    const char *root;        /* NULL: not given */
    const char *config_file; /* --config */
    const char *init_config; /* --init-config */
    const char *aws_region;
    const char *env_stage;
    const char *default_user;
    int help;
    int version;
};

/* Texts are borrowed from argv. INVALID names the argument and what was expected. */
int sedge_options_parse(int argc, char **argv, struct sedge_options *out, struct sedge_err *err);
const char *sedge_options_usage(void);
/* --root, else SEDGE_ROOT, else /var/lib/sedge for root and ~/.sedge for others; absolute, heap. */
char *sedge_options_root(const struct sedge_options *o);

#endif
