/* The client over HTTP/2 against an origin of raw frames: what a request and its answer may be, and how
 * streams share a connection without harm to each other. */
#include "client_http2.h"

static void plain(int fd) {
    put_setting(fd, 0, 0);
    go_on(fd);
}

static void one_connection(void) {
    nh_client *c = start(plain);
    for (int i = 0; i < 20; i++)
        must_get(c, "ok");
    CHECK_INT(atomic_load(&connections), 1);
    CHECK_INT(nh_client_dialed_count(c), 1);
    CHECK_INT(nh_client_reused_count(c), 19);
    CHECK_INT(nh_client_idle_count(c), 1);
    CHECK_INT(nh_client_close_idle(c), NH_OK);
    CHECK_INT(nh_client_idle_count(c), 0);
    must_get(c, "ok");
    CHECK_INT(nh_client_dialed_count(c), 2);
    nh_client_free(c);
}

/* ---- what an answer may be */

static void rich(int fd) {
    const char *const early[] = {"link", "x", NULL};
    const char *const fields[] = {"content-type", "text/plain", "trailer", "x-sum",
                                  "set-cookie",   "a=1",        NULL};
    const char *const trailer[] = {"x-sum", "8", NULL};
    unsigned char padded[] = {3, 'a', 'b', 0, 0, 0};
    put_setting(fd, 0, 0);
    uint32_t id = next_request(fd);
    put_headers(fd, id, 0, "103", early);
    put_headers(fd, id, 0, "200", fields);
    put_frame(fd, DATA, PADDED, id, padded, sizeof padded);
    put_data(fd, id, 0, "cd");
    put_headers(fd, id, 1, NULL, trailer);
    next_request(fd);
}

static char steps[512];

static nh_result note(const nh_trace_event *e, void *userdata) {
    char step[64];
    (void)userdata;
    snprintf(step, sizeof step, "%d%s ", (int)nh_trace_event_kind(e),
             nh_trace_event_kind(e) == NH_TRACE_WROTE_FIELD ? nh_trace_event_name(e) : "");
    if (strlen(steps) + strlen(step) < sizeof steps) strcat(steps, step);
    return NH_OK;
}

static void answers(void) {
    nh_client *c = start(rich);
    nh_request *r = new_request("GET");
    CHECK_INT(nh_request_set_trace(r, note, NULL, NULL), NH_OK);
    nh_response *res = send_it(c, r);
    CHECK_STR(nh_response_status(res), "200 OK");
    CHECK_INT(nh_response_proto_major(res), 2);
    CHECK_INT(nh_response_content_length(res), -1);
    CHECK_STR(nh_header_get(nh_response_header(res), "Content-Type"), "text/plain");
    CHECK_STR(nh_header_get(nh_response_header(res), "Trailer"), NULL);
    CHECK_INT(nh_header_count(nh_response_trailer(res)), 0);
    must_read(res, "abcd");
    CHECK_STR(nh_header_get(nh_response_trailer(res), "X-Sum"), "8");
    /* GetConn, ConnectStart and Done, GotConn, the fields, WroteHeaders, WroteRequest, FirstByte,
     * Informational */
    CHECK(
        strstr(steps, "13:authority 13:method 13:path 13:scheme 13user-agent 13accept-encoding 14 16 4 6 "));
    nh_response_free(res);
    nh_request_free(r);
    nh_client_free(c);
}

static void bodyless(int fd) {
    const char *const length[] = {"content-length", "5", NULL};
    put_setting(fd, 0, 0);
    put_headers(fd, next_request(fd), 1, "200", length);
    put_headers(fd, next_request(fd), 0, "304", length);
    atomic_store(&seen, wait_reset(fd, 3));
    put_ok(fd, next_request(fd));
    next_request(fd);
}

static void heads_alone(void) {
    nh_client *c = start(bodyless);
    nh_request *head = new_request("HEAD"), *get = new_request("GET");
    nh_response *res = send_it(c, head);
    CHECK_INT(nh_response_content_length(res), 5);
    must_read(res, "");
    nh_response_free(res);
    res = send_it(c, get);
    CHECK_INT(nh_response_status_code(res), 304);
    must_read(res, "");
    nh_response_free(res);
    must_get(c, "ok");
    CHECK_INT(atomic_load(&seen), 8); /* CANCEL */
    CHECK_INT(atomic_load(&connections), 1);
    nh_request_free(head);
    nh_request_free(get);
    nh_client_free(c);
}

