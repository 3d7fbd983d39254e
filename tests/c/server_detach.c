/* Answers given later, requests that are asked for, connections that are taken over, values on the way. */
#include "serve.h"
#include "wait.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- a place where handlers leave what others are to answer */

static struct {
    pthread_mutex_t lock;
    nh_response_writer *w[64];
    nh_request *r[64];
    int count;
} left = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void leave(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    pthread_mutex_lock(&left.lock);
    CHECK_INT(nh_response_writer_detach(w), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_response_writer_detach(w));
    left.w[left.count] = w;
    left.r[left.count] = r;
    left.count++;
    pthread_mutex_unlock(&left.lock);
}

static nh_response_writer *take(nh_request **r) {
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&left.lock);
        if (left.count > 0) {
            nh_response_writer *w = left.w[--left.count];
            if (r) *r = left.r[left.count];
            pthread_mutex_unlock(&left.lock);
            return w;
        }
        pthread_mutex_unlock(&left.lock);
        pause_ms(5);
    }
    CHECK(!"nothing was left");
    return NULL;
}

static int values_freed;
static void count_value(void *p) {
    (void)p;
    __atomic_add_fetch(&values_freed, 1, __ATOMIC_SEQ_CST);
}

/* Answers at once, from the handler's own thread, but detached. */
static void early(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    CHECK_INT(nh_response_writer_detach(w), NH_OK);
    CHECK_INT(nh_respond(w, 200, "text/plain", "early", 5), NH_OK);
    nh_response_writer_free(w);
}

static void drop(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    CHECK_INT(nh_response_writer_detach(w), NH_OK);
    nh_response_writer_free(w);
}

static void hello(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_free(w); /* not detached: left alone */
    CHECK_INT(nh_respond(w, 200, "text/plain", "hello", 5), NH_OK);
}

/* ---- taken over: an echo after the answer's head, which ends with the peer's end */

static const char switched[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n";

static void switch_over(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_conn *conn = NULL, *again = NULL;
    char buf[256];
    size_t n = 0;
    CHECK(userdata == NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_hijack(w, NULL, NULL));
    if (nh_request_query_value(r, "write", &n))
        CHECK_INT(nh_response_writer_write_str(w, "written ", NULL), NH_OK);
    nh_result code = nh_response_writer_hijack(w, &conn, NULL);
    if (code == NH_ERR_STATE) {
        CHECK_ERR(NH_ERR_STATE, nh_response_writer_hijack(w, &conn, NULL));
        CHECK_INT(nh_respond(w, 409, "text/plain", "more requests", 13), NH_OK);
        return;
    }
    CHECK_INT(code, NH_OK);
    CHECK_ERR(NH_ERR_CLOSED, nh_response_writer_hijack(w, &again, NULL));
    CHECK_INT(nh_response_writer_write(w, "x", 1, NULL), NH_ERR_CLOSED);
    if (!nh_request_query_value(r, "write", &n))
        CHECK_INT(nh_conn_write(conn, switched, sizeof switched - 1, NULL), NH_OK);
    while (nh_conn_read(conn, buf, sizeof buf, &n, NULL) == NH_OK && n > 0)
        CHECK_INT(nh_conn_write(conn, buf, n, NULL), NH_OK);
    nh_conn_free(conn);
}

/* ---- what stands against taking over */

static int reading;

static void *read_body(void *r) {
    char buf[16];
    size_t n;
    __atomic_store_n(&reading, 1, __ATOMIC_SEQ_CST);
    nh_request_body_read(r, buf, sizeof buf, &n, NULL);
    return NULL;
}

static void refused(nh_response_writer *w, nh_request *r, void *userdata) {
    static char much[1 << 16];
    struct rlimit old, none;
    nh_conn *conn = NULL;
    pthread_t t;
    (void)userdata;
    if (!strcmp(nh_request_method(r), "POST")) {
        CHECK_INT(pthread_create(&t, NULL, read_body, r), 0);
        while (!__atomic_load_n(&reading, __ATOMIC_SEQ_CST))
            pause_ms(1);
        pause_ms(brief_ms(50)); /* until it waits for the body */
        CHECK_ERR(NH_ERR_BUSY, nh_response_writer_hijack(w, &conn, NULL));
        CHECK_INT(pthread_join(t, NULL), 0);
        CHECK_INT(nh_respond(w, 200, "text/plain", "busy", 4), NH_OK);
        return;
    }
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 3;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_response_writer_hijack(w, &conn, NULL));
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
    while (nh_response_writer_write(w, much, sizeof much, NULL) == NH_OK) {
    }
    CHECK_ERR(NH_ERR_IO, nh_response_writer_hijack(w, &conn, NULL));
    CHECK(conn == NULL);
    __atomic_store_n(&reading, 2, __ATOMIC_SEQ_CST);
}

