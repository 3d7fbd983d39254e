/* nh_server_set_keep_alive before and while a server serves, over HTTP/1.1 and HTTP/2. */
#include "frames.h"

static int waiting, gate;

static void quick(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    CHECK_INT(nh_response_writer_write_str(w, "quick", NULL), NH_OK);
}

/* Waits for the gate, with its head sent before if there is a query. */
static void waits(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    if (*nh_request_raw_query(r)) CHECK_INT(nh_response_writer_flush(w, NULL), NH_OK);
    add(&waiting);
    await(&gate, 1);
    CHECK_INT(nh_response_writer_write_str(w, "passed", NULL), NH_OK);
}

static void takes_it_away(nh_response_writer *w, nh_request *r, void *userdata) {
    CHECK_INT(nh_server_set_keep_alive(userdata, 0), NH_OK);
    quick(w, r, NULL);
}

static nh_server *start(int keep_alive) {
    nh_server *s = nh_server_new();
    CHECK_INT(nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_server_handle(s, "/quick", quick, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/waits", waits, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/off", takes_it_away, s, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_set_keep_alive(s, keep_alive), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    __atomic_store_n(&waiting, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&gate, 0, __ATOMIC_SEQ_CST);
    return s;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

/* What comes, up to the text that must be in it; with NULL up to the connection's end. */
static const char *until(int fd, const char *text) {
    static char buf[4096];
    size_t len = 0;
    buf[0] = 0;
    while (!text || !strstr(buf, text)) {
        CHECK(len < sizeof buf - 1);
        ssize_t n = recv(fd, buf + len, sizeof buf - 1 - len, 0);
        CHECK(n >= 0);
        if (n == 0) {
            CHECK(!text);
            break;
        }
        buf[len += (size_t)n] = 0;
    }
    return buf;
}

/* An answer after which the connection goes on, and one that is its last. */
static void goes_on(int fd, const char *body) { CHECK(!strstr(until(fd, body), "Connection: close")); }

static void is_last(int fd, const char *body) {
    const char *text = until(fd, NULL);
    CHECK(strstr(text, body) && strstr(text, "Connection: close"));
    CHECK(!strncmp(text, "HTTP/1.1 200", 12) && !strstr(text + 1, "HTTP/1.1"));
    close(fd);
}

static void version_1(void) {
    nh_server *s = start(1);
    int idle = raw_connect(nh_server_port(s, 0)), busy = raw_connect(nh_server_port(s, 0)),
        begun = raw_connect(nh_server_port(s, 0)), silent = raw_connect(nh_server_port(s, 0));
    raw_send(idle, GET("/quick"));
    goes_on(idle, "quick");
    raw_send(busy, GET("/waits"));
    raw_send(begun, GET("/waits?flushed"));
    await(&waiting, 2);
    goes_on(begun, "\r\n\r\n");
    CHECK_INT(nh_server_set_keep_alive(s, 0), NH_OK);
    CHECK_STR(until(idle, NULL), "");
    close(idle);
    add(&gate);
    is_last(busy, "passed");
    /* Its head is out already: the end comes without a word. */
    CHECK(strstr(until(begun, NULL), "passed\r\n0\r\n\r\n"));
    close(begun);
    raw_send(silent, GET("/quick") GET("/quick"));
    is_last(silent, "quick");

    CHECK_INT(nh_server_set_keep_alive(s, 1), NH_OK);
    idle = raw_connect(nh_server_port(s, 0));
    for (int i = 0; i < 3; i++) {
        raw_send(idle, GET("/quick"));
        goes_on(idle, "quick");
    }
    /* Taken back before the answer has begun. */
    __atomic_store_n(&gate, 0, __ATOMIC_SEQ_CST);
    raw_send(idle, GET("/waits"));
    await(&waiting, 3);
    CHECK_INT(nh_server_set_keep_alive(s, 0), NH_OK);
    CHECK_INT(nh_server_set_keep_alive(s, 1), NH_OK);
    add(&gate);
    goes_on(idle, "passed");
    raw_send(idle, GET("/quick"));
    goes_on(idle, "quick");
    /* By a handler, whose own answer is the first that is told. */
    busy = raw_connect(nh_server_port(s, 0));
    raw_send(busy, GET("/off"));
    is_last(busy, "quick");
    CHECK_STR(until(idle, NULL), "");
    close(idle);
    nh_server_free(s);

    s = start(0);
    busy = raw_connect(nh_server_port(s, 0));
    raw_send(busy, GET("/quick"));
    is_last(busy, "quick");
    CHECK_INT(nh_server_set_keep_alive(s, 1), NH_OK);
    busy = raw_connect(nh_server_port(s, 0));
    raw_send(busy, GET("/quick"));
    goes_on(busy, "quick");
    close(busy);
    nh_server_free(s);
}

static void version_2(void) {
    nh_server *s = start(1);
    int idle = h2_connect(s, 65535), busy = h2_connect(s, 65535), silent = h2_connect(s, 65535);
    ask(idle, 1, "GET", "/quick", END_STREAM, NULL);
    CHECK_STR(answer(idle, 1), "200 quick.");
    ask(busy, 1, "GET", "/waits?flushed", END_STREAM, NULL);
    await(&waiting, 1);
    CHECK_INT(nh_server_set_keep_alive(s, 0), NH_OK);
    CHECK_STR(ending(idle, 3, 1), "");
    add(&gate);
    CHECK_STR(ending(busy, 1, 1), "passed.");
    close(silent);
    int fresh = h2_connect(s, 65535);
    ask(fresh, 1, "GET", "/quick", END_STREAM, NULL);
    CHECK_STR(ending(fresh, 1, 1), "quick.");

    CHECK_INT(nh_server_set_keep_alive(s, 1), NH_OK);
    fresh = h2_connect(s, 65535);
    frame f;
    for (unsigned id = 1, came = 0; id < 9; id += 2, came = 0) {
        ask(fresh, id, "GET", "/quick", END_STREAM, NULL);
        while (!came) {
            CHECK(frame_next(fresh, &f) && f.type != GOAWAY);
            came = f.type == DATA && f.stream == id;
        }
    }
    ask(fresh, 9, "GET", "/off", END_STREAM, NULL);
    CHECK_STR(ending(fresh, 9, 9), "quick.");
    nh_server_free(s);

    s = start(0);
    fresh = h2_connect(s, 65535);
    ask(fresh, 1, "GET", "/quick", END_STREAM, NULL);
    CHECK_STR(ending(fresh, 1, 1), "quick.");
    nh_server_free(s);
}

int main(void) {
    version_1();
    version_2();
    return 0;
}
