/* The back-end for folders that TVM or SageMaker Neo compiled: graph, parameters and operator library. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dtype.h"
#include "model.h"
#include "threads.h"
#include "tvm_graph.h"
#include "tvm_library.h"
#include "tvm_params.h"

#define NOTHING "__nop" /* gives the entry another shape */

/* One tensor as an operator sees it. */
struct argument {
    DLTensor tensor;
    int64_t flat; /* its one dimension, when the operator wants it so */
    size_t entry;
};

struct step {
    sedge_tvm_function call;
    const char *name; /* of the node */
    struct argument *args;
    union sedge_tvm_value *values;
    int *codes;
    int n;
};

struct tvm_state {
    struct sedge_tvm_graph g;
    struct sedge_tvm_library *library;
    struct sedge_storage *storage;
    void **data; /* of each entry: in storage, in the library, or with the caller */
    struct step *steps;
    size_t nsteps;
    size_t *inputs; /* entries */
    pthreadpool_t pool;
    bool pinned;
};

/* ---- memory ---- */

/* Constants that were linked into the library need no memory of ours. */
static int find_linked(struct tvm_state *s, void **slots, struct sedge_err *err)
{
    sedge_tvm_function lookup = sedge_tvm_library_find(s->library, "_lookup_linked_param");

    for (size_t i = 0; lookup && i < s->g.nslots; i++) {
        union sedge_tvm_value id = {.number = (int64_t)i}, found = {0};
        int code = SEDGE_TVM_INT, found_code = SEDGE_TVM_NULL;
        if (lookup(&id, &code, 1, &found, &found_code, NULL))
            return sedge_err_set(err, SEDGE_E_INVALID, "_lookup_linked_param of the library fails: %s",
                                 sedge_tvm_error());
        if (found_code == SEDGE_TVM_HANDLE) slots[i] = found.pointer;
    }
    return 0;
}

/* Bytes that each slot needs, rounded up; 0 for one that is linked. Returns their sum, or more than the limit. */
static size_t slot_sizes(const struct sedge_tvm_graph *g, void *const *slots, size_t *sizes)
{
    size_t total = 0;

    for (size_t i = 0; i < g->nentries; i++)
        if (g->entries[i].bytes > sizes[g->entries[i].slot]) sizes[g->entries[i].slot] = g->entries[i].bytes;
    for (size_t i = 0; i < g->nslots && total <= SEDGE_DLR_ARENA_MAX; i++) {
        sizes[i] = slots[i] ? 0 : (sizes[i] + SEDGE_DLR_ALIGN - 1) / SEDGE_DLR_ALIGN * SEDGE_DLR_ALIGN;
        total += sizes[i];
    }
    return total;
}

static int make_memory(struct tvm_state *s, struct sedge_err *err)
{
    sedge_auto_free size_t *sizes = sedge_xcalloc(s->g.nslots + 1, sizeof(*sizes));
    sedge_auto_free void **slots = sedge_xcalloc(s->g.nslots + 1, sizeof(*slots));
    size_t total;

    if (find_linked(s, slots, err)) return -1;
    total = slot_sizes(&s->g, slots, sizes);
    if (total > SEDGE_DLR_ARENA_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "its tensors need more than %llu MiB", SEDGE_DLR_ARENA_MAX >> 20);
    s->storage = sedge_storage_new(total, err);
    if (!s->storage) return -1;
    total = 0;
    for (size_t i = 0; i < s->g.nslots; total += sizes[i++])
        if (!slots[i]) slots[i] = (char *)s->storage->p + total;
    s->data = sedge_xcalloc(s->g.nentries + 1, sizeof(*s->data));
    for (size_t i = 0; i < s->g.nentries; i++)
        s->data[i] = slots[s->g.entries[i].slot];
    return 0;
}

/* Whether a constant in the library is behind the entry, and not memory of ours. */
static bool is_linked(const struct tvm_state *s, size_t entry)
{
    const char *p = s->data[entry], *start = s->storage->p;
    return p < start || p >= start + s->storage->size;
}

/* ---- weights ---- */

