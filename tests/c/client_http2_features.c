/* What a program can ask of a request, over HTTP/2 as over HTTP/1: redirects, cookies, gzip, progress, a
 * trace that may end the exchange; and bodies larger than every window beside other streams. */
#include "client_http2.h"

/* ---- a server that knows HTTP/2 */

static nh_server *server;

static void hop(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    CHECK_INT(nh_response_writer_add_header(w, "Set-Cookie", "hop=1"), NH_OK);
    CHECK_INT(nh_response_writer_add_header(w, "Set-Cookie", "crumb=two words"), NH_OK);
    CHECK_INT(nh_redirect(w, r, "/cookies", 307), NH_OK);
}

/* What came, method and cookie and body. */
static void cookies(nh_response_writer *w, nh_request *r, void *userdata) {
    char text[512], body[64] = "";
    size_t n = 0;
    (void)userdata;
    CHECK_INT(nh_request_body_read(r, body, sizeof body - 1, &n, NULL), NH_OK);
    const char *cookie = nh_header_get(nh_request_header(r), "Cookie");
    snprintf(text, sizeof text, "%s|%s|%s", nh_request_method(r), cookie ? cookie : "", body);
    CHECK(nh_header_value(nh_request_header(r), "Cookie", 1) == NULL);
    nh_response_writer_write_str(w, text, NULL);
}

/* "hello hello hello" */
static const char zipped[] =
    "\37\213\10\0\0\0\0\0\2\3\313\110\315\311\311\127\310\100\220\0\200\210\371\345\21\0\0\0";

static void zip(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    CHECK_STR(nh_header_get(nh_request_header(r), "Accept-Encoding"), "gzip");
    CHECK_INT(nh_response_writer_set_header(w, "Content-Encoding", "gzip"), NH_OK);
    nh_response_writer_write(w, zipped, sizeof zipped - 1, NULL);
}

enum { BIG = 6 << 20, BLOCK = 1 << 16 };

static void big(nh_response_writer *w, nh_request *r, void *userdata) {
    char block[BLOCK];
    (void)r, (void)userdata;
    for (int i = 0; i < BIG / BLOCK; i++) {
        memset(block, 'a' + i % 26, sizeof block);
        if (nh_response_writer_write(w, block, sizeof block, NULL) != NH_OK) return;
    }
}

/* Sends back what comes, and its trailer field. */
static void echo(nh_response_writer *w, nh_request *r, void *userdata) {
    char buf[20000];
    size_t n;
    (void)userdata;
    CHECK_INT(nh_response_writer_set_full_duplex(w), NH_OK);
    while (nh_request_body_read(r, buf, sizeof buf, &n, NULL) == NH_OK && n > 0)
        if (nh_response_writer_write(w, buf, n, NULL) != NH_OK) return;
    const char *sum = nh_header_get(nh_request_trailer(r), "X-Sum");
    if (sum) CHECK_INT(nh_response_writer_set_trailer(w, "X-Sum", sum), NH_OK);
}

