/*
 * recipe_files - the recipes that are meant by what a user names: files, and folders with everything below them.
 *
 * In a folder, a file is a recipe when it has the extension of one and speaks of RecipeFormatVersion or ComponentName;
 * other JSON and YAML files (and *.schema.json) lie there for other reasons. A file that is named itself always counts.
 */
#ifndef SEDGE_CLI_RECIPE_FILES_H
#define SEDGE_CLI_RECIPE_FILES_H

#include "base/err.h"
#include "base/str.h"

#define SEDGE_RECIPE_FILES_MAX 10000 /* in one call */

/* Appends the paths, those of a folder sorted; *skipped counts files that are no recipes. -1: NOT_FOUND for a folder
 * without recipes, LIMIT, IO. */
int sedge_recipe_files(const struct sedge_strv *names, struct sedge_strv *out, size_t *skipped, struct sedge_err *err);

#endif
