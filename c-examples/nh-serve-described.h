/* The canonical text of each request that reached the mux, for the tests that compare servers: nh-serve
   --describe keeps it, and /described shows it. Each line is `NUMBER NAME VALUE`; NUMBER counts the requests
   of the process. Bytes outside of 0x21 to 0x7e, and the backslash, are written as \xNN. */
#ifndef NH_SERVE_DESCRIBED_H
#define NH_SERVE_DESCRIBED_H

#include "nethttp.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    pthread_mutex_t mu;
    int on;
    char *text;
    size_t len, cap;
    uint64_t next, first; /* lines of requests before first are dropped */
    size_t pending;       /* bodies that are being read */
} described = {.mu = PTHREAD_MUTEX_INITIALIZER};

/* Fowler, Noll and Vo's hash of a body, and its length. */
typedef struct {
    uint64_t hash, len, number;
} described_body;

static void described_put(char c) {
    if (described.len == described.cap) {
        size_t cap = described.cap ? described.cap * 2 : 4096;
        char *bigger = realloc(described.text, cap);
        if (!bigger) abort();
        described.text = bigger, described.cap = cap;
    }
    described.text[described.len++] = c;
}

static void described_escape(const char *v, size_t n) {
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)v[i];
        if (c > 0x20 && c < 0x7f && c != '\\') {
            described_put((char)c);
            continue;
        }
        described_put('\\'), described_put('x');
        described_put(hex[c >> 4]), described_put(hex[c & 15]);
    }
}

static void described_line(uint64_t number, const char *name, const char *v, size_t n) {
    char start[80];
    int len = snprintf(start, sizeof start, "%llu %s ", (unsigned long long)number, name);
    for (int i = 0; i < len && i < (int)sizeof start; i++)
        described_put(start[i]);
    described_escape(v, n);
    described_put('\n');
}

static void described_str(uint64_t number, const char *name, const char *v) {
    described_line(number, name, v ? v : "", v ? strlen(v) : 0);
}

/* A field; its name is written in canonical spelling. */
static void described_field(uint64_t number, const char *kind, const char *name, const char *value) {
    size_t cap = strlen(name) + strlen(value) + 3, len = 0;
    char *line = malloc(cap);
    if (!line) abort();
    if (nh_header_canonical_name(name, line, cap, &len) != NH_OK) len = strlen(strcpy(line, name));
    snprintf(line + len, cap - len, ": %s", value);
    described_str(number, kind, line);
    free(line);
}

static void described_trailer(uint64_t number, const char *kind, const nh_request *r) {
    const nh_header *h = nh_request_trailer(r);
    for (size_t i = 0; i < nh_header_count(h); i++) {
        described_field(number, kind, nh_header_name_at(h, i), nh_header_value_at(h, i));
    }
}

/* What is known of a request before its body is read. */
static void describe_head(nh_request *r) {
    char number[32];
    size_t len;
    pthread_mutex_lock(&described.mu);
    uint64_t me = described.next++;
    uint64_t *mine = malloc(sizeof *mine);
    if (!mine) abort();
    *mine = me;
    nh_request_set_value(r, "described", mine, free);
    described_str(me, "method", nh_request_method(r));
    described_str(me, "target", nh_request_uri(r));
    described_str(me, "url", nh_request_url(r));
    const char *path = nh_request_path(r, &len);
    described_line(me, "path", path, len);
    described_str(me, "query", nh_request_raw_query(r));
    described_str(me, "host", nh_request_host(r));
    snprintf(number, sizeof number, "%d.%d", nh_request_proto_major(r), nh_request_proto_minor(r));
    described_str(me, "proto", number);
    snprintf(number, sizeof number, "%lld", (long long)nh_request_content_length(r));
    described_str(me, "length", number);
    described_str(me, "coding", nh_request_transfer_encoding(r));
    described_str(me, "close", nh_request_close(r) ? "1" : "0");
    for (size_t i = 0; i < nh_request_header_count(r); i++) {
        const char *name, *value;
        if (nh_request_header_at(r, i, &name, &value) == NH_OK) described_field(me, "field", name, value);
    }
    described_trailer(me, "declared", r);
    pthread_mutex_unlock(&described.mu);
}

static described_body describe_body(nh_request *r) {
    described_body b = {.hash = 14695981039346656037u};
    uint64_t *mine = described.on ? nh_request_value(r, "described") : NULL;
    if (!mine) return b;
    b.number = *mine;
    pthread_mutex_lock(&described.mu);
    described.pending++;
    pthread_mutex_unlock(&described.mu);
    return b;
}

static void describe_bytes(described_body *b, const char *p, size_t n) {
    if (!described.on) return;
    for (size_t i = 0; i < n; i++)
        b->hash = (b->hash ^ (unsigned char)p[i]) * 1099511628211u;
    b->len += n;
}

/* The end of a body's reading: how, and the trailer. Whether a vanished client left an end of file or a reset
   is the system's, so that both are "cut". */
static void describe_end(const described_body *b, const nh_request *r, nh_result res) {
    char line[96];
    const char *how = res == NH_OK                                       ? "whole"
                      : res == NH_ERR_TOO_LARGE                          ? "too large"
                      : res == NH_ERR_UNEXPECTED_EOF || res == NH_ERR_IO ? "cut"
                      : res == NH_ERR_PROTOCOL                           ? "broken"
                                                                         : "other";
    if (!described.on) return;
    pthread_mutex_lock(&described.mu);
    if (b->number >= described.first) {
        snprintf(line, sizeof line, "%llu,%016llx,%s", (unsigned long long)b->len,
                 (unsigned long long)b->hash, how);
        described_str(b->number, "body", line);
        described_trailer(b->number, "trailer", r);
    }
    described.pending--;
    pthread_mutex_unlock(&described.mu);
}

static void described_route(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    char start[64];
    pthread_mutex_lock(&described.mu);
    int n = snprintf(start, sizeof start, "pending %zu\n", described.pending);
    nh_response_writer_write(w, start, (size_t)n, NULL);
    if (described.len) nh_response_writer_write(w, described.text, described.len, NULL);
    pthread_mutex_unlock(&described.mu);
}

static void described_reset(void) {
    pthread_mutex_lock(&described.mu);
    described.len = 0;
    described.first = described.next;
    pthread_mutex_unlock(&described.mu);
}

#endif
