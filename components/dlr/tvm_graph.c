#include "tvm_graph.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "dtype.h"

/* ---- parts of the JSON ---- */

static struct json_object *list_of(struct json_object *o, const char *key, size_t max, struct sedge_err *err)
{
    struct json_object *list = sedge_json_arr(o, key);

    if (!list) {
        (void)sedge_err_set(err, SEDGE_E_INVALID, "\"%s\": a list was expected", key);
        return NULL;
    }
    if (json_object_array_length(list) <= max) return list;
    (void)sedge_err_set(err, SEDGE_E_LIMIT, "\"%s\" has %zu elements, at most %zu are allowed", key,
                        json_object_array_length(list), max);
    return NULL;
}

/* Element i, an integer from 0 to max - 1. */
static int index_at(struct json_object *list, size_t i, size_t max, const char *what, size_t *out,
                    struct sedge_err *err)
{
    struct json_object *v = json_object_array_get_idx(list, i);

    if (!v || !json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0 ||
        (uint64_t)json_object_get_int64(v) >= max)
        return sedge_err_set(err, SEDGE_E_INVALID, "%s: %s; expected an integer from 0 to %zu", what,
                             sedge_json_text(v), max ? max - 1 : 0);
    *out = (size_t)json_object_get_int64(v);
    return 0;
}

/* The list in attrs.KEY, which is ["list_...", [...]]; it has `n` elements. */
static struct json_object *attribute(struct json_object *attrs, const char *key, size_t n, struct sedge_err *err)
{
    struct json_object *pair = sedge_json_arr(attrs, key);
    struct json_object *list = pair ? json_object_array_get_idx(pair, 1) : NULL;

    if (!list || !json_object_is_type(list, json_type_array)) {
        (void)sedge_err_set(err, SEDGE_E_INVALID, "\"attrs.%s\": a pair of a tag and a list was expected", key);
        return NULL;
    }
    if (json_object_array_length(list) == n) return list;
    (void)sedge_err_set(err, SEDGE_E_INVALID, "\"attrs.%s\" has %zu elements, and \"node_row_ptr\" ends with %zu", key,
                        json_object_array_length(list), n);
    return NULL;
}

/* ---- entries ---- */

static int read_shape(struct sedge_tvm_entry *e, struct json_object *shape, size_t i, struct sedge_err *err)
{
    size_t rank = json_object_is_type(shape, json_type_array) ? json_object_array_length(shape) : SIZE_MAX;

    if (rank > SEDGE_DLR_TVM_RANK_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "shape of entry %zu: expected a list of at most %d extents", i,
                             SEDGE_DLR_TVM_RANK_MAX);
    e->count = 1;
    for (size_t k = 0; k < rank; k++) {
        size_t d;
        if (index_at(shape, k, SEDGE_DLR_EXTENT_MAX + 1, "an extent", &d, err))
            return sedge_err_wrap(err, "shape of entry %zu", i);
        e->dims[e->rank++] = (int64_t)d;
        if (__builtin_mul_overflow(e->count, d, &e->count) || e->count > SEDGE_DLR_ELEMENTS_MAX)
            return sedge_err_set(err, SEDGE_E_LIMIT, "entry %zu has too many elements, at most %lld are allowed", i,
                                 SEDGE_DLR_ELEMENTS_MAX);
    }
    e->bytes = e->count * sedge_dtype_bytes(e->type);
    return 0;
}

static int check_devices(struct json_object *attrs, size_t n, struct sedge_err *err)
{
    struct json_object *list;

    if (!sedge_json_has(attrs, "device_index")) return 0;
    if (!(list = attribute(attrs, "device_index", n, err))) return -1;
    for (size_t i = 0; i < n; i++) {
        int64_t type = json_object_get_int64(json_object_array_get_idx(list, i));
        if (type != DLR_CPU)
            return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "entry %zu is for device type %lld; only %d (cpu) runs here",
                                 i, (long long)type, DLR_CPU);
    }
    return 0;
}

