/*
 * drive - the lifecycle's state machine with a driver that records its way.
 */
#ifndef SEDGE_TEST_DRIVE_H
#define SEDGE_TEST_DRIVE_H

#include "../test.h"

#include "base/mem.h"
#include "supervisor/lifecycle.h"

static const struct sedge_lc_conditions ready = {.updating = false, .deps_ready = true};
static const struct sedge_lc_conditions waiting = {.updating = false, .deps_ready = false};
static const struct sedge_lc_conditions updating = {.updating = true, .deps_ready = true};
static const struct sedge_lc_conditions pausing = {.deps_ready = true, .pausing = true};

/* ---- a machine with a driver that records its way: "NEW install INSTALLED STARTING launch" ---- */

struct drive {
    struct sedge_lc lc;
    int64_t now;
    char trace[1024];
};

static inline void note(struct drive *d, const char *word)
{
    size_t n = strlen(d->trace);
    (void)snprintf(d->trace + n, sizeof(d->trace) - n, "%s%s", n ? " " : "", word);
}

static inline enum sedge_lc_act turn(struct drive *d, const struct sedge_lc_conditions *c)
{
    static const char *const words[SEDGE_LC_NACTS] = {"BUG",     NULL,     NULL,       NULL,      "refused",
                                                      "install", "launch", "shutdown", "recover", "uninstall"};
    enum sedge_lc_act act;

    for (int i = 0; i < 20; i++) {
        act = sedge_lc_turn(&d->lc, c);
        if (act == SEDGE_LC_MOVED) {
            note(d, sedge_lc_name(d->lc.state));
            continue;
        }
        if (words[act]) note(d, words[act]);
        return act;
    }
    fail_msg("the machine does not come to rest: %s", d->trace);
    return SEDGE_LC_BUG;
}

static inline void event(struct drive *d, enum sedge_lc_event ev)
{
    if (sedge_lc_event(&d->lc, ev, d->now, SEDGE_STATUS_NONE)) note(d, sedge_lc_name(d->lc.state));
    (void)turn(d, &ready);
}

static inline struct drive new_drive(void)
{
    struct drive d = {.now = 1000000};
    sedge_lc_init(&d.lc);
    return d;
}

static inline struct drive running(void)
{
    struct drive d = new_drive();
    (void)sedge_lc_want_start(&d.lc);
    (void)turn(&d, &ready);
    event(&d, SEDGE_LC_EV_DONE);
    event(&d, SEDGE_LC_EV_UP);
    assert_int_equal(d.lc.state, SEDGE_LC_RUNNING);
    d.trace[0] = '\0';
    return d;
}

#endif
