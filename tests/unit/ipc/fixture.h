/*
 * fixture - a small server built from the real ipc_server and broker, for tests of both ends of the wire.
 *
 * Tokens: "T:<name>" belongs to the component <name>; LABTOKEN00000001 (of the vectors) to com.example.A.
 * Operations: PublishToTopic, SubscribeToTopic, GetConfiguration, UpdateConfiguration, SubscribeToConfigurationUpdate
 * on one document per component, UpdateState; aws.greengrass#Test...: Echo (answers its request), Later (echoes after
 * 30 ms), Never, Burst (accepts, then sends {"n":0}.. as many as "count" says), Early (sends an event before it
 * accepts), Drop (drops identity "identity"), Fail (answers with the error "name" and the message and extras given).
 */
#ifndef SEDGE_TEST_IPC_FIXTURE_H
#define SEDGE_TEST_IPC_FIXTURE_H

#include "ipc_server/server.h"

struct fixture;

/* Serves on `path` in the given loop. */
struct fixture *fixture_new(uv_loop_t *loop, const char *path, const struct sedge_ipc_server_options *opt,
                            struct sedge_err *err);
struct sedge_ipc_server *fixture_server(struct fixture *f);
void fixture_close(struct fixture *f); /* run the loop afterwards; frees itself */

/* The same in a thread of its own, in a fresh folder. */
struct fixture_thread;
struct fixture_thread *fixture_start(const struct sedge_ipc_server_options *opt);
const char *fixture_path(const struct fixture_thread *t);
unsigned fixture_closed_streams(struct fixture_thread *t); /* how often on_stream_closed came */
unsigned fixture_disconnects(struct fixture_thread *t);
void fixture_stats(struct fixture_thread *t, struct sedge_ipc_stats *out); /* asked in the loop's thread */
void fixture_stop(struct fixture_thread *t);

#endif