/* ---- uploads */

/* Takes a body that it opens the window for in pieces of 1000, and answers with its length. */
static void narrow(int fd) {
    static _Thread_local struct frame f;
    char text[32];
    long got = 0;
    put_setting(fd, 4, 0);
    uint32_t id = next_request(fd);
    put_ok(fd, id); /* so that the setting is known */
    id = next_request(fd);
    put_word(fd, WINDOW_UPDATE, id, 1000);
    while (next_frame(fd, &f) && f.stream == id) {
        got += f.type == DATA ? f.len : 0;
        if (f.flags & END_STREAM) break;
        if (f.type == DATA && f.len) {
            CHECK(f.len <= 1000);
            put_word(fd, WINDOW_UPDATE, id, f.len);
            put_word(fd, WINDOW_UPDATE, 0, f.len);
        }
    }
    atomic_store(&seen, f.type);
    snprintf(text, sizeof text, "%ld", got);
    put_headers(fd, id, 0, "200", NULL);
    put_data(fd, id, 1, text);
    next_request(fd);
}

static nh_result piece(void *userdata, void *buf, size_t cap, size_t *n_out) {
    int *left = userdata;
    *n_out = *left > 700 ? 700 : (size_t)*left;
    CHECK(cap >= *n_out);
    memset(buf, 'x', *n_out);
    *left -= (int)*n_out;
    return NH_OK;
}

static void uploads(void) {
    static char big[100000];
    nh_client *c = start(narrow);
    nh_request *r = new_request("POST");
    CHECK_INT(nh_request_set_body_borrowed(r, big, sizeof big, NULL, NULL), NH_OK);
    must_get(c, "ok");
    nh_response *res = send_it(c, r);
    must_read(res, "100000");
    CHECK_INT(atomic_load(&seen), DATA);
    nh_response_free(res);
    nh_client_free(c);
    nh_request_free(r);

    int left = 20000;
    c = start(narrow);
    must_get(c, "ok");
    r = new_request("POST");
    CHECK_INT(nh_request_set_body_callback(r, -1, piece, NULL, &left, NULL), NH_OK);
    CHECK_INT(nh_request_set_trailer(r, "X-End", "1"), NH_OK);
    res = send_it(c, r);
    must_read(res, "20000");
    CHECK_INT(atomic_load(&seen), HEADERS);
    nh_response_free(res);
    nh_client_free(c);
    nh_request_free(r);
}

/* Answers 413 at once, and wants no more of the body (RFC 9113, 8.1). */
static void enough(int fd) {
    put_setting(fd, 0, 0);
    uint32_t id = next_request(fd);
    put_headers(fd, id, 0, "413", NULL);
    put_data(fd, id, 1, "too much");
    put_word(fd, RST_STREAM, id, 0);
    for (; (id = next_request(fd)) != 0;)
        put_ok(fd, id);
}

static void early_answer(void) {
    int left = 1 << 30;
    nh_client *c = start(enough);
    nh_request *r = new_request("POST");
    CHECK_INT(nh_request_set_body_callback(r, -1, piece, NULL, &left, NULL), NH_OK);
    nh_response *res = send_it(c, r);
    CHECK_INT(nh_response_status_code(res), 413);
    must_read(res, "too much");
    nh_response_free(res);
    CHECK(left > 0);
    must_get(c, "ok");
    CHECK_INT(atomic_load(&connections), 1);
    nh_client_free(c);
    nh_request_free(r);
}

static void go_ahead(int fd) {
    static _Thread_local struct frame f;
    put_setting(fd, 0, 0);
    uint32_t id = next_request(fd);
    put_headers(fd, id, 0, "100", NULL);
    CHECK(next_frame(fd, &f) && f.type == DATA && f.len == 4 && f.flags == END_STREAM);
    put_ok(fd, id);
    next_request(fd);
}

