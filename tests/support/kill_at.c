/*
 * kill_at - a library in front of sedge-cloud (LD_PRELOAD) that kills the process, as kill -9 does, instead of letting
 * it write an MQTT message of a chosen topic to its broker.
 *
 *   SEDGE_KILL_AT=text     dies at the first write to a socket that has this text in it
 *
 * So the instants between commit and answer (a topic of an answer), and between answer and notification (a topic of a
 * notification), are hit exactly, and the program itself knows nothing of it.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void check(int fd, const void *data, size_t n)
{
    const char *text = getenv("SEDGE_KILL_AT");
    struct stat st;

    if (!text || !text[0] || fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode)) return;
    if (memmem(data, n, text, strlen(text))) (void)kill(getpid(), SIGKILL);
}

ssize_t write(int fd, const void *data, size_t n)
{
    ssize_t (*real)(int, const void *, size_t);

    *(void **)&real = dlsym(RTLD_NEXT, "write");
    check(fd, data, n);
    return real(fd, data, n);
}

ssize_t send(int fd, const void *data, size_t n, int flags)
{
    ssize_t (*real)(int, const void *, size_t, int);

    *(void **)&real = dlsym(RTLD_NEXT, "send");
    check(fd, data, n);
    return real(fd, data, n, flags);
}
