/*
 * fleet_devices - many devices of sedge-cloud in one process, for tests/bench/fleet.py.
 *
 *   fleet_devices HOST PORT FOLDER COUNT [FAIL_EVERY]
 *
 * FOLDER/dev-1 ... dev-COUNT are the folders that `sedge-cloud thing create` made. Each device has its own TLS
 * connection (MQTT 5) and does what a nucleus does, without components: subscribes, asks for its next job and its
 * deployment shadow, sends a complete fleet status; on a job it reports IN_PROGRESS, then SUCCEEDED (every FAIL_EVERYth
 * device FAILED, with an error stack), then a partial fleet status, and asks again. What is not answered within 30 s is
 * sent again; a lost connection is made again.
 *
 * On each line of standard input one line of JSON on standard output: devices that are ready (connected, subscribed,
 * first answer received), job executions that were run and that were acknowledged by the cloud, offers of what was run
 * already, requests sent again, messages and bytes (topic and payload) both ways since the last line. Ends with the end
 * of its input.
 */
#include <errno.h>
#include <json-c/json.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NS           "namespace-aws-gg-deployment"
#define NAME_MAX_    40
#define ID_MAX_      80
#define ARN_MAX_     256
#define PAYLOAD_MAX_ 4096
#define ANSWER_MS    30000
#define RECONNECT_MS 2000
#define CONNECTING   40u /* at most so many TLS handshakes at a time */
#define TICK_MS      200
#define END          "end" /* clientToken */

enum waits { WAITS_NOTHING, WAITS_CONNECT, WAITS_SUBACK, WAITS_NEXT, WAITS_UPDATE };

struct device {
    struct mosquitto *mosq;
    char name[NAME_MAX_];
    char job[ID_MAX_], done[ID_MAX_]; /* running; the last that was finished */
    char arn[ARN_MAX_], deployment[ID_MAX_];
    bool connected, ready, fails, doorbell, writing;
    enum waits waits;
    int64_t since, again_at;
    int fd;
    unsigned sequence;
};

static struct device *devices;
static unsigned count, connecting;
static int poller;
static struct {
    unsigned long run, acknowledged, repeated_offers, sent_again, sent, received, sent_bytes, received_bytes;
} tally;

