/* What the tests of the client over HTTP/2 share: an origin whose connections run a script of raw frames, and
 * requests that must succeed, or fail, in one line. */
#ifndef NETHTTP_TEST_CLIENT_HTTP2_H
#define NETHTTP_TEST_CLIENT_HTTP2_H

#include <pthread.h>

#include "nethttp.h"
#include "origin_http2.h"

static void (*_Atomic script)(int fd);
static _Atomic int connections;
/* What a script has seen; -2 before. */
static _Atomic long seen;
/* Which connection of its script's this is, from 1. */
static _Thread_local int nth;

static void *serve_script(void *arg) {
    int fd = (int)(intptr_t)arg;
    nth = atomic_fetch_add(&connections, 1) + 1;
    if (get_preface(fd)) atomic_load (&script)(fd);
    end_connection(fd);
    return NULL;
}

static inline nh_client *start(void (*with)(int fd)) {
    nh_client *c = nh_client_new();
    atomic_store(&script, with);
    atomic_store(&connections, 0);
    atomic_store(&seen, -2);
    CHECK_INT(nh_client_set_protocols(c, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    return c;
}

static inline nh_request *request_to(const char *method, const char *url) {
    nh_request *r = NULL;
    CHECK_INT(nh_request_new(method, url, &r, NULL), NH_OK);
    return r;
}

static inline nh_request *new_request(const char *method) { return request_to(method, origin_url("/")); }

static inline nh_response *send_it(nh_client *c, nh_request *r) {
    nh_response *res = NULL;
    nh_error *err = NULL;
    if (nh_client_do(c, r, &res, &err) != NH_OK) fprintf(stderr, "%s\n", nh_error_message(err));
    CHECK(res != NULL && err == NULL);
    CHECK_STR(nh_response_proto(res), "HTTP/2.0");
    return res;
}

static inline void must_read(nh_response *res, const char *want) {
    const void *data;
    size_t len;
    nh_error *err = NULL;
    if (nh_response_body_read_all(res, 1 << 20, &data, &len, &err) != NH_OK)
        fprintf(stderr, "%s\n", nh_error_message(err));
    CHECK(err == NULL && len == strlen(want) && !memcmp(data, want, len));
}

static inline void must_do(nh_client *c, nh_request *r, const char *want) {
    nh_response *res = send_it(c, r);
    must_read(res, want);
    nh_response_free(res);
}

static inline void must_get(nh_client *c, const char *want) {
    nh_request *r = new_request("GET");
    nh_response *res = send_it(c, r);
    CHECK_INT(nh_response_status_code(res), 200);
    must_read(res, want);
    nh_response_free(res);
    nh_request_free(r);
}

/* The error of a request that must fail, with a text in it; the caller frees it. */
static inline nh_error *must_fail(nh_client *c, nh_request *r, nh_result code, const char *text) {
    nh_response *res = NULL;
    nh_error *err = NULL;
    nh_result got = nh_client_do(c, r, &res, &err);
    if (got != code || !strstr(nh_error_message(err), text))
        fprintf(stderr, "%s, want %s\n", nh_error_message(err), text);
    CHECK_INT(got, code);
    CHECK(res == NULL && strstr(nh_error_message(err), text));
    return err;
}

static inline void must_fail_get(nh_client *c, nh_result code, const char *text) {
    nh_request *r = new_request("GET");
    nh_error_free(must_fail(c, r, code, text));
    nh_request_free(r);
}

/* Answers "ok" to all that comes from here on. */
static inline void go_on(int fd) {
    for (uint32_t id; (id = next_request(fd)) != 0;)
        put_ok(fd, id);
}

#endif
