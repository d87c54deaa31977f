/*
 * presign - URLs that let somebody without credentials read one object for a while: Signature Version 4 in the query,
 * as AWS documents it, for S3 and what speaks like it. Pure but for sedge_presign_keys_find.
 *
 *   struct sedge_presign p = {.endpoint = "http://127.0.0.1:9000", .region = "us-east-1", .path_style = true,
 *                             .access_key = "...", .secret_key = "...", .now_ms = sedge_wall_ms(), .expires_s = 3600};
 *   struct sedge_buf url = SEDGE_BUF_INIT;
 *   if (sedge_presign_get(&p, "bucket", "a/b.json", &url, &err) != 0) ...
 */
#ifndef SEDGE_CLOUD_PRESIGN_H
#define SEDGE_CLOUD_PRESIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "cloud/cloud.h"

#define SEDGE_PRESIGN_EXPIRES_S     3600
#define SEDGE_PRESIGN_EXPIRES_MAX_S 604800 /* what the signature allows */
#define SEDGE_PRESIGN_KEY_MAX       1024   /* bytes of an object's key */

struct sedge_presign {
    const char *endpoint; /* http(s)://HOST[:PORT]; NULL: that of AWS in the region */
    const char *region;
    bool path_style;                                     /* bucket in the path, else in front of the host */
    const char *access_key, *secret_key, *session_token; /* token may be NULL */
    int64_t now_ms;
    int expires_s;
};

/* Appends the URL of a GET. INVALID: bucket, key or endpoint are none, or the keys are missing. */
int sedge_presign_get(const struct sedge_presign *p, const char *bucket, const char *key, struct sedge_buf *url,
                      struct sedge_err *err);

/* The credentials to sign with: those for devices, else the publisher's, else the environment, else the AWS credentials
 * file (as sedge-fetch finds them). Texts are owned. NOT_FOUND says where to set them. */
struct sedge_presign_keys {
    char *access_key, *secret_key, *session_token;
};
int sedge_presign_keys_find(const struct sedge_cloud_settings *set, struct sedge_presign_keys *out,
                            struct sedge_err *err);
void sedge_presign_keys_release(struct sedge_presign_keys *k);

#endif
