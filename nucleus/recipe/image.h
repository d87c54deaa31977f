/*
 * image - the container image that a docker: artifact names. Pure.
 *
 *   struct sedge_image image;
 *   if (sedge_image_parse("docker:registry.example.com/app:1.2", &image, &err) == 0) ... image.reference ...
 *   sedge_image_release(&image);
 *
 * Form: docker:[registry/]name[/name...][:tag|@sha256:<64 hex digits>]. The first part is a registry when it has a "."
 * or ":" or is "localhost"; without one it is the public hub of Docker.
 */
#ifndef SEDGE_RECIPE_IMAGE_H
#define SEDGE_RECIPE_IMAGE_H

#include <stdbool.h>

#include "base/err.h"

#define SEDGE_IMAGE_REFERENCE_MAX 1024 /* bytes after "docker:" */

enum sedge_registry { SEDGE_REGISTRY_HUB, SEDGE_REGISTRY_OTHER, SEDGE_REGISTRY_ECR_PUBLIC, SEDGE_REGISTRY_ECR_PRIVATE };

struct sedge_image {
    char *reference; /* as docker takes it, with ":latest" when there was neither tag nor digest */
    enum sedge_registry registry;
    bool latest; /* its tag is "latest": may change at any time */
};

/* INVALID says what is wrong; *out is empty then. */
int sedge_image_parse(const char *uri, struct sedge_image *out, struct sedge_err *err);
void sedge_image_release(struct sedge_image *image);

#endif
