#include "schema.h"
#include "keys.h"
#include "recipe.h"

#include "base/buf.h"
#include "base/mem.h"

#include <ctype.h>
#include <string.h>

/* Numbers and booleans count by their text; null counts as absent. */
#define SCALAR "[\"string\",\"number\",\"boolean\",\"null\"]"

/* --- small pieces ------------------------------------------------------------------------------------------------- */

static struct json_object *parsed(const char *text)
{
    struct json_object *o = sedge_json_parse_object(text, strlen(text), "schema", NULL);

    sedge_assert(o);
    return o;
}

static void put(struct json_object *o, const char *key, struct json_object *v_take)
{
    (void)json_object_object_add(o, key, v_take);
}

/* A regular expression for a word in any letter case: "^[uU][rR][iI]$". Heap. */
static char *any_case(const char *word)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_buf_putc(&b, '^');
    for (const char *p = word; *p; p++) {
        if (isalpha((unsigned char)*p))
            sedge_buf_printf(&b, "[%c%c]", tolower((unsigned char)*p), toupper((unsigned char)*p));
        else
            sedge_buf_printf(&b, "%s%c", *p == '.' ? "\\" : "", *p);
    }
    sedge_buf_putc(&b, '$');
    return sedge_buf_steal(&b);
}

static struct json_object *any_of(struct json_object *a_take, struct json_object *b_take)
{
    struct json_object *o = json_object_new_object();
    struct json_object *list = json_object_new_array();

    (void)json_object_array_add(list, a_take);
    (void)json_object_array_add(list, b_take);
    put(o, "anyOf", list);
    return o;
}

static struct json_object *reference(enum sedge_keys_level level)
{
    struct json_object *o = json_object_new_object();
    sedge_auto_free char *target = sedge_xasprintf("#/$defs/%s", sedge_keys_level_name(level));

    sedge_json_add_str(o, "$ref", target);
    return o;
}

/* --- types -------------------------------------------------------------------------------------------------------- */

/* The words, which editors offer, or the same in another letter case. */
static struct json_object *words_schema(const struct sedge_key *key)
{
    sedge_auto_buf struct sedge_buf pattern = SEDGE_BUF_INIT;
    struct json_object *offered = json_object_new_object();
    struct json_object *other = parsed("{\"type\":[\"string\",\"null\"]}");
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; key->words[i]; i++) {
        sedge_auto_free char *one = any_case(key->words[i]);

        (void)json_object_array_add(list, json_object_new_string(key->words[i]));
        sedge_buf_printf(&pattern, "%s%s", i ? "|" : "", one);
    }
    put(offered, "enum", list);
    sedge_json_add_str(other, "pattern", pattern.data);
    return any_of(offered, other);
}

/* The values that devices report are examples only: regular expressions and platformOverride allow any other. */
static struct json_object *text_schema(const struct sedge_key *key)
{
    struct json_object *o = parsed("{\"type\":" SCALAR "}");
    struct json_object *examples;

    if (!key->words) return o;
    examples = json_object_new_array();
    for (size_t i = 0; key->words[i]; i++)
        (void)json_object_array_add(examples, json_object_new_string(key->words[i]));
    put(o, "examples", examples);
    return o;
}

static struct json_object *limited(struct json_object *o_take, const char *key, size_t max)
{
    if (max) sedge_json_add_i64(o_take, key, (int64_t)max);
    return o_take;
}

static struct json_object *objects_schema(const struct sedge_key *key)
{
    struct json_object *o =
        parsed(key->required ? "{\"type\":\"array\",\"minItems\":1}" : "{\"type\":[\"array\",\"null\"]}");

    put(o, "items", reference(key->below));
    return limited(o, "maxItems", key->max);
}

static struct json_object *named_schema(const struct sedge_key *key)
{
    struct json_object *o = parsed("{\"type\":[\"object\",\"null\"],\"propertyNames\":{\"$ref\":\"#/$defs/name\"}}");

    put(o, "additionalProperties", reference(key->below));
    return limited(o, "maxProperties", key->max);
}

static struct json_object *object_schema(const struct sedge_key *key)
{
    return any_of(parsed("{\"type\":\"null\"}"), reference(key->below));
}

static struct json_object *settings_schema(const struct sedge_key *key)
{
    return any_of(parsed("{\"type\":" SCALAR "}"), reference(key->below));
}

static struct json_object *texts_schema(const struct sedge_key *key)
{
    return limited(parsed("{\"type\":[\"array\",\"null\"],\"items\":{\"type\":[\"string\",\"number\",\"boolean\"]}}"),
                   "maxItems", key->max);
}

