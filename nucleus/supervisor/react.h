/*
 * react - what a changed specification demands (spec/lifecycle.md 11). Pure.
 */
#ifndef SEDGE_SUPERVISOR_REACT_H
#define SEDGE_SUPERVISOR_REACT_H

#include "supervisor.h"

enum sedge_reaction sedge_react(const struct sedge_service_spec *before, const struct sedge_service_spec *after);

#endif
