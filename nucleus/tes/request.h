/*
 * request - what a component asked over HTTP (pure).
 *
 * Of a request line and headers (all that is needed here): 200 with the token, or the status that answers it.
 */
#ifndef SEDGE_TES_REQUEST_H
#define SEDGE_TES_REQUEST_H

#include <stddef.h>

#define SEDGE_TES_PATH        "/2016-11-01/credentialprovider/"
#define SEDGE_TES_REQUEST_MAX 8192 /* bytes of a request */
#define SEDGE_TES_TOKEN_MAX   128  /* bytes of an Authorization header */

/* Bytes of the head with its empty line, 0 when it is not complete yet. */
size_t sedge_tes_request_end(const char *text, size_t n);
/* `head` ends behind the empty line. 405: not GET, 400: another path or no HTTP, 403: no token; 200: *token is set. */
int sedge_tes_request_read(const char *head, char token[SEDGE_TES_TOKEN_MAX + 1]);

#endif
