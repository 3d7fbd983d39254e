/* The server through the C API: each function with each pointer as NULL, and each error that it lists. */
#include "nethttp.h"
#include "check.h"
#include "wait.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int frees;

static void count_free(void *userdata) {
    (void)userdata;
    __atomic_add_fetch(&frees, 1, __ATOMIC_SEQ_CST);
}

static int dial(nh_server *s) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a;
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons((uint16_t)nh_server_port(s, 0));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
    return fd;
}

static void say(int fd, const char *text) {
    CHECK_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Sends a request, reads to the end of the connection and returns what came. */
static const char *talk(nh_server *s, const char *request) {
    static char buf[65536];
    size_t have = 0;
    ssize_t n;
    int fd = dial(s);
    say(fd, request);
    shutdown(fd, SHUT_WR);
    while (have < sizeof buf - 1 && (n = recv(fd, buf + have, sizeof buf - 1 - have, 0)) > 0)
        have += (size_t)n;
    buf[have] = 0;
    close(fd);
    return buf;
}

static int has(const char *text, const char *part) {
    if (strstr(text, part)) return 1;
    fprintf(stderr, "no \"%s\" in:\n%s\n", part, text);
    return 0;
}

/* ---- handlers; a CHECK in them ends the program like any other */

static nh_server *the_server;

static void writer_errors(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_header(w, "a b", "v"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_header(w, "A", "v\r\nB: c"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_header(w, NULL, "v"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_header(w, "A", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_header(NULL, "A", "v"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_add_header(w, "A\n", "v"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_add_header(NULL, "A", "v"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_del_header(w, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_del_header(NULL, "A"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_trailer(w, "A", "\x01"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_trailer(NULL, "A", "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write_header(w, 99));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write_header(w, 1000));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write_header(w, -1));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write_header(NULL, 200));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write(w, NULL, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write(NULL, "x", 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write_str(w, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write_str(NULL, "x", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_flush(NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_abort(NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_full_duplex(NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_write_timeout(NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_write_timeout(w, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_respond(NULL, 200, NULL, NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_respond(w, 200, NULL, NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_respond(w, 100, NULL, "", 0));
    CHECK_ERR(NH_ERR_INVALID, nh_respond(w, 200, "a\nb", "", 0));
    CHECK_INT(nh_response_writer_status(NULL), 0);
    CHECK_INT(nh_response_writer_written(NULL), 0);
    CHECK_INT(nh_response_writer_status(w), 0);
    nh_response_writer_set_header(w, "Content-Length", "3");
    nh_response_writer_set_header(w, "X-Gone", "x");
    CHECK_INT(nh_response_writer_del_header(w, "x-gone"), NH_OK);
    CHECK_INT(nh_response_writer_add_header(w, "X-Two", "1"), NH_OK);
    CHECK_INT(nh_response_writer_add_header(w, "X-Two", "2"), NH_OK);
    CHECK_INT(nh_response_writer_write_header(w, 201), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_response_writer_write_header(w, 202));
    CHECK_ERR(NH_ERR_STATE, nh_respond(w, 202, NULL, "x", 1));
    CHECK_ERR(NH_ERR_BODY_LENGTH, nh_response_writer_write(w, "abcd", 4, NULL));
    CHECK_ERR(NH_ERR_BODY_LENGTH, nh_response_writer_write_str(w, "abcd", NULL));
    CHECK_INT(nh_response_writer_write_str(w, "abc", NULL), NH_OK);
    CHECK_INT(nh_response_writer_status(w), 201);
    CHECK_INT(nh_response_writer_written(w), 3);
}

static void no_body(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_error *err = NULL;
    CHECK_INT(nh_response_writer_write_header(w, 204), NH_OK);
    CHECK_ERR(NH_ERR_BODY_NOT_ALLOWED, nh_response_writer_write(w, "x", 1, &err));
    CHECK_STR(nh_error_message(err), "http: request method or response status code does not allow body");
    nh_error_free(err);
    CHECK_ERR(NH_ERR_BODY_NOT_ALLOWED, nh_response_writer_write_str(w, "x", NULL));
}

static void respond_no_body(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    CHECK_ERR(NH_ERR_BODY_NOT_ALLOWED, nh_respond(w, 304, NULL, "x", 1));
}

static void request_getters(nh_response_writer *w, nh_request *r, void *userdata) {
    char buf[64];
    size_t len;
    const char *name, *value;
    CHECK_STR((const char *)userdata, "data");
    CHECK_STR(nh_request_method(r), "PUT");
    CHECK_STR(nh_request_uri(r), "/get%41/x?a=1&b=%00z&c");
    CHECK_STR(nh_request_url(r), "/get%41/x?a=1&b=%00z&c");
    CHECK_STR(nh_request_host(r), "h:1");
    CHECK_STR(nh_request_raw_query(r), "a=1&b=%00z&c");
    CHECK_STR(nh_request_path(r, &len), "/getA/x");
    CHECK_INT(len, 7);
    CHECK_STR(nh_request_query_value(r, "a", &len), "1");
    CHECK(nh_request_query_value(r, "b", &len) && len == 2);
    CHECK_STR(nh_request_query_value(r, "none", &len), NULL);
    CHECK_STR(nh_request_header_value(r, "x-VAL"), "v w");
    CHECK_STR(nh_request_header_value(r, "x-empty"), "");
    CHECK_STR(nh_request_header_value(r, "none"), NULL);
    CHECK_INT(nh_request_header_count(r), 3);
    CHECK_INT(nh_request_header_at(r, 1, &name, &value), NH_OK);
    CHECK_STR(name, "X-Val");
    CHECK_STR(value, "v w");
    CHECK_ERR(NH_ERR_NOT_FOUND, nh_request_header_at(r, 3, &name, &value));
    CHECK_ERR(NH_ERR_INVALID, nh_request_header_at(r, 0, NULL, &value));
    CHECK_ERR(NH_ERR_INVALID, nh_request_header_at(r, 0, &name, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_header_at(NULL, 0, &name, &value));
    CHECK_INT(nh_request_content_length(r), -1);
    CHECK_INT(nh_request_proto(r), 11);
    CHECK_INT(nh_request_remote_addr(r, buf, sizeof buf, &len), NH_OK);
    CHECK(!strncmp(buf, "127.0.0.1:", 10) && strlen(buf) == len);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_request_remote_addr(r, buf, 3, &len));
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_request_remote_addr(r, NULL, 0, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_request_remote_addr(r, buf, sizeof buf, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_remote_addr(NULL, buf, sizeof buf, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_request_body_read(NULL, buf, sizeof buf, &len, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_body_read(r, NULL, sizeof buf, &len, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_body_read(r, buf, 0, &len, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_body_read(r, buf, sizeof buf, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_limit(NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_limit(r, -1));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_read_timeout(NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_read_timeout(r, -2));
    CHECK_STR(nh_request_trailer_value(r, "x-sum"), NULL);
    CHECK_INT(nh_request_body_read(r, buf, sizeof buf, &len, NULL), NH_OK);
    CHECK(len == 3 && !memcmp(buf, "abc", 3));
    CHECK_INT(nh_request_body_read(r, buf, sizeof buf, &len, NULL), NH_OK);
    CHECK_INT(len, 0);
    CHECK_STR(nh_request_trailer_value(r, "x-sum"), "3");
    CHECK_STR(nh_request_trailer_value(r, NULL), NULL);
    CHECK(!nh_request_method(NULL) && !nh_request_uri(NULL) && !nh_request_host(NULL));
    CHECK(!nh_request_raw_query(NULL) && !nh_request_path(NULL, &len) && !nh_request_path(r, NULL));
    CHECK(!nh_request_query_value(NULL, "a", &len) && !nh_request_query_value(r, NULL, &len));
    CHECK(!nh_request_query_value(r, "a", NULL) && !nh_request_header_value(NULL, "a"));
    CHECK(!nh_request_header_value(r, NULL) && !nh_request_header_count(NULL));
    CHECK(!nh_request_content_length(NULL) && !nh_request_proto(NULL) && !nh_request_is_client_gone(NULL));
    nh_respond(w, 200, "text/plain", "fine", 4);
}

/* Reads the body and tells in the answer how it ended. */
static void body_end(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char buf[100], answer[32];
    size_t len;
    nh_result res;
    if (nh_request_header_value(r, "X-Limit")) nh_request_set_body_limit(r, 2);
    if (nh_request_header_value(r, "X-Time")) nh_request_set_read_timeout(r, 30);
    while ((res = nh_request_body_read(r, buf, sizeof buf, &len, NULL)) == NH_OK && len > 0) {
    }
    if (nh_request_header_value(r, "X-Limit"))
        CHECK_ERR(NH_ERR_TOO_LARGE, nh_request_body_read(r, buf, sizeof buf, &len, NULL));
    if (nh_request_header_value(r, "X-Time"))
        CHECK_ERR(NH_ERR_TIMEOUT, nh_request_body_read(r, buf, sizeof buf, &len, NULL));
    if (nh_request_header_value(r, "X-Cut"))
        CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_request_body_read(r, buf, sizeof buf, &len, NULL));
    if (nh_request_header_value(r, "X-Bad"))
        CHECK_ERR(NH_ERR_PROTOCOL, nh_request_body_read(r, buf, sizeof buf, &len, NULL));
    if (nh_request_header_value(r, "X-Reset"))
        CHECK_ERR(NH_ERR_IO, nh_request_body_read(r, buf, sizeof buf, &len, NULL));
    snprintf(answer, sizeof answer, "end %d", (int)res);
    nh_response_writer_set_header(w, "Connection", "close");
    nh_response_writer_write_str(w, answer, NULL);
}

static int gone_done;

/* The peer leaves: writes fail sooner or later, and go on failing. */
static void peer_gone(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    static char block[65536];
    while (!nh_request_is_client_gone(r))
        usleep(1000);
    while (nh_response_writer_write(w, block, sizeof block, NULL) == NH_OK) {
    }
    CHECK_ERR(NH_ERR_IO, nh_response_writer_write(w, block, sizeof block, NULL));
    CHECK_ERR(NH_ERR_IO, nh_response_writer_write_str(w, "more", NULL));
    CHECK_ERR(NH_ERR_IO, nh_response_writer_flush(w, NULL));
    __atomic_add_fetch(&gone_done, 1, __ATOMIC_SEQ_CST);
}

static void peer_gone_1xx(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    while (!nh_request_is_client_gone(r))
        usleep(1000);
    while (nh_response_writer_write_header(w, 103) == NH_OK)
        usleep(100);
    CHECK_ERR(NH_ERR_IO, nh_response_writer_write_header(w, 103));
    static char block[65536];
    CHECK_ERR(NH_ERR_IO, nh_respond(w, 200, NULL, block, sizeof block));
    __atomic_add_fetch(&gone_done, 1, __ATOMIC_SEQ_CST);
}

/* The peer does not read: writes end by their time. */
static void peer_stuck(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r;
    static char block[1 << 20];
    nh_response_writer_set_write_timeout(w, 50);
    if (userdata) {
        while (nh_response_writer_write(w, block, sizeof block, NULL) == NH_OK) {
        }
        CHECK_ERR(NH_ERR_TIMEOUT, nh_response_writer_write(w, block, sizeof block, NULL));
        CHECK_ERR(NH_ERR_TIMEOUT, nh_response_writer_write_str(w, "x", NULL));
        CHECK_ERR(NH_ERR_TIMEOUT, nh_response_writer_flush(w, NULL));
    } else {
        static char huge[64 << 20];
        CHECK_ERR(NH_ERR_TIMEOUT, nh_respond(w, 200, NULL, huge, sizeof huge));
    }
    __atomic_add_fetch(&gone_done, 1, __ATOMIC_SEQ_CST);
}

static void inside(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    CHECK_ERR(NH_ERR_WOULD_DEADLOCK, nh_server_run(the_server, NULL));
    CHECK_ERR(NH_ERR_WOULD_DEADLOCK, nh_server_shutdown(the_server, 0, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_shards(the_server, 1));
    nh_response_writer_write_str(w, "inside", NULL);
}

static void hold(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    usleep(200 * 1000);
    nh_response_writer_write_str(w, "held", NULL);
}

static int hooked, released;

static void until_released(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    await(&released, 1);
    nh_response_writer_write_str(w, "released", NULL);
}

static void hook(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w, (void)r, (void)userdata;
    __atomic_add_fetch(&hooked, 1, __ATOMIC_SEQ_CST);
}

/* ---- tests */

static void bad_arguments(void) {
    nh_server *s = nh_server_new();
    nh_error *err = NULL;
    char buf[64];
    size_t len;
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(NULL, "/", hold, NULL, count_free, &err));
    CHECK(err && nh_error_code(err) == NH_ERR_INVALID);
    nh_error_free(err);
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(s, NULL, hold, NULL, count_free, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(s, "/", NULL, NULL, count_free, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(s, "", hold, NULL, count_free, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(s, "nopath", hold, NULL, count_free, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(s, "/{id", hold, NULL, count_free, NULL));
    CHECK_INT(frees, 6);
    CHECK_INT(nh_server_handle(s, "/x", hold, NULL, count_free, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(s, "/x", hold, NULL, count_free, NULL));
    CHECK_INT(frees, 7);
    nh_mux *m = nh_mux_new();
    CHECK_ERR(NH_ERR_INVALID, nh_mux_handle(NULL, "/", hold, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_mux_handle(m, NULL, hold, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_mux_handle(m, "/", NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_mux_handle(m, "GET", hold, NULL, NULL, NULL));
    nh_mux_free(m);
    nh_mux_free(NULL);
    CHECK(nh_default_mux() && nh_default_mux() == nh_default_mux());
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_request_hook(NULL, hook, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_request_hook(s, NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_blocking(NULL, "/x", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_blocking(s, NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_blocking(s, "/x", 2));
    CHECK_ERR(NH_ERR_NOT_FOUND, nh_server_set_blocking(s, "/y", 1));
    CHECK_INT(nh_server_set_blocking(s, "/x", 1), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen(NULL, ":0", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen(s, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen(s, "no port", NULL));
    CHECK_ERR(NH_ERR_DNS, nh_server_listen(s, "nobody.invalid:0", NULL));
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_addr(s, 0, buf, sizeof buf, &len), NH_OK);
    CHECK_ERR(NH_ERR_CONNECT, nh_server_listen(s, buf, NULL));
    CHECK_ERR(NH_ERR_CONNECT, nh_listen_and_serve(buf, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_listen_and_serve(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_DNS, nh_listen_and_serve("nobody.invalid:0", NULL, NULL));
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_server_addr(s, 0, buf, 2, &len));
    CHECK_ERR(NH_ERR_NOT_FOUND, nh_server_addr(s, 9, buf, sizeof buf, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_server_addr(NULL, 0, buf, sizeof buf, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_server_addr(s, 0, buf, sizeof buf, NULL));
    CHECK_INT(nh_server_port(NULL, 0), 0);
    CHECK_INT(nh_server_port(s, 9), 0);
    CHECK_ERR(NH_ERR_INVALID, nh_server_start(NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_run(NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_shutdown(NULL, 0, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_shutdown(s, -2, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_close(NULL));
    CHECK_INT(nh_server_connections(NULL), 0);
    nh_server_request_stop(NULL);
    nh_server_free(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_read_header_timeout(s, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_read_timeout(s, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_write_timeout(s, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_idle_timeout(s, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_read_progress_timeout(s, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_write_progress_timeout(s, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_shards(s, 1025));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_max_handlers(s, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_max_queue(s, (1 << 20) + 1));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_max_header_bytes(s, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_max_header_fields(s, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_max_header_fields(s, 65537));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_queue_timeout(s, NH_TIMEOUT_NONE));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_max_body_bytes(s, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_keep_alive(s, 2));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_lame_duck(s, NH_TIMEOUT_NONE));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_reuse_port(s, 2));
    CHECK_ERR(NH_ERR_INVALID, nh_server_use_go_defaults(NULL));
    nh_server_free(s);
    CHECK_INT(frees, 8);
}

static void states(void) {
    nh_server *s = nh_server_new();
    CHECK_ERR(NH_ERR_STATE, nh_server_start(s, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_server_run(s, NULL));
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    struct rlimit old, none;
    getrlimit(RLIMIT_NOFILE, &old);
    none = old;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    nh_error *err = NULL;
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_server_start(s, &err));
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_server_run(s, NULL));
    setrlimit(RLIMIT_NOFILE, &old);
    CHECK(strstr(nh_error_message(err), "too many open files"));
    nh_error_free(err);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_server_start(s, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_request_hook(s, hook, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_read_header_timeout(s, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_read_timeout(s, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_write_timeout(s, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_idle_timeout(s, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_read_progress_timeout(s, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_write_progress_timeout(s, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_shards(s, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_max_handlers(s, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_max_queue(s, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_max_header_bytes(s, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_max_header_fields(s, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_queue_timeout(s, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_max_body_bytes(s, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_use_go_defaults(s));
    CHECK_INT(nh_server_shutdown(s, 10000, NULL), NH_OK);
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_listen(s, "127.0.0.1:0", NULL));
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_run(s, NULL));
    CHECK_INT(nh_server_close(s), NH_OK);
    nh_server_free(s);
    s = nh_server_new();
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_close(s), NH_OK);
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_start(s, NULL));
    nh_server_free(s);
}

static void after_fork(void) {
    nh_server *s = nh_server_new();
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    pid_t pid = fork();
    if (pid == 0) {
        char buf[64];
        size_t len;
        CHECK_ERR(NH_ERR_FORKED, nh_server_handle(s, "/f", hold, NULL, NULL, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_request_hook(s, hook, NULL, NULL, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_blocking(s, "/f", 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_listen(s, "127.0.0.1:0", NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_server_addr(s, 0, buf, sizeof buf, &len));
        CHECK_ERR(NH_ERR_FORKED, nh_server_start(s, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_server_run(s, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_server_shutdown(s, 0, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_server_close(s));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_read_header_timeout(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_read_timeout(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_write_timeout(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_idle_timeout(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_read_progress_timeout(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_write_progress_timeout(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_shards(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_max_handlers(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_max_queue(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_max_header_bytes(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_max_header_fields(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_queue_timeout(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_max_body_bytes(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_keep_alive(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_lame_duck(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_set_reuse_port(s, 1));
        CHECK_ERR(NH_ERR_FORKED, nh_server_use_go_defaults(s));
        nh_server_request_stop(s);
        CHECK_ERR(NH_ERR_FORKED, nh_server_wait(s, 0, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_server_free_timeout(s, 0, NULL));
        nh_server *own = nh_server_new();
        CHECK_INT(nh_server_handle(own, "/hold", hold, NULL, NULL, NULL), NH_OK);
        CHECK_INT(nh_server_listen(own, "127.0.0.1:0", NULL), NH_OK);
        CHECK_INT(nh_server_start(own, NULL), NH_OK);
        CHECK(has(talk(own, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"), "held"));
        nh_server_free(own);
        /* Not _exit: what only the parent's threads could free is no leak, and a leak checker does not follow
         * here. */
        execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
        _exit(1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(has(talk(s, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "404 page not found"));
    nh_server_free(s);
}

/* A peer that resets, or that never reads. */
static void vanish(nh_server *s, const char *request) {
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    int fd = dial(s), before = current(&hooked);
    say(fd, request);
    /* Not sooner: a reset loses what the server has not read yet. */
    await(&hooked, before + 1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
}

static void exchanges(void) {
    static const struct {
        const char *pattern;
        nh_handler_fn handler;
        const char *data;
    } routes[] = {{"/writer", writer_errors, NULL},   {"/nobody", no_body, NULL},
                  {"/304", respond_no_body, NULL},    {"/getA/", request_getters, "data"},
                  {"/end", body_end, NULL},           {"/gone", peer_gone, NULL},
                  {"/gone1xx", peer_gone_1xx, NULL},  {"/stuck", peer_stuck, NULL},
                  {"/stuck2", peer_stuck, "x"},       {"/inside", inside, NULL},
                  {"/released", until_released, NULL}};
    nh_server *s = the_server = nh_server_new();
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        CHECK_INT(
            nh_server_handle(s, routes[i].pattern, routes[i].handler, (void *)routes[i].data, NULL, NULL),
            NH_OK);
    CHECK_INT(nh_server_set_request_hook(s, hook, NULL, count_free, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    const char *got = talk(s, "GET /writer HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(has(got, "HTTP/1.1 201 Created\r\n") && has(got, "X-Two: 1\r\nX-Two: 2\r\n") &&
          has(got, "\r\n\r\nabc"));
    CHECK(!strstr(got, "X-Gone"));
    got = talk(s, "GET /nobody HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(has(got, "HTTP/1.1 204 No Content\r\n") && !strstr(got, "Content-Length"));
    CHECK(has(talk(s, "GET /304 HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 304 Not Modified\r\n"));
    CHECK(has(talk(s, "PUT /get%41/x?a=1&b=%00z&c HTTP/1.1\r\nHost: h:1\r\nX-Val:  v w \r\nX-Empty:\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n"),
              "fine"));
    CHECK(has(talk(s, "GET /inside HTTP/1.1\r\nHost: h\r\n\r\n"), "inside"));
    CHECK(has(talk(s, "POST /end HTTP/1.1\r\nHost: h\r\nX-Limit: 1\r\nContent-Length: 3\r\n\r\nabc"),
              "end -61"));
    CHECK(
        has(talk(s, "POST /end HTTP/1.1\r\nHost: h\r\nX-Cut: 1\r\nContent-Length: 9\r\n\r\nabc"), "end -43"));
    CHECK(has(talk(s, "POST /end HTTP/1.1\r\nHost: h\r\nX-Bad: 1\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n"),
              "end -60"));
    int fd = dial(s);
    char buf[1024];
    say(fd, "POST /end HTTP/1.1\r\nHost: h\r\nX-Time: 1\r\nContent-Length: 9\r\n\r\nabc");
    ssize_t n = recv(fd, buf, sizeof buf - 1, 0);
    CHECK(n > 0);
    close(fd);
    vanish(s, "POST /end HTTP/1.1\r\nHost: h\r\nX-Reset: 1\r\nContent-Length: 9\r\n\r\nabc");
    vanish(s, "GET /gone HTTP/1.1\r\nHost: h\r\n\r\n");
    vanish(s, "GET /gone1xx HTTP/1.1\r\nHost: h\r\n\r\n");
    await(&gone_done, 2);
    int deaf = dial(s), deaf2 = dial(s);
    say(deaf, "GET /stuck HTTP/1.1\r\nHost: h\r\n\r\n");
    say(deaf2, "GET /stuck2 HTTP/1.1\r\nHost: h\r\n\r\n");
    await(&gone_done, 4);
    close(deaf);
    close(deaf2);
    CHECK(__atomic_load_n(&hooked, __ATOMIC_SEQ_CST) >= 10);
    fd = dial(s);
    int before = current(&hooked);
    say(fd, "GET /released HTTP/1.1\r\nHost: h\r\n\r\n");
    await(&hooked, before + 1);
    CHECK_ERR(NH_ERR_TIMEOUT, nh_server_shutdown(s, 1, NULL));
    CHECK(nh_server_connections(s) >= 1);
    add(&released);
    CHECK_INT(nh_server_shutdown(s, 30000, NULL), NH_OK);
    n = recv(fd, buf, sizeof buf - 1, 0);
    CHECK(n > 0);
    buf[n] = 0;
    CHECK(has(buf, "\r\n\r\nreleased") && has(buf, "Connection: close"));
    close(fd);
    CHECK_INT(nh_server_connections(s), 0);
    before = frees;
    nh_server_free(s);
    CHECK_INT(frees, before + 1);
}

static void *stop_soon(void *s) {
    usleep(30 * 1000);
    raise(SIGUSR1);
    return s;
}

static void on_signal(int sig) {
    (void)sig;
    nh_server_request_stop(the_server);
}

static void stop_by_signal(void) {
    pthread_t t;
    nh_server *s = the_server = nh_server_new_with_mux(NULL);
    signal(SIGUSR1, on_signal);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK(pthread_create(&t, NULL, stop_soon, NULL) == 0);
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_run(s, NULL));
    pthread_join(t, NULL);
    nh_server_free(s);
}

/* A server that stops serves on for its lame-duck period, and tells so; an idle connection meets no end. */
static void lame_duck(void) {
    char buf[1024];
    nh_server *s = nh_server_new(), *beside = nh_server_new();
    CHECK_INT(nh_server_handle(s, "/hold", hold, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_set_lame_duck(s, brief_ms(600)), NH_OK);
    CHECK_INT(nh_server_set_reuse_port(s, 1), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    /* The port may be shared, but only with those who share theirs. */
    snprintf(buf, sizeof buf, "127.0.0.1:%d", (int)nh_server_port(s, 0));
    CHECK_ERR(NH_ERR_CONNECT, nh_server_listen(beside, buf, NULL));
    CHECK_INT(nh_server_set_reuse_port(beside, 1), NH_OK);
    CHECK_INT(nh_server_listen(beside, buf, NULL), NH_OK);
    nh_server_free(beside);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    int idle = dial(s);
    say(idle, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    ssize_t n = recv(idle, buf, sizeof buf - 1, 0);
    CHECK(n > 0);
    buf[n] = 0;
    CHECK(!strstr(buf, "Connection: close"));
    nh_server_request_stop(s);
    for (int i = 0; i < 1000 && !strstr(talk(s, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "Connection: close");
         i++)
        pause_ms(1);
    CHECK(has(talk(s, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"), "Connection: close"));
    say(idle, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    n = recv(idle, buf, sizeof buf - 1, 0);
    CHECK(n > 0);
    buf[n] = 0;
    CHECK(has(buf, "404 Not Found") && has(buf, "Connection: close"));
    close(idle);
    idle = dial(s);
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_run(s, NULL));
    CHECK_INT(nh_server_connections(s), 0);
    close(idle);
    nh_server_free(s);
}

static void settings_work(void) {
    nh_mux *m = nh_mux_new();
    CHECK_INT(nh_mux_handle(m, "/end", body_end, NULL, NULL, NULL), NH_OK);
    nh_server *s = nh_server_new_with_mux(m);
    nh_mux_free(m);
    CHECK_INT(nh_server_use_go_defaults(s), NH_OK);
    CHECK_INT(nh_server_set_read_header_timeout(s, brief_ms(50)), NH_OK);
    CHECK_INT(nh_server_set_read_timeout(s, 5000), NH_OK);
    CHECK_INT(nh_server_set_write_timeout(s, NH_TIMEOUT_NONE), NH_OK);
    CHECK_INT(nh_server_set_idle_timeout(s, brief_ms(50)), NH_OK);
    CHECK_INT(nh_server_set_read_progress_timeout(s, brief_ms(50)), NH_OK);
    CHECK_INT(nh_server_set_write_progress_timeout(s, 5000), NH_OK);
    CHECK_INT(nh_server_set_shards(s, 1), NH_OK);
    CHECK_INT(nh_server_set_max_handlers(s, 2), NH_OK);
    CHECK_INT(nh_server_set_max_queue(s, 4), NH_OK);
    CHECK_INT(nh_server_set_queue_timeout(s, 1000), NH_OK);
    CHECK_INT(nh_server_set_max_header_bytes(s, 100), NH_OK);
    CHECK_INT(nh_server_set_max_body_bytes(s, 5), NH_OK);
    CHECK_INT(nh_server_set_keep_alive(s, 1), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    CHECK(has(talk(s, "POST /end HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabcdef"), "end -61"));
    char buf[1024];
    int fd = dial(s); /* silent: the head's time, from the start */
    CHECK_INT(recv(fd, buf, sizeof buf, 0), 0);
    close(fd);
    fd = dial(s);
    say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(recv(fd, buf, sizeof buf, 0) > 0);
    CHECK_INT(recv(fd, buf, sizeof buf, 0), 0); /* idle */
    close(fd);
    nh_server_free(s);
}

int main(void) {
    signal(SIGPIPE, SIG_DFL);
    bad_arguments();
    states();
    after_fork();
    exchanges();
    stop_by_signal();
    lame_duck();
    settings_work();
    puts("server: ok");
    return 0;
}
