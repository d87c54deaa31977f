/*
 * settings - the component's configuration, checked, and which image comes next. Pure but for reading the folder.
 *
 * Keys as in the original component: ImageName, ImageDirectory, InferenceInterval, ModelResourceKey,
 * PublishResultsOnTopic; docs/dlr.md describes them. A key that is missing keeps its default; a malformed one is an
 * error that names it, and nothing of the new configuration is taken.
 */
#ifndef SEDGE_CLASSIFY_SETTINGS_H
#define SEDGE_CLASSIFY_SETTINGS_H

#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

#define SEDGE_CLASSIFY_INTERVAL_MIN 0.1 /* seconds */
#define SEDGE_CLASSIFY_INTERVAL_MAX 31536000.0
#define SEDGE_CLASSIFY_INTERVAL_DEF 3600.0
#define SEDGE_CLASSIFY_TOPIC_DEF    "ml/dlr/image-classification"
#define SEDGE_CLASSIFY_IMAGES_MAX   100000 /* files looked at in the image folder */

struct sedge_settings {
    char *image;     /* NULL: all in the folder, one after the other */
    char *directory; /* NULL: none is set */
    char *model_key; /* sub-folder of the model folder; "" for none */
    char *topic;     /* "": results are not published */
    int64_t interval_ms;
};

/* `config` may be NULL. `machine` is what uname -m says; `directory` is used when the configuration names none. */
int sedge_settings_read(struct sedge_settings *s, struct json_object *config, const char *machine,
                        const char *directory, struct sedge_err *err);
void sedge_settings_release(struct sedge_settings *s);

/* Path of the next image after `last` (a file name, NULL at first) in name order, starting over at the end; the one
 * image if one is set. NULL: there is none. */
char *sedge_settings_next_image(const struct sedge_settings *s, const char *last, struct sedge_err *err);
/* The folder that holds the model: <root>/<model_key>, or <root> itself. NULL with a message that says what to do. */
char *sedge_settings_model(const struct sedge_settings *s, const char *root, struct sedge_err *err);

#endif