static void expect_continue(void) {
    nh_client *c = start(go_ahead);
    nh_request *r = new_request("POST");
    CHECK_INT(nh_client_set_expect_continue_timeout(c, 60000), NH_OK);
    CHECK_INT(nh_request_set_header(r, "Expect", "100-continue"), NH_OK);
    CHECK_INT(nh_request_set_body(r, "body", 4), NH_OK);
    nh_response *res = send_it(c, r);
    must_read(res, "ok");
    nh_response_free(res);
    nh_client_free(c);
    nh_request_free(r);
}

/* Sends back each piece of a body, and the next request's besides: both ways at once. */
static void echo(int fd) {
    static _Thread_local struct frame f;
    put_setting(fd, 3, 100);
    while (next_frame(fd, &f)) {
        if (f.type == HEADERS) put_headers(fd, f.stream, 0, "200", NULL);
        if (f.type == DATA) {
            put_frame(fd, DATA, f.flags & END_STREAM, f.stream, f.payload, f.len);
            if (f.len && !(f.flags & END_STREAM)) put_word(fd, WINDOW_UPDATE, f.stream, f.len);
            if (f.len) put_word(fd, WINDOW_UPDATE, 0, f.len);
        }
    }
}

/* ---- many threads on one connection */

enum { THREADS = 32, ROUNDS = 60 };
static nh_client *all;

static void *ask(void *arg) {
    int me = (int)(intptr_t)arg;
    nh_request *r = new_request("POST");
    for (int i = 0; i < ROUNDS; i++) {
        char body[3000];
        size_t len = (size_t)(10 + (me * 97 + i * 31) % 2900);
        memset(body, 'a' + me % 26, len);
        snprintf(body, len, "%d %d", me, i);
        body[len - 1] = 0;
        CHECK_INT(nh_request_set_body(r, body, len), NH_OK);
        nh_response *res = send_it(all, r);
        const void *data;
        size_t got;
        if (i % 7 == 3) { /* leaves its answer to nobody */
            nh_response_free(res);
            continue;
        }
        CHECK_INT(nh_response_body_read_all(res, 1 << 20, &data, &got, NULL), NH_OK);
        CHECK(got == len && !memcmp(data, body, len));
        nh_response_free(res);
    }
    nh_request_free(r);
    return NULL;
}

static void many_threads(void) {
    pthread_t t[THREADS];
    all = start(echo);
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&t[i], NULL, ask, (void *)(intptr_t)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    CHECK_INT(nh_client_dialed_count(all), 1);
    nh_client_free(all);
}

/* ---- bodies that are not read, and those that are left */

static void two(int fd) {
    static char kilo[16001];
    put_setting(fd, 0, 0);
    uint32_t big = next_request(fd);
    memset(kilo, 'k', 16000);
    put_headers(fd, big, 0, "200", NULL);
    for (int i = 0; i < 100; i++)
        put_data(fd, big, 0, kilo);
    put_ok(fd, next_request(fd));
    atomic_store(&seen, wait_reset(fd, big));
    put_ok(fd, next_request(fd));
    next_request(fd);
}

static void unread_body(void) {
    nh_client *c = start(two);
    nh_request *r = new_request("GET");
    nh_response *big = send_it(c, r);
    must_get(c, "ok"); /* behind 1.6 MB that nobody reads */
    char some[1000];
    size_t n;
    CHECK_INT(nh_response_body_read(big, some, sizeof some, &n, NULL), NH_OK);
    CHECK(n == sizeof some && some[999] == 'k');
    nh_response_body_close(big);
    CHECK_INT(nh_response_body_read(big, some, sizeof some, &n, NULL), NH_ERR_CLOSED);
    nh_response_free(big);
    must_get(c, "ok");
    CHECK_INT(atomic_load(&seen), 8);
    CHECK_INT(atomic_load(&connections), 1);
    nh_client_free(c);
    nh_request_free(r);
}

/* ---- how many streams */

static void few(int fd) {
    put_setting(fd, 3, 1);
    uint32_t id = next_request(fd);
    put_ok(fd, id); /* so that the setting is known */
    while ((id = next_request(fd)) != 0) {
        put_headers(fd, id, 0, "200", NULL);
        origin_sleep(30);
        put_data(fd, id, 1, "ok");
    }
}

static void *get_slowly(void *arg) {
    must_get(arg, "ok");
    return NULL;
}

