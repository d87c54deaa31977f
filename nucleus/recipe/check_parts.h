/*
 * check_parts - what the parts of the checker share. Private to the box.
 *
 * check.c makes the report, check_keys.c walks the modelled levels by the table of keys, check_platform.c looks at
 * Platforms, check_artifacts.c at artifacts, check_lifecycle.c at steps and selections, check_script.c at what scripts
 * say, check_variables.c at recipe variables, check_access.c at accessControl. Each part reads the document as it is: a
 * member of a wrong type was reported by check_keys.c and is left out by the others.
 */
#ifndef SEDGE_RECIPE_CHECK_PARTS_H
#define SEDGE_RECIPE_CHECK_PARTS_H

#include "check.h"
#include "keys.h"
#include "source.h"

#include "base/str.h"

#define AT(up_, key_)     (&(const struct at){(up_), (key_), 0})
#define AT_INDEX(up_, i_) (&(const struct at){(up_), NULL, (i_)})

#define SEDGE_CHECK_RULES(X)                                                                                           \
    X(SYNTAX, "syntax", ERROR, RECIPE)                                                                                 \
    X(LIMIT, "limit", ERROR, RECIPE)                                                                                   \
    X(CUT, "more-findings", WARNING, NOT)                                                                              \
    X(MISSING_KEY, "missing-key", ERROR, RECIPE)                                                                       \
    X(TYPE, "type", ERROR, RECIPE)                                                                                     \
    X(VALUE, "value", ERROR, RECIPE)                                                                                   \
    X(DUPLICATE_KEY, "duplicate-key", ERROR, RECIPE)                                                                   \
    X(PLATFORM_REGEX, "platform-regex", ERROR, RECIPE)                                                                 \
    X(MISSING_MANIFEST, "missing-manifest", ERROR, DEPLOYMENT)                                                         \
    X(COMPONENT_NAME, "component-name", ERROR, DEPLOYMENT)                                                             \
    X(COMPONENT_TYPE, "component-type", ERROR, DEPLOYMENT)                                                             \
    X(DEPENDENCY_CYCLE, "dependency-cycle", ERROR, DEPLOYMENT)                                                         \
    X(ARTIFACT_URI, "artifact-uri", ERROR, DEPLOYMENT)                                                                 \
    X(POINTER_FORM, "pointer-form", ERROR, DEPLOYMENT)                                                                 \
    X(MISSING_SCRIPT, "missing-script", ERROR, STEP)                                                                   \
    X(SKIPIF, "skipif", ERROR, STEP)                                                                                   \
    X(UNKNOWN_KEY, "unknown-key", WARNING, NOT)                                                                        \
    X(SAME_KEY, "same-key", WARNING, NOT)                                                                              \
    X(FILE_NAME, "file-name", WARNING, NOT)                                                                            \
    X(VERSION_PRERELEASE, "version-prerelease", WARNING, NOT)                                                          \
    X(REQUIREMENT_PRERELEASE, "requirement-prerelease", WARNING, NOT)                                                  \
    X(PRERELEASE, "prerelease", NOTE, NOT)                                                                             \
    X(SOFT_DEPENDENCY, "soft-dependency", NOTE, NOT)                                                                   \
    X(PLATFORM_NAME, "platform-name", WARNING, NOT)                                                                    \
    X(PLATFORM_VALUE, "platform-value", WARNING, NOT)                                                                  \
    X(MANIFEST_UNREACHABLE, "manifest-unreachable", WARNING, NOT)                                                      \
    X(NO_LINUX, "no-linux", WARNING, NOT)                                                                              \
    X(LIFECYCLE_REPLACED, "lifecycle-replaced", WARNING, NOT)                                                          \
    X(LIFECYCLE_LIST, "lifecycle-list", WARNING, NOT)                                                                  \
    X(SELECTION_UNUSED, "selection-unused", WARNING, NOT)                                                              \
    X(SELECTION_MIXED, "selection-mixed", WARNING, NOT)                                                                \
    X(SELECTION_NAME, "selection-name", WARNING, NOT)                                                                  \
    X(SELECTION_EMPTY, "selection-empty", WARNING, NOT)                                                                \
    X(STARTUP_AND_RUN, "startup-and-run", WARNING, NOT)                                                                \
    X(STEP_TYPE, "step-type", WARNING, NOT)                                                                            \
    X(EMPTY_SCRIPT, "empty-script", WARNING, NOT)                                                                      \
    X(BOOLEAN_TEXT, "boolean-text", WARNING, NOT)                                                                      \
    X(SECONDS, "seconds", WARNING, NOT)                                                                                \
    X(SETENV_VALUE, "setenv-value", WARNING, NOT)                                                                      \
    X(SETENV_NAME, "setenv-name", WARNING, NOT)                                                                        \
    X(SETENV_DOLLAR, "setenv-dollar", WARNING, NOT)                                                                    \
    X(BOOTSTRAP_ONLY, "bootstrap-only", WARNING, NOT)                                                                  \
    X(EXTENSION, "extension", WARNING, NOT)                                                                            \
    X(PRIVILEGE, "privilege", NOTE, NOT)                                                                               \
    X(INSTALL_REPEATED, "install-repeated", WARNING, NOT)                                                              \
    X(INSTALL_LAUNCH, "install-launch", NOTE, NOT)                                                                     \
    X(RECOVER_SKIPIF, "recover-skipif", NOTE, NOT)                                                                     \
    X(DAEMON_OUTPUT, "daemon-output", WARNING, NOT)                                                                    \
    X(EXIT_IGNORED, "exit-ignored", NOTE, NOT)                                                                         \
    X(NOT_EXECUTABLE, "not-executable", WARNING, NOT)                                                                  \
    X(TOKEN_EXCHANGE, "token-exchange", WARNING, NOT)                                                                  \
    X(VARIABLE_UNKNOWN, "variable-unknown", WARNING, NOT)                                                              \
    X(VARIABLE_COMPONENT, "variable-component", WARNING, NOT)                                                          \
    X(VARIABLE_POINTER, "variable-pointer", WARNING, NOT)                                                              \
    X(VARIABLE_DOLLAR, "variable-dollar", WARNING, NOT)                                                                \
    X(VARIABLE_PLACE, "variable-place", WARNING, NOT)                                                                  \
    X(DECOMPRESSED_PATH, "decompressed-path", WARNING, NOT)                                                            \
    X(ARTIFACT_FILE, "artifact-file", WARNING, NOT)                                                                    \
    X(ARTIFACT_SCHEME, "artifact-scheme", WARNING, NOT)                                                                \
    X(ARTIFACT_DIGEST, "artifact-digest", WARNING, NOT)                                                                \
    X(ARTIFACT_PLACED, "artifact-placed", NOTE, NOT)                                                                   \
    X(ARTIFACT_TWICE, "artifact-twice", WARNING, NOT)                                                                  \
    X(UNARCHIVE_EXTENSION, "unarchive-extension", WARNING, NOT)                                                        \
    X(CONFIGURATION_KEY, "configuration-key", WARNING, NOT)                                                            \
    X(ACCESS_FORM, "access-form", WARNING, NOT)                                                                        \
    X(ACCESS_SERVICE, "access-service", WARNING, NOT)                                                                  \
    X(ACCESS_OPERATION, "access-operation", WARNING, NOT)                                                              \
    X(ACCESS_RESOURCE, "access-resource", WARNING, NOT)

