/*
 * shadow_plan - what brings a shadow of the device and that of the cloud in step. Pure.
 *
 * Both ways: changes since they were last in step come together key by key, the cloud's win. Deleted on one side: it is
 * deleted on the other, unless the cloud's has changed meanwhile: then it comes back. To the cloud: it becomes what the
 * device has. To the device: the other way round. A side that never had the shadow deletes nothing.
 */
#ifndef SEDGE_BRIDGE_SHADOW_PLAN_H
#define SEDGE_BRIDGE_SHADOW_PLAN_H

#include "base/json.h"
#include "shadow/settings.h"

struct sedge_shadow_view {
    bool exists;
    int64_t version;
    struct json_object *state; /* desired and reported; owned */
};
void sedge_shadow_view_release(struct sedge_shadow_view *v);
/* A document of the shape {"state":{...},"version":n}; its delta is left out. -1: it is none. */
int sedge_shadow_view_read(struct sedge_shadow_view *v, struct json_object *document);

enum sedge_shadow_step { SEDGE_SHADOW_LEAVE, SEDGE_SHADOW_UPDATE, SEDGE_SHADOW_DELETE };
struct sedge_shadow_plan {
    enum sedge_shadow_step local, cloud;
    struct json_object *local_patch, *cloud_patch; /* of UPDATE: the state of the request; owned */
    bool exists;                                   /* then, on both sides */
    struct json_object *state;                     /* owned */
};
/* base: how they were when they were last in step; base->exists false: never, or both deleted. */
void sedge_shadow_plan_make(struct sedge_shadow_plan *p, const struct sedge_shadow_view *base,
                            const struct sedge_shadow_view *local, const struct sedge_shadow_view *cloud,
                            enum sedge_shadow_direction direction);
void sedge_shadow_plan_release(struct sedge_shadow_plan *p);

enum sedge_shadow_topic {
    SEDGE_SHADOW_TOPIC_OTHER,
    SEDGE_SHADOW_TOPIC_GET,
    SEDGE_SHADOW_TOPIC_UPDATE,
    SEDGE_SHADOW_TOPIC_DELETE
};
/* Of an answer or notification ".../get/accepted" and so on; thing and name ("": classic) are heap texts then. */
enum sedge_shadow_topic sedge_shadow_topic_of(const char *topic, char **thing, char **name, bool *accepted);

#endif
