/*
 * pattern - regular expressions of recipes: the syntax of Java, as far as whole values need it, in linear time.
 *
 *   struct sedge_pattern *p = sedge_pattern_parse("windows|linux", &err);
 *   bool hit = sedge_pattern_match(p, "linux");          // the whole value, never a part of it
 *   sedge_pattern_free(p);
 *
 * Known: literals, ".", "|", "( )", "(?: )", "(?<name> )", "* + ? {n} {n,} {n,m}" and their lazy forms (the same here:
 * only whole values count), classes with ranges, negation, unions and escapes, "\d \w \s \h" and "\D \W \S \H",
 * "\p{Alpha}" and the other classes of POSIX, "\t \n \r \f \a \e \xhh \uhhhh \0n", "\Q...\E", "^ $ \A \z \Z \b \B",
 * "(?i)" in front of everything (ASCII, as in Java).
 * Refused with UNSUPPORTED, and the name of what it is: look-around, back-references, possessive quantifiers, atomic
 * groups, other flags, "&&" in classes, other "\p{...}". What is no expression at all is INVALID.
 *
 * Text is UTF-8; "." and classes take one character. Pure; a pattern does not change after it was parsed.
 */
#ifndef SEDGE_RECIPE_PATTERN_H
#define SEDGE_RECIPE_PATTERN_H

#include <stdbool.h>

#include "base/err.h"

#define SEDGE_PATTERN_STEPS_MAX 4096 /* of a parsed pattern: counted repetition is written out */
#define SEDGE_PATTERN_DEPTH_MAX 64   /* of groups and classes in each other */

struct sedge_pattern;

/* NULL: INVALID, UNSUPPORTED or LIMIT. */
struct sedge_pattern *sedge_pattern_parse(const char *text, struct sedge_err *err);
void sedge_pattern_free(struct sedge_pattern *p); /* NULL is fine */
bool sedge_pattern_match(const struct sedge_pattern *p, const char *value);

#endif
