/* A server of HTTP/2 that has more to do than it can, and one that is to end: what is answered 503, what
 * blocks whom, and how long what is under way may go on. */
#include "frames.h"

#include <pthread.h>

/* ---- handlers */

static int waiting, gate, begun, told, cut;

static void quick(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    CHECK_INT(nh_response_writer_write_str(w, "quick", NULL), NH_OK);
}

static void waits(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    add(&waiting);
    await(&gate, 1);
    nh_response_writer_write_str(w, "passed", NULL);
}

/* Blocks, and says so by the way it takes; with a query it waits for the gate. */
static void blocks(nh_response_writer *w, nh_request *r, void *userdata) {
    if (strchr(nh_request_uri(r), '?')) {
        waits(w, r, userdata);
        return;
    }
    pause_ms(3);
    quick(w, r, userdata);
}

/* Sees its connection cut. */
static void sees_the_end(nh_response_writer *w, nh_request *r, void *userdata) {
    char buf[10];
    size_t n;
    (void)userdata;
    add(&waiting);
    CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_request_body_read(r, buf, sizeof buf, &n, NULL));
    CHECK_INT(nh_request_is_client_gone(r), 1);
    CHECK_INT(nh_response_writer_write_str(w, "x", NULL), NH_OK);
    CHECK(nh_response_writer_flush(w, NULL) != NH_OK);
    add(&cut);
}

static void on_shutdown(void *userdata) { add(userdata); }

static void reset(void) {
    __atomic_store_n(&waiting, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&gate, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&begun, 0, __ATOMIC_SEQ_CST);
}