/* ---- values */

static void inner(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    const char *who = nh_request_value(r, "who");
    CHECK(!nh_request_value(r, "nobody"));
    CHECK_STR(nh_request_value(r, "base"), "of all");
    CHECK(nh_request_conn_id(r) > 0);
    CHECK_INT(nh_request_conn_id(NULL), 0);
    CHECK_INT(nh_respond(w, 200, "text/plain", who, strlen(who)), NH_OK);
}

static nh_handler *within;

static void outer(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    CHECK_INT(nh_request_set_value(r, "who", "first", count_value), NH_OK);
    CHECK_INT(nh_request_set_value(r, "who", "somebody", count_value), NH_OK);
    CHECK_INT(nh_request_set_value(r, "gone", "x", count_value), NH_OK);
    CHECK_INT(nh_request_set_value(r, "gone", NULL, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_value(NULL, "who", "x", count_value));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_value(r, NULL, "x", count_value));
    CHECK_INT(nh_handler_serve(within, w, r), NH_OK);
}

static void wrapped(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_response_writer *over = NULL;
    (void)r, (void)userdata;
    CHECK_INT(nh_response_writer_wrap(w, NULL, NULL, NULL, NULL, NULL, &over), NH_OK);
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_response_writer_detach(over));
    nh_response_writer_free(over);
    CHECK_INT(nh_respond(w, 200, "text/plain", "wrapped", 7), NH_OK);
}

static void timed(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_conn *conn = NULL;
    (void)r, (void)userdata;
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_response_writer_hijack(w, &conn, NULL));
    CHECK_INT(nh_respond(w, 200, "text/plain", "timed", 5), NH_OK);
}

/* ---- clients that go */

static int gone, gone_freed, gone_set;
static void is_gone(void *p) {
    CHECK(p == &gone);
    __atomic_add_fetch(&gone, 1, __ATOMIC_SEQ_CST);
}
static void free_gone(void *p) {
    CHECK(p == &gone);
    __atomic_add_fetch(&gone_freed, 1, __ATOMIC_SEQ_CST);
}

