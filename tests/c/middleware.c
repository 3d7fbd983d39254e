/* Handlers with a time, with a bound on bodies, and for those who have a password. */
#include "check.h"
#include "nethttp.h"
#include "serve.h"

#include <pthread.h>

static nh_server *server;
static char buf[1 << 20];
static int freed;

/* A gate: handlers wait until it is opened, and say when they are through. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int open_gate, waiting, through;

static void count_free(void *userdata) { ++*(int *)userdata; }

static void pass_gate(void) {
    pthread_mutex_lock(&lock);
    waiting++;
    pthread_cond_broadcast(&changed);
    while (!open_gate)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static int value_of(const int *what) {
    pthread_mutex_lock(&lock);
    int value = *what;
    pthread_mutex_unlock(&lock);
    return value;
}

static void tell(int *what) {
    pthread_mutex_lock(&lock);
    ++*what;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void await(const int *what, int count) {
    pthread_mutex_lock(&lock);
    while (*what < count)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static const char *talk(int fd, const char *head) {
    raw_send(fd, head);
    raw_send(fd, "\r\nHost: h\r\nConnection: close\r\n\r\n");
    raw_finish(fd, buf, sizeof buf);
    return buf;
}

static const char *ask(const char *head) { return talk(raw_connect(nh_server_port(server, 0)), head); }

static void has(const char *head, const char *part) {
    if (!strstr(ask(head), part)) fprintf(stderr, "%s gave\n%.2000s\n", head, buf);
    CHECK(strstr(buf, part) != NULL);
}

/* ---- handlers */

/* In time unless the gate is closed. */
static void slow(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_error *err = NULL;
    (void)userdata;
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_response_writer_set_full_duplex(w));
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_response_writer_set_write_timeout(w, 1000));
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_response_writer_flush(w, NULL));
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_response_writer_write_header(w, 103));
    CHECK_INT(nh_response_writer_set_header(w, "X-Slow", "yes"), NH_OK);
    CHECK_INT(nh_response_writer_write_header(w, 201), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_response_writer_write_header(w, 202));
    CHECK_INT(nh_response_writer_write_str(w, "before ", NULL), NH_OK);
    pass_gate();
    nh_result result = nh_response_writer_write_str(w, "after", &err);
    if (strstr(nh_request_uri(r), "late")) {
        CHECK_INT(result, NH_ERR_TIMEOUT);
        CHECK_STR(nh_error_message(err), "http: Handler timeout");
        CHECK_ERR(NH_ERR_TIMEOUT, nh_response_writer_write(w, "x", 1, NULL));
        CHECK_ERR(NH_ERR_TIMEOUT, nh_response_writer_write_str(w, "x", NULL));
        CHECK_ERR(NH_ERR_TIMEOUT, nh_response_writer_write_header(w, 200));
        /* The request is still there. */
        CHECK(strstr(nh_request_uri(r), "/late") != NULL);
        tell(&through);
    } else {
        CHECK_INT(result, NH_OK);
    }
    nh_error_free(err);
}

/* Middleware before a timeout: its header is sent with either answer, and it sees the status. */
static void before(nh_response_writer *w, nh_request *r, void *next) {
    CHECK_INT(nh_response_writer_set_header(w, "X-Before", "yes"), NH_OK);
    CHECK_INT(nh_response_writer_set_header(w, "X-Slow", "no"), NH_OK);
    CHECK_INT(nh_handler_serve(next, w, r), NH_OK);
    CHECK_INT(nh_response_writer_status(w), strstr(nh_request_uri(r), "late") ? 503 : 201);
    CHECK_INT(nh_response_writer_written(w), strstr(nh_request_uri(r), "late") ? 5 : 12);
}

static void aborts(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_write_str(w, "lost", NULL);
    nh_response_writer_abort(w);
}

static void nothing(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w, (void)r, (void)userdata;
}

static void reads(nh_response_writer *w, nh_request *r, void *userdata) {
    char body[100];
    size_t n = 1, all = 0;
    nh_result result = NH_OK;
    (void)userdata;
    while (result == NH_OK && n > 0) {
        result = nh_request_body_read(r, body, sizeof body, &n, NULL);
        all += n;
    }
    snprintf(body, sizeof body, "%d %zu", (int)result, all);
    nh_response_writer_write_str(w, body, NULL);
}

static int32_t knows(const char *username, size_t username_len, const char *password, size_t password_len,
                     void *userdata) {
    ++*(int *)userdata;
    CHECK(strlen(username) == username_len && strlen(password) == password_len);
    return !strcmp(username, "Aladdin") && !strcmp(password, "open sesame");
}

static void hello(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r;
    nh_response_writer_write_str(w, userdata, NULL);
}

/* Registers a handler, and gives up what it was made of. */
static void handle(const char *pattern, nh_handler *h, nh_handler *inner) {
    CHECK(h != NULL);
    CHECK_INT(nh_server_handle_handler(server, pattern, h, NULL), NH_OK);
    nh_handler_free(h);
    nh_handler_free(inner);
}

static nh_handler *of(nh_handler_fn fn) { return nh_handler_new(fn, NULL, NULL); }