static nh_server *fresh(void) {
    nh_server *s = nh_server_new();
    reset();
    CHECK_INT(nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_server_set_shards(s, 1), NH_OK);
    CHECK_INT(nh_server_handle(s, "/quick", quick, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/waits", waits, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/end", sees_the_end, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_on_shutdown(s, on_shutdown, &begun, NULL), NH_OK);
    return s;
}

static nh_server *start(nh_server *s) {
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    return s;
}

static nh_server *with_few_threads(size_t queue, int64_t queue_ms) {
    nh_server *s = fresh();
    CHECK_INT(nh_server_set_blocking(s, "/waits", 1), NH_OK);
    CHECK_INT(nh_server_set_blocking(s, "/quick", 0), NH_OK);
    CHECK_INT(nh_server_set_max_handlers(s, 1), NH_OK);
    CHECK_INT(nh_server_set_max_queue(s, queue), NH_OK);
    CHECK_INT(nh_server_set_queue_timeout(s, queue_ms), NH_OK);
    return start(s);
}

/* Reads until so many streams have ended, each with this body. They are those from one on, in any order. */
static void all_end(int fd, int count, unsigned from, const char *body) {
    frame f;
    while (count > 0) {
        CHECK(frame_next(fd, &f) && f.type != RST_STREAM && f.type != GOAWAY);
        if (f.type != DATA || !(f.flags & END_STREAM)) continue;
        CHECK(f.stream >= from);
        CHECK_STR(f.payload, body);
        count--;
    }
}

/* ---- the tests */

#define BUSY "503 Service Unavailable"

static void more_than_can_be_done(void) {
    nh_server *s = with_few_threads(1, 60000);
    int fd = h2_connect(s, 65535);
    ask(fd, 1, "GET", "/waits", END_STREAM, NULL);
    await(&waiting, 1);
    for (unsigned id = 3; id <= 11; id += 2)
        ask(fd, id, "GET", "/waits", END_STREAM, NULL);
    /* One runs, one waits in the queue, the others are told; what needs no thread is served. */
    all_end(fd, 4, 5, BUSY);
    ask(fd, 13, "GET", "/quick", END_STREAM, NULL);
    CHECK_STR(answer(fd, 13), "200 quick.");
    CHECK_INT(__atomic_load_n(&waiting, __ATOMIC_SEQ_CST), 1);
    add(&gate);
    all_end(fd, 2, 1, "passed");
    ask(fd, 15, "GET", "/waits", END_STREAM, NULL);
    CHECK_STR(answer(fd, 15), "200 passed.");
    close(fd);
    nh_server_free(s);

    /* The fields, as a client sees them; the connection goes on. */
    s = with_few_threads(0, 60000);
    nh_client *c = nh_client_new();
    nh_response *res = NULL;
    CHECK_INT(nh_client_set_protocols(c, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_client_get(c, url_of(s, "/waits"), &res, NULL), NH_OK);
    CHECK_STR(nh_response_proto(res), "HTTP/2.0");
    CHECK_INT(nh_response_status_code(res), 503);
    CHECK_STR(nh_header_get(nh_response_header(res), "Retry-After"), "1");
    CHECK_STR(nh_header_get(nh_response_header(res), "Content-Length"), "23");
    CHECK_STR(nh_header_get(nh_response_header(res), "Connection"), NULL);
    nh_response_free(res);
    nh_client_free(c);
    nh_server_free(s);

    /* One that has waited for too long, and one that left meanwhile. */
    s = with_few_threads(100, brief_ms(50));
    fd = h2_connect(s, 65535);
    ask(fd, 1, "GET", "/waits", END_STREAM, NULL);
    await(&waiting, 1);
    ask(fd, 3, "GET", "/waits", END_STREAM, NULL);
    ask(fd, 5, "GET", "/waits", END_STREAM, NULL);
    frame_word(fd, RST_STREAM, 3, 8);
    CHECK_STR(answer(fd, 5), "head " BUSY ".");
    add(&gate);
    CHECK_STR(answer(fd, 1), "200 passed.");
    CHECK_INT(__atomic_load_n(&waiting, __ATOMIC_SEQ_CST), 1);
    close(fd);
    nh_server_free(s);
}

#define ROUTES 100

/* Routes that block hold up nobody, though each of them has its first call on the loop. */
static void routes_that_block(void) {
    nh_server *s = fresh();
    char pattern[20], path[24];
    for (int i = 0; i < ROUTES; i++) {
        snprintf(pattern, sizeof pattern, "/blocks/%d", i);
        CHECK_INT(nh_server_handle(s, pattern, blocks, NULL, NULL, NULL), NH_OK);
    }
    start(s);
    int fd = h2_connect(s, 65535);
    unsigned id = 1;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < ROUTES; i++, id += 2) {
            snprintf(path, sizeof path, "/blocks/%d", i);
            ask(fd, id, "GET", path, END_STREAM, NULL);
        }
        all_end(fd, ROUTES, id - 2 * ROUTES, "quick");
        frame_word(fd, WINDOW_UPDATE, 0, 5 * ROUTES);
    }
    unsigned first = id;
    for (int i = 0; i < ROUTES; i++, id += 2) {
        snprintf(path, sizeof path, "/blocks/%d?gate", i);
        ask(fd, id, "GET", path, END_STREAM, NULL);
    }
    await(&waiting, ROUTES);
    for (int i = 0; i < 20; i++, id += 2) {
        ask(fd, id, "GET", "/quick", END_STREAM, NULL);
        CHECK_STR(answer(fd, id), "200 quick.");
    }
    add(&gate);
    all_end(fd, ROUTES, first, "passed");
    close(fd);
    nh_server_free(s);
}

/* Reads up to the GOAWAY that names the last stream, answers the ping before it, and gives its number. */
static unsigned last_stream(int fd) {
    frame f;
    int announced = 0;
    for (;;) {
        CHECK(frame_next(fd, &f));
        if (f.type == PING && !(f.flags & ACK)) frame_send(fd, PING, ACK, 0, f.payload, 8);
        if (f.type != GOAWAY) continue;
        CHECK_INT(frame_value(&f, 4), 0);
        if (announced) return frame_value(&f, 0);
        CHECK_INT(frame_value(&f, 0), 0x7fffffff);
        announced = 1;
    }
}

