/*
 * broker_config - the files that a mosquitto needs to serve devices and this cloud side.
 *
 * Into one folder: mosquitto.conf, devices.acl, service.acl, service.pw, server.crt, server.key, ca.crt,
 * ca.crl (revoked certificates) and reader-NAME.password for each reader. The settings keep the folder's name, so that
 * ca.crl is written again when a thing is blocked. Start with: mosquitto -c FOLDER/mosquitto.conf
 */
#ifndef SEDGE_CLOUD_BROKER_CONFIG_H
#define SEDGE_CLOUD_BROKER_CONFIG_H

#include "base/str.h"
#include "cloud/cloud.h"

struct sedge_broker_config {
    const char *out;
    const char *names;        /* host names and addresses in the server's certificate; NULL: device_host and loopback */
    const char *bind;         /* address of the device listener; NULL: all */
    const char *user;         /* that mosquitto runs as when it is started as root; NULL: the one who runs this */
    struct sedge_strv topics; /* topics that devices may write besides their own */
    struct sedge_strv readers; /* users of the service listener that may read these topics and dt/# */
};
int sedge_broker_config_write(struct sedge_cloud *c, const struct sedge_broker_config *b, struct sedge_err *err);

#endif
