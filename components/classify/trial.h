/*
 * trial - tries a model in a process of its own before this one takes it: a model may crash what loads it, never end,
 * or want more memory than there is.
 *
 *   if (sedge_trial_run(folder, err)) ...        why the model is not taken
 *
 * The other process is this program with the words --try --model FOLDER; sedge_trial_main is what it does. One thread.
 */
#ifndef SEDGE_CLASSIFY_TRIAL_H
#define SEDGE_CLASSIFY_TRIAL_H

#include "base/err.h"

#define SEDGE_TRIAL_MEMORY_MAX (1ULL << 30) /* bytes of data that the program may have, in a trial and after it */
#define SEDGE_TRIAL_SECONDS    60           /* processor time, for loading and one inference */
#define SEDGE_TRIAL_PATIENCE_S 300          /* by the clock */

/* Sets the limit of memory for this process from now on. Under a sanitizer there is none: it reserves far more. */
void sedge_trial_limit_memory(void);

int sedge_trial_run(const char *folder, struct sedge_err *err);
/* Loads, computes once, and returns the exit status; what is wrong goes to stderr. */
int sedge_trial_main(const char *folder);

#endif
