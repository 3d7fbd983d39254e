/* What a server's functions refuse, and when: states, limits, broken requests, peers that are gone. */
#include "check.h"
#include "nethttp.h"
#include "serve.h"
#include "wait.h"

#include <sys/resource.h>

static nh_server *server;
static char text[65536];
static int begun, done, over, freed;

/* What the last handler has found; read after it is done. */
static void finished(void) {
    await(&done, 1);
    __atomic_store_n(&done, 0, __ATOMIC_SEQ_CST);
}

/* A reset loses what the server has not read yet, so that no handler might begin. */
static void reset_when_begun(int fd) {
    await(&begun, 1);
    __atomic_store_n(&begun, 0, __ATOMIC_SEQ_CST);
    raw_reset(fd);
}

static void count_free(void *userdata) { ++*(int *)userdata; }

static void handler(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w;
    (void)r;
    (void)userdata;
}

/* The body until it ends or breaks. */
static nh_result drain(nh_request *r) {
    size_t n = 1;
    nh_result result = NH_OK;
    while (result == NH_OK && n > 0)
        result = nh_request_body_read(r, text, sizeof text, &n, NULL);
    return result;
}

static void accessors(nh_response_writer *w, nh_request *r, void *userdata) {
    const char *name = NULL, *value = NULL;
    size_t n = 0;
    (void)userdata;
    CHECK_ERR(NH_ERR_NOT_FOUND, nh_request_header_at(r, 1000, &name, &value));
    CHECK_ERR(NH_ERR_INVALID, nh_request_header_at(r, 0, NULL, &value));
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_request_remote_addr(r, text, 2, &n));
    CHECK_ERR(NH_ERR_INVALID, nh_request_remote_addr(r, text, sizeof text, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_body_read(r, text, 0, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_limit(r, -1));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_read_timeout(r, -2));
    CHECK_ERR(NH_ERR_WOULD_DEADLOCK, nh_server_run(server, NULL));
    CHECK_ERR(NH_ERR_WOULD_DEADLOCK, nh_server_shutdown(server, NH_TIMEOUT_NONE, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_header(w, "a b", "c"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_header(w, "a", "c\r\nd: e"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_add_header(w, "a", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_del_header(w, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_trailer(w, NULL, "x"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write_header(w, 99));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write_header(w, 1000));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write(w, NULL, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write_str(w, NULL, NULL));
    CHECK_INT(nh_response_writer_set_header(w, "Content-Length", "3"), NH_OK);
    CHECK_INT(nh_response_writer_write_header(w, 200), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_response_writer_write_header(w, 404));
    CHECK_ERR(NH_ERR_STATE, nh_respond(w, 200, NULL, "x", 1));
    CHECK_ERR(NH_ERR_BODY_LENGTH, nh_response_writer_write(w, "four", 4, NULL));
    CHECK_ERR(NH_ERR_BODY_LENGTH, nh_response_writer_write_str(w, "four", NULL));
    CHECK_INT(nh_response_writer_write(w, "abc", 3, NULL), NH_OK);
    add(&done);
}

static void no_body(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r;
    (void)userdata;
    CHECK_ERR(NH_ERR_BODY_NOT_ALLOWED, nh_respond(w, 204, NULL, "x", 1));
    add(&done);
}

static void no_body_written(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r;
    (void)userdata;
    CHECK_INT(nh_response_writer_write_header(w, 304), NH_OK);
    CHECK_ERR(NH_ERR_BODY_NOT_ALLOWED, nh_response_writer_write(w, "x", 1, NULL));
    CHECK_ERR(NH_ERR_BODY_NOT_ALLOWED, nh_response_writer_write_str(w, "x", NULL));
    add(&done);
}

static void body(nh_response_writer *w, nh_request *r, void *userdata) {
    const char *want = nh_request_query_value(r, "want", &(size_t){0});
    nh_error *err = NULL;
    size_t n = 0;
    nh_result result = NH_OK;
    (void)w;
    (void)userdata;
    CHECK(want != NULL);
    if (strcmp(want, "large") == 0) {
        CHECK_INT(nh_request_set_body_limit(r, 4), NH_OK);
        CHECK_ERR(NH_ERR_TOO_LARGE, drain(r));
        CHECK_ERR(NH_ERR_TOO_LARGE, nh_request_body_read(r, text, sizeof text, &n, &err));
    } else if (strcmp(want, "timeout") == 0) {
        CHECK_INT(nh_request_set_read_timeout(r, 50), NH_OK);
        CHECK_ERR(NH_ERR_TIMEOUT, drain(r));
        CHECK_ERR(NH_ERR_TIMEOUT, nh_request_body_read(r, text, sizeof text, &n, &err));
        CHECK_INT(nh_error_is_timeout(err), 1);
    } else if (strcmp(want, "protocol") == 0) {
        CHECK_ERR(NH_ERR_PROTOCOL, drain(r));
        CHECK_ERR(NH_ERR_PROTOCOL, nh_request_body_read(r, text, sizeof text, &n, &err));
    } else if (strcmp(want, "eof") == 0) {
        CHECK_ERR(NH_ERR_UNEXPECTED_EOF, drain(r));
        CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_request_body_read(r, text, sizeof text, &n, &err));
    } else {
        add(&begun);
        result = drain(r);
        CHECK_INT(result, NH_ERR_IO);
        CHECK_ERR(NH_ERR_IO, nh_request_body_read(r, text, sizeof text, &n, &err));
    }
    CHECK_INT(n, 0);
    CHECK(err != NULL);
    nh_error_free(err);
    add(&done);
}

/* Writes until it fails: the peer is gone, or does not read. */
static void gone(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_result result = NH_OK;
    (void)r;
    (void)userdata;
    add(&begun);
    while (result == NH_OK) {
        result = nh_response_writer_write(w, text, sizeof text, NULL);
        if (result == NH_OK) result = nh_response_writer_flush(w, NULL);
    }
    CHECK_INT(result, NH_ERR_IO);
    CHECK_ERR(NH_ERR_IO, nh_response_writer_write(w, text, sizeof text, NULL));
    CHECK_ERR(NH_ERR_IO, nh_response_writer_write_str(w, "x", NULL));
    CHECK_ERR(NH_ERR_IO, nh_response_writer_flush(w, NULL));
    add(&done);
}

static void slow(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_result result = NH_OK;
    (void)r;
    (void)userdata;
    CHECK_INT(nh_response_writer_set_write_timeout(w, 50), NH_OK);
    while (result == NH_OK)
        result = nh_response_writer_write(w, text, sizeof text, NULL);
    CHECK_INT(result, NH_ERR_TIMEOUT);
    CHECK_ERR(NH_ERR_TIMEOUT, nh_response_writer_write(w, text, sizeof text, NULL));
    CHECK_ERR(NH_ERR_TIMEOUT, nh_response_writer_write_str(w, "x", NULL));
    CHECK_ERR(NH_ERR_TIMEOUT, nh_response_writer_flush(w, NULL));
    add(&done);
}

static void asleep(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w;
    (void)r;
    (void)userdata;
    add(&done);
    await(&over, 1);
}

static void exchange(const char *request) {
    int fd = raw_connect(nh_server_port(server, 0));
    raw_send(fd, request);
    raw_finish(fd, text, sizeof text);
    finished();
}

static void refused(const char *request) {
    int fd = raw_connect(nh_server_port(server, 0));
    raw_send(fd, request);
    raw_finish(fd, text, sizeof text);
    CHECK(!strncmp(text, "HTTP/1.1 400 ", 13));
}

#define HEAD(path) path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"

static void requests(void) {
    int fd;
    exchange("GET " HEAD("/accessors") "\r\n");
    CHECK(strstr(text, "\r\n\r\nabc") != NULL);
    exchange("\r\nGET " HEAD("/accessors") "\r\n"); /* RFC 9112, 2.2 */
    CHECK(strstr(text, "\r\n\r\nabc") != NULL);
    refused("\r\n\r\nGET " HEAD("/accessors") "\r\n");
    refused("\rGET " HEAD("/accessors") "\r\n");
    refused("GET " HEAD("http:///accessors") "\r\n"); /* RFC 9110, 4.2.1 */
    exchange("GET " HEAD("/no-body") "\r\n");
    exchange("GET " HEAD("/no-body-written") "\r\n");
    exchange("POST " HEAD("/body?want=large") "Content-Length: 5\r\n\r\n12345");
    exchange("POST " HEAD("/body?want=timeout") "Content-Length: 5\r\n\r\n1");
    exchange("POST " HEAD("/body?want=protocol") "Transfer-Encoding: chunked\r\n\r\nzz\r\n");

    fd = raw_connect(nh_server_port(server, 0));
    raw_send(fd, "POST " HEAD("/body?want=eof") "Content-Length: 5\r\n\r\n1");
    CHECK(shutdown(fd, SHUT_WR) == 0);
    raw_finish(fd, text, sizeof text);
    finished();

    fd = raw_connect(nh_server_port(server, 0));
    raw_send(fd, "POST " HEAD("/body?want=io") "Content-Length: 5\r\n\r\n1");
    reset_when_begun(fd);
    finished();

    fd = raw_connect(nh_server_port(server, 0));
    raw_send(fd, "GET " HEAD("/gone") "\r\n");
    reset_when_begun(fd);
    finished();

    fd = raw_connect(nh_server_port(server, 0));
    raw_send(fd, "GET " HEAD("/slow") "\r\n");
    finished();
    close(fd);
}

/* A request that is to be sent is not one that was received. */
static void outbound(void) {
    nh_request *r = NULL;
    size_t n = 0;
    CHECK_INT(nh_request_new("", "http://h/", &r, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_request_remote_addr(r, text, sizeof text, &n));
    CHECK_ERR(NH_ERR_STATE, nh_request_body_read(r, text, sizeof text, &n, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_request_set_body_limit(r, 1));
    CHECK_ERR(NH_ERR_STATE, nh_request_set_read_timeout(r, 1));
    nh_request_free(r);
}

static void listening(void) {
    size_t n = 0;
    nh_error *err = NULL;
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen(server, "no port", NULL));
    CHECK_ERR(NH_ERR_DNS, nh_server_listen(server, "host.invalid:0", NULL));
    CHECK_INT(nh_server_listen(server, "127.0.0.1:0", &err), NH_OK);
    CHECK(err == NULL);
    snprintf(text, sizeof text, "127.0.0.1:%d", (int)nh_server_port(server, 0));
    CHECK_ERR(NH_ERR_CONNECT, nh_server_listen(server, text, &err));
    CHECK_INT(nh_error_phase(err), NH_PHASE_LISTEN);
    nh_error_free(err);
    CHECK_ERR(NH_ERR_CONNECT, nh_listen_and_serve(text, NULL, NULL));
    CHECK_ERR(NH_ERR_DNS, nh_listen_and_serve("host.invalid:0", NULL, NULL));
    CHECK_ERR(NH_ERR_NOT_FOUND, nh_server_addr(server, 9, text, sizeof text, &n));
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_server_addr(server, 0, text, 3, &n));
    CHECK_ERR(NH_ERR_NOT_FOUND, nh_server_set_blocking(server, "/nowhere", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_blocking(server, "/nowhere", 2));
}

static void patterns(void) {
    nh_mux *mux = nh_mux_new();
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(server, "/{name", handler, &freed, count_free, NULL));
    CHECK_INT(freed, 1);
    CHECK_ERR(NH_ERR_INVALID, nh_mux_handle(mux, "/{name}/{name}", handler, &freed, count_free, NULL));
    CHECK_INT(freed, 2);
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(server, "", handler, &freed, count_free, NULL));
    CHECK_INT(freed, 3);
    CHECK_INT(nh_mux_handle(mux, "/", handler, &freed, count_free, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_mux_handle(mux, "/", handler, &freed, count_free, NULL));
    CHECK_INT(freed, 4);
    nh_mux_free(mux);
    CHECK_INT(freed, 5);
    /* Nothing is bound yet. */
    CHECK_ERR(NH_ERR_STATE, nh_server_run(server, NULL));
}

static void started(void) {
    CHECK_ERR(NH_ERR_STATE, nh_server_set_request_hook(server, handler, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_server_start(server, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_read_header_timeout(server, 5));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_read_timeout(server, 5));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_write_timeout(server, 5));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_idle_timeout(server, 5));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_read_progress_timeout(server, 5));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_write_progress_timeout(server, 5));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_shards(server, 5));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_max_handlers(server, 5));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_max_queue(server, 5));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_max_header_bytes(server, 5));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_queue_timeout(server, 5));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_max_body_bytes(server, 5));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_general_options(server, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_lame_duck(server, 5));
    CHECK_ERR(NH_ERR_STATE, nh_server_set_reuse_port(server, 1));
    CHECK_ERR(NH_ERR_STATE, nh_server_use_go_defaults(server));
}

