#include "../test.h"

#include <inttypes.h>

#include "ipc_wire/frame.h"
#include "ipc_wire/message.h"
#include "vectors.h"

/* Feeds the bytes in pieces of `step` and appends "name=type:value\n..|payload\n" of every frame. */
static int feed(const struct sedge_buf *b, size_t step, size_t limit, struct sedge_buf *out, unsigned *n)
{
    struct sedge_frame_in in;
    struct sedge_frame f;
    int rc = 0;

    *n = 0;
    sedge_frame_in_init(&in, limit);
    for (size_t i = 0; i < b->len && rc == 0; i += step) {
        sedge_frame_in_push(&in, b->data + i, b->len - i < step ? b->len - i : step);
        while ((rc = sedge_frame_in_next(&in, &f, NULL)) == 1) {
            struct sedge_header h;
            size_t pos = 0;

            (*n)++;
            while (sedge_header_next(f.headers, f.headers_len, &pos, &h, NULL) == 1) {
                sedge_buf_printf(out, "%.*s=%d:", (int)h.name_len, h.name, (int)h.type);
                sedge_buf_add(out, h.value, h.value_len);
                sedge_buf_putc(out, '\n');
            }
            sedge_buf_putc(out, '|');
            if (f.oversize)
                sedge_buf_printf(out, "oversize %zu", f.payload_len);
            else
                sedge_buf_add(out, f.payload, f.payload_len);
            sedge_buf_putc(out, '\n');
        }
    }
    if (rc == 0 && sedge_frame_in_partial(&in)) rc = 2;
    sedge_frame_in_release(&in);
    return rc;
}

static void expect_vector(struct json_object *v, struct sedge_buf *out)
{
    struct json_object *headers = sedge_json_arr(v, "headers");

    for (size_t i = 0; i < json_object_array_length(headers); i++) {
        struct json_object *h = json_object_array_get_idx(headers, i);
        const char *type = sedge_json_str(h, "type", "");

        sedge_buf_printf(out, "%s=", sedge_json_str(h, "name", ""));
        if (strcmp(type, "int32") == 0) {
            uint32_t x = (uint32_t)sedge_json_i64(h, "value", 0);
            char be[4] = {(char)(x >> 24), (char)(x >> 16), (char)(x >> 8), (char)x};

            sedge_buf_puts(out, "4:");
            sedge_buf_add(out, be, 4);
        } else {
            assert_string_equal(type, "string");
            sedge_buf_printf(out, "7:%s", sedge_json_str(h, "value", ""));
        }
        sedge_buf_putc(out, '\n');
    }
    sedge_buf_printf(out, "|%s\n", sedge_json_str(v, "payloadText", ""));
}

struct glue {
    struct sedge_buf wire, want;
    unsigned frames;
};

static void compare(const struct sedge_buf *got, const struct sedge_buf *want)
{
    assert_int_equal(got->len, want->len);
    assert_memory_equal(got->data, want->data, want->len);
}

static void decode_vector(struct json_object *v, void *arg)
{
    struct glue *g = arg;
    sedge_auto_buf struct sedge_buf wire = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf want = SEDGE_BUF_INIT;

    unhex(&wire, sedge_json_str(v, "hex", ""));
    expect_vector(v, &want);
    for (size_t step = 1; step <= wire.len; step = step < wire.len ? (step == 1 ? 7 : wire.len) : step + 1) {
        sedge_auto_buf struct sedge_buf got = SEDGE_BUF_INIT;
        unsigned n;

        assert_int_equal(feed(&wire, step, SEDGE_FRAME_MAX, &got, &n), 0);
        assert_int_equal(n, 1);
        compare(&got, &want);
    }
    sedge_buf_add(&g->wire, wire.data, wire.len);
    sedge_buf_add(&g->want, want.data, want.len);
    g->frames++;
}

static void every_captured_frame_is_decoded_whole_bytewise_and_glued(void **st)
{
    static const size_t steps[] = {1, 100, 4096, 1u << 20};
    struct glue g = {SEDGE_BUF_INIT, SEDGE_BUF_INIT, 0};

    (void)st;
    need_vectors();
    assert_true(each_vector(decode_vector, &g) > 150);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(steps); i++) {
        sedge_auto_buf struct sedge_buf got = SEDGE_BUF_INIT;
        unsigned n;

        assert_int_equal(feed(&g.wire, steps[i], SEDGE_FRAME_MAX, &got, &n), 0);
        assert_int_equal(n, g.frames);
        compare(&got, &g.want);
    }
    sedge_buf_release(&g.wire);
    sedge_buf_release(&g.want);
}

