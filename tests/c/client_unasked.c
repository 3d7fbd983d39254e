/* Bytes that nobody asked for, on a connection that rests: whatever the origin sends with or behind a
 * response, and however soon the next request follows, they never become its response. */
#include "certs.h"
#include "client_http2.h"
#include "wait.h"

#include <poll.h>

#define FORGED "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nFORGED"
#define REAL "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal"

enum { WITH = -1, ENDS = -2 };

/* What is sent beside each first response, how long behind it in microseconds, and how often that was done.
 */
static _Atomic(const char *) unasked, answer;
static _Atomic int delay;
static int sent;

/* The client's end of the newest connection, which this program makes so that it can look at it. */
static int newest;

static nh_result dial(const char *host, int32_t port, int64_t timeout_ms, ptrdiff_t *fd_out, void *userdata) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)host, (void)timeout_ms, (void)userdata;
    a.sin_port = htons((uint16_t)port);
    CHECK_INT(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    __atomic_store_n(&newest, fd, __ATOMIC_SEQ_CST);
    *fd_out = fd;
    return NH_OK;
}

/* What was sent is in the client's socket, or the client has closed that for it. */
static void await_sent(int before) {
    struct pollfd p = {.fd = current(&newest), .events = POLLIN};
    while (current(&sent) == before)
        ;
    if (delay != WITH) poll(&p, 1, 100);
}

