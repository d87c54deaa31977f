#include "message.h"

#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"

/* 2024-03-07 10:15:42.123000+00:00 */
static char *time_text(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    char text[40];
    struct tm tm;

    if (!gmtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
        return sedge_xstrdup("");
    return sedge_xasprintf("%s.%03d000+00:00", text, (int)(wall_ms % 1000));
}

char *sedge_classify_message(const struct sedge_ranking *r, const char *image, int64_t wall_ms)
{
    sedge_auto_put struct json_object *o = json_object_new_object();
    struct json_object *results = json_object_new_array();
    sedge_auto_free char *time = time_text(wall_ms);
    char number[32];

    sedge_json_add_str(o, "timestamp", time);
    sedge_json_add_str(o, "inference-type", "image-classification");
    sedge_json_add_str(o, "inference-description", "Top 5 predictions with score 0.3 or above ");
    for (int i = 0; i < r->n; i++) {
        struct json_object *one;
        if (r->best[i].score < SEDGE_CLASSIFY_THRESHOLD) continue;
        one = json_object_new_object();
        sedge_json_add_str(one, "Label", r->best[i].label);
        (void)snprintf(number, sizeof(number), "%.6g", (double)r->best[i].score);
        sedge_json_add_str(one, "Score", number);
        json_object_array_add(results, one); /* takes the reference */
    }
    json_object_object_add(o, "inference-results", results); /* takes the reference */
    sedge_json_add_str(o, "image", image);
    (void)snprintf(number, sizeof(number), "%.3f", r->milliseconds);
    json_object_object_add(o, "inference-milliseconds", json_object_new_double_s(r->milliseconds, number));
    return sedge_xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}
