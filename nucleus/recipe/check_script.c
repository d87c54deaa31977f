/*
 * What scripts say, as far as it can be told without a shell: the rough structure of commands, quotes and comments.
 * Everything here is a guess about what the author meant, so each rule asks for plain signs.
 */
#include "check_parts.h"

#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

/* One command of a script: from `start`, n bytes; `end` is what ended it ('&', ';', '\n', '|', or 0). */
struct command {
    const char *start;
    size_t n;
    char end;
    bool twice; /* && or || */
};

/* Reads past a quoted part; p is at the quote. */
static const char *skip_quotes(const char *p)
{
    char quote = *p++;

    for (; *p && *p != quote; p++)
        if (*p == '\\' && quote == '"' && p[1]) p++;
    return *p ? p + 1 : p;
}

/* An "&" that belongs to a redirection: 2>&1, &>file, <&3. */
static bool redirects(const char *script, const char *p)
{
    return (p > script && (p[-1] == '>' || p[-1] == '<')) || p[1] == '>';
}

/* The next command at *p; false at the end. */
static bool next_command(const char *script, const char **p, struct command *out)
{
    const char *s = *p + strspn(*p, " \t\r\n;&|()");

    while (*s == '{' && isspace((unsigned char)s[1])) /* a group; not a recipe variable */
        s += 1 + strspn(s + 1, " \t\r\n;&|()");
    *out = (struct command){.start = s};
    if (!*s) return false;
    for (; *s; s++) {
        if (*s == '\'' || *s == '"') {
            s = skip_quotes(s) - 1;
        } else if (*s == '\\' && s[1]) {
            s++;
        } else if (*s == '#' && (s == out->start || isspace((unsigned char)s[-1]))) {
            out->n = (size_t)(s - out->start);
            s += strcspn(s, "\n");
            out->end = *s;
            *p = s;
            return true;
        } else if (strchr("\n;|", *s) || (*s == '&' && !redirects(script, s))) {
            break;
        }
    }
    out->n = (size_t)(s - out->start);
    out->end = *s;
    out->twice = *s && s[1] == *s;
    *p = s;
    return true;
}

static bool has(const struct command *cmd, const char *text)
{
    return memmem(cmd->start, cmd->n, text, strlen(text)) != NULL;
}

static bool begins(const struct command *cmd, const char *word)
{
    size_t n = strlen(word);

    return cmd->n >= n && strncmp(cmd->start, word, n) == 0 && (cmd->n == n || isspace((unsigned char)cmd->start[n]));
}

/* Heap; the command in one line. */
static char *text_of(const struct command *cmd)
{
    size_t n = cmd->n;

    while (n > 0 && isspace((unsigned char)cmd->start[n - 1]))
        n--;
    return sedge_xstrndup(cmd->start, n);
}

/* Whether standard output and standard error go elsewhere. */
static bool is_redirected(const struct command *cmd)
{
    const char *out = memchr(cmd->start, '>', cmd->n);
    bool both = has(cmd, "&>") || has(cmd, ">&");

    for (; out && out > cmd->start && out[-1] == '2';
         out = memchr(out + 1, '>', cmd->n - (size_t)(out + 1 - cmd->start))) {
    }
    return both || (out && has(cmd, "2>"));
}

/* Trap 9: a step in the background ends when nobody has its standard output and error open any more. */
static void check_daemon(struct check *c, const struct at *at, const char *script)
{
    struct command cmd;
    bool elsewhere = false;

    for (const char *p = script; next_command(script, &p, &cmd);) {
        if (begins(&cmd, "exec") && has(&cmd, ">")) elsewhere = true;
        if (cmd.end != '&' || cmd.twice || elsewhere || is_redirected(&cmd)) continue;
        {
            sedge_auto_free char *text = text_of(&cmd);

            sedge_check_found(
                c, RULE_DAEMON_OUTPUT, &(struct about){.at = at, .text = text, .find = text},
                "\"%.100s &\" keeps the standard output and error of startup open: the step does not end before "
                "it does; add >/dev/null 2>&1, or use run without \"&\"",
                text);
        }
        return;
    }
}