/* Types that look the same for every key. `required` ones are not null. */
static const char *const fixed[SEDGE_NKEY_TYPES] = {
    [SEDGE_KEY_FORMAT] = "{\"const\":\"" SEDGE_RECIPE_FORMAT "\"}",
    [SEDGE_KEY_NAME] = "{\"$ref\":\"#/$defs/name\"}",
    [SEDGE_KEY_VERSION] = "{\"$ref\":\"#/$defs/version\"}",
    [SEDGE_KEY_REQUIREMENT] = "{\"type\":[\"string\",\"number\"],\"maxLength\":1024,"
                              "\"examples\":[\"^1.0.0\",\">=1.0.0 <2.0.0\",\"~1.2\",\"*\"]}",
    [SEDGE_KEY_VALUES] = "{\"type\":[\"object\",\"null\"]}",
    [SEDGE_KEY_URI] = "{\"type\":[\"string\",\"number\",\"boolean\"],\"minLength\":1,"
                      "\"examples\":[\"s3://BUCKET/key/file.zip\"]}",
    [SEDGE_KEY_LIFECYCLE] = "{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#/$defs/lifecycle\"}]}",
    [SEDGE_KEY_GLOBAL_LIFECYCLE] = "{\"anyOf\":[{\"$ref\":\"#/$defs/globalLifecycle\"},{\"type\":\"null\"},"
                                   "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}]}",
    [SEDGE_KEY_STEP] = "{\"anyOf\":[{\"type\":" SCALAR "},{\"$ref\":\"#/$defs/step\"}]}",
    [SEDGE_KEY_SCRIPT] = "{\"type\":" SCALAR "}",
    [SEDGE_KEY_SKIPIF] =
        "{\"type\":[\"string\",\"null\"],\"pattern\":\"^\\\\s*!?\\\\s*(onpath|exists)\\\\s+\\\\S|^[{]\","
        "\"examples\":[\"onpath git\",\"exists {work:path}/installed\"]}",
    [SEDGE_KEY_SECONDS] = "{\"type\":[\"number\",\"string\",\"null\"],\"examples\":[120]}",
    [SEDGE_KEY_NUMBER] = "{\"type\":[\"number\",\"string\",\"null\"]}",
    [SEDGE_KEY_BOOL] = "{\"type\":[\"boolean\",\"string\",\"number\",\"null\"],\"examples\":[true]}",
    [SEDGE_KEY_ENVIRONMENT] = "{\"type\":[\"object\",\"null\"],\"additionalProperties\":{\"type\":" SCALAR "}}",
};

typedef struct json_object *(*make_schema)(const struct sedge_key *key);
static const make_schema made[SEDGE_NKEY_TYPES] = {
    [SEDGE_KEY_TEXT] = text_schema,       [SEDGE_KEY_WORD] = words_schema,        [SEDGE_KEY_OBJECT] = object_schema,
    [SEDGE_KEY_OBJECTS] = objects_schema, [SEDGE_KEY_NAMED] = named_schema,       [SEDGE_KEY_TEXTS] = texts_schema,
    [SEDGE_KEY_PLATFORM] = object_schema, [SEDGE_KEY_SETTINGS] = settings_schema,
};

static struct json_object *key_schema(const struct sedge_key *key)
{
    struct json_object *o = made[key->type] ? made[key->type](key) : parsed(fixed[key->type]);

    sedge_json_add_str(o, "description", key->about);
    return o;
}

/* With selections, an object may stand in every place for what is selected: only the meaning of a key can be told. */
static struct json_object *any_schema(const struct sedge_key *key)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "description", key->about);
    return o;
}

/* --- levels ------------------------------------------------------------------------------------------------------- */

/* "Required, in any letter case": the usual spelling first, because editors offer that. */
static struct json_object *required_schema(const struct sedge_key *key)
{
    sedge_auto_free char *pattern = any_case(key->name);
    struct json_object *usual = json_object_new_object();
    struct json_object *list = json_object_new_array();
    struct json_object *other = parsed("{\"not\":{\"propertyNames\":{\"not\":{}}}}");

    (void)json_object_array_add(list, json_object_new_string(key->name));
    put(usual, "required", list);
    sedge_json_add_str(sedge_json_obj(sedge_json_obj(sedge_json_obj(other, "not"), "propertyNames"), "not"), "pattern",
                       pattern);
    return any_of(usual, other);
}

static void add_required(struct json_object *o, enum sedge_keys_level level)
{
    size_t n;
    const struct sedge_key *rows = sedge_keys(level, &n);
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < n; i++)
        if (rows[i].required) (void)json_object_array_add(list, required_schema(&rows[i]));
    if (json_object_array_length(list) > 0)
        put(o, "allOf", list);
    else
        (void)json_object_put(list);
}

