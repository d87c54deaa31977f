/* publication_internal - what the two files of publications share. */
#ifndef SEDGE_CLOUD_PUBLICATION_INTERNAL_H
#define SEDGE_CLOUD_PUBLICATION_INTERNAL_H

#include "component.h"
#include "publication.h"

/* Heap. */
char *sedge_publication_folder(const struct sedge_cloud *c, const char *name, const char *version);
/* The package of a folder, checked. Release it in any case. */
int sedge_publication_load(struct sedge_cloud *c, const char *folder, struct sedge_package *p, struct sedge_err *err);
/* It is published, or will never be. */
int sedge_publication_done(struct sedge_cloud *c, const char *name, const char *version, struct sedge_err *err);
int sedge_publication_failed(struct sedge_cloud *c, const char *name, const char *version, const char *why,
                             struct sedge_err *err);

#endif
