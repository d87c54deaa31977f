/* fleet - states of components as devices report them (component_state.state). */
#ifndef SEDGE_CLOUD_FLEET_H
#define SEDGE_CLOUD_FLEET_H

#include <stdint.h>

#include "cloud.h"

#define SEDGE_COMPONENT_STATES(X)                                                                                      \
    X(NEW)                                                                                                             \
    X(INSTALLED)                                                                                                       \
    X(STARTING) X(RUNNING) X(STOPPING) X(ERRORED) X(BROKEN) X(FINISHED) X(STATELESS) X(UNINSTALLING) X(UNINSTALLED)
enum sedge_component_state {
#define X(s) SEDGE_COMPONENT_##s,
    SEDGE_COMPONENT_STATES(X)
#undef X
};
const char *sedge_fleet_state_name(int64_t state);

#endif
