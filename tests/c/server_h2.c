/* HTTP/2 on the server, by frames: what handlers can do, what clients may do, how it ends. */
#include "frames.h"

#include <pthread.h>

/* ---- handlers */

static void facts(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char text[400], addr[64];
    size_t len;
    CHECK_INT(nh_request_remote_addr(r, addr, sizeof addr, &len), NH_OK);
    CHECK_INT(nh_request_local_addr(r, addr, sizeof addr, &len), NH_OK);
    int n = snprintf(text, sizeof text, "%s %s %s %d.%d length %lld cookie %s", nh_request_method(r),
                     nh_request_uri(r), nh_request_host(r), nh_request_proto_major(r),
                     nh_request_proto_minor(r), (long long)nh_request_content_length(r),
                     nh_request_header_value(r, "Cookie") ? nh_request_header_value(r, "Cookie") : "-");
    CHECK_INT(nh_response_writer_write(w, text, (size_t)n, NULL), NH_OK);
}

/* Streams back, then says how the body ended and what the trailer had. */
static void echo(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    CHECK(!nh_request_header_value(r, "Expect")); /* the library answers it */
    char buf[1000];
    size_t n;
    nh_result res;
    nh_response_writer_set_trailer(w, "X-End", "yes");
    while ((res = nh_request_body_read(r, buf, sizeof buf, &n, NULL)) == NH_OK && n > 0) {
        if (nh_response_writer_write(w, buf, n, NULL) != NH_OK) return;
        if (nh_response_writer_flush(w, NULL) != NH_OK) return;
    }
    const char *sum = nh_header_get(nh_request_trailer(r), "X-Sum");
    if (res == NH_OK && sum) nh_response_writer_write_str(w, sum, NULL);
}

static int read_begun, read_failed;
static void body_error(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w, (void)userdata;
    char buf[100];
    size_t n;
    nh_result res;
    add(&read_begun);
    while ((res = nh_request_body_read(r, buf, sizeof buf, &n, NULL)) == NH_OK && n > 0) {
    }
    CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_request_body_read(r, buf, sizeof buf, &n, NULL));
    CHECK_INT(res, NH_ERR_UNEXPECTED_EOF);
    CHECK_INT(nh_response_writer_write(w, "x", 1, NULL), NH_OK);
    CHECK(nh_response_writer_flush(w, NULL) != NH_OK);
    add(&read_failed);
}

static void limited(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char buf[100];
    size_t n;
    nh_result res;
    nh_request_set_body_limit(r, 3);
    while ((res = nh_request_body_read(r, buf, sizeof buf, &n, NULL)) == NH_OK && n > 0) {
    }
    nh_respond(w, res == NH_ERR_TOO_LARGE ? 200 : 500, "text/plain", "too large", 9);
}

static void slow_reader(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char buf[100];
    size_t n;
    CHECK_INT(nh_request_set_read_timeout(r, 30), NH_OK);
    CHECK_ERR(NH_ERR_TIMEOUT, nh_request_body_read(r, buf, sizeof buf, &n, NULL));
    CHECK_INT(nh_respond(w, 200, "text/plain", "late", 4), NH_OK);
}

static void aborts(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    if (strstr(nh_request_uri(r), "mid")) {
        CHECK_INT(nh_response_writer_write_str(w, "part", NULL), NH_OK);
        CHECK_INT(nh_response_writer_flush(w, NULL), NH_OK);
    }
    nh_response_writer_abort(w);
}

static void too_short(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_set_header(w, "Content-Length", "10");
    CHECK_INT(nh_response_writer_write_str(w, "short", NULL), NH_OK);
}

static void nothing(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_set_header(w, "Connection", "keep-alive");
    nh_response_writer_set_header(w, "Transfer-Encoding", "chunked");
    CHECK_INT(nh_response_writer_write_header(w, 204), NH_OK);
    CHECK_ERR(NH_ERR_BODY_NOT_ALLOWED, nh_response_writer_write(w, "x", 1, NULL));
}

static void hints(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_set_header(w, "Link", "</s>; rel=preload");
    CHECK_INT(nh_response_writer_write_header(w, 103), NH_OK);
    CHECK_INT(nh_response_writer_write_header(w, 103), NH_OK);
    CHECK_INT(nh_response_writer_write_str(w, "done", NULL), NH_OK);
}

