/* The client: each error that nh_client_do and the reads of a body can have, and that requests can be sent
 * again. */
#include <pthread.h>

#include "nethttp.h"
#include "origin.h"

static nh_client *c;

static nh_request *new_request(const char *method, const char *path) {
    nh_request *r = NULL;
    CHECK_INT(nh_request_new(method, path[0] == '/' ? origin_url(path) : path, &r, NULL), NH_OK);
    return r;
}

static nh_response *fetch(const char *path) {
    nh_request *r = new_request("GET", path);
    nh_response *res = NULL;
    nh_error *err = NULL;
    if (nh_client_do(c, r, &res, &err) != NH_OK) fprintf(stderr, "%s\n", nh_error_message(err));
    CHECK(res != NULL && err == NULL);
    nh_request_free(r);
    return res;
}

/* Takes the request, and looks for a text in the error. */
static void must_fail(nh_result code, nh_request *r, const char *text) {
    nh_response *res = (nh_response *)(intptr_t)1;
    nh_error *err = NULL;
    CHECK_ERR(code, nh_client_do(c, r, &res, &err));
    CHECK(res == NULL && err != NULL);
    if (!strstr(nh_error_message(err), text)) fprintf(stderr, "%s\n", nh_error_message(err));
    CHECK(strstr(nh_error_message(err), text) != NULL);
    nh_error_free(err);
    nh_request_free(r);
}

/* ---- sources */

struct source {
    volatile int answered;
    int piece, ends;
};

static nh_result drip(void *userdata, void *buf, size_t cap, size_t *n_out) {
    struct source *s = userdata;
    if (s->answered && !s->ends) return NH_ERR_ABORTED;
    if (s->answered) {
        *n_out = 0;
        return NH_OK;
    }
    origin_sleep(5);
    memset(buf, 'x', cap > 1 ? 1 : cap);
    *n_out = 1;
    return NH_OK;
}

static nh_result piece(void *userdata, void *buf, size_t cap, size_t *n_out) {
    struct source *s = userdata;
    (void)cap;
    *n_out = (size_t)s->piece;
    memset(buf, 'y', *n_out);
    s->piece = 0;
    return NH_OK;
}

static nh_result rewind_piece(void *userdata) {
    ((struct source *)userdata)->piece = 4;
    return NH_OK;
}

static nh_result refuse(void *userdata, void *buf, size_t cap, size_t *n_out) {
    (void)userdata, (void)buf, (void)cap, (void)n_out;
    return NH_ERR_INVALID;
}