static int set_weight(struct tvm_state *s, size_t entry, const struct sedge_tvm_param *p, struct sedge_err *err)
{
    const struct sedge_tvm_entry *e = &s->g.entries[entry];

    if (p->data.n != e->bytes || memcmp(&p->type, &e->type, sizeof(p->type)) != 0)
        return sedge_err_set(
            err, SEDGE_E_INVALID,
            "weight \"%.*s\" has %zu bytes in the parameter file, and the graph wants %zu of another form",
            (int)p->name.n, (const char *)p->name.p, p->data.n, e->bytes);
    if (p->data.n) memcpy(s->data[entry], p->data.p, p->data.n);
    return 0;
}

/* Splits the arguments of the graph into weights, which are set, and inputs. */
static int set_weights(struct sedge_model *m, struct tvm_state *s, const struct sedge_tvm_params *params,
                       const struct sedge_part_view *file, struct sedge_err *err)
{
    s->inputs = sedge_xcalloc(s->g.nargs + 1, sizeof(*s->inputs));
    for (size_t i = 0; i < s->g.nargs; i++) {
        const struct sedge_tvm_node *node = &s->g.nodes[s->g.args[i]];
        const struct sedge_tvm_param *p = sedge_tvm_params_find(params, node->name);
        if (is_linked(s, node->first)) continue;
        if (p) {
            if (set_weight(s, node->first, p, err)) return -1;
            sedge_part_done(file, p->data.p);
        } else if (m->nin < SEDGE_DLR_IO_MAX) {
            m->in[m->nin].name = sedge_xstrdup(node->name);
            s->inputs[m->nin++] = node->first;
        } else
            return sedge_err_set(err, SEDGE_E_LIMIT, "it has more than %d inputs", SEDGE_DLR_IO_MAX);
    }
    m->weights = sedge_xcalloc(params->n + 1, sizeof(*m->weights));
    for (; m->nweights < params->n; m->nweights++)
        m->weights[m->nweights] =
            sedge_xstrndup((const char *)params->v[m->nweights].name.p, params->v[m->nweights].name.n);
    return 0;
}

static int load_weights(struct sedge_model *m, struct tvm_state *s, const struct sedge_part *part,
                        struct sedge_err *err)
{
    struct sedge_part_view file;
    struct sedge_tvm_params params;
    int rc;

    if (sedge_part_open(part, SEDGE_DLR_FILE_MAX, &file, err)) return -1;
    rc = sedge_tvm_params_read(&params, file.p, file.n, err);
    if (rc == 0) {
        rc = set_weights(m, s, &params, &file, err);
        sedge_tvm_params_release(&params);
    }
    sedge_part_close(&file);
    return rc ? sedge_err_wrap(err, "%s", sedge_part_name(part)) : 0;
}

/* ---- operators ---- */

static void describe_argument(struct tvm_state *s, struct argument *a, size_t entry, bool flatten)
{
    struct sedge_tvm_entry *e = &s->g.entries[entry];

    a->entry = entry;
    a->flat = (int64_t)e->count;
    a->tensor = (DLTensor){.data = s->data[entry],
                           .device = {kDLCPU, 0},
                           .ndim = flatten ? 1 : e->rank,
                           .dtype = e->type,
                           .shape = flatten ? &a->flat : e->dims};
}

static int make_step(struct tvm_state *s, struct step *step, const struct sedge_tvm_node *node, struct sedge_err *err)
{
    size_t n = node->nin + node->nout;

    step->call = sedge_tvm_library_find(s->library, node->function);
    if (!step->call)
        return sedge_err_set(err, SEDGE_E_NOT_FOUND, "node \"%s\": the library has no function \"%s\"", node->name,
                             node->function);
    step->name = node->name;
    step->n = (int)n;
    step->args = sedge_xcalloc(n + 1, sizeof(*step->args));
    step->values = sedge_xcalloc(n + 1, sizeof(*step->values));
    step->codes = sedge_xcalloc(n + 1, sizeof(*step->codes));
    for (size_t i = 0; i < n; i++) {
        describe_argument(s, &step->args[i], i < node->nin ? node->in[i] : node->first + i - node->nin, node->flatten);
        step->values[i].pointer = &step->args[i].tensor;
        step->codes[i] = SEDGE_TVM_TENSOR;
    }
    return 0;
}

