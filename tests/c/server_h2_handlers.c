/* What handlers use beside reading and writing, over HTTP/2: requests that are asked for, files, wrapped
 * writers, limits, values, cookies, TLS; and what is told of connections and exchanges. */
#include "certs.h"
#include "frames.h"
#include "noted.h"

#include <pthread.h>

/* ---- handlers */

static void hello(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    CHECK_INT(nh_response_writer_write_str(w, "hello", NULL), NH_OK);
}

static void aborts(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_abort(w);
}

static int files_served;
static void file(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_result res = nh_serve_file(w, r, in_dir("file"), NULL);
    (void)userdata;
    if (nh_request_raw_query(r) && *nh_request_raw_query(r))
        CHECK_INT(res, NH_ERR_UNEXPECTED_EOF); /* the reader leaves */
    else
        CHECK_INT(res, NH_OK);
    add(&files_served);
}

static int reads_begun;

/* Reads to the end, or answers as a body that is too large is answered. */
static void reads(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char buf[100], text[32];
    size_t n, all = 0;
    nh_result res;
    add(&reads_begun);
    while ((res = nh_request_body_read(r, buf, sizeof buf, &n, NULL)) == NH_OK && n > 0)
        all += n;
    snprintf(text, sizeof text, "%d bytes", (int)all);
    if (res == NH_ERR_TOO_LARGE)
        CHECK_INT(nh_respond(w, 413, "text/plain", "too large", 9), NH_OK);
    else
        CHECK_INT(nh_respond(w, 200, "text/plain", text, strlen(text)), NH_OK);
}

static void cookies(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char text[200];
    size_t at = 0;
    nh_cookie *c;
    for (size_t i = 0; nh_request_cookie_at(r, i, &c) == NH_OK; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "[%s=%s]", nh_cookie_name(c), nh_cookie_value(c));
        nh_cookie_free(c);
    }
    CHECK_INT(nh_response_writer_write(w, text, at, NULL), NH_OK);
}

static void tls_state(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char text[200];
    size_t len = 0;
    const unsigned char *der = nh_request_tls_peer_certificate_at(r, 0, &len);
    CHECK(der && der[0] == 0x30 && len > 100);
    CHECK(!strncmp(nh_request_tls_cipher_suite(r), "TLS_", 4));
    snprintf(text, sizeof text, "%d %x %s '%s' %d", (int)nh_request_proto(r),
             (unsigned)nh_request_tls_version(r), nh_request_tls_alpn(r), nh_request_tls_server_name(r),
             (int)nh_request_tls_peer_certificate_count(r));
    CHECK_INT(nh_response_writer_write_str(w, text, NULL), NH_OK);
}

static void plain_state(nh_response_writer *w, nh_request *r, void *userdata) {
    CHECK_INT(nh_request_tls_version(r), 0);
    CHECK(!nh_request_tls_alpn(r) && !nh_request_tls_cipher_suite(r));
    hello(w, r, userdata);
}

/* ---- middleware: what is written goes through a writer of its own, and values go with the request */

static int values_freed, wrap_freed;
static void count_value(void *p) { add(p); }

static nh_result shout_header(nh_response_writer *inner, int32_t code, void *userdata) {
    CHECK(userdata == &wrap_freed);
    char text[16];
    snprintf(text, sizeof text, "%d", (int)code);
    CHECK_INT(nh_response_writer_set_header(inner, "X-Wrote", text), NH_OK);
    return nh_response_writer_write_header(inner, code == 201 ? 200 : code);
}

static nh_result shout(nh_response_writer *inner, const void *data, size_t len, void *userdata) {
    char loud[100];
    (void)userdata;
    CHECK(len < sizeof loud);
    for (size_t i = 0; i < len; i++) {
        char c = ((const char *)data)[i];
        loud[i] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
    }
    return nh_response_writer_write(inner, loud, len, NULL);
}

static nh_result shout_flush(nh_response_writer *inner, void *userdata) {
    (void)userdata;
    return nh_response_writer_flush(inner, NULL);
}

static void inner(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    const char *who = nh_request_value(r, "who");
    CHECK_STR(nh_request_value(r, "base"), "of all");
    CHECK(!nh_request_value(r, "gone"));
    CHECK_INT(nh_response_writer_write_header(w, 201), NH_OK);
    CHECK_INT(nh_response_writer_write_str(w, "i am ", NULL), NH_OK);
    CHECK_INT(nh_response_writer_flush(w, NULL), NH_OK);
    CHECK_INT(nh_response_writer_write_str(w, who, NULL), NH_OK);
    CHECK_INT(nh_response_writer_set_trailer(w, "X-Sum", "1"), NH_OK);
    CHECK_INT(nh_response_writer_status(w), 201);
    CHECK_INT(nh_response_writer_written(w), 5 + strlen(who));
}

