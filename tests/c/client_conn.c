/* One connection alone: its slot, its end, and who is told of both. */
#include "nethttp.h"
#include "origin.h"
#include "wait.h"

#include <sys/wait.h>

static int told, freed;

static void count(void *p) {
    CHECK(p == &told);
    __atomic_add_fetch(&told, 1, __ATOMIC_SEQ_CST);
}

static void count_free(void *p) { freed += p == &told; }

static nh_transport *t;

static nh_client_conn *connected(void) {
    char address[64];
    nh_client_conn *c = NULL;
    snprintf(address, sizeof address, "127.0.0.1:%d", origin_port);
    CHECK_INT(nh_client_conn_new(t, "http", address, &c, NULL), NH_OK);
    return c;
}

static nh_request *request(const char *url) {
    nh_request *r = NULL;
    CHECK_INT(nh_request_new("GET", url, &r, NULL), NH_OK);
    return r;
}

static nh_result read_ok(nh_response *res) {
    const void *data;
    size_t n;
    nh_result code = nh_response_body_read_all(res, 100, &data, &n, NULL);
    if (code == NH_OK) CHECK_STR(data, "ok");
    return code;
}

static void slots(void) {
    nh_client_conn *c = connected();
    nh_response *res = NULL, *other = NULL;
    /* Whatever host the URL names. */
    nh_request *r = request("http://no.where/ok");
    CHECK_INT(nh_client_conn_available(c), 1);
    CHECK_INT(nh_client_conn_in_flight(c), 0);
    CHECK_INT(nh_client_conn_check(c), NH_OK);
    CHECK_INT(nh_client_conn_set_state_callback(c, count, &told, count_free), NH_OK);

    CHECK_INT(nh_client_conn_reserve(c), NH_OK);
    CHECK_ERR(NH_ERR_BUSY, nh_client_conn_reserve(c));
    CHECK_INT(nh_client_conn_available(c), 0);
    CHECK_INT(nh_client_conn_in_flight(c), 1);
    CHECK_INT(nh_client_conn_release(c), NH_OK);
    CHECK_INT(nh_client_conn_available(c), 1);
    CHECK_INT(nh_client_conn_reserve(c), NH_OK);
    CHECK_INT(nh_client_conn_round_trip(c, r, &res, NULL), NH_OK);
    /* A body of two bytes came with the head, so the slot is back. */
    CHECK_INT(read_ok(res), NH_OK);
    nh_response_free(res);
    CHECK_INT(nh_client_conn_available(c), 1);
    CHECK_INT(told, 1);

    for (int i = 0; i < 50; i++) {
        CHECK_INT(nh_client_conn_round_trip(c, r, &res, NULL), NH_OK);
        CHECK_INT(read_ok(res), NH_OK);
        CHECK_INT(nh_response_reused(res), 1);
        nh_response_free(res);
    }
    CHECK_INT(told, 51);

    /* An answer that has not ended holds it, and closing the connection ends the answer. */
    nh_request *half = request("http://no.where/half");
    CHECK_INT(nh_client_conn_round_trip(c, half, &res, NULL), NH_OK);
    CHECK_INT(nh_client_conn_available(c), 0);
    CHECK_INT(nh_client_conn_in_flight(c), 1);
    CHECK_ERR(NH_ERR_BUSY, nh_client_conn_round_trip(c, r, &other, NULL));
    CHECK_ERR(NH_ERR_BUSY, nh_client_conn_reserve(c));
    CHECK_INT(nh_client_conn_close(c), NH_OK);
    CHECK(read_ok(res) != NH_OK);
    nh_response_free(res);
    CHECK_ERR(NH_ERR_CLOSED, nh_client_conn_check(c));
    CHECK_ERR(NH_ERR_CLOSED, nh_client_conn_reserve(c));
    CHECK_ERR(NH_ERR_CLOSED, nh_client_conn_round_trip(c, r, &res, NULL));
    CHECK_INT(nh_client_conn_available(c), 0);
    CHECK_INT(nh_client_conn_in_flight(c), 0);
    CHECK(told > 51);
    CHECK_INT(freed, 0);
    nh_client_conn_free(c);
    CHECK_INT(freed, 1);
    nh_request_free(half);
    nh_request_free(r);
}

