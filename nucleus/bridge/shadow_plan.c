#include "shadow_plan.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "shadow/compare.h"

static const char *const parts[] = {"desired", "reported"};

void sedge_shadow_view_release(struct sedge_shadow_view *v)
{
    (void)json_object_put(v->state);
    *v = (struct sedge_shadow_view){.exists = false};
}

int sedge_shadow_view_read(struct sedge_shadow_view *v, struct json_object *document)
{
    struct json_object *state = sedge_json_obj(document, "state");

    if (!state) return -1;
    sedge_shadow_view_release(v);
    v->exists = true;
    v->version = sedge_json_i64(document, "version", 0);
    v->state = json_object_new_object();
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(parts); i++) {
        struct json_object *part = sedge_json_obj(state, parts[i]);
        if (part) (void)json_object_object_add(v->state, parts[i], json_object_get(part));
    }
    return 0;
}

/* ---- the plan ---- */

static struct json_object *merge(const struct sedge_shadow_view *base, const struct sedge_shadow_view *local,
                                 const struct sedge_shadow_view *cloud)
{
    struct json_object *out = json_object_new_object();

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(parts); i++) {
        struct json_object *part =
            sedge_shadow_merge3(base->exists ? sedge_json_obj(base->state, parts[i]) : NULL,
                                sedge_json_obj(local->state, parts[i]), sedge_json_obj(cloud->state, parts[i]));
        if (json_object_object_length(part) > 0)
            (void)json_object_object_add(out, parts[i], part);
        else
            (void)json_object_put(part);
    }
    return out;
}

/* What is to be on both sides; NULL: nothing. */
static struct json_object *target(const struct sedge_shadow_view *base, const struct sedge_shadow_view *local,
                                  const struct sedge_shadow_view *cloud, enum sedge_shadow_direction direction)
{
    if (direction == SEDGE_SHADOW_TO_CLOUD) return local->exists ? sedge_json_copy(local->state) : NULL;
    if (direction == SEDGE_SHADOW_TO_DEVICE) return cloud->exists ? sedge_json_copy(cloud->state) : NULL;
    if (local->exists && cloud->exists) return merge(base, local, cloud);
    if (local->exists) return base->exists ? NULL : sedge_json_copy(local->state);
    if (!cloud->exists || (base->exists && cloud->version == base->version)) return NULL;
    return sedge_json_copy(cloud->state);
}

static enum sedge_shadow_step step(const struct sedge_shadow_view *side, const struct sedge_shadow_view *base,
                                   struct json_object *state, struct json_object **patch)
{
    if (!state) return side->exists && base->exists ? SEDGE_SHADOW_DELETE : SEDGE_SHADOW_LEAVE;
    *patch = sedge_shadow_patch(side->exists ? side->state : NULL, state);
    if (!side->exists || json_object_object_length(*patch) > 0) return SEDGE_SHADOW_UPDATE;
    (void)json_object_put(sedge_steal(patch));
    return SEDGE_SHADOW_LEAVE;
}

void sedge_shadow_plan_make(struct sedge_shadow_plan *p, const struct sedge_shadow_view *base,
                            const struct sedge_shadow_view *local, const struct sedge_shadow_view *cloud,
                            enum sedge_shadow_direction direction)
{
    *p = (struct sedge_shadow_plan){.state = target(base, local, cloud, direction)};
    p->exists = p->state != NULL;
    p->local = step(local, base, p->state, &p->local_patch);
    p->cloud = step(cloud, base, p->state, &p->cloud_patch);
}

void sedge_shadow_plan_release(struct sedge_shadow_plan *p)
{
    (void)json_object_put(p->local_patch);
    (void)json_object_put(p->cloud_patch);
    (void)json_object_put(p->state);
    *p = (struct sedge_shadow_plan){.exists = false};
}

/* ---- topics ---- */

static enum sedge_shadow_topic verb_of(const char *word)
{
    static const char *const verbs[] = {[SEDGE_SHADOW_TOPIC_GET] = "get",
                                        [SEDGE_SHADOW_TOPIC_UPDATE] = "update",
                                        [SEDGE_SHADOW_TOPIC_DELETE] = "delete"};

    for (size_t i = SEDGE_SHADOW_TOPIC_GET; i < SEDGE_ARRAY_LEN(verbs); i++)
        if (strcmp(word, verbs[i]) == 0) return (enum sedge_shadow_topic)i;
    return SEDGE_SHADOW_TOPIC_OTHER;
}

/* $aws things T shadow VERB RESULT, or $aws things T shadow name N VERB RESULT */
enum sedge_shadow_topic sedge_shadow_topic_of(const char *topic, char **thing, char **name, bool *accepted)
{
    sedge_auto_strv struct sedge_strv w = {NULL, 0};
    enum sedge_shadow_topic verb;
    bool named;

    sedge_strv_split(&w, topic, "/");
    named = w.n == 8 && strcmp(w.v[4], "name") == 0;
    if ((w.n != 6 && !named) || strcmp(w.v[0], "$aws") != 0 || strcmp(w.v[1], "things") != 0 ||
        strcmp(w.v[3], "shadow") != 0)
        return SEDGE_SHADOW_TOPIC_OTHER;
    *accepted = strcmp(w.v[w.n - 1], "accepted") == 0;
    if (!*accepted && strcmp(w.v[w.n - 1], "rejected") != 0) return SEDGE_SHADOW_TOPIC_OTHER;
    verb = verb_of(w.v[w.n - 2]);
    if (verb == SEDGE_SHADOW_TOPIC_OTHER) return verb;
    *thing = sedge_xstrdup(w.v[2]);
    *name = sedge_xstrdup(named ? w.v[5] : "");
    return verb;
}
