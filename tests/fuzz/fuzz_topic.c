/* Filters and topics of any bytes: the trie agrees with the matcher, a covering filter matches what the narrow one
 * does. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXTS 6

static void count(void *user, void *arg)
{
    (void)arg;
    (*(unsigned *)user)++;
}

static void check_trie(char **text, size_t n)
{
    struct sedge_broker *b = sedge_broker_new();
    struct sedge_subscription *subs[TEXTS];
    unsigned hits[TEXTS] = {0};

    for (size_t i = 0; i < n; i++)
        subs[i] = sedge_broker_subscribe(b, text[i], "x", SEDGE_RECEIVE_ALL, &hits[i], NULL);
    for (size_t t = 0; t < n; t++) {
        memset(hits, 0, sizeof hits);
        (void)sedge_broker_publish(b, text[t], NULL, count, NULL);
        for (size_t i = 0; i < n; i++)
            if (subs[i] && hits[i] != (unsigned)sedge_topic_matches(text[i], text[t])) abort();
    }
    for (size_t i = 0; i < n; i += 2)
        sedge_broker_unsubscribe(b, subs[i]);
    sedge_broker_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text[TEXTS];
    size_t n = 0;

    while (n < TEXTS && size > 0) {
        const uint8_t *end = memchr(data, 0, size);
        size_t len = end ? (size_t)(end - data) : size;

        text[n] = strndup((const char *)data, len);
        if (!text[n++]) abort();
        data += len < size ? len + 1 : len;
        size -= len < size ? len + 1 : len;
    }
    check_trie(text, n);
    for (size_t i = 0; i < n; i++)
        free(text[i]);
    return 0;
}
