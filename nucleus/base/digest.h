/*
 * digest - SHA-256 and friends over OpenSSL. Any thread; file functions block.
 */
#ifndef SEDGE_BASE_DIGEST_H
#define SEDGE_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

#define SEDGE_SHA256_LEN 32
void sedge_sha256(const void *data, size_t n, uint8_t out[SEDGE_SHA256_LEN]);
/* Appends the lower-case hex text. */
void sedge_sha256_hex(const void *data, size_t n, struct sedge_buf *out);
/* Digest of a file by algorithm name as recipes write it ("SHA-256"), as base64 text appended to *out.
 * UNSUPPORTED for an unknown algorithm. */
int sedge_digest_file_base64(const char *path, const char *algorithm, struct sedge_buf *out, struct sedge_err *err);
/* SHA-256 of a file as lower-case hex, appended. */
int sedge_sha256_file_hex(const char *path, struct sedge_buf *out, struct sedge_err *err);

#endif