static void encode_vector(struct json_object *v, void *arg)
{
    sedge_auto_buf struct sedge_buf wire = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf got = SEDGE_BUF_INIT;
    struct json_object *headers = sedge_json_arr(v, "headers");
    const char *payload = sedge_json_str(v, "payloadText", "");

    if (strcmp(sedge_json_str(v, "direction", ""), "server-to-client") != 0) return;
    unhex(&wire, sedge_json_str(v, "hex", ""));
    sedge_frame_begin(&got);
    for (size_t i = 0; i < json_object_array_length(headers); i++) {
        struct json_object *h = json_object_array_get_idx(headers, i);
        const char *text = sedge_json_str(h, "value", NULL);

        if (text)
            sedge_frame_string(&got, sedge_json_str(h, "name", ""), text, strlen(text));
        else
            sedge_frame_int32(&got, sedge_json_str(h, "name", ""), (int32_t)sedge_json_i64(h, "value", 0));
    }
    if (strstr(sedge_json_str(v, "name", ""), "bad-crc")) return;
    assert_int_equal(sedge_frame_end(&got, 0, payload, strlen(payload), NULL), 0);
    compare(&got, &wire);
    (*(unsigned *)arg)++;
}

static void every_server_frame_is_encoded_to_the_same_bytes(void **st)
{
    unsigned n = 0;

    (void)st;
    need_vectors();
    (void)each_vector(encode_vector, &n);
    assert_true(n > 50);
}

static void a_shared_payload_gives_the_frame_that_a_copied_one_gives(void **st)
{
    static const size_t sizes[] = {0, 1, 2, 255, 70000};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(sizes); i++) {
        sedge_auto_buf struct sedge_buf whole = SEDGE_BUF_INIT;
        sedge_auto_buf struct sedge_buf parts = SEDGE_BUF_INIT;
        struct sedge_payload *p = sedge_payload_new(sizes[i]);
        uint8_t trailer[4];

        for (size_t k = 0; k < p->len; k++)
            p->data[k] = (char)(k * 31);
        assert_int_equal(sedge_message_application(&whole, SEDGE_MSG_APPLICATION, 0, 77, "a#B", p->data, p->len, NULL),
                         0);
        assert_int_equal(sedge_message_head(&parts, SEDGE_MSG_APPLICATION, 0, 77, "a#B", p, trailer, NULL), 0);
        sedge_buf_add(&parts, p->data, p->len);
        sedge_buf_add(&parts, trailer, 4);
        compare(&parts, &whole);
        sedge_payload_unref(p);
    }
}

static void a_head_that_is_built_once_gives_the_frame_of_each_stream(void **st)
{
    static const size_t sizes[] = {0, 2, 2, 500, 70000};
    static uint8_t got[80000];
    static char payload[70000];
    struct sedge_head h = {0};

    (void)st;
    memset(payload, 'p', sizeof payload);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(sizes); i++) {
        for (int32_t id = 1; id < INT32_MAX / 300; id *= 300) {
            sedge_auto_buf struct sedge_buf want = SEDGE_BUF_INIT;
            struct sedge_buf whole = {(char *)got, 0, sizeof got};

            assert_int_equal(sedge_head_set(&h, SEDGE_MSG_TERMINATE, "a#B", "Response", sizes[i], NULL), 0);
            sedge_head_frame(&h, id, payload, got);
            whole.len = h.frame_len;
            assert_int_equal(sedge_message_application(&want, SEDGE_MSG_APPLICATION, SEDGE_MSG_TERMINATE, id,
                                                       "a#BResponse", payload, sizes[i], NULL),
                             0);
            compare(&whole, &want);
        }
    }
}

static void a_head_for_a_name_that_is_too_long_is_refused(void **st)
{
    struct sedge_head h = {0};
    char name[SEDGE_HEAD_SHAPE_MAX + 1];

    (void)st;
    memset(name, 'n', sizeof name);
    name[SEDGE_HEAD_SHAPE_MAX - 1] = 0;
    assert_int_equal(sedge_head_set(&h, 0, name, "", 2, NULL), 0);
    assert_int_equal(sedge_head_set(&h, 0, name, "x", 2, NULL), -1);
    assert_int_equal(h.frame_len, 0);
    assert_int_equal(sedge_head_set(&h, 0, "a#B", "", SEDGE_FRAME_MAX, NULL), -1);
    assert_int_equal(h.frame_len, 0);
}

