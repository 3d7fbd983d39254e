/* The client over HTTP/2 where something has an end: the overall time in each phase, the waits between tries,
 * cancels, and the ends of clients and processes while requests go on. */
#include "client_http2.h"

#include <sys/wait.h>

/* ---- the overall time, wherever it runs out */

static void reset_is_seen(int fd) {
    put_setting(fd, 0, 0);
    atomic_store(&seen, wait_reset(fd, next_request(fd)));
    go_on(fd);
}

/* The window of the request's body stays shut. */
static void shut_window(int fd) {
    put_setting(fd, 4, 0);
    put_ok(fd, next_request(fd)); /* so that the setting is known */
    atomic_store(&seen, wait_reset(fd, next_request(fd)));
    go_on(fd);
}

static void half_a_body(int fd) {
    put_setting(fd, 0, 0);
    uint32_t id = next_request(fd);
    put_headers(fd, id, 0, "200", NULL);
    put_data(fd, id, 0, "half");
    atomic_store(&seen, wait_reset(fd, id));
    go_on(fd);
}

/* One stream at a time, and the first is never answered. */
static void one_place(int fd) {
    put_setting(fd, 3, 1);
    put_ok(fd, next_request(fd)); /* so that the setting is known */
    uint32_t id = next_request(fd);
    put_headers(fd, id, 0, "200", NULL);
    atomic_store(&seen, wait_reset(fd, id));
    go_on(fd);
}

static void refuses(int fd) {
    put_setting(fd, 0, 0);
    for (uint32_t id; (id = next_request(fd)) != 0; atomic_fetch_add(&seen, 1))
        put_word(fd, RST_STREAM, id, 7);
}

static void goes_away(int fd) {
    put_setting(fd, 0, 0);
    if (next_request(fd)) atomic_fetch_add(&seen, 1);
    put_goaway(fd, 0, 0, "");
}

/* Long enough for a connection and a request to come about, also under valgrind; the wait between tries is 1
 * s. */
static int64_t short_ms(void) { return getenv("NH_SLOW") ? 800 : 100; }

#define TIMED_OUT "(Client.Timeout exceeded while awaiting headers)"

/* What came behind a timeout was not harmed by it. */
static void lives_on(nh_client *c, int code) {
    CHECK_INT(nh_client_set_timeout(c, NH_TIMEOUT_NONE), NH_OK);
    must_get(c, "ok");
    CHECK_INT(atomic_load(&seen), code);
    CHECK_INT(atomic_load(&connections), 1);
    nh_client_free(c);
}

static void timeouts(void) {
    nh_client *c = start(reset_is_seen);
    CHECK_INT(nh_client_set_timeout(c, short_ms()), NH_OK);
    must_fail_get(c, NH_ERR_TIMEOUT, TIMED_OUT);
    lives_on(c, 8);

    c = start(shut_window);
    must_get(c, "ok");
    nh_request *r = new_request("POST");
    CHECK_INT(nh_request_set_body(r, "body", 4), NH_OK);
    CHECK_INT(nh_client_set_timeout(c, short_ms()), NH_OK);
    nh_error_free(must_fail(c, r, NH_ERR_TIMEOUT, TIMED_OUT));
    nh_request_free(r);
    lives_on(c, 8);

    c = start(half_a_body);
    r = new_request("GET");
    CHECK_INT(nh_client_set_timeout(c, short_ms()), NH_OK);
    nh_response *res = send_it(c, r);
    nh_error *err = NULL;
    const void *data;
    size_t len;
    CHECK_INT(nh_response_body_read_all(res, 100, &data, &len, &err), NH_ERR_TIMEOUT);
    CHECK(strstr(nh_error_message(err), "(Client.Timeout or context cancellation while reading body)"));
    nh_error_free(err);
    nh_response_free(res);
    lives_on(c, 8);

    /* The wait for a place on the connection counts. */
    nh_http2_config *config = nh_http2_config_new();
    CHECK_INT(nh_http2_config_set_strict_max_concurrent_requests(config, 1), NH_OK);
    c = start(one_place);
    CHECK_INT(nh_client_set_http2(c, config), NH_OK);
    nh_http2_config_free(config);
    must_get(c, "ok");
    res = send_it(c, r);
    CHECK_INT(nh_client_set_timeout(c, short_ms()), NH_OK);
    must_fail_get(c, NH_ERR_TIMEOUT, TIMED_OUT);
    nh_response_free(res);
    lives_on(c, 8);

    /* So does the one in the pool. */
    c = start(one_place);
    CHECK_INT(nh_client_set_max_conns_per_host(c, 1), NH_OK);
    must_get(c, "ok");
    res = send_it(c, r);
    CHECK_INT(nh_client_set_timeout(c, short_ms()), NH_OK);
    must_fail_get(c, NH_ERR_TIMEOUT, TIMED_OUT);
    nh_response_free(res);
    lives_on(c, 8);
    nh_request_free(r);
}

/* A dial that does not come to an end: a listener that nobody accepts from. All who wait for it run out of
 * time, and the client's end does not wait for it. */
static void *times_out(void *c) {
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%ld/", atomic_load(&seen));
    nh_request *r = request_to("GET", url);
    nh_error_free(must_fail(c, r, NH_ERR_TIMEOUT, TIMED_OUT));
    nh_request_free(r);
    return NULL;
}

