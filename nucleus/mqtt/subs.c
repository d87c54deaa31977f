/* Subscriptions of a session: which filters are wanted, which are at the broker, who gets a message. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "internal.h"
#include "topic.h"

#define JITTER_MS 10000

static bool at_broker(const struct sedge_filter *f)
{
    return f->state == SEDGE_FILTER_PENDING || f->state == SEDGE_FILTER_GRANTED;
}

static struct sedge_filter *covering(const struct sedge_mqtt *m, const struct sedge_filter *f)
{
    for (struct sedge_filter *g = m->filters; g; g = g->next)
        if (g != f && g->refs > 0 && g->state == SEDGE_FILTER_GRANTED && sedge_mqtt_filter_covers(g->text, f->text))
            return g;
    return NULL;
}

static struct sedge_filter *find(const struct sedge_mqtt *m, const char *text)
{
    for (struct sedge_filter *f = m->filters; f; f = f->next)
        if (strcmp(f->text, text) == 0) return f;
    return NULL;
}

/* Whether another filter than `self` that is wanted makes a subscription to `text` superfluous, now or soon. */
static bool is_covered(const struct sedge_mqtt *m, const char *text, const struct sedge_filter *self)
{
    for (struct sedge_filter *f = m->filters; f; f = f->next)
        if (f != self && f->refs > 0 && f->state != SEDGE_FILTER_REFUSED && sedge_mqtt_filter_covers(f->text, text))
            return true;
    return false;
}

/* How many filters the broker has to hold. */
static size_t count(const struct sedge_mqtt *m)
{
    size_t n = 0;

    for (struct sedge_filter *f = m->filters; f; f = f->next)
        n += f->refs > 0 && f->state != SEDGE_FILTER_COVERED && !is_covered(m, f->text, f);
    return n;
}

static struct sedge_filter *take(struct sedge_mqtt *m, const char *text, int qos)
{
    struct sedge_filter *f = find(m, text);

    if (!f) {
        struct sedge_filter **end = &m->filters;
        f = SEDGE_NEW(struct sedge_filter);
        f->text = sedge_xstrdup(text);
        f->qos = qos;
        while (*end)
            end = &(*end)->next;
        *end = f;
    }
    f->refs++;
    return f;
}

static int check_request(struct sedge_mqtt *m, const char *const *filters, size_t n, int qos, struct sedge_err *err)
{
    size_t more = 0;

    if (n == 0 || n > SEDGE_MQTT_FILTERS_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "%zu filters in one subscription: 1 to %d expected", n,
                             SEDGE_MQTT_FILTERS_MAX);
    if (qos < 0 || qos > 1) return sedge_err_set(err, SEDGE_E_INVALID, "QoS %d: 0 or 1 expected", qos);
    for (size_t i = 0; i < n; i++) {
        if (sedge_mqtt_filter_check(filters[i], sedge_mqtt_is_v5(m), err) != 0) return -1;
        more += !is_covered(m, filters[i], NULL);
    }
    if (more > 0 && count(m) + more > SEDGE_MQTT_SUBSCRIPTIONS_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "more than %d topic filters are subscribed",
                             SEDGE_MQTT_SUBSCRIPTIONS_MAX);
    return 0;
}

struct sedge_mqtt_sub *sedge_mqtt_subscribe(struct sedge_mqtt *m, const char *const *filters, size_t n, int qos,
                                            const struct sedge_mqtt_sub_cbs *cbs, void *user, struct sedge_err *err)
{
    struct sedge_mqtt_sub **end = &m->subs;
    struct sedge_mqtt_sub *s;

    if (check_request(m, filters, n, qos, err) != 0) return NULL;
    s = SEDGE_NEW(struct sedge_mqtt_sub);
    s->m = m;
    s->cbs = *cbs;
    s->user = user;
    s->n = n;
    for (size_t i = 0; i < n; i++)
        s->filters[i] = take(m, filters[i], qos);
    while (*end)
        end = &(*end)->next;
    *end = s;
    sedge_mqtt_kick(m, 0);
    return s;
}

void sedge_mqtt_unsubscribe(struct sedge_mqtt_sub *s)
{
    if (!s || s->dead) return;
    s->dead = true;
    for (size_t i = 0; i < s->n; i++)
        s->filters[i]->refs--;
    sedge_mqtt_kick(s->m, 0);
}