static void deadline(void) {
    nh_server *s = start(fresh());
    int fd = h2_connect(s, 65535), idle = h2_connect(s, 65535);
    frame f;
    ask(idle, 1, "GET", "/quick", END_STREAM, NULL);
    CHECK_STR(answer(idle, 1), "200 quick.");
    ask(fd, 1, "GET", "/waits", END_STREAM, NULL);
    await(&waiting, 1);
    CHECK_ERR(NH_ERR_TIMEOUT, nh_server_shutdown(s, 20, NULL));
    CHECK_STR(ending(idle, 3, 1), "");
    CHECK_INT(last_stream(fd), 1);
    /* What is under way goes on; what comes behind the last stream is not served, and nothing is accepted. */
    ask(fd, 3, "GET", "/quick", END_STREAM, NULL);
    CHECK_ERR(NH_ERR_TIMEOUT, nh_server_shutdown(s, 20, NULL));
    CHECK_INT(nh_server_connections(s), 1);
    add(&gate);
    int streams = 0;
    while (frame_next(fd, &f)) {
        CHECK(f.stream != 3);
        streams += f.type == DATA && f.flags & END_STREAM;
    }
    CHECK_INT(streams, 1);
    close(fd);
    CHECK_INT(nh_server_shutdown(s, 10000, NULL), NH_OK);
    nh_server_free(s);

    /* When its time is up a program closes: handlers find their streams gone, and are waited for. */
    s = start(fresh());
    fd = h2_connect(s, 65535);
    ask(fd, 1, "POST", "/end", 0, NULL);
    await(&waiting, 1);
    CHECK_ERR(NH_ERR_TIMEOUT, nh_server_shutdown(s, 20, NULL));
    CHECK_INT(nh_server_close(s), NH_OK);
    await(&cut, 1);
    CHECK_INT(nh_server_shutdown(s, 10000, NULL), NH_OK);
    CHECK(strstr(answer(fd, 1), "end") != NULL);
    close(fd);
    nh_server_free(s);
}

static void *shut_down(void *s) {
    CHECK_INT(nh_server_shutdown(s, 60000, NULL), NH_OK);
    add(&told);
    return NULL;
}

static void lame_duck(void) {
    nh_server *s = fresh();
    CHECK_INT(nh_server_set_lame_duck(s, 60000), NH_OK);
    start(s);
    int idle = h2_connect(s, 65535), busy = h2_connect(s, 65535);
    ask(idle, 1, "GET", "/quick", END_STREAM, NULL);
    CHECK_STR(answer(idle, 1), "200 quick.");
    ask(busy, 1, "GET", "/waits", END_STREAM, NULL);
    await(&waiting, 1);
    pthread_t t;
    CHECK_INT(pthread_create(&t, NULL, shut_down, s), 0);
    await(&begun, 1);
    /* New connections and idle ones are served still; each answer begins its connection's end. */
    int fd = h2_connect(s, 65535);
    ask(fd, 1, "GET", "/quick", END_STREAM, NULL);
    CHECK_STR(ending(fd, 1, 1), "quick.");
    ask(idle, 3, "GET", "/quick", END_STREAM, NULL);
    CHECK_STR(ending(idle, 3, 3), "quick.");
    add(&gate);
    CHECK_STR(ending(busy, 1, 1), "passed.");
    CHECK_INT(__atomic_load_n(&told, __ATOMIC_SEQ_CST), 0);
    CHECK_INT(nh_server_close(s), NH_OK);
    CHECK_INT(pthread_join(t, NULL), 0);
    nh_server_free(s);

    /* At its end idle connections are told. */
    s = fresh();
    CHECK_INT(nh_server_set_lame_duck(s, 100), NH_OK);
    start(s);
    fd = h2_connect(s, 65535);
    ask(fd, 1, "GET", "/quick", END_STREAM, NULL);
    CHECK_STR(answer(fd, 1), "200 quick.");
    CHECK_INT(pthread_create(&t, NULL, shut_down, s), 0);
    CHECK_STR(ending(fd, 3, 1), "");
    CHECK_INT(pthread_join(t, NULL), 0);
    nh_server_free(s);
}

int main(void) {
    more_than_can_be_done();
    routes_that_block();
    deadline();
    lame_duck();
    return 0;
}