static void waits_for_it(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_cancel_token *token = NULL;
    struct rlimit old, none;
    (void)userdata;
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_gone_callback(NULL, is_gone, &gone, free_gone, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_cancel_token(NULL, &token, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_cancel_token(r, NULL, NULL));
    if (strstr(nh_request_uri(r), "first")) {
        CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
        none = old;
        none.rlim_cur = 3;
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
        CHECK_ERR(NH_ERR_NO_RESOURCES, nh_request_set_gone_callback(r, is_gone, &gone, free_gone, NULL));
        CHECK_ERR(NH_ERR_NO_RESOURCES, nh_request_cancel_token(r, &token, NULL));
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
    }
    CHECK_INT(nh_request_set_gone_callback(r, is_gone, &gone, free_gone, NULL), NH_OK);
    if (strstr(nh_request_uri(r), "stays")) {
        CHECK_INT(nh_respond(w, 200, "text/plain", "stays", 5), NH_OK);
        return;
    }
    if (strstr(nh_request_uri(r), "token")) {
        CHECK_INT(nh_request_cancel_token(r, &token, NULL), NH_OK);
        while (!nh_cancel_token_is_fired(token))
            pause_ms(1);
        nh_cancel_token_free(token);
        __atomic_add_fetch(&gone, 100, __ATOMIC_SEQ_CST);
        return;
    }
    add(&gone_set);
    while (current(&gone) == 0)
        pause_ms(1);
}

/* ---- the server, and a client that says what it is told */

static int base_freed, hijacked_seen;
static uint64_t last_id;
static void count_base(void *p) {
    (void)p;
    __atomic_add_fetch(&base_freed, 1, __ATOMIC_SEQ_CST);
}

static void state_of(const nh_server_conn *c, int32_t state, void *userdata) {
    (void)userdata;
    if (state == NH_CONN_STATE_NEW) __atomic_store_n(&last_id, nh_server_conn_id(c), __ATOMIC_SEQ_CST);
    if (state == NH_CONN_STATE_HIJACKED) __atomic_add_fetch(&hijacked_seen, 1, __ATOMIC_SEQ_CST);
}

static nh_server *start(void) {
    static const struct {
        const char *pattern;
        nh_handler_fn fn;
    } routes[] = {{"/leave", leave},     {"/early", early},        {"/drop", drop},
                  {"/hello", hello},     {"/up", switch_over},     {"/values", outer},
                  {"/refused", refused}, {"/gone/", waits_for_it}, {"/wrapped", wrapped}};
    nh_server *s = nh_server_new();
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        CHECK_INT(nh_server_handle(s, routes[i].pattern, routes[i].fn, NULL, NULL, NULL), NH_OK);
    nh_handler *slow = nh_handler_new(timed, NULL, NULL);
    nh_handler *bounded = nh_timeout_handler(slow, 10000, "late");
    CHECK_INT(nh_server_handle_handler(s, "/timed", bounded, NULL), NH_OK);
    nh_handler_free(slow);
    nh_handler_free(bounded);
    CHECK_INT(nh_server_handle_pull(s, "/pull/", NULL), NH_OK);
    CHECK_INT(nh_server_set_base_value(s, "base", "replaced", count_base), NH_OK);
    CHECK_INT(nh_server_set_base_value(s, "base", "of all", count_base), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_base_value(s, "", "x", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_base_value(s, NULL, "x", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_base_value(NULL, "x", "x", NULL));
    CHECK_INT(nh_server_set_conn_state_callback(s, state_of, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_server_set_base_value(s, "late", "x", NULL));
    return s;
}

static char text[1 << 16];

static const char *ask(nh_server *s, const char *raw) {
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, raw);
    raw_finish(fd, text, sizeof text);
    return text;
}

static void *fetch(void *url) {
    nh_response *res = NULL;
    const void *data;
    size_t n;
    nh_result code = nh_get(url, &res, NULL);
    if (code == NH_OK) code = nh_response_body_read_all(res, 100, &data, &n, NULL);
    if (code == NH_OK) CHECK(n == 5 && !memcmp(data, "later", 5));
    nh_response_free(res);
    return (void *)(intptr_t)code;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define KEEP(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void answers_later(void) {
    nh_server *s = start();
    nh_response_writer *w;
    nh_request *r = NULL;
    pthread_t t[8];
    void *code;
    char url[128];
    snprintf(url, sizeof url, "%s", url_of(s, "/leave"));
    for (int i = 0; i < 8; i++)
        CHECK_INT(pthread_create(&t[i], NULL, fetch, url), 0);
    for (int i = 0; i < 8; i++) {
        w = take(&r);
        CHECK_STR(nh_request_method(r), "GET");
        CHECK_INT(nh_respond(w, 200, "text/plain", "later", 5), NH_OK);
        nh_response_writer_free(w);
    }
    for (int i = 0; i < 8; i++) {
        CHECK_INT(pthread_join(t[i], &code), 0);
        CHECK_INT((intptr_t)code, NH_OK);
    }
    /* Others are served meanwhile, and what was pipelined behind it comes after it, in order. */
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, KEEP("/hello") KEEP("/leave") KEEP("/hello") GET("/early"));
    w = take(NULL);
    CHECK(strstr(ask(s, GET("/hello")), "hello"));
    CHECK_INT(nh_respond(w, 200, "text/plain", "LATER", 5), NH_OK);
    nh_response_writer_free(w);
    raw_finish(fd, text, sizeof text);
    const char *one = strstr(text, "hello"), *two = one ? strstr(one, "LATER") : NULL;
    const char *three = two ? strstr(two, "hello") : NULL;
    CHECK(three && strstr(three, "early"));

    /* What is not answered is cut; a body may be read later, and streamed. */
    CHECK_STR(ask(s, GET("/drop")), "");
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "POST /leave HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nConnection: close\r\n\r\nabc");
    w = take(&r);
    raw_send(fd, "defghi");
    char buf[16];
    size_t at = 0, n = 1;
    while (n > 0) {
        CHECK_INT(nh_request_body_read(r, buf + at, sizeof buf - at, &n, NULL), NH_OK);
        CHECK_INT(nh_response_writer_write(w, buf + at, n, NULL), NH_OK);
        CHECK_INT(nh_response_writer_flush(w, NULL), NH_OK);
        at += n;
    }
    nh_response_writer_free(w);
    raw_finish(fd, text, sizeof text);
    CHECK(strstr(text, "Transfer-Encoding: chunked") && strstr(text, "0\r\n\r\n"));
    CHECK_INT(at, 9);

    /* A peer that is gone is the later writer's affair. */
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, GET("/leave"));
    w = take(&r);
    raw_reset(fd);
    while (!nh_request_is_client_gone(r))
        pause_ms(1);
    nh_respond(w, 200, "text/plain", "late", 4);
    nh_response_writer_free(w);

    CHECK(strstr(ask(s, GET("/wrapped")), "wrapped"));
    CHECK(strstr(ask(s, GET("/timed")), "timed"));
    CHECK(strstr(ask(s, GET("/values")), "somebody"));
    for (int i = 0; i < 500 && __atomic_load_n(&values_freed, __ATOMIC_SEQ_CST) < 5; i++)
        pause_ms(5);
    CHECK_INT(values_freed, 5);

    /* A shutdown waits for it. */
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, KEEP("/leave"));
    w = take(NULL);
    CHECK_INT(nh_server_shutdown(s, 30, NULL), NH_ERR_TIMEOUT);
    CHECK_INT(nh_respond(w, 200, "text/plain", "last", 4), NH_OK);
    nh_response_writer_free(w);
    CHECK_INT(nh_server_shutdown(s, 10000, NULL), NH_OK);
    raw_finish(fd, text, sizeof text);
    CHECK(strstr(text, "last") && strstr(text, "Connection: close"));
    nh_server_free(s);

    /* A server that is freed lets go of it. */
    s = start();
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, KEEP("/leave"));
    w = take(&r);
    nh_server_free(s);
    raw_finish(fd, text, sizeof text);
    CHECK_STR(text, "");
    CHECK_STR(nh_request_method(r), "GET");
    nh_respond(w, 200, "text/plain", "nobody", 6);
    nh_response_writer_free(w);
}

