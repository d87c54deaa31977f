/*
 * check - everything that is wrong or doubtful in a recipe, all at once, with places.
 *
 *   struct sedge_report report;
 *   sedge_recipe_check(text, len, "x.yaml", &report);
 *   for each report.v[i]: f->line, f->column, f->member, f->message ...
 *   if (report.errors) ...
 *   sedge_report_release(&report);
 *
 * Errors are what the nucleus refuses (FAILS_RECIPE: when it reads the recipe; FAILS_DEPLOYMENT: when it is deployed;
 * FAILS_STEP: when the step runs). Warnings are legal and probably not what was meant. Notes are ordinary and worth
 * knowing: a user interface may hide them. A recipe without FAILS_RECIPE errors is one that sedge_recipe_parse reads,
 * and the other way round.
 *
 * Ownership: a report owns its texts. Pure, any thread.
 */
#ifndef SEDGE_RECIPE_CHECK_H
#define SEDGE_RECIPE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

#define SEDGE_CHECK_FINDINGS_MAX 200 /* in one recipe; what follows is counted as one more finding */

enum sedge_severity { SEDGE_SEVERITY_NOTE, SEDGE_SEVERITY_WARNING, SEDGE_SEVERITY_ERROR };
enum sedge_fails { SEDGE_FAILS_NOT, SEDGE_FAILS_RECIPE, SEDGE_FAILS_DEPLOYMENT, SEDGE_FAILS_STEP };

struct sedge_finding {
    enum sedge_severity severity;
    enum sedge_fails fails;
    const char *rule;      /* "unknown-key": a fixed name for programs */
    unsigned line, column; /* from 1; 0 when no place is known */
    char *member;          /* "Manifests[0].Lifecycle.run"; "" for the whole */
    char *text;            /* the offending text; NULL when there is none */
    char *expected;        /* NULL when the message says all */
    char *suggestion;      /* what was probably meant; NULL for no idea */
    char *message;         /* a sentence without the member, expectation and suggestion included */
};

struct sedge_report {
    struct sedge_finding *v; /* by place */
    size_t n;
    size_t errors, warnings, notes;
};

/* `file` as for sedge_recipe_parse: it decides the format and is not opened. */
void sedge_recipe_check(const char *text, size_t len, const char *file, struct sedge_report *out);
void sedge_report_release(struct sedge_report *r);
/* "error", "warning", "note". */
const char *sedge_severity_name(enum sedge_severity s);
/* "recipe", "deployment", "step"; NULL for NOT. */
const char *sedge_fails_name(enum sedge_fails f);

#endif
