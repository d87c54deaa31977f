/*
 * platform - what the device is, and whether a manifest's Platform fits it.
 *
 * A platform is a json object of attribute name to text: {"os":"linux","architecture":"amd64"}, with
 * "architecture.detail" on 32-bit ARM and whatever platformOverride adds. Names and values are case-sensitive.
 */
#ifndef SEDGE_RECIPE_PLATFORM_H
#define SEDGE_RECIPE_PLATFORM_H

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

/* New reference. From uname(2). */
struct json_object *sedge_platform_detect(void);
/* The same from given names (pure), as uname -s and uname -m print them. */
struct json_object *sedge_platform_from(const char *sysname, const char *machine);
/* Copies every text entry of platformOverride (may be NULL or of any type) over `platform`. */
void sedge_platform_override(struct json_object *platform, struct json_object *overrides);

/* Whether every entry of `wanted` (NULL: yes) fits. 1 yes, 0 no, -1 a regular expression is not valid (INVALID), or
 * uses what pattern.h does not know (UNSUPPORTED). */
int sedge_platform_match(struct json_object *wanted, struct json_object *platform, struct sedge_err *err);
/* -1 when a template is a "/.../" with such an expression. */
int sedge_platform_template_check(const char *text, struct sedge_err *err);

#endif
