#include "patience.h"

#include "base/log.h"
#include "base/str.h"
#include "config/params.h"
#include "run.h"

int64_t sedge_patience_ms(int64_t tries, int64_t min_ms, int64_t max_ms, uint32_t random)
{
    int64_t ms = min_ms < 1 ? 1 : min_ms;

    if (max_ms < ms) max_ms = ms;
    for (; tries > 1 && ms < max_ms; tries--)
        ms *= 2;
    if (ms > max_ms) ms = max_ms;
    return ms / 2 + (int64_t)(random % (uint64_t)(ms - ms / 2 + 1));
}

void sedge_run_note_failure(struct sedge_run *run, const struct sedge_err *err, struct json_object *stack,
                            const char *base)
{
    if (sedge_err_may_heal(err))
        run->transient = true;
    else
        run->permanent = true;
    sedge_failure_add(&run->failure, base);
    for (size_t i = 0; stack && i < json_object_array_length(stack); i++)
        sedge_failure_add(&run->failure, json_object_get_string(json_object_array_get_idx(stack, i)));
    sedge_failure_add_err(&run->failure, base, err);
}

void sedge_run_pause(struct sedge_run *run, void (*again)(struct sedge_run *run))
{
    struct sedge_config *cfg = run->d->o.config;
    int64_t least = sedge_nucleus_param_i64(cfg, "httpClient.retryMinMs"), ms;
    int64_t most = sedge_nucleus_param_i64(cfg, "httpClient.retryMaxMs");
    uint32_t random;

    sedge_random_bytes(&random, sizeof random);
    run->tries++;
    ms = sedge_patience_ms(run->tries, least, most, random);
    if (run->asked_ms > ms) ms = run->asked_ms < most ? run->asked_ms : most;
    run->asked_ms = 0;
    sedge_log(SEDGE_WARN, "deploy", "deployment-waits", "id=%s retry in %lld ms: %s", run->entry->id, (long long)ms,
              run->failure.cause ? run->failure.cause : "no answer");
    sedge_run_phase(run, "WAITING", run->failure.cause);
    sedge_failure_release(&run->failure);
    run->transient = run->permanent = run->mismatch = false;
    sedge_run_after(run, ms, again);
}

bool sedge_run_wait(struct sedge_run *run, void (*again)(struct sedge_run *run))
{
    if (!run->transient || run->permanent || run->entry->source == SEDGE_SOURCE_LOCAL) return false;
    sedge_run_pause(run, again);
    return true;
}
