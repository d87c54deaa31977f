/*
 * log - one line for each event of the program itself, through one sink. (Components' output goes elsewhere.)
 *
 *   sedge_log(SEDGE_INFO, "deploy", "deployment-accepted", "id=%s source=%s", id, source);
 *
 * gives, in the form of the Greengrass logs (spec/config.md 12.3):
 *   2024-03-07T10:15:42.123Z [INFO] (main) deploy: deployment-accepted. id=... source=... {}
 *
 * Text from outside is escaped, so that an event stays on one line. Nothing below the level is formatted. Secrets are
 * never given to this function. The sink is the one module-level variable here (style: the log sink is the exception);
 * it defaults to stderr. Any thread may log; the sink is called under a lock.
 */
#ifndef SEDGE_BASE_LOG_H
#define SEDGE_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum sedge_level { SEDGE_TRACE, SEDGE_DEBUG, SEDGE_INFO, SEDGE_WARN, SEDGE_ERROR };
enum sedge_log_format { SEDGE_LOG_TEXT, SEDGE_LOG_JSON, SEDGE_LOG_RAW /* the message alone */ };

void sedge_log(enum sedge_level level, const char *module, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool sedge_log_enabled(enum sedge_level level);

void sedge_log_set_level(enum sedge_level level);
void sedge_log_set_format(enum sedge_log_format format);
/* A complete line with its newline. NULL: back to stderr. */
void sedge_log_set_sink(void (*sink)(const char *line, size_t n, void *user), void *user);
/* "INFO", "JSON" and so on; upper case as in the configuration. -1 for another word. */
int sedge_level_from_name(const char *name, enum sedge_level *out);
int sedge_log_format_from_name(const char *name, enum sedge_log_format *out);
const char *sedge_level_name(enum sedge_level level);

struct sedge_buf;
struct json_object;
/* Formats one line into *out: shared by this sink and the component logs. `contexts` (object of texts) may be NULL. */
void sedge_log_format_line(struct sedge_buf *out, enum sedge_log_format format, enum sedge_level level,
                           const char *thread, const char *logger, const char *event, const char *message,
                           struct json_object *contexts);

#endif
