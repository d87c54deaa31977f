#include "actor.h"

static _Thread_local const char *current;

void sedge_actor_set(const char *who)
{
    current = who;
}

const char *sedge_actor(void)
{
    return current;
}