static void hijacks(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_conn *c = NULL;
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_response_writer_hijack(w, &c, NULL));
    CHECK(!c);
    CHECK_INT(nh_response_writer_write_str(w, "no", NULL), NH_OK);
}

/* More than may wait to be sent. */
static int writes_failed, writes_done;
static void large(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    static const char block[100000];
    if (strstr(nh_request_uri(r), "timeout")) nh_response_writer_set_write_timeout(w, 50);
    nh_result res = NH_OK;
    for (int i = 0; i < 8 && res == NH_OK; i++)
        res = nh_response_writer_write(w, block, sizeof block, NULL);
    if (strstr(nh_request_uri(r), "timeout")) CHECK_INT(res, NH_ERR_TIMEOUT);
    add(res == NH_OK ? &writes_done : &writes_failed);
}

static struct {
    pthread_mutex_t lock;
    nh_response_writer *w;
} left = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void leave(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    pthread_mutex_lock(&left.lock);
    CHECK_INT(nh_response_writer_detach(w), NH_OK);
    left.w = w;
    pthread_mutex_unlock(&left.lock);
}

/* Answered before the handler has returned. */
static void early(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    CHECK_INT(nh_response_writer_detach(w), NH_OK);
    CHECK_INT(nh_respond(w, 200, "text/plain", "early", 5), NH_OK);
    nh_response_writer_free(w);
}

static nh_response_writer *take(void) {
    for (int i = 0; i < 4000; i++) {
        pthread_mutex_lock(&left.lock);
        nh_response_writer *w = left.w;
        left.w = NULL;
        pthread_mutex_unlock(&left.lock);
        if (w) return w;
        pause_ms(5);
    }
    CHECK(!"nothing was left");
    return NULL;
}

static int gone_calls, gone_waits;
static void on_gone(void *userdata) { add((int *)userdata); }
static void waits_for_gone(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w, (void)userdata;
    CHECK_INT(nh_request_set_gone_callback(r, on_gone, &gone_calls, NULL, NULL), NH_OK);
    add(&gone_waits);
    await(&gone_calls, 1);
    CHECK_INT(nh_request_is_client_gone(r), 1);
}

static void sleeps(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    pause_ms(brief_ms(100));
    CHECK_INT(nh_response_writer_write_str(w, "slept", NULL), NH_OK);
}

static void protocol(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char buf[10];
    size_t n;
    CHECK_STR(nh_request_method(r), "CONNECT");
    CHECK_INT(nh_response_writer_write_str(w, nh_request_header_value(r, ":protocol"), NULL), NH_OK);
    CHECK_INT(nh_response_writer_flush(w, NULL), NH_OK);
    CHECK_INT(nh_request_body_read(r, buf, sizeof buf, &n, NULL), NH_OK);
    CHECK_INT(nh_response_writer_write(w, buf, n, NULL), NH_OK);
}

static void too_late(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    pause_ms(brief_ms(100));
    CHECK_ERR(NH_ERR_TIMEOUT, nh_response_writer_write_str(w, "x", NULL));
}

static int errors_counted;
static void on_error(void *userdata, const char *kind) {
    (void)userdata;
    CHECK_STR(kind, "conn_protocol_error");
    add(&errors_counted);
}

static int gate;
static void waits_at_gate(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w, (void)r, (void)userdata;
    await(&gate, 1);
    CHECK_INT(nh_response_writer_write_str(w, "passed", NULL), NH_OK);
}

static int states[5];
static void on_state(const nh_server_conn *c, int32_t state, void *userdata) {
    (void)c, (void)userdata;
    add(&states[state]);
}

static const struct {
    const char *pattern;
    nh_handler_fn handler;
} routes[] = {
    {"/facts", facts},         {"/echo", echo},      {"/broken", body_error},  {"/limited", limited},
    {"/slow", slow_reader},    {"/abort", aborts},   {"/short", too_short},    {"/none", nothing},
    {"/hints", hints},         {"/hijack", hijacks}, {"/large", large},        {"/leave", leave},
    {"/gone", waits_for_gone}, {"/sleep", sleeps},   {"/gate", waits_at_gate}, {"/early", early}};

