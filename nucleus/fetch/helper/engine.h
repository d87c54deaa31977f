/*
 * engine - takes request lines, moves each job through its phases, ends when there is nothing left to do.
 */
#ifndef SEDGE_FETCH_ENGINE_H
#define SEDGE_FETCH_ENGINE_H

/* Reads `in` until its end and works off the requests. Process exit status. */
int sedge_engine_run(int in);

#endif
