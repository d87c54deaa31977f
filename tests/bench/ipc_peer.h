/*
 * peer - the connections of the IPC benchmark: the same thin engine for all three protocols that are compared.
 *
 *   raw:PATH     fixed frames, for the bare relay
 *   mqtt:PATH    MQTT 3.1.1, QoS 0
 *   sedge:PATH   the IPC of the nucleus; the token is in SVCUID
 *
 *   struct peer p;
 *   peer_open(&p, "sedge:/var/lib/sedge/ipc.socket");
 *   peer_subscribe(&p, "bench/a");                       // waits until it is granted
 *   request_make(&r, &p, PUBLISH, "bench/a");
 *   request_add(&r, &p, seq);                            // builds into p.out; peer_send writes all of it
 *   peer_read(&p, true);                                 // one read: counts p.answers and p.deliveries
 *
 * Each message carries its number; a message that is lost, repeated, out of order or changed ends the program with a
 * text, and so does an answer that is an error. Every 64th frame's checksum is checked.
 */
#ifndef BENCH_IPC_PEER_H
#define BENCH_IPC_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define MESSAGE_BYTES 100

enum proto { RAW, MQTT, SEDGE };
enum kind { PUBLISH, IOTCORE_0, IOTCORE_1, GET_CONFIGURATION };

struct peer {
    enum proto proto;
    int fd;
    bool subscribed;
    int32_t last_stream;
    struct sedge_buf out;
    uint8_t *in;
    size_t in_len;
    size_t answer_bytes; /* length of a good answer */
    uint64_t frames, answers, deliveries;
};

struct request {
    enum kind kind;
    struct sedge_buf text; /* one whole request */
    size_t seq_at, stream_at;
    uint32_t crc; /* of what comes before the stream id */
};

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void peer_open(struct peer *p, const char *spec);
void peer_subscribe(struct peer *p, const char *topic);
void peer_send(struct peer *p);
void peer_read(struct peer *p, bool wait);
void request_make(struct request *r, const struct peer *p, enum kind kind, const char *topic);
void request_add(const struct request *r, struct peer *p, uint64_t seq);

#endif
