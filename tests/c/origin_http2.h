/* Raw frames of HTTP/2 for scripted origins: prior knowledge, no TLS. Header blocks of the client are not
 * decoded: a script knows what it is asked. */
#ifndef NETHTTP_TEST_ORIGIN_HTTP2_H
#define NETHTTP_TEST_ORIGIN_HTTP2_H

#include <stdatomic.h>
#include <stdint.h>

#include "frame_types.h"
#include "origin.h"

struct frame {
    uint32_t len, stream;
    uint8_t type, flags;
    unsigned char payload[16384];
};

static uint32_t get32(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(unsigned char *p, uint32_t n) {
    p[0] = (unsigned char)(n >> 24), p[1] = (unsigned char)(n >> 16), p[2] = (unsigned char)(n >> 8);
    p[3] = (unsigned char)n;
}

static void put_bytes(int fd, const void *data, size_t len) {
    for (const char *p = data; len > 0;) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0) return;
        p += n, len -= (size_t)n;
    }
}

static void put_frame(int fd, int type, int flags, uint32_t stream, const void *payload, size_t len) {
    unsigned char all[9 + 16384];
    put32(all, (uint32_t)len << 8 | (uint32_t)type);
    all[4] = (unsigned char)flags;
    put32(all + 5, stream);
    CHECK(len <= 16384);
    if (len) memcpy(all + 9, payload, len);
    put_bytes(fd, all, 9 + len);
}

static inline void put_word(int fd, int type, uint32_t stream, uint32_t n) {
    unsigned char word[4];
    put32(word, n);
    put_frame(fd, type, 0, stream, word, 4);
}

static void put_setting(int fd, int id, uint32_t value) {
    unsigned char s[6] = {0, (unsigned char)id};
    put32(s + 2, value);
    put_frame(fd, SETTINGS, 0, 0, s, id ? 6 : 0);
}

static inline void put_goaway(int fd, uint32_t last, uint32_t code, const char *debug) {
    unsigned char g[8 + 64];
    put32(g, last), put32(g + 4, code);
    memcpy(g + 8, debug, strlen(debug));
    put_frame(fd, GOAWAY, 0, 0, g, 8 + strlen(debug));
}

/* A header block: the status, then name and value by turns, all as literals (RFC 7541, 6.2.2). */
static size_t block(unsigned char *out, const char *status, const char *const *fields) {
    size_t n = 0;
    if (status) {
        out[n++] = 0x08, out[n++] = 3;
        memcpy(out + n, status, 3), n += 3;
    }
    if (fields) {
        for (int i = 0; fields[i]; i += 2) {
            out[n++] = 0;
            for (int j = i; j < i + 2; j++) {
                size_t len = strlen(fields[j]);
                CHECK(len < 127);
                out[n++] = (unsigned char)len;
                memcpy(out + n, fields[j], len), n += len;
            }
        }
    }
    return n;
}

static void put_headers(int fd, uint32_t stream, int end, const char *status, const char *const *fields) {
    unsigned char b[4096];
    size_t n = block(b, status, fields);
    put_frame(fd, HEADERS, END_HEADERS | (end ? END_STREAM : 0), stream, b, n);
}

static void put_data(int fd, uint32_t stream, int end, const char *text) {
    put_frame(fd, DATA, end ? END_STREAM : 0, stream, text, strlen(text));
}

static void put_ok(int fd, uint32_t stream) {
    put_headers(fd, stream, 0, "200", NULL);
    put_data(fd, stream, 1, "ok");
}

static int get_frame(int fd, struct frame *f) {
    unsigned char head[9];
    if (recv(fd, head, 9, MSG_WAITALL) != 9) return 0;
    f->len = get32(head) >> 8, f->type = head[3], f->flags = head[4], f->stream = get32(head + 5);
    CHECK(f->len <= sizeof f->payload);
    return f->len == 0 || recv(fd, f->payload, f->len, MSG_WAITALL) == (ssize_t)f->len;
}

/* The next frame of a stream; settings and pings are answered, windows of the connection left out. */
static int next_frame(int fd, struct frame *f) {
    while (get_frame(fd, f)) {
        if (f->type == SETTINGS && !(f->flags & ACK)) put_frame(fd, SETTINGS, ACK, 0, NULL, 0);
        if (f->type == PING && !(f->flags & ACK)) put_frame(fd, PING, ACK, 0, f->payload, 8);
        if (f->stream != 0) return 1;
    }
    return 0;
}

static int get_preface(int fd) {
    char preface[24];
    return recv(fd, preface, 24, MSG_WAITALL) == 24 &&
           !memcmp(preface, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
}

/* The head of the next request; its stream, or 0 at the end. */
static uint32_t next_request(int fd) {
    static _Thread_local struct frame f;
    while (next_frame(fd, &f))
        if (f.type == HEADERS) return f.stream;
    return 0;
}

/* Waits until the stream is reset, and answers by which code; -1 is the end of the connection. */
static inline long wait_reset(int fd, uint32_t stream) {
    static _Thread_local struct frame f;
    while (next_frame(fd, &f))
        if (f.type == RST_STREAM && f.stream == stream) return get32(f.payload);
    return -1;
}

/* Ends a connection without a reset: what still comes is read first. */
static void end_connection(int fd) {
    char waste[4096];
    shutdown(fd, SHUT_WR);
    while (recv(fd, waste, sizeof waste, 0) > 0) {
    }
    close(fd);
}

#endif
