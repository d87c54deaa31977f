/* The data plane of the settings: its URL, and the certificate and key that this device shows there. */
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "settings.h"

#define PEM_MAX   ((size_t)65536)
#define READ_ROOM ((size_t)16384) /* that sedge_fs_read wants free in front of the end */

static int check_url(struct sedge_plane *p, struct sedge_err *err)
{
    for (size_t n = strlen(p->url); n > 0 && p->url[n - 1] == '/'; n--)
        p->url[n - 1] = 0;
    if (sedge_str_starts(p->url, "https://") && p->url[strlen("https://")] && !strpbrk(p->url, " ?#@\t\n")) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "greengrassDataPlaneEndpoint \"%s\" is not the address of a data plane: expected HOST or "
                         "https://HOST:PORT",
                         p->url);
}

static int load(const char *path, const char *what, struct sedge_buf *out, struct sedge_err *err)
{
    if (!path || !*path) return sedge_err_set(err, SEDGE_E_INVALID, "the data plane needs %s, which is not set", what);
    if (sedge_str_starts(path, "pkcs11:"))
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED,
                             "%s is in a PKCS#11 token, which the HTTPS client does not read; name a PEM file", what);
    sedge_buf_reserve(out, PEM_MAX + READ_ROOM + 1); /* never grows: no copy of the key stays behind */
    if (sedge_fs_read(path, PEM_MAX, out, err)) return sedge_err_wrap(err, "%s", what);
    return 0;
}

static int load_all(struct sedge_plane *p, struct sedge_err *err)
{
    if (check_url(p, err)) return -1;
    if (!p->ca_file || !*p->ca_file)
        return sedge_err_set(err, SEDGE_E_INVALID, "the data plane needs system.rootCaPath, which is not set");
    if (load(p->cert_file, "system.certificateFilePath", &p->cert, err)) return -1;
    return load(p->key_file, "system.privateKeyPath", &p->key, err);
}

void sedge_plane_load(struct sedge_plane *p)
{
    if (p->url && !*p->url) {
        free(p->url);
        p->url = NULL;
    }
    if (p->url)
        (void)load_all(p, &p->why);
    else
        (void)sedge_err_set(&p->why, SEDGE_E_NOT_FOUND,
                            "no data plane is configured; set greengrassDataPlaneEndpoint in the configuration of "
                            "aws.greengrass.Nucleus");
}

void sedge_plane_release(struct sedge_plane *p)
{
    free(p->url);
    free(p->cert_file);
    free(p->key_file);
    free(p->ca_file);
    free(p->alpn);
    free(p->thing);
    sedge_buf_release(&p->cert);
    sedge_buf_wipe(&p->key);
    *p = (struct sedge_plane){.url = NULL};
}
