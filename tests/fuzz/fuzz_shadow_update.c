/*
 * Updates of a shadow, one on each line, go one after the other into one document, as components send them. What was
 * accepted can be stored, read, compared and put in step with the cloud.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "shadow/compare.h"
#include "shadow/document.h"

#define LIMIT 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct json_object *o)
{
    if (o) sedge_assert(sedge_json_text(o) != NULL);
    (void)json_object_put(o);
}

/* The patch between two states, as an update of the first, gives the second; and so does the merge of what one side
 * did.
 */
static void check_patch(const struct sedge_shadow_doc *before, const struct sedge_shadow_doc *after)
{
    struct sedge_shadow_doc doc = {.exists = true, .state = sedge_json_copy(before->state)};
    struct sedge_shadow_update u = SEDGE_SHADOW_UPDATE_INIT;
    sedge_auto_put struct json_object *merged = sedge_shadow_merge3(before->state, before->state, after->state);

    doc.metadata = sedge_json_copy(before->metadata);
    u.root = u.state = sedge_shadow_patch(before->state, after->state);
    sedge_assert(sedge_shadow_update_apply(&doc, &u, LIMIT, 1, NULL) == 0);
    sedge_assert(json_object_equal(doc.state, after->state));
    sedge_assert(json_object_equal(merged, after->state));
    sedge_shadow_update_release(&u);
    sedge_shadow_doc_release(&doc);
}

static void update(struct sedge_shadow_doc *doc, const char *text, size_t len)
{
    struct sedge_shadow_update u = SEDGE_SHADOW_UPDATE_INIT;
    struct sedge_shadow_doc next = *doc;
    struct sedge_err err = SEDGE_ERR_INIT;

    next.state = doc->exists ? sedge_json_copy(doc->state) : NULL;
    next.metadata = doc->exists ? sedge_json_copy(doc->metadata) : NULL;
    if (sedge_shadow_update_parse(&u, text, len, &err) == 0 &&
        sedge_shadow_update_apply(&next, &u, LIMIT, 1, &err) == 0) {
        use(sedge_shadow_accepted(&next, &u));
        use(sedge_shadow_delta(&next, u.token));
        use(sedge_shadow_got(&next, 1));
        if (doc->exists) check_patch(doc, &next);
        sedge_shadow_doc_release(doc);
        *doc = next;
    } else {
        sedge_assert(err.code != SEDGE_OK && err.msg[0]);
        use(sedge_shadow_rejected(&err, u.token, 1));
        sedge_shadow_doc_release(&next);
    }
    sedge_shadow_update_release(&u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sedge_shadow_doc doc = SEDGE_SHADOW_DOC_INIT;
    const char *text = (const char *)data;

    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t len = end ? (size_t)(end - text) : size;

        update(&doc, text, len);
        len += end != NULL;
        text += len;
        size -= len;
    }
    sedge_shadow_doc_release(&doc);
    return 0;
}
