#include "report.h"

#include "base/json.h"
#include "base/mem.h"
#include "dlr.h"
#include "tvm_graph.h"

static struct json_object *list_of_ends(const struct sedge_model_io *io, size_t n)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < n; i++) {
        struct json_object *o = json_object_new_object(), *shape = json_object_new_array();
        for (int k = 0; k < io[i].shape.rank; k++)
            (void)json_object_array_add(shape, json_object_new_int64(io[i].shape.dims[k]));
        sedge_json_add_str(o, "name", io[i].name);
        sedge_json_add_str(o, "type", io[i].type);
        (void)json_object_object_add(o, "shape", shape);
        (void)json_object_array_add(list, o);
    }
    return list;
}

static void count(struct json_object *operators, const char *name)
{
    sedge_json_add_i64(operators, name, sedge_json_i64(operators, name, 0) + 1);
}

/* The model was loaded, so its files can be read; where one has changed since, there are fewer operators. */
static void count_onnx(struct json_object *operators, const struct sedge_part_view *file)
{
    struct sedge_onnx onnx;

    if (sedge_onnx_decode(&onnx, file->p, file->n, NULL)) return;
    for (size_t i = 0; i < onnx.nnodes; i++) {
        sedge_auto_free char *op = sedge_xstrndup((const char *)onnx.nodes[i].op.p, onnx.nodes[i].op.n);
        count(operators, op);
    }
    sedge_onnx_release(&onnx);
}

static void count_graph(struct json_object *operators, const struct sedge_part_view *file)
{
    struct sedge_tvm_graph g;

    if (sedge_tvm_graph_read(&g, (const char *)file->p, file->n, NULL)) return;
    for (size_t i = 0; i < g.nnodes; i++)
        if (g.nodes[i].function) count(operators, g.nodes[i].function);
    sedge_tvm_graph_release(&g);
}

static struct json_object *operators_of(const struct sedge_model *m, const struct sedge_model_files *files)
{
    struct json_object *operators = json_object_new_object();
    bool compiled = m->backend == &sedge_backend_tvm;
    struct sedge_part_view file;

    if (sedge_part_open(compiled ? &files->graph : &files->onnx, SEDGE_DLR_FILE_MAX, &file, NULL)) return operators;
    (compiled ? count_graph : count_onnx)(operators, &file);
    sedge_part_close(&file);
    return operators;
}

struct json_object *sedge_model_report(const char *path, struct sedge_err *err)
{
    struct sedge_model_files files;
    struct json_object *report;
    struct sedge_model *m;

    if (sedge_model_scan(&files, path, err)) return NULL;
    m = sedge_model_load(path, DLR_CPU, err);
    if (!m) {
        sedge_model_files_release(&files);
        return NULL;
    }
    report = json_object_new_object();
    sedge_json_add_str(report, "backend", m->backend->name);
    sedge_json_add_str(report, "why", m->why);
    (void)json_object_object_add(report, "inputs", list_of_ends(m->in, m->nin));
    (void)json_object_object_add(report, "outputs", list_of_ends(m->out, m->nout));
    sedge_json_add_i64(report, "weights", (int64_t)m->nweights);
    (void)json_object_object_add(report, "operators", operators_of(m, &files));
    sedge_json_add_i64(report, "memory", (int64_t)m->backend->memory(m));
    sedge_model_free(m);
    sedge_model_files_release(&files);
    return report;
}
