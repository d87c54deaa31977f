/*
 * proxy - networkProxy.proxy.url taken apart (pure).
 *
 *   struct sedge_proxy p = {0};
 *   if (sedge_proxy_parse("http://user:p%40ss@proxy.example.com:3128", &p, &err) != 0) ...
 *   sedge_proxy_release(&p);
 */
#ifndef SEDGE_MQTT_PROXY_H
#define SEDGE_MQTT_PROXY_H

#include <stdint.h>

#include "base/err.h"

#define SEDGE_PROXY_TEXT_MAX 255 /* bytes of the user, the password and the host, as SOCKS5 has it */

enum sedge_proxy_kind { SEDGE_PROXY_HTTP, SEDGE_PROXY_HTTPS, SEDGE_PROXY_SOCKS5 };

struct sedge_proxy {
    enum sedge_proxy_kind kind;
    char *host; /* without the brackets of an IPv6 address */
    int port;
    char *user, *password; /* decoded; NULL: none */
};

/* scheme://[user[:password]@]host[:port]; ports 80, 443 and 1080 if none is given. INVALID otherwise; the message does
 * not have the URL, which may hold a password. */
int sedge_proxy_parse(const char *url, struct sedge_proxy *out, struct sedge_err *err);
void sedge_proxy_release(struct sedge_proxy *p); /* wipes the password */

#endif
