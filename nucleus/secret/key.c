#include "key.h"

#include "base/digest.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0600

/* A digest of the key under a name of its own, so that it is of no other use. */
static void name_key(struct sedge_secret_key *k)
{
    static const char label[] = "sedge secret key";
    uint8_t input[sizeof label + SEDGE_SEAL_KEY_LEN];
    uint8_t digest[SEDGE_SHA256_LEN];
    sedge_auto_buf struct sedge_buf hex = SEDGE_BUF_INIT;

    memcpy(input, label, sizeof label);
    memcpy(input + sizeof label, k->bytes, sizeof k->bytes);
    sedge_sha256(input, sizeof input, digest);
    sedge_wipe(input, sizeof input);
    sedge_hex_encode(&hex, digest, SEDGE_SECRET_KEY_ID_LEN / 2);
    memcpy(k->id, hex.data, SEDGE_SECRET_KEY_ID_LEN);
    k->id[SEDGE_SECRET_KEY_ID_LEN] = 0;
}

/* Nobody but the nucleus' user may read it. */
static int check(int fd, const char *path, struct sedge_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0) return sedge_err_sys(err, errno, "%s", path);
    if (!S_ISREG(st.st_mode)) return sedge_err_set(err, SEDGE_E_INVALID, "%s is not a regular file", path);
    if (st.st_uid != geteuid())
        return sedge_err_set(err, SEDGE_E_DENIED,
                             "%s belongs to user %u, not to the user of the nucleus (%u): chown it", path,
                             (unsigned)st.st_uid, (unsigned)geteuid());
    if (st.st_size != SEDGE_SEAL_KEY_LEN)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "%s has %lld bytes, not %d: it is not the key; put the right file back", path,
                             (long long)st.st_size, SEDGE_SEAL_KEY_LEN);
    if ((st.st_mode & 07777 & ~(mode_t)MODE) == 0) return 0;
    if (fchmod(fd, MODE) != 0)
        return sedge_err_sys(err, errno, "%s has mode %04o and cannot be set to %04o", path,
                             (unsigned)(st.st_mode & 07777), MODE);
    sedge_log(SEDGE_WARN, "secret", "key-mode",
              "%s had mode %04o, now %04o: others could read the key; if they may have, set the secrets anew", path,
              (unsigned)(st.st_mode & 07777), MODE);
    return 0;
}

int sedge_secret_key_load(const char *path, struct sedge_secret_key *out, struct sedge_err *err)
{
    sedge_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    out->id[0] = 0;
    if (fd < 0 && errno == ELOOP)
        return sedge_err_set(err, SEDGE_E_INVALID, "%s is a link; it must be the file itself", path);
    if (fd < 0) return sedge_err_sys(err, errno, "%s", path);
    if (check(fd, path, err) != 0) return -1;
    if (read(fd, out->bytes, sizeof out->bytes) != (ssize_t)sizeof out->bytes)
        return sedge_err_set(err, SEDGE_E_IO, "%s: cannot be read as a whole", path);
    name_key(out);
    return 0;
}

int sedge_secret_key_create(const char *path, struct sedge_secret_key *out, struct sedge_err *err)
{
    sedge_random_bytes(out->bytes, sizeof out->bytes);
    if (sedge_fs_write_atomic(path, out->bytes, sizeof out->bytes, MODE, err) != 0) {
        sedge_wipe(out, sizeof *out);
        return -1;
    }
    name_key(out);
    return 0;
}
