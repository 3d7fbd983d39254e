/* Handlers as values: nested muxes, middleware, wrapped writers, one handler for a whole server, matching. */
#include "check.h"
#include "nethttp.h"
#include "serve.h"

static nh_server *server;
static char buf[65536];
static int freed;

static void count_free(void *userdata) { ++*(int *)userdata; }

static const char *ask(const char *head) {
    int fd = raw_connect(nh_server_port(server, 0));
    char request[1024];
    snprintf(request, sizeof request, "%s\r\nHost: h.example:80\r\nConnection: close\r\n\r\n", head);
    raw_send(fd, request);
    raw_finish(fd, buf, sizeof buf);
    return buf;
}

static void has(const char *head, const char *part) {
    if (!strstr(ask(head), part)) fprintf(stderr, "%s gave\n%s\n", head, buf);
    CHECK(strstr(buf, part) != NULL);
}

/* Answers the pattern and two values. */
static void tell(nh_response_writer *w, nh_request *r, void *userdata) {
    static const char *const names[] = {"outer", "inner", "mine"};
    size_t len;
    (void)userdata;
    nh_response_writer_write_str(w, nh_request_pattern(r), NULL);
    for (int i = 0; i < 3; i++) {
        const char *value = nh_request_path_value(r, names[i], &len);
        nh_response_writer_write_str(w, "|", NULL);
        nh_response_writer_write_str(w, value ? value : "-", NULL);
    }
}

/* A handler that calls the next one between two marks, and leaves a value of its own behind. */
static void around(nh_response_writer *w, nh_request *r, void *next) {
    size_t len;
    CHECK(nh_request_path_value(r, "outer", &len) != NULL);
    CHECK_INT(nh_request_set_path_value(r, "mine", "kept", 4), NH_OK);
    nh_response_writer_write_str(w, "<", NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_handler_serve(NULL, w, r));
    CHECK_ERR(NH_ERR_INVALID, nh_handler_serve(next, NULL, r));
    CHECK_ERR(NH_ERR_INVALID, nh_handler_serve(next, w, NULL));
    CHECK_INT(nh_handler_serve(next, w, r), NH_OK);
    nh_response_writer_write_str(w, ">", NULL);
}

/* ---- wrapped writers */

static int headers, writes, flushes;

static nh_result teapot(nh_response_writer *inner, int32_t code, void *userdata) {
    (void)userdata;
    headers++;
    return nh_response_writer_write_header(inner, code == 404 ? 418 : code);
}

static nh_result shout(nh_response_writer *inner, const void *data, size_t len, void *userdata) {
    char loud[64];
    (void)userdata;
    writes++;
    if (len >= sizeof loud) return NH_ERR_TOO_LARGE;
    for (size_t i = 0; i < len; i++) {
        char c = ((const char *)data)[i];
        loud[i] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
    }
    return nh_response_writer_write(inner, loud, len, NULL);
}

static nh_result flushed(nh_response_writer *inner, void *userdata) {
    (void)userdata;
    flushes++;
    return nh_response_writer_flush(inner, NULL);
}

static nh_result own_code(nh_response_writer *inner, void *userdata) {
    (void)inner, (void)userdata;
    return 4711;
}

static void writes_much(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_error *err;
    char big[100];
    (void)r, (void)userdata;
    memset(big, 'x', sizeof big);
    CHECK_INT(nh_response_writer_set_header(w, "X-By", "inner"), NH_OK);
    CHECK_INT(nh_response_writer_set_full_duplex(w), NH_OK);
    CHECK_INT(nh_response_writer_set_write_timeout(w, 10000), NH_OK);
    CHECK_INT(nh_response_writer_status(w), 0);
    CHECK_INT(nh_response_writer_write_header(w, 404), NH_OK);
    CHECK_INT(nh_response_writer_write_str(w, "loud", NULL), NH_OK);
    CHECK_INT(nh_response_writer_flush(w, NULL), NH_OK);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_response_writer_write(w, big, sizeof big, &err));
    CHECK_STR(nh_error_message(err), "nethttp: the wrapped writer's function answered -61");
    nh_error_free(err);
    CHECK_INT(nh_response_writer_status(w), 404);
    CHECK_INT(nh_response_writer_written(w), 4);
}

