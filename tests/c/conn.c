/* Connections of the program's: dialed by it, and handed over to it after a switch of protocols. */
#include "nethttp.h"
#include "origin.h"
#include "wait.h"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>

static nh_client *c;
static int dials, freed, refuse_with, give_what;
static char dialed[128];

static void count_free(void *p) { __atomic_add_fetch(&freed, p == &freed, __ATOMIC_SEQ_CST); }

/* What was replaced ends when the last dial that was begun with it has. */
static void freed_are(int want) {
    for (int i = 0; i < 500 && __atomic_load_n(&freed, __ATOMIC_SEQ_CST) < want; i++)
        origin_sleep(10);
    CHECK_INT(freed, want);
}

/* ---- an origin: /up switches to an echo that ends with the peer's end; CONNECT too; /cut resets after the
 * head */

static void *conn(void *arg) {
    int fd = (int)(intptr_t)arg;
    char head[8192], data[4096];
    struct linger hard = {1, 0};
    while (origin_head(fd, head, sizeof head)) {
        const char *path = strchr(head, ' ') + 1;
        int tunnel = !strncmp(head, "CONNECT ", 8);
        if (!tunnel && strncmp(path, "/up", 3) && strncmp(path, "/cut", 4)) {
            if (!origin_answer(fd, head)) break;
            continue;
        }
        origin_send(
            fd,
            tunnel ? "HTTP/1.1 200 OK\r\n\r\nhello"
                   : "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello");
        if (!strncmp(path, "/cut", 4)) {
            CHECK_INT(recv(fd, data, 1, 0), 1);
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            break;
        }
        for (ssize_t n; (n = recv(fd, data, sizeof data, 0)) > 0;)
            if (send(fd, data, (size_t)n, MSG_NOSIGNAL) != n) break;
        origin_send(fd, "bye");
        break;
    }
    close(fd);
    return NULL;
}

/* ---- dialing */

static int tcp(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

enum { TCP, PAIR, NOTHING, A_FILE, DATAGRAM };

static nh_result dial(const char *host, int32_t port, int64_t timeout_ms, intptr_t *fd_out, void *userdata) {
    int pair[2];
    pthread_t t;
    CHECK(userdata == &freed);
    CHECK_INT(timeout_ms, 30000);
    __atomic_add_fetch(&dials, 1, __ATOMIC_SEQ_CST);
    snprintf(dialed, sizeof dialed, "%s %d", host, port);
    if (refuse_with) return refuse_with;
    switch (give_what) {
    case TCP:
        *fd_out = tcp(origin_port);
        break;
    case PAIR:
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        CHECK_INT(pthread_create(&t, NULL, conn, (void *)(intptr_t)pair[1]), 0);
        pthread_detach(t);
        *fd_out = pair[0];
        break;
    case A_FILE:
        *fd_out = dup(2);
        break;
    case DATAGRAM:
        *fd_out = socket(AF_INET, SOCK_DGRAM, 0);
        break;
    default:
        break;
    }
    return NH_OK;
}

static nh_result get(const char *url, nh_response **res, nh_error **err) {
    nh_request *r = NULL;
    CHECK_INT(nh_request_new("GET", url, &r, NULL), NH_OK);
    nh_result code = nh_client_do(c, r, res, err);
    nh_request_free(r);
    return code;
}

static void ok(const char *url) {
    nh_response *res = NULL;
    const void *data;
    size_t n;
    CHECK_INT(get(url, &res, NULL), NH_OK);
    CHECK_INT(nh_response_body_read_all(res, 10, &data, &n, NULL), NH_OK);
    CHECK_STR(data, "ok");
    nh_response_free(res);
}

static void fails(nh_result code, const char *text) {
    nh_response *res = NULL;
    nh_error *err = NULL;
    CHECK_INT(get("http://no.where/ok", &res, &err), code);
    if (!strstr(nh_error_message(err), text)) fprintf(stderr, "message: %s\n", nh_error_message(err));
    CHECK(strstr(nh_error_message(err), text));
    CHECK_INT(nh_error_phase(err), NH_PHASE_CONNECT);
    nh_error_free(err);
}

static void dialing(void) {
    nh_response *res = NULL;
    CHECK_INT(nh_client_set_dial(c, dial, &freed, count_free), NH_OK);
    ok("http://no.where:81/ok");
    CHECK_STR(dialed, "no.where 81");
    ok("http://no.where:81/ok");
    CHECK_INT(dials, 1);

    give_what = PAIR;
    ok("http://no.where/ok");
    CHECK_INT(get("http://no.where/ok", &res, NULL), NH_OK);
    CHECK(!nh_response_remote_addr(res) && !nh_response_local_addr(res));
    nh_response_free(res);
    CHECK_INT(dials, 2);
    CHECK_INT(nh_client_close_idle(c), NH_OK);

    refuse_with = NH_ERR_CONNECT;
    fails(NH_ERR_CONNECT, "the dial callback answered -41");
    refuse_with = 77;
    fails(NH_ERR_ABORTED, "the dial callback answered 77");
    refuse_with = 0;
    give_what = NOTHING;
    fails(NH_ERR_INVALID, "gave no socket");
    give_what = A_FILE;
    fails(NH_ERR_INVALID, "no connected stream socket");
    give_what = DATAGRAM;
    fails(NH_ERR_INVALID, "no connected stream socket");

    /* Each change makes new connections, and ends the one that was set before. */
    give_what = TCP;
    ok("http://no.where/ok");
    int before = dials;
    CHECK_INT(nh_client_set_dial(c, dial, &freed, count_free), NH_OK);
    ok("http://no.where/ok");
    CHECK_INT(dials, before + 1);
    CHECK_INT(nh_client_set_dial(c, NULL, NULL, NULL), NH_OK);
    freed_are(2);
    ok(origin_url("/ok"));
    CHECK_INT(dials, before + 1);

    /* With TLS of the program's own, what goes to the socket is in the clear. http is not concerned. */
    give_what = PAIR;
    CHECK_INT(nh_client_set_dial_tls(c, dial, &freed, count_free), NH_OK);
    ok("https://secure.where/ok");
    CHECK_STR(dialed, "secure.where 443");
    ok("https://secure.where/ok");
    ok(origin_url("/ok"));
    CHECK_INT(dials, before + 2);
    CHECK_INT(nh_client_set_dial_tls(c, NULL, NULL, NULL), NH_OK);
    freed_are(3);

    CHECK_ERR(NH_ERR_INVALID, nh_client_set_dial(NULL, dial, &freed, count_free));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_dial_tls(NULL, dial, &freed, count_free));
    freed_are(5);
}