static nh_handler *within;

static void outer(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    static char who[] = "somebody";
    nh_response_writer *over = NULL;
    CHECK(!nh_request_value(r, "who")); /* nothing is left of an earlier stream's */
    CHECK_INT(nh_request_set_value(r, "gone", &values_freed, count_value), NH_OK);
    CHECK_INT(nh_request_set_value(r, "gone", NULL, NULL), NH_OK);
    CHECK_INT(nh_request_set_value(r, "count", &values_freed, count_value), NH_OK);
    CHECK_INT(nh_request_set_value(r, "who", who, NULL), NH_OK);
    CHECK_INT(nh_response_writer_wrap(w, shout_header, shout, shout_flush, &wrap_freed, count_value, &over),
              NH_OK);
    CHECK_INT(nh_handler_serve(within, over, r), NH_OK);
    nh_response_writer_free(over);
}

/* ---- what is told */

static uint64_t first_id;

static void changed(const nh_server_conn *c, int32_t state, void *userdata) {
    char text[100];
    (void)userdata;
    if (!__atomic_load_n(&first_id, __ATOMIC_SEQ_CST))
        __atomic_store_n(&first_id, nh_server_conn_id(c), __ATOMIC_SEQ_CST);
    snprintf(text, sizeof text, "%d:%s ", (int)(nh_server_conn_id(c) - first_id), nh_conn_state_text(state));
    note(text);
}

static void ended(const nh_access *a, void *userdata) {
    char addr[64], text[300];
    size_t len;
    (void)userdata;
    CHECK_INT(nh_access_remote_addr(a, addr, sizeof addr, &len), NH_OK);
    CHECK(!strncmp(addr, "127.0.0.1:", 10));
    CHECK(nh_access_duration_us(a) >= 0);
    snprintf(text, sizeof text, "[%s %s %s %d %d]", nh_access_method(a), nh_access_host(a),
             nh_access_target(a), (int)nh_access_status(a), (int)nh_access_bytes(a));
    note(text);
}

/* ---- the server */

