/*
 * seal - AES-256-GCM with a fresh random nonce for each record. Private to the box. Pure but for the random bytes.
 *
 * A sealed record is nonce (12 bytes), ciphertext, tag (16 bytes). `bound` is associated data: it is not stored, and a
 * record opens only together with the bytes that it was sealed with.
 */
#ifndef SEDGE_SECRET_SEAL_H
#define SEDGE_SECRET_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { SEDGE_SEAL_KEY_LEN = 32, SEDGE_SEAL_NONCE_LEN = 12, SEDGE_SEAL_TAG_LEN = 16 };

/* Appends the record. */
void sedge_seal(const uint8_t key[SEDGE_SEAL_KEY_LEN], const struct sedge_buf *bound, const void *plain, size_t n,
                struct sedge_buf *out);
/* Appends the plain bytes, or nothing: -1 with DIGEST when key, bound bytes or record are not those of the sealing.
 * Wipe *out with sedge_buf_wipe. */
int sedge_unseal(const uint8_t key[SEDGE_SEAL_KEY_LEN], const struct sedge_buf *bound, const void *record, size_t n,
                 struct sedge_buf *out, struct sedge_err *err);

#endif
