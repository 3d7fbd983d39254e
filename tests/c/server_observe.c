/* What a program can limit and watch: connections, their states, errors, and exchanges that have ended. */
#include "nethttp.h"
#include "certs.h"
#include "check.h"
#include "noted.h"
#include "serve.h"

static int frees;

static void count_free(void *userdata) {
    CHECK(userdata == &frees);
    frees++;
}

static void hello(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    CHECK_INT(nh_response_writer_write_header(w, 201), NH_OK);
    nh_response_writer_write_str(w, "hello", NULL);
}

static void twice(nh_response_writer *w, nh_request *r, void *userdata) {
    hello(w, r, userdata);
    CHECK_INT(nh_response_writer_write_header(w, 500), NH_ERR_STATE);
}

static void aborts(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_abort(w);
}

static void quiet(nh_response_writer *w, nh_request *r, void *userdata) { (void)w, (void)r, (void)userdata; }

static nh_server *server(void) {
    nh_server *s = nh_server_new();
    CHECK_INT(nh_server_set_shards(s, 1), NH_OK);
    CHECK_INT(nh_server_handle(s, "/hello", hello, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/twice", twice, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/abort", aborts, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/quiet", quiet, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    return s;
}

static void has(const char *text, const char *part) {
    if (!strstr(text, part)) fprintf(stderr, "no \"%s\" in \"%s\"\n", part, text);
    CHECK(strstr(text, part) != NULL);
}

/* Reads until the text has come; the connection goes on. */
static void raw_until(int fd, const char *text) {
    char buf[2000];
    size_t len = 0;
    buf[0] = 0;
    while (!strstr(buf, text)) {
        ssize_t n = recv(fd, buf + len, sizeof buf - 1 - len, 0);
        CHECK(n > 0);
        buf[len += (size_t)n] = 0;
    }
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a.example\r\n\r\n"

/* ---- the tests */

static void limit(void) {
    nh_server *s = server();
    nh_tls_config *t = nh_tls_config_new();
    char text[1000];
    int one, two;
    CHECK_INT(nh_server_set_max_connections(s, 2), NH_OK);
    CHECK_INT(nh_tls_config_set_certificate_files(t, in_dir("a.pem"), in_dir("a.key"), NULL), NH_OK);
    CHECK_INT(nh_server_listen_tls(s, "127.0.0.1:0", t, NULL), NH_OK);
    nh_tls_config_free(t);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_server_set_max_connections(s, 2));
    one = raw_connect(nh_server_port(s, 0)), two = raw_connect(nh_server_port(s, 0));
    raw_send(one, GET("/hello"));
    raw_until(one, "hello");
    raw_send(two, GET("/hello"));
    raw_until(two, "hello");
    for (int i = 0; i < 3; i++) {
        int fd = raw_connect(nh_server_port(s, 0));
        raw_send(fd, GET("/hello"));
        raw_finish(fd, text, sizeof text);
        has(text, "HTTP/1.1 503 Service Unavailable\r\n");
        has(text, "\r\nRetry-After: 1\r\n");
        has(text, "\r\nConnection: close\r\n");
    }
    raw_finish(raw_connect(nh_server_port(s, 1)), text, sizeof text);
    CHECK_STR(text, "");
    /* Those within the limit do not notice, and a place that becomes free is taken. */
    raw_send(two, GET("/hello"));
    raw_until(two, "hello");
    close(one);
    do {
        one = raw_connect(nh_server_port(s, 0));
        raw_send(one, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        raw_finish(one, text, sizeof text);
    } while (strstr(text, "503"));
    has(text, "201 Created");
    close(two);
    nh_server_free(s);
}

static uint64_t first_id;

static void changed(const nh_server_conn *c, int32_t state, void *userdata) {
    char addr[64], text[100];
    size_t len;
    CHECK(userdata == &frees);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_server_conn_remote_addr(c, NULL, 0, &len));
    CHECK_INT(nh_server_conn_remote_addr(c, addr, sizeof addr, &len), NH_OK);
    CHECK(!strncmp(addr, "127.0.0.1:", 10) && strlen(addr) == len);
    if (first_id == 0) first_id = nh_server_conn_id(c);
    snprintf(text, sizeof text, "%d:%d ", (int)(nh_server_conn_id(c) - first_id), (int)state);
    note(text);
}

static void states(void) {
    nh_server *s = server();
    int fd;
    frees = 0;
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_conn_state_callback(NULL, changed, &frees, count_free));
    CHECK_INT(nh_server_set_conn_state_callback(s, changed, &frees, count_free), NH_OK);
    CHECK_INT(nh_server_set_conn_state_callback(s, changed, &frees, count_free), NH_OK);
    CHECK_INT(frees, 2);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_server_set_conn_state_callback(s, changed, &frees, count_free));
    CHECK_INT(frees, 3);
    CHECK_INT(NH_CONN_STATE_NEW + 10 * NH_CONN_STATE_ACTIVE + 100 * NH_CONN_STATE_IDLE, 210);
    CHECK_INT(NH_CONN_STATE_HIJACKED + 10 * NH_CONN_STATE_CLOSED, 43);
    CHECK_STR(nh_conn_state_text(NH_CONN_STATE_NEW), "new");
    CHECK_STR(nh_conn_state_text(NH_CONN_STATE_ACTIVE), "active");
    CHECK_STR(nh_conn_state_text(NH_CONN_STATE_IDLE), "idle");
    CHECK_STR(nh_conn_state_text(NH_CONN_STATE_HIJACKED), "hijacked");
    CHECK_STR(nh_conn_state_text(NH_CONN_STATE_CLOSED), "closed");
    CHECK_STR(nh_conn_state_text(5), "");
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "G");
    noted_wait("0:0 0:1 ");
    raw_send(fd, "ET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_until(fd, "hello");
    noted_wait("0:2 ");
    raw_send(fd, GET("/hello"));
    raw_until(fd, "hello");
    noted_wait("0:1 0:2 ");
    close(fd);
    noted_wait("0:4 ");
    close(raw_connect(nh_server_port(s, 0)));
    noted_wait("1:0 1:4 ");
    nh_server_free(s);
    CHECK_INT(frees, 4);
}

