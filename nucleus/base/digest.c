#include "digest.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

void sedge_sha256(const void *data, size_t n, uint8_t out[SEDGE_SHA256_LEN])
{
    unsigned len = 0;

    sedge_assert(EVP_Digest(data, n, out, &len, EVP_sha256(), NULL) == 1 && len == SEDGE_SHA256_LEN);
}

void sedge_sha256_hex(const void *data, size_t n, struct sedge_buf *out)
{
    uint8_t d[SEDGE_SHA256_LEN];

    sedge_sha256(data, n, d);
    sedge_hex_encode(out, d, sizeof d);
}

static int file_digest(const char *path, const EVP_MD *md, uint8_t out[EVP_MAX_MD_SIZE], unsigned *len,
                       struct sedge_err *err)
{
    sedge_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    EVP_MD_CTX *ctx = NULL;
    char chunk[65536];
    ssize_t n = 0;
    int rc = 0;

    if (fd < 0) return sedge_err_sys(err, errno, "%s", path);
    ctx = EVP_MD_CTX_new();
    sedge_assert(ctx && EVP_DigestInit_ex(ctx, md, NULL) == 1);
    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        sedge_assert(EVP_DigestUpdate(ctx, chunk, (size_t)n) == 1);
    if (n < 0)
        rc = sedge_err_sys(err, errno, "%s: read", path);
    else
        sedge_assert(EVP_DigestFinal_ex(ctx, out, len) == 1);
    EVP_MD_CTX_free(ctx);
    return rc;
}

/* OpenSSL knows "SHA256" and "SHA2-256"; recipes say "SHA-256". */
static const EVP_MD *by_recipe_name(const char *algorithm)
{
    char name[32];
    size_t n = 0;

    for (const char *p = algorithm; *p && n + 1 < sizeof name; p++)
        if (*p != '-') name[n++] = *p;
    name[n] = 0;
    return strncasecmp(name, "sha3", 4) == 0 ? EVP_get_digestbyname(algorithm) : EVP_get_digestbyname(name);
}

int sedge_digest_file_base64(const char *path, const char *algorithm, struct sedge_buf *out, struct sedge_err *err)
{
    uint8_t d[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const EVP_MD *md = by_recipe_name(algorithm);

    if (!md) return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "unknown digest algorithm \"%s\"; use SHA-256", algorithm);
    if (file_digest(path, md, d, &len, err) != 0) return -1;
    sedge_base64_encode(out, d, len);
    return 0;
}

int sedge_sha256_file_hex(const char *path, struct sedge_buf *out, struct sedge_err *err)
{
    uint8_t d[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (file_digest(path, EVP_sha256(), d, &len, err) != 0) return -1;
    sedge_hex_encode(out, d, len);
    return 0;
}
