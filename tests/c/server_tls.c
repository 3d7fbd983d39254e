/* A server that speaks TLS, asked by our own client and by a raw one. */
#include "nethttp.h"
#include "certs.h"
#include "check.h"
#include "noted.h"
#include "serve.h"

#include <pthread.h>

/* ---- what the handlers see and say */

static void hello(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_write_str(w, "hello", NULL);
}

static void describe(nh_response_writer *w, nh_request *r, void *userdata) {
    char text[512];
    size_t len = 0;
    const unsigned char *der = nh_request_tls_peer_certificate_at(r, 0, &len);
    (void)userdata;
    CHECK((der == NULL) == (nh_request_tls_peer_certificate_count(r) == 0));
    CHECK(der == NULL || (der[0] == 0x30 && len > 100));
    CHECK(nh_request_tls_peer_certificate_at(r, nh_request_tls_peer_certificate_count(r), &len) == NULL);
    CHECK(nh_request_tls_peer_certificate_at(r, 0, NULL) == NULL);
    CHECK(!strncmp(nh_request_tls_cipher_suite(r), "TLS_", 4));
    snprintf(text, sizeof text, "%x %s '%s' %d %d", (unsigned)nh_request_tls_version(r),
             nh_request_tls_alpn(r) ? nh_request_tls_alpn(r) : "-", nh_request_tls_server_name(r),
             nh_request_tls_resumed(r), (int)nh_request_tls_peer_certificate_count(r));
    nh_response_writer_write_str(w, text, NULL);
}

static void echo(nh_response_writer *w, nh_request *r, void *userdata) {
    static _Thread_local char buf[50000];
    size_t n;
    (void)userdata;
    CHECK_INT(nh_response_writer_set_full_duplex(w), NH_OK);
    while (nh_request_body_read(r, buf, sizeof buf, &n, NULL) == NH_OK && n > 0)
        if (nh_response_writer_write(w, buf, n, NULL) != NH_OK) return;
}

static void big(nh_response_writer *w, nh_request *r, void *userdata) {
    static char block[100003];
    (void)r, (void)userdata;
    memset(block, 'b', sizeof block);
    for (int i = 0; i < 40; i++)
        if (nh_response_writer_write(w, block, sizeof block, NULL) != NH_OK) return;
}

/* ---- servers and clients */