static int make_steps(struct tvm_state *s, struct sedge_err *err)
{
    s->steps = sedge_xcalloc(s->g.nnodes + 1, sizeof(*s->steps));
    for (size_t i = 0; i < s->g.nnodes; i++) {
        const struct sedge_tvm_node *node = &s->g.nodes[i];
        if (!node->function || strcmp(node->function, NOTHING) == 0) continue;
        if (strcmp(node->function, "__copy") == 0)
            return sedge_err_set(err, SEDGE_E_UNSUPPORTED,
                                 "node \"%s\" copies between devices; only models for the CPU alone run", node->name);
        if (make_step(s, &s->steps[s->nsteps++], node, err)) return -1;
    }
    return 0;
}

/* ---- loading ---- */

static int describe(struct sedge_model_io *io, const struct sedge_tvm_entry *e, const char *what, struct sedge_err *err)
{
    const char *type = sedge_dtype_name(e->type);

    if (!type || e->rank > SEDGE_DLR_RANK_MAX)
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "%s has %d dimensions or an element type that cannot be given",
                             what, e->rank);
    io->type = type;
    io->shape.rank = e->rank;
    memcpy(io->shape.dims, e->dims, (size_t)e->rank * sizeof(*e->dims));
    io->count = e->count;
    io->bytes = e->bytes;
    return 0;
}

static int describe_ends(struct sedge_model *m, const struct tvm_state *s, struct sedge_err *err)
{
    for (size_t i = 0; i < m->nin; i++)
        if (describe(&m->in[i], &s->g.entries[s->inputs[i]], "an input", err)) return -1;
    for (; m->nout < s->g.nheads; m->nout++) {
        const char *name = sedge_meta_output(m->meta, m->nout);
        m->out[m->nout].name = name ? sedge_xstrdup(name) : sedge_xasprintf("output_%zu", m->nout);
        if (describe(&m->out[m->nout], &s->g.entries[s->g.heads[m->nout]], "an output", err)) {
            m->nout++; /* its name is freed with the others */
            return -1;
        }
    }
    return 0;
}

static void state_free(struct tvm_state *s)
{
    pthreadpool_destroy(s->pool);
    for (size_t i = 0; i < s->nsteps; i++) {
        free(s->steps[i].args);
        free(s->steps[i].values);
        free(s->steps[i].codes);
    }
    free(s->steps);
    free(s->data);
    free(s->inputs);
    sedge_storage_release(s->storage);
    sedge_tvm_library_close(s->library);
    sedge_tvm_graph_release(&s->g);
    free(s);
}

static int read_graph(struct tvm_state *s, const struct sedge_part *part, struct sedge_err *err)
{
    struct sedge_part_view text;
    int rc;

    if (sedge_part_open(part, SEDGE_DLR_GRAPH_MAX, &text, err)) return -1;
    rc = sedge_tvm_graph_read(&s->g, (const char *)text.p, text.n, err);
    sedge_part_close(&text);
    return rc ? sedge_err_wrap(err, "%s", sedge_part_name(part)) : 0;
}

static int check_pieces(const struct sedge_model_files *f, struct sedge_err *err)
{
    if (!sedge_part_there(&f->graph))
        return sedge_err_set(err, SEDGE_E_NOT_FOUND, "%s has no graph beside it: a file *.json was expected",
                             sedge_part_name(&f->params));
    if (!f->library.path)
        return sedge_err_set(err, SEDGE_E_NOT_FOUND, "%s has no operator library beside it: a file *.so was expected",
                             sedge_part_name(&f->params));
    return 0;
}

static int tvm_load(struct sedge_model *m, const struct sedge_model_files *f, struct sedge_err *err)
{
    struct tvm_state *s;

    if (check_pieces(f, err)) return -1;
    s = SEDGE_NEW(struct tvm_state);
    if (read_graph(s, &f->graph, err) == 0 && (s->library = sedge_tvm_library_open(f->library.path, err)) != NULL &&
        make_memory(s, err) == 0 && load_weights(m, s, &f->params, err) == 0 && make_steps(s, err) == 0 &&
        describe_ends(m, s, err) == 0 && sedge_threads_pool(&s->pool, sedge_threads_default(), err) == 0) {
        m->state = s;
        return 0;
    }
    state_free(s);
    return -1;
}