static void timeouts(void) {
    has("GET /slow HTTP/1.1", "HTTP/1.1 201 Created\r\n");
    CHECK(strstr(buf, "X-Slow: yes\r\n") && strstr(buf, "X-Before: yes\r\n") && !strstr(buf, "X-Slow: no"));
    CHECK(strstr(buf, "\r\n\r\nbefore after") != NULL);
    has("GET /nothing HTTP/1.1", "HTTP/1.1 200 OK\r\n");
    CHECK_STR(ask("GET /aborts HTTP/1.1"), "");
    has("GET /page HTTP/1.1", "\r\n\r\n<html><head><title>Timeout</title></head>");
    CHECK(strstr(buf, "HTTP/1.1 503 Service Unavailable\r\n") &&
          strstr(buf, "Content-Type: text/html; charset=utf-8\r\n"));

    /* The answer comes while the handler waits, behind one that was gathered before it. */
    pthread_mutex_lock(&lock);
    open_gate = waiting = through = 0;
    pthread_mutex_unlock(&lock);
    int fd = raw_connect(nh_server_port(server, 0));
    size_t len = 0;
    raw_send(fd, "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\nGET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    do {
        ssize_t n = recv(fd, buf + len, sizeof buf - 1 - len, 0);
        CHECK(n > 0);
        len += (size_t)n;
        buf[len] = 0;
    } while (!strstr(buf, "late!"));
    const char *late = strstr(buf, "HTTP/1.1 503 Service Unavailable\r\n");
    CHECK(late && strstr(buf, "HTTP/1.1 200 OK\r\n") == buf);
    CHECK(strstr(late, "X-Before: yes\r\n") && strstr(late, "X-Slow: no\r\n") &&
          strstr(late, "Content-Length: 5\r\n"));
    CHECK(strstr(late, "Connection: close\r\n") && strstr(late, "Date: ") && !strstr(late, "before"));
    CHECK_INT(value_of(&waiting), 1);
    CHECK_INT(value_of(&through), 0);
    /* Others are served meanwhile. */
    has("GET /nothing HTTP/1.1", "HTTP/1.1 200 OK\r\n");
    int head = raw_connect(nh_server_port(server, 0));
    raw_send(head, "HEAD /late HTTP/1.0\r\n\r\n");
    for (len = 0; len < 4 || strcmp(buf + len - 4, "\r\n\r\n") != 0; buf[len] = 0) {
        ssize_t n = recv(head, buf + len, sizeof buf - 1 - len, 0);
        CHECK(n > 0);
        len += (size_t)n;
    }
    CHECK(strstr(buf, "HTTP/1.0 503 Service Unavailable\r\n") == buf);
    CHECK_INT(value_of(&waiting), 2);
    tell(&open_gate);
    await(&through, 2);
    raw_finish(fd, buf, sizeof buf);
    CHECK_STR(buf, "");
    raw_finish(head, buf, sizeof buf);
    CHECK_STR(buf, "");
}

int main(void) {
    int asked = 0;
    server = nh_server_new();
    nh_handler *h = of(slow), *late = nh_timeout_handler(h, 60000, "late!");
    nh_handler *wraps = nh_handler_new(before, late, NULL);
    CHECK(nh_timeout_handler(NULL, 1, "") == NULL && nh_timeout_handler(h, -2, "") == NULL);
    CHECK(nh_max_bytes_handler(NULL, 1) == NULL && nh_max_bytes_handler(h, -1) == NULL);
    CHECK(nh_basic_auth_handler(NULL, "r", knows, &freed, count_free) == NULL);
    CHECK(nh_basic_auth_handler(h, NULL, knows, &freed, count_free) == NULL);
    CHECK(nh_basic_auth_handler(h, "r", NULL, &freed, count_free) == NULL);
    CHECK(nh_basic_auth_handler(h, "a\nb", knows, &freed, count_free) == NULL);
    CHECK_INT(freed, 4);
    nh_handler *soon = nh_timeout_handler(h, 20, "late!"), *in_time = nh_handler_new(before, soon, NULL);
    handle("/slow", wraps, NULL);
    handle("/late", in_time, NULL);
    nh_handler_free(h);
    h = of(nothing);
    handle("/nothing", nh_timeout_handler(h, NH_TIMEOUT_NONE, NULL), NULL);
    handle("/none/", nh_timeout_handler(h, 60000, NULL), NULL);
    handle("/page", nh_timeout_handler(h, 0, NULL), h);
    h = of(aborts);
    handle("/aborts", nh_timeout_handler(h, 60000, ""), h);
    h = of(reads);
    nh_handler *more = nh_max_bytes_handler(h, 1000);
    handle("/bytes", nh_max_bytes_handler(more, 10), h);
    nh_handler_free(more);
    h = nh_handler_new(hello, "secret", NULL);
    handle("/auth", nh_basic_auth_handler(h, "a \"b\"", knows, &asked, NULL), h);
    CHECK_INT(nh_server_listen(server, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(server, NULL), NH_OK);

    open_gate = 1;
    timeouts();

    int fd = raw_connect(nh_server_port(server, 0));
    raw_send(fd, "POST /bytes HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\n123456789012");
    raw_finish(fd, buf, sizeof buf);
    CHECK(strstr(buf, "\r\n\r\n-61 10") && strstr(buf, "Connection: close\r\n"));

    has("GET /auth HTTP/1.1", "HTTP/1.1 401 Unauthorized\r\n");
    CHECK(strstr(buf, "WWW-Authenticate: Basic realm=\"a \\\"b\\\"\", charset=\"UTF-8\"\r\n") != NULL);
    CHECK_INT(asked, 0);
    has("GET /auth HTTP/1.1\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "\r\n\r\nsecret");
    has("GET /auth HTTP/1.1\r\nAuthorization: Basic QWxhZGRpbjpvcGVu", "HTTP/1.1 401 ");
    CHECK_INT(asked, 2);
    nh_server_free(server);
    nh_handler_free(late);
    nh_handler_free(soon);
    return 0;
}
