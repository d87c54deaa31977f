/*
 * keys - every key that a recipe may have: its type, words, place and meaning, in one table.
 *
 * The checker (check.h), its "did you mean" and the JSON Schema (schema.h) are made from it, so a key that is added
 * here is known everywhere. The parser has its own code; tests/fuzz/fuzz_recipe_check.c holds both together.
 *
 *   size_t n;
 *   const struct sedge_key *rows = sedge_keys(SEDGE_KEYS_STEP, &n);
 *   const struct sedge_key *row = sedge_key_find(SEDGE_KEYS_STEP, "requiresprivilege");   // any letter case
 *   const char *near = sedge_key_nearest(SEDGE_KEYS_STEP, "RequirePrivilege");            // "RequiresPrivilege"
 *
 * Names are spelled as people usually write them. Everything is static: nothing to free. Pure, any thread.
 */
#ifndef SEDGE_RECIPE_KEYS_H
#define SEDGE_RECIPE_KEYS_H

#include <stdbool.h>
#include <stddef.h>

enum sedge_keys_level {
    SEDGE_KEYS_RECIPE,
    SEDGE_KEYS_CONFIGURATION, /* ComponentConfiguration */
    SEDGE_KEYS_DEPENDENCY,    /* one of ComponentDependencies */
    SEDGE_KEYS_MANIFEST,
    SEDGE_KEYS_PLATFORM, /* letter case counts, other names are possible */
    SEDGE_KEYS_ARTIFACT,
    SEDGE_KEYS_PERMISSION,
    SEDGE_KEYS_LIFECYCLE, /* free-form: unknown and doubtful members are no errors from here on */
    SEDGE_KEYS_STEP,
    SEDGE_KEYS_EXTENSION, /* "sedge" of a lifecycle; extension.h reads it */
    SEDGE_KEYS_BACKOFF,
    SEDGE_KEYS_WATCHDOG,
    SEDGE_KEYS_POLICY, /* one policy of accessControl */
    SEDGE_KEYS_NLEVELS
};

enum sedge_key_type {
    SEDGE_KEY_TEXT, /* a number or boolean counts by its text */
    SEDGE_KEY_FORMAT,
    SEDGE_KEY_NAME,
    SEDGE_KEY_VERSION,
    SEDGE_KEY_REQUIREMENT,
    SEDGE_KEY_WORD,   /* one of `words`, in any letter case */
    SEDGE_KEY_OBJECT, /* with the keys of `below` */
    SEDGE_KEY_OBJECTS,
    SEDGE_KEY_NAMED, /* component name -> object with the keys of `below` */
    SEDGE_KEY_TEXTS,
    SEDGE_KEY_PLATFORM, /* name -> text or null */
    SEDGE_KEY_VALUES,   /* an object with anything in it */
    SEDGE_KEY_URI,
    SEDGE_KEY_LIFECYCLE,        /* of a manifest: an object */
    SEDGE_KEY_GLOBAL_LIFECYCLE, /* an object with selections, or a list of them */
    SEDGE_KEY_STEP,             /* a script, or an object with the keys of SEDGE_KEYS_STEP */
    SEDGE_KEY_SCRIPT,
    SEDGE_KEY_SKIPIF,
    SEDGE_KEY_SECONDS,
    SEDGE_KEY_NUMBER,
    SEDGE_KEY_SETTINGS, /* an object with the keys of `below`, or one value for all of it */
    SEDGE_KEY_BOOL,
    SEDGE_KEY_ENVIRONMENT, /* name -> text, number or boolean */
    SEDGE_NKEY_TYPES
};

struct sedge_key {
    const char *name;
    enum sedge_key_type type;
    const char *about;    /* one sentence, for editors and documents */
    const char *expected; /* for messages: "a text such as com.example.Hello"; NULL: that of the type */
    bool required;
    enum sedge_keys_level below; /* for OBJECT, OBJECTS, NAMED, SETTINGS */
    const char *const *words;    /* for WORD, ends with NULL; for PLATFORM attributes: what a device may report */
    size_t max;                  /* entries at most; 0: no limit */
    const char *also;            /* words that people write instead, separated by blanks; NULL for none */
};

const struct sedge_key *sedge_keys(enum sedge_keys_level level, size_t *n);
/* NULL for a key that is not known. Letter case is ignored, except that of SEDGE_KEYS_PLATFORM. */
const struct sedge_key *sedge_key_find(enum sedge_keys_level level, const char *name);
/* The key that somebody who wrote `name` may have meant; NULL when none is near. */
const char *sedge_key_nearest(enum sedge_keys_level level, const char *name);
/* What a value of this key has to be: "text", "a list". */
const char *sedge_key_expected(const struct sedge_key *key);
/* "manifest", "artifact", ... for messages. */
const char *sedge_keys_level_name(enum sedge_keys_level level);

#endif
