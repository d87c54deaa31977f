/* The back-end for a chain of models: the outputs of each are the inputs of the next. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model.h"

struct pipeline {
    struct sedge_model *stages[SEDGE_DLR_STAGES_MAX];
    size_t n;
};

static struct sedge_model *last_of(const struct sedge_model *m)
{
    const struct pipeline *p = m->state;
    return p->stages[p->n - 1];
}

/* ---- making ---- */

static bool same_shape(const struct sedge_shape *a, const struct sedge_shape *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof(*a->dims)) == 0;
}

static int check_joint(const struct sedge_model *from, const struct sedge_model *to, size_t stage,
                       struct sedge_err *err)
{
    if (from->nout != to->nin)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "model %zu of the pipeline gives %zu outputs, and model %zu takes %zu inputs", stage,
                             from->nout, stage + 1, to->nin);
    for (size_t i = 0; i < to->nin; i++)
        if (strcmp(from->out[i].type, to->in[i].type) != 0 || !same_shape(&from->out[i].shape, &to->in[i].shape))
            return sedge_err_set(
                err, SEDGE_E_INVALID,
                "output %zu of model %zu of the pipeline (%s, %zu elements) does not fit input \"%s\" of "
                "model %zu (%s, %zu elements): types and shapes have to be equal",
                i, stage, from->out[i].type, from->out[i].count, to->in[i].name, stage + 1, to->in[i].type,
                to->in[i].count);
    return 0;
}

static void copy_ends(struct sedge_model *m, const struct sedge_model *first, const struct sedge_model *last)
{
    for (; m->nin < first->nin; m->nin++) {
        m->in[m->nin] = first->in[m->nin];
        m->in[m->nin].name = sedge_xstrdup(first->in[m->nin].name);
    }
    for (; m->nout < last->nout; m->nout++) {
        m->out[m->nout] = last->out[m->nout];
        m->out[m->nout].name = sedge_xstrdup(last->out[m->nout].name);
    }
    if (last->meta) m->meta = json_object_get(last->meta);
}

static void copy_weights(struct sedge_model *m, const struct pipeline *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        n += p->stages[i]->nweights;
    m->weights = sedge_xcalloc(n + 1, sizeof(*m->weights));
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->stages[i]->nweights; k++)
            m->weights[m->nweights++] = sedge_xstrdup(p->stages[i]->weights[k]);
}

static void pipeline_free(struct sedge_model *m)
{
    struct pipeline *p = m->state;

    for (size_t i = 0; i < p->n; i++)
        sedge_model_free(p->stages[i]);
    free(p);
}

static int load_stages(struct pipeline *p, const char *const *paths, size_t n, int dev_type, struct sedge_err *err)
{
    for (; p->n < n; p->n++) {
        p->stages[p->n] = sedge_model_load(paths[p->n], dev_type, err);
        if (!p->stages[p->n]) return -1;
        if (p->n > 0 && check_joint(p->stages[p->n - 1], p->stages[p->n], p->n - 1, err)) {
            p->n++; /* is freed with the others */
            return -1;
        }
    }
    return 0;
}

struct sedge_model *sedge_model_pipeline(const char *const *paths, size_t n, int dev_type, struct sedge_err *err)
{
    struct sedge_model *m = SEDGE_NEW(struct sedge_model);
    struct pipeline *p = SEDGE_NEW(struct pipeline);

    m->backend = &sedge_backend_pipeline;
    m->state = p;
    if (load_stages(p, paths, n, dev_type, err)) {
        sedge_model_free(m);
        return NULL;
    }
    copy_ends(m, p->stages[0], last_of(m));
    copy_weights(m, p);
    return m;
}

/* ---- the table ---- */

static struct sedge_model *first_of(const struct sedge_model *m)
{
    return ((const struct pipeline *)m->state)->stages[0];
}

static void pipeline_set_input(struct sedge_model *m, size_t index, const void *data)
{
    struct sedge_model *first = first_of(m);
    first->backend->set_input(first, index, data);
}

static void pipeline_get_input(struct sedge_model *m, size_t index, void *data)
{
    struct sedge_model *first = first_of(m);
    first->backend->get_input(first, index, data);
}

static int pipeline_run(struct sedge_model *m, struct sedge_err *err)
{
    struct pipeline *p = m->state;

    for (size_t i = 0; i < p->n; i++) {
        struct sedge_model *stage = p->stages[i], *next = i + 1 < p->n ? p->stages[i + 1] : NULL;
        if (stage->backend->run(stage, err)) return sedge_err_wrap(err, "model %zu of the pipeline", i);
        for (size_t k = 0; next && k < next->nin; k++)
            next->backend->set_input(next, k, stage->backend->output(stage, k));
    }
    return 0;
}

static const void *pipeline_output(struct sedge_model *m, size_t index)
{
    struct sedge_model *last = last_of(m);
    return last->backend->output(last, index);
}

static struct sedge_storage *pipeline_storage(struct sedge_model *m, size_t index)
{
    struct sedge_model *last = last_of(m);
    return last->backend->storage(last, index);
}

static size_t pipeline_memory(struct sedge_model *m)
{
    struct pipeline *p = m->state;
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        n += p->stages[i]->backend->memory(p->stages[i]);
    return n;
}

static int pipeline_set_threads(struct sedge_model *m, int threads, struct sedge_err *err)
{
    struct pipeline *p = m->state;

    for (size_t i = 0; i < p->n; i++)
        if (p->stages[i]->backend->set_threads(p->stages[i], threads, err)) return -1;
    return 0;
}

static int pipeline_pin(struct sedge_model *m, bool pin, struct sedge_err *err)
{
    struct pipeline *p = m->state;

    for (size_t i = 0; i < p->n; i++)
        if (p->stages[i]->backend->pin(p->stages[i], pin, err)) return -1;
    return 0;
}

const struct sedge_backend sedge_backend_pipeline = {
    .name = "pipeline",
    .set_input = pipeline_set_input,
    .get_input = pipeline_get_input,
    .run = pipeline_run,
    .output = pipeline_output,
    .storage = pipeline_storage,
    .memory = pipeline_memory,
    .set_threads = pipeline_set_threads,
    .pin = pipeline_pin,
    .free = pipeline_free,
};