/* ---- after a switch */

static nh_conn *switched(const char *path) {
    nh_response *res = NULL;
    nh_conn *up = NULL, *again = NULL;
    CHECK_INT(get(origin_url(path), &res, NULL), NH_OK);
    CHECK_INT(nh_response_status_code(res), 101);
    CHECK_INT(nh_response_take_conn(res, &up, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_response_take_conn(res, &again, NULL));
    nh_response_free(res);
    return up;
}

static void read_is(nh_conn *up, const char *want) {
    char buf[64];
    size_t at = 0, n = 0;
    while (at < strlen(want)) {
        CHECK_INT(nh_conn_read(up, buf + at, strlen(want) - at, &n, NULL), NH_OK);
        CHECK(n > 0);
        at += n;
    }
    buf[at] = 0;
    CHECK_STR(buf, want);
}

static void *close_soon(void *up) {
    origin_sleep(30);
    nh_conn_close(up);
    return NULL;
}

static void after_a_switch(void) {
    char buf[64], address[64];
    size_t n = 7;
    nh_response *res = NULL;
    pthread_t t;
    nh_conn *up = switched("/up");
    snprintf(address, sizeof address, "127.0.0.1:%d", origin_port);
    CHECK_STR(nh_conn_remote_addr(up), address);
    CHECK(nh_conn_local_addr(up) && nh_conn_fd(up) >= 0);
    CHECK_INT(nh_conn_tls_version(up), 0);
    CHECK(!nh_conn_tls_alpn(up));
    read_is(up, "hello");
    CHECK_INT(nh_conn_write(up, "abc", 3, NULL), NH_OK);
    CHECK_INT(nh_conn_write(up, NULL, 0, NULL), NH_OK);
    read_is(up, "abc");
    CHECK_INT(nh_conn_set_read_timeout(up, 20), NH_OK);
    CHECK_ERR(NH_ERR_TIMEOUT, nh_conn_read(up, buf, sizeof buf, &n, NULL));
    CHECK_INT(n, 0);
    CHECK_INT(nh_conn_set_read_timeout(up, NH_TIMEOUT_NONE), NH_OK);
    CHECK_INT(nh_conn_close_write(up, NULL), NH_OK);
    read_is(up, "bye");
    CHECK_INT(nh_conn_read(up, buf, sizeof buf, &n, NULL), NH_OK);
    CHECK_INT(n, 0);
    nh_conn_free(up);

    /* Closed by another thread while it waits. */
    up = switched("/up");
    read_is(up, "hello");
    CHECK_INT(pthread_create(&t, NULL, close_soon, up), 0);
    CHECK_ERR(NH_ERR_CLOSED, nh_conn_read(up, buf, sizeof buf, &n, NULL));
    CHECK_INT(pthread_join(t, NULL), 0);
    CHECK_ERR(NH_ERR_CLOSED, nh_conn_write(up, "x", 1, NULL));
    CHECK_ERR(NH_ERR_CLOSED, nh_conn_close_write(up, NULL));
    nh_conn_close(up);
    nh_conn_free(up);

    /* A peer that does not read. */
    up = switched("/up");
    CHECK_INT(nh_conn_set_write_timeout(up, brief_ms(50)), NH_OK);
    static char much[1 << 20];
    nh_result last = NH_OK;
    for (int i = 0; i < 64 && last == NH_OK; i++)
        last = nh_conn_write(up, much, sizeof much, NULL);
    CHECK_ERR(NH_ERR_TIMEOUT, nh_conn_write(up, much, sizeof much, NULL));
    CHECK_INT(last, NH_ERR_TIMEOUT);
    nh_conn_free(up);

    /* A connection that breaks. */
    up = switched("/cut");
    read_is(up, "hello");
    CHECK_INT(nh_conn_write(up, "x", 1, NULL), NH_OK);
    CHECK_ERR(NH_ERR_IO, nh_conn_read(up, buf, sizeof buf, &n, NULL));
    CHECK_ERR(NH_ERR_IO, nh_conn_write(up, "x", 1, NULL));
    CHECK_ERR(NH_ERR_IO, nh_conn_close_write(up, NULL));
    nh_conn_free(up);

    /* CONNECT, asked for by the program. */
    nh_request *r = NULL;
    CHECK_INT(nh_request_new("CONNECT", origin_url("/"), &r, NULL), NH_OK);
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
    CHECK_INT(nh_response_take_conn(res, &up, NULL), NH_OK);
    nh_response_free(res);
    nh_request_free(r);
    read_is(up, "hello");
    nh_conn_free(up);

    /* Any other response keeps its connection. */
    CHECK_INT(get(origin_url("/ok"), &res, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_response_take_conn(res, &up, NULL));
    CHECK(up == NULL);
    nh_response_free(res);

    /* The connection counts until it has ended. */
    CHECK_INT(nh_client_set_max_conns_per_host(c, 1), NH_OK);
    up = switched("/up");
    CHECK_INT(nh_client_set_timeout(c, 50), NH_OK);
    CHECK_INT(get(origin_url("/ok"), &res, NULL), NH_ERR_TIMEOUT);
    nh_conn_free(up);
    CHECK_INT(nh_client_set_timeout(c, NH_TIMEOUT_NONE), NH_OK);
    ok(origin_url("/ok"));
    CHECK_INT(nh_client_set_max_conns_per_host(c, 0), NH_OK);
}

static void no_descriptor(void) {
    struct rlimit old, none;
    nh_response *res = NULL;
    nh_conn *up = NULL;
    CHECK_INT(get(origin_url("/up"), &res, NULL), NH_OK);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 3;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_response_take_conn(res, &up, NULL));
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
    nh_response_free(res);
}

static void forked(void) {
    nh_response *res = NULL;
    nh_conn *up = switched("/up"), *other = NULL;
    char buf[8];
    size_t n;
    int status;
    CHECK_INT(get(origin_url("/up"), &res, NULL), NH_OK);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK_ERR(NH_ERR_FORKED, nh_conn_read(up, buf, sizeof buf, &n, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_conn_write(up, "x", 1, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_conn_close_write(up, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_conn_set_read_timeout(up, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_conn_set_write_timeout(up, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_response_take_conn(res, &other, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_client_set_dial(c, NULL, NULL, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_client_set_dial_tls(c, NULL, NULL, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_client_set_protocol(c, "x", NULL, NULL, NULL));
        nh_conn_close(up);
        nh_conn_free(up);
        /* Not _exit: what only the parent's threads could free is no leak. */
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    /* The child's end was not the connection's. */
    read_is(up, "hello");
    CHECK_INT(nh_conn_write(up, "abc", 3, NULL), NH_OK);
    read_is(up, "abc");
    nh_conn_free(up);
    nh_response_free(res);
}

static void arguments(void) {
    nh_conn *up = switched("/up");
    nh_response *res = NULL;
    char buf[8];
    size_t n;
    CHECK_ERR(NH_ERR_INVALID, nh_conn_read(NULL, buf, sizeof buf, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_conn_read(up, NULL, sizeof buf, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_conn_read(up, buf, 0, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_conn_read(up, buf, sizeof buf, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_conn_write(NULL, "x", 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_conn_write(up, NULL, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_conn_close_write(NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_conn_set_read_timeout(up, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_conn_set_write_timeout(up, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_conn_set_read_timeout(NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_conn_set_write_timeout(NULL, 1));
    nh_conn_close(NULL);
    nh_conn_free(NULL);
    CHECK_INT(nh_conn_fd(NULL), -1);
    CHECK(!nh_conn_remote_addr(NULL) && !nh_conn_local_addr(NULL) && !nh_conn_tls_alpn(NULL));
    CHECK_INT(nh_conn_tls_version(NULL), 0);
    nh_conn_free(up);
    CHECK_ERR(NH_ERR_INVALID, nh_response_take_conn(NULL, &up, NULL));
    CHECK(up == NULL);
    CHECK_INT(get(origin_url("/up"), &res, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_response_take_conn(res, NULL, NULL));
    nh_response_free(res);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_protocol(NULL, "x", NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_protocol(c, NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_protocol(c, "", NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_protocol(c, "http/1.1", NULL, NULL, NULL));
}

int main(void) {
    origin_serve(conn);
    c = nh_client_new();
    dialing();
    after_a_switch();
    no_descriptor();
    forked();
    arguments();
    nh_client_free(c);
    return 0;
}
