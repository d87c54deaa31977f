/*
 * probe - whether the object store answers, for those who only sign URLs for it. A connection is tried now and then, in
 * the thread of the first who asks after the last answer got old; the others take the old answer meanwhile. Any thread.
 */
#ifndef SEDGE_CLOUD_PROBE_H
#define SEDGE_CLOUD_PROBE_H

#include <stdbool.h>

#define SEDGE_PROBE_EVERY_MS   5000
#define SEDGE_PROBE_TIMEOUT_MS 1000 /* for one address */

struct sedge_probe;

/* `endpoint`: http(s)://HOST[:PORT]; NULL: there is nothing to try, the store always counts as there. */
struct sedge_probe *sedge_probe_new(const char *endpoint);
void sedge_probe_free(struct sedge_probe *p);
bool sedge_probe_up(struct sedge_probe *p);

#endif
