/*
 * actor - for whom this thread changes something, for the audit: who asked over the control API. Without one, the audit
 * names the user that runs the program.
 */
#ifndef SEDGE_CLOUD_ACTOR_H
#define SEDGE_CLOUD_ACTOR_H

/* `who` is borrowed until the next call; NULL: nobody in particular. Of the calling thread. */
void sedge_actor_set(const char *who);
const char *sedge_actor(void);

#endif
