#include "secret_input.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096 /* what a terminal takes in one line */

int sedge_secret_read(int fd, const char *what, struct sedge_buf *out, struct sedge_err *err)
{
    ssize_t n;

    sedge_buf_reserve(out, SEDGE_SECRET_INPUT_MAX + 3); /* a newline that does not count, and one byte too many */
    do {
        size_t room = SEDGE_SECRET_INPUT_MAX + 3 - out->len;
        n = room > 0 ? read(fd, out->data + out->len, room) : 0;
        if (n > 0) out->len += (size_t)n;
    } while (n > 0 || (n < 0 && errno == EINTR));
    out->data[out->len] = 0;
    if (n < 0) return sedge_err_sys(err, errno, "%s", what);
    if (out->len > SEDGE_SECRET_INPUT_MAX + 2)
        return sedge_err_set(err, SEDGE_E_LIMIT, "%s: a secret has at most %d bytes", what, SEDGE_SECRET_INPUT_MAX);
    return 0;
}

int sedge_secret_read_file(const char *path, struct sedge_buf *out, struct sedge_err *err)
{
    sedge_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 ? sedge_secret_read(fd, path, out, err) : sedge_err_sys(err, errno, "%s", path);
}

void sedge_secret_cut_newline(struct sedge_buf *value)
{
    if (value->len > 0 && value->data[value->len - 1] == '\n') value->len--;
    if (value->len > 0 && value->data[value->len - 1] == '\r') value->len--;
    if (value->data) value->data[value->len] = 0;
}

/* Signals are blocked but while this waits: none is missed between two reads. */
static ssize_t read_char(char *c)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t none;

    (void)sigemptyset(&none);
    return ppoll(&p, 1, NULL, &none) < 0 ? -1 : read(STDIN_FILENO, c, 1);
}

/* One line, without its newline. */
static int read_line(struct sedge_buf *out, struct sedge_err *err)
{
    ssize_t n = 0;
    char c = 0;

    sedge_buf_reserve(out, LINE_MAX_BYTES);
    while (out->len < LINE_MAX_BYTES && (n = read_char(&c)) == 1 && c != '\n')
        out->data[out->len++] = c;
    out->data[out->len] = 0;
    if (n == 1 && c == '\n') return 0;
    if (n < 0 && errno != EINTR) return sedge_err_sys(err, errno, "the terminal");
    return sedge_err_set(err, SEDGE_E_CANCELED, "nothing was stored: the line was not finished");
}

static int ask(const char *question, struct sedge_buf *out, struct sedge_err *err)
{
    int rc;

    (void)fprintf(stderr, "%s", question);
    rc = read_line(out, err);
    (void)fputc('\n', stderr);
    return rc;
}

static int ask_twice(const char *name, struct sedge_buf *out, struct sedge_err *err)
{
    sedge_auto_free char *question = sedge_xasprintf("Value of secret %s: ", name);
    struct sedge_buf again = SEDGE_BUF_INIT;
    int rc = ask(question, out, err);

    if (rc == 0) rc = ask("Once more: ", &again, err);
    if (rc == 0 && (again.len != out->len || memcmp(again.data, out->data, out->len) != 0))
        rc = sedge_err_set(err, SEDGE_E_INVALID, "the two are different, nothing was stored");
    sedge_buf_wipe(&again);
    return rc;
}

static void interrupted(int number)
{
    (void)number; /* read returns */
}

static const int interrupts[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};

/* Meanwhile an interrupt ends the line, not the program: that would leave a terminal that shows nothing. */
int sedge_secret_prompt(const char *name, struct sedge_buf *out, struct sedge_err *err)
{
    struct sigaction old[SEDGE_ARRAY_LEN(interrupts)];
    const struct sigaction mine = {.sa_handler = interrupted};
    struct termios normal, silent;
    sigset_t all, before;
    int rc;

    if (tcgetattr(STDIN_FILENO, &normal) != 0) return sedge_err_sys(err, errno, "the terminal");
    silent = normal;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(interrupts); i++)
        (void)sigaction(interrupts[i], &mine, &old[i]); /* these always can be handled */
    rc = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0 ? ask_twice(name, out, err)
                                                          : sedge_err_sys(err, errno, "the terminal");
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &normal); /* nothing can be done about a failure */
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(interrupts); i++)
        (void)sigaction(interrupts[i], &old[i], NULL);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return rc;
}