/* The schema of a key of the level that stands at `place`. */
static struct json_object *property_reference(const char *place, const char *key)
{
    struct json_object *o = json_object_new_object();
    sedge_auto_free char *target = sedge_xasprintf("#%s/properties/%s", place, key);

    sedge_json_add_str(o, "$ref", target);
    return o;
}

/* Each key by its usual name, with the same schema for every letter case. `place`: where this level will stand. */
static struct json_object *level_schema(enum sedge_keys_level level, const char *place, make_schema make)
{
    struct json_object *o = parsed("{\"type\":\"object\"}");
    struct json_object *properties = json_object_new_object();
    struct json_object *patterns = json_object_new_object();
    bool any = level != SEDGE_KEYS_PLATFORM;
    size_t n;
    const struct sedge_key *rows = sedge_keys(level, &n);

    for (size_t i = 0; i < n; i++) {
        sedge_auto_free char *pattern = any_case(rows[i].name);

        put(properties, rows[i].name, make(&rows[i]));
        if (any) put(patterns, pattern, property_reference(place, rows[i].name));
    }
    put(o, "properties", properties);
    if (any)
        put(o, "patternProperties", patterns);
    else
        (void)json_object_put(patterns);
    add_required(o, level);
    return o;
}

/* Attributes of platforms have any name, and texts within a limit. */
static struct json_object *platform_schema(void)
{
    struct json_object *o = level_schema(SEDGE_KEYS_PLATFORM, "", key_schema);

    put(o, "additionalProperties", parsed("{\"type\":" SCALAR "}"));
    return o;
}

static struct json_object *configuration_schema(void)
{
    struct json_object *o = level_schema(SEDGE_KEYS_CONFIGURATION, "/$defs/ComponentConfiguration", key_schema);
    struct json_object *values = sedge_json_obj(sedge_json_obj(o, "properties"), "DefaultConfiguration");

    put(values, "properties",
        parsed("{\"accessControl\":{\"description\":\"What the component may do: service -> policy id -> policy.\","
               "\"anyOf\":[{\"type\":[\"string\",\"null\"]},{\"type\":\"object\",\"additionalProperties\":{\"type\":"
               "\"object\","
               "\"additionalProperties\":{\"$ref\":\"#/$defs/policy\"}}}]}}"));
    return o;
}

static struct json_object *definitions(void)
{
    struct json_object *defs = json_object_new_object();

    for (enum sedge_keys_level l = SEDGE_KEYS_RECIPE + 1; l < SEDGE_KEYS_NLEVELS; l++) {
        sedge_auto_free char *place = sedge_xasprintf("/$defs/%s", sedge_keys_level_name(l));

        put(defs, sedge_keys_level_name(l),
            l == SEDGE_KEYS_PLATFORM        ? platform_schema()
            : l == SEDGE_KEYS_CONFIGURATION ? configuration_schema()
                                            : level_schema(l, place, key_schema));
    }
    put(defs, "globalLifecycle", level_schema(SEDGE_KEYS_LIFECYCLE, "/$defs/globalLifecycle", any_schema));
    put(defs, "name",
        parsed("{\"type\":[\"string\",\"number\",\"boolean\"],\"minLength\":1,\"maxLength\":128,\"pattern\":\"^[-_.a-"
               "zA-Z0-9]+$\"}"));
    put(defs, "version",
        parsed("{\"type\":\"string\",\"maxLength\":64,\"examples\":[\"1.0.0\"],\"pattern\":"
               "\"^(0|[1-9][0-9]{0,5})\\\\.(0|[1-9][0-9]{0,5})\\\\.(0|[1-9][0-9]{0,5})"
               "(-[0-9A-Za-z-]+(\\\\.[0-9A-Za-z-]+)*)?(\\\\+[0-9A-Za-z-]+(\\\\.[0-9A-Za-z-]+)*)?$\"}"));
    return defs;
}

struct json_object *sedge_recipe_schema(void)
{
    struct json_object *o = json_object_new_object();
    sedge_auto_put struct json_object *recipe = level_schema(SEDGE_KEYS_RECIPE, "", key_schema);

    sedge_json_add_str(o, "$schema", "https://json-schema.org/draft/2020-12/schema");
    sedge_json_add_str(o, "title", "Component recipe, format " SEDGE_RECIPE_FORMAT);
    sedge_json_add_str(
        o, "description",
        "For completion and checks in editors; `sedge recipe check` says more. Made from the table of keys: "
        "sedge recipe schema > recipes/recipe.schema.json");
    json_object_object_foreach (recipe, key, v) {
        put(o, key, json_object_get(v));
    }
    put(o, "$defs", definitions());
    return o;
}
