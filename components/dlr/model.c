#include "model.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "dlr.h"

/* ---- files ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The place for a file of this name; NULL for a file that has no role. */
static struct sedge_part *role_of(struct sedge_model_files *f, const char *name)
{
    if (sedge_str_ends(name, ".onnx")) return &f->onnx;
    if (sedge_str_ends(name, ".meta")) return &f->meta;
    if (sedge_str_ends(name, ".params")) return &f->params;
    if (sedge_str_ends(name, ".ro")) return &f->bytecode;
    if (sedge_str_ends(name, ".tensorrt")) return &f->library;
    if (sedge_str_ends(name, ".so")) return sedge_str_ends(name, "libdlr.so") ? NULL : &f->library;
    if (strcmp(name, "model-shapes.json") == 0 || strcmp(name, "hyperparams.json") == 0 ||
        strcmp(name, "version.json") == 0)
        return NULL;
    return sedge_str_ends(name, ".json") ? &f->graph : NULL;
}

static int add_file(struct sedge_model_files *f, const char *path, struct sedge_err *err)
{
    struct sedge_part *place = role_of(f, base_name(path));

    if (!place) return 0;
    if (place->path)
        return sedge_err_set(err, SEDGE_E_CONFLICT,
                             "two files with the same role: %s and %s; leave one of them in the folder", place->path,
                             path);
    place->path = sedge_xstrdup(path);
    return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int scan_folder(struct sedge_model_files *f, const char *dir, struct sedge_err *err)
{
    struct dirent **list = NULL;
    int n = scandir(dir, &list, NULL, by_name), rc = 0;

    if (n < 0) return sedge_err_sys(err, errno, "model folder %s", dir);
    if (n > SEDGE_DLR_FILES_MAX)
        rc = sedge_err_set(err, SEDGE_E_LIMIT, "%s has %d files, at most %d are looked at: is it a model folder?", dir,
                           n, SEDGE_DLR_FILES_MAX);
    for (int i = 0; i < n; i++) {
        sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, list[i]->d_name);
        if (rc == 0 && !sedge_fs_is_dir(path)) rc = add_file(f, path, err);
        free(list[i]);
    }
    free(list);
    return rc;
}

int sedge_model_scan(struct sedge_model_files *files, const char *path, struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv parts = {NULL, 0};

    memset(files, 0, sizeof(*files));
    sedge_strv_split(&parts, path, ":");
    for (size_t i = 0; i < parts.n; i++) {
        const char *part = parts.v[i];
        int rc = 0;
        if (part[0] == 0) continue;
        if (sedge_fs_is_dir(part))
            rc = scan_folder(files, part, err);
        else if (sedge_fs_exists(part))
            rc = add_file(files, part, err);
        else
            rc = sedge_err_set(err, SEDGE_E_NOT_FOUND,
                               "%s: no such file or folder; give the folder that holds the model", part);
        if (rc) {
            sedge_model_files_release(files);
            return -1;
        }
    }
    return 0;
}

void sedge_model_files_release(struct sedge_model_files *f)
{
    free(f->onnx.path);
    free(f->library.path);
    free(f->graph.path);
    free(f->params.path);
    free(f->bytecode.path);
    free(f->meta.path);
    memset(f, 0, sizeof(*f));
}

/* ---- metadata ---- */

struct json_object *sedge_meta_read(const struct sedge_part *part)
{
    struct sedge_part_view text;
    struct json_object *meta;

    if (!sedge_part_there(part) || sedge_part_open(part, SEDGE_DLR_META_MAX, &text, NULL)) return NULL;
    meta = sedge_json_parse_object((const char *)text.p, text.n, sedge_part_name(part), NULL);
    sedge_part_close(&text);
    return meta;
}

int sedge_meta_device(struct json_object *meta)
{
    const char *type = sedge_json_str(sedge_json_obj(meta, "Requirements"), "TargetDeviceType", NULL);

    if (!type) return -1;
    if (strcmp(type, "cpu") == 0) return DLR_CPU;
    if (strcmp(type, "gpu") == 0) return DLR_GPU;
    return strcmp(type, "opencl") == 0 ? DLR_OPENCL : DLR_OTHER_DEVICE;
}

const char *sedge_meta_output(struct json_object *meta, size_t index)
{
    struct json_object *list = sedge_json_arr(sedge_json_obj(meta, "Model"), "Outputs");

    if (!list || index >= json_object_array_length(list)) return NULL;
    return sedge_json_str(json_object_array_get_idx(list, index), "name", NULL);
}

/* ---- loading ---- */

