/*
 * kill_at - a library in front of sedge-cloud (LD_PRELOAD) that kills the process, as kill -9 does, instead of letting
 * it publish to a chosen topic.
 *
 *   SEDGE_KILL_AT=text     dies at the first message whose topic has this text in it
 *
 * The MQTT library writes a message to the socket before the next one is handed to it. So the instants between commit
 * and answer (a topic of an answer), and between answer and notification (a topic of a notification), are hit exactly,
 * and the program itself knows nothing of it.
 */
#include <dlfcn.h>
#include <mosquitto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*publish_fn)(struct mosquitto *m, int *mid, const char *topic, int n, const void *payload, int qos,
                          bool retain, const mosquitto_property *props);

__attribute__((visibility("default"))) int mosquitto_publish_v5(struct mosquitto *mosq, int *mid, const char *topic,
                                                                int payloadlen, const void *payload, int qos,
                                                                bool retain, const mosquitto_property *properties)
{
    const char *text = getenv("SEDGE_KILL_AT");
    publish_fn real;

    if (text && text[0] && strstr(topic, text)) (void)kill(getpid(), SIGKILL);
    *(void **)&real = dlsym(RTLD_NEXT, "mosquitto_publish_v5");
    return real(mosq, mid, topic, payloadlen, payload, qos, retain, properties);
}