static void stalled_dial(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && !bind(fd, (struct sockaddr *)&a, len) && !listen(fd, 16));
    CHECK_INT(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    atomic_store(&seen, ntohs(a.sin_port));
    nh_client *c = nh_client_new();
    CHECK_INT(nh_client_set_timeout(c, short_ms()), NH_OK);
    CHECK_INT(nh_client_set_max_conns_per_host(c, 1), NH_OK);
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&t[i], NULL, times_out, c), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    nh_client_free(c);
    close(fd);
}

/* ---- the waits between tries: the first comes at once, the second after a second, which is not awaited here
 */

static void *fire(void *token) {
    while (atomic_load(&seen) < 0)
        origin_sleep(1);
    nh_cancel_token_fire(token);
    return NULL;
}

static void backoff(void) {
    nh_client *c = start(refuses);
    CHECK_INT(nh_client_set_timeout(c, short_ms()), NH_OK);
    must_fail_get(c, NH_ERR_TIMEOUT, TIMED_OUT);
    CHECK_INT(atomic_load(&seen), 0);
    CHECK_INT(atomic_load(&connections), 1);
    nh_client_free(c);

    c = start(goes_away);
    CHECK_INT(nh_client_set_timeout(c, short_ms()), NH_OK);
    must_fail_get(c, NH_ERR_TIMEOUT, TIMED_OUT);
    CHECK_INT(atomic_load(&seen), 0);
    CHECK_INT(atomic_load(&connections), 2);
    nh_client_free(c);

    c = start(refuses);
    nh_request *r = new_request("GET");
    nh_cancel_token *token = nh_cancel_token_new();
    pthread_t t;
    CHECK_INT(nh_request_set_cancel(r, token), NH_OK);
    CHECK_INT(pthread_create(&t, NULL, fire, token), 0);
    nh_error_free(must_fail(c, r, NH_ERR_CANCELED, "canceled"));
    pthread_join(t, NULL);
    CHECK_INT(atomic_load(&connections), 1);
    nh_cancel_token_free(token);
    nh_request_free(r);
    nh_client_free(c);
}

/* ---- after a fork */

static void keeps_one(int fd) {
    put_setting(fd, 0, 0);
    uint32_t open = next_request(fd);
    put_headers(fd, open, 0, "200", NULL);
    put_ok(fd, next_request(fd));
    put_ok(fd, next_request(fd));
    put_data(fd, open, 1, "late");
    go_on(fd);
}

static void forked(void) {
    nh_client *c = start(keeps_one);
    nh_request *r = new_request("GET");
    nh_response *open = send_it(c, r);
    int status = 0;
    must_get(c, "ok");
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        char buf[8];
        size_t n;
        nh_response *res = NULL;
        alarm(30);
        CHECK_ERR(NH_ERR_FORKED, nh_response_body_read(open, buf, sizeof buf, &n, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_client_do(c, r, &res, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_client_close_idle(c));
        nh_response_body_close(open);
        nh_response_free(open);
        nh_request_free(r);
        nh_client_free(c);
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
    /* The child has ended nothing of the parent's. */
    must_get(c, "ok");
    must_read(open, "late");
    CHECK_INT(atomic_load(&connections), 1);
    nh_response_free(open);
    nh_request_free(r);
    nh_client_free(c);
}

/* ---- clients that end while requests go on */

enum { THREADS = 8, ROUNDS = 40 };

static void slowly(int fd) {
    put_setting(fd, 0, 0);
    for (uint32_t id; (id = next_request(fd)) != 0;) {
        put_headers(fd, id, 0, "200", NULL);
        put_data(fd, id, 0, "o");
        put_data(fd, id, 1, "k");
    }
}

static _Atomic int going;

static void *asks(void *c) {
    for (int i = 0; i < ROUNDS; i++)
        must_get(c, "ok");
    atomic_fetch_sub(&going, 1);
    return NULL;
}

static void closed_meanwhile(void) {
    nh_client *c = start(slowly);
    pthread_t t[THREADS];
    atomic_store(&going, THREADS);
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&t[i], NULL, asks, c), 0);
    while (atomic_load(&going) > 0) {
        CHECK_INT(nh_client_close_idle(c), NH_OK);
        origin_sleep(1);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    nh_client_free(c);
}

/* Answers only when the client that asked is gone. */
static void when_freed(int fd) {
    put_setting(fd, 0, 0);
    uint32_t id = next_request(fd);
    put_headers(fd, id, 0, "200", NULL);
    while (atomic_load(&seen) < 0)
        origin_sleep(1);
    put_data(fd, id, 1, "ok");
    next_request(fd);
    atomic_store(&seen, 2);
}

static void *reads(void *res) {
    must_read(res, "ok");
    return NULL;
}

/* A response outlives its client, and the connection ends with it. */
static void freed_meanwhile(void) {
    nh_client *c = start(when_freed);
    nh_request *r = new_request("GET");
    nh_response *res = send_it(c, r);
    pthread_t t;
    CHECK_INT(pthread_create(&t, NULL, reads, res), 0);
    nh_request_free(r);
    nh_client_free(c);
    atomic_store(&seen, 0);
    pthread_join(t, NULL);
    while (atomic_load(&seen) != 2)
        origin_sleep(1);
    nh_response_free(res);
}

int main(void) {
    origin_serve(serve_script);
    timeouts();
    stalled_dial();
    backoff();
    forked();
    closed_meanwhile();
    freed_meanwhile();
    return 0;
}