/* As the DLR runtime chooses; *.onnx comes after what is compiled. */
static const struct sedge_backend *choose(const struct sedge_model_files *f, struct sedge_err *err)
{
    if (sedge_part_there(&f->params)) return &sedge_backend_tvm;
    if (sedge_part_there(&f->bytecode))
        (void)sedge_err_set(err, SEDGE_E_UNSUPPORTED,
                            "%s is bytecode of the Relay VM, which is not supported: compile the model for the graph "
                            "executor, or export it to ONNX",
                            sedge_part_name(&f->bytecode));
    else if (sedge_part_there(&f->onnx))
        return &sedge_backend_onnx;
    else if (sedge_part_there(&f->library) && !sedge_part_there(&f->graph))
        (void)sedge_err_set(
            err, SEDGE_E_UNSUPPORTED,
            "%s stands alone, as a Treelite model does, which is not supported (a model compiled by TVM "
            "or Neo has a graph, *.json, and parameters, *.params, beside it)",
            sedge_part_name(&f->library));
    else if (sedge_part_there(&f->graph))
        (void)sedge_err_set(err, SEDGE_E_NOT_FOUND, "%s has no parameters beside it: a file *.params was expected",
                            sedge_part_name(&f->graph));
    else
        (void)sedge_err_set(
            err, SEDGE_E_NOT_FOUND,
            "no model: a file whose name ends in .onnx, or a compiled model (*.so, *.json, *.params), was "
            "expected");
    return NULL;
}

static int check_device(struct json_object *meta, int dev_type, struct sedge_err *err)
{
    int wanted = sedge_meta_device(meta);

    if (dev_type != DLR_CPU)
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "device type %d was asked for; only %d (cpu) is there", dev_type,
                             DLR_CPU);
    if (wanted != -1 && wanted != dev_type)
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED,
                             "the model is made for device type %d, and %d (cpu) was asked for", wanted, dev_type);
    return 0;
}

static void clear(struct sedge_model *m)
{
    for (size_t i = 0; i < m->nin; i++)
        free(m->in[i].name);
    for (size_t i = 0; i < m->nout; i++)
        free(m->out[i].name);
    for (size_t i = 0; i < m->nweights; i++)
        free(m->weights[i]);
    free(m->weights);
    m->weights = NULL;
    m->nin = m->nout = m->nweights = 0;
}

static int load_with(struct sedge_model *m, const struct sedge_backend *backend, const char *why,
                     const struct sedge_model_files *files, struct sedge_err *err)
{
    if (backend->load(m, files, err)) {
        clear(m);
        return -1;
    }
    m->backend = backend;
    m->why = sedge_xstrdup(why);
    return 0;
}

/* *.onnx: our importer; ONNX Runtime for what it does not support, unless DLR_BACKEND says which of them. */
static int load_onnx(struct sedge_model *m, const struct sedge_model_files *files, struct sedge_err *err)
{
    const char *wanted = getenv("DLR_BACKEND");
    struct sedge_err why = SEDGE_ERR_INIT, other = SEDGE_ERR_INIT;

    if (wanted && strcmp(wanted, "onnx") != 0 && strcmp(wanted, "ort") != 0)
        return sedge_err_set(err, SEDGE_E_INVALID, "DLR_BACKEND is \"%.40s\"; expected onnx or ort", wanted);
    if (wanted && strcmp(wanted, "ort") == 0) return load_with(m, &sedge_backend_ort, "DLR_BACKEND=ort", files, err);
    if (load_with(m, &sedge_backend_onnx, "the importer supports every operator", files, &why) == 0) return 0;
    if (wanted || why.code != SEDGE_E_UNSUPPORTED) return sedge_err_set(err, why.code, "%s", why.msg);
    if (load_with(m, &sedge_backend_ort, why.msg, files, &other) == 0) return 0;
    return sedge_err_set(err, why.code, "%.600s (nor elsewhere: %.300s)", why.msg, other.msg);
}

struct sedge_model *sedge_model_from(const struct sedge_model_files *files, int dev_type, struct sedge_err *err)
{
    struct sedge_model *m = SEDGE_NEW(struct sedge_model);
    const struct sedge_backend *backend;
    int rc = -1;

    m->meta = sedge_meta_read(&files->meta);
    backend = check_device(m->meta, dev_type, err) ? NULL : choose(files, err);
    if (backend)
        rc = backend == &sedge_backend_onnx ? load_onnx(m, files, err)
                                            : load_with(m, backend, "compiled by TVM or SageMaker Neo", files, err);
    if (rc == 0) return m;
    sedge_model_free(m);
    return NULL;
}

struct sedge_model *sedge_model_load(const char *path, int dev_type, struct sedge_err *err)
{
    struct sedge_model_files files;
    struct sedge_model *m;

    if (sedge_model_scan(&files, path, err)) return NULL;
    m = sedge_model_from(&files, dev_type, err);
    if (!m && err && !strstr(err->msg, path)) (void)sedge_err_wrap(err, "%s", path);
    sedge_model_files_release(&files);
    return m;
}

void sedge_model_free(struct sedge_model *m)
{
    if (m->backend) m->backend->free(m);
    clear(m);
    free(m->why);
    if (m->meta) json_object_put(m->meta);
    free(m);
}