/* ---- asked for */

static void *worker(void *server) {
    nh_response_writer *w;
    nh_request *r;
    intptr_t served = 0;
    nh_result code;
    while ((code = nh_server_next(server, NH_TIMEOUT_NONE, &w, &r, NULL)) == NH_OK) {
        size_t n;
        const char *path = nh_request_path(r, &n);
        CHECK_INT(nh_respond(w, 200, "text/plain", path, n), NH_OK);
        nh_response_writer_free(w);
        served++;
    }
    CHECK_INT(code, NH_ERR_SERVER_CLOSED);
    CHECK(w == NULL && r == NULL);
    return (void *)served;
}

static void asked_for(void) {
    nh_server *s = start();
    nh_response_writer *w;
    nh_request *r;
    pthread_t t[3];
    void *served;
    intptr_t all = 0;
    CHECK_ERR(NH_ERR_TIMEOUT, nh_server_next(s, 20, &w, &r, NULL));
    for (int i = 0; i < 3; i++)
        CHECK_INT(pthread_create(&t[i], NULL, worker, s), 0);
    for (int i = 0; i < 50; i++)
        CHECK(strstr(ask(s, KEEP("/pull/a") KEEP("/hello") GET("/pull/b")), "/pull/b"));
    CHECK(strstr(ask(s, GET("/hello")), "hello"));
    CHECK_INT(nh_server_shutdown(s, 10000, NULL), NH_OK);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(pthread_join(t[i], &served), 0);
        all += (intptr_t)served;
    }
    CHECK_INT(all, 100);
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_next(s, NH_TIMEOUT_NONE, &w, &r, NULL));
    nh_server_free(s);

    /* What nobody has asked for ends with the server. */
    s = start();
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, KEEP("/pull/never"));
    raw_send(fd, KEEP("/hello"));
    CHECK(strstr(ask(s, GET("/hello")), "hello"));
    nh_server_free(s);
    raw_finish(fd, text, sizeof text);
    CHECK_STR(text, "");

    CHECK_ERR(NH_ERR_INVALID, nh_server_next(NULL, 1, &w, &r, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle_pull(NULL, "/x", NULL));
    s = nh_server_new();
    CHECK_ERR(NH_ERR_INVALID, nh_server_next(s, 1, NULL, &r, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_next(s, 1, &w, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_next(s, -5, &w, &r, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle_pull(s, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle_pull(s, "x/{", NULL));
    nh_server_free(s);
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_detach(NULL));
    nh_conn *conn;
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_hijack(NULL, &conn, NULL));
    CHECK(!nh_request_value(NULL, "x"));
}

/* ---- taken over */

static int stopping, freed;
static nh_conn *kept;

static void on_shutdown(void *p) {
    CHECK(p == &stopping);
    __atomic_add_fetch(&stopping, 1, __ATOMIC_SEQ_CST);
    nh_conn_free(__atomic_load_n(&kept, __ATOMIC_SEQ_CST));
}
static void free_shutdown(void *p) { __atomic_add_fetch(&freed, p == &stopping, __ATOMIC_SEQ_CST); }

static void keep_it(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_conn *conn = NULL;
    (void)r, (void)userdata;
    CHECK_INT(nh_response_writer_hijack(w, &conn, NULL), NH_OK);
    __atomic_store_n(&kept, conn, __ATOMIC_SEQ_CST);
}

static void taken_over(void) {
    nh_server *s = start();
    CHECK_INT(nh_server_handle(s, "/keep", keep_it, NULL, NULL, NULL), NH_OK);
    /* The bytes that came behind the head are there. */
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst ");
    raw_send(fd, "second");
    pause_ms(20);
    shutdown(fd, SHUT_WR);
    raw_finish(fd, text, sizeof text);
    CHECK(strstr(text, "101 Switching") && strstr(text, "\r\n\r\nfirst second"));
    /* What was written goes out before. */
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "POST /up?write=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n1234");
    shutdown(fd, SHUT_WR);
    raw_finish(fd, text, sizeof text);
    CHECK(strstr(text, "HTTP/1.1 200 OK\r\n") && strstr(text, "written "));
    /* More requests, and no word of another protocol: they would be lost. */
    CHECK(strstr(ask(s, KEEP("/up") GET("/hello")), "409"));

    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\nConnection: close\r\n\r\n");
    pause_ms(brief_ms(150)); /* the handler has been refused */
    raw_send(fd, "body");
    shutdown(fd, SHUT_WR);
    raw_finish(fd, text, sizeof text);
    CHECK(strstr(text, "busy"));
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, GET("/refused"));
    CHECK_INT(recv(fd, text, 1, 0), 1);
    raw_reset(fd);
    while (__atomic_load_n(&reading, __ATOMIC_SEQ_CST) != 2)
        pause_ms(1);

    /* A shutdown waits for it, and tells. */
    CHECK_INT(nh_server_on_shutdown(s, on_shutdown, &stopping, free_shutdown), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_server_on_shutdown(s, NULL, &stopping, free_shutdown));
    CHECK_ERR(NH_ERR_INVALID, nh_server_on_shutdown(NULL, on_shutdown, &stopping, free_shutdown));
    CHECK_INT(__atomic_load_n(&freed, __ATOMIC_SEQ_CST), 2);
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, KEEP("/keep"));
    while (!__atomic_load_n(&kept, __ATOMIC_SEQ_CST))
        pause_ms(1);
    CHECK_INT(nh_server_shutdown(s, 10000, NULL), NH_OK);
    CHECK_INT(__atomic_load_n(&stopping, __ATOMIC_SEQ_CST), 1);
    CHECK_INT(__atomic_load_n(&hijacked_seen, __ATOMIC_SEQ_CST), 3);
    raw_finish(fd, text, sizeof text);
    CHECK_STR(text, "");
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_on_shutdown(s, on_shutdown, &stopping, free_shutdown));
    nh_server_free(s);
    CHECK_INT(__atomic_load_n(&freed, __ATOMIC_SEQ_CST), 4);
}

