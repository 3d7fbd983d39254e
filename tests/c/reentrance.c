/* Every callback and every free_userdata calls back into the library, whatever its text allows: nothing is
 * locked while the program runs. */
#include "calls_back.h"

static int is_tls;
static uint32_t protocols;

static int spent;
static nh_result read_one(void *p, void *buf, size_t cap, size_t *n_out) {
    (void)p, (void)cap;
    anything(1);
    *n_out = spent++ == 0;
    if (*n_out) *(char *)buf = 'x';
    return NH_OK;
}
static nh_result rewind_it(void *p) {
    (void)p;
    spent = 0;
    anything(1);
    return NH_OK;
}
static nh_result progress(int64_t sent, int64_t sent_of, int64_t got, int64_t got_of, void *p) {
    (void)sent, (void)sent_of, (void)got, (void)got_of, (void)p;
    anything(1);
    return NH_OK;
}
static nh_result trace(const nh_trace_event *e, void *p) {
    (void)p;
    nh_trace_event_kind(e);
    anything(0);
    return NH_OK;
}
static nh_result no_proxy(void *p, const char *url, char *proxy, size_t cap) {
    (void)p, (void)url, (void)proxy, (void)cap;
    anything(0);
    return NH_OK;
}
static nh_result dial(const char *host, int32_t port, int64_t ms, ptrdiff_t *fd_out, void *p) {
    (void)host, (void)ms, (void)p;
    anything(0);
    *fd_out = raw_connect(port);
    return NH_OK;
}
static nh_result follow(nh_request *next, const nh_request *const *via, size_t n, void *p) {
    (void)next, (void)via, (void)n, (void)p;
    anything(1);
    return NH_OK;
}
static nh_result skip(nh_request *r, nh_response **out, nh_error **err, void *p) {
    (void)r, (void)out, (void)err, (void)p;
    anything(0);
    return NH_ROUND_TRIP_SKIP;
}
static nh_result verify(void *p, const char *name, const void *const *all, const size_t *lengths, size_t n,
                        nh_result verdict) {
    (void)p, (void)name, (void)all, (void)lengths, (void)n, (void)verdict;
    anything(0);
    return NH_OK;
}
static nh_result ask(const char *to, nh_header *fields, void *p) {
    (void)to, (void)fields, (void)p;
    return NH_OK;
}
static nh_result protocol(const char *authority, nh_conn *conn, nh_round_trip_fn *fn_out, void **userdata_out,
                          nh_free_fn *free_out, void *p) {
    (void)authority, (void)conn, (void)fn_out, (void)userdata_out, (void)free_out, (void)p;
    return NH_ERR_ABORTED;
}
static nh_result jar_get(const char *url, char *buf, size_t cap, size_t *len_out, void *p) {
    (void)url, (void)buf, (void)cap, (void)p;
    anything(1);
    *len_out = 0;
    return NH_OK;
}
static void jar_set(const char *url, const nh_cookie *const *cookies, size_t n, void *p) {
    (void)url, (void)cookies, (void)n, (void)p;
    anything(1);
}
static void h2_error(void *p, const char *kind) { (void)p, (void)kind; }
static void show_log(int32_t level, const char *line, void *p) {
    (void)level, (void)line, (void)p;
    nh_version();
}
static void hook(void *p) { (void)p; }

/* ---- what a client is given, replaced and freed */

