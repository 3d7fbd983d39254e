/* A scripted origin on loopback for the client's tests: one thread a connection, the path chooses the script.
 */
#ifndef NETHTTP_TEST_ORIGIN_H
#define NETHTTP_TEST_ORIGIN_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static int origin_port;

static void origin_sleep(int ms) {
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static void origin_send(int fd, const char *text) {
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0) return;
        text += n, len -= (size_t)n;
    }
}

/* Reads a head byte by byte; 0 is the end of the connection. To TLS it answers as plain servers do. */
static int origin_head(int fd, char *head, size_t cap) {
    size_t n = 0;
    while (n + 1 < cap && recv(fd, head + n, 1, 0) == 1) {
        if (head[0] == 0x16) {
            (void)!recv(fd, head, cap, 0);
            origin_send(fd, "HTTP/1.0 400 Bad Request\r\n\r\n");
            return 0;
        }
        head[++n] = 0;
        if (n >= 4 && !memcmp(head + n - 4, "\r\n\r\n", 4)) return 1;
    }
    return 0;
}

#define ORIGIN_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-One: 1\r\n\r\nok"
#define ORIGIN_CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/* Answers one request; 0 ends the connection. */
static int origin_answer(int fd, const char *head) {
    const char *path = strchr(head, ' ') ? strchr(head, ' ') + 1 : "";
    if (!strncmp(path, "http://", 7) && strchr(path + 7, '/')) path = strchr(path + 7, '/');
    if (!strncmp(head, "CONNECT ", 8)) origin_send(fd, "HTTP/1.1 403 Forbidden\r\n\r\n");
#define IS(p) (!strncmp(path, p " ", sizeof p))
    if (IS("/ok") || IS("/")) {
        origin_send(fd, ORIGIN_OK);
        return 1;
    }
    if (IS("/cookie")) { /* sets two, and shows which it was sent */
        char answer[1024], *sent = strstr(head, "\r\nCookie: ");
        int len = sent ? (int)strcspn(sent + 10, "\r") : 0;
        if (len > 400) len = 400;
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Sent: %.*s\r\nSet-Cookie: a=1; Max-Age=60\r\n"
                 "Set-Cookie: none\r\nSet-Cookie: s=session; Path=/\r\n\r\n",
                 len, sent ? sent + 10 : "");
        origin_send(fd, answer);
        return 1;
    }
    if (IS("/take")) { /* reads a body of 4 bytes */
        char body[4];
        if (recv(fd, body, 4, MSG_WAITALL) == 4) origin_send(fd, ORIGIN_OK);
        return 1;
    }
    if (IS("/drain")) { /* reads a chunked body and its trailer */
        char body[4096];
        for (ssize_t n; (n = recv(fd, body, sizeof body, 0)) > 0;)
            if (n >= 4 && !memcmp(body + n - 4, "\r\n\r\n", 4)) break;
        origin_send(fd, ORIGIN_OK);
        return 1;
    }
    if (IS("/trailer")) origin_send(fd, ORIGIN_CHUNKED "2\r\nok\r\n0\r\nX-Sum: 8\r\n\r\n");
    if (IS("/cut")) origin_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
    if (IS("/badchunk")) origin_send(fd, ORIGIN_CHUNKED "2\r\nok\r\nzz\r\n");
    if (IS("/garbage")) origin_send(fd, "SSH-2.0-x\r\n\r\n");
    if (IS("/both")) origin_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab");
    if (IS("/extensions")) {
        char chunk[260];
        memset(chunk, 'e', sizeof chunk);
        memcpy(chunk, "1;", 2);
        memcpy(chunk + 250, "\r\nx\r\n", 6);
        origin_send(fd, ORIGIN_CHUNKED);
        for (int i = 0; i < 500; i++)
            origin_send(fd, chunk);
    }
    if (IS("/bighead")) {
        origin_send(fd, "HTTP/1.1 200 OK\r\nX: ");
        for (int i = 0; i < 100; i++)
            origin_send(fd, "0123456789");
        origin_send(fd, "\r\nContent-Length: 0\r\n\r\n");
    }
    if (IS("/reset") || IS("/bodyreset")) {
        struct linger hard = {1, 0};
        if (IS("/bodyreset")) origin_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
        origin_sleep(30);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    if (IS("/half")) {
        origin_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
        origin_sleep(1000);
    }
    if (IS("/early")) {
        origin_send(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        origin_sleep(1000);
    }
    if (IS("/silent")) origin_sleep(1000);
    return 0;
}

static void *origin_conn(void *arg) {
    int fd = (int)(intptr_t)arg;
    char head[8192];
    while (origin_head(fd, head, sizeof head) && origin_answer(fd, head)) {
    }
    close(fd);
    return NULL;
}

static void *(*origin_script)(void *);

static void *origin_run(void *arg) {
    int listener = (int)(intptr_t)arg, fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        pthread_t t;
        CHECK_INT(pthread_create(&t, NULL, origin_script, (void *)(intptr_t)fd), 0);
        pthread_detach(t);
    }
    return NULL;
}

/* Serves the connections of a port of its own with a script that gets the socket and closes it; one call a
 * program. */
static void origin_serve(void *(*script)(void *)) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    pthread_t t;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    CHECK_INT(listen(fd, 64), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    origin_port = ntohs(a.sin_port);
    origin_script = script;
    CHECK_INT(pthread_create(&t, NULL, origin_run, (void *)(intptr_t)fd), 0);
    pthread_detach(t);
}

static inline void origin_start(void) { origin_serve(origin_conn); }

/* The URL of a path; the text is good until the eighth call after. */
static inline const char *origin_url(const char *path) {
    static _Thread_local char urls[8][128];
    static _Thread_local int next;
    char *url = urls[next++ % 8];
    snprintf(url, sizeof urls[0], "http://127.0.0.1:%d%s", origin_port, path);
    return url;
}

#endif