static void ended(const nh_access *a, void *userdata) {
    char addr[64], text[300];
    size_t len;
    CHECK(userdata == &frees);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_access_remote_addr(a, NULL, 0, &len));
    CHECK_INT(nh_access_remote_addr(a, addr, sizeof addr, &len), NH_OK);
    CHECK(!strncmp(addr, "127.0.0.1:", 10));
    CHECK(nh_access_duration_us(a) >= 0);
    snprintf(text, sizeof text, "[%s %s %s %d %d]", nh_access_method(a), nh_access_host(a),
             nh_access_target(a), (int)nh_access_status(a), (int)nh_access_bytes(a));
    note(text);
}

static void logs(void) {
    nh_server *s = server();
    char text[1000];
    int fd;
    frees = 0;
    CHECK_INT(nh_server_set_access_log(s, ended, &frees, count_free), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_server_set_access_log(s, ended, &frees, count_free));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_error_log(s, NULL, &frees, count_free));
    CHECK_INT(frees, 2);
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, GET("/hello?a=b") GET("/nowhere") "HEAD /hello HTTP/1.1\r\nHost: b\r\n\r\n" GET("/abort"));
    raw_finish(fd, text, sizeof text);
    noted_wait("[GET a.example /hello?a=b 201 5][GET a.example /nowhere 404 19][HEAD b /hello 201 5]"
               "[GET a.example /abort 0 0]");
    nh_server_free(s);
    CHECK_INT(frees, 3);
}

static void errors(void) {
    nh_server *s = server();
    int fd;
    CHECK_INT(nh_server_set_error_log(s, note_line, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, GET("/twice"));
    raw_until(fd, "hello");
    noted_wait("http: superfluous response.WriteHeader call");
    close(fd);
    nh_server_free(s);
}

/* Its handler has returned; what is left of its body is waited for, and that holds up nobody. */
static void unread_body(void) {
    nh_server *s = server();
    char text[1000];
    int slow, fd;
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    slow = raw_connect(nh_server_port(s, 0));
    raw_send(slow, "POST /quiet HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        fd = raw_connect(nh_server_port(s, 0));
        raw_send(fd, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        raw_finish(fd, text, sizeof text);
        has(text, "hello");
    }
    close(slow);
    nh_server_free(s);
}

int main(void) {
    certs_begin();
    certs_make("a", "DNS:a.example");
    limit();
    states();
    logs();
    errors();
    unread_body();
    return 0;
}
