/*
 * compare - how shadow states differ, and how two that went apart come together again. Pure.
 *
 * All results are new references. NULL, absent and another type than an object count as an empty object at the top.
 */
#ifndef SEDGE_SHADOW_COMPARE_H
#define SEDGE_SHADOW_COMPARE_H

#include "base/json.h"

/* What `desired` has that `reported` has not, or has with another value; empty when there is nothing. *metadata (may be
 * NULL) gets the part of desired's metadata that belongs to it. */
struct json_object *sedge_shadow_difference(struct json_object *desired, struct json_object *reported,
                                            struct json_object *desired_metadata, struct json_object **metadata);
/* The update that makes `to` of `from`: null for what goes. Empty when they are equal. */
struct json_object *sedge_shadow_patch(struct json_object *from, struct json_object *to);
/* Both sides' changes since `base`, key by key; what both have changed is the cloud's, also when that deleted it. */
struct json_object *sedge_shadow_merge3(struct json_object *base, struct json_object *local, struct json_object *cloud);

#endif
