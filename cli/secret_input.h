/*
 * secret_input - where the value of a secret comes from: a file, a pipe, or the keyboard without echo.
 *
 * Values go into a buffer that never moves, so that sedge_buf_wipe leaves nothing behind. Errors never have a value.
 */
#ifndef SEDGE_CLI_SECRET_INPUT_H
#define SEDGE_CLI_SECRET_INPUT_H

#include "base/buf.h"
#include "base/err.h"

#define SEDGE_SECRET_INPUT_MAX 65536 /* bytes */

/* Reads to the end. LIMIT for more than SEDGE_SECRET_INPUT_MAX bytes. `what` names the source in errors. */
int sedge_secret_read(int fd, const char *what, struct sedge_buf *out, struct sedge_err *err);
int sedge_secret_read_file(const char *path, struct sedge_buf *out, struct sedge_err *err);
/* Asks twice at the terminal that standard input is. INVALID when the two differ. */
int sedge_secret_prompt(const char *name, struct sedge_buf *out, struct sedge_err *err);
/* Drops one "\n" or "\r\n" at the end. */
void sedge_secret_cut_newline(struct sedge_buf *value);

#endif
