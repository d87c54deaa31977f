/*
 * key - the file with the key that seals the secrets. Private to the box. Blocks.
 *
 * 32 random bytes, mode 0600, owned by the user of the nucleus. It is made when the first secret is set. A wider mode
 * is put right and reported; a file of somebody else, a link, or one of another size is refused.
 */
#ifndef SEDGE_SECRET_KEY_H
#define SEDGE_SECRET_KEY_H

#include "seal.h"

enum { SEDGE_SECRET_KEY_ID_LEN = 16 };

struct sedge_secret_key {
    uint8_t bytes[SEDGE_SEAL_KEY_LEN];
    char id[SEDGE_SECRET_KEY_ID_LEN + 1]; /* tells keys apart and says nothing about them; "" while there is none */
};

/* NOT_FOUND: there is no file. DENIED, INVALID: there is one that must not be used; the text says what to do. */
int sedge_secret_key_load(const char *path, struct sedge_secret_key *out, struct sedge_err *err);
/* Makes the file. On the disk when it returns 0. */
int sedge_secret_key_create(const char *path, struct sedge_secret_key *out, struct sedge_err *err);

#endif