const char *sedge_mqtt_sub_reason_string(const struct sedge_mqtt_sub *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->filters[i]->state == SEDGE_FILTER_REFUSED && s->filters[i]->reason_string)
            return s->filters[i]->reason_string;
    return NULL;
}

void sedge_subs_reset(struct sedge_mqtt *m)
{
    for (struct sedge_filter *f = m->filters; f; f = f->next)
        f->state = SEDGE_FILTER_IDLE;
    for (struct sedge_mqtt_sub *s = m->subs; s; s = s->next)
        s->answered = false;
}

/* --- making the broker's set what is wanted ---------------------------------------------------------------------- */

static void send_subscribe(struct sedge_mqtt *m, struct sedge_filter **batch, int n)
{
    char *texts[SEDGE_MQTT_FILTERS_MAX] = {NULL};
    int mid = 0;
    int rc;

    for (int i = 0; i < n; i++)
        texts[i] = batch[i]->text;
    rc = mosquitto_subscribe_multiple(m->link->mosq, &mid, n, texts, batch[0]->qos, 0, NULL);
    for (int i = 0; i < n; i++) {
        batch[i]->state = SEDGE_FILTER_PENDING; /* a failure to write ends the connection, a full one the time-out */
        batch[i]->mid = rc == MOSQ_ERR_SUCCESS ? mid : -1;
        batch[i]->due = sedge_mono_ms() + m->o.operation_timeout_ms;
    }
}

static void subscribe_missing(struct sedge_mqtt *m)
{
    struct sedge_filter *batch[SEDGE_MQTT_FILTERS_MAX];
    int n = 0;

    for (struct sedge_filter *f = m->filters; f; f = f->next) {
        if (f->refs == 0 || (f->state != SEDGE_FILTER_IDLE && f->state != SEDGE_FILTER_COVERED)) continue;
        if (covering(m, f)) {
            f->state = SEDGE_FILTER_COVERED;
            continue;
        }
        if (n == SEDGE_MQTT_FILTERS_MAX || (n > 0 && batch[0]->qos != f->qos)) {
            send_subscribe(m, batch, n);
            n = 0;
        }
        batch[n++] = f;
    }
    if (n > 0) send_subscribe(m, batch, n);
}

/* Filters that nobody wants any more, or that a wider one has made superfluous. */
static void unsubscribe_surplus(struct sedge_mqtt *m)
{
    char *texts[SEDGE_MQTT_FILTERS_MAX];
    int n = 0;

    for (struct sedge_filter *f = m->filters; f && n < SEDGE_MQTT_FILTERS_MAX; f = f->next) {
        if (!at_broker(f) || (f->refs > 0 && (f->state != SEDGE_FILTER_GRANTED || !covering(m, f)))) continue;
        f->state = f->refs > 0 ? SEDGE_FILTER_COVERED : SEDGE_FILTER_IDLE;
        texts[n++] = f->text;
    }
    if (n == 0) return;
    (void)mosquitto_unsubscribe_multiple(m->link->mosq, NULL, n, texts,
                                         NULL); /* a lost connection forgets them anyway */
    if (n == SEDGE_MQTT_FILTERS_MAX) unsubscribe_surplus(m);
}

static void free_unused(struct sedge_mqtt *m)
{
    for (struct sedge_mqtt_sub **p = &m->subs; *p;) {
        struct sedge_mqtt_sub *s = *p;
        if (!s->dead) {
            p = &s->next;
            continue;
        }
        *p = s->next;
        free(s);
    }
    for (struct sedge_filter **p = &m->filters; *p;) {
        struct sedge_filter *f = *p;
        if (f->refs > 0) {
            p = &f->next;
            continue;
        }
        *p = f->next;
        free(f->text);
        free(f->reason_string);
        free(f);
    }
}