static void limits(int strict, int dials) {
    nh_http2_config *config = nh_http2_config_new();
    pthread_t t[3];
    nh_client *c = start(few);
    CHECK_INT(nh_http2_config_set_strict_max_concurrent_requests(config, strict), NH_OK);
    CHECK_INT(nh_client_set_http2(c, config), NH_OK);
    if (!strict && dials == 1) CHECK_INT(nh_client_set_max_conns_per_host(c, 1), NH_OK);
    nh_http2_config_free(config);
    must_get(c, "ok");
    for (int i = 0; i < 3; i++)
        CHECK_INT(pthread_create(&t[i], NULL, get_slowly, c), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    CHECK(dials == 1 ? nh_client_dialed_count(c) == 1 : nh_client_dialed_count(c) > 1);
    nh_client_free(c);
}

/* ---- a connection of the program's own */

static void several(int fd) {
    put_setting(fd, 3, 3);
    uint32_t one = next_request(fd), two = next_request(fd);
    put_ok(fd, two);
    put_ok(fd, one);
    put_headers(fd, next_request(fd), 0, "200", NULL);
    next_request(fd);
}

static void *round_trip(void *arg) {
    void **all_of_it = arg;
    CHECK_INT(nh_client_conn_round_trip(all_of_it[0], all_of_it[1], all_of_it[2], NULL), NH_OK);
    return NULL;
}

static void single(void) {
    nh_client *c = start(several);
    nh_transport *t = nh_client_transport(c);
    nh_client_conn *conn = NULL;
    nh_request *r[3];
    nh_response *res[3];
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", origin_port);
    CHECK_INT(nh_client_conn_new(t, "http", address, &conn, NULL), NH_OK);
    nh_transport_free(t);
    CHECK_INT(nh_client_conn_in_flight(conn), 0);
    CHECK(nh_client_conn_available(conn) > 2);
    CHECK_INT(nh_client_conn_reserve(conn), NH_OK);
    CHECK_INT(nh_client_conn_reserve(conn), NH_OK);
    CHECK_INT(nh_client_conn_in_flight(conn), 2);
    CHECK_INT(nh_client_conn_release(conn), NH_OK);
    CHECK_INT(nh_client_conn_release(conn), NH_OK);
    pthread_t other;
    for (int i = 0; i < 3; i++)
        r[i] = new_request("GET");
    CHECK_INT(pthread_create(&other, NULL, round_trip, (void *[]){conn, r[0], &res[0]}), 0);
    CHECK_INT(nh_client_conn_round_trip(conn, r[1], &res[1], NULL), NH_OK);
    pthread_join(other, NULL);
    must_read(res[0], "ok");
    must_read(res[1], "ok");
    CHECK_INT(nh_client_conn_in_flight(conn), 0);
    CHECK_INT(nh_client_conn_available(conn), 3);
    CHECK_INT(nh_client_conn_round_trip(conn, r[2], &res[2], NULL), NH_OK);
    CHECK_INT(nh_client_conn_in_flight(conn), 1);
    CHECK_INT(nh_client_conn_close(conn), NH_OK);
    char some[8];
    size_t n;
    CHECK_INT(nh_response_body_read(res[2], some, sizeof some, &n, NULL), NH_ERR_CLOSED);
    CHECK_INT(nh_client_conn_check(conn), NH_ERR_CLOSED);
    CHECK_INT(nh_client_conn_available(conn), 0);
    for (int i = 0; i < 3; i++) {
        nh_response_free(res[i]);
        nh_request_free(r[i]);
    }
    nh_client_conn_free(conn);
    nh_client_free(c);
}

int main(void) {
    nh_client *c = nh_client_new();
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_protocols(c, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_protocols(c, 8));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_protocols(NULL, NH_PROTOCOL_HTTP1));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_http2(NULL, NULL));
    CHECK_INT(nh_client_set_http2(c, NULL), NH_OK);
    nh_client_free(c);

    origin_serve(serve_script);
    one_connection();
    answers();
    heads_alone();
    uploads();
    early_answer();
    expect_continue();
    many_threads();
    unread_body();
    limits(1, 1);
    limits(0, 2);
    limits(0, 1);
    single();
    return 0;
}
