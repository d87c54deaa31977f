/*
 * files - how many files this process may have open.
 *
 * Shells and units give a soft limit of 1024, far below the hard one, for programs that use select(). The nucleus holds
 * a socket for each connection and raises its own; what it starts gets the old one back.
 *
 * One of the few places with state of the process. Loop thread.
 */
#ifndef SEDGE_BASE_FILES_H
#define SEDGE_BASE_FILES_H

#include <stddef.h>

void sedge_files_raise(void); /* the soft limit to the hard one */
size_t sedge_files_limit(void);
/* The soft limit before that; the present one if nothing was raised. */
size_t sedge_files_before(void);
/* Back to that: before the program executes itself again. */
void sedge_files_restore(void);

#endif
