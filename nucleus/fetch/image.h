/*
 * image - brings a container image onto this machine, by the command `docker` (of Docker, or podman-docker).
 *
 *   struct sedge_image_pull *p = sedge_image_pull(loop, "redis:7.2", false, on_done, me);
 *   sedge_image_pull_cancel(p);     // before on_done has run
 *
 * `always` false: the image is asked for first (docker images -q) and pulled only if it is not there. The command is
 * found on the search path of the nucleus and runs with its user and environment: who has to log in to a registry does
 * it with `docker login` as that user.
 *
 * The callback runs on the loop, exactly once, never from inside a call here; what it is given is lent for the call.
 * result.reply is NULL; result.stack has the Greengrass codes of the failure, general to specific. Errors: NOT_FOUND no
 * docker command, UNAVAILABLE no service behind it or no network, DENIED, INVALID no such image, TIMEOUT, CANCELED, IO.
 */
#ifndef SEDGE_FETCH_IMAGE_H
#define SEDGE_FETCH_IMAGE_H

#include <uv.h>

#include "fetch.h"

#define SEDGE_IMAGE_QUERY_MS   60000   /* docker images */
#define SEDGE_IMAGE_PULL_MS    7200000 /* docker pull */
#define SEDGE_IMAGE_KILL_MS    5000    /* between TERM and KILL; for its last output after the end */
#define SEDGE_IMAGE_OUTPUT_MAX 4096    /* bytes of what the command says that are kept */

struct sedge_image_pull;

struct sedge_image_pull *sedge_image_pull(uv_loop_t *loop, const char *reference, bool always, sedge_fetch_done_cb done,
                                          void *user);
void sedge_image_pull_cancel(struct sedge_image_pull *p);

#endif
