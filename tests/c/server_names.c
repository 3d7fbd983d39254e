/* Handles of a server's exchange are good until that ends: a later use is an error, and reaches nobody else's
 * exchange. */
#include "frames.h"

static struct {
    nh_response_writer *w;
    nh_request *r;
} kept;
static int served, go_on;

/* Keeps what it was given beyond its return, and does not say so. */
static void keep(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    if (!kept.w) kept.w = w, kept.r = r;
    nh_respond(w, 200, "text/plain", "kept", 4);
    add(&served);
}

static void hold(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    add(&served);
    while (!current(&go_on))
        pause_ms(1);
    nh_response_writer_write_str(w, "mine", NULL);
}

/* Detaches beneath a handler that has given it another path. */
static nh_request *below;
static void detach_below(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    CHECK_INT(nh_response_writer_detach(w), NH_OK);
    kept.w = w;
    kept.r = below = r;
    add(&served);
}

/* All that a program may do with a writer or a request whose exchange has ended. */
static void is_ended(nh_response_writer *w, nh_request *r) {
    char buf[16];
    size_t n = 0;
    nh_conn *conn = NULL;
    CHECK_ERR(NH_ERR_STATE, nh_response_writer_write(w, "x", 1, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_response_writer_write_header(w, 404));
    CHECK_ERR(NH_ERR_STATE, nh_response_writer_set_header(w, "A", "b"));
    CHECK_ERR(NH_ERR_STATE, nh_response_writer_flush(w, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_response_writer_detach(w));
    CHECK_ERR(NH_ERR_STATE, nh_response_writer_hijack(w, &conn, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_respond(w, 200, "text/plain", "x", 1));
    nh_response_writer_abort(w);
    nh_response_writer_free(w);
    CHECK(nh_request_method(r) == NULL && nh_request_path(r, &n) == NULL);
    CHECK(nh_request_header_value(r, "Host") == NULL);
    CHECK_ERR(NH_ERR_STATE, nh_request_body_read(r, buf, sizeof buf, &n, NULL));
    nh_request_free(r);
}

static nh_server *serve(void) {
    nh_server *s = nh_server_new();
    nh_handler *h = nh_handler_new(detach_below, NULL, NULL), *strip = nh_strip_prefix("/a", h);
    CHECK_INT(nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_server_set_shards(s, 1), NH_OK);
    CHECK_INT(nh_server_handle(s, "/keep", keep, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/hold", hold, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle_handler(s, "/a/", strip, NULL), NH_OK);
    nh_handler_free(strip);
    nh_handler_free(h);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    memset(&kept, 0, sizeof kept);
    served = go_on = 0;
    return s;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n"

static void late_calls_http1(void) {
    char text[4000];
    nh_server *s = serve();
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, GET("/keep") "\r\n" GET("/hold") "Connection: close\r\n\r\n");
    await(&served, 2);
    is_ended(kept.w, kept.r);
    add(&go_on);
    raw_finish(fd, text, sizeof text);
    CHECK(strstr(text, "kept") && strstr(text, "\r\n\r\nmine"));
    is_ended(kept.w, kept.r);
    nh_server_free(s);
    is_ended(kept.w, kept.r);
}

static void late_calls_http2(void) {
    nh_server *s = serve();
    int fd = h2_connect(s, 65535);
    ask(fd, 1, "GET", "/keep", END_STREAM, NULL);
    CHECK_STR(answer(fd, 1), "200 kept.");
    ask(fd, 3, "GET", "/hold", END_STREAM, NULL);
    await(&served, 2);
    is_ended(kept.w, kept.r);
    add(&go_on);
    CHECK_STR(answer(fd, 3), "200 mine.");
    close(fd);
    nh_server_free(s);
    is_ended(kept.w, kept.r);
}

/* The one who answers sees the path by which the exchange was detached, and ends it once. */
static void detached_below(int http2) {
    nh_server *s = serve();
    char text[2000];
    size_t n = 0;
    int fd = http2 ? h2_connect(s, 65535) : raw_connect(nh_server_port(s, 0));
    if (http2)
        ask(fd, 1, "GET", "/a/b%20c?x=1", END_STREAM, NULL);
    else
        raw_send(fd, GET("/a/b%20c?x=1") "Connection: close\r\n\r\n");
    await(&served, 1);
    for (int i = 0; i < 200; i++) /* while the handlers above return, and afterwards */
        CHECK_STR(nh_request_path(kept.r, &n), "/b c");
    CHECK_STR(nh_request_uri(kept.r), "/a/b%20c?x=1");
    CHECK_INT(nh_respond(kept.w, 200, "text/plain", "later", 5), NH_OK);
    nh_response_writer_free(kept.w);
    if (http2) {
        CHECK_STR(answer(fd, 1), "200 later.");
        close(fd);
    } else {
        raw_finish(fd, text, sizeof text);
        CHECK(strstr(text, "later"));
    }
    is_ended(kept.w, kept.r);
    nh_server_free(s);
}

int main(void) {
    late_calls_http1();
    late_calls_http2();
    detached_below(0);
    detached_below(1);
    return 0;
}