static void clients_go(void) {
    nh_server *s = start();
    nh_request *r = NULL;
    nh_cancel_token *token = NULL;
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, KEEP("/gone/first"));
    await(&gone_set, 1);
    raw_reset(fd);
    await(&gone, 1);
    await(&gone_freed, 3); /* two were refused */
    CHECK(strstr(ask(s, GET("/gone/stays")), "stays"));
    await(&gone_freed, 5);
    CHECK_INT(gone, 1);
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, KEEP("/gone/token"));
    pause_ms(20);
    close(fd);
    await(&gone, 101);
    await(&gone_freed, 7);
    nh_server_free(s);

    CHECK_INT(nh_request_new("GET", "http://a/", &r, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_request_set_gone_callback(r, is_gone, &gone, free_gone, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_request_cancel_token(r, &token, NULL));
    CHECK_INT(nh_request_set_value(r, "x", "y", NULL), NH_ERR_INVALID);
    nh_request_free(r);
    CHECK(token == NULL);
}

static nh_result one_request(void *userdata, void *buf, size_t cap, size_t *n_out) {
    const char **left = userdata;
    size_t n = strlen(*left);
    CHECK(n <= cap);
    memcpy(buf, *left, n);
    *left += n;
    *n_out = n;
    return NH_OK;
}

static void nobody_watches_a_stream(void) {
    const char *left = KEEP("/x");
    nh_reader *reader = NULL;
    nh_request *r = NULL;
    nh_cancel_token *token = NULL;
    CHECK_INT(nh_reader_new(one_request, &left, NULL, &reader), NH_OK);
    CHECK_INT(nh_read_request(reader, &r, NULL), NH_OK);
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_request_set_gone_callback(r, is_gone, &gone, free_gone, NULL));
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_request_cancel_token(r, &token, NULL));
    nh_request_free(r);
    nh_reader_free(reader);
}

static void forked(void) {
    nh_server *s = start();
    nh_response_writer *w;
    nh_request *r;
    int status;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK_ERR(NH_ERR_FORKED, nh_server_next(s, 1, &w, &r, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_server_handle_pull(s, "/x", NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_server_on_shutdown(s, on_shutdown, NULL, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_base_value(s, "x", "y", NULL));
        /* Not _exit: what only the parent's threads could free is no leak. */
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    nh_server_free(s);
}

int main(void) {
    within = nh_handler_new(inner, NULL, NULL);
    answers_later();
    asked_for();
    taken_over();
    clients_go();
    nobody_watches_a_stream();
    forked();
    nh_handler_free(within);
    CHECK(base_freed > 4 && base_freed % 2 == 0);
    return 0;
}