static void spin(int us) {
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    do
        clock_gettime(CLOCK_MONOTONIC, &b);
    while ((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000 < us);
}

static int say(nh_conn *c, const char *one, const char *two) {
    char all[8192];
    int n = snprintf(all, sizeof all, "%s%s", one, two);
    return nh_conn_write(c, all, (size_t)n, NULL) == NH_OK;
}

/* ---- an origin that takes its connections over, in the clear and under TLS */

static void first(nh_conn *c) {
    say(c, answer, delay == WITH ? unasked : "");
    if (delay >= 0) {
        spin(delay);
        say(c, unasked, "");
    } else if (delay == ENDS) {
        CHECK_INT(nh_conn_close_write(c, NULL), NH_OK);
    }
    add(&sent);
}

static void hostile(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_conn *c;
    char head[4096];
    size_t have = 0, n;
    (void)userdata;
    CHECK_INT(nh_response_writer_hijack(w, &c, NULL), NH_OK);
    strcmp(nh_request_path(r, &n), "/first") ? (void)say(c, REAL, "") : first(c);
    while (have + 1 < sizeof head &&
           nh_conn_read(c, head + have, sizeof head - 1 - have, &n, NULL) == NH_OK && n > 0) {
        head[have += n] = 0;
        if (!strstr(head, "\r\n\r\n")) continue;
        have = 0;
        strstr(head, " /first ") ? first(c) : (void)say(c, REAL, "");
    }
    nh_conn_free(c);
}

static nh_server *serve(int tls) {
    nh_server *s = nh_server_new();
    CHECK_INT(nh_server_handle(s, "/", hostile, NULL, NULL, NULL), NH_OK);
    if (tls) {
        nh_tls_config *t = nh_tls_config_new();
        CHECK_INT(nh_tls_config_set_certificate_files(t, in_dir("origin.pem"), in_dir("origin.key"), NULL),
                  NH_OK);
        CHECK_INT(nh_server_listen_tls(s, "127.0.0.1:0", t, NULL), NH_OK);
        nh_tls_config_free(t);
    } else {
        CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    }
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    return s;
}

static nh_client *asking(int tls) {
    nh_client *c = nh_client_new();
    CHECK_INT(nh_client_set_dial(c, dial, NULL, NULL), NH_OK);
    if (tls) {
        nh_tls_config *t = nh_tls_config_new();
        CHECK_INT(nh_tls_config_add_roots_file(t, in_dir("origin.pem"), NULL), NH_OK);
        CHECK_INT(nh_client_set_tls_config(c, t), NH_OK);
        nh_tls_config_free(t);
        CHECK_INT(nh_client_set_protocols(c, NH_PROTOCOL_HTTP1), NH_OK);
    }
    return c;
}

/* ---- a response, what comes beside it, and the next request */

static void ask(nh_client *c, const char *method, const char *url, const char *want) {
    nh_request *r = request_to(method, url);
    nh_response *res = NULL;
    nh_error *err = NULL;
    const void *data;
    size_t len;
    if (!strcmp(method, "POST")) CHECK_INT(nh_request_set_body(r, "abc", 3), NH_OK);
    if (nh_client_do(c, r, &res, &err) != NH_OK) fprintf(stderr, "%s\n", nh_error_message(err));
    CHECK(res != NULL);
    CHECK_INT(nh_response_body_read_all(res, 1 << 20, &data, &len, NULL), NH_OK);
    if (want && (len != strlen(want) || memcmp(data, want, len)))
        fprintf(stderr, "%s %s behind %.30s, %d us: %.*s\n", method, url, answer, delay, (int)len,
                (const char *)data);
    CHECK(!want || (len == strlen(want) && !memcmp(data, want, len)));
    nh_response_free(res);
    nh_request_free(r);
}

static void next_is_real(nh_client *c, const char *base, const char *method, const char *second) {
    char url[128];
    int before = current(&sent);
    snprintf(url, sizeof url, "%s/first", base);
    ask(c, method, url, NULL);
    await_sent(before);
    snprintf(url, sizeof url, "%s/second", base);
    ask(c, second, url, "real");
}

static void all_of(int tls) {
    static const struct {
        const char *method, *answer;
    } kinds[] = {
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
        {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"},
        {"GET", "HTTP/1.1 204 No Content\r\n\r\n"},
        {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 44\r\n\r\n"},
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n"},
        {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"HEAD", "HTTP/1.1 204 No Content\r\n\r\n"},
        {"HEAD", "HTTP/1.1 304 Not Modified\r\n\r\n"},
        {"OPTIONS", "HTTP/1.1 204 No Content\r\n\r\n"},
        {"DELETE", "HTTP/1.1 204 No Content\r\n\r\n"},
    };
    static const int delays[] = {WITH, 0, 50, 200, 1000};
    /* A whole response; a body where there is none, of the length that is told; one byte. */
    static const char *const texts[] = {FORGED, "HTTP/1.1 200 OK\r\nContent-Length:6\r\n\r\nFORGED", "\n"};
    nh_server *s = serve(tls);
    nh_client *c = asking(tls);
    char base[64];
    snprintf(base, sizeof base, "%s://127.0.0.1:%d", tls ? "https" : "http", (int)nh_server_port(s, 0));
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (size_t d = 0; d < sizeof delays / sizeof delays[0]; d++)
            for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
                answer = kinds[k].answer, delay = delays[d], unasked = texts[t];
                next_is_real(c, base, kinds[k].method, "GET");
            }
    /* An origin that closes behind each response fails no POST. */
    answer = kinds[0].answer, delay = ENDS;
    for (int i = 0; i < 20; i++)
        next_is_real(c, base, "GET", "POST");
    nh_client_free(c);
    nh_server_free(s);
}

/* ---- a connection that goes from one request to another that waits for it */

static void *waits(void *arg) {
    void **with = arg;
    ask(with[0], "GET", with[1], "real");
    return NULL;
}

static void handed_over(void) {
    nh_server *s = serve(0);
    nh_client *c = asking(0);
    char url[64], second[64];
    nh_response *res = NULL;
    pthread_t thread;
    void *with[] = {c, second};
    const void *data;
    size_t len;
    CHECK_INT(nh_client_set_max_conns_per_host(c, 1), NH_OK);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/first", (int)nh_server_port(s, 0));
    snprintf(second, sizeof second, "http://127.0.0.1:%d/second", (int)nh_server_port(s, 0));
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", unasked = "ok" FORGED, delay = 20000;
    int before = current(&sent);
    CHECK_INT(nh_client_get(c, url, &res, NULL), NH_OK);
    await(&sent, before + 1);
    CHECK_INT(pthread_create(&thread, NULL, waits, with), 0);
    pause_ms(20); /* It waits; if it does not yet, the connection is taken from the pool. */
    CHECK_INT(nh_response_body_read_all(res, 100, &data, &len, NULL), NH_OK);
    CHECK(len == 2 && !memcmp(data, "ok", 2));
    nh_response_free(res);
    pthread_join(thread, NULL);
    nh_client_free(c);
    nh_server_free(s);
}

/* ---- HTTP/2: a response to a request that was not made yet */

static void early(int fd) {
    uint32_t id;
    put_setting(fd, 0, 0);
    if (nth % 2 == 0) return go_on(fd);
    if ((id = next_request(fd)) == 0) return;
    put_ok(fd, id);
    if (delay >= 0) spin(delay);
    put_headers(fd, id + 2, 0, "200", NULL);
    put_data(fd, id + 2, 1, "FORGED");
    add(&sent);
}

static void http2(void) {
    static const int delays[] = {0, 50, 200, 1000};
    for (size_t d = 0; d < sizeof delays / sizeof delays[0]; d++)
        for (int i = 0; i < 5; i++) {
            nh_client *c = start(early);
            int before = current(&sent);
            delay = delays[d];
            CHECK_INT(nh_client_set_dial(c, dial, NULL, NULL), NH_OK);
            must_get(c, "ok");
            await_sent(before);
            must_get(c, "ok");
            nh_client_free(c);
        }
}

int main(void) {
    certs_begin();
    certs_make("origin", "IP:127.0.0.1");
    origin_serve(serve_script);
    all_of(0);
    all_of(1);
    handed_over();
    http2();
    return 0;
}