static void wraps(nh_response_writer *w, nh_request *r, void *next) {
    nh_response_writer *once, *twice, *refusing;
    CHECK_ERR(NH_ERR_INVALID,
              nh_response_writer_wrap(NULL, teapot, shout, flushed, &freed, count_free, &once));
    CHECK(once == NULL && freed == 1);
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_wrap(w, teapot, shout, flushed, &freed, count_free, NULL));
    CHECK_INT(freed, 2);
    CHECK_INT(nh_response_writer_wrap(w, teapot, shout, flushed, &freed, count_free, &once), NH_OK);
    CHECK_INT(nh_response_writer_wrap(once, NULL, NULL, NULL, &freed, count_free, &twice), NH_OK);
    CHECK_INT(nh_response_writer_wrap(w, NULL, NULL, own_code, NULL, NULL, &refusing), NH_OK);
    CHECK_ERR(NH_ERR_ABORTED, nh_response_writer_flush(refusing, NULL));
    nh_response_writer_free(refusing);
    CHECK_INT(nh_handler_serve(next, twice, r), NH_OK);
    CHECK_INT(headers, 1);
    CHECK_INT(writes, 2);
    CHECK_INT(flushes, 1);
    CHECK_INT(nh_response_writer_status(twice), 404);
    CHECK_INT(nh_response_writer_status(w), 418);
    CHECK_INT(nh_response_writer_written(w), 4);
    nh_response_writer_free(twice);
    CHECK_INT(freed, 3);
    nh_response_writer_free(once);
    CHECK_INT(freed, 4);
    /* The handler's own is left alone. */
    nh_response_writer_free(w);
    nh_response_writer_write_str(w, ".", NULL);
}

static void aborts(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_response_writer *over;
    (void)r, (void)userdata;
    CHECK_INT(nh_response_writer_wrap(w, NULL, shout, NULL, NULL, NULL, &over), NH_OK);
    CHECK_INT(nh_response_writer_write_str(over, "lost", NULL), NH_OK);
    CHECK_INT(nh_response_writer_abort(over), NH_OK);
    nh_response_writer_free(over);
}

/* ---- matching */

static void matches(nh_mux *mux, const char *method, const char *url, const char *want) {
    nh_request *r;
    char pattern[64];
    size_t len;
    CHECK_INT(nh_request_new(method, url, &r, NULL), NH_OK);
    CHECK_INT(nh_mux_match(mux, r, NULL, pattern, sizeof pattern, &len), NH_OK);
    CHECK_STR(pattern, want);
    CHECK_INT(len, strlen(want));
    CHECK_STR(nh_request_pattern(r), "");
    nh_request_free(r);
}

static nh_result one_request(void *userdata, void *to, size_t cap, size_t *n_out) {
    const char **rest = userdata;
    *n_out = strlen(*rest) < cap ? strlen(*rest) : cap;
    memcpy(to, *rest, *n_out);
    *rest += *n_out;
    return NH_OK;
}

