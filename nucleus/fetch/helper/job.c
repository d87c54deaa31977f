#include "job.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"

struct sedge_job *sedge_job_new(const struct sedge_settings *s, CURLM *multi)
{
    struct sedge_job *job = SEDGE_NEW(struct sedge_job);

    job->settings = s;
    job->multi = multi;
    job->fd = -1;
    job->answer = json_object_new_object();
    atomic_init(&job->step_over, false);
    atomic_init(&job->canceled, false);
    return job;
}

void sedge_job_free(struct sedge_job *job)
{
    if (job->easy) curl_easy_cleanup(job->easy);
    curl_slist_free_all(job->headers);
    if (job->fd >= 0) (void)close(job->fd); /* what had to survive was synced by the finishing step */
    free(job->part);
    free(job->signed_url);
    sedge_buf_release(&job->in.body);
    sedge_buf_release(&job->in.refuse);
    sedge_listing_release(&job->listing);
    sedge_request_release(&job->req);
    json_object_put(job->answer);
    free(job);
}

int sedge_job_fail(struct sedge_job *job, enum sedge_err_code code, const char *stack, const char *fmt, ...)
{
    char text[SEDGE_ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    job->fail.stack = stack;
    return sedge_err_set(&job->fail.err, code, "%s", text);
}

int sedge_job_fail_file(struct sedge_job *job, const char *stack)
{
    job->fail.stack = job->fail.err.code == SEDGE_E_NO_SPACE ? "DISK_SPACE_CRITICAL" : stack;
    return -1;
}
