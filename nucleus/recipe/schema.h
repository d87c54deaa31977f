/*
 * schema - the JSON Schema (2020-12) of recipes, made from the table of keys. recipes/recipe.schema.json is its text.
 *
 *   struct json_object *schema = sedge_recipe_schema();   // new reference
 *
 * It accepts what the nucleus reads as far as a schema can say it. Keys are spelled in the usual way, so that editors
 * complete them; any other letter case is accepted through patterns, and so is an unknown key, as in the nucleus. What
 * a schema cannot say: a key given in two spellings, whether a version requirement or a regular expression is valid,
 * the size of the file. sedge_recipe_check says all of that.
 */
#ifndef SEDGE_RECIPE_SCHEMA_H
#define SEDGE_RECIPE_SCHEMA_H

#include "base/json.h"

struct json_object *sedge_recipe_schema(void);

#endif