static int read_entries(struct sedge_tvm_graph *g, struct json_object *root, struct sedge_err *err)
{
    struct json_object *attrs = sedge_json_obj(root, "attrs");
    struct json_object *types = attribute(attrs, "dltype", g->nentries, err), *shapes, *slots;

    if (!types || !(shapes = attribute(attrs, "shape", g->nentries, err)) ||
        !(slots = attribute(attrs, "storage_id", g->nentries, err)) || check_devices(attrs, g->nentries, err))
        return -1;
    g->entries = sedge_xcalloc(g->nentries + 1, sizeof(*g->entries));
    for (size_t i = 0; i < g->nentries; i++) {
        struct sedge_tvm_entry *e = &g->entries[i];
        struct json_object *type = json_object_array_get_idx(types, i);
        if (!sedge_json_is_str(type))
            return sedge_err_set(err, SEDGE_E_INVALID, "type of entry %zu: a text was expected", i);
        if (sedge_dtype_parse(json_object_get_string(type), &e->type, err)) return sedge_err_wrap(err, "entry %zu", i);
        if (read_shape(e, json_object_array_get_idx(shapes, i), i, err) ||
            index_at(slots, i, g->nentries, "storage_id", &e->slot, err))
            return -1;
        if (e->slot >= g->nslots) g->nslots = e->slot + 1;
    }
    return 0;
}

/* ---- nodes ---- */

/* Where the entries of each node begin; the last number is how many there are. */
static int read_rows(struct sedge_tvm_graph *g, struct json_object *root, struct sedge_err *err)
{
    struct json_object *rows = list_of(root, "node_row_ptr", SEDGE_DLR_NODES_MAX + 1, err);
    size_t at = 0, next;

    if (!rows) return -1;
    if (json_object_array_length(rows) != g->nnodes + 1)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "\"node_row_ptr\" has %zu elements; expected %zu, one more than nodes",
                             json_object_array_length(rows), g->nnodes + 1);
    for (size_t i = 0; i <= g->nnodes; i++) {
        if (index_at(rows, i, SEDGE_DLR_TENSORS_MAX + 1, "node_row_ptr", &next, err)) return -1;
        if (next < at || (i == 0 && next != 0))
            return sedge_err_set(err, SEDGE_E_INVALID, "\"node_row_ptr\" has to begin with 0 and never to fall");
        if (i > 0) g->nodes[i - 1].nout = next - at;
        if (i < g->nnodes) g->nodes[i].first = next;
        at = next;
    }
    g->nentries = at;
    return 0;
}

/* An element of "inputs" or "heads": [node, output, ...]. Only nodes before `limit` may be named. */
static int read_link(const struct sedge_tvm_graph *g, struct json_object *link, size_t limit, size_t *entry,
                     struct sedge_err *err)
{
    size_t node, output;

    if (!json_object_is_type(link, json_type_array))
        return sedge_err_set(err, SEDGE_E_INVALID, "%s: expected [node, output]", sedge_json_text(link));
    if (index_at(link, 0, limit, "a node", &node, err) ||
        index_at(link, 1, g->nodes[node].nout, "an output of a node", &output, err))
        return -1;
    *entry = g->nodes[node].first + output;
    return 0;
}

static int number_of(struct json_object *attrs, const char *key, int64_t max, int64_t *out, struct sedge_err *err)
{
    const char *text = sedge_json_str(attrs, key, NULL);

    if (!text) return sedge_err_set(err, SEDGE_E_INVALID, "attrs has no \"%s\"", key);
    return sedge_str_to_i64(text, 0, max, out, err) ? sedge_err_wrap(err, "%s", key) : 0;
}

static int read_operator(const struct sedge_tvm_graph *g, struct sedge_tvm_node *node, struct json_object *o,
                         struct sedge_err *err)
{
    struct json_object *attrs = sedge_json_obj(o, "attrs");
    struct json_object *in = list_of(o, "inputs", SEDGE_DLR_LINKS_MAX, err);
    int64_t inputs, outputs, flatten;
    const char *function;

    if (!in) return -1;
    if (!attrs) attrs = sedge_json_obj(o, "attr");
    function = sedge_json_str(attrs, "func_name", NULL);
    if (!function) return sedge_err_set(err, SEDGE_E_INVALID, "attrs has no \"func_name\"");
    if (number_of(attrs, "num_inputs", SEDGE_DLR_LINKS_MAX, &inputs, err) ||
        number_of(attrs, "num_outputs", SEDGE_DLR_LINKS_MAX, &outputs, err) ||
        number_of(attrs, "flatten_data", 1, &flatten, err))
        return -1;
    if ((size_t)inputs != json_object_array_length(in) || (size_t)outputs != node->nout)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "num_inputs %lld and num_outputs %lld do not fit %zu inputs and %zu entries",
                             (long long)inputs, (long long)outputs, json_object_array_length(in), node->nout);
    node->function = sedge_xstrdup(function);
    node->flatten = flatten == 1;
    node->in = sedge_xcalloc((size_t)inputs + 1, sizeof(*node->in));
    for (; node->nin < (size_t)inputs; node->nin++)
        if (read_link(g, json_object_array_get_idx(in, node->nin), (size_t)(node - g->nodes), &node->in[node->nin],
                      err))
            return -1;
    return 0;
}

