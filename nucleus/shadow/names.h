/*
 * names - what a shadow may be called, and its topics (spec/ipc-operations.md 10.1, 10.6). Pure.
 *
 * The name "" is the classic shadow of a thing.
 */
#ifndef SEDGE_SHADOW_NAMES_H
#define SEDGE_SHADOW_NAMES_H

#include "base/err.h"

#define SEDGE_SHADOW_THING_MAX 128 /* bytes in a thing's name */
#define SEDGE_SHADOW_NAME_MAX  64  /* bytes in a shadow's name */

/* INVALID with the text for the caller. NULL counts as "". */
int sedge_shadow_check_thing(const char *thing, struct sedge_err *err);
int sedge_shadow_check_name(const char *name, struct sedge_err *err);
/* "$aws/things/T/shadow" or "$aws/things/T/shadow/name/N" and `suffix`; heap text. */
char *sedge_shadow_topic(const char *thing, const char *name, const char *suffix);

#endif
