/*
 * limits - what a model may be at most. Everything in a model file is compared with one of these before memory is
 * allocated for it. docs/limits.md lists them.
 */
#ifndef SEDGE_DLR_LIMITS_H
#define SEDGE_DLR_LIMITS_H

#define SEDGE_DLR_FILE_MAX       (512ULL << 20) /* bytes of an .onnx file */
#define SEDGE_DLR_META_MAX       (1U << 20)     /* bytes of a .meta file */
#define SEDGE_DLR_FILES_MAX      256            /* entries looked at in a model folder */
#define SEDGE_DLR_NODES_MAX      20000          /* operators of a graph */
#define SEDGE_DLR_TENSORS_MAX    40000          /* weights and constants */
#define SEDGE_DLR_IO_MAX         64             /* inputs, and outputs */
#define SEDGE_DLR_NAME_MAX       512            /* bytes of a name */
#define SEDGE_DLR_ATTRS_MAX      64             /* attributes of a node */
#define SEDGE_DLR_LINKS_MAX      1024           /* inputs, and outputs, of a node */
#define SEDGE_DLR_INTS_MAX       4096           /* numbers in a list attribute */
#define SEDGE_DLR_RANK_MAX       6              /* dimensions of a tensor */
#define SEDGE_DLR_TVM_RANK_MAX   8 /* dimensions of a tensor of a compiled model: blocked layouts have more */
#define SEDGE_DLR_GRAPH_MAX      (16ULL << 20) /* bytes of the graph of a compiled model */
#define SEDGE_DLR_WORKSPACES_MAX 16   /* free workspaces that each thread keeps for the next run of a compiled model */
#define SEDGE_DLR_TASKS_MAX      1024 /* tasks of a parallel part of a compiled model */
#define SEDGE_DLR_MODULES_MAX    64   /* modules in the library of a compiled model */
#define SEDGE_DLR_STAGES_MAX     16   /* models in a pipeline */
#define SEDGE_DLR_ALIGN          128  /* bytes: tensors and workspaces begin at multiples */
#define SEDGE_DLR_EXTENT_MAX     (1LL << 24)  /* one dimension */
#define SEDGE_DLR_ELEMENTS_MAX   (1LL << 27)  /* elements of one tensor: 512 MiB of float32 */
#define SEDGE_DLR_ARENA_MAX      (1ULL << 30) /* bytes of all tensors that are alive at once */
#define SEDGE_DLR_WINDOW_MAX     4096         /* kernel, stride, dilation, padding */
#define SEDGE_DLR_FOLD_MAX       65536        /* elements of a constant that is computed from others while loading */
#define SEDGE_DLR_CONSTANTS_MAX  (1ULL << 30) /* bytes of constants that are laid out or computed while loading */
#define SEDGE_DLR_OPSET_MIN      7
#define SEDGE_DLR_OPSET_MAX      21
#define SEDGE_DLR_THREADS_MAX    64
#define SEDGE_DLR_THREADS_AUTO   8 /* most threads that are taken without being asked */

#endif
