/*
 * notify - tells a service manager how we are (sd_notify protocol: a datagram to $NOTIFY_SOCKET). Nothing happens where
 * there is none. The variable is removed from the environment, so that components do not inherit it.
 */
#ifndef SEDGE_MAIN_NOTIFY_H
#define SEDGE_MAIN_NOTIFY_H

/* Once, before the others. */
void sedge_notify_init(void);
/* "READY=1", "STOPPING=1" */
void sedge_notify(const char *state);

#endif
