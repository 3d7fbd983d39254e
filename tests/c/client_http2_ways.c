/* HTTP/2 by every way to a server that speaks it under TLS: straight, through proxies of all kinds, and over
 * sockets of the program's own. */
#include "certs.h"
#include "check.h"
#include "nethttp.h"
#include "origin.h"
#include "serve.h"

#include <netdb.h>
#include <poll.h>
#include <stdatomic.h>

static nh_server *origin, *plain, *secure_proxy;
static _Atomic int tunnels, dials;

static void proto(nh_response_writer *w, nh_request *r, void *userdata) {
    char text[64];
    (void)userdata;
    const char *alpn = nh_request_tls_alpn(r);
    snprintf(text, sizeof text, "HTTP/%s %s", nh_request_proto(r) == 20 ? "2.0" : "1.1", alpn ? alpn : "-");
    nh_response_writer_write_str(w, text, NULL);
}

static void echo(nh_response_writer *w, nh_request *r, void *userdata) {
    static _Thread_local char buf[30000];
    size_t n;
    (void)userdata;
    CHECK_INT(nh_response_writer_set_full_duplex(w), NH_OK);
    while (nh_request_body_read(r, buf, sizeof buf, &n, NULL) == NH_OK && n > 0)
        if (nh_response_writer_write(w, buf, n, NULL) != NH_OK) return;
}

/* ---- proxies: CONNECT and SOCKS5 on one port, CONNECT within TLS on another */

static int send_all(int fd, const char *data, ssize_t len) {
    for (ssize_t n; len > 0; data += n, len -= n)
        if ((n = send(fd, data, (size_t)len, MSG_NOSIGNAL)) <= 0) return 0;
    return 1;
}

