/* What the C tests of servers share: URLs of a server, and a raw client that says exactly what it is told. */
#ifndef NETHTTP_TEST_SERVE_H
#define NETHTTP_TEST_SERVE_H

#include "check.h"
#include "nethttp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Good until the next call. */
static inline const char *url_of(const nh_server *s, const char *path) {
    static char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", (int)nh_server_port(s, 0), path);
    return url;
}

static inline int raw_connect(int port) {
    struct sockaddr_in to;
    struct timeval limit = {20, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    to.sin_port = htons((uint16_t)port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    CHECK(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

static inline void raw_send(int fd, const char *text) {
    size_t len = strlen(text);
    CHECK(send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len);
}

/* Ends the connection by a reset: the peer's next call fails. */
static inline void raw_reset(int fd) {
    struct linger now = {1, 0};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    close(fd);
}

/* Reads to the end of the stream and closes; the text is cut to fit. */
static inline void raw_finish(int fd, char *buf, size_t cap) {
    size_t len = 0;
    char rest[4096];
    for (;;) {
        ssize_t n = recv(fd, rest, sizeof rest, 0);
        if (n <= 0) break;
        if ((size_t)n > cap - 1 - len) n = (ssize_t)(cap - 1 - len);
        memcpy(buf + len, rest, (size_t)n);
        len += (size_t)n;
    }
    buf[len] = 0;
    close(fd);
}

#endif
