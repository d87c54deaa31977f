#include "notify.h"

#include <string.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A process has one service manager: the path is kept for the life of the program. */
static struct sockaddr_un address;
static socklen_t address_len;

void sedge_notify_init(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t n = path ? strlen(path) : 0;

    address_len = 0;
    if (n > 1 && n < sizeof address.sun_path && (path[0] == '/' || path[0] == '@')) {
        address.sun_family = AF_UNIX;
        memcpy(address.sun_path, path, n);
        if (path[0] == '@') address.sun_path[0] = 0;
        address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    }
    (void)unsetenv("NOTIFY_SOCKET"); /* fails for bad names only */
}

void sedge_notify(const char *state)
{
    int fd;

    if (!address_len) return;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    /* a service manager that does not listen is its own trouble */
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, address_len);
    (void)close(fd);
}