static void nulls(void) {
    nh_request *r = new_request("GET", "/ok");
    nh_response *res = NULL;
    nh_error *err = NULL;
    const void *data;
    size_t n = 7;
    char buf[8];
    CHECK_ERR(NH_ERR_INVALID, nh_client_do(NULL, r, &res, &err));
    nh_error_free(err);
    CHECK_ERR(NH_ERR_INVALID, nh_client_do(c, NULL, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_do(c, r, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_get(NULL, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_get("http://a/", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_head(NULL, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_head("http://a/", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_post(NULL, NULL, NULL, 0, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_post(origin_url("/ok"), "a\nb", NULL, 0, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_post("http://a/", NULL, NULL, 1, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_post("http://a/", NULL, NULL, 0, NULL, NULL));
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_response_body_read(NULL, buf, 8, &n, NULL));
    CHECK_INT(n, 0);
    CHECK_ERR(NH_ERR_INVALID, nh_response_body_read(res, NULL, 8, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_body_read(res, buf, 0, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_body_read(res, buf, 8, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_body_read_all(NULL, 8, &data, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_body_read_all(res, 8, NULL, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_body_read_all(res, 8, &data, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_body_save(NULL, "/dev/null", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_body_save(res, NULL, NULL, NULL));
    nh_response_body_close(NULL);
    nh_response_free(NULL);
    nh_client_free(NULL);
    CHECK_INT(nh_response_status_code(NULL), 0);
    CHECK_STR(nh_response_status(NULL), NULL);
    CHECK_STR(nh_response_proto(NULL), NULL);
    CHECK_INT(nh_response_proto_major(NULL), 0);
    CHECK_INT(nh_response_proto_minor(NULL), 0);
    CHECK(nh_response_header(NULL) == NULL && nh_response_trailer(NULL) == NULL);
    CHECK_INT(nh_response_content_length(NULL), -1);
    CHECK_STR(nh_response_transfer_encoding(NULL), NULL);
    CHECK_INT(nh_response_close(NULL), 0);
    CHECK(nh_response_request(NULL) == NULL);
    CHECK_STR(nh_response_remote_addr(NULL), NULL);
    CHECK_STR(nh_response_local_addr(NULL), NULL);
    CHECK(nh_client_idle_count(NULL) == 0 && nh_client_dialed_count(NULL) == 0 &&
          nh_client_reused_count(NULL) == 0);
    nh_response_free(res);
    nh_request_free(r);
}

static void answers(void) {
    const void *data;
    size_t n;
    uint64_t saved;
    char addr[64];
    nh_response *res = fetch("/ok");
    nh_request *r;
    CHECK_INT(nh_response_status_code(res), 200);
    CHECK_STR(nh_response_status(res), "200 OK");
    CHECK_STR(nh_response_proto(res), "HTTP/1.1");
    CHECK_INT(nh_response_proto_major(res), 1);
    CHECK_INT(nh_response_proto_minor(res), 1);
    CHECK_STR(nh_header_get(nh_response_header(res), "x-one"), "1");
    CHECK_INT(nh_response_content_length(res), 2);
    CHECK_INT(nh_response_close(res), 0);
    CHECK_STR(nh_request_url(nh_response_request(res)), origin_url("/ok"));
    snprintf(addr, sizeof addr, "127.0.0.1:%d", origin_port);
    CHECK_STR(nh_response_remote_addr(res), addr);
    CHECK(nh_response_local_addr(res) != NULL);
    /* The body came with the head: the next request has the connection already, and the body stays. */
    CHECK_INT(nh_client_idle_count(c), 1);
    size_t dialed = nh_client_dialed_count(c);
    nh_response_free(fetch("/ok"));
    CHECK_INT(nh_client_dialed_count(c), dialed);
    CHECK_INT(nh_response_body_read_all(res, 2, &data, &n, NULL), NH_OK);
    CHECK_INT(n, 2);
    CHECK_STR(data, "ok");
    nh_response_free(res);
    CHECK_INT(nh_client_idle_count(c), 1);
    /* It is read in any pieces, and what is done to the header does not touch it. */
    char one[1];
    res = fetch("/ok");
    const char *value = nh_header_get(nh_response_header(res), "x-one");
    CHECK(nh_response_body_read(res, one, 1, &n, NULL) == NH_OK && n == 1 && one[0] == 'o');
    for (int i = 0; i < 100; i++)
        CHECK_INT(nh_response_set_header(res, "X-New", "a value that is not as short as the body"), NH_OK);
    CHECK_STR(value, "1");
    CHECK(nh_response_body_read(res, one, 1, &n, NULL) == NH_OK && n == 1 && one[0] == 'k');
    CHECK(nh_response_body_read(res, one, 1, &n, NULL) == NH_OK && n == 0);
    nh_response_body_close(res);
    CHECK_ERR(NH_ERR_CLOSED, nh_response_body_read(res, one, 1, &n, NULL));
    nh_response_free(res);
    res = fetch("/trailer");
    CHECK_STR(nh_response_transfer_encoding(res), "chunked");
    CHECK_INT(nh_response_content_length(res), -1);
    CHECK_INT(nh_response_body_save(res, "/dev/null", &saved, NULL), NH_OK);
    CHECK_INT(saved, 2);
    CHECK_STR(nh_header_get(nh_response_trailer(res), "X-Sum"), "8");
    nh_response_free(res);
    CHECK(nh_client_reused_count(c) > 0 && nh_client_dialed_count(c) > 0);
    CHECK_INT(nh_client_close_idle(c), NH_OK);
    CHECK_INT(nh_client_idle_count(c), 0);

    CHECK_INT(nh_get(origin_url("/ok"), &res, NULL), NH_OK);
    nh_response_free(res);
    CHECK_INT(nh_head(origin_url("/cut"), &res, NULL), NH_OK);
    CHECK_INT(nh_response_content_length(res), 9);
    nh_response_free(res);
    CHECK_INT(nh_post(origin_url("/take"), "text/plain", "abcd", 4, &res, NULL), NH_OK);
    CHECK_STR(nh_header_get(nh_request_header((nh_request *)nh_response_request(res)), "Content-Type"),
              "text/plain");
    nh_response_free(res);

    /* A request is sent again, and what a response shows of it is what was sent. */
    struct source s = {0, 4, 0};
    r = new_request("POST", "/take");
    CHECK_INT(nh_request_set_body_callback(r, 4, piece, rewind_piece, &s, NULL), NH_OK);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
        nh_response_free(res);
    }
    CHECK_INT(nh_request_set_body_callback(r, -1, piece, rewind_piece, &s, NULL), NH_OK);
    CHECK_INT(nh_request_set_url(r, origin_url("/drain"), NULL), NH_OK);
    CHECK_INT(nh_request_set_trailer(r, "X-T", "1"), NH_OK);
    s.piece = 4;
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
    nh_request_free(r); /* in any order */
    CHECK_STR(nh_request_url(nh_response_request(res)), origin_url("/drain"));
    nh_response_free(res);
}

/* The parts of an exchange come one after the other; a connection that was there has no dial to tell of. */
static void timings(void) {
    const void *data;
    size_t n;
    CHECK_INT(nh_client_close_idle(c), NH_OK);
    for (int again = 0; again < 2; again++) {
        nh_response *res = fetch("/ok");
        int64_t pool = nh_response_timing(res, NH_TIMING_POOL),
                sent = nh_response_timing(res, NH_TIMING_SENT);
        int64_t first = nh_response_timing(res, NH_TIMING_FIRST_BYTE);
        int64_t connect = nh_response_timing(res, NH_TIMING_CONNECT),
                dns = nh_response_timing(res, NH_TIMING_DNS);
        CHECK_INT(nh_response_reused(res), again);
        CHECK(pool >= 0 && sent >= pool && first >= sent);
        CHECK(again ? connect == -1 && dns == -1 : connect >= 0 && dns >= 0 && pool >= connect);
        CHECK_INT(nh_response_timing(res, NH_TIMING_TLS), -1);
        CHECK_INT(nh_response_timing(res, NH_TIMING_TOTAL), -1);
        CHECK_INT(nh_response_body_read_all(res, 10, &data, &n, NULL), NH_OK);
        CHECK(nh_response_timing(res, NH_TIMING_TOTAL) >= first);
        CHECK_INT(nh_response_timing(res, 0), -1);
        CHECK_INT(nh_response_timing(res, 99), -1);
        nh_response_free(res);
    }
    CHECK_INT(nh_response_timing(NULL, NH_TIMING_TOTAL), -1);
    CHECK_INT(nh_response_reused(NULL), 0);
}

static void failures(void) {
    nh_response *res = NULL;
    nh_error *err = NULL;
    nh_request *r;
    struct source s = {0, 4, 0};
    char https[64];
    must_fail(NH_ERR_INVALID, new_request("GET", "ftp://a/"), "unsupported protocol scheme");
    snprintf(https, sizeof https, "https://127.0.0.1:%d/", origin_port);
    must_fail(NH_ERR_TLS, new_request("GET", https), ": http: server gave HTTP response to HTTPS client");
    must_fail(NH_ERR_DNS, new_request("GET", "http://no.such.invalid/"), "lookup no.such.invalid: ");
    must_fail(NH_ERR_CONNECT, new_request("GET", "http://127.0.0.1:1/"), "connect: connection refused");
    must_fail(NH_ERR_IO, new_request("GET", "/reset"), "connection reset by peer");
    must_fail(NH_ERR_UNEXPECTED_EOF, new_request("GET", "/nothing"), ": EOF");
    must_fail(NH_ERR_PROTOCOL, new_request("GET", "/garbage"), "malformed HTTP");
    must_fail(NH_ERR_PROTOCOL, new_request("GET", "/both"), "Content-Length");
    CHECK_INT(nh_client_set_max_response_head_bytes(c, 200), NH_OK);
    must_fail(NH_ERR_TOO_LARGE, new_request("GET", "/bighead"),
              "server response headers exceeded 200 bytes; aborted");
    r = new_request("GET", "/silent");
    CHECK_INT(nh_request_set_timeout(r, 50), NH_OK);
    must_fail(NH_ERR_TIMEOUT, r, "Client.Timeout exceeded");

    /* The same by name, for the list of errors that each is provoked. */
    r = new_request("GET", "/nothing");
    CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_client_do(c, r, &res, NULL));
    CHECK_INT(nh_request_set_url(r, origin_url("/reset"), NULL), NH_OK);
    CHECK_ERR(NH_ERR_IO, nh_client_do(c, r, &res, NULL));
    CHECK_INT(nh_request_set_url(r, origin_url("/garbage"), NULL), NH_OK);
    CHECK_ERR(NH_ERR_PROTOCOL, nh_client_do(c, r, &res, NULL));
    CHECK_INT(nh_request_set_url(r, origin_url("/bighead"), NULL), NH_OK);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_client_do(c, r, &res, NULL));
    CHECK_INT(nh_request_set_url(r, "http://127.0.0.1:1/", NULL), NH_OK);
    CHECK_ERR(NH_ERR_CONNECT, nh_client_do(c, r, &res, NULL));
    CHECK_INT(nh_request_set_url(r, "http://no.such.invalid/", NULL), NH_OK);
    CHECK_ERR(NH_ERR_DNS, nh_client_do(c, r, &res, NULL));
    CHECK_INT(nh_request_set_url(r, https, NULL), NH_OK);
    CHECK_ERR(NH_ERR_TLS, nh_client_do(c, r, &res, NULL));
    CHECK_INT(nh_request_set_url(r, origin_url("/silent"), NULL), NH_OK);
    CHECK_INT(nh_client_set_response_head_timeout(c, 50), NH_OK);
    CHECK_ERR(NH_ERR_TIMEOUT, nh_client_do(c, r, &res, &err));
    CHECK_INT(nh_error_is_timeout(err), 1);
    CHECK_INT(nh_error_phase(err), NH_PHASE_HEAD);
    nh_error_free(err);
    CHECK_INT(nh_client_set_response_head_timeout(c, 60000), NH_OK);
    nh_request_free(r);

    r = new_request("POST", "/take");
    CHECK_INT(nh_request_set_body_callback(r, 4, piece, NULL, &s, NULL), NH_OK);
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
    nh_response_free(res);
    CHECK_ERR(NH_ERR_BODY_SPENT, nh_client_do(c, r, &res, NULL));
    s.piece = 4;
    /* An origin that does not answer: an early answer would win over the body's fault. */
    CHECK_INT(nh_request_set_url(r, origin_url("/silent"), NULL), NH_OK);
    CHECK_INT(nh_request_set_body_callback(r, 9, piece, NULL, &s, NULL), NH_OK);
    CHECK_ERR(NH_ERR_BODY_LENGTH, nh_client_do(c, r, &res, &err));
    CHECK(strstr(nh_error_message(err), "http: ContentLength=9 with Body length 4") != NULL);
    nh_error_free(err);
    CHECK_INT(nh_request_set_body_callback(r, 9, refuse, NULL, NULL, NULL), NH_OK);
    CHECK_ERR(NH_ERR_ABORTED, nh_client_do(c, r, &res, NULL));
    nh_request_free(r);
}

static void bodies(void) {
    char buf[64];
    size_t n;
    const void *data;
    nh_response *res = fetch("/cut");
    CHECK_INT(nh_response_body_read(res, buf, sizeof buf, &n, NULL), NH_OK);
    CHECK_INT(n, 2);
    CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
    CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
    CHECK_INT(n, 0);
    nh_response_free(res);

    res = fetch("/badchunk");
    while (nh_response_body_read(res, buf, sizeof buf, &n, NULL) == NH_OK)
        CHECK(n > 0);
    CHECK_ERR(NH_ERR_PROTOCOL, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
    nh_response_free(res);

    res = fetch("/extensions");
    while (nh_response_body_read(res, buf, sizeof buf, &n, NULL) == NH_OK)
        CHECK(n > 0);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
    nh_response_free(res);

    res = fetch("/bodyreset");
    while (nh_response_body_read(res, buf, sizeof buf, &n, NULL) == NH_OK)
        CHECK(n > 0);
    CHECK_ERR(NH_ERR_IO, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
    nh_response_free(res);

    CHECK_INT(nh_client_set_body_timeout(c, 50), NH_OK);
    res = fetch("/half");
    CHECK_INT(nh_response_body_read(res, buf, sizeof buf, &n, NULL), NH_OK);
    CHECK_ERR(NH_ERR_TIMEOUT, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
    nh_response_free(res);
    CHECK_INT(nh_client_set_body_timeout(c, NH_TIMEOUT_NONE), NH_OK);

    res = fetch("/ok");
    nh_response_body_close(res);
    nh_response_body_close(res);
    CHECK_ERR(NH_ERR_CLOSED, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
    nh_response_free(res);

    res = fetch("/ok");
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_response_body_read_all(res, 1, &data, &n, NULL));
    CHECK(data == NULL && n == 0);
    nh_response_free(res);
    res = fetch("/trailer");
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_response_body_read_all(res, 1, &data, &n, NULL));
    nh_response_free(res);
    res = fetch("/ok");
    CHECK_ERR(NH_ERR_IO, nh_response_body_save(res, "/no/such/dir/file", NULL, NULL));
    nh_response_free(res);
}

/* The answer's head comes while the body is still being sent; the reads send on, and tell what breaks it. */
static void uploads_after_the_head(void) {
    char buf[8];
    size_t n;
    for (int ends = 0; ends < 2; ends++) {
        struct source s = {0, 0, ends};
        nh_response *res = NULL;
        nh_request *r = new_request("POST", "/early");
        CHECK_INT(nh_request_set_body_callback(r, 100000, drip, NULL, &s, NULL), NH_OK);
        CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
        s.answered = 1;
        if (ends)
            CHECK_ERR(NH_ERR_BODY_LENGTH, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
        else
            CHECK_ERR(NH_ERR_ABORTED, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
        nh_request_free(r);
        nh_response_free(res);
    }
}

static void *fire_soon(void *token) {
    origin_sleep(50);
    CHECK_INT(nh_cancel_token_fire(token), NH_OK);
    return NULL;
}

static void cancel(void) {
    pthread_t t;
    char buf[8];
    size_t n;
    nh_response *res = NULL;
    nh_cancel_token *token = nh_cancel_token_new(), *same = nh_cancel_token_retain(token);
    nh_request *r = new_request("GET", "/silent");
    CHECK_ERR(NH_ERR_INVALID, nh_cancel_token_fire(NULL));
    CHECK_INT(nh_cancel_token_is_fired(NULL), 0);
    CHECK(nh_cancel_token_retain(NULL) == NULL);
    nh_cancel_token_free(NULL);
    CHECK_INT(nh_request_set_cancel(r, token), NH_OK);
    CHECK_INT(nh_cancel_token_is_fired(same), 0);
    CHECK_INT(pthread_create(&t, NULL, fire_soon, same), 0);
    CHECK_ERR(NH_ERR_CANCELED, nh_client_do(c, r, &res, NULL));
    pthread_join(t, NULL);
    CHECK_INT(nh_cancel_token_is_fired(token), 1);
    CHECK_ERR(NH_ERR_CANCELED, nh_client_do(c, r, &res, NULL));
    nh_cancel_token_free(token);
    nh_cancel_token_free(same);

    token = nh_cancel_token_new();
    CHECK_INT(nh_request_set_url(r, origin_url("/half"), NULL), NH_OK);
    CHECK_INT(nh_request_set_cancel(r, token), NH_OK);
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
    CHECK_INT(nh_response_body_read(res, buf, sizeof buf, &n, NULL), NH_OK);
    CHECK_INT(pthread_create(&t, NULL, fire_soon, token), 0);
    CHECK_ERR(NH_ERR_CANCELED, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
    pthread_join(t, NULL);
    nh_request_free(r);
    nh_cancel_token_free(token);
    nh_response_free(res);
}

int main(void) {
    origin_start();
    c = nh_client_new();
    nulls();
    answers();
    timings();
    failures();
    bodies();
    uploads_after_the_head();
    cancel();
    nh_client_free(c);
    return 0;
}