static nh_server *fresh(void) {
    nh_server *s = nh_server_new();
    CHECK_INT(
        nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2),
        NH_OK);
    CHECK_INT(nh_server_handle(s, "/hello", hello, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/abort", aborts, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/file", file, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/reads", reads, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/cookies", cookies, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/plain", plain_state, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/tls", tls_state, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/outer", outer, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle_pull(s, "/pull/", NULL), NH_OK);
    CHECK_INT(nh_server_set_base_value(s, "base", "of all", NULL), NH_OK);
    return s;
}

static nh_server *start(nh_server *s) {
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    return s;
}

/* ---- the tests */

static void respond(nh_response_writer *w, nh_request *r) {
    size_t n;
    const char *path = nh_request_path(r, &n);
    CHECK_INT(nh_respond(w, 200, "text/plain", path, n), NH_OK);
    nh_response_writer_free(w);
}

/* Which of "/pull/a", "/pull/b" and "/pull/c" a request is for: requests that came at the same time are
 * handed over in any order. */
static int which(const nh_request *r) {
    size_t n;
    const char *path = nh_request_path(r, &n);
    CHECK(n == 7 && path[6] >= 'a' && path[6] <= 'c');
    return path[6] - 'a';
}

static void asked_for(void) {
    nh_server *s = start(fresh());
    int fd = h2_connect(s, 65535);
    nh_response_writer *w[3], *next_w;
    nh_request *r[3], *next_r;
    ask(fd, 1, "GET", "/pull/a", END_STREAM, NULL);
    ask(fd, 3, "POST", "/pull/b", 0, NULL);
    ask(fd, 5, "GET", "/pull/c", END_STREAM, NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(nh_server_next(s, 10000, &next_w, &next_r, NULL), NH_OK);
        w[which(next_r)] = next_w;
        r[which(next_r)] = next_r;
    }
    /* In any order, beside each other, and beside handlers. */
    respond(w[2], r[2]);
    CHECK_STR(answer(fd, 5), "200 /pull/c.");
    ask(fd, 7, "GET", "/hello", END_STREAM, NULL);
    CHECK_STR(answer(fd, 7), "200 hello.");
    char buf[10];
    size_t n;
    for (int i = 0; i < 3; i++) {
        frame_send(fd, DATA, i == 2, 3, "ping", 4);
        CHECK_INT(nh_request_body_read(r[1], buf, sizeof buf, &n, NULL), NH_OK);
        CHECK_INT(nh_response_writer_write(w[1], buf, n, NULL), NH_OK);
        CHECK_INT(nh_response_writer_flush(w[1], NULL), NH_OK);
    }
    CHECK_INT(nh_request_body_read(r[1], buf, sizeof buf, &n, NULL), NH_OK);
    CHECK_INT(n, 0);
    nh_response_writer_free(w[1]);
    CHECK_STR(answer(fd, 3), "200 pingpingping.");
    respond(w[0], r[0]);
    CHECK_STR(answer(fd, 1), "200 /pull/a.");

    /* One whose client leaves: nobody else notices. */
    ask(fd, 9, "GET", "/pull/left", END_STREAM, NULL);
    CHECK_INT(nh_server_next(s, 10000, w, r, NULL), NH_OK);
    frame_word(fd, RST_STREAM, 9, 8);
    while (!nh_request_is_client_gone(r[0]))
        pause_ms(1);
    CHECK(nh_respond(w[0], 200, "text/plain", "x", 1) != NH_OK ||
          nh_response_writer_flush(w[0], NULL) != NH_OK);
    nh_response_writer_free(w[0]);
    ask(fd, 11, "GET", "/hello", END_STREAM, NULL);
    CHECK_STR(answer(fd, 11), "200 hello.");
    /* Ended without an answer, and one that nobody asks for when the server ends. */
    ask(fd, 13, "GET", "/pull/none", END_STREAM, NULL);
    CHECK_INT(nh_server_next(s, 10000, w, r, NULL), NH_OK);
    nh_response_writer_free(w[0]);
    CHECK_STR(answer(fd, 13), "reset 2");
    ask(fd, 15, "GET", "/pull/never", END_STREAM, NULL);
    ask(fd, 17, "GET", "/hello", END_STREAM, NULL);
    CHECK_STR(answer(fd, 17), "200 hello.");
    nh_server_free(s);
    CHECK_STR(answer(fd, 15), "end");
    close(fd);
}

#define FILE_SIZE 3000000

static void files(void) {
    nh_server *s = start(fresh());
    int fd = h2_connect(s, 65535), resets = 0;
    FILE *f = fopen(in_dir("file"), "wb");
    CHECK(f != NULL);
    for (int i = 0; i < FILE_SIZE; i++)
        fputc('a' + i % 26, f);
    CHECK_INT(fclose(f), 0);
    /* Larger than the windows, which open as it comes; two at a time. */
    size_t came[2] = {0, 0};
    ask(fd, 1, "GET", "/file", END_STREAM, NULL);
    ask(fd, 3, "GET", "/file", END_STREAM, NULL);
    for (int open = 2; open > 0;) {
        frame d;
        CHECK(frame_next(fd, &d));
        resets += d.type == RST_STREAM;
        if (d.type != DATA) continue;
        size_t *at = &came[d.stream == 3];
        for (size_t i = 0; i < d.len; i++, ++*at)
            CHECK(d.payload[i] == (char)('a' + *at % 26));
        open -= d.flags & END_STREAM;
        if (d.len == 0) continue;
        frame_word(fd, WINDOW_UPDATE, 0, d.len);
        if (!(d.flags & END_STREAM)) frame_word(fd, WINDOW_UPDATE, d.stream, d.len);
    }
    CHECK(came[0] == FILE_SIZE && came[1] == FILE_SIZE && resets == 0);
    const char *range[] = {"range", "bytes=26-31", NULL}, *beyond[] = {"range", "bytes=4000000-", NULL},
               *suffix[] = {"range", "bytes=-4", NULL};
    ask(fd, 5, "GET", "/file", END_STREAM, range);
    CHECK_STR(answer(fd, 5), "206 abcdef.");
    char last[] = "206 abcd.";
    for (int i = 0; i < 4; i++)
        last[4 + i] = (char)('a' + (FILE_SIZE - 4 + i) % 26);
    ask(fd, 7, "GET", "/file", END_STREAM, suffix);
    CHECK_STR(answer(fd, 7), last);
    ask(fd, 9, "HEAD", "/file", END_STREAM, NULL);
    CHECK_STR(answer(fd, 9), "200 .");
    ask(fd, 11, "GET", "/file", END_STREAM, beyond);
    CHECK_STR(answer(fd, 11), "head invalid range: failed to overlap\n.");
    /* A reader that leaves in the middle. */
    int before = __atomic_load_n(&files_served, __ATOMIC_SEQ_CST);
    ask(fd, 13, "GET", "/file?leaves", END_STREAM, NULL);
    frame d;
    do
        CHECK(frame_next(fd, &d));
    while (d.type != DATA);
    frame_word(fd, RST_STREAM, 13, 8);
    frame_word(fd, WINDOW_UPDATE, 0, 1000000);
    await(&files_served, before + 1);
    ask(fd, 15, "GET", "/hello", END_STREAM, NULL);
    CHECK_STR(answer(fd, 15), "200 hello.");
    close(fd);

    /* The fields, as a client of HTTP/2 sees them. */
    nh_client *c = nh_client_new();
    nh_request *r = NULL;
    nh_response *res = NULL;
    CHECK_INT(nh_client_set_protocols(c, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_request_new("GET", url_of(s, "/file"), &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_header(r, "Range", "bytes=26-31"), NH_OK);
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
    CHECK_STR(nh_response_proto(res), "HTTP/2.0");
    CHECK_INT(nh_response_status_code(res), 206);
    CHECK_STR(nh_header_get(nh_response_header(res), "Content-Range"), "bytes 26-31/3000000");
    CHECK_STR(nh_header_get(nh_response_header(res), "Content-Length"), "6");
    CHECK_STR(nh_header_get(nh_response_header(res), "Accept-Ranges"), "bytes");
    CHECK(nh_header_get(nh_response_header(res), "Last-Modified") != NULL);
    nh_response_free(res);
    nh_request_free(r);
    nh_client_free(c);
    nh_server_free(s);
}

static void told(void) {
    nh_server *s = fresh();
    CHECK_INT(nh_server_set_conn_state_callback(s, changed, NULL, NULL), NH_OK);
    start(s);
    int fd = h2_connect(s, 65535);
    ask(fd, 1, "POST", "/reads", 0, NULL);
    ask(fd, 3, "GET", "/hello", END_STREAM, NULL);
    CHECK_STR(answer(fd, 3), "200 hello.");
    frame_send(fd, DATA, END_STREAM, 1, "x", 1);
    CHECK_STR(answer(fd, 1), "200 1 bytes.");
    /* Active from its first stream on, idle when there is none. */
    noted_wait("0:new 0:active 0:idle ");
    ask(fd, 5, "GET", "/hello", END_STREAM, NULL);
    CHECK_STR(answer(fd, 5), "200 hello.");
    noted_wait("0:active 0:idle ");
    close(fd);
    noted_wait("0:closed ");
    nh_server_free(s);

    s = fresh();
    CHECK_INT(nh_server_set_access_log(s, ended, NULL, NULL), NH_OK);
    start(s);
    fd = h2_connect(s, 65535);
    const struct {
        const char *method, *path, *line;
    } lines[] = {{"GET", "/hello?a=b", "[GET test.example /hello?a=b 200 5]"},
                 {"HEAD", "/hello", "[HEAD test.example /hello 200 5]"},
                 {"GET", "/nowhere", "[GET test.example /nowhere 404 19]"},
                 {"GET", "/abort", "[GET test.example /abort 0 0]"},
                 {"GET", "/outer", "[GET test.example /outer 200 13]"}};
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
        ask(fd, 1 + 2 * i, lines[i].method, lines[i].path, END_STREAM, NULL);
        answer(fd, 1 + 2 * i);
        noted_wait(lines[i].line);
    }
    /* A client that leaves: what the handler did is told all the same. */
    int before = current(&reads_begun);
    ask(fd, 21, "POST", "/reads", 0, NULL);
    await(&reads_begun, before + 1); /* no handler begins for a client that has left */
    frame_word(fd, RST_STREAM, 21, 8);
    noted_wait("[POST test.example /reads 200 7]");
    close(fd);
    nh_server_free(s);
}

static void limits(void) {
    nh_server *s = fresh();
    nh_handler *h = nh_handler_new(reads, NULL, NULL), *bounded = nh_max_bytes_handler(h, 3);
    CHECK_INT(nh_server_handle_handler(s, "/three", bounded, NULL), NH_OK);
    nh_handler_free(h);
    nh_handler_free(bounded);
    CHECK_INT(nh_server_set_max_body_bytes(s, 5), NH_OK);
    start(s);
    int fd = h2_connect(s, 65535);
    const char *length[] = {"content-length", "6", NULL};
    const struct {
        const char *path, *body, *want;
        const char *const *more;
        int end;
    } cases[] = {
        {"/three", "abc", "200 3 bytes.", NULL, 1},       {"/three", "abcd", "head too large.", NULL, 1},
        {"/three", "abcd", "head too large.", NULL, 0},   {"/reads", "abcde", "200 5 bytes.", NULL, 1},
        {"/reads", "abcdef", "head too large.", NULL, 0}, {"/reads", "abcdef", "head too large.", length, 1}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned id = 1 + 2 * i;
        ask(fd, id, "POST", cases[i].path, 0, cases[i].more);
        frame_send(fd, DATA, cases[i].end, id, cases[i].body, strlen(cases[i].body));
        CHECK_STR(answer(fd, id), cases[i].want);
        if (cases[i].end) continue;
        /* What is left of it is called off, and the connection goes on. */
        frame f;
        do
            CHECK(frame_next(fd, &f));
        while (f.type != RST_STREAM);
        CHECK(f.stream == id && frame_value(&f, 0) == 0);
    }
    close(fd);
    nh_server_free(s);
}

static void on_the_way(void) {
    nh_server *s = start(fresh());
    int fd = h2_connect(s, 65535);
    int before = __atomic_load_n(&values_freed, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < 3; i++) {
        ask(fd, 1 + 2 * i, "GET", "/outer", END_STREAM, NULL);
        CHECK_STR(answer(fd, 1 + 2 * i), "200 I AM SOMEBODYhead .");
    }
    await(&values_freed, before + 6);
    CHECK(__atomic_load_n(&wrap_freed, __ATOMIC_SEQ_CST) >= 3);
    /* RFC 9113, 8.2.3: crumbs are one field to a program. */
    const char *crumbs[] = {"cookie", "a=1", "x-other", "y", "cookie", "b=2; c=3", "cookie", "d=4", NULL};
    ask(fd, 7, "GET", "/cookies", END_STREAM, crumbs);
    CHECK_STR(answer(fd, 7), "200 [a=1][b=2][c=3][d=4].");
    ask(fd, 9, "GET", "/plain", END_STREAM, NULL);
    CHECK_STR(answer(fd, 9), "200 hello.");
    close(fd);
    nh_server_free(s);
}

static void over_tls(void) {
    nh_tls_config *own = nh_tls_config_new(), *t = nh_tls_config_new();
    CHECK_INT(nh_tls_config_set_certificate_files(own, in_dir("a.pem"), in_dir("a.key"), NULL), NH_OK);
    CHECK_INT(nh_tls_config_set_client_auth(own, NH_CLIENT_AUTH_REQUIRE_ANY), NH_OK);
    nh_server *s = fresh();
    CHECK_INT(nh_server_listen_tls(s, "127.0.0.1:0", own, NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    CHECK_INT(nh_tls_config_set_certificate_files(t, in_dir("b.pem"), in_dir("b.key"), NULL), NH_OK);
    CHECK_INT(nh_tls_config_set_system_roots(t, 0), NH_OK);
    CHECK_INT(nh_tls_config_add_roots_file(t, in_dir("a.pem"), NULL), NH_OK);
    CHECK_INT(nh_tls_config_set_server_name(t, "a.example"), NH_OK);
    nh_client *c = nh_client_new();
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    char url[128];
    const void *data;
    size_t len;
    for (int i = 0; i < 2; i++) {
        nh_response *res = NULL;
        snprintf(url, sizeof url, "https://127.0.0.1:%d/tls", (int)nh_server_port(s, 0));
        CHECK_INT(nh_client_get(c, url, &res, NULL), NH_OK);
        CHECK_INT(nh_response_body_read_all(res, 1000, &data, &len, NULL), NH_OK);
        CHECK_INT(len, strlen("20 304 h2 'a.example' 1"));
        CHECK(!memcmp(data, "20 304 h2 'a.example' 1", len));
        nh_response_free(res);
    }
    nh_client_free(c);
    nh_tls_config_free(own);
    nh_tls_config_free(t);
    nh_server_free(s);
}

int main(void) {
    certs_begin();
    certs_make("a", "DNS:a.example");
    certs_make("b", "DNS:b.example");
    within = nh_handler_new(inner, NULL, NULL);
    asked_for();
    files();
    told();
    limits();
    on_the_way();
    over_tls();
    nh_handler_free(within);
    return 0;
}
