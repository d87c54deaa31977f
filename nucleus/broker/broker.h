/*
 * broker - local pub/sub: who gets a message that a component publishes (spec: ipc-operations 3.2, 3.3).
 *
 *   struct sedge_broker *b = sedge_broker_new();
 *   struct sedge_subscription *s = sedge_broker_subscribe(b, "sensors/+", "com.example.App", SEDGE_RECEIVE_DEFAULT,
 * me); n = sedge_broker_publish(b, "sensors/t1", "com.example.Sensor", deliver, arg);   // deliver(me, arg) for each
 * match sedge_broker_unsubscribe(b, s); sedge_broker_free(b);
 *
 * A trie of topic levels: the cost of a publish depends on its levels and on the number of matches, not on the number
 * of subscriptions. Each subscription is its own and gets a message at most once. Nothing is stored or queued here.
 * Owned: filter and identity are copied; `user` is borrowed. One thread.
 * In `deliver`, subscribe and unsubscribe are allowed: a subscription that was removed gets nothing any more, a new one
 * may or may not get the message at hand.
 * Limits: SEDGE_BROKER_LEVELS_MAX levels and SEDGE_BROKER_FILTER_MAX bytes in a filter (LIMIT), which is kept; topics
 * may have any number.
 */
#ifndef SEDGE_BROKER_H
#define SEDGE_BROKER_H

#include <stddef.h>

#include "base/err.h"

#define SEDGE_BROKER_LEVELS_MAX 1024u
#define SEDGE_BROKER_FILTER_MAX 65536u /* bytes */

struct sedge_broker;
struct sedge_subscription;

enum sedge_receive_mode {
    SEDGE_RECEIVE_DEFAULT, /* own messages only when the filter has no wildcard */
    SEDGE_RECEIVE_ALL,
    SEDGE_RECEIVE_FROM_OTHERS
};
/* "RECEIVE_ALL_MESSAGES", "RECEIVE_MESSAGES_FROM_OTHERS"; DEFAULT for NULL and any other text. */
enum sedge_receive_mode sedge_receive_mode_from_name(const char *name);

struct sedge_broker *sedge_broker_new(void);
void sedge_broker_free(struct sedge_broker *b); /* with all subscriptions; not from inside a publish */
struct sedge_subscription *sedge_broker_subscribe(struct sedge_broker *b, const char *filter, const char *identity,
                                                  enum sedge_receive_mode mode, void *user, struct sedge_err *err);
void sedge_broker_unsubscribe(struct sedge_broker *b, struct sedge_subscription *s); /* NULL is fine */
/* Calls deliver for each matching subscription except those that suppress the publisher's own messages. Returns how
 * many. `publisher` NULL: nobody's own (messages of the nucleus). */
size_t sedge_broker_publish(struct sedge_broker *b, const char *topic, const char *publisher,
                            void (*deliver)(void *user, void *arg), void *arg);
size_t sedge_broker_count(const struct sedge_broker *b);
const char *sedge_subscription_filter(const struct sedge_subscription *s);

#endif