/* ---- the table ---- */

static void tvm_set_input(struct sedge_model *m, size_t index, const void *data)
{
    struct tvm_state *s = m->state;
    memcpy(s->data[s->inputs[index]], data, m->in[index].bytes);
}

static void tvm_get_input(struct sedge_model *m, size_t index, void *data)
{
    struct tvm_state *s = m->state;
    memcpy(data, s->data[s->inputs[index]], m->in[index].bytes);
}

static void move_entry(struct tvm_state *s, size_t entry, void *data)
{
    s->data[entry] = data;
    for (size_t i = 0; i < s->nsteps; i++)
        for (int k = 0; k < s->steps[i].n; k++)
            if (s->steps[i].args[k].entry == entry) s->steps[i].args[k].tensor.data = data;
}

/* The input lies with the caller from now on, and with it what only gives it another shape. */
static int tvm_bind_input(struct sedge_model *m, size_t index, void *data, struct sedge_err *err)
{
    struct tvm_state *s = m->state;
    const void *old = s->data[s->inputs[index]];

    if ((uintptr_t)data % SEDGE_DLR_ALIGN)
        return sedge_err_set(err, SEDGE_E_INVALID, "the data of input \"%s\" is not aligned to %d bytes",
                             m->in[index].name, SEDGE_DLR_ALIGN);
    move_entry(s, s->inputs[index], data);
    for (size_t i = 0; i < s->g.nnodes; i++) {
        const struct sedge_tvm_node *n = &s->g.nodes[i];
        if (n->function && strcmp(n->function, NOTHING) == 0 && n->nin == 1 && s->data[n->in[0]] == data &&
            n->nout == 1 && s->data[n->first] == old)
            move_entry(s, n->first, data);
    }
    return 0;
}

static int tvm_run(struct sedge_model *m, struct sedge_err *err)
{
    struct tvm_state *s = m->state;
    int rc = 0;

    sedge_tvm_enter(s->pool);
    for (size_t i = 0; rc == 0 && i < s->nsteps; i++) {
        union sedge_tvm_value ret = {0};
        int ret_code = SEDGE_TVM_NULL;
        if (s->steps[i].call(s->steps[i].values, s->steps[i].codes, s->steps[i].n, &ret, &ret_code, NULL))
            rc = sedge_err_set(err, SEDGE_E_IO, "node \"%s\" failed: %s", s->steps[i].name, sedge_tvm_error());
    }
    sedge_tvm_leave();
    return rc;
}

static const void *tvm_output(struct sedge_model *m, size_t index)
{
    struct tvm_state *s = m->state;
    return s->data[s->g.heads[index]];
}

static struct sedge_storage *tvm_storage(struct sedge_model *m, size_t index)
{
    (void)index;
    return ((struct tvm_state *)m->state)->storage;
}

static int tvm_pin(struct sedge_model *m, bool pin, struct sedge_err *err)
{
    struct tvm_state *s = m->state;

    s->pinned = pin;
    return sedge_threads_pin(s->pool, pin, err);
}

static size_t tvm_memory(struct sedge_model *m)
{
    return ((struct tvm_state *)m->state)->storage->size;
}

static int tvm_set_threads(struct sedge_model *m, int threads, struct sedge_err *err)
{
    struct tvm_state *s = m->state;

    if (sedge_threads_pool(&s->pool, threads, err)) return -1;
    return s->pinned ? sedge_threads_pin(s->pool, true, err) : 0;
}

static void tvm_free(struct sedge_model *m)
{
    state_free(m->state);
}

const struct sedge_backend sedge_backend_tvm = {
    .name = "tvm",
    .load = tvm_load,
    .set_input = tvm_set_input,
    .get_input = tvm_get_input,
    .bind_input = tvm_bind_input,
    .run = tvm_run,
    .output = tvm_output,
    .storage = tvm_storage,
    .memory = tvm_memory,
    .set_threads = tvm_set_threads,
    .pin = tvm_pin,
    .free = tvm_free,
};
