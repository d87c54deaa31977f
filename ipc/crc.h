/*
 * crc - the checksum of event-stream frames: CRC-32 as zlib has it, with the instructions that the processor has for
 * it.
 *
 *   crc = sedge_crc32(0, head, head_len);
 *   crc = sedge_crc32(crc, rest, rest_len);     // goes on; zlib's crc32_combine works on the results
 *
 * Pure; any thread.
 */
#ifndef SEDGE_IPC_CRC_H
#define SEDGE_IPC_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t sedge_crc32(uint32_t crc, const void *p, size_t n); /* p may be NULL when n is 0: crc stays as it is */

#endif
