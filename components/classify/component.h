/*
 * component - runs as a component of the nucleus: reads its configuration, classifies an image every interval,
 * publishes the result, follows changes of the configuration without a restart.
 */
#ifndef SEDGE_CLASSIFY_COMPONENT_H
#define SEDGE_CLASSIFY_COMPONENT_H

#include "base/err.h"

/* Returns only when it cannot go on: the connection to the nucleus has ended, or there is no model to begin with. The
 * reason is in *err; the caller prints it and exits with 1, and the nucleus starts the component again. */
int sedge_classify_component(struct sedge_err *err);

#endif