static void begin(void) {
    static const struct {
        const char *path;
        nh_handler_fn fn;
    } routes[] = {{"/hop", hop}, {"/cookies", cookies}, {"/zip", zip}, {"/big", big}, {"/echo", echo}};
    server = nh_server_new();
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        CHECK_INT(nh_server_handle(server, routes[i].path, routes[i].fn, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_set_protocols(server, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_server_listen(server, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(server, NULL), NH_OK);
}

static nh_client *client(void) {
    nh_client *c = nh_client_new();
    CHECK_INT(nh_client_set_protocols(c, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    return c;
}

static nh_request *to(const char *method, const char *path) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", (int)nh_server_port(server, 0), path);
    return request_to(method, url);
}

static void must(nh_client *c, const char *path, const char *want) {
    nh_request *r = to("GET", path);
    must_do(c, r, want);
    nh_request_free(r);
}

/* ---- redirects, cookies, gzip */

static void redirects(void) {
    nh_client *c = client();
    nh_jar *jar = nh_jar_new();
    nh_request *r = to("POST", "/hop");
    CHECK_INT(nh_client_set_jar(c, jar), NH_OK);
    CHECK_INT(nh_request_set_body(r, "again", 5), NH_OK);
    CHECK_INT(nh_request_set_header(r, "Cookie", "own=0; more=1;last=2"), NH_OK);
    nh_response *res = send_it(c, r);
    must_read(res, "POST|own=0; more=1; last=2; hop=1; crumb=two words|again");
    CHECK_INT(nh_response_http2_stream(res), 3);
    nh_response_free(res);
    nh_request_free(r);
    must(c, "/cookies", "GET|hop=1; crumb=two words|");
    CHECK_INT(nh_client_dialed_count(c), 1);

    r = to("GET", "/zip");
    res = send_it(c, r);
    CHECK_INT(nh_response_uncompressed(res), 1);
    must_read(res, "hello hello hello");
    CHECK_INT(nh_response_http2_stream(res), 7);
    nh_response_free(res);
    nh_request_free(r);
    nh_jar_free(jar);
    nh_client_free(c);
}

/* A cookie goes out in a field for each pair, as RFC 9113, 8.2.3 permits and Go does. */
static char crumbs[256];

static nh_result fields(const nh_trace_event *e, void *userdata) {
    (void)userdata;
    if (nh_trace_event_kind(e) == NH_TRACE_WROTE_FIELD && !strcmp(nh_trace_event_name(e), "cookie"))
        snprintf(crumbs + strlen(crumbs), sizeof crumbs - strlen(crumbs), "[%s]", nh_trace_event_value(e));
    return NH_OK;
}

static void cookie_fields(void) {
    nh_client *c = client();
    nh_request *r = to("GET", "/cookies");
    CHECK_INT(nh_request_set_header(r, "Cookie", "a=1; b=2"), NH_OK);
    CHECK_INT(nh_header_add(nh_request_header(r), "Cookie", "c=3"), NH_OK);
    CHECK_INT(nh_request_set_trace(r, fields, NULL, NULL), NH_OK);
    must_do(c, r, "GET|a=1; b=2; c=3|");
    CHECK_STR(crumbs, "[a=1][b=2][c=3]");
    nh_request_free(r);
    nh_client_free(c);
}

/* ---- progress */

static struct {
    int64_t sent, to_send, received, to_receive;
    int refuse_sent, refuse_received;
} last;

static nh_result progress(int64_t sent, int64_t to_send, int64_t received, int64_t to_receive, void *p) {
    CHECK(p == &last);
    last.sent = sent, last.to_send = to_send, last.received = received, last.to_receive = to_receive;
    if (last.refuse_sent && sent > 0) return NH_ERR_STATE;
    if (last.refuse_received && received > 0) return NH_ERR_STATE;
    return NH_OK;
}

static nh_result piece(void *userdata, void *buf, size_t cap, size_t *n_out) {
    size_t *left = userdata;
    *n_out = *left < 777 ? *left : 777;
    CHECK(cap >= *n_out);
    memset(buf, 'p', *n_out);
    *left -= *n_out;
    return NH_OK;
}

/* Of unknown length, with a trailer, both ways at once. */
static void uploads(void) {
    enum { LEN = 900000 };
    nh_client *c = client();
    size_t left = LEN, len;
    const void *data;
    nh_response *res = NULL;
    nh_error *err = NULL;
    nh_request *r = to("POST", "/echo");
    CHECK_INT(nh_request_set_body_callback(r, -1, piece, NULL, &left, NULL), NH_OK);
    CHECK_INT(nh_request_set_trailer(r, "X-Sum", "42"), NH_OK);
    CHECK_INT(nh_request_set_progress(r, progress, &last, NULL), NH_OK);
    res = send_it(c, r);
    CHECK_INT(nh_response_body_read_all(res, 1 << 20, &data, &len, NULL), NH_OK);
    CHECK_INT(len, LEN);
    CHECK_STR(nh_header_get(nh_response_trailer(res), "X-Sum"), "42");
    CHECK(last.sent == LEN && last.to_send == -1 && last.received == LEN && last.to_receive == -1);
    nh_response_free(res);
    nh_request_free(r);

    /* What it ends is the exchange, and not the connection. */
    last.refuse_sent = 1;
    r = to("POST", "/echo");
    CHECK_INT(nh_request_set_body(r, "some text", 9), NH_OK);
    CHECK_INT(nh_request_set_progress(r, progress, &last, NULL), NH_OK);
    CHECK_INT(nh_client_do(c, r, &res, &err), NH_ERR_ABORTED);
    nh_error_free(err);
    last.refuse_sent = 0, last.refuse_received = 1;
    res = send_it(c, r);
    CHECK_INT(nh_response_body_read_all(res, 1 << 20, &data, &len, &err), NH_ERR_ABORTED);
    nh_error_free(err);
    nh_response_free(res);
    nh_request_free(r);
    must(c, "/cookies", "GET||");
    CHECK_INT(nh_client_dialed_count(c), 1);
    nh_client_free(c);
}

/* ---- a body larger than all windows is read slowly, and holds up nobody */

static void large_body(void) {
    nh_http2_config *config = nh_http2_config_new();
    nh_client *c = client();
    CHECK_INT(nh_http2_config_set_max_receive_buffer_per_stream(config, 100000), NH_OK);
    CHECK_INT(nh_http2_config_set_max_receive_buffer_per_connection(config, 150000), NH_OK);
    CHECK_INT(nh_client_set_http2(c, config), NH_OK);
    nh_http2_config_free(config);
    nh_request *r = to("GET", "/big");
    nh_response *res = send_it(c, r);
    char buf[BLOCK];
    for (int i = 0; i < BIG / BLOCK; i++) {
        for (size_t at = 0, n; at < sizeof buf; at += n) {
            CHECK_INT(nh_response_body_read(res, buf + at, sizeof buf - at, &n, NULL), NH_OK);
            CHECK(n > 0);
        }
        CHECK(buf[0] == 'a' + i % 26 && buf[BLOCK - 1] == buf[0]);
        must(c, "/cookies", "GET||");
    }
    size_t n;
    CHECK_INT(nh_response_body_read(res, buf, sizeof buf, &n, NULL), NH_OK);
    CHECK_INT(n, 0);
    CHECK_INT(nh_client_dialed_count(c), 1);
    nh_response_free(res);
    nh_request_free(r);
    nh_client_free(c);
}

/* ---- a trace may end the exchange at an informational answer */

static void hints(int fd) {
    const char *const link[] = {"link", "</style.css>", NULL};
    put_setting(fd, 0, 0);
    uint32_t id = next_request(fd);
    put_headers(fd, id, 0, "103", link);
    atomic_store(&seen, wait_reset(fd, id));
    id = next_request(fd);
    put_headers(fd, id, 0, "103", link);
    put_headers(fd, id, 0, "199", NULL);
    put_ok(fd, id);
    go_on(fd);
}

static char told[64];

static nh_result refuse(const nh_trace_event *e, void *userdata) {
    if (nh_trace_event_kind(e) != NH_TRACE_INFORMATIONAL) return NH_OK;
    snprintf(told + strlen(told), sizeof told - strlen(told), "%d ", (int)nh_trace_event_status(e));
    const char *link = nh_header_get(nh_trace_event_header(e), "Link");
    if (nh_trace_event_status(e) == 103) CHECK_STR(link, "</style.css>");
    return userdata ? NH_ERR_STATE : NH_OK;
}

static void traced(void) {
    nh_client *c = start(hints);
    nh_request *r = new_request("GET");
    CHECK_INT(nh_request_set_trace(r, refuse, r, NULL), NH_OK);
    nh_error_free(must_fail(c, r, NH_ERR_ABORTED, "the trace callback answered -2"));
    CHECK_INT(nh_request_set_trace(r, refuse, NULL, NULL), NH_OK);
    must_do(c, r, "ok");
    CHECK_STR(told, "103 103 199 ");
    must_get(c, "ok");
    CHECK_INT(atomic_load(&seen), 8);
    CHECK_INT(atomic_load(&connections), 1);
    nh_request_free(r);
    nh_client_free(c);
}

/* ---- one connection alone: who watches it is told of each stream's end and of the server's farewell */

static _Atomic int changes;

static void changed(void *userdata) { atomic_fetch_add((_Atomic int *)userdata, 1); }

static void says_farewell(int fd) {
    put_setting(fd, 3, 2);
    put_ok(fd, next_request(fd));
    put_ok(fd, next_request(fd));
    put_goaway(fd, 3, 0, "");
}

static void single(void) {
    nh_client *c = start(says_farewell);
    nh_transport *t = nh_client_transport(c);
    nh_client_conn *conn = NULL;
    nh_request *r = new_request("GET");
    nh_response *res = NULL;
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", origin_port);
    CHECK_INT(nh_client_conn_new(t, "http", address, &conn, NULL), NH_OK);
    nh_transport_free(t);
    CHECK_INT(nh_client_conn_set_state_callback(conn, changed, (void *)&changes, NULL), NH_OK);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(nh_client_conn_round_trip(conn, r, &res, NULL), NH_OK);
        CHECK_INT(nh_response_http2_stream(res), 1 + 2 * i);
        must_read(res, "ok");
        nh_response_free(res);
        CHECK(atomic_load(&changes) > i);
    }
    while (nh_client_conn_check(conn) == NH_OK)
        origin_sleep(1);
    CHECK_ERR(NH_ERR_CLOSED, nh_client_conn_check(conn));
    CHECK_INT(nh_client_conn_available(conn), 0);
    CHECK_ERR(NH_ERR_CLOSED, nh_client_conn_reserve(conn));
    CHECK_ERR(NH_ERR_CLOSED, nh_client_conn_round_trip(conn, r, &res, NULL));
    CHECK(atomic_load(&changes) > 2);
    CHECK_INT(atomic_load(&connections), 1);
    nh_client_conn_free(conn);
    nh_request_free(r);
    nh_client_free(c);
}

/* ---- CONNECT: a stream as a tunnel to what the Host names (RFC 9113, 8.5) */

static void tunnel(nh_response_writer *w, nh_request *r, void *userdata) {
    CHECK_STR(nh_request_method(r), "CONNECT");
    CHECK_STR(nh_request_host(r), "far.example:443");
    CHECK_INT(nh_request_content_length(r), -1);
    CHECK(nh_header_get(nh_request_header(r), "Transfer-Encoding") == NULL);
    char buf[16];
    size_t n;
    (void)userdata;
    while (nh_request_body_read(r, buf, sizeof buf, &n, NULL) == NH_OK && n > 0) {
        CHECK_INT(nh_response_writer_write(w, buf, n, NULL), NH_OK);
        CHECK_INT(nh_response_writer_flush(w, NULL), NH_OK);
    }
}

/* Says "ping" three times. */
static nh_result ping(void *userdata, void *buf, size_t cap, size_t *n_out) {
    int *said = userdata;
    CHECK(cap >= 4);
    *n_out = 0;
    if (*said == 3) return NH_OK;
    memcpy(buf, "ping", *n_out = 4);
    *said += 1;
    return NH_OK;
}

static void tunnels(void) {
    nh_server *s = nh_server_new();
    nh_handler *h = nh_handler_new(tunnel, NULL, NULL);
    CHECK_INT(nh_server_set_handler(s, h, NULL), NH_OK);
    nh_handler_free(h);
    CHECK_INT(nh_server_set_protocols(s, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    nh_client *c = client();
    char url[64], buf[16];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", (int)nh_server_port(s, 0));
    nh_request *r = request_to("CONNECT", url);
    int said = 0;
    size_t n;
    CHECK_INT(nh_request_set_host(r, "far.example:443"), NH_OK);
    CHECK_INT(nh_request_set_body_callback(r, -1, ping, NULL, &said, NULL), NH_OK);
    nh_response *res = send_it(c, r);
    CHECK_INT(nh_response_status_code(res), 200);
    for (int i = 0; i < 3; i++) {
        for (size_t at = 0; at < 4; at += n)
            CHECK(nh_response_body_read(res, buf + at, 4 - at, &n, NULL) == NH_OK && n > 0);
        CHECK(!memcmp(buf, "ping", 4));
    }
    CHECK_INT(nh_response_body_read(res, buf, sizeof buf, &n, NULL), NH_OK);
    CHECK_INT(n, 0);
    nh_response_free(res);
    nh_request_free(r);
    nh_client_free(c);
    nh_server_free(s);
}

int main(void) {
    begin();
    origin_serve(serve_script);
    redirects();
    cookie_fields();
    uploads();
    large_body();
    traced();
    single();
    tunnels();
    nh_server_free(server);
    return 0;
}
