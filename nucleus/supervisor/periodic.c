#include "periodic.h"

#include <math.h>

#include "base/json.h"
#include "base/mem.h"

static bool read_number(struct json_object *v, double *out)
{
    if (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double)) {
        *out = json_object_get_double(v);
        return true;
    }
    return sedge_json_is_str(v) && sedge_str_to_double(json_object_get_string(v), out, NULL) == 0;
}

static double number(struct json_object *v, const char *name, double def, double min, double max,
                     struct sedge_strv *warnings)
{
    double d;

    if (!v) return def;
    if (read_number(v, &d) && d >= min && d <= max) return d;
    sedge_strv_add_take(warnings,
                        sedge_xasprintf("%s of the component's configuration is %.100s: expected a number from %g to "
                                        "%.15g; %g is used",
                                        name, sedge_json_text(v), min, max, def));
    return def;
}

void sedge_periodic_read(struct json_object *v, struct sedge_periodic *out, struct sedge_strv *warnings)
{
    bool map = json_object_is_type(v, json_type_object);
    double interval;

    *out = (struct sedge_periodic){.fuzz = SEDGE_PERIODIC_FUZZ_DEFAULT};
    if (!v) return;
    interval = number(map ? sedge_json_get_nocase(v, "interval", NULL) : v, map ? "periodic.interval" : "periodic",
                      SEDGE_PERIODIC_DEFAULT_S, 1, SEDGE_PERIODIC_MAX_S, warnings);
    out->interval_ms = llround(interval * 1000);
    if (!map) return;
    out->fuzz =
        number(sedge_json_get_nocase(v, "fuzz", NULL), "periodic.fuzz", SEDGE_PERIODIC_FUZZ_DEFAULT, 0, 1, warnings);
    out->phase_ms = llround(
        number(sedge_json_get_nocase(v, "phase", NULL), "periodic.phase", 0, 0, SEDGE_PERIODIC_MAX_S, warnings) * 1000);
}

int64_t sedge_periodic_delay_ms(const struct sedge_periodic *p, int64_t wall_ms, uint32_t random)
{
    int64_t into = (wall_ms - p->phase_ms) % p->interval_ms; /* how far into the present interval */

    if (into < 0) into += p->interval_ms;
    return p->interval_ms - into + (int64_t)((double)p->interval_ms * p->fuzz * ((double)random / UINT32_MAX));
}
