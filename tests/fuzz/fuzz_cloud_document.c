/* Deployment documents as the operator of a fleet writes them; what one makes of them the device's form must carry. */
#include "cloud/deploy/document.h"

#include <stdint.h>

#include "base/json.h"

static void device_form(struct sedge_doc *d)
{
    static const struct sedge_doc_ids ids = {
        .deployment_id = "d", .name = "n", .arn = "arn:aws:greengrass:::configuration:thing/t:1", .creation_ms = 1};
    struct sedge_buf text = SEDGE_BUF_INIT, diff = SEDGE_BUF_INIT, hex = SEDGE_BUF_INIT;
    struct json_object *back;

    sedge_doc_device(d->content, &ids, &text);
    back = sedge_doc_content(text.data, NULL);
    if (!back) __builtin_trap(); /* what we send must be readable */
    sedge_doc_hash(back, &hex);
    sedge_doc_diff(NULL, back, &diff);
    sedge_doc_diff(d->content, back, &diff);
    json_object_put(back);
    sedge_buf_release(&text);
    sedge_buf_release(&diff);
    sedge_buf_release(&hex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sedge_doc d;

    if (sedge_doc_parse((const char *)data, size, "fuzz", &d, NULL) == 0) device_form(&d);
    sedge_doc_release(&d);
    return 0;
}
