/* The back-end for *.onnx files: decode, import, plan, XNNPACK. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "import.h"
#include "kernels.h"
#include "model.h"
#include "plan.h"
#include "threads.h"
#include "xnn.h"

struct onnx_state {
    struct sedge_graph g;
    struct sedge_xnn *xnn;
    struct sedge_storage *arena;
    bool pinned;
};

/* ---- loading ---- */

static char *text_of(struct sedge_slice s)
{
    return sedge_xstrndup((const char *)s.p, s.n);
}

static void describe(const struct sedge_graph *g, int value, char *name, struct sedge_model_io *io)
{
    const struct sedge_value *v = &g->values[value];
    *io = (struct sedge_model_io){.name = name,
                                  .type = sedge_onnx_dtype_name(v->dtype),
                                  .shape = v->shape,
                                  .count = v->count,
                                  .bytes = sedge_value_bytes(v)};
    if (!v->rows) return;
    io->open = true; /* set_rows() */
    io->shape.dims[0] = -1;
    io->count = io->bytes = 0;
}

static void describe_all(struct sedge_model *m, const struct onnx_state *s, const struct sedge_onnx *onnx)
{
    for (size_t i = 0, k = 0; i < onnx->nin && k < s->g.nin; i++) {
        bool weight = false;
        for (size_t t = 0; t < onnx->ntensors && !weight; t++)
            weight = sedge_slice_eq(onnx->tensors[t].name, onnx->in[i].name);
        if (weight) continue;
        describe(&s->g, s->g.in[k], text_of(onnx->in[i].name), &m->in[k]);
        m->nin = ++k;
    }
    for (m->nout = 0; m->nout < s->g.nout; m->nout++)
        describe(&s->g, s->g.out[m->nout], text_of(onnx->out[m->nout].name), &m->out[m->nout]);
    m->weights = sedge_xcalloc(onnx->ntensors + 1, sizeof(char *));
    for (; m->nweights < onnx->ntensors; m->nweights++)
        m->weights[m->nweights] = text_of(onnx->tensors[m->nweights].name);
}

static void state_free(struct onnx_state *s)
{
    sedge_xnn_free(s->xnn);
    sedge_graph_release(&s->g);
    sedge_storage_release(s->arena);
    free(s);
}

static int load_graph(struct sedge_model *m, struct onnx_state *s, struct sedge_slice file, struct sedge_err *err)
{
    struct sedge_folded folded;
    struct sedge_onnx onnx;
    int rc;

    if (sedge_onnx_decode(&onnx, file.p, file.n, err)) return -1;
    rc = sedge_import(&s->g, &folded, &onnx, err);
    if (rc == 0) {
        rc = sedge_plan(&s->g, SEDGE_DLR_ARENA_MAX, err);
        if (rc == 0 && !(s->xnn = sedge_xnn_new(&s->g, file, err))) rc = -1;
        if (rc == 0 && !(s->arena = sedge_storage_new(s->g.arena_size, err))) rc = -1;
        if (rc == 0) rc = sedge_xnn_bind(s->xnn, s->arena->p, sedge_threads_default(), err);
        if (rc == 0) describe_all(m, s, &onnx);
        sedge_folded_release(&folded);
    }
    for (size_t i = 0; rc == 0 && i < s->g.nops; i++)
        s->g.ops[i].weights = s->g.ops[i].bias = NULL; /* were borrowed from the file */
    for (size_t i = 0; rc == 0 && i < s->g.nops; i++)
        s->g.ops[i].node.n = 0;
    sedge_onnx_release(&onnx);
    return rc;
}

static int onnx_load(struct sedge_model *m, const struct sedge_model_files *files, struct sedge_err *err)
{
    struct sedge_part_view file;
    struct onnx_state *s;
    int rc;

    if (sedge_part_open(&files->onnx, SEDGE_DLR_FILE_MAX, &file, err)) return -1;
    s = SEDGE_NEW(struct onnx_state);
    rc = load_graph(m, s, (struct sedge_slice){file.p, file.n}, err);
    sedge_part_close(&file);
    if (rc) {
        state_free(s);
        return sedge_err_wrap(err, "%s", sedge_part_name(&files->onnx));
    }
    m->state = s;
    return 0;
}