static void closed(void) {
    int fd = raw_connect(nh_server_port(server, 0));
    raw_send(fd, "GET " HEAD("/asleep") "\r\n");
    finished();
    CHECK_ERR(NH_ERR_TIMEOUT, nh_server_shutdown(server, 20, NULL));
    close(fd);
    CHECK_INT(nh_server_close(server), NH_OK);
    add(&over);
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_listen(server, "127.0.0.1:0", NULL));
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_start(server, NULL));
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_run(server, NULL));
    nh_server_free(server);
}

/* With one descriptor left a listener is bound, and no event loop can be made. */
static void exhausted(void) {
    struct rlimit old, few;
    nh_server *s = nh_server_new();
    int probe;
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    probe = dup(0);
    close(probe);
    CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
    few = old;
    few.rlim_cur = (rlim_t)probe;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_server_start(s, NULL));
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_server_run(s, NULL));
    few.rlim_cur = (rlim_t)probe + 1;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_listen_and_serve("127.0.0.1:0", NULL, NULL));
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
    nh_server_free(s);
}

int main(void) {
    static const struct {
        const char *pattern;
        nh_handler_fn fn;
    } routes[] = {{"/accessors", accessors}, {"/no-body", no_body}, {"/no-body-written", no_body_written},
                  {"/body", body},           {"/gone", gone},       {"/slow", slow},
                  {"/asleep", asleep}};
    size_t i;
    exhausted();
    server = nh_server_new();
    for (i = 0; i < sizeof routes / sizeof *routes; i++)
        CHECK_INT(nh_server_handle(server, routes[i].pattern, routes[i].fn, NULL, NULL, NULL), NH_OK);
    patterns();
    outbound();
    listening();
    CHECK_INT(nh_server_start(server, NULL), NH_OK);
    started();
    requests();
    closed();
    return 0;
}