static void relay(int a, int b) {
    char buf[16384];
    struct pollfd both[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
    while (poll(both, 2, -1) > 0) {
        for (int i = 0; i < 2; i++) {
            if (!both[i].revents) continue;
            ssize_t n = recv(both[i].fd, buf, sizeof buf, 0);
            if (n <= 0 || !send_all(both[1 - i].fd, buf, n)) return;
        }
    }
}

static void *proxy(void *arg) {
    int fd = (int)(intptr_t)arg, to = -1;
    char head[4096];
    if (recv(fd, head, 1, MSG_PEEK) == 1 && head[0] == 5) { /* RFC 1928, with no password */
        CHECK(recv(fd, head, 3, MSG_WAITALL) == 3);
        CHECK(send_all(fd, "\5\0", 2));
        CHECK(recv(fd, head, 10, MSG_WAITALL) == 10 && head[1] == 1 && head[3] == 1);
        to = raw_connect((unsigned char)head[8] << 8 | (unsigned char)head[9]);
        CHECK(send_all(fd, "\5\0\0\1\0\0\0\0\0\0", 10));
    } else if (origin_head(fd, head, sizeof head)) {
        CHECK(!strncmp(head, "CONNECT 127.0.0.1:", 18));
        to = raw_connect(atoi(head + 18));
        origin_send(fd, "HTTP/1.1 200 Connection established\r\n\r\n");
    }
    if (to >= 0) {
        atomic_fetch_add(&tunnels, 1);
        relay(fd, to);
        close(to);
    }
    close(fd);
    return NULL;
}

typedef struct {
    nh_conn *conn;
    int fd;
} pair;

static void *upwards(void *arg) {
    pair *p = arg;
    char buf[16384];
    size_t n;
    while (nh_conn_read(p->conn, buf, sizeof buf, &n, NULL) == NH_OK && n > 0 &&
           send_all(p->fd, buf, (ssize_t)n)) {
    }
    shutdown(p->fd, SHUT_RDWR);
    return NULL;
}

static void connect_within_tls(nh_response_writer *w, nh_request *r, void *userdata) {
    pair p = {0};
    pthread_t t;
    char buf[16384];
    (void)userdata;
    CHECK_STR(nh_request_method(r), "CONNECT");
    CHECK_INT(nh_request_proto(r), 11);
    p.fd = raw_connect(nh_server_port(origin, 0));
    CHECK_INT(nh_response_writer_hijack(w, &p.conn, NULL), NH_OK);
    const char *yes = "HTTP/1.1 200 OK\r\n\r\n";
    CHECK_INT(nh_conn_write(p.conn, yes, strlen(yes), NULL), NH_OK);
    atomic_fetch_add(&tunnels, 1);
    CHECK_INT(pthread_create(&t, NULL, upwards, &p), 0);
    for (ssize_t n; (n = recv(p.fd, buf, sizeof buf, 0)) > 0;)
        if (nh_conn_write(p.conn, buf, (size_t)n, NULL) != NH_OK) break;
    nh_conn_close(p.conn);
    pthread_join(t, NULL);
    close(p.fd);
    nh_conn_free(p.conn);
}

/* ---- servers, clients, and what each way must give */

static nh_server *serve(nh_handler_fn fn, int tls, int32_t protocols) {
    nh_server *s = nh_server_new();
    if (fn) {
        nh_handler *h = nh_handler_new(fn, NULL, NULL);
        CHECK_INT(nh_server_set_handler(s, h, NULL), NH_OK);
        nh_handler_free(h);
    } else {
        CHECK_INT(nh_server_handle(s, "/proto", proto, NULL, NULL, NULL), NH_OK);
        CHECK_INT(nh_server_handle(s, "/echo", echo, NULL, NULL, NULL), NH_OK);
    }
    CHECK_INT(nh_server_set_protocols(s, protocols), NH_OK);
    if (tls) {
        nh_tls_config *t = nh_tls_config_new();
        CHECK_INT(nh_tls_config_set_certificate_files(t, in_dir("a.pem"), in_dir("a.key"), NULL), NH_OK);
        CHECK_INT(nh_server_listen_tls(s, "127.0.0.1:0", t, NULL), NH_OK);
        nh_tls_config_free(t);
    } else {
        CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    }
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    return s;
}

static nh_client *client(const char *proxy_scheme, int port) {
    nh_client *c = nh_client_new();
    nh_tls_config *t = nh_tls_config_new();
    CHECK_INT(nh_tls_config_set_system_roots(t, 0), NH_OK);
    CHECK_INT(nh_tls_config_add_roots_file(t, in_dir("a.pem"), NULL), NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    nh_tls_config_free(t);
    char url[64];
    snprintf(url, sizeof url, "%s://127.0.0.1:%d", proxy_scheme, port);
    CHECK_INT(nh_client_set_proxy(c, port ? url : NULL, NULL), NH_OK);
    atomic_store(&tunnels, 0);
    atomic_store(&dials, 0);
    return c;
}

static void get(nh_client *c, const char *scheme, int port, const char *want) {
    nh_response *res = NULL;
    nh_error *err = NULL;
    const void *data;
    size_t len;
    char url[64];
    snprintf(url, sizeof url, "%s://127.0.0.1:%d/proto", scheme, port);
    if (nh_client_get(c, url, &res, &err) != NH_OK) fprintf(stderr, "%s\n", nh_error_message(err));
    CHECK(res != NULL);
    CHECK_INT(nh_response_body_read_all(res, 1000, &data, &len, NULL), NH_OK);
    CHECK_STR(data, want);
    CHECK_INT(nh_response_proto_major(res), want[5] - '0');
    CHECK_INT(nh_response_http2_stream(res) % 2, want[5] == '2');
    nh_response_free(res);
}

static void *uploads(void *arg) {
    nh_client *c = arg;
    static char body[300000];
    nh_request *r = NULL;
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%d/echo", (int)nh_server_port(origin, 0));
    CHECK_INT(nh_request_new("POST", url, &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_body_borrowed(r, body, sizeof body, NULL, NULL), NH_OK);
    for (int i = 0; i < 3; i++) {
        nh_response *res = NULL;
        const void *data;
        size_t len;
        CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
        CHECK_INT(nh_response_body_read_all(res, 1 << 20, &data, &len, NULL), NH_OK);
        CHECK_INT(len, sizeof body);
        nh_response_free(res);
    }
    nh_request_free(r);
    return NULL;
}

/* All requests go over one connection, also those of several threads with bodies both ways. */
static void shares(nh_client *c) {
    pthread_t t[4];
    for (int i = 0; i < 5; i++)
        get(c, "https", nh_server_port(origin, 0), "HTTP/2.0 h2");
    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&t[i], NULL, uploads, c), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    CHECK_INT(nh_client_dialed_count(c), 1);
    nh_client_free(c);
}

static void proxies(void) {
    shares(client("", 0));
    CHECK_INT(atomic_load(&tunnels), 0);
    shares(client("http", origin_port));
    CHECK_INT(atomic_load(&tunnels), 1);
    shares(client("socks5", origin_port));
    CHECK_INT(atomic_load(&tunnels), 1);
    shares(client("https", nh_server_port(secure_proxy, 0)));
    CHECK_INT(atomic_load(&tunnels), 1);
    /* Prior knowledge is of the server, not of the proxy's: a SOCKS5 proxy carries it. */
    nh_client *c = client("socks5", origin_port);
    CHECK_INT(nh_client_set_protocols(c, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    get(c, "http", nh_server_port(plain, 0), "HTTP/2.0 -");
    get(c, "http", nh_server_port(plain, 0), "HTTP/2.0 -");
    CHECK_INT(nh_client_dialed_count(c), 1);
    nh_client_free(c);
}

/* ---- sockets of the program's own */

static nh_result dial(const char *host, int32_t port, int64_t timeout_ms, intptr_t *fd_out, void *userdata) {
    (void)timeout_ms, (void)userdata;
    CHECK_STR(host, "127.0.0.1");
    atomic_fetch_add(&dials, 1);
    *fd_out = raw_connect(port);
    return NH_OK;
}

static nh_result dial_plain(const char *host, int32_t port, int64_t timeout_ms, intptr_t *fd_out,
                            void *userdata) {
    (void)host, (void)port, (void)timeout_ms, (void)userdata;
    atomic_fetch_add(&dials, 1);
    *fd_out = raw_connect(nh_server_port(plain, 0));
    return NH_OK;
}

static void hooks(void) {
    nh_client *c = client("", 0);
    CHECK_INT(nh_client_set_dial(c, dial, NULL, NULL), NH_OK);
    shares(c);
    CHECK_INT(atomic_load(&dials), 1);

    c = client("http", origin_port);
    CHECK_INT(nh_client_set_dial(c, dial, NULL, NULL), NH_OK);
    shares(c);
    CHECK(atomic_load(&dials) == 1 && atomic_load(&tunnels) == 1);

    c = client("", 0);
    CHECK_INT(nh_client_set_dial(c, dial, NULL, NULL), NH_OK);
    CHECK_INT(nh_client_set_protocols(c, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    get(c, "http", nh_server_port(plain, 0), "HTTP/2.0 -");
    get(c, "http", nh_server_port(plain, 0), "HTTP/2.0 -");
    CHECK_INT(atomic_load(&dials), 1);
    nh_client_free(c);

    /* A socket whose TLS is the program's does not tell what was agreed on. */
    c = client("", 0);
    CHECK_INT(nh_client_set_dial_tls(c, dial_plain, NULL, NULL), NH_OK);
    get(c, "https", 443, "HTTP/1.1 -");
    get(c, "https", 443, "HTTP/1.1 -");
    CHECK_INT(atomic_load(&dials), 1);
    nh_client_free(c);
}

/* ---- what was agreed on is what is spoken */

static void agreed(void) {
    nh_client *c = client("", 0);
    CHECK_INT(nh_client_set_protocols(c, NH_PROTOCOL_HTTP1), NH_OK);
    get(c, "https", nh_server_port(origin, 0), "HTTP/1.1 http/1.1");
    CHECK_INT(nh_client_set_protocols(c, NH_PROTOCOL_HTTP2), NH_OK);
    get(c, "https", nh_server_port(origin, 0), "HTTP/2.0 h2");
    nh_client_free(c);
    CHECK_INT(nh_response_http2_stream(NULL), 0);
}

int main(void) {
    certs_begin();
    certs_make("a", "IP:127.0.0.1");
    origin = serve(NULL, 1, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2);
    plain = serve(NULL, 0, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_UNENCRYPTED_HTTP2);
    secure_proxy = serve(connect_within_tls, 1, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2);
    origin_serve(proxy);
    proxies();
    hooks();
    agreed();
    nh_server_free(secure_proxy);
    nh_server_free(plain);
    nh_server_free(origin);
    return 0;
}