static void matching(void) {
    nh_mux *mux = nh_mux_new();
    nh_handler *found = NULL, *h = nh_handler_new(tell, NULL, NULL);
    char pattern[64];
    size_t len = 7;
    CHECK_INT(nh_mux_handle_handler(mux, "GET h.example/a/{inner}", h, NULL), NH_OK);
    CHECK_INT(nh_mux_handle_handler(mux, "/tree/", h, NULL), NH_OK);
    matches(mux, "GET", "http://h.example:8080/a/b?q", "GET h.example/a/{inner}");
    matches(mux, "POST", "http://h.example/a/b", "");
    matches(mux, "GET", "http://other/a/b", "");
    matches(mux, "GET", "http://other/tree", "/tree/");
    matches(mux, "GET", "http://other/x/..//tree/y", "/tree/");
    matches(mux, "GET", "http://other/tree/a/b", "/tree/");

    const char *text = "GET /tree/x HTTP/1.1\r\nHost: h\r\n\r\n";
    nh_reader *reader;
    nh_request *r;
    CHECK_INT(nh_reader_new(one_request, &text, NULL, &reader), NH_OK);
    CHECK_INT(nh_read_request(reader, &r, NULL), NH_OK);
    CHECK_INT(nh_mux_match(mux, r, &found, pattern, sizeof pattern, &len), NH_OK);
    CHECK_STR(pattern, "/tree/");
    CHECK(found != NULL);
    nh_handler_free(found);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_mux_match(mux, r, &found, NULL, 0, &len));
    CHECK(found == NULL && len == 6);
    CHECK_ERR(NH_ERR_INVALID, nh_mux_match(NULL, r, &found, pattern, sizeof pattern, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_mux_match(mux, NULL, &found, pattern, sizeof pattern, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_mux_match(mux, r, &found, pattern, sizeof pattern, NULL));
    nh_request_free(r);
    nh_reader_free(reader);
    nh_handler_free(h);
    nh_mux_free(mux);
}

/* Routes by nh_mux_match: what a router of the program's own would do. */
static void by_match(nh_response_writer *w, nh_request *r, void *mux) {
    char pattern[64];
    size_t len;
    nh_handler *found;
    CHECK_INT(nh_mux_match(mux, r, &found, pattern, sizeof pattern, &len), NH_OK);
    CHECK_INT(nh_response_writer_set_header(w, "X-Found", pattern), NH_OK);
    CHECK_INT(nh_handler_serve(found, w, r), NH_OK);
    nh_handler_free(found);
}

static nh_server *start(nh_handler *h) {
    nh_server *s = nh_server_new();
    CHECK_INT(nh_server_set_handler(s, h, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    return s;
}

int main(void) {
    nh_mux *outer = nh_mux_new(), *inner = nh_mux_new();
    nh_handler *leaf = nh_handler_new(tell, NULL, NULL), *nested = nh_mux_handler(inner);
    nh_handler *much = nh_handler_new(writes_much, NULL, NULL);
    nh_handler *middle = nh_handler_new(around, nested, NULL);
    nh_handler *wrapping = nh_handler_new(wraps, much, NULL);
    nh_error *err = NULL;

    CHECK(nh_handler_new(NULL, &freed, count_free) == NULL && freed == 1);
    CHECK(nh_mux_handler(NULL) == NULL);
    nh_handler_free(NULL);
    nh_response_writer_free(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_mux_handle_handler(NULL, "/", leaf, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_mux_handle_handler(outer, NULL, leaf, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_mux_handle_handler(outer, "/", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_mux_handle_handler(outer, "/{", leaf, &err));
    CHECK(strstr(nh_error_message(err), "bad wildcard segment") != NULL);
    nh_error_free(err);
    freed = 0;

    CHECK_INT(nh_mux_handle_handler(inner, "GET /in/{inner}/{rest...}", leaf, NULL), NH_OK);
    CHECK_INT(nh_mux_handle_handler(inner, "GET /in/sub/", leaf, NULL), NH_OK);
    CHECK_INT(nh_mux_handle_handler(outer, "/{outer}/", middle, NULL), NH_OK);
    CHECK_INT(nh_mux_handle_handler(outer, "/wrap", wrapping, NULL), NH_OK);
    CHECK_INT(nh_mux_handle(outer, "/aborts", aborts, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_mux_handle(outer, "/match/", by_match, inner, NULL, NULL), NH_OK);
    CHECK_INT(nh_mux_handle(outer, "/in/sub/match", by_match, inner, NULL, NULL), NH_OK);

    /* The outer mux in the place of the server's own: the routes stay its own. */
    nh_handler *all = nh_mux_handler(outer);
    server = start(all);
    CHECK_ERR(NH_ERR_STATE, nh_server_set_handler(server, all, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_handler(server, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_handler(NULL, all, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle_handler(NULL, "/x", all, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle_handler(server, NULL, all, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle_handler(server, "/x", NULL, NULL));
    CHECK_INT(nh_server_handle_handler(server, "/x", all, NULL), NH_OK);
    nh_handler_free(all);
    /* Values of the outer pattern are gone behind the inner mux, as in Go; what the program has set stays. */
    has("GET /in/7/x HTTP/1.1", "\r\n\r\n<GET /in/{inner}/{rest...}|-|7|kept>");
    has("GET /in/sub/x HTTP/1.1", "\r\n\r\n<GET /in/sub/|-|-|kept>");
    has("POST /in/7/x HTTP/1.1", "<Method Not Allowed\n>");
    has("GET /other/7 HTTP/1.1", "\r\n\r\n<404 page not found\n>");
    has("GET /wrap HTTP/1.1", "HTTP/1.1 418 ");
    CHECK(strstr(buf, "X-By: inner\r\n") && strstr(buf, "LOUD") && !strstr(buf, "xxx"));
    CHECK_STR(ask("GET /aborts HTTP/1.1"), "");
    has("GET /match/x HTTP/1.1", "404 page not found");
    has("GET /in/sub/match HTTP/1.1", "X-Found: GET /in/sub/\r\n");
    has("OPTIONS * HTTP/1.1", "200 OK");
    nh_server_free(server);

    /* One handler for everything but OPTIONS *. */
    nh_handler *one = nh_handler_new(tell, &freed, count_free);
    server = start(one);
    nh_handler_free(one);
    freed = 0;
    has("GET /any//thing HTTP/1.1", "\r\n\r\n|-|-|-");
    has("GET * HTTP/1.1", "\r\n\r\n|-|-|-");
    has("OPTIONS * HTTP/1.1", "Content-Length: 0\r\n");
    CHECK_INT(freed, 0);
    nh_server_free(server);
    CHECK_INT(freed, 1);

    matching();
    nh_handler_free(wrapping);
    nh_handler_free(middle);
    nh_handler_free(much);
    nh_handler_free(nested);
    nh_handler_free(leaf);
    nh_mux_free(inner);
    nh_mux_free(outer);
    return 0;
}