enum rule {
#define X(sym, name, severity, fails) RULE_##sym,
    SEDGE_CHECK_RULES(X)
#undef X
        RULE_COUNT
};

struct check {
    struct source src;
    struct sedge_report *out;
    struct json_object *doc;          /* the recipe; an object */
    struct json_object *defaults;     /* DefaultConfiguration, an object; NULL if absent */
    struct json_object *dependencies; /* ComponentDependencies, an object; NULL if absent */
    struct json_object *manifests;    /* a list; NULL if absent */
    struct sedge_strv keywords;       /* of selections: what manifests name, and "all" */
    bool full;                        /* no room for more findings */
};

/* What a finding is about. */
struct about {
    const struct at *at;
    bool key;         /* the place is that of the key */
    const char *find; /* the place is that of this text within the value, where it can be found there */
    const char *text, *expected, *suggestion;
};

/* Adds a finding; the message ends with the suggestion, if there is one. */
void sedge_check_found(struct check *c, enum rule rule, const struct about *about, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* "expected X, got Y". */
void sedge_check_expected(struct check *c, enum rule rule, const struct about *about);

/* Members in any letter case, as the parser finds them; *stored gets the spelling. NULL for another type. */
struct json_object *sedge_check_object(struct json_object *o, const char *key, const char **stored);
struct json_object *sedge_check_list(struct json_object *o, const char *key, const char **stored);
bool sedge_check_is_scalar(struct json_object *v);
/* The text of a scalar; borrowed. */
const char *sedge_check_text(struct json_object *v);
/* "text", "list", "object": what a value is, for messages. */
const char *sedge_check_type_name(struct json_object *v);

/* The artifacts that one lifecycle may refer to. */
struct files {
    struct sedge_strv names, bases; /* file names; folders of unpacked archives */
    struct sedge_strv locked;       /* file names and folders without permission to execute */
    bool any, archives;
};
void sedge_check_files_add(struct files *f, struct json_object *manifest);
void sedge_check_files_release(struct files *f);

void sedge_check_keys(struct check *c);
void sedge_check_platforms(struct check *c);
void sedge_check_artifacts(struct check *c);
void sedge_check_lifecycles(struct check *c);
void sedge_check_access(struct check *c, const struct at *configuration);
/* A script of a step; `step` is the canonical name. */
void sedge_check_script(struct check *c, const struct at *at, const char *step, const char *script, bool skipif,
                        const struct files *files);
/* Any text of a lifecycle. */
void sedge_check_variables(struct check *c, const struct at *at, const char *text, const struct files *files);
/* Texts of the configuration, in which variables are not replaced as a rule. */
void sedge_check_configuration(struct check *c, const struct at *at, struct json_object *v);

#endif