static void client_s_own(void) {
    nh_tls_config *verified = nh_tls_config_clone(tls);
    nh_http2_config *h2 = nh_http2_config_new();
    nh_transport *t = nh_client_transport(client);
    step = "what a client is given";
    for (int i = 0; i < 2; i++) {
        CHECK_INT(nh_client_set_dial(client, dial, OWNED), NH_OK);
        if (!is_tls) CHECK_INT(nh_client_set_dial_tls(client, dial, OWNED), NH_OK);
        CHECK_INT(nh_client_set_proxy_callback(client, no_proxy, OWNED), NH_OK);
        CHECK_INT(nh_client_set_tunnel_callbacks(client, ask, NULL, OWNED), NH_OK);
        CHECK_INT(nh_client_set_protocol(client, "own", protocol, OWNED), NH_OK);
        CHECK_INT(nh_tls_config_set_verify(verified, verify, OWNED), NH_OK);
        CHECK_INT(nh_client_set_tls_config(client, verified), NH_OK);
        CHECK_INT(nh_http2_config_set_count_error(h2, h2_error, OWNED), NH_OK);
        CHECK_INT(nh_client_set_http2(client, h2), NH_OK);
        fetch(client, plain);
        CHECK_INT(nh_client_set_redirect_callback(client, follow, OWNED), NH_OK);
        CHECK_INT(nh_client_set_round_tripper(client, skip, OWNED), NH_OK);
        fetch(client, plain);
        nh_jar *jar = NULL;
        CHECK_INT(nh_jar_new_with_callbacks(jar_get, jar_set, OWNED, &jar), NH_OK);
        CHECK_INT(nh_client_set_jar(client, jar), NH_OK);
        nh_jar_free(jar);
        fetch(client, plain);
    }
    CHECK_INT(nh_client_set_dial(client, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_client_set_dial_tls(client, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_client_set_round_tripper(client, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_client_set_jar(client, NULL), NH_OK);
    nh_tls_config_free(verified);
    nh_http2_config_free(h2);
    nh_transport_register_protocol(t, "own", skip, OWNED, NULL);
    nh_transport_register_protocol(t, "own", skip, OWNED, NULL); /* refused, and freed */
    nh_transport_free(t);
    CHECK_INT(nh_set_log(NH_LOG_INFO, show_log, OWNED), NH_OK);
    CHECK_INT(nh_set_log(NH_LOG_INFO, show_log, OWNED), NH_OK);
    fetch(client, plain);
    CHECK_INT(nh_set_log(NH_LOG_ERROR, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_set_thread_hooks(hook, hook, OWNED), NH_OK);
    anything(1);
    CHECK_INT(nh_set_thread_hooks(NULL, NULL, NULL, NULL), NH_OK);
}

static void go(nh_request *r) {
    nh_response *res = NULL;
    const void *data;
    size_t n;
    nh_error *err = NULL;
    if (nh_client_do(client, r, &res, &err) != NH_OK) fprintf(stderr, "%s\n", nh_error_message(err));
    CHECK(res != NULL);
    CHECK_INT(nh_response_body_read_all(res, 1 << 20, &data, &n, NULL), NH_OK);
    nh_response_free(res);
    nh_request_free(r);
}

static nh_request *request_to(const char *method, const char *path) {
    nh_request *r;
    char url[200];
    snprintf(url, sizeof url, "%.*s%s", (int)(strlen(plain) - strlen("/plain")), plain, path);
    CHECK_INT(nh_request_new(method, url, &r, NULL), NH_OK);
    step = path;
    spent = 0;
    return r;
}

static void write_out(nh_request *r);

/* ---- what a request is given, and what handlers are */

static void requests_own(void) {
    nh_request *r = request_to("POST", "/body");
    CHECK_INT(nh_request_set_body_callback(r, -1, read_one, rewind_it, OWNED), NH_OK);
    CHECK_INT(nh_request_set_progress(r, progress, OWNED), NH_OK);
    CHECK_INT(nh_request_set_progress(r, progress, OWNED), NH_OK);
    CHECK_INT(nh_request_set_trace(r, trace, OWNED), NH_OK);
    CHECK_INT(nh_request_set_trace(r, trace, OWNED), NH_OK);
    go(r);
    r = request_to("POST", "/body");
    CHECK_INT(nh_request_set_body_borrowed(r, "abc", 3, OWNED), NH_OK);
    write_out(r);
    r = request_to("POST", "/moved");
    CHECK_INT(nh_client_set_redirect_callback(client, follow, OWNED), NH_OK);
    CHECK_INT(nh_request_set_body_callback(r, 1, read_one, rewind_it, OWNED), NH_OK);
    go(r);
    r = request_to("POST", "/body");
    nh_multipart *m = nh_multipart_new();
    CHECK_INT(nh_multipart_add_callback(m, "a", "f", NULL, -1, read_one, rewind_it, OWNED), NH_OK);
    CHECK_INT(nh_request_set_multipart(r, m), NH_OK);
    go(r);
    go(request_to("GET", "/calls"));
    go(request_to("GET", "/wrapped"));
    go(request_to("GET", "/content"));
    go(request_to("GET", "/timed"));
    r = request_to("GET", "/guarded");
    CHECK_INT(nh_request_set_header(r, "Authorization", "Basic YTpi"), NH_OK);
    go(r);
    go(request_to("GET", "/files/a"));
}

static nh_result take_bytes(void *p, const void *data, size_t len) {
    (void)p, (void)data, (void)len;
    anything(1);
    return NH_OK;
}
static void write_out(nh_request *r) {
    CHECK_INT(nh_request_write(r, take_bytes, NULL, NULL), NH_OK);
    nh_request_free(r);
}

static void body(nh_response_writer *w, nh_request *r, void *p) {
    char buf[100];
    size_t n;
    while (nh_request_body_read(r, buf, sizeof buf, &n, NULL) == NH_OK && n > 0) {
    }
    nothing(w, r, p);
}
static void moved(nh_response_writer *w, nh_request *r, void *p) {
    (void)p;
    CHECK_INT(nh_redirect(w, r, "/body", 307), NH_OK);
}
static void calls(nh_response_writer *w, nh_request *r, void *p) {
    anything(1);
    CHECK_INT(nh_request_set_value(r, "a", (add(&given), made), let_go), NH_OK);
    CHECK_INT(nh_request_set_value(r, "a", (add(&given), made), let_go), NH_OK);
    nothing(w, r, p);
}
static nh_result wrap_head(nh_response_writer *inner, int32_t code, void *p) {
    (void)p;
    anything(1);
    return nh_response_writer_write_header(inner, code);
}
static nh_result wrap_write(nh_response_writer *inner, const void *data, size_t len, void *p) {
    (void)p;
    anything(1);
    return nh_response_writer_write(inner, data, len, NULL);
}
static nh_result wrap_flush(nh_response_writer *inner, void *p) {
    (void)p;
    anything(1);
    return nh_response_writer_flush(inner, NULL);
}
static void wrapped(nh_response_writer *w, nh_request *r, void *p) {
    nh_response_writer *own;
    (void)r, (void)p;
    CHECK_INT(nh_response_writer_wrap(w, wrap_head, wrap_write, wrap_flush, OWNED, &own), NH_OK);
    CHECK_INT(nh_response_writer_write_header(own, 200), NH_OK);
    CHECK_INT(nh_response_writer_write_str(own, "wrapped", NULL), NH_OK);
    CHECK_INT(nh_response_writer_flush(own, NULL), NH_OK);
    nh_response_writer_free(own);
}
static nh_result read_at(void *p, uint64_t offset, void *buf, size_t cap, size_t *n_out) {
    (void)p, (void)cap;
    anything(1);
    *n_out = offset == 0;
    *(char *)buf = 'x';
    return NH_OK;
}
static void content(nh_response_writer *w, nh_request *r, void *p) {
    (void)p;
    CHECK_INT(nh_serve_content(w, r, "a.txt", -1, 1, read_at, OWNED, NULL), NH_OK);
}
static int32_t is_good(const char *u, size_t n, const char *pw, size_t m, void *p) {
    (void)u, (void)n, (void)pw, (void)m, (void)p;
    anything(1);
    return 1;
}
static nh_result open_content(void *p, const char *name, nh_file *f) {
    (void)p, (void)name;
    return nh_file_set_content(f, -1, 1, read_at, OWNED);
}

/* ---- what a server is given */

static void state_of(const nh_server_conn *c, int32_t state, void *p) {
    (void)state, (void)p;
    nh_server_conn_id(c);
}
static void log_line(const char *line, void *p) { (void)line, (void)p; }
static void access_of(const nh_access *a, void *p) {
    (void)p;
    nh_access_status(a);
}
static int own_fd;
static nh_result accepts(void *p, ptrdiff_t *fd_out) {
    (void)p;
    anything(0);
    *fd_out = accept(own_fd, NULL, NULL);
    return *fd_out < 0 ? NH_ERR_CLOSED : NH_OK;
}
static int gone;
static void is_gone(void *p) {
    (void)p;
    anything(1);
    add(&gone);
}
static int entered;
static void waits(nh_response_writer *w, nh_request *r, void *p) {
    (void)w, (void)p;
    CHECK_INT(nh_request_set_gone_callback(r, is_gone, OWNED, NULL), NH_OK);
    add(&entered);
    await_past(&gone, current(&entered));
}
static void stops(nh_response_writer *w, nh_request *r, void *p) {
    (void)p;
    nh_server_request_stop(server);
    CHECK_ERR(NH_ERR_WOULD_DEADLOCK, nh_server_shutdown(server, 100, NULL));
    CHECK_ERR(NH_ERR_WOULD_DEADLOCK, nh_server_wait(server, 100, NULL));
    nothing(w, r, NULL);
    CHECK_INT(nh_server_close(server), NH_OK);
}

static void listen_oneself(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    own_fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(own_fd >= 0 && bind(own_fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(own_fd, 8) == 0);
}

static void handle_handler(nh_server *s, const char *at, nh_handler *h) {
    CHECK_INT(nh_server_handle_handler(s, at, h, NULL), NH_OK);
    nh_handler_free(h);
}

static void hooked(nh_response_writer *w, nh_request *r, void *p) {
    (void)w, (void)p;
    size_t n;
    if (strcmp(nh_request_path(r, &n), "/plain") != 0) anything(1);
}

static void settings(nh_server *s) {
    CHECK_INT(nh_server_set_request_hook(s, hooked, OWNED, NULL), NH_OK);
    CHECK_INT(nh_server_set_base_value(s, "base", (add(&given), made), let_go), NH_OK);
    CHECK_INT(nh_server_set_conn_state_callback(s, state_of, OWNED), NH_OK);
    CHECK_INT(nh_server_set_error_log(s, log_line, OWNED), NH_OK);
    CHECK_INT(nh_server_set_access_log(s, access_of, OWNED), NH_OK);
}

static nh_server *serve(void) {
    nh_server *s = nh_server_new();
    nh_handler *h = nh_handler_new(calls, OWNED);
    nh_file_system *fs = nh_file_system_new(open_content, OWNED);
    step = "what a server is given";
    server = s;
    plain_is_known = 0;
    CHECK_INT(nh_server_set_shards(s, 2), NH_OK);
    CHECK_INT(nh_server_handle(s, "/plain", nothing, OWNED, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(s, "/plain", nothing, OWNED, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_callback(s, NULL, OWNED, NULL, NULL));
    settings(s);
    settings(s);
    CHECK_INT(nh_server_on_shutdown(s, tells, OWNED), NH_OK);
    CHECK_INT(nh_server_handle(s, "/body", body, OWNED, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/moved", moved, OWNED, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/calls", calls, OWNED, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/wrapped", wrapped, OWNED, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/content", content, OWNED, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/waits", waits, OWNED, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/stops", stops, OWNED, NULL), NH_OK);
    handle_handler(s, "/timed", nh_timeout_handler(h, 60000, NULL));
    handle_handler(s, "/guarded", nh_basic_auth_handler(h, "all", is_good, OWNED));
    nh_handler_free(h);
    h = nh_file_server_fs(fs);
    handle_handler(s, "/files/", nh_strip_prefix("/files", h));
    nh_handler_free(h);
    nh_file_system_free(fs);
    CHECK_INT(
        nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2),
        NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_listen_tls(s, "127.0.0.1:0", tls, NULL), NH_OK);
    CHECK_INT(nh_server_listen_callback(s, accepts, OWNED, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    snprintf(plain, sizeof plain, "%s://127.0.0.1:%d/plain", is_tls ? "https" : "http",
             (int)nh_server_port(s, is_tls));
    plain_is_known = 1;
    return s;
}

static nh_client_conn *alone;
static void conn_changed(void *p) {
    (void)p;
    nh_client_conn_available(alone);
    nh_client_conn_in_flight(alone);
    nh_client_conn_check(alone);
    add(&called);
}

/* One connection alone, whose callback asks it, and closes it. */
static void one_connection(void) {
    nh_transport *t = nh_transport_new();
    nh_request *r = request_to("GET", "/plain");
    nh_response *res = NULL;
    nh_client *c = nh_client_new_with_transport(t);
    char address[64];
    CHECK_INT(nh_client_set_tls_config(c, tls), NH_OK);
    CHECK_INT(nh_client_set_protocols(c, protocols), NH_OK);
    nh_client_free(c);
    snprintf(address, sizeof address, "127.0.0.1:%d", (int)nh_server_port(server, is_tls));
    step = "one connection";
    CHECK_INT(nh_client_conn_new(t, is_tls ? "https" : "http", address, &alone, NULL), NH_OK);
    CHECK_INT(nh_client_conn_set_state_callback(alone, conn_changed, OWNED), NH_OK);
    CHECK_INT(nh_client_conn_set_state_callback(alone, conn_changed, OWNED), NH_OK);
    CHECK_INT(nh_client_conn_round_trip(alone, r, &res, NULL), NH_OK);
    nh_response_free(res);
    nh_request_free(r);
    CHECK_INT(nh_client_conn_close(alone), NH_OK);
    nh_client_conn_free(alone);
    nh_transport_free(t);
}

static nh_result read_request(void *p, void *buf, size_t cap, size_t *n_out) {
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    (void)p;
    anything(1);
    CHECK(cap >= sizeof text);
    memcpy(buf, text, *n_out = sizeof text - 1);
    return NH_OK;
}

static void a_reader(void) {
    nh_reader *reader = NULL;
    nh_request *r = NULL;
    step = "a reader";
    CHECK_INT(nh_reader_new(read_request, OWNED, &reader), NH_OK);
    CHECK_INT(nh_read_request(reader, &r, NULL), NH_OK);
    nh_request_free(r);
    nh_reader_free(reader);
    CHECK_ERR(NH_ERR_INVALID, nh_reader_new(NULL, OWNED, &reader));
}

static nh_client *last_of_client(void) {
    pthread_rwlock_wrlock(&in_use);
    nh_client *c = client;
    client = NULL;
    pthread_rwlock_unlock(&in_use);
    return c;
}

static void lives(uint32_t by, int by_tls) {
    char text[1000];
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    int entered_before = entered, gone_before = gone, told_before = told;
    protocols = by;
    is_tls = by_tls;
    listen_oneself();
    nh_server *s = serve();
    client = nh_client_new();
    CHECK_INT(nh_client_set_protocols(client, protocols), NH_OK);
    CHECK_INT(nh_client_set_tls_config(client, tls), NH_OK);
    client_s_own();
    requests_own();
    one_connection();
    a_reader();
    step = "a client that goes";
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "GET /waits HTTP/1.1\r\nHost: a\r\n\r\n");
    await(&entered, entered_before + 1);
    raw_reset(fd);
    await(&gone, gone_before + 1);
    step = "a connection of one's own";
    CHECK(getsockname(own_fd, (struct sockaddr *)&at, &n) == 0);
    fd = raw_connect(ntohs(at.sin_port));
    raw_send(fd, "GET /plain HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    raw_finish(fd, text, sizeof text);
    CHECK(strstr(text, "nothing"));
    step = "a stop in a handler";
    over = 1;
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "GET /stops HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_finish(fd, text, sizeof text);
    await(&told, told_before + 1);
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_wait(s, NH_TIMEOUT_NONE, NULL));
    step = "the end";
    shutdown(own_fd, SHUT_RDWR);
    nh_client_free(last_of_client());
    nh_server_free(last_of_server());
    close(own_fd);
    await(&freed, given);
    over = 0;
}

int main(void) {
    watch();
    certs_begin();
    certs_make("a", "IP:127.0.0.1");
    tls = nh_tls_config_new();
    CHECK_INT(nh_tls_config_set_certificate_files(tls, in_dir("a.pem"), in_dir("a.key"), NULL), NH_OK);
    CHECK_INT(nh_tls_config_add_roots_file(tls, in_dir("a.pem"), NULL), NH_OK);
    lives(NH_PROTOCOL_HTTP1, 0);
    lives(NH_PROTOCOL_UNENCRYPTED_HTTP2, 0);
    lives(NH_PROTOCOL_HTTP1, 1);
    lives(NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2, 1);
    nh_tls_config_free(tls);
    CHECK(called > 400);
    printf("%d calls back, %d userdata\n", called, freed);
    return 0;
}