static void its_end(void) {
    nh_client_conn *c = connected();
    nh_response *res = NULL;
    /* The server ends it after this answer: it is not replaced. */
    nh_request *r = request(origin_url("/trailer")), *next = request(origin_url("/ok"));
    told = 0;
    CHECK_INT(nh_client_conn_set_state_callback(c, count, &told, NULL), NH_OK);
    CHECK_INT(nh_client_conn_round_trip(c, r, &res, NULL), NH_OK);
    CHECK_INT(read_ok(res), NH_OK);
    nh_response_free(res);
    for (int i = 0; i < 500 && nh_client_conn_check(c) == NH_OK; i++)
        origin_sleep(10); /* until the pool's look at idle connections */
    CHECK_INT(nh_client_conn_check(c), NH_ERR_CLOSED);
    await_past(&told, 2);
    CHECK_INT(nh_client_conn_round_trip(c, next, &res, NULL), NH_ERR_CLOSED);
    CHECK_INT(nh_client_conn_set_state_callback(c, NULL, NULL, NULL), NH_OK);
    nh_client_conn_free(c);

    /* A failure is told as it is, and not tried again. */
    c = connected();
    CHECK_INT(nh_client_conn_round_trip(c, next, &res, NULL), NH_OK);
    CHECK_INT(read_ok(res), NH_OK);
    nh_response_free(res);
    nh_request *reset = request(origin_url("/reset"));
    CHECK(nh_client_conn_round_trip(c, reset, &res, NULL) != NH_OK);
    CHECK_INT(nh_client_conn_check(c), NH_ERR_CLOSED);
    nh_client_conn_free(c);
    nh_request_free(reset);
    nh_request_free(r);
    nh_request_free(next);
}

static nh_result too_late(const char *host, int32_t port, int64_t ms, intptr_t *fd_out, void *userdata) {
    (void)host, (void)port, (void)ms, (void)fd_out, (void)userdata;
    return NH_ERR_TIMEOUT;
}

static void arguments(void) {
    nh_client_conn *c = NULL;
    nh_request *r = request(origin_url("/ok"));
    nh_response *res = NULL;
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_new(NULL, "http", "127.0.0.1:1", &c, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_new(t, NULL, "127.0.0.1:1", &c, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_new(t, "http", NULL, &c, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_new(t, "http", "127.0.0.1:1", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_new(t, "ftp", "127.0.0.1:1", &c, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_new(t, "http", "127.0.0.1", &c, NULL));
    CHECK_ERR(NH_ERR_CONNECT, nh_client_conn_new(t, "http", "127.0.0.1:1", &c, NULL));
    CHECK_ERR(NH_ERR_DNS, nh_client_conn_new(t, "http", "no-such-host.invalid:80", &c, NULL));
    char plain[64];
    snprintf(plain, sizeof plain, "127.0.0.1:%d", origin_port);
    CHECK_ERR(NH_ERR_TLS, nh_client_conn_new(t, "https", plain, &c, NULL));
    nh_client *owner = nh_client_new_with_transport(t);
    CHECK_INT(nh_client_set_proxy(owner, "http://127.0.0.1:1", NULL), NH_OK);
    CHECK_ERR(NH_ERR_PROXY, nh_client_conn_new(t, "https", plain, &c, NULL));
    CHECK_INT(nh_client_set_proxy(owner, NULL, NULL), NH_OK);
    CHECK_INT(nh_client_set_dial(owner, too_late, NULL, NULL), NH_OK);
    CHECK_ERR(NH_ERR_TIMEOUT, nh_client_conn_new(t, "http", "127.0.0.1:80", &c, NULL));
    CHECK_INT(nh_client_set_dial(owner, NULL, NULL, NULL), NH_OK);
    nh_client_free(owner);
    CHECK(c == NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_round_trip(NULL, r, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_reserve(NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_release(NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_check(NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_close(NULL));
    CHECK_INT(nh_client_conn_available(NULL), 0);
    CHECK_INT(nh_client_conn_in_flight(NULL), 0);
    nh_client_conn_free(NULL);
    told = 0, freed = 0;
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_set_state_callback(NULL, count, &told, count_free));
    CHECK_INT(freed, 1);
    c = connected();
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_round_trip(c, NULL, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_conn_round_trip(c, r, NULL, NULL));
    nh_request_free(r);

    int status;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        nh_client_conn *other = NULL;
        CHECK_ERR(NH_ERR_FORKED, nh_client_conn_new(t, "http", "127.0.0.1:1", &other, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_client_conn_reserve(c));
        CHECK_ERR(NH_ERR_FORKED, nh_client_conn_release(c));
        CHECK_ERR(NH_ERR_FORKED, nh_client_conn_check(c));
        CHECK_ERR(NH_ERR_FORKED, nh_client_conn_close(c));
        CHECK_ERR(NH_ERR_FORKED, nh_client_conn_set_state_callback(c, NULL, NULL, NULL));
        nh_client_conn_free(c);
        /* Not _exit: what only the parent's threads could free is no leak. */
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_INT(nh_client_conn_available(c), 1);
    nh_client_conn_free(c);
}

int main(void) {
    origin_start();
    t = nh_transport_new();
    slots();
    its_end();
    arguments();
    nh_transport_free(t);
    return 0;
}
