/* TLS settings and what a response tells of TLS, against openssl s_server. */
#include <signal.h>
#include <sys/wait.h>

#include "nethttp.h"
#include "origin.h"

static char dir[] = "/tmp/nethttp-tls-XXXXXX";
static char path_buf[8][256];

static const char *in_dir(const char *name) {
    static int next;
    char *p = path_buf[next++ % 8];
    snprintf(p, sizeof path_buf[0], "%s/%s", dir, name);
    return p;
}

static char *slurp(const char *name, size_t *len) {
    static char text[2][8192];
    static int next;
    char *to = text[next++ % 2];
    FILE *f = fopen(in_dir(name), "rb");
    CHECK(f != NULL);
    *len = fread(to, 1, sizeof text[0], f);
    fclose(f);
    return to;
}

/* ---- the server */

struct server {
    pid_t pid;
    char url[64];
};

/* Runs openssl s_server with three more options, which may be NULL. */
static struct server start(const char *option, const char *value, const char *mode) {
    struct server s = {0, ""};
    char line[256];
    int port = 0, pipes[2];
    char cert[256], key[256], ca[256];
    snprintf(cert, sizeof cert, "%s", in_dir("cert.pem"));
    snprintf(key, sizeof key, "%s", in_dir("key.pem"));
    snprintf(ca, sizeof ca, "%s", in_dir("client.pem"));
    CHECK_INT(pipe(pipes), 0);
    s.pid = fork();
    CHECK(s.pid >= 0);
    if (s.pid == 0) {
        dup2(pipes[1], 1);
        close(pipes[0]);
        CHECK(freopen("/dev/null", "w", stderr) != NULL);
        CHECK(freopen("/dev/null", "r", stdin) != NULL);
        execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", cert, "-key", key,
               "-CAfile", ca, "-verify_return_error", option ? option : mode, value, option ? mode : NULL,
               (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    FILE *f = fdopen(pipes[0], "r");
    CHECK(f != NULL);
    while (!port && fgets(line, sizeof line, f))
        if (!strncmp(line, "ACCEPT ", 7) && strrchr(line, ':')) port = atoi(strrchr(line, ':') + 1);
    CHECK(port > 0);
    snprintf(s.url, sizeof s.url, "https://127.0.0.1:%d/", port);
    /* The pipe stays open: the server goes on to write to it. */
    return s;
}

static void stop(struct server s) {
    kill(s.pid, SIGKILL);
    waitpid(s.pid, NULL, 0);
}

static void make_pair(const char *cert, const char *key, const char *name) {
    char command[1024];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=%s "
             "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout %s -out %s 2>/dev/null",
             name, in_dir(key), in_dir(cert));
    CHECK_INT(system(command), 0);
}

/* ---- requests */

static nh_result get(nh_client *c, const char *url, nh_response **res, nh_error **err) {
    nh_request *r = NULL;
    CHECK_INT(nh_request_new("GET", url, &r, NULL), NH_OK);
    nh_result code = nh_client_do(c, r, res, err);
    nh_request_free(r);
    return code;
}

static void must_fail(nh_client *c, const char *url, const char *text) {
    nh_response *res = NULL;
    nh_error *err = NULL;
    CHECK_INT(get(c, url, &res, &err), NH_ERR_TLS);
    CHECK(res == NULL);
    CHECK_INT(nh_error_phase(err), NH_PHASE_TLS);
    if (!strstr(nh_error_message(err), text)) fprintf(stderr, "message: %s\n", nh_error_message(err));
    CHECK(strstr(nh_error_message(err), text) != NULL);
    nh_error_free(err);
}

/* ---- the tests */

static void arguments(void) {
    nh_tls_config *t = nh_tls_config_new(), *copy;
    nh_client *c = nh_client_new();
    nh_error *err = NULL;
    const char *protocols[] = {"http/1.1", "", NULL};
    char long_name[300];
    size_t len = 7;
    memset(long_name, 'a', sizeof long_name);
    long_name[299] = 0;
    CHECK(t != NULL && nh_tls_config_clone(NULL) == NULL);
    nh_tls_config_free(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_roots_file(NULL, "/dev/null", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_roots_file(t, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_roots_file(t, "/dev/null", &err));
    CHECK_STR(nh_error_message(err), "tls: failed to find any PEM data in certificate input");
    nh_error_free(err);
    CHECK_ERR(NH_ERR_IO, nh_tls_config_add_roots_file(t, "/no/such/file", &err));
    CHECK_STR(nh_error_message(err), "open /no/such/file: no such file or directory");
    nh_error_free(err);
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_roots_pem(NULL, "x", 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_roots_pem(t, NULL, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_add_roots_pem(t, "x", 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_system_roots(NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_system_roots(t, 2));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_certificate_files(NULL, "/dev/null", "/dev/null", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_certificate_files(t, NULL, "/dev/null", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_certificate_files(t, "/dev/null", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_certificate_files(t, "/dev/null", "/dev/null", NULL));
    CHECK_ERR(NH_ERR_IO, nh_tls_config_set_certificate_files(t, "/no/such/file", "/dev/null", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_certificate_pem(NULL, "x", 1, "x", 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_certificate_pem(t, NULL, 1, "x", 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_certificate_pem(t, "x", 1, NULL, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_certificate_pem(t, "x", 1, "x", 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_insecure(NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_insecure(t, -1));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_server_name(NULL, "a"));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_server_name(t, ""));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_server_name(t, "\xff"));
    CHECK_INT(nh_tls_config_set_server_name(t, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_min_version(NULL, NH_TLS_1_2));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_min_version(t, 0x0302));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_alpn(NULL, NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_alpn(t, NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_alpn(t, protocols, 2));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_alpn(t, protocols + 2, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_alpn(t, protocols, (size_t)-1));
    protocols[1] = long_name;
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_alpn(t, protocols, 2));
    CHECK_INT(nh_tls_config_set_alpn(t, NULL, 0), NH_OK);
    CHECK_INT(nh_tls_config_set_alpn(t, protocols, 1), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_verify(NULL, NULL, NULL, NULL));
    copy = nh_tls_config_clone(t);
    CHECK(copy != NULL && copy != t);
    nh_tls_config_free(copy);

    CHECK_ERR(NH_ERR_INVALID, nh_client_set_tls_config(NULL, t));
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_tls_handshake_timeout(NULL, 100));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_tls_handshake_timeout(c, -2));
    CHECK_INT(nh_client_set_tls_handshake_timeout(c, NH_TIMEOUT_NONE), NH_OK);

    CHECK_INT(nh_response_tls_version(NULL), 0);
    CHECK(nh_response_tls_cipher_suite(NULL) == NULL && nh_response_tls_alpn(NULL) == NULL);
    CHECK(nh_response_tls_server_name(NULL) == NULL);
    CHECK_INT(nh_response_tls_resumed(NULL), 0);
    CHECK_INT(nh_response_tls_peer_certificate_count(NULL), 0);
    CHECK(nh_response_tls_peer_certificate_at(NULL, 0, &len) == NULL);
    CHECK_INT(len, 0);
    CHECK_INT(nh_error_tls_alert(NULL), -1);
    nh_tls_config_free(t);
    nh_client_free(c);
}

static int freed, calls, answer;

static void count_free(void *userdata) {
    CHECK(userdata == &freed);
    freed++;
}

static nh_result judge(void *userdata, const char *name, const void *const *certificates,
                       const size_t *lengths, size_t count, nh_result verdict) {
    CHECK(userdata == &freed && count == 1 && lengths[0] > 100);
    CHECK_STR(name, "127.0.0.1");
    CHECK_INT(*(const unsigned char *)certificates[0], 0x30);
    CHECK(verdict == NH_OK || verdict == NH_ERR_TLS);
    calls++;
    return answer;
}

static void plain_origin(void) {
    nh_client *c = nh_client_new();
    nh_response *res = NULL;
    size_t len = 7;
    CHECK_INT(get(c, origin_url("/ok"), &res, NULL), NH_OK);
    CHECK_INT(nh_response_tls_version(res), 0);
    CHECK(nh_response_tls_cipher_suite(res) == NULL && nh_response_tls_server_name(res) == NULL);
    CHECK_INT(nh_response_tls_peer_certificate_count(res), 0);
    CHECK(nh_response_tls_peer_certificate_at(res, 0, &len) == NULL);
    nh_response_free(res);
    nh_client_free(c);
}

static void exchanges(struct server s) {
    nh_client *c = nh_client_new();
    nh_tls_config *t = nh_tls_config_new();
    nh_response *res = NULL;
    const void *data;
    size_t len;
    /* The system does not know it. */
    must_fail(c, s.url, "x509: certificate signed by unknown authority");
    CHECK_INT(nh_tls_config_set_system_roots(t, 0), NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    must_fail(c, s.url, "x509: certificate signed by unknown authority");
    CHECK_INT(nh_tls_config_add_roots_file(t, in_dir("cert.pem"), NULL), NH_OK);
    /* The client has a copy from before. */
    must_fail(c, s.url, "x509: certificate signed by unknown authority");
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    CHECK_INT(get(c, s.url, &res, NULL), NH_OK);
    CHECK_INT(nh_response_tls_version(res), NH_TLS_1_3);
    CHECK(!strncmp(nh_response_tls_cipher_suite(res), "TLS_", 4));
    CHECK_STR(nh_response_tls_server_name(res), "127.0.0.1");
    CHECK_STR(nh_response_tls_alpn(res), NULL);
    CHECK_INT(nh_response_tls_resumed(res), 0);
    CHECK_INT(nh_response_tls_peer_certificate_count(res), 1);
    CHECK(*(const unsigned char *)nh_response_tls_peer_certificate_at(res, 0, &len) == 0x30 && len > 100);
    CHECK(nh_response_tls_peer_certificate_at(res, 1, &len) == NULL && len == 0);
    CHECK(nh_response_tls_peer_certificate_at(res, 0, NULL) == NULL);
    CHECK_INT(nh_response_body_read_all(res, 1 << 20, &data, &len, NULL), NH_OK);
    CHECK(strstr(data, "<HTML>") != NULL);
    nh_response_free(res);
    CHECK_INT(get(c, s.url, &res, NULL), NH_OK);
    CHECK_INT(nh_response_tls_resumed(res), 1);
    nh_response_free(res);

    CHECK_INT(nh_tls_config_set_server_name(t, "other.example"), NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    must_fail(c, s.url, "x509: certificate is valid for localhost, not other.example");
    CHECK_INT(nh_tls_config_set_insecure(t, 1), NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    CHECK_INT(get(c, s.url, &res, NULL), NH_OK);
    nh_response_free(res);
    nh_tls_config_free(t);

    t = nh_tls_config_new();
    CHECK_INT(nh_tls_config_set_verify(t, judge, &freed, count_free), NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    nh_tls_config_free(t);
    answer = NH_OK;
    CHECK_INT(get(c, s.url, &res, NULL), NH_OK);
    nh_response_free(res);
    CHECK_INT(calls, 1);
    answer = NH_ERR_ABORTED;
    nh_client_close_idle(c);
    CHECK_INT(freed, 0);
    nh_client_free(c);
    CHECK_INT(freed, 1);
    CHECK_ERR(NH_ERR_INVALID, nh_tls_config_set_verify(NULL, judge, &freed, count_free));
    CHECK_INT(freed, 2);

    c = nh_client_new(), t = nh_tls_config_new();
    CHECK_INT(nh_tls_config_set_verify(t, judge, &freed, NULL), NH_OK);
    CHECK_INT(nh_tls_config_add_roots_file(t, in_dir("cert.pem"), NULL), NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    must_fail(c, s.url, "tls: the program's verification refused the certificate with result -80");
    CHECK_INT(calls, 2);
    nh_tls_config_free(t);
    nh_client_free(c);
}

static void client_certificate(struct server s) {
    nh_client *c = nh_client_new();
    nh_tls_config *t = nh_tls_config_new();
    nh_response *res = NULL;
    nh_error *err = NULL;
    size_t cert_len, key_len;
    char *cert = slurp("client.pem", &cert_len), *key = slurp("client-key.pem", &key_len);
    CHECK_INT(nh_tls_config_add_roots_file(t, in_dir("cert.pem"), NULL), NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    CHECK_INT(get(c, s.url, &res, &err), NH_ERR_TLS);
    CHECK_INT(nh_error_tls_alert(err), 116);
    CHECK(strstr(nh_error_message(err), "remote error: tls: certificate required") != NULL);
    nh_error_free(err);
    CHECK_INT(nh_tls_config_set_certificate_pem(t, cert, cert_len, key, key_len, NULL), NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    CHECK_INT(get(c, s.url, &res, NULL), NH_OK);
    nh_response_free(res);
    CHECK_INT(nh_tls_config_set_certificate_files(t, in_dir("client.pem"), in_dir("client-key.pem"), NULL),
              NH_OK);
    CHECK_INT(nh_tls_config_set_min_version(t, NH_TLS_1_3), NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    CHECK_INT(get(c, s.url, &res, NULL), NH_OK);
    nh_response_free(res);
    CHECK_ERR(NH_ERR_INVALID,
              nh_tls_config_set_certificate_files(t, in_dir("client.pem"), in_dir("key.pem"), &err));
    CHECK_STR(nh_error_message(err), "tls: private key does not match public key");
    nh_error_free(err);
    nh_tls_config_free(t);
    nh_client_free(c);
}

/* ---- a protocol of the program's, agreed on by ALPN: the server answers each line reversed */

static struct {
    pthread_mutex_t lock;
    nh_conn *conn;
    int taken, served, freed, skip, refuse;
} rev = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void rev_free(void *p) {
    CHECK(p == &rev);
    rev.freed++;
}

static nh_result rev_trip(nh_request *r, nh_response **out, nh_error **err, void *p) {
    char line[64] = "";
    size_t at = 0, n = 0;
    nh_result code;
    CHECK(p == &rev);
    pthread_mutex_lock(&rev.lock);
    if (rev.skip) {
        /* The server serves one connection after the other. */
        nh_conn_close(rev.conn);
        pthread_mutex_unlock(&rev.lock);
        return NH_ROUND_TRIP_SKIP;
    }
    const char *path = strrchr(nh_request_url(r), '/') + 1;
    snprintf(line, sizeof line, "%s\n", path);
    code = nh_conn_write(rev.conn, line, strlen(line), err);
    memset(line, 0, sizeof line);
    while (code == NH_OK && !strchr(line, '\n') && at + 1 < sizeof line) {
        code = nh_conn_read(rev.conn, line + at, sizeof line - 1 - at, &n, err);
        if (n == 0) break;
        at += n;
    }
    rev.served++;
    pthread_mutex_unlock(&rev.lock);
    if (code != NH_OK) return code;
    CHECK_INT(nh_response_new(200, out), NH_OK);
    return nh_response_set_body(*out, line, strcspn(line, "\n"));
}

static nh_result rev_take(const char *authority, nh_conn *conn, nh_round_trip_fn *fn_out, void **userdata_out,
                          nh_free_fn *free_out, void *userdata) {
    CHECK(userdata == &rev);
    CHECK(!strncmp(authority, "127.0.0.1:", 10));
    CHECK_STR(nh_conn_tls_alpn(conn), "rev/1");
    CHECK(nh_conn_tls_version(conn) == NH_TLS_1_3 || nh_conn_tls_version(conn) == NH_TLS_1_2);
    if (rev.refuse) {
        nh_conn_free(conn);
        return NH_ERR_PROTOCOL;
    }
    nh_conn_free(rev.conn);
    rev.conn = conn;
    rev.taken++;
    *fn_out = rev_trip;
    *userdata_out = &rev;
    *free_out = rev_free;
    return NH_OK;
}

static void reversed(nh_client *c, struct server s, const char *word, const char *want) {
    char url[128];
    nh_response *res = NULL;
    const void *data;
    size_t n;
    snprintf(url, sizeof url, "%s%s", s.url, word);
    CHECK_INT(get(c, url, &res, NULL), NH_OK);
    CHECK_INT(nh_response_body_read_all(res, 100, &data, &n, NULL), NH_OK);
    CHECK_STR(data, want);
    nh_response_free(res);
}

static nh_client *speaks_rev(void) {
    nh_client *c = nh_client_new();
    nh_tls_config *t = nh_tls_config_new();
    const char *protocols[] = {"rev/1", "http/1.1"};
    CHECK_INT(nh_tls_config_add_roots_file(t, in_dir("cert.pem"), NULL), NH_OK);
    CHECK_INT(nh_tls_config_set_alpn(t, protocols, 2), NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
    nh_tls_config_free(t);
    return c;
}

static void own_protocol(struct server s) {
    nh_client *c = speaks_rev();
    nh_response *res = NULL;
    nh_error *err = NULL;
    CHECK_INT(nh_client_set_protocol(c, "rev/1", rev_take, &rev, NULL), NH_OK);
    reversed(c, s, "hello", "olleh");
    reversed(c, s, "again", "niaga");
    CHECK(rev.taken == 1 && rev.served == 2 && rev.freed == 0);
    /* One that takes no more requests is replaced. */
    rev.skip = 1;
    CHECK_INT(get(c, s.url, &res, &err), NH_ERR_PROTOCOL);
    CHECK(strstr(nh_error_message(err), "take no requests"));
    nh_error_free(err);
    CHECK_INT(rev.taken, 4);
    rev.skip = 0;
    reversed(c, s, "more", "erom");
    CHECK_INT(nh_client_close_idle(c), NH_OK);
    nh_conn_close(rev.conn);
    rev.refuse = 1;
    CHECK_INT(get(c, s.url, &res, &err), NH_ERR_PROTOCOL);
    CHECK(strstr(nh_error_message(err), "the protocol callback answered"));
    nh_error_free(err);
    rev.refuse = 0;
    /* Without the hook, or where the server chooses otherwise, it is HTTP/1.1 that is spoken. */
    reversed(c, s, "last", "tsal");
    stop(s);
    /* A cut without a goodbye. */
    char buf[8];
    size_t n;
    CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_conn_read(rev.conn, buf, sizeof buf, &n, NULL));
    nh_client_free(c);
    CHECK_INT(rev.freed, rev.taken);
    nh_conn_free(rev.conn);
    rev.conn = NULL;
}

/* ---- a connection of the program's that breaks records on their way */

static int relay_ends[2], spoil;

static void *relay(void *server_to_client) {
    int from = server_to_client ? relay_ends[1] : relay_ends[0],
        to = server_to_client ? relay_ends[0] : relay_ends[1];
    char data[4096];
    for (ssize_t n; (n = recv(from, data, sizeof data, 0)) > 0;) {
        if (server_to_client && __atomic_load_n(&spoil, __ATOMIC_SEQ_CST)) data[n - 1] ^= 1;
        if (send(to, data, (size_t)n, MSG_NOSIGNAL) != n) break;
    }
    shutdown(to, SHUT_WR);
    return NULL;
}

static pthread_t relays[2];

static nh_result dial_by_relay(const char *host, int32_t port, int64_t timeout_ms, intptr_t *fd_out,
                               void *p) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int pair[2];
    (void)timeout_ms, (void)p;
    CHECK_INT(inet_pton(AF_INET, host, &a.sin_addr), 1);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    relay_ends[0] = pair[1];
    relay_ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(connect(relay_ends[1], (struct sockaddr *)&a, sizeof a), 0);
    CHECK_INT(pthread_create(&relays[0], NULL, relay, NULL), 0);
    CHECK_INT(pthread_create(&relays[1], NULL, relay, "back"), 0);
    *fd_out = pair[0];
    return NH_OK;
}

static void spoiled_records(struct server s) {
    nh_client *c = speaks_rev();
    char buf[8];
    size_t n;
    CHECK_INT(nh_client_set_protocol(c, "rev/1", rev_take, &rev, NULL), NH_OK);
    CHECK_INT(nh_client_set_dial(c, dial_by_relay, NULL, NULL), NH_OK);
    reversed(c, s, "well", "llew");
    __atomic_store_n(&spoil, 1, __ATOMIC_SEQ_CST);
    CHECK_INT(nh_conn_write(rev.conn, "bad\n", 4, NULL), NH_OK);
    CHECK_ERR(NH_ERR_TLS, nh_conn_read(rev.conn, buf, sizeof buf, &n, NULL));
    CHECK_INT(nh_conn_read(rev.conn, buf, sizeof buf, &n, NULL), NH_ERR_TLS);
    nh_conn_free(rev.conn);
    rev.conn = NULL;
    nh_client_free(c);
    stop(s);
    CHECK_INT(pthread_join(relays[0], NULL), 0);
    CHECK_INT(pthread_join(relays[1], NULL), 0);
    close(relay_ends[0]);
    close(relay_ends[1]);
}

int main(void) {
    char command[128];
    origin_start();
    arguments();
    plain_origin();
    if (system("openssl version >/dev/null 2>&1") != 0) SKIP("no openssl in PATH");
    CHECK(mkdtemp(dir) != NULL);
    make_pair("cert.pem", "key.pem", "localhost");
    make_pair("client.pem", "client-key.pem", "client");
    struct server s = start(NULL, NULL, NULL);
    exchanges(s);
    stop(s);
    s = start("-Verify", "1", NULL);
    client_certificate(s);
    stop(s);
    own_protocol(start("-alpn", "rev/1", "-rev"));
    spoiled_records(start("-alpn", "rev/1", "-rev"));
    snprintf(command, sizeof command, "rm -rf %s", dir);
    CHECK_INT(system(command), 0);
    return 0;
}
