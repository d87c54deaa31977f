/* The back-end that hands *.onnx files to ONNX Runtime (ort.h). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dtype.h"
#include "model.h"
#include "ort.h"
#include "threads.h"

struct ort_state {
    const struct sedge_ort *ort;
    struct ort_session *session;
    char *path;
    struct sedge_storage *storage; /* of the inputs */
    void *data[SEDGE_DLR_IO_MAX];
    struct ort_value *in[SEDGE_DLR_IO_MAX];
    struct ort_value *out[SEDGE_DLR_IO_MAX]; /* of the last run */
};

/* ---- element types ---- */

/* Index: the number in ONNX. */
static const char *const types[] = {NULL,   "float32", "uint8",   "int8",   "uint16", "int16", "int32", "int64",   NULL,
                                    "bool", "float16", "float64", "uint32", "uint64", NULL,    NULL,    "bfloat16"};

#define TYPES ((int)(sizeof(types) / sizeof(*types)))

static int type_number(const char *name)
{
    for (int i = 0; i < TYPES; i++)
        if (types[i] && strcmp(types[i], name) == 0) return i;
    return 0;
}

/* ---- what the model is ---- */

/* Type and shape; -1 for an extent that is open. */
static int read_info(const struct sedge_ort *ort, const struct ort_tensor_info *info, struct sedge_model_io *io,
                     struct sedge_err *err)
{
    size_t rank;
    int type;

    if (sedge_ort_check(ort, ort->f->element_type(info, &type), err) ||
        sedge_ort_check(ort, ort->f->rank(info, &rank), err))
        return -1;
    if (type < 0 || type >= TYPES || !types[type])
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "\"%s\" has an element type that cannot be given (%d)", io->name,
                             type);
    if (rank > SEDGE_DLR_RANK_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "\"%s\" has %zu dimensions, at most %d are allowed", io->name, rank,
                             SEDGE_DLR_RANK_MAX);
    io->type = types[type];
    io->shape.rank = (int)rank;
    return rank ? sedge_ort_check(ort, ort->f->dims(info, io->shape.dims, rank), err) : 0;
}

/* Counts elements and bytes; an open extent makes `open` true and counts as none. */
static int measure(struct sedge_model_io *io, struct sedge_err *err)
{
    DLDataType type;
    size_t n = 1;

    if (sedge_dtype_parse(io->type, &type, err)) return -1;
    io->open = false;
    for (int i = 0; i < io->shape.rank; i++) {
        int64_t d = io->shape.dims[i];
        if (d < 0) io->open = true;
        if (__builtin_mul_overflow(n, d < 0 ? 0 : (size_t)d, &n) || n > SEDGE_DLR_ELEMENTS_MAX)
            return sedge_err_set(err, SEDGE_E_LIMIT, "\"%s\" has more than %lld elements", io->name,
                                 SEDGE_DLR_ELEMENTS_MAX);
    }
    io->count = n;
    io->bytes = n * sedge_dtype_bytes(type);
    return 0;
}

static int describe(const struct ort_state *s, size_t i, bool input, struct sedge_model_io *io, struct sedge_err *err)
{
    const struct sedge_ort *ort = s->ort;
    const struct ort_tensor_info *info = NULL;
    struct ort_type *type = NULL;
    char *name = NULL;
    int rc;

    if (sedge_ort_check(ort, (input ? ort->f->input_name : ort->f->output_name)(s->session, i, ort->allocator, &name),
                        err))
        return -1;
    io->name = sedge_xstrdup(name);
    (void)sedge_ort_check(ort, ort->f->allocator_free(ort->allocator, name), NULL); /* cannot fail for what it gave */
    if (sedge_ort_check(ort, (input ? ort->f->input_type : ort->f->output_type)(s->session, i, &type), err)) return -1;
    rc = sedge_ort_check(ort, ort->f->as_tensor_info(type, &info), err);
    if (rc == 0 && !info)
        rc = sedge_err_set(err, SEDGE_E_UNSUPPORTED, "\"%s\" is no tensor but a sequence or a map", io->name);
    if (rc == 0) rc = read_info(ort, info, io, err);
    ort->f->release_type(type);
    return rc;
}

