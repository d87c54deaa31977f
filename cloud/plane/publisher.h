/*
 * publisher - tells devices what has changed for them: the rows of table `dirty`, whoever made them.
 *
 * Messages are made from the database when they are sent, so several changes of one thing become one message, and what
 * was lost with a crash or a connection is sent again. A row goes when the broker has taken its messages and nothing
 * has changed meanwhile. The first change of a thing is told at once, the next ones not before
 * SEDGE_PUBLISH_DEBOUNCE_MS. A thing that the broker does not know is not told anything until it is heard again.
 *
 *   struct sedge_publisher *p = sedge_publisher_new(db, plane, send, user);
 *   sedge_publisher_turn(p, mono_ms, wall_ms);     // often, while connected
 *   sedge_publisher_acked(p, mid, heard);          // from the MQTT client: heard false, nobody is subscribed
 *   sedge_publisher_confirm(p, mono_ms);           // after a turn of the client; a transaction of its own
 *   sedge_publisher_lost(p);                       // the connection is gone
 */
#ifndef SEDGE_CLOUD_PUBLISHER_H
#define SEDGE_CLOUD_PUBLISHER_H

#include "plane.h"

#define SEDGE_PUBLISH_WINDOW      100 /* things with messages that the broker has not taken yet */
#define SEDGE_PUBLISH_ROWS        200 /* dirty rows looked at in one turn; the next turn goes on behind them */
#define SEDGE_PUBLISH_DEBOUNCE_MS 200
#define SEDGE_PUBLISH_CONFIRM_MS  100 /* what the broker has taken is written at most so often, or when half is full */

/* Sends with QoS 1 and stores the packet's id; -1: not sent. */
typedef int (*sedge_publish_fn)(void *user, const struct sedge_plane_msg *msg, int *mid);

struct sedge_publisher;
struct sedge_publisher *sedge_publisher_new(struct sedge_db *db, struct sedge_plane *plane, sedge_publish_fn send,
                                            void *user); /* db and plane are borrowed */
void sedge_publisher_free(struct sedge_publisher *p);
void sedge_publisher_turn(struct sedge_publisher *p, int64_t mono_ms, int64_t wall_ms);
void sedge_publisher_acked(struct sedge_publisher *p, int mid, bool heard);
void sedge_publisher_confirm(struct sedge_publisher *p, int64_t mono_ms);
void sedge_publisher_lost(struct sedge_publisher *p);

#endif
