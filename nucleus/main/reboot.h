/*
 * reboot - tells the system to reboot, by its program `reboot`, found on PATH.
 *
 * Discs are synchronised first. `done` runs once, later, on the loop: with OK when the program has ended well (the
 * machine is about to go down), else with why it cannot.
 */
#ifndef SEDGE_MAIN_REBOOT_H
#define SEDGE_MAIN_REBOOT_H

#include <uv.h>

#include "base/err.h"

void sedge_reboot(uv_loop_t *loop, void (*done)(void *arg, const struct sedge_err *err), void *arg);

#endif