/* An input needs a size: an open batch counts as 1. */
static int close_input(struct sedge_model_io *io, struct sedge_err *err)
{
    if (io->shape.rank > 0 && io->shape.dims[0] < 0) io->shape.dims[0] = 1;
    if (measure(io, err)) return -1;
    if (io->open)
        return sedge_err_set(
            err, SEDGE_E_UNSUPPORTED,
            "input \"%s\" has an open dimension other than the batch: export the model with fixed sizes", io->name);
    return 0;
}

static int describe_all(struct sedge_model *m, const struct ort_state *s, struct sedge_err *err)
{
    size_t nin, nout;

    if (sedge_ort_check(s->ort, s->ort->f->input_count(s->session, &nin), err) ||
        sedge_ort_check(s->ort, s->ort->f->output_count(s->session, &nout), err))
        return -1;
    if (nin > SEDGE_DLR_IO_MAX || nout > SEDGE_DLR_IO_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "it has %zu inputs and %zu outputs, at most %d are allowed", nin, nout,
                             SEDGE_DLR_IO_MAX);
    while (m->nin < nin) {
        struct sedge_model_io *io = &m->in[m->nin];
        if (describe(s, m->nin++, true, io, err) || close_input(io, err)) return -1;
    }
    while (m->nout < nout) {
        struct sedge_model_io *io = &m->out[m->nout];
        if (describe(s, m->nout++, false, io, err) || measure(io, err)) return -1;
    }
    return 0;
}

/* ---- loading ---- */

static int open_session(struct ort_state *s, int threads, struct sedge_err *err)
{
    const struct sedge_ort_functions *f = s->ort->f;
    struct ort_session *session = NULL;
    struct ort_options *options;
    int rc;

    if (sedge_ort_check(s->ort, f->create_options(&options), err)) return -1;
    rc = sedge_ort_check(s->ort, f->disable_arena(options), err);
    if (rc == 0) rc = sedge_ort_check(s->ort, f->set_threads(options, threads), err);
    if (rc == 0) rc = sedge_ort_check(s->ort, f->create_session(s->ort->env, s->path, options, &session), err);
    f->release_options(options);
    if (rc) return -1;
    if (s->session) f->release_session(s->session);
    s->session = session;
    return 0;
}

static int make_tensor(struct sedge_model *m, struct ort_state *s, size_t i, void *data, struct sedge_err *err)
{
    const struct sedge_model_io *io = &m->in[i];
    struct ort_value *value = NULL;

    if (sedge_ort_check(s->ort,
                        s->ort->f->create_tensor(s->ort->cpu, data, io->bytes, io->shape.dims, (size_t)io->shape.rank,
                                                 type_number(io->type), &value),
                        err))
        return -1;
    if (s->in[i]) s->ort->f->release_value(s->in[i]);
    s->in[i] = value;
    s->data[i] = data;
    return 0;
}

static size_t padded(size_t bytes)
{
    return (bytes + SEDGE_DLR_ALIGN - 1) / SEDGE_DLR_ALIGN * SEDGE_DLR_ALIGN;
}

static int make_inputs(struct sedge_model *m, struct ort_state *s, struct sedge_err *err)
{
    size_t total = 0;

    for (size_t i = 0; i < m->nin; i++)
        total += padded(m->in[i].bytes);
    s->storage = sedge_storage_new(total, err);
    if (!s->storage) return -1;
    total = 0;
    for (size_t i = 0; i < m->nin; total += padded(m->in[i++].bytes))
        if (make_tensor(m, s, i, (char *)s->storage->p + total, err)) return -1;
    return 0;
}

static void drop_outputs(struct ort_state *s)
{
    for (size_t i = 0; i < SEDGE_DLR_IO_MAX; i++) {
        if (s->out[i]) s->ort->f->release_value(s->out[i]);
        s->out[i] = NULL;
    }
}

static void state_free(struct ort_state *s)
{
    drop_outputs(s);
    for (size_t i = 0; i < SEDGE_DLR_IO_MAX; i++)
        if (s->in[i]) s->ort->f->release_value(s->in[i]);
    if (s->session) s->ort->f->release_session(s->session);
    sedge_storage_release(s->storage);
    free(s->path);
    free(s);
}

