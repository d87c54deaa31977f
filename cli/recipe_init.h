/*
 * recipe_init - a first recipe for a component, with a folder that deploys as it is.
 *
 *   <dir>/recipes/NAME-VERSION.yaml
 *   <dir>/artifacts/NAME/VERSION/main.sh
 */
#ifndef SEDGE_CLI_RECIPE_INIT_H
#define SEDGE_CLI_RECIPE_INIT_H

#include "base/buf.h"
#include "base/err.h"

/* `dir` NULL: ./NAME. Appends to *next what was written and the commands to go on with. -1: INVALID or LIMIT for a name
 * or version, CONFLICT when a file is there already (nothing is written then), IO. */
int sedge_recipe_init(const char *name, const char *version, const char *dir, struct sedge_buf *next,
                      struct sedge_err *err);

#endif
