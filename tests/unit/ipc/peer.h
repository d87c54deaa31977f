/*
 * peer - a server that does what a script says, for tests of the client: also what no nucleus would do.
 *
 *   static const struct act script[] = {{.kind = WAIT}, {.kind = ANSWER, .text = "{}"}, {.kind = CLOSE}};
 *   struct peer *p = peer_start(script, SEDGE_ARRAY_LEN(script));     accepts and answers the handshake by itself
 *   ... connect to peer_path(p) ...
 *   peer_request(p, 0)         payload of the first frame that came; "!" for a terminate
 *   peer_requests(p)           how many have come by now
 *   peer_stop(p)               after the client has disconnected; waits for the script
 */
#ifndef SEDGE_TEST_IPC_PEER_H
#define SEDGE_TEST_IPC_PEER_H

#include <stddef.h>

enum act_kind {
    WAIT,    /* for the next frame of the client */
    ANSWER,  /* to the stream of the last request, and the end of it */
    ACCEPT,  /* the same, without an end */
    EVENT,   /* one more on the stream */
    FAIL,    /* an error on it */
    DRIP,    /* as ANSWER, in single bytes */
    RAW,     /* `size` bytes of `text` */
    PING,    /* on the connection */
    CLOSE,   /* the connection */
    NEXT,    /* take another connection */
    REFUSE,  /* take another connection and refuse its token */
    SIGNAL,  /* SIGUSR1 to the process, again and again, for 50 ms */
    DISTURB, /* the same until the client sends something or ends the connection */
    PATIENCE /* until peer_go */
};

struct act {
    enum act_kind kind;
    const char *text;
    size_t size;
};

struct peer;
struct peer *peer_start(const struct act *script, size_t n);
const char *peer_path(const struct peer *p);
const char *peer_request(struct peer *p, size_t i); /* waits for it */
size_t peer_requests(const struct peer *p);
void peer_go(struct peer *p);
void peer_stop(struct peer *p);

#endif