static nh_server *server(int64_t idle_ms) {
    nh_server *s = nh_server_new();
    CHECK_INT(nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_server_set_conn_state_callback(s, on_state, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_set_idle_timeout(s, idle_ms), NH_OK);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        CHECK_INT(nh_server_handle(s, routes[i].pattern, routes[i].handler, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    return s;
}

/* ---- */

static void arguments(void) {
    nh_server *s = nh_server_new();
    nh_http2_config *c = nh_http2_config_new();
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_protocols(NULL, NH_PROTOCOL_HTTP1));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_protocols(s, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_protocols(s, 8));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_http2(NULL, c));
    CHECK_INT(nh_server_set_http2(s, NULL), NH_OK);
    CHECK_INT(nh_server_set_http2(s, c), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_server_set_protocols(s, NH_PROTOCOL_HTTP1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_http2(s, c));
    /* Not by prior knowledge unless that was said. */
    char text[400];
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, PREFACE);
    raw_finish(fd, text, sizeof text);
    CHECK(!strncmp(text, "HTTP/1.1 400 ", 13));
    nh_http2_config_free(c);
    nh_server_free(s);
}

static void requests(nh_server *s) {
    int fd = h2_connect(s, 65535);
    const char *crumbs[] = {"cookie", "a=1", "cookie", "b=2", NULL};
    ask(fd, 1, "GET", "/facts?q", END_STREAM, crumbs);
    CHECK_STR(answer(fd, 1), "200 GET /facts?q test.example 2.0 length 0 cookie a=1; b=2.");
    ask(fd, 3, "HEAD", "/facts", END_STREAM, NULL);
    CHECK_STR(answer(fd, 3), "200 .");
    ask(fd, 5, "GET", "/none", END_STREAM, NULL);
    CHECK_STR(answer(fd, 5), "204 .");
    ask(fd, 7, "GET", "/hints", END_STREAM, NULL);
    CHECK_STR(answer(fd, 7), "head head 200 done.");
    ask(fd, 9, "GET", "/hijack", END_STREAM, NULL);
    CHECK_STR(answer(fd, 9), "200 no.");
    ask(fd, 11, "GET", "/abort", END_STREAM, NULL);
    CHECK_STR(answer(fd, 11), "reset 2");
    ask(fd, 13, "GET", "/abort?mid", END_STREAM, NULL);
    CHECK_STR(answer(fd, 13), "200 partreset 2");
    ask(fd, 15, "GET", "/short", END_STREAM, NULL);
    CHECK_STR(answer(fd, 15), "reset 2");
    close(fd);
}

static void bodies(nh_server *s) {
    int fd = h2_connect(s, 65535);
    char block[100];
    const char *sum[] = {"x-sum", "8", NULL};
    ask(fd, 1, "POST", "/echo", 0, NULL);
    for (int i = 0; i < 3; i++) {
        frame f;
        frame_send(fd, DATA, 0, 1, "ping", 4);
        do
            CHECK(frame_next(fd, &f));
        while (f.stream != 1 || f.type != DATA);
        CHECK_STR(f.payload, "ping");
    }
    frame_send(fd, HEADERS, END_HEADERS | END_STREAM, 1, block, fields_put(block, sum));
    CHECK_STR(answer(fd, 1), "8head .");

    /* A body that is not wanted to its end: the answer is whole, and the rest is called off. */
    ask(fd, 3, "POST", "/limited", 0, NULL);
    frame_send(fd, DATA, 0, 3, "12345", 5);
    CHECK_STR(answer(fd, 3), "200 too large.");
    frame f;
    do
        CHECK(frame_next(fd, &f));
    while (f.type != RST_STREAM);
    CHECK_INT(frame_value(&f, 0), 0);

    ask(fd, 5, "POST", "/slow", 0, NULL);
    CHECK_STR(answer(fd, 5), "200 late.");

    const char *expect[] = {"expect", "100-continue", "content-length", "2", NULL};
    ask(fd, 7, "POST", "/echo", 0, expect);
    do
        CHECK(frame_next(fd, &f));
    while (f.stream != 7);
    CHECK_INT(f.type, HEADERS);
    CHECK(!(f.flags & END_STREAM));
    frame_send(fd, DATA, END_STREAM, 7, "ab", 2);
    CHECK_STR(answer(fd, 7), "200 abhead .");

    ask(fd, 9, "POST", "/broken", 0, NULL);
    frame_send(fd, DATA, 0, 9, "x", 1);
    await(&read_begun, 1); /* no handler begins for a client that has left */
    frame_word(fd, RST_STREAM, 9, 8);
    await(&read_failed, 1);
    ask(fd, 11, "POST", "/broken", 0, NULL);
    await(&read_begun, 2);
    close(fd);
    await(&read_failed, 2);
}

/* One connection's handlers do not wait for each other, and each does for its window. */
static void side_by_side(nh_server *s) {
    int fd = h2_connect(s, 1000), ended = 0;
    frame f;
    for (int i = 0; i < 20; i++)
        ask(fd, 1 + 2 * (unsigned)i, "GET", "/gate", END_STREAM, NULL);
    for (int i = 20; i < 30; i++)
        ask(fd, 1 + 2 * (unsigned)i, "GET", "/facts", END_STREAM, NULL);
    while (ended < 30) {
        CHECK(frame_next(fd, &f));
        if (f.type != DATA || !(f.flags & END_STREAM)) continue;
        /* All that do not wait are answered while those that do still wait. */
        CHECK((f.stream > 39) == (ended < 10));
        if (++ended == 10) add(&gate);
    }

    /* A window of 1000 bytes: 800000 wait for it, and others pass by. */
    ask(fd, 101, "GET", "/large", END_STREAM, NULL);
    ask(fd, 103, "GET", "/facts", END_STREAM, NULL);
    CHECK(strstr(answer(fd, 103), "GET /facts"));
    CHECK_INT(__atomic_load_n(&writes_done, __ATOMIC_SEQ_CST), 0);
    frame_word(fd, WINDOW_UPDATE, 101, 1000000);
    frame_word(fd, WINDOW_UPDATE, 0, 1000000);
    size_t came = 0;
    do {
        CHECK(frame_next(fd, &f));
        if (f.type == DATA && f.stream == 101) came += f.len;
    } while (f.stream != 101 || !(f.flags & END_STREAM));
    CHECK(came <= 800000 && came >= 798000);
    await(&writes_done, 1);

    ask(fd, 105, "GET", "/large?timeout", END_STREAM, NULL);
    CHECK(strstr(answer(fd, 105), "reset 2"));
    await(&writes_failed, 1);
    ask(fd, 107, "GET", "/large", END_STREAM, NULL);
    do
        CHECK(frame_next(fd, &f));
    while (f.stream != 107 || f.type != DATA);
    frame_word(fd, RST_STREAM, 107, 8);
    await(&writes_failed, 2);
    close(fd);
}

static void later(nh_server *s) {
    int fd = h2_connect(s, 65535);
    ask(fd, 1, "GET", "/leave", END_STREAM, NULL);
    nh_response_writer *w = take();
    ask(fd, 3, "GET", "/facts", END_STREAM, NULL);
    CHECK(strstr(answer(fd, 3), "GET"));
    CHECK_INT(nh_response_writer_write_str(w, "la", NULL), NH_OK);
    CHECK_INT(nh_response_writer_flush(w, NULL), NH_OK);
    CHECK_INT(nh_response_writer_write_str(w, "ter", NULL), NH_OK);
    nh_response_writer_free(w);
    CHECK_STR(answer(fd, 1), "200 later.");
    ask(fd, 9, "GET", "/early", END_STREAM, NULL);
    CHECK_STR(answer(fd, 9), "200 early.");
    ask(fd, 11, "GET", "/leave", END_STREAM, NULL);
    nh_response_writer_free(take());
    CHECK_STR(answer(fd, 11), "reset 2");
    ask(fd, 13, "GET", "/leave", END_STREAM, NULL);
    w = take();
    close(fd);
    while (nh_response_writer_write_str(w, "x", NULL) == NH_OK && nh_response_writer_flush(w, NULL) == NH_OK)
        pause_ms(5);
    nh_response_writer_free(w);

    fd = h2_connect(s, 65535);
    ask(fd, 1, "GET", "/gone", END_STREAM, NULL);
    await(&gone_waits, 1);
    frame_word(fd, RST_STREAM, 1, 8);
    await(&gone_calls, 1);
    ask(fd, 3, "GET", "/facts", END_STREAM, NULL);
    CHECK(strstr(answer(fd, 3), "GET"));
    close(fd);
}

/* The preface byte by byte, and one that goes wrong at its last byte. */
static void prefaces(nh_server *s) {
    int fd = raw_connect(nh_server_port(s, 0));
    for (const char *p = PREFACE; *p; p++) {
        CHECK(send(fd, p, 1, MSG_NOSIGNAL) == 1);
        pause_ms(1);
    }
    frame_send(fd, SETTINGS, 0, 0, NULL, 0);
    ask(fd, 1, "GET", "/facts", END_STREAM, NULL);
    CHECK(strstr(answer(fd, 1), " 2.0 "));
    close(fd);
    char text[400];
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX");
    raw_finish(fd, text, sizeof text);
    CHECK(!strncmp(text, "HTTP/1.1 400 ", 13));
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "P");
    pause_ms(5);
    raw_send(fd, "OST /facts HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    raw_finish(fd, text, sizeof text);
    CHECK(strstr(text, "POST /facts h 1.1"));
    /* A fault ends the connection with its code. */
    fd = h2_connect(s, 65535);
    frame_send(fd, DATA, 0, 1, "x", 1);
    CHECK_STR(answer(fd, 0), "goaway 1");
    close(fd);
}

/* What is set counts. */
static void settings(void) {
    nh_server *s = nh_server_new();
    nh_http2_config *c = nh_http2_config_new();
    CHECK_INT(nh_http2_config_set_extended_connect(c, 1), NH_OK);
    CHECK_INT(nh_http2_config_set_write_byte_timeout(c, brief_ms(50)), NH_OK);
    CHECK_INT(nh_http2_config_set_max_concurrent_streams(c, 2), NH_OK);
    CHECK_INT(nh_http2_config_set_count_error(c, on_error, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_set_http2(s, c), NH_OK);
    CHECK_INT(nh_server_set_protocols(s, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_server_set_max_header_bytes(s, 1000), NH_OK);
    CHECK_INT(nh_server_set_read_header_timeout(s, brief_ms(50)), NH_OK);
    CHECK_INT(nh_server_handle(s, "/chat", protocol, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/large", large, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/sleep", sleeps, NULL, NULL, NULL), NH_OK);
    nh_handler *slow = nh_handler_new(too_late, NULL, NULL),
               *timed = nh_timeout_handler(slow, brief_ms(20), "too late");
    CHECK_INT(nh_server_handle_handler(s, "/timed", timed, NULL), NH_OK);
    nh_handler_free(slow);
    nh_handler_free(timed);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);

    int fd = h2_connect(s, 65535);
    const char *chat[] = {":protocol", "websocket", NULL};
    ask(fd, 1, "CONNECT", "/chat", 0, chat);
    frame f;
    do
        CHECK(frame_next(fd, &f));
    while (f.type != DATA);
    CHECK_STR(f.payload, "websocket");
    frame_send(fd, DATA, 0, 1, "hi", 2);
    CHECK_STR(answer(fd, 1), "hi.");
    ask(fd, 3, "GET", "/timed", END_STREAM, NULL);
    CHECK_STR(answer(fd, 3), "head too late.");
    for (unsigned i = 5; i <= 9; i += 2)
        ask(fd, i, "GET", "/sleep", END_STREAM, NULL);
    CHECK_STR(answer(fd, 9), "reset 7");
    CHECK_STR(answer(fd, 7), "200 slept.");
    char many[21][101];
    const char *fields[43] = {0};
    for (int i = 0; i < 20; i++) {
        memset(many[i], 'x', 100);
        many[i][100] = 0;
        fields[2 * i] = "x-field";
        fields[2 * i + 1] = many[i];
    }
    char block[4000];
    const char *own[] = {":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/sleep", NULL};
    size_t n = fields_put(block, own);
    n += fields_put(block + n, fields);
    frame_send(fd, HEADERS, END_STREAM | END_HEADERS, 11, block, n);
    CHECK_STR(answer(fd, 11), "head <h1>HTTP Error 431</h1><p>Request Header Field(s) Too Large</p>.");
    /* A stream whose peer takes nothing. */
    int before = __atomic_load_n(&writes_failed, __ATOMIC_SEQ_CST);
    ask(fd, 13, "GET", "/large", END_STREAM, NULL);
    CHECK(strstr(answer(fd, 13), "reset 2"));
    await(&writes_failed, before + 1);
    /* A head that does not come to its end. */
    frame_send(fd, HEADERS, END_STREAM, 15, block, 10);
    CHECK_STR(answer(fd, 0), "goaway 0");
    close(fd);
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, PREFACE);
    CHECK_STR(answer(fd, 0), "goaway 0"); /* no SETTINGS */
    close(fd);
    fd = h2_connect(s, 65535);
    frame_send(fd, DATA, 0, 1, "x", 1);
    CHECK_STR(answer(fd, 0), "goaway 1");
    close(fd);
    CHECK_INT(errors_counted, 1);
    char text[100];
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); /* not spoken */
    raw_finish(fd, text, sizeof text);
    CHECK_STR(text, "");
    nh_server_free(s);

    s = nh_server_new();
    CHECK_INT(nh_http2_config_set_send_ping_timeout(c, brief_ms(30)), NH_OK);
    CHECK_INT(nh_http2_config_set_ping_timeout(c, brief_ms(30)), NH_OK);
    CHECK_INT(nh_server_set_http2(s, c), NH_OK);
    CHECK_INT(nh_server_set_protocols(s, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    fd = h2_connect(s, 65535);
    for (int i = 0; i < 2; i++) {
        do
            CHECK(frame_next(fd, &f));
        while (f.type != PING);
        if (i == 0) frame_send(fd, PING, ACK, 0, f.payload, 8);
    }
    CHECK_STR(answer(fd, 0), "goaway 0"); /* the second was not answered */
    close(fd);
    nh_http2_config_free(c);
    nh_server_free(s);
}

static void *shut_down(void *s) {
    CHECK_INT(nh_server_shutdown(s, 20000, NULL), NH_OK);
    return NULL;
}

static void ends(void) {
    nh_server *s = server(50);
    int fd = h2_connect(s, 65535);
    ask(fd, 1, "GET", "/facts", END_STREAM, NULL);
    CHECK_STR(answer(fd, 0), "goaway 0"); /* idle */
    close(fd);
    nh_server_free(s);

    s = server(10000);
    fd = h2_connect(s, 65535);
    ask(fd, 1, "GET", "/leave", END_STREAM, NULL);
    nh_response_writer *w = take();
    pthread_t t;
    frame f;
    CHECK_INT(pthread_create(&t, NULL, shut_down, s), 0);
    do
        CHECK(frame_next(fd, &f));
    while (f.type != GOAWAY);
    CHECK_INT(frame_value(&f, 0), 0x7fffffff);
    /* A stream that was on its way is served, and so is what goes on. */
    ask(fd, 3, "GET", "/facts", END_STREAM, NULL);
    do
        CHECK(frame_next(fd, &f));
    while (f.type != PING || f.flags & ACK);
    frame_send(fd, PING, ACK, 0, f.payload, 8);
    int last = 0, facts_came = 0;
    while (!last || !facts_came) {
        CHECK(frame_next(fd, &f));
        last |= f.type == GOAWAY && frame_value(&f, 0) == 3;
        facts_came |= f.type == DATA && f.stream == 3 && f.flags & END_STREAM;
    }
    CHECK_INT(nh_respond(w, 200, "text/plain", "bye", 3), NH_OK);
    nh_response_writer_free(w);
    CHECK_STR(answer(fd, 1), "200 bye.");
    CHECK(!frame_next(fd, &f));
    close(fd);
    CHECK_INT(pthread_join(t, NULL), 0);
    nh_server_free(s);

    /* Freed with an exchange that nobody has answered: the writer outlives it. */
    s = server(10000);
    fd = h2_connect(s, 65535);
    ask(fd, 1, "GET", "/leave", END_STREAM, NULL);
    w = take();
    nh_server_free(s);
    CHECK(nh_response_writer_flush(w, NULL) != NH_OK);
    nh_response_writer_free(w);
    close(fd);
}

int main(void) {
    arguments();
    nh_server *s = server(10000);
    requests(s);
    bodies(s);
    side_by_side(s);
    later(s);
    prefaces(s);
    nh_server_free(s);
    CHECK(states[NH_CONN_STATE_NEW] == states[NH_CONN_STATE_CLOSED]);
    CHECK(states[NH_CONN_STATE_ACTIVE] > 5 && states[NH_CONN_STATE_IDLE] > 5);
    settings();
    ends();
    return 0;
}
