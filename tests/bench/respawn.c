/*
 * respawn - the small programs behind the respawn figures of tests/bench/lifecycle.py.
 *
 *   respawn listen FIFO FILE        a script says with `echo b >FIFO` that it has begun and with `echo e >FIFO` that it
 *                                   ends: notes both, with the time
 *   respawn loop COMMAND            the least that any supervisor does: fork, execute sh -c COMMAND, wait, again
 *
 * FILE gets a line for each, like "b 123456789", in nanoseconds of the monotonic clock. What lies between an e and the
 * next b is the time to start again: death, the supervisor, the new process, its shell. Two that came in one read have
 * no time of their own: they are noted with 0.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int note(FILE *out, const char *text, ssize_t n)
{
    long long now = n > 2 ? 0 : now_ns(); /* a letter and a line's end */

    for (ssize_t i = 0; i < n; i++)
        if (text[i] != '\n' && fprintf(out, "%c %lld\n", text[i], now) < 0) return -1;
    return fflush(out);
}

static int listen_to(const char *fifo, const char *file)
{
    int fd = open(fifo, O_RDWR | O_CLOEXEC); /* for writing, too: it never ends */
    FILE *out = fopen(file, "ae");
    char text[256];
    ssize_t n;

    if (fd < 0 || !out) return 2;
    do {
        n = read(fd, text, sizeof(text));
    } while (n > 0 && note(out, text, n) == 0);
    return 2;
}

static int loop(char *command)
{
    for (;;) {
        pid_t pid = fork();
        if (pid == 0) {
            (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
            _exit(127);
        }
        if (pid < 0 || waitpid(pid, NULL, 0) != pid) return 2;
    }
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "listen") == 0) return listen_to(argv[2], argv[3]);
    if (argc == 3 && strcmp(argv[1], "loop") == 0) return loop(argv[2]);
    (void)fputs("usage: respawn listen FIFO FILE | respawn loop COMMAND\n", stderr);
    return 100;
}
