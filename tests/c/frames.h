/* HTTP/2 by the frame: what a client says is written out, and what it reads is told as text, a line for each
 * frame. */
#ifndef NETHTTP_TEST_FRAMES_H
#define NETHTTP_TEST_FRAMES_H

#include "frame_types.h"
#include "serve.h"
#include "wait.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

static inline size_t frame_put(char *out, int type, int flags, unsigned stream, const void *payload,
                               size_t n) {
    unsigned char head[9] = {
        (unsigned char)(n >> 16),      (unsigned char)(n >> 8),      (unsigned char)n,
        (unsigned char)type,           (unsigned char)flags,         (unsigned char)(stream >> 24),
        (unsigned char)(stream >> 16), (unsigned char)(stream >> 8), (unsigned char)stream};
    memcpy(out, head, 9);
    if (n) memcpy(out + 9, payload, n);
    return n + 9;
}

static inline void frame_send(int fd, int type, int flags, unsigned stream, const void *payload, size_t n) {
    char out[20000];
    CHECK(n <= sizeof out - 9);
    size_t len = frame_put(out, type, flags, stream, payload, n);
    CHECK(send(fd, out, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static inline void frame_word(int fd, int type, unsigned stream, unsigned value) {
    unsigned char w[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                          (unsigned char)(value >> 8), (unsigned char)value};
    frame_send(fd, type, 0, stream, w, 4);
}

/* A field that no table keeps, without Huffman's code. */
static inline size_t field_put(char *out, const char *name, const char *value) {
    size_t n = strlen(name), v = strlen(value), at = 0;
    CHECK(n < 127 && v < 127);
    out[at++] = 0;
    out[at++] = (char)n;
    memcpy(out + at, name, n);
    at += n;
    out[at++] = (char)v;
    memcpy(out + at, value, v);
    return at + v;
}

/* "name value" pairs, up to NULL. */
static inline size_t fields_put(char *out, const char *const *pairs) {
    size_t at = 0;
    for (; pairs && *pairs; pairs += 2)
        at += field_put(out + at, pairs[0], pairs[1]);
    return at;
}

static inline void ask(int fd, unsigned stream, const char *method, const char *path, int flags,
                       const char *const *more) {
    char block[2000];
    const char *own[] = {":method",      method,  ":scheme", "http", ":authority",
                         "test.example", ":path", path,      NULL};
    size_t n = fields_put(block, own);
    n += fields_put(block + n, more);
    frame_send(fd, HEADERS, flags | END_HEADERS, stream, block, n);
}

/* Connects, and says hello; `window` is that of streams. */
static inline int h2_connect(const nh_server *s, unsigned window) {
    int fd = raw_connect(nh_server_port(s, 0));
    unsigned char initial[6] = {0,
                                4,
                                (unsigned char)(window >> 24),
                                (unsigned char)(window >> 16),
                                (unsigned char)(window >> 8),
                                (unsigned char)window};
    raw_send(fd, PREFACE);
    frame_send(fd, SETTINGS, 0, 0, initial, 6);
    return fd;
}

typedef struct {
    int type, flags;
    unsigned stream, len;
    char payload[20000];
} frame;

static inline int read_all(int fd, void *to, size_t n) {
    for (size_t at = 0; at < n;) {
        ssize_t got = recv(fd, (char *)to + at, n - at, 0);
        if (got <= 0) return 0;
        at += (size_t)got;
    }
    return 1;
}

/* The next frame; 0 at the connection's end. */
static inline int frame_next(int fd, frame *f) {
    unsigned char h[9];
    if (!read_all(fd, h, 9)) return 0;
    f->len = (unsigned)h[0] << 16 | (unsigned)h[1] << 8 | h[2];
    f->type = h[3];
    f->flags = h[4];
    f->stream = (unsigned)h[5] << 24 | (unsigned)h[6] << 16 | (unsigned)h[7] << 8 | h[8];
    CHECK(f->len < sizeof f->payload);
    f->payload[f->len] = 0;
    return read_all(fd, f->payload, f->len);
}

static inline unsigned frame_value(const frame *f, size_t at) {
    const unsigned char *p = (const unsigned char *)f->payload + at;
    return (unsigned)p[0] << 24 | (unsigned)p[1] << 16 | (unsigned)p[2] << 8 | p[3];
}

/* What comes for one stream, or with 0 for the connection alone, up to its end: "status data data. " and so
 * on. A head is its status (or "head" where that is not indexed), data is its text, "." is END_STREAM, "reset
 * N" and "goaway N" are codes. */
static inline const char *answer(int fd, unsigned stream) {
    static const char *const indexed[] = {"200", "204", "206", "304", "400", "404", "500"};
    static char text[8192];
    size_t at = 0;
    frame f;
    text[0] = 0;
    while (frame_next(fd, &f)) {
        if (f.type == GOAWAY && stream == 0) {
            snprintf(text + at, sizeof text - at, "goaway %u", frame_value(&f, 4));
            if (frame_value(&f, 0) < 0x7fffffff) return text;
            at = strlen(text);
            text[at++] = ' ';
        }
        if (stream == 0 || f.stream != stream) continue;
        int first = f.len ? (unsigned char)f.payload[0] : 0;
        if (f.type == HEADERS)
            snprintf(text + at, sizeof text - at, "%s ",
                     first >= 0x88 && first <= 0x8e ? indexed[first - 0x88] : "head");
        else if (f.type == DATA)
            snprintf(text + at, sizeof text - at, "%.*s", (int)f.len, f.payload);
        else if (f.type == RST_STREAM)
            snprintf(text + at, sizeof text - at, "reset %u", frame_value(&f, 0));
        at = strlen(text);
        if ((f.type == HEADERS || f.type == DATA) && f.flags & END_STREAM) {
            snprintf(text + at, sizeof text - at, ".");
            return text;
        }
        if (f.type == RST_STREAM) return text;
        CHECK(at < sizeof text - 4096);
    }
    snprintf(text + at, sizeof text - at, "end");
    return text;
}

/* Reads to the connection's end, which is a graceful one, and tells what came for a stream. */
static inline const char *ending(int fd, unsigned stream, unsigned last) {
    static char text[200];
    frame f;
    int step = 0;
    text[0] = 0;
    while (frame_next(fd, &f)) {
        size_t at = strlen(text);
        if (f.type == PING && !(f.flags & ACK)) frame_send(fd, PING, ACK, 0, f.payload, 8);
        if (f.type == GOAWAY) {
            CHECK_INT(frame_value(&f, 4), 0);
            CHECK_INT(frame_value(&f, 0), step == 0 ? 0x7fffffff : last);
            step++;
        }
        CHECK(f.type != RST_STREAM);
        if (f.type == DATA && f.stream == stream)
            snprintf(text + at, sizeof text - at, "%.100s%s", f.payload, f.flags & END_STREAM ? "." : "");
    }
    CHECK_INT(step, 2);
    close(fd);
    return text;
}

#endif
