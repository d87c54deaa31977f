#include "../test.h"

#include "broker/broker.h"
#include "broker/topic.h"

static void count(void *user, void *arg)
{
    (void)arg;
    (*(unsigned *)user)++;
}

static void own_messages_follow_the_receive_mode(void **st)
{
    static const struct {
        const char *filter;
        const char *mode;
        size_t own;
    } rows[] = {
        {"a/b", NULL, 1},
        {"a/+", NULL, 0},
        {"a/#", NULL, 0},
        {"a/#", "RECEIVE_ALL_MESSAGES", 1},
        {"a/b", "RECEIVE_MESSAGES_FROM_OTHERS", 0},
        {"a/b", "SOMETHING", 1},
        {"a/+", "SOMETHING", 0},
    };

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sedge_broker *b = sedge_broker_new();
        unsigned n = 0;

        assert_non_null(
            sedge_broker_subscribe(b, rows[i].filter, "me", sedge_receive_mode_from_name(rows[i].mode), &n, NULL));
        assert_int_equal(sedge_broker_publish(b, "a/b", "me", count, NULL), rows[i].own);
        assert_int_equal(sedge_broker_publish(b, "a/b", "other", count, NULL), 1);
        assert_int_equal(sedge_broker_publish(b, "a/b", NULL, count, NULL), 1);
        assert_int_equal(n, rows[i].own + 2);
        sedge_broker_free(b);
    }
}

/* Every filter and topic of up to four levels over a small alphabet: the trie says what the matcher says. */
static void the_trie_agrees_with_the_matcher(void **st)
{
    static const char *const levels[] = {"a", "b", "", "+", "#"};
    static char texts[780][16];
    struct sedge_subscription *subs[780];
    unsigned hits[780] = {0};
    struct sedge_broker *b = sedge_broker_new();
    size_t n = 0;

    (void)st;
    for (unsigned len = 1; len <= 4; len++)
        for (unsigned v = 0; v < (len == 1 ? 5u : len == 2 ? 25u : len == 3 ? 125u : 625u); v++, n++) {
            unsigned x = v;

            for (unsigned i = 0; i < len; i++, x /= 5) {
                if (i > 0) strcat(texts[n], "/");
                strcat(texts[n], levels[x % 5]);
            }
        }
    assert_int_equal(n, 780);
    for (size_t i = 0; i < n; i++)
        subs[i] = sedge_broker_subscribe(b, texts[i], "x", SEDGE_RECEIVE_ALL, &hits[i], NULL);
    for (size_t t = 0; t < n; t++) {
        memset(hits, 0, sizeof hits);
        (void)sedge_broker_publish(b, texts[t], "y", count, NULL);
        for (size_t i = 0; i < n; i++)
            if (hits[i] != (unsigned)sedge_topic_matches(texts[i], texts[t]))
                fail_msg("filter %s topic %s: %u hits", texts[i], texts[t], hits[i]);
    }
    for (size_t i = 0; i < n; i++)
        sedge_broker_unsubscribe(b, subs[(i * 7) % n]);
    assert_int_equal(sedge_broker_count(b), 0);
    assert_int_equal(sedge_broker_publish(b, "a/b", NULL, count, NULL), 0);
    sedge_broker_free(b);
}

struct pair {
    struct sedge_broker *b;
    struct sedge_subscription *first, *second;
    unsigned n;
};

static void kill_both(void *user, void *arg)
{
    struct pair *p = user;

    (void)arg;
    p->n++;
    sedge_broker_unsubscribe(p->b, p->first);
    sedge_broker_unsubscribe(p->b, p->second);
    p->first = sedge_broker_subscribe(p->b, "other/topic", "x", SEDGE_RECEIVE_ALL, p, NULL);
    p->second = NULL;
}

static void subscriptions_may_change_during_a_publish(void **st)
{
    struct pair p = {.b = sedge_broker_new()};

    (void)st;
    p.first = sedge_broker_subscribe(p.b, "a/+", "x", SEDGE_RECEIVE_ALL, &p, NULL);
    p.second = sedge_broker_subscribe(p.b, "a/b", "x", SEDGE_RECEIVE_ALL, &p, NULL);
    assert_int_equal(sedge_broker_publish(p.b, "a/b", "y", kill_both, NULL), 1);
    assert_int_equal(p.n, 1);
    assert_int_equal(sedge_broker_count(p.b), 1);
    sedge_broker_free(p.b);
}

static void a_filter_with_too_many_levels_is_refused(void **st)
{
    static char deep[5000];
    struct sedge_broker *b = sedge_broker_new();
    struct sedge_err err;

    (void)st;
    memset(deep, '/', sizeof deep - 2);
    deep[sizeof deep - 2] = 'x';
    assert_null(sedge_broker_subscribe(b, deep, "x", SEDGE_RECEIVE_ALL, NULL, &err));
    assert_int_equal(err.code, SEDGE_E_LIMIT);
    assert_int_equal(sedge_broker_publish(b, deep, "x", count, NULL), 0);
    sedge_broker_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_messages_follow_the_receive_mode),
        cmocka_unit_test(the_trie_agrees_with_the_matcher),
        cmocka_unit_test(subscriptions_may_change_during_a_publish),
        cmocka_unit_test(a_filter_with_too_many_levels_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
