/* nh-bench-client URL N C: N requests, C threads, one shared client with the library's defaults.
 * BENCH_UPLOAD=BYTES posts that many zeros instead of a GET, made while they are sent, 256 KiB at once;
 * BENCH_CAFILE is the certificate to trust; BENCH_H2 asks for HTTP/2, over TLS. Exit status 77: cannot do
 * that. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nethttp.h"

static nh_client *client;
static const char *url;
static atomic_long left;
static size_t upload;

static void die(const char *what, nh_error *err) {
    fprintf(stderr, "%s: %s\n", what, err ? nh_error_message(err) : "failed");
    exit(1);
}

static nh_result zeros(void *userdata, void *buf, size_t cap, size_t *n_out) {
    size_t *rest = userdata;
    *n_out = cap < *rest ? cap : *rest;
    memset(buf, 0, *n_out);
    *rest -= *n_out;
    return NH_OK;
}

static nh_result again(void *userdata) {
    *(size_t *)userdata = upload;
    return NH_OK;
}

static void *run(void *unused) {
    (void)unused;
    nh_error *err = NULL;
    nh_request *r = NULL;
    static _Thread_local char buf[64 * 1024];
    if (nh_request_new(upload ? "POST" : "GET", url, &r, &err)) die("request", err);
    size_t rest = upload;
    if (upload && nh_request_set_body_callback(r, (int64_t)upload, zeros, again, &rest, NULL))
        die("body", NULL);
    while (atomic_fetch_sub(&left, 1) > 0) {
        nh_response *res = NULL;
        size_t n = 0;
        if (nh_client_do(client, r, &res, &err)) die("do", err);
        if (nh_response_status_code(res) != 200) die("status", NULL);
        do {
            if (nh_response_body_read(res, buf, sizeof buf, &n, &err)) die("read", err);
        } while (n > 0);
        nh_response_free(res);
    }
    nh_request_free(r);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 4 || strncmp(argv[1], "http", 4) != 0) return 77;
    url = argv[1];
    atomic_init(&left, atol(argv[2]));
    int threads = atoi(argv[3]);
    if (threads < 1) return 2;
    if (getenv("BENCH_UPLOAD")) upload = (size_t)atol(getenv("BENCH_UPLOAD"));
    client = nh_client_new();
    if (nh_client_set_protocols(client, getenv("BENCH_H2") ? NH_PROTOCOL_HTTP2 : NH_PROTOCOL_HTTP1))
        die("protocols", NULL);
    if (getenv("BENCH_CAFILE")) {
        nh_error *err = NULL;
        nh_tls_config *tls = nh_tls_config_new();
        if (nh_tls_config_add_roots_file(tls, getenv("BENCH_CAFILE"), &err)) die("BENCH_CAFILE", err);
        if (nh_tls_config_set_system_roots(tls, 0) || nh_client_set_tls_config(client, tls)) die("TLS", NULL);
        nh_tls_config_free(tls);
    }
    pthread_t *t = calloc((size_t)threads, sizeof *t);
    if (!client || !t) return 1;
    if (upload && nh_client_set_buffer_sizes(client, 0, 256 * 1024)) die("buffers", NULL);
    for (int i = 1; i < threads; i++)
        if (pthread_create(&t[i], NULL, run, NULL)) return 1;
    run(NULL);
    for (int i = 1; i < threads; i++)
        pthread_join(t[i], NULL);
    nh_client_free(client);
    free(t);
    return 0;
}