static void the_accepted_acknowledgement_has_the_71_bytes_of_the_specification(void **st)
{
    sedge_auto_buf struct sedge_buf want = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf got = SEDGE_BUF_INIT;

    (void)st;
    unhex(&want, "0000004700000037374cfe3f0d3a6d6573736167652d7479706504000000050e3a6d6573736167652d666c616773040000"
                 "00010a3a73747265616d2d69640400000000e237e27d");
    sedge_message_connect_ack(&got, true);
    compare(&got, &want);
}

static void malformed_frames_end_the_stream(void **st)
{
    sedge_auto_put struct json_object *doc = NULL;
    struct json_object *cases;

    (void)st;
    need_vectors();
    doc = load_json("decoder-cases.json");
    cases = sedge_json_arr(doc, "cases");
    for (size_t i = 0; i < json_object_array_length(cases); i++) {
        struct json_object *c = json_object_array_get_idx(cases, i);
        sedge_auto_buf struct sedge_buf wire = SEDGE_BUF_INIT;
        int want = strncmp(sedge_json_str(c, "expect", ""), "close the connection", 20) == 0 ? -1 : 0;

        unhex(&wire, sedge_json_str(c, "hex", ""));
        for (size_t step = 1; step < 200; step += 66) {
            sedge_auto_buf struct sedge_buf got = SEDGE_BUF_INIT;
            unsigned n;

            if (feed(&wire, step, SEDGE_FRAME_MAX, &got, &n) != want)
                fail_msg("%s in steps of %zu", sedge_json_str(c, "name", ""), step);
        }
    }
}

static void a_length_of_four_gigabytes_is_refused_at_the_prelude(void **st)
{
    sedge_auto_buf struct sedge_buf wire = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf got = SEDGE_BUF_INIT;
    unsigned n;

    (void)st;
    unhex(&wire, "ffffffff0000000053ae6b28"); /* checksum wrong or right: both end it */
    assert_int_equal(feed(&wire, 12, SEDGE_FRAME_MAX, &got, &n), -1);
}

static void a_frame_over_our_own_limit_is_skipped_and_reported(void **st)
{
    sedge_auto_buf struct sedge_buf wire = SEDGE_BUF_INIT;
    static char big[5000];
    static const size_t steps[] = {1, 13, 1000, 100000};

    (void)st;
    assert_int_equal(sedge_message_request(&wire, 3, "a#B", big, sizeof big, NULL), 0);
    assert_int_equal(sedge_message_request(&wire, 4, "a#C", "{}", 2, NULL), 0);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(steps); i++) {
        sedge_auto_buf struct sedge_buf got = SEDGE_BUF_INIT;
        unsigned n;

        assert_int_equal(feed(&wire, steps[i], 1000, &got, &n), 0);
        assert_int_equal(n, 2);
        sedge_buf_putc(&got, 0);
        assert_non_null(memmem(got.data, got.len, "|oversize 5000\n", 15));
        assert_non_null(memmem(got.data, got.len, "operation=7:a#C", 15));
    }
    wire.data[600]++; /* a changed byte in what is skipped */
    {
        sedge_auto_buf struct sedge_buf got = SEDGE_BUF_INIT;
        unsigned n;

        assert_int_equal(feed(&wire, 1000, 1000, &got, &n), -1);
    }
}

static void texts_are_quoted_as_json(void **st)
{
    static const struct {
        const char *in, *out;
    } rows[] = {{"", "\"\""},
                {"a\"b\\c\n\t\x01", "\"a\\\"b\\\\c\\n\\t\\u0001\""},
                {"\xC3\xA9\xF0\x9F\x98\x80", "\"\xC3\xA9\xF0\x9F\x98\x80\""},
                {"a\xFF"
                 "b\xC3",
                 "\"a\xEF\xBF\xBD"
                 "b\xEF\xBF\xBD\""},
                {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

        sedge_json_quote(&b, rows[i].in, strlen(rows[i].in));
        assert_string_equal(b.data, rows[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_captured_frame_is_decoded_whole_bytewise_and_glued),
        cmocka_unit_test(every_server_frame_is_encoded_to_the_same_bytes),
        cmocka_unit_test(a_shared_payload_gives_the_frame_that_a_copied_one_gives),
        cmocka_unit_test(a_head_that_is_built_once_gives_the_frame_of_each_stream),
        cmocka_unit_test(a_head_for_a_name_that_is_too_long_is_refused),
        cmocka_unit_test(the_accepted_acknowledgement_has_the_71_bytes_of_the_specification),
        cmocka_unit_test(malformed_frames_end_the_stream),
        cmocka_unit_test(a_length_of_four_gigabytes_is_refused_at_the_prelude),
        cmocka_unit_test(a_frame_over_our_own_limit_is_skipped_and_reported),
        cmocka_unit_test(texts_are_quoted_as_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
