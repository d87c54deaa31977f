/*
 * settings - the "config" line of protocol.h as a struct, with defaults filled in and credentials found.
 */
#ifndef SEDGE_FETCH_SETTINGS_H
#define SEDGE_FETCH_SETTINGS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* The HTTPS data plane; url NULL: there is none. */
struct sedge_plane {
    char *url; /* https://host[:port], no slash at the end */
    char *cert_file, *key_file, *ca_file, *alpn, *thing;
    struct sedge_buf cert, key; /* PEM */
    struct sedge_err why;       /* it cannot be asked: the reason; the rest works all the same */
};

struct sedge_settings {
    char *endpoint; /* scheme://host[:port], no slash at the end */
    char *region;
    bool path_style;
    bool endpoint_given;
    char *access_key; /* NULL: requests are not signed */
    char *secret_key;
    char *session_token;
    int64_t parallel;
    char *ca_file, *proxy, *proxy_ca, *no_proxy, *user;
    struct sedge_plane plane;
    int64_t attempts, retry_base_ms, retry_max_ms, connect_timeout_ms, stall_timeout_ms, min_free;
};

/* `config` may be NULL: defaults. Reads environment and credentials file if the line has no credentials, and the
 * device's certificate and key. */
int sedge_settings_init(struct sedge_settings *s, struct json_object *config, struct sedge_err *err);
void sedge_settings_release(struct sedge_settings *s); /* wipes the secrets */

/* plane.c: checks what the line said of the data plane and reads its files; `why` says what is wrong. */
void sedge_plane_load(struct sedge_plane *p);
void sedge_plane_release(struct sedge_plane *p);

/* credentials.c: fills access_key, secret_key, session_token from the environment or the credentials file; leaves them
 * NULL if there are none. -1 if a file was named and cannot be used. */
int sedge_credentials_find(struct sedge_settings *s, struct sedge_err *err);
/* Values of `profile` in the text of a credentials file. */
void sedge_credentials_parse(struct sedge_settings *s, const char *text, const char *profile);

#endif
