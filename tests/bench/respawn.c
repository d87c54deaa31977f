/*
 * respawn - the small programs behind the respawn figures of tests/bench/lifecycle.py.
 *
 *   respawn life FILE MS       a life that fails: notes its beginning in FILE, sleeps for MS milliseconds if that is
 * not 0, notes its end, exits with 1 respawn loop COMMAND       the least that any supervisor does: fork, execute sh -c
 * COMMAND, wait, again
 *
 * A note is a line like "b 123456789" or "e 123456789", in nanoseconds of the monotonic clock. What lies between an e
 * and the next b is the time to start again: death, the supervisor, the new process, its shell, and this program.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int note(int fd, char what)
{
    struct timespec t;
    char line[64];
    int n;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    n = snprintf(line, sizeof(line), "%c %lld\n", what, (long long)t.tv_sec * 1000000000LL + t.tv_nsec);
    return write(fd, line, (size_t)n) == n ? 0 : -1;
}

static int live(const char *file, long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    int fd = open(file, O_WRONLY | O_APPEND | O_CLOEXEC);

    if (fd < 0 || note(fd, 'b') != 0) return 2;
    if (ms > 0) (void)nanosleep(&t, NULL);
    return note(fd, 'e') == 0 ? 1 : 2;
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
    if (argc == 4 && strcmp(argv[1], "life") == 0) return live(argv[2], strtol(argv[3], NULL, 10));
    if (argc == 3 && strcmp(argv[1], "loop") == 0) return loop(argv[2]);
    (void)fputs("usage: respawn life FILE MS | respawn loop COMMAND\n", stderr);
    return 100;
}