/* ---- the table ---- */

static void *memory_of(const struct onnx_state *s, int value)
{
    return sedge_value_at(&s->g, s->arena->p, value);
}

/* Between the caller's order (N,C,H,W) and ours (graph.h). */
static void copy_in(const struct sedge_value *v, const char *from, char *to, bool inwards)
{
    size_t d[SEDGE_DLR_RANK_MAX], width = sedge_onnx_width(v->dtype);

    if (v->shape.rank != 4) {
        memcpy(to, from, sedge_value_bytes(v));
        return;
    }
    (void)sedge_value_memory(&v->shape, d);
    for (size_t n = 0; n < d[0]; n++, from += d[1] * d[2] * d[3] * width, to += d[1] * d[2] * d[3] * width)
        if (inwards)
            sedge_transpose(from, to, d[3], d[1] * d[2], width);
        else
            sedge_transpose(from, to, d[1] * d[2], d[3], width);
}

static void onnx_set_input(struct sedge_model *m, size_t index, const void *data)
{
    struct onnx_state *s = m->state;
    copy_in(&s->g.values[s->g.in[index]], data, memory_of(s, s->g.in[index]), true);
}

static void onnx_get_input(struct sedge_model *m, size_t index, void *data)
{
    struct onnx_state *s = m->state;
    copy_in(&s->g.values[s->g.in[index]], memory_of(s, s->g.in[index]), data, false);
}

/* Extents that are known only now. */
static void set_rows(struct sedge_model_io *io, const struct sedge_value *v)
{
    size_t row = v->count / (size_t)v->shape.dims[0];

    io->open = false;
    io->shape.dims[0] = (int64_t)*v->rows;
    io->count = *v->rows * row;
    io->bytes = io->count * sedge_onnx_width(v->dtype);
}

static int onnx_run(struct sedge_model *m, struct sedge_err *err)
{
    struct onnx_state *s = m->state;

    if (sedge_xnn_run(s->xnn, err)) return -1;
    for (size_t i = 0; i < m->nout; i++)
        if (s->g.values[s->g.out[i]].rows) set_rows(&m->out[i], &s->g.values[s->g.out[i]]);
    return 0;
}

static const void *onnx_output(struct sedge_model *m, size_t index)
{
    struct onnx_state *s = m->state;
    return memory_of(s, s->g.out[index]);
}

static struct sedge_storage *onnx_storage(struct sedge_model *m, size_t index)
{
    struct onnx_state *s = m->state;
    return s->g.values[s->g.out[index]].fixed ? NULL : s->arena;
}

static int onnx_pin(struct sedge_model *m, bool pin, struct sedge_err *err)
{
    struct onnx_state *s = m->state;

    s->pinned = pin;
    return sedge_xnn_pin(s->xnn, pin, err);
}

static size_t onnx_memory(struct sedge_model *m)
{
    return ((struct onnx_state *)m->state)->arena->size;
}

static int onnx_set_threads(struct sedge_model *m, int threads, struct sedge_err *err)
{
    struct onnx_state *s = m->state;

    if (sedge_xnn_bind(s->xnn, s->arena->p, threads, err)) return -1;
    return s->pinned ? sedge_xnn_pin(s->xnn, true, err) : 0;
}

static void onnx_free(struct sedge_model *m)
{
    state_free(m->state);
}

const struct sedge_backend sedge_backend_onnx = {
    .name = "onnx",
    .load = onnx_load,
    .set_input = onnx_set_input,
    .get_input = onnx_get_input,
    .run = onnx_run,
    .output = onnx_output,
    .storage = onnx_storage,
    .memory = onnx_memory,
    .set_threads = onnx_set_threads,
    .pin = onnx_pin,
    .free = onnx_free,
};
