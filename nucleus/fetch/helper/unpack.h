/*
 * unpack - unpacks an archive of untrusted origin into a folder, whole or not at all.
 *
 * The content is written to "<to>.new" beside the folder and exchanged with it when it is complete and on disk.
 * Refused: absolute names and names with "..", links that lead out of the folder, entries below a link, devices, pipes
 * and sockets, control characters in names, more than the limits of ../protocol.h (bombs). Modes in the archive are not
 * used: files get file_mode, folders 0755. Owners are not used.
 *
 * A list of what was unpacked from which digest is kept in ".<name>.unpacked" beside the folder; when archive, mode,
 * names and sizes still agree, nothing is done. Blocks; any thread.
 */
#ifndef SEDGE_FETCH_UNPACK_H
#define SEDGE_FETCH_UNPACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

enum sedge_unarchive { SEDGE_UNARCHIVE_NONE, SEDGE_UNARCHIVE_ZIP, SEDGE_UNARCHIVE_TAR, SEDGE_UNARCHIVE_TGZ };

struct sedge_unpack {
    const char *archive;
    enum sedge_unarchive kind;
    const char *to;              /* absolute path, no slash at the end; its parents are created */
    mode_t file_mode;            /* 0: 0644 */
    int64_t min_free;            /* bytes that stay free */
    const atomic_bool *canceled; /* may be NULL */
};

/* *nfiles: files in the folder. INVALID: malicious or damaged; LIMIT: bomb; NO_SPACE; IO; CANCELED. */
int sedge_unpack(const struct sedge_unpack *u, int64_t *nfiles, bool *was_there, struct sedge_err *err);

/* Pure rules. The entry's name without "./" and double slashes, appended to *out ("" for the folder itself). */
int sedge_unpack_name(const char *name, struct sedge_buf *out, struct sedge_err *err);
/* Whether a symbolic link called `name` (clean) may point to `target`. */
bool sedge_unpack_link_allowed(const char *name, const char *target);

#endif