static void __attribute__((format(printf, 1, 2), noreturn)) die(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    fputs("fleet_devices: ", stderr);
    (void)vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static int64_t clock_ms(clockid_t which)
{
    struct timespec t;

    (void)clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* ---- what a device sends ---- */

static void __attribute__((format(printf, 3, 4))) say(struct device *d, const char *tail, const char *format, ...)
{
    char topic[ARN_MAX_], payload[PAYLOAD_MAX_];
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(payload, sizeof(payload), format, ap);
    va_end(ap);
    (void)snprintf(topic, sizeof(topic), "$aws/things/%s/%s", d->name, tail);
    if (mosquitto_publish(d->mosq, NULL, topic, n, payload, 1, false) != MOSQ_ERR_SUCCESS) return;
    tally.sent++;
    tally.sent_bytes += strlen(topic) + (size_t)n;
}

static void await(struct device *d, enum waits what)
{
    d->waits = what;
    d->since = now_ms();
}

static void ask_next(struct device *d)
{
    d->doorbell = false;
    say(d, "jobs/$next/" NS "/get", "{\"jobId\":\"$next\",\"thingName\":\"%s\",\"includeJobDocument\":true}", d->name);
    await(d, WAITS_NEXT);
}

static const char *status_of(const struct device *d)
{
    return d->fails ? "FAILED" : "SUCCEEDED";
}

static void update(struct device *d, const char *job)
{
    char tail[ID_MAX_ * 2];

    (void)snprintf(tail, sizeof(tail), "jobs/%s/" NS "/update", job);
    if (d->fails)
        say(d, tail,
            "{\"clientToken\":\"" END
            "\",\"status\":\"FAILED\",\"statusDetails\":{\"detailed-deployment-status\":\"FAILED_ROLLBACK_COMPLETE\","
            "\"deployment-failure-cause\":\"aws.greengrass.DLRImageClassification entered BROKEN: the startup script "
            "exited "
            "with code 1\",\"deployment-error-stack\":\"[\\\"DEPLOYMENT_FAILURE\\\",\\\"COMPONENT_UPDATE_ERROR\\\","
            "\\\"COMPONENT_BROKEN\\\"]\",\"deployment-error-types\":\"[\\\"USER_COMPONENT_ERROR\\\"]\"}}");
    else
        say(d, tail,
            "{\"clientToken\":\"" END
            "\",\"status\":\"SUCCEEDED\",\"statusDetails\":{\"detailed-deployment-status\":\"SUCCESSFUL\"}}");
}

static void take_job(struct device *d)
{
    char tail[ID_MAX_ * 2];

    tally.run++;
    (void)snprintf(tail, sizeof(tail), "jobs/%s/" NS "/update", d->job);
    say(d, tail, "{\"status\":\"IN_PROGRESS\",\"statusDetails\":{}}");
    update(d, d->job);
    await(d, WAITS_UPDATE);
}

static void fleet_status(struct device *d, bool partial)
{
    static const char *const parts[] = {"variant.DLR.ImageClassification.ModelStore", "variant.DLR",
                                        "aws.greengrass.DLRImageClassification"};
    char components[PAYLOAD_MAX_ / 2], information[PAYLOAD_MAX_ / 4] = "{}";
    int n = 0;

    for (unsigned i = 0; i < 3; i++)
        n += snprintf(components + n, sizeof(components) - (size_t)n,
                      "%s{\"componentName\":\"%s\",\"version\":\"2.1.%u\",\"fleetConfigArns\":[\"%s\"],"
                      "\"componentStatusDetails\":null,\"isRoot\":true,\"status\":\"%s\"}",
                      i ? "," : "", parts[i], i, d->arn, i == 2 ? "RUNNING" : "FINISHED");
    if (partial)
        (void)snprintf(
            information, sizeof(information),
            "{\"status\":\"%s\",\"statusDetails\":{\"detailedStatus\":\"%s\",\"failureCause\":\"\",\"errorStack\":[],"
            "\"errorTypes\":[]},\"fleetConfigurationArnForStatus\":\"%s\",\"deploymentId\":\"%s\","
            "\"unchangedRootComponents\":[]}",
            status_of(d), d->fails ? "FAILED_ROLLBACK_COMPLETE" : "SUCCESSFUL", d->arn, d->deployment);
    say(d, "greengrassv2/health/json",
        "{\"ggcVersion\":\"2.17.0\",\"platform\":\"linux\",\"architecture\":\"amd64\",\"runtime\":\"aws_nucleus_"
        "classic\","
        "\"thing\":\"%s\",\"overallDeviceStatus\":\"HEALTHY\",\"sequenceNumber\":%u,\"timestamp\":%lld,\"messageType\":"
        "\"%s\","
        "\"trigger\":\"%s\",\"components\":[%s],\"deploymentInformation\":%s}",
        d->name, ++d->sequence, (long long)clock_ms(CLOCK_REALTIME), partial ? "PARTIAL" : "COMPLETE",
        partial ? "THING_GROUP_DEPLOYMENT" : "NUCLEUS_LAUNCH", partial ? components : "", information);
}

/* ---- what it gets ---- */

static const char *text(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;

    return o && json_object_object_get_ex(o, key, &v) ? json_object_get_string(v) : "";
}

static void copy(char *out, size_t room, const char *from)
{
    (void)snprintf(out, room, "%s", from ? from : "");
}

static void on_next(struct device *d, struct json_object *answer)
{
    struct json_object *execution = NULL, *document = NULL;

    if (d->waits != WAITS_NEXT) return;
    await(d, WAITS_NOTHING);
    d->ready = true;
    if (!json_object_object_get_ex(answer, "execution", &execution)) {
        if (d->doorbell) ask_next(d);
        return;
    }
    if (strcmp(text(execution, "jobId"), d->done) == 0) { /* the answer to its update came too late or never */
        tally.repeated_offers++;
        update(d, d->done);
        await(d, WAITS_UPDATE);
        return;
    }
    (void)json_object_object_get_ex(execution, "jobDocument", &document);
    copy(d->job, sizeof(d->job), text(execution, "jobId"));
    copy(d->arn, sizeof(d->arn), text(document, "configurationArn"));
    copy(d->deployment, sizeof(d->deployment), text(document, "deploymentId"));
    take_job(d);
}

/* Only the answer to the terminal update counts; it carries the token of that. */
static void on_update(struct device *d, struct json_object *answer, bool accepted)
{
    if (d->waits != WAITS_UPDATE || strcmp(text(answer, "clientToken"), END) != 0) return;
    if (accepted) tally.acknowledged++;
    if (d->job[0]) copy(d->done, sizeof(d->done), d->job);
    d->job[0] = '\0';
    fleet_status(d, true);
    ask_next(d);
}

static bool ends_with(const char *s, const char *tail)
{
    size_t n = strlen(s), m = strlen(tail);

    return n >= m && strcmp(s + n - m, tail) == 0;
}

static void on_message(struct mosquitto *mosq, void *data, const struct mosquitto_message *m,
                       const mosquitto_property *props)
{
    struct device *d = data;
    struct json_object *body;
    bool accepted = ends_with(m->topic, "/accepted");

    (void)mosq;
    (void)props;
    tally.received++;
    tally.received_bytes += strlen(m->topic) + (size_t)m->payloadlen;
    if (strstr(m->topic, "/jobs/notify")) {
        if (d->waits == WAITS_NOTHING)
            ask_next(d);
        else
            d->doorbell = true;
        return;
    }
    if (strstr(m->topic, "/shadow/")) return;
    body = json_tokener_parse(m->payload);
    if (strstr(m->topic, "/update/"))
        on_update(d, body, accepted);
    else if (accepted)
        on_next(d, body);
    json_object_put(body);
}

static void on_subscribe(struct mosquitto *mosq, void *data, int mid, int n, const int *granted,
                         const mosquitto_property *props)
{
    struct device *d = data;

    (void)mosq;
    (void)mid;
    (void)props;
    for (int i = 0; i < n; i++)
        if (granted[i] > 2) die("%s: the broker refuses a subscription", d->name);
    connecting--;
    ask_next(d);
    say(d, "shadow/name/AWSManagedGreengrassV2Deployment/get", "%s", "");
    fleet_status(d, false);
}

static void on_connect(struct mosquitto *mosq, void *data, int reason, int flags, const mosquitto_property *props)
{
    static const char *const tails[] = {"jobs/notify-" NS,
                                        "jobs/notify-next-" NS,
                                        "jobs/+/" NS "/get/+",
                                        "jobs/+/" NS "/update/+",
                                        "shadow/name/AWSManagedGreengrassV2Deployment/get/accepted",
                                        "shadow/name/AWSManagedGreengrassV2Deployment/update/accepted",
                                        "shadow/name/AWSManagedGreengrassV2Deployment/update/rejected"};
    char filters[7][ARN_MAX_];
    char *list[7];
    struct device *d = data;

    (void)flags;
    (void)props;
    if (reason != 0) die("%s: the broker refuses the connection: %d", d->name, reason);
    for (unsigned i = 0; i < 7; i++) {
        (void)snprintf(filters[i], ARN_MAX_, "$aws/things/%s/%s", d->name, tails[i]);
        list[i] = filters[i];
    }
    d->connected = true;
    await(d, WAITS_SUBACK);
    (void)mosquitto_subscribe_multiple(mosq, NULL, 7, list, 1, 0, NULL);
}

static void on_disconnect(struct mosquitto *mosq, void *data, int reason, const mosquitto_property *props)
{
    struct device *d = data;

    (void)mosq;
    (void)reason;
    (void)props;
    if (d->waits == WAITS_CONNECT || d->waits == WAITS_SUBACK) connecting--;
    d->connected = d->writing = false;
    d->fd = -1;
    d->again_at = now_ms() + RECONNECT_MS;
    d->waits = WAITS_NOTHING;
}

/* ---- connections ---- */

static void watch(struct device *d, bool writing)
{
    struct epoll_event e = {.events = EPOLLIN | (writing ? (unsigned)EPOLLOUT : 0u), .data.ptr = d};
    int fd = mosquitto_socket(d->mosq);

    if (fd < 0 || (fd == d->fd && writing == d->writing)) return;
    if (epoll_ctl(poller, fd == d->fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) != 0 &&
        epoll_ctl(poller, EPOLL_CTL_MOD, fd, &e) != 0)
        die("%s: epoll: %s", d->name, strerror(errno));
    d->fd = fd;
    d->writing = writing;
}

static void flush(struct device *d)
{
    if (mosquitto_want_write(d->mosq)) (void)mosquitto_loop_write(d->mosq, 1);
    watch(d, mosquitto_want_write(d->mosq));
}

static void make(struct device *d, const char *folder)
{
    char ca[ARN_MAX_ * 2], crt[ARN_MAX_ * 2], key[ARN_MAX_ * 2];

    (void)snprintf(ca, sizeof(ca), "%s/%s/ca.crt", folder, d->name);
    (void)snprintf(crt, sizeof(crt), "%s/%s/device.crt", folder, d->name);
    (void)snprintf(key, sizeof(key), "%s/%s/device.key", folder, d->name);
    d->mosq = mosquitto_new(d->name, true, d);
    if (!d->mosq) die("%s: out of memory", d->name);
    (void)mosquitto_int_option(d->mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    if (mosquitto_tls_set(d->mosq, ca, NULL, crt, key, NULL) != MOSQ_ERR_SUCCESS)
        die("%s: no certificate in %s", d->name, folder);
    mosquitto_connect_v5_callback_set(d->mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(d->mosq, on_disconnect);
    mosquitto_subscribe_v5_callback_set(d->mosq, on_subscribe);
    mosquitto_message_v5_callback_set(d->mosq, on_message);
}

static void connect_some(const char *host, int port)
{
    int64_t now = now_ms();

    for (unsigned i = 0; i < count && connecting < CONNECTING; i++) {
        struct device *d = &devices[i];

        if (d->connected || d->waits == WAITS_CONNECT || now < d->again_at) continue;
        connecting++;
        await(d, WAITS_CONNECT);
        if (mosquitto_connect_bind_v5(d->mosq, host, port, 300, NULL, NULL) != MOSQ_ERR_SUCCESS) {
            connecting--;
            d->waits = WAITS_NOTHING;
            d->again_at = now + RECONNECT_MS;
            continue;
        }
        flush(d);
    }
}

static void repeat_requests(void)
{
    int64_t now = now_ms();

    for (unsigned i = 0; i < count; i++) {
        struct device *d = &devices[i];

        if (!d->connected) continue;
        (void)mosquitto_loop_misc(d->mosq);
        if (now - d->since < ANSWER_MS || d->waits < WAITS_NEXT) continue;
        tally.sent_again++;
        if (d->waits == WAITS_NEXT)
            ask_next(d);
        else
            update(d, d->job[0] ? d->job : d->done);
        d->since = now;
        flush(d);
    }
}

static void answer(void)
{
    unsigned ready = 0, idle = 0;

    for (unsigned i = 0; i < count; i++) {
        ready += devices[i].ready && devices[i].connected;
        idle += devices[i].waits == WAITS_NOTHING;
    }
    printf("{\"ready\":%u,\"idle\":%u,\"run\":%lu,\"acknowledged\":%lu,\"repeatedOffers\":%lu,\"sentAgain\":%lu,"
           "\"sent\":%lu,"
           "\"received\":%lu,\"sentBytes\":%lu,\"receivedBytes\":%lu}\n",
           ready, idle, tally.run, tally.acknowledged, tally.repeated_offers, tally.sent_again, tally.sent,
           tally.received, tally.sent_bytes, tally.received_bytes);
    (void)fflush(stdout);
    memset(&tally, 0, sizeof(tally));
}

static bool on_input(void)
{
    char line[64];
    ssize_t n = read(STDIN_FILENO, line, sizeof(line));

    if (n <= 0) return false;
    answer();
    return true;
}

static void run(const char *host, int port)
{
    struct epoll_event events[256];
    int64_t ticked = 0;

    for (;;) {
        int n = epoll_wait(poller, events, 256, TICK_MS);

        for (int i = 0; i < n; i++) {
            struct device *d = events[i].data.ptr;

            if (!d) {
                if (!on_input()) return;
                continue;
            }
            if (events[i].events & ~(unsigned)EPOLLOUT) (void)mosquitto_loop_read(d->mosq, 16);
            flush(d);
        }
        if (connecting < CONNECTING) connect_some(host, port);
        if (now_ms() - ticked < TICK_MS) continue;
        repeat_requests();
        ticked = now_ms();
    }
}

int main(int argc, char **argv)
{
    struct rlimit files;
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
    unsigned fail_every = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;

    if (argc < 5) die("HOST PORT FOLDER COUNT [FAIL_EVERY] expected");
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    count = (unsigned)strtoul(argv[4], NULL, 10);
    devices = calloc(count, sizeof(*devices));
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!devices || poller < 0 || mosquitto_lib_init() != MOSQ_ERR_SUCCESS) die("cannot begin");
    for (unsigned i = 0; i < count; i++) {
        devices[i].fd = -1;
        devices[i].fails = fail_every && (i + 1) % fail_every == 0;
        (void)snprintf(devices[i].name, sizeof(devices[i].name), "dev-%u", i + 1);
        make(&devices[i], argv[3]);
    }
    if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0) die("standard input: a pipe expected");
    run(argv[1], (int)strtol(argv[2], NULL, 10));
    return 0;
}
