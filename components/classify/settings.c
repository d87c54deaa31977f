#include "settings.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- reading ---- */

/* A text, or a number as text; "" when absent. -1 for another type. */
static int text_at(struct json_object *config, const char *key, const char *def, char **out, struct sedge_err *err)
{
    struct json_object *v = sedge_json_get_nocase(config, key, NULL);

    if (!v) {
        *out = sedge_xstrdup(def);
        return 0;
    }
    if (!sedge_json_is_str(v) && !json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double))
        return sedge_err_set(err, SEDGE_E_INVALID, "%s: expected a text, got %s", key, sedge_json_text(v));
    *out = sedge_xstrdup(json_object_get_string(v));
    return 0;
}

static int read_interval(struct sedge_settings *s, struct json_object *config, struct sedge_err *err)
{
    sedge_auto_free char *text = NULL;
    double seconds = SEDGE_CLASSIFY_INTERVAL_DEF;

    if (text_at(config, "InferenceInterval", "", &text, err)) return -1;
    if ((text[0] && sedge_str_to_double(text, &seconds, NULL)) ||
        !(seconds >= SEDGE_CLASSIFY_INTERVAL_MIN && seconds <= SEDGE_CLASSIFY_INTERVAL_MAX))
        return sedge_err_set(err, SEDGE_E_INVALID, "InferenceInterval: \"%s\"; expected seconds, %g or more", text,
                             SEDGE_CLASSIFY_INTERVAL_MIN);
    s->interval_ms = (int64_t)(seconds * 1000);
    return 0;
}

/* A text, or an object of texts by machine. */
static int read_model_key(struct sedge_settings *s, struct json_object *config, const char *machine,
                          struct sedge_err *err)
{
    struct json_object *v = sedge_json_get_nocase(config, "ModelResourceKey", NULL);
    const char *key = "";

    if (v && json_object_is_type(v, json_type_object))
        key = sedge_json_str(v, machine, "");
    else if (v && sedge_json_is_str(v))
        key = json_object_get_string(v);
    else if (v)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "ModelResourceKey: expected a text, or an object with a text for each machine");
    if (strstr(key, "..") || key[0] == '/')
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "ModelResourceKey: \"%s\" has to be a folder inside the model folder", key);
    s->model_key = sedge_xstrdup(key);
    return 0;
}

static int read_image(struct sedge_settings *s, struct json_object *config, struct sedge_err *err)
{
    if (text_at(config, "ImageName", "", &s->image, err)) return -1;
    if (strchr(s->image, '/'))
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "ImageName: \"%s\" has to be a file name; the folder goes into ImageDirectory", s->image);
    if (s->image[0] == 0 || strcmp(s->image, "*") == 0) {
        free(s->image);
        s->image = NULL;
    }
    return 0;
}

int sedge_settings_read(struct sedge_settings *s, struct json_object *config, const char *machine,
                        const char *directory, struct sedge_err *err)
{
    *s = (struct sedge_settings){.interval_ms = 0};
    if (read_interval(s, config, err) || read_model_key(s, config, machine, err) || read_image(s, config, err) ||
        text_at(config, "ImageDirectory", "", &s->directory, err) ||
        text_at(config, "PublishResultsOnTopic", SEDGE_CLASSIFY_TOPIC_DEF, &s->topic, err)) {
        sedge_settings_release(s);
        return -1;
    }
    if (s->directory[0] == 0) {
        free(s->directory);
        s->directory = sedge_xstrdup(directory);
    }
    return 0;
}

void sedge_settings_release(struct sedge_settings *s)
{
    free(s->image);
    free(s->directory);
    free(s->model_key);
    free(s->topic);
    *s = (struct sedge_settings){.interval_ms = 0};
}

/* ---- images ---- */

static bool looks_like_image(const char *name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".png", ".bmp"};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && name[0] != '.' && i < SEDGE_ARRAY_LEN(ends); i++)
        if (strcasecmp(dot, ends[i]) == 0) return true;
    return false;
}

/* The smallest name after `last`, and the smallest of all. */
static int scan(const char *dir, const char *last, char **after, char **first, struct sedge_err *err)
{
    DIR *d = opendir(dir);
    struct dirent *e;

    if (!d) return sedge_err_sys(err, errno, "image folder %s", dir);
    for (int n = 0; n < SEDGE_CLASSIFY_IMAGES_MAX && (e = readdir(d)); n++) {
        if (!looks_like_image(e->d_name)) continue;
        if (!*first || strcmp(e->d_name, *first) < 0) {
            free(*first);
            *first = sedge_xstrdup(e->d_name);
        }
        if (last && strcmp(e->d_name, last) > 0 && (!*after || strcmp(e->d_name, *after) < 0)) {
            free(*after);
            *after = sedge_xstrdup(e->d_name);
        }
    }
    (void)closedir(d);
    return 0;
}

char *sedge_settings_next_image(const struct sedge_settings *s, const char *last, struct sedge_err *err)
{
    sedge_auto_free char *after = NULL, *first = NULL;

    if (!s->directory) {
        (void)sedge_err_set(err, SEDGE_E_INVALID,
                            "no image folder: set ImageDirectory in the configuration, or DEFAULT_DLR_IC_IMAGE_DIR");
        return NULL;
    }
    if (s->image) return sedge_xasprintf("%s/%s", s->directory, s->image);
    if (scan(s->directory, last, &after, &first, err)) return NULL;
    if (!first) {
        (void)sedge_err_set(err, SEDGE_E_NOT_FOUND,
                            "no image in %s: put files named *.jpg, *.jpeg, *.png or *.bmp there", s->directory);
        return NULL;
    }
    return sedge_xasprintf("%s/%s", s->directory, after ? after : first);
}

char *sedge_settings_model(const struct sedge_settings *s, const char *root, struct sedge_err *err)
{
    sedge_auto_free char *inner = NULL;

    if (!root || !root[0]) {
        (void)sedge_err_set(err, SEDGE_E_INVALID,
                            "DLR_IC_MODEL_DIR is not set: set it in the recipe to the folder of the model");
        return NULL;
    }
    inner = sedge_xasprintf("%s/%s", root, s->model_key);
    if (s->model_key[0] && sedge_fs_is_dir(inner)) return sedge_steal(&inner);
    if (sedge_fs_is_dir(root)) return sedge_xstrdup(root);
    (void)sedge_err_set(err, SEDGE_E_NOT_FOUND,
                        "no model folder %s%s%s: check DLR_IC_MODEL_DIR and ModelResourceKey against the "
                        "artifacts of the model component",
                        s->model_key[0] ? inner : "", s->model_key[0] ? " or " : "", root);
    return NULL;
}
