#include "dtype.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static const struct {
    const char *name;
    DLDataType type;
} names[] = {
    {"float32", {kDLFloat, 32, 1}},   {"float64", {kDLFloat, 64, 1}}, {"float16", {kDLFloat, 16, 1}},
    {"int8", {kDLInt, 8, 1}},         {"int16", {kDLInt, 16, 1}},     {"int32", {kDLInt, 32, 1}},
    {"int64", {kDLInt, 64, 1}},       {"uint8", {kDLUInt, 8, 1}},     {"uint16", {kDLUInt, 16, 1}},
    {"uint32", {kDLUInt, 32, 1}},     {"uint64", {kDLUInt, 64, 1}},   {"bool", {kDLUInt, 1, 1}},
    {"bfloat16", {kDLBfloat, 16, 1}},
};

#define NAMES     (sizeof(names) / sizeof(*names))
#define LANES_MAX 64

int sedge_dtype_parse(const char *text, DLDataType *out, struct sedge_err *err)
{
    for (size_t i = 0; i < NAMES; i++) {
        size_t n = strlen(names[i].name);
        int64_t lanes = 1;
        if (strncmp(text, names[i].name, n) != 0) continue;
        if (text[n] && (text[n] != 'x' || sedge_str_to_i64(text + n + 1, 1, LANES_MAX, &lanes, NULL))) continue;
        *out = names[i].type;
        out->lanes = (uint16_t)lanes;
        return 0;
    }
    return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "element type \"%.40s\": expected one such as float32, int8 or bool",
                         text);
}

size_t sedge_dtype_bytes(DLDataType type)
{
    return ((size_t)type.bits * type.lanes + 7) / 8;
}

const char *sedge_dtype_name(DLDataType type)
{
    for (size_t i = 0; i < NAMES; i++)
        if (memcmp(&names[i].type, &type, sizeof(type)) == 0) return names[i].name;
    return NULL;
}
