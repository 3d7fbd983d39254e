/* nh-bench-server PORT: the routes that HTTP server benchmarks ask for, with the library's defaults.
 * BENCH_THREADS sets the number of event loops, BENCH_CERT and BENCH_KEY have it speak TLS, BENCH_H2C HTTP/2
 * in the clear too. */
#include "nethttp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long long number(nh_request *r, const char *name) {
    size_t len;
    const char *v = nh_request_query_value(r, name, &len);
    return v ? strtoll(v, NULL, 10) : 0;
}

static void plaintext(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_respond(w, 200, "text/plain", "Hello, World!", 13);
}

static void json(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    static const char body[] = "{\"message\":\"Hello, World!\"}";
    nh_respond(w, 200, "application/json", body, sizeof body - 1);
}

static void bytes(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    static const char zeros[256 * 1024];
    long long n = number(r, "n");
    char length[32];
    snprintf(length, sizeof length, "%lld", n);
    nh_response_writer_set_header(w, "Content-Length", length);
    for (; n > 0; n -= (long long)sizeof zeros) {
        size_t some = n < (long long)sizeof zeros ? (size_t)n : sizeof zeros;
        if (nh_response_writer_write(w, zeros, some, NULL) != NH_OK) return;
    }
}

static void sleep_route(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    long long ms = number(r, "ms");
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&t, &t) != 0) {
    }
    plaintext(w, r, NULL);
}

static char *buffer(void) {
    static _Thread_local char buf[256 * 1024];
    return buf;
}

static void echo(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    size_t n;
    nh_response_writer_set_full_duplex(w);
    while (nh_request_body_read(r, buffer(), 256 * 1024, &n, NULL) == NH_OK && n > 0)
        if (nh_response_writer_write(w, buffer(), n, NULL) != NH_OK) return;
}

static void sink(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    size_t n;
    while (nh_request_body_read(r, buffer(), 256 * 1024, &n, NULL) == NH_OK && n > 0) {
    }
    plaintext(w, r, NULL);
}

static nh_result listen_on(nh_server *s, const char *addr, nh_error **err) {
    const char *cert = getenv("BENCH_CERT"), *key = getenv("BENCH_KEY");
    if (!cert || !key) return nh_server_listen(s, addr, err);
    nh_tls_config *tls = nh_tls_config_new();
    nh_result r = nh_tls_config_set_certificate_files(tls, cert, key, err);
    if (r == NH_OK) r = nh_server_listen_tls(s, addr, tls, err);
    nh_tls_config_free(tls);
    return r;
}

int main(int argc, char **argv) {
    static const struct {
        const char *pattern;
        nh_handler_fn handler;
    } routes[] = {{"/plaintext", plaintext}, {"/json", json}, {"/bytes", bytes},
                  {"/sleep", sleep_route},   {"/echo", echo}, {"/sink", sink}};
    nh_server *s = nh_server_new();
    nh_error *err = NULL;
    const char *threads = getenv("BENCH_THREADS");
    char addr[64];
    snprintf(addr, sizeof addr, "127.0.0.1:%s", argc > 1 ? argv[1] : "8080");
    if (getenv("BENCH_H2C"))
        nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2);
    if (threads) nh_server_set_shards(s, strtoul(threads, NULL, 10));
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        nh_server_handle(s, routes[i].pattern, routes[i].handler, NULL, NULL, NULL);
    if (listen_on(s, addr, &err) == NH_OK) nh_server_run(s, &err);
    fprintf(stderr, "nh-bench-server: %s\n", nh_error_message(err));
    nh_error_free(err);
    nh_server_free(s);
    return 1;
}