/* Trap 8: work that is slow or needs a network, at every launch. */
static void check_install(struct check *c, const struct at *at, const char *script)
{
    static const char *const slow[] = {"apt ",   "apt-get ",    "yum ",         "dnf ",    "apk add",
                                       "opkg ",  "pip install", "pip3 install", "-m venv", "npm install",
                                       "npm ci", "git clone",   "curl ",        "wget ",   "docker pull"};
    static const char *const guards[] = {"[ ", "[[", "test ", "if ", "command -v", "||"};

    bool guarded = false;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(guards); i++)
        guarded = guarded || strstr(script, guards[i]);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(slow) && !guarded; i++) {
        if (!strstr(script, slow[i])) continue;
        sedge_check_found(c, RULE_INSTALL_REPEATED, &(struct about){.at = at, .text = slow[i], .find = slow[i]},
                          "install runs at every launch of the nucleus, with \"%s\" also without a network; expected a "
                          "Skipif, such as: exists {work:path}/installed",
                          slow[i]);
        return;
    }
    sedge_check_found(c, RULE_INSTALL_LAUNCH, &(struct about){.at = at},
                      "install runs at every launch of the nucleus; Skipif can leave it out");
}

/* Trap 13. */
static void check_exit(struct check *c, const struct at *at, const char *step, const char *script)
{
    const char *p = strstr(script, "exit ");

    if (!p || p[5] < '1' || p[5] > '9') return;
    sedge_check_found(c, RULE_EXIT_IGNORED, &(struct about){.at = at, .text = "exit", .find = "exit "},
                      "the exit code of %s is ignored", step);
}

/* Length of the program's path in a command that begins with "{artifacts:path}/" or so; *tail is what follows it. */
static const char *artifact_tail(const struct command *cmd)
{
    static const char *const fronts[] = {"{artifacts:path}/", "{artifacts:decompressedPath}/"};
    const char *p = cmd->start;

    if (begins(cmd, "exec")) p += 5;
    p += strspn(p, " \t\"'");
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(fronts); i++)
        if (sedge_str_starts(p, fronts[i])) return p + strlen(fronts[i]);
    return NULL;
}

/* A file that nobody may execute, as a command. */
static void check_executable(struct check *c, const struct at *at, const char *script, const struct files *files)
{
    struct command cmd;

    for (const char *p = script; next_command(script, &p, &cmd);) {
        const char *tail = artifact_tail(&cmd);
        size_t n = tail ? strcspn(tail, "/ \t\"'\n;&|") : 0;
        sedge_auto_free char *name = tail ? sedge_xstrndup(tail, n) : NULL;

        if (!name || !sedge_strv_has(&files->locked, name)) continue;
        sedge_check_found(c, RULE_NOT_EXECUTABLE, &(struct about){.at = at, .text = name, .find = name},
                          "%s is run as a command, but its artifact has no Permission to execute; expected Permission: "
                          "{Execute: OWNER}",
                          name);
        return;
    }
}

/* Trap 14. */
static void check_credentials(struct check *c, const struct at *at, const char *script)
{
    static const char name[] = "AWS_CONTAINER_CREDENTIALS_FULL_URI";

    if (!strstr(script, name)) return;
    if (c->dependencies && sedge_json_has(c->dependencies, "aws.greengrass.TokenExchangeService")) return;
    sedge_check_found(
        c, RULE_TOKEN_EXCHANGE, &(struct about){.at = at, .text = name, .find = name},
        "is only set when the token exchange service runs; expected aws.greengrass.TokenExchangeService among "
        "the dependencies");
}

void sedge_check_script(struct check *c, const struct at *at, const char *step, const char *script, bool skipif,
                        const struct files *files)
{
    bool startup = step && strcmp(step, "startup") == 0;
    bool install = step && strcmp(step, "install") == 0;
    bool ignored = step && (strcmp(step, "shutdown") == 0 || strcmp(step, "recover") == 0);

    if (startup) check_daemon(c, at, script);
    if (install && !skipif) check_install(c, at, script);
    if (ignored) check_exit(c, at, step, script);
    check_executable(c, at, script, files);
    check_credentials(c, at, script);
}
