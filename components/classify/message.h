/*
 * message - the result as the original component publishes it, plus the image's name and the milliseconds. Pure.
 */
#ifndef SEDGE_CLASSIFY_MESSAGE_H
#define SEDGE_CLASSIFY_MESSAGE_H

#include <stdint.h>

#include "classifier.h"

#define SEDGE_CLASSIFY_THRESHOLD 0.3f /* lower scores are left out, as the description in the message says */

/* JSON text, the caller's. */
char *sedge_classify_message(const struct sedge_ranking *r, const char *image, int64_t wall_ms);

#endif