void sedge_subs_sync(struct sedge_mqtt *m)
{
    if (m->connected && !m->link->gone) {
        subscribe_missing(m);
        unsubscribe_surplus(m);
    }
    free_unused(m);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

static void refused(struct sedge_mqtt *m, struct sedge_filter *f, int code, const char *reason_string)
{
    uint32_t random;

    sedge_random_bytes(&random, sizeof random);
    f->state = SEDGE_FILTER_REFUSED;
    f->code = code;
    free(f->reason_string);
    f->reason_string = sedge_xstrdup(reason_string);
    f->due = sedge_mono_ms() + m->o.resubscribe_ms + random % JITTER_MS;
    for (struct sedge_mqtt_sub *s = m->subs; s; s = s->next)
        for (size_t i = 0; i < s->n; i++)
            if (s->filters[i] == f) s->answered = false;
}

void sedge_subs_acked(struct sedge_mqtt *m, const struct sedge_link_event *e)
{
    size_t i = 0;

    for (struct sedge_filter *f = m->filters; f; f = f->next) {
        if (f->state != SEDGE_FILTER_PENDING || f->mid != e->mid) continue;
        f->code = i < e->n_codes ? e->codes[i] : 0x80;
        i++;
        if (f->code >= 0x80)
            refused(m, f, f->code, e->reason_string);
        else
            f->state = SEDGE_FILTER_GRANTED;
    }
    sedge_mqtt_kick(m, 0);
}

void sedge_subs_expire(struct sedge_mqtt *m, int64_t now)
{
    for (struct sedge_filter *f = m->filters; f; f = f->next) {
        if (f->state == SEDGE_FILTER_PENDING && now >= f->due) {
            refused(m, f, -1, NULL);
            sedge_mqtt_kick(m, 0);
        } else if (f->state == SEDGE_FILTER_REFUSED && now >= f->due) {
            f->state = SEDGE_FILTER_IDLE;
            for (struct sedge_mqtt_sub *s = m->subs; s; s = s->next)
                for (size_t i = 0; i < s->n; i++)
                    if (s->filters[i] == f) s->answered = false;
            sedge_mqtt_kick(m, 0);
        }
    }
}

static void set_refusal(const struct sedge_filter *f, struct sedge_err *err)
{
    if (f->code < 0)
        (void)sedge_err_set(err, SEDGE_E_TIMEOUT, "the broker did not answer the subscription to %s", f->text);
    else
        (void)sedge_err_set(err, f->code == 0x87 ? SEDGE_E_DENIED : SEDGE_E_INVALID,
                            "the broker refused the subscription to %s: %s (code %d)", f->text,
                            sedge_mqtt_reason_name(f->code), f->code);
}

static void answer(struct sedge_mqtt *m, struct sedge_mqtt_sub *s)
{
    int codes[SEDGE_MQTT_FILTERS_MAX] = {0};
    struct sedge_err err = SEDGE_ERR_INIT;

    for (size_t i = 0; i < s->n; i++) {
        const struct sedge_filter *f = s->filters[i];
        const struct sedge_filter *wide = f->state == SEDGE_FILTER_COVERED ? covering(m, f) : NULL;
        if (f->state != SEDGE_FILTER_GRANTED && f->state != SEDGE_FILTER_REFUSED && !wide) return;
        codes[i] = wide ? wide->code : f->code;
        if (f->state == SEDGE_FILTER_REFUSED) set_refusal(f, &err);
    }
    s->answered = true;
    if (err.code != SEDGE_OK) sedge_log(SEDGE_WARN, "mqtt", "subscription-refused", "%s", err.msg);
    if (s->cbs.on_granted) s->cbs.on_granted(s->user, codes, s->n, err.code == SEDGE_OK ? NULL : &err);
}

void sedge_subs_answer(struct sedge_mqtt *m)
{
    if (!m->connected) return;
    /* Handles are freed by sync only, so the list holds while callbacks subscribe and unsubscribe. */
    for (struct sedge_mqtt_sub *s = m->subs; s; s = s->next)
        if (!s->dead && !s->answered) answer(m, s);
}

static bool wants(const struct sedge_mqtt_sub *s, const char *topic)
{
    for (size_t i = 0; i < s->n; i++)
        if (sedge_mqtt_filter_matches(s->filters[i]->text, topic)) return true;
    return false;
}

void sedge_subs_dispatch(struct sedge_mqtt *m, const struct sedge_link_event *e)
{
    struct sedge_mqtt_message msg = {
        .topic = e->topic, .payload = e->payload, .len = e->len, .qos = e->qos, .retain = e->retain};

    if (e->has_props) msg.props = &e->props;
    for (struct sedge_mqtt_sub *s = m->subs; s; s = s->next)
        if (!s->dead && s->cbs.on_message && wants(s, e->topic)) s->cbs.on_message(s->user, &msg);
}

void sedge_subs_free_all(struct sedge_mqtt *m)
{
    for (struct sedge_mqtt_sub *s = m->subs; s; s = s->next)
        sedge_mqtt_unsubscribe(s);
    free_unused(m);
}
