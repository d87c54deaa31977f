/*
 * payload - a counted, immutable payload that many subscribers share (design 5).
 *
 *   struct sedge_payload *p = sedge_payload_new(total);
 *   memcpy(p->data, ..., total);
 *   sedge_ipc_event(stream, shape, p) for each subscriber;   // each takes its own reference
 *   sedge_payload_unref(p);
 *
 * One loop thread. The CRC is computed once, when it is first needed; that of a whole frame is combined from the
 * subscriber's head and `crc` without touching the bytes.
 */
#ifndef SEDGE_IPC_PAYLOAD_H
#define SEDGE_IPC_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sedge_payload {
    unsigned refs;
    bool sealed;          /* the data is final and the next two are valid */
    uint32_t crc;         /* of data */
    unsigned long crc_op; /* zlib's operator for combining with `len` bytes */
    size_t len;
    char data[];
};

struct sedge_payload *sedge_payload_new(size_t len);                    /* one reference, data to be filled */
struct sedge_payload *sedge_payload_copy(const void *data, size_t len); /* filled */
void sedge_payload_seal(struct sedge_payload *p);                       /* any number of times */
struct sedge_payload *sedge_payload_ref(struct sedge_payload *p);
void sedge_payload_unref(struct sedge_payload *p); /* NULL is fine */

#endif