static int read_node(const struct sedge_tvm_graph *g, size_t i, struct json_object *o, struct sedge_err *err)
{
    struct sedge_tvm_node *node = &g->nodes[i];
    const char *op = sedge_json_str(o, "op", ""), *name = sedge_json_str(o, "name", NULL);

    if (!name || strlen(name) > SEDGE_DLR_NAME_MAX)
        return sedge_err_set(err, SEDGE_E_INVALID, "node %zu: a \"name\" of at most %d bytes was expected", i,
                             SEDGE_DLR_NAME_MAX);
    node->name = sedge_xstrdup(name);
    if (strcmp(op, "tvm_op") == 0)
        return read_operator(g, node, o, err) ? sedge_err_wrap(err, "node %zu (\"%s\")", i, name) : 0;
    if (strcmp(op, "null") != 0)
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED,
                             "node %zu (\"%s\"): op \"%.40s\"; expected \"null\" or \"tvm_op\"", i, name, op);
    if (node->nout != 1)
        return sedge_err_set(err, SEDGE_E_INVALID, "node %zu (\"%s\"): an input has one entry, this one %zu", i, name,
                             node->nout);
    return 0;
}

static int read_nodes(struct sedge_tvm_graph *g, struct json_object *root, struct sedge_err *err)
{
    struct json_object *nodes = list_of(root, "nodes", SEDGE_DLR_NODES_MAX, err);

    if (!nodes) return -1;
    g->nnodes = json_object_array_length(nodes);
    g->nodes = sedge_xcalloc(g->nnodes + 1, sizeof(*g->nodes));
    if (read_rows(g, root, err)) return -1;
    for (size_t i = 0; i < g->nnodes; i++)
        if (read_node(g, i, json_object_array_get_idx(nodes, i), err)) return -1;
    return 0;
}

/* ---- inputs and outputs ---- */

static int read_ends(struct sedge_tvm_graph *g, struct json_object *root, struct sedge_err *err)
{
    struct json_object *args = list_of(root, "arg_nodes", g->nnodes, err);
    struct json_object *heads = args ? list_of(root, "heads", SEDGE_DLR_IO_MAX, err) : NULL;

    if (!heads) return -1;
    if (!json_object_array_length(heads)) return sedge_err_set(err, SEDGE_E_INVALID, "\"heads\" is empty: no output");
    g->args = sedge_xcalloc(json_object_array_length(args) + 1, sizeof(*g->args));
    g->heads = sedge_xcalloc(json_object_array_length(heads) + 1, sizeof(*g->heads));
    for (; g->nargs < json_object_array_length(args); g->nargs++) {
        if (index_at(args, g->nargs, g->nnodes, "arg_nodes", &g->args[g->nargs], err)) return -1;
        if (g->nodes[g->args[g->nargs]].function)
            return sedge_err_set(err, SEDGE_E_INVALID, "\"arg_nodes\" names node %zu (\"%s\"), which is an operator",
                                 g->args[g->nargs], g->nodes[g->args[g->nargs]].name);
    }
    for (; g->nheads < json_object_array_length(heads); g->nheads++)
        if (read_link(g, json_object_array_get_idx(heads, g->nheads), g->nnodes, &g->heads[g->nheads], err))
            return sedge_err_wrap(err, "heads");
    return 0;
}

int sedge_tvm_graph_read(struct sedge_tvm_graph *g, const char *text, size_t n, struct sedge_err *err)
{
    struct json_object *root = sedge_json_parse_object(text, n, "graph", err);
    int rc;

    *g = (struct sedge_tvm_graph){0};
    if (!root) return -1;
    rc = read_nodes(g, root, err) || read_entries(g, root, err) || read_ends(g, root, err) ? -1 : 0;
    json_object_put(root);
    if (rc) sedge_tvm_graph_release(g);
    return rc;
}

void sedge_tvm_graph_release(struct sedge_tvm_graph *g)
{
    for (size_t i = 0; g->nodes && i < g->nnodes; i++) {
        free(g->nodes[i].name);
        free(g->nodes[i].function);
        free(g->nodes[i].in);
    }
    free(g->nodes);
    free(g->entries);
    free(g->args);
    free(g->heads);
    *g = (struct sedge_tvm_graph){0};
}