static int ort_load(struct sedge_model *m, const struct sedge_model_files *files, struct sedge_err *err)
{
    const struct sedge_ort *ort = sedge_ort_get(err);
    struct ort_state *s;

    if (!ort) return -1;
    s = SEDGE_NEW(struct ort_state);
    s->ort = ort;
    s->path = sedge_xstrdup(files->onnx.path);
    if (open_session(s, sedge_threads_default(), err) == 0 && describe_all(m, s, err) == 0 &&
        make_inputs(m, s, err) == 0) {
        m->state = s;
        return 0;
    }
    state_free(s);
    return sedge_err_wrap(err, "%s", files->onnx.path);
}

/* ---- the table ---- */

static void ort_set_input(struct sedge_model *m, size_t index, const void *data)
{
    memcpy(((struct ort_state *)m->state)->data[index], data, m->in[index].bytes);
}

static void ort_get_input(struct sedge_model *m, size_t index, void *data)
{
    memcpy(data, ((struct ort_state *)m->state)->data[index], m->in[index].bytes);
}

static int ort_bind_input(struct sedge_model *m, size_t index, void *data, struct sedge_err *err)
{
    return make_tensor(m, m->state, index, data, err);
}

/* The outputs have their sizes only now. */
static int measure_output(const struct ort_state *s, size_t i, struct sedge_model_io *io, struct sedge_err *err)
{
    struct ort_tensor_info *info = NULL;
    int rc;

    if (sedge_ort_check(s->ort, s->ort->f->tensor_info(s->out[i], &info), err)) return -1;
    rc = read_info(s->ort, info, io, err) ? -1 : measure(io, err);
    s->ort->f->release_tensor_info(info);
    return rc;
}

static int ort_run(struct sedge_model *m, struct sedge_err *err)
{
    struct ort_state *s = m->state;
    const char *in[SEDGE_DLR_IO_MAX], *out[SEDGE_DLR_IO_MAX];

    for (size_t i = 0; i < m->nin; i++)
        in[i] = m->in[i].name;
    for (size_t i = 0; i < m->nout; i++)
        out[i] = m->out[i].name;
    drop_outputs(s);
    if (sedge_ort_check(
            s->ort,
            s->ort->f->run(s->session, NULL, in, (const struct ort_value *const *)s->in, m->nin, out, m->nout, s->out),
            err))
        return -1;
    for (size_t i = 0; i < m->nout; i++)
        if (measure_output(s, i, &m->out[i], err)) return -1;
    return 0;
}

static const void *ort_output(struct sedge_model *m, size_t index)
{
    static const char nothing;
    struct ort_state *s = m->state;
    void *data = NULL;

    if (s->out[index] && m->out[index].count == 0) return &nothing; /* the library gives NULL for no elements */
    if (!s->out[index] || sedge_ort_check(s->ort, s->ort->f->tensor_data(s->out[index], &data), NULL)) return NULL;
    return data;
}

static struct sedge_storage *ort_storage(struct sedge_model *m, size_t index)
{
    (void)m;
    (void)index;
    return NULL; /* outputs lie in the library's memory */
}

static size_t ort_memory(struct sedge_model *m)
{
    return ((struct ort_state *)m->state)->storage->size; /* of the inputs: the library keeps the others to itself */
}

static int ort_set_threads(struct sedge_model *m, int threads, struct sedge_err *err)
{
    return open_session(m->state, threads, err); /* a session keeps the number that it began with */
}

static int ort_pin(struct sedge_model *m, bool pin, struct sedge_err *err)
{
    (void)m;
    (void)pin;
    (void)err;
    return 0; /* the library decides where its threads run */
}

static void ort_free(struct sedge_model *m)
{
    state_free(m->state);
}

const struct sedge_backend sedge_backend_ort = {
    .name = "ort",
    .load = ort_load,
    .set_input = ort_set_input,
    .get_input = ort_get_input,
    .bind_input = ort_bind_input,
    .run = ort_run,
    .output = ort_output,
    .storage = ort_storage,
    .memory = ort_memory,
    .set_threads = ort_set_threads,
    .pin = ort_pin,
    .free = ort_free,
};