static nh_tls_config *identity(const char *name) {
    nh_tls_config *t = nh_tls_config_new();
    char cert[64], key[64];
    snprintf(cert, sizeof cert, "%s.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    CHECK_INT(nh_tls_config_set_certificate_files(t, in_dir(cert), in_dir(key), NULL), NH_OK);
    return t;
}

static nh_server *serve(nh_tls_config *t, int64_t head_ms) {
    nh_server *s = nh_server_new();
    CHECK_INT(nh_server_handle(s, "/hello", hello, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/tls", describe, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/echo", echo, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/big", big, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_set_error_log(s, note_line, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_set_shards(s, 1), NH_OK);
    CHECK_INT(nh_server_set_read_header_timeout(s, head_ms), NH_OK);
    CHECK_INT(nh_server_listen_tls(s, "127.0.0.1:0", t, NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    return s;
}

static const char *https(const nh_server *s, const char *path) {
    static char url[128];
    snprintf(url, sizeof url, "https://127.0.0.1:%d%s", (int)nh_server_port(s, 0), path);
    return url;
}

/* A client that trusts the pairs a, b and c, asks for a name, and may have a certificate of its own. */
static nh_client *client(const char *name, const char *own, int32_t version) {
    nh_client *c = nh_client_new();
    nh_tls_config *t = own ? identity(own) : nh_tls_config_new();
    CHECK_INT(nh_tls_config_set_system_roots(t, 0), NH_OK);
    CHECK_INT(nh_tls_config_add_roots_file(t, in_dir("a.pem"), NULL), NH_OK);
    CHECK_INT(nh_tls_config_add_roots_file(t, in_dir("b.pem"), NULL), NH_OK);
    CHECK_INT(nh_tls_config_add_roots_file(t, in_dir("c.pem"), NULL), NH_OK);
    CHECK_INT(nh_tls_config_set_server_name(t, name), NH_OK);
    CHECK_INT(nh_tls_config_set_min_version(t, version), NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    nh_tls_config_free(t);
    return c;
}

/* The body of an answer, or the text of the error. */
static const char *ask(nh_client *c, const char *url) {
    static _Thread_local char text[600];
    nh_request *r = NULL;
    nh_response *res = NULL;
    nh_error *err = NULL;
    const void *data;
    size_t len;
    CHECK_INT(nh_request_new("GET", url, &r, NULL), NH_OK);
    if (nh_client_do(c, r, &res, &err) == NH_OK &&
        nh_response_body_read_all(res, 1 << 20, &data, &len, &err) == NH_OK)
        snprintf(text, sizeof text, "%.*s", (int)len, (const char *)data);
    else
        snprintf(text, sizeof text, "%s", nh_error_message(err));
    nh_error_free(err);
    nh_response_free(res);
    nh_request_free(r);
    return text;
}

static void has(const char *text, const char *part) {
    if (!strstr(text, part)) fprintf(stderr, "no \"%s\" in \"%s\"\n", part, text);
    CHECK(strstr(text, part) != NULL);
}

static void asked(nh_client *c, const char *url, const char *part) {
    has(ask(c, url), part);
    nh_client_free(c);
}

/* ---- the tests */

static void arguments(void) {
    nh_tls_config *t = nh_tls_config_new(), *a = identity("a");
    nh_server *s = nh_server_new();
    char text[4096], *none = text;
    FILE *f = fopen(in_dir("a.pem"), "rb");
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    CHECK_ERR(NH_ERR_INVALID,
              nh_tls_config_add_certificate_files(NULL, in_dir("a.pem"), in_dir("a.key"), NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_certificate_files(t, NULL, in_dir("a.key"), NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_certificate_files(t, in_dir("a.pem"), NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_certificate_files(t, in_dir("a.pem"), in_dir("b.key"), NULL));
    CHECK_ERR(NH_ERR_IO, nh_tls_config_add_certificate_files(t, in_dir("no.pem"), in_dir("a.key"), NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_certificate_pem(NULL, text, len, text, len, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_certificate_pem(t, NULL, 1, text, len, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_certificate_pem(t, text, len, NULL, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_certificate_pem(t, text, len, none, len, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_client_auth(NULL, NH_CLIENT_AUTH_NONE));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_client_auth(t, 5));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_client_auth(t, -1));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_client_roots_file(NULL, in_dir("a.pem"), NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_client_roots_file(t, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_client_roots_file(t, in_dir("a.key"), NULL));
    CHECK_ERR(NH_ERR_IO, nh_tls_config_add_client_roots_file(t, in_dir("no.pem"), NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_client_roots_pem(NULL, text, len, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_client_roots_pem(t, NULL, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_client_roots_pem(t, "x", 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_session_tickets(NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_session_tickets(t, 2));

    /* No certificate; then nobody who could vouch for clients. */
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_tls(s, "127.0.0.1:0", t, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_tls(s, "no port", a, NULL));
    CHECK_INT(nh_tls_config_set_client_auth(a, NH_CLIENT_AUTH_REQUIRE_AND_VERIFY), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_tls(s, "127.0.0.1:0", a, NULL));
    CHECK_INT(nh_tls_config_add_client_roots_file(a, in_dir("a.pem"), NULL), NH_OK);
    CHECK_ERR(NH_ERR_DNS, nh_server_listen_tls(s, "no.such.host.invalid:0", a, NULL));
    CHECK_ERR(NH_ERR_CONNECT, nh_server_listen_tls(s, "192.0.2.1:0", a, NULL));
    CHECK_ERR(NH_ERR_NOT_FOUND, nh_server_set_tls_config(s, 0, a, NULL));
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_server_set_tls_config(s, 0, a, NULL));
    CHECK_INT(nh_server_listen_tls(s, "127.0.0.1:0", a, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_tls_config(s, 1, t, NULL));
    CHECK_ERR(NH_ERR_NOT_FOUND, nh_server_set_tls_config(s, 2, a, NULL));
    CHECK_INT(nh_server_close(s), NH_OK);
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_listen_tls(s, "127.0.0.1:0", a, NULL));
    nh_server_free(s);
    nh_tls_config_free(a);
    nh_tls_config_free(t);
}

/* What is agreed on, in both versions, at first and when the session is resumed. */
static void agreed(void) {
    nh_tls_config *t = identity("a");
    nh_server *s = serve(t, 10000);
    nh_client *c = client("a.example", NULL, NH_TLS_1_3);
    CHECK_STR(ask(c, https(s, "/tls")), "304 h2 'a.example' 0 0");
    CHECK_STR(ask(c, https(s, "/tls")), "304 h2 'a.example' 0 0");
    CHECK_INT(nh_client_close_idle(c), NH_OK);
    CHECK_STR(ask(c, https(s, "/tls")), "304 h2 'a.example' 1 0");
    /* Nobody is told an address as a name. */
    asked(client(NULL, NULL, NH_TLS_1_2), https(s, "/tls"), "304 h2 '' 0 0");
    /* Without tickets nothing is resumed, and not what other settings have given out. */
    CHECK_INT(nh_tls_config_set_session_tickets(t, 0), NH_OK);
    CHECK_INT(nh_tls_config_set_alpn(t, NULL, 0), NH_OK);
    CHECK_INT(nh_server_set_tls_config(s, 0, t, NULL), NH_OK);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(nh_client_close_idle(c), NH_OK);
        CHECK_STR(ask(c, https(s, "/tls")), "304 - 'a.example' 0 0");
    }
    nh_client_free(c);
    nh_tls_config_free(t);
    nh_server_free(s);
}

static void names(void) {
    nh_tls_config *t = identity("a");
    nh_server *s;
    CHECK_INT(nh_tls_config_add_certificate_files(t, in_dir("b.pem"), in_dir("b.key"), NULL), NH_OK);
    CHECK_INT(nh_tls_config_add_certificate_files(t, in_dir("c.pem"), in_dir("c.key"), NULL), NH_OK);
    s = serve(t, 10000);
    asked(client("a.example", NULL, NH_TLS_1_2), https(s, "/tls"), "'a.example'");
    asked(client("x.b.example", NULL, NH_TLS_1_2), https(s, "/tls"), "'x.b.example'");
    asked(client("C.Example", NULL, NH_TLS_1_2), https(s, "/tls"), "'c.example'");
    /* One label, and no more; then one that nobody has: the first certificate is shown. */
    asked(client("y.x.b.example", NULL, NH_TLS_1_2), https(s, "/tls"),
          "is valid for a.example, not y.x.b.example");
    asked(client("d.example", NULL, NH_TLS_1_2), https(s, "/tls"), "is valid for a.example, not d.example");
    nh_tls_config_free(t);
    nh_server_free(s);
}

static void client_certificates(void) {
    /* What a client without a certificate, with a good one and with a stranger's is told. */
    static const struct {
        int32_t auth;
        const char *none, *good, *stranger;
    } modes[] = {
        {NH_CLIENT_AUTH_NONE, "' 0 0", "' 0 0", "' 0 0"},
        {NH_CLIENT_AUTH_REQUEST, "' 0 0", "' 0 1", "' 0 1"},
        {NH_CLIENT_AUTH_REQUIRE_ANY, "tls: certificate required", "' 0 1", "' 0 1"},
        {NH_CLIENT_AUTH_VERIFY_IF_GIVEN, "' 0 0", "' 0 1", "tls: unknown certificate authority"},
        {NH_CLIENT_AUTH_REQUIRE_AND_VERIFY, "tls: certificate required", "' 0 1",
         "tls: unknown certificate authority"},
    };
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        nh_tls_config *t = identity("a");
        nh_client *c = client("a.example", "user", NH_TLS_1_2);
        nh_server *s;
        CHECK_INT(nh_tls_config_set_client_auth(t, modes[i].auth), NH_OK);
        CHECK_INT(nh_tls_config_add_client_roots_file(t, in_dir("ca.pem"), NULL), NH_OK);
        s = serve(t, 10000);
        asked(client("a.example", NULL, NH_TLS_1_2), https(s, "/tls"), modes[i].none);
        if (strstr(modes[i].none, "required"))
            noted_wait_both("http: TLS handshake error from 127.0.0.1:",
                            "tls: client didn't provide a certificate");
        has(ask(c, https(s, "/tls")), modes[i].good);
        /* The certificate goes along when the session is resumed. */
        CHECK_INT(nh_client_close_idle(c), NH_OK);
        has(ask(c, https(s, "/tls")), strstr(modes[i].good, "0 1") ? "' 1 1" : "' 1 0");
        nh_client_free(c);
        asked(client("a.example", "stranger", NH_TLS_1_2), https(s, "/tls"), modes[i].stranger);
        if (strstr(modes[i].stranger, "unknown"))
            noted_wait_both("http: TLS handshake error", "x509: certificate signed by unknown authority");
        nh_tls_config_free(t);
        nh_server_free(s);
    }
}

/* A root that is no authority is trusted when it comes itself, and vouches for nobody. */
static void client_certificate_as_root(void) {
    nh_tls_config *t = identity("a");
    nh_server *s;
    CHECK_INT(nh_tls_config_set_client_auth(t, NH_CLIENT_AUTH_REQUIRE_AND_VERIFY), NH_OK);
    CHECK_INT(nh_tls_config_add_client_roots_file(t, in_dir("user.pem"), NULL), NH_OK);
    s = serve(t, 10000);
    for (int32_t version = NH_TLS_1_2; version <= NH_TLS_1_3; version++) {
        asked(client("a.example", "user", version), https(s, "/tls"), "' 0 1");
        asked(client("a.example", "admin", version), https(s, "/tls"), "tls: unknown certificate authority");
        asked(client("a.example", "ca", version), https(s, "/tls"), "tls: unknown certificate authority");
    }
    nh_tls_config_free(t);
    nh_server_free(s);
}

/* The program judges clients, and takes its time: others do not notice. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static nh_result judged;

static nh_result judge(void *userdata, const char *name, const void *const *certificates,
                       const size_t *lengths, size_t count, nh_result verdict) {
    (void)userdata;
    CHECK_STR(name, "");
    CHECK(count == 1 && lengths[0] > 100 && *(const unsigned char *)certificates[0] == 0x30 &&
          verdict == NH_OK);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return judged;
}

static void *ask_thread(void *url) {
    nh_client *c = client("a.example", "user", NH_TLS_1_2);
    char *answer = strdup(ask(c, url));
    nh_client_free(c);
    return answer;
}

static void program_judges(void) {
    nh_tls_config *t = identity("a");
    pthread_t thread;
    void *answer;
    char url[128];
    nh_server *s;
    CHECK_INT(nh_tls_config_set_client_auth(t, NH_CLIENT_AUTH_REQUEST), NH_OK);
    CHECK_INT(nh_tls_config_set_verify(t, judge, NULL, NULL), NH_OK);
    s = serve(t, 10000);
    snprintf(url, sizeof url, "%s", https(s, "/tls"));
    pthread_mutex_lock(&gate);
    CHECK_INT(pthread_create(&thread, NULL, ask_thread, url), 0);
    for (int i = 0; i < 20; i++)
        asked(client("a.example", NULL, NH_TLS_1_2), url, "' 0 0");
    pthread_mutex_unlock(&gate);
    CHECK_INT(pthread_join(thread, &answer), 0);
    has(answer, "' 0 1");
    free(answer);
    judged = NH_ERR_ABORTED;
    asked(client("a.example", "user", NH_TLS_1_2), url, "remote error: tls: ");
    noted_wait_both("http: TLS handshake error", "the program's verification refused the certificate");
    nh_tls_config_free(t);
    nh_server_free(s);
}

static void reload(void) {
    nh_tls_config *a = identity("a"), *c = identity("c");
    nh_server *s = serve(a, 10000);
    nh_client *old = client("a.example", NULL, NH_TLS_1_2);
    CHECK_STR(ask(old, https(s, "/hello")), "hello");
    CHECK_INT(nh_server_set_tls_config(s, 0, c, NULL), NH_OK);
    asked(client("c.example", NULL, NH_TLS_1_2), https(s, "/hello"), "hello");
    asked(client("a.example", NULL, NH_TLS_1_2), https(s, "/hello"), "is valid for c.example, not a.example");
    /* The connection from before is still there, and as good as it was. */
    CHECK_STR(ask(old, https(s, "/hello")), "hello");
    CHECK_INT(nh_client_close_idle(old), NH_OK);
    asked(old, https(s, "/hello"), "is valid for c.example, not a.example");
    nh_tls_config_free(a);
    nh_tls_config_free(c);
    nh_server_free(s);
}

/* A client of TLS 1.1 is told that its version is what is wrong. */
static void old_client(nh_server *s) {
    static const unsigned char alert[] = {0x15, 3, 1, 0, 2, 2, 70};
    unsigned char hello[50] = {0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2}, answer[64];
    int fd = raw_connect(nh_server_port(s, 0));
    size_t len = 0;
    ssize_t n;
    /* After the random bytes: no session, one suite, no compression. */
    memcpy(hello + 43, "\0\0\2\0\x2f\1\0", 7);
    CHECK_INT(send(fd, hello, sizeof hello, 0), sizeof hello);
    while ((n = recv(fd, answer + len, sizeof answer - len, 0)) > 0)
        len += (size_t)n;
    close(fd);
    CHECK_INT(len, sizeof alert);
    CHECK(answer[0] == 0x15 && !memcmp(answer + 3, alert + 3, 4));
    noted_wait_both("http: TLS handshake error", "tls: client offered only unsupported versions");
}

static void no_tls(void) {
    nh_tls_config *t = identity("a");
    nh_server *s = serve(t, 10000);
    char text[512];
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_finish(fd, text, sizeof text);
    /* Go's, with the Date that RFC 9110, 6.6.1, demands. */
    const char *const date = "HTTP/1.0 400 Bad Request\r\nDate: ";
    CHECK(!strncmp(text, date, strlen(date)));
    CHECK_STR(text + strlen(date) + 29, "\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
    noted_wait_both("http: TLS handshake error from 127.0.0.1:",
                    ": client sent an HTTP request to an HTTPS server");
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "what is this?\r\n\r\n");
    raw_finish(fd, text, sizeof text);
    CHECK(text[0] == 0x15); /* an alert */
    noted_wait_both("http: TLS handshake error", "tls: first record does not look like a TLS handshake");
    old_client(s);
    fd = raw_connect(nh_server_port(s, 0));
    close(fd);
    noted_wait_both("http: TLS handshake error", "EOF");
    nh_server_free(s);

    s = serve(t, 100);
    fd = raw_connect(nh_server_port(s, 0));
    raw_finish(fd, text, sizeof text);
    CHECK_STR(text, "");
    noted_wait_both("http: TLS handshake error", "i/o timeout");
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "\x16\x03\x01\x02");
    raw_finish(fd, text, sizeof text);
    noted_wait_both("http: TLS handshake error", "i/o timeout");
    nh_server_free(s);
    nh_tls_config_free(t);
}

static void bodies(void) {
    enum { SIZE = 5000000 };
    nh_tls_config *t = identity("a");
    nh_server *s = serve(t, 10000);
    nh_client *c = client("a.example", NULL, NH_TLS_1_2);
    char *sent = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        sent[i] = (char)(i / 3);
    for (int round = 0; round < 3; round++) {
        nh_request *r = NULL;
        nh_response *res = NULL;
        const void *data;
        size_t len, size = round == 0 ? 10 : SIZE;
        CHECK_INT(nh_request_new("POST", https(s, "/echo"), &r, NULL), NH_OK);
        CHECK_INT(nh_request_set_body(r, sent, size), NH_OK);
        CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
        CHECK_INT(nh_response_body_read_all(res, SIZE, &data, &len, NULL), NH_OK);
        CHECK(len == size && !memcmp(data, sent, len));
        nh_response_free(res);
        nh_request_free(r);
        CHECK_INT(nh_request_new("GET", https(s, "/big"), &r, NULL), NH_OK);
        CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
        CHECK_INT(nh_response_body_read_all(res, SIZE, &data, &len, NULL), NH_OK);
        CHECK_INT(len, 40 * 100003);
        CHECK(((const char *)data)[0] == 'b' && !memcmp(data, (const char *)data + 1, len - 1));
        nh_response_free(res);
        nh_request_free(r);
    }
    /* It was one connection all along, and an idle one does not keep a server. */
    CHECK_INT(nh_server_connections(s), 1);
    CHECK_INT(nh_server_shutdown(s, NH_TIMEOUT_NONE, NULL), NH_OK);
    nh_server_free(s);
    nh_client_free(c);
    nh_tls_config_free(t);
    free(sent);
}

int main(void) {
    certs_begin();
    certs_make("a", "DNS:a.example,IP:127.0.0.1");
    certs_make("b", "DNS:*.b.example");
    certs_make("c", "DNS:c.example,IP:127.0.0.1");
    certs_make("ca", "DNS:ca.example");
    certs_make("stranger", "DNS:stranger.example");
    openssl(
        "req -x509 -CA ca.pem -CAkey ca.key -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=user -addext basicConstraints=CA:FALSE -keyout user.key -out user.pem");
    openssl("req -x509 -CA user.pem -CAkey user.key -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
            "-days 2 "
            "-subj /CN=admin -addext basicConstraints=CA:FALSE -keyout admin.key -out admin.pem");
    arguments();
    agreed();
    names();
    client_certificates();
    client_certificate_as_root();
    program_judges();
    reload();
    no_tls();
    bodies();
    return 0;
}
