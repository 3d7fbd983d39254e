/* Peers that keep handlers waiting: while more than half of the handlers run, one that is slower than the
 * minimum rate ends, by both protocols, with a request's body as with a response. */
#include "frames.h"

#include <pthread.h>

enum { FEW = 2, MANY = 3, HANDLERS = 4 };

static int running, ended;
static nh_result results[8];

static void note(nh_result result) {
    results[__atomic_load_n(&ended, __ATOMIC_SEQ_CST)] = result;
    add(&ended);
}

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static void finished(nh_result result) {
    pthread_mutex_lock(&one);
    note(result);
    pthread_mutex_unlock(&one);
}

static void read_on(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w, (void)userdata;
    char buf[256];
    size_t n = 1;
    nh_result result = NH_OK;
    add(&running);
    while (result == NH_OK && n > 0)
        result = nh_request_body_read(r, buf, sizeof buf, &n, NULL);
    finished(result);
}

static void write_on(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    static char much[1 << 16];
    nh_result result = NH_OK;
    add(&running);
    while (result == NH_OK)
        result = nh_response_writer_write(w, much, sizeof much, NULL);
    finished(result);
}

static nh_server *serve(uint64_t rate) {
    nh_server *s = nh_server_new();
    CHECK_INT(
        nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2),
        NH_OK);
    CHECK_INT(nh_server_set_max_handlers(s, HANDLERS), NH_OK);
    CHECK_INT(nh_server_set_min_rate(s, rate, brief_ms(100)), NH_OK);
    CHECK_INT(nh_server_handle(s, "/read", read_on, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/write", write_on, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_set_blocking(s, "/read", 1), NH_OK);
    CHECK_INT(nh_server_set_blocking(s, "/write", 1), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    running = ended = 0;
    return s;
}

/* ---- peers: each has a handler called, and then moves a byte now and then */

typedef struct {
    int (*ask)(nh_server *);
    void (*trickle)(int fd);
    void (*finish)(int fd);
} peer;

static int h1_post(nh_server *s) {
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    return fd;
}
static void h1_byte(int fd) { (void)!send(fd, "x", 1, MSG_NOSIGNAL); }
static void h1_rest(int fd) {
    static char rest[1000000];
    (void)!send(fd, rest, sizeof rest, MSG_NOSIGNAL);
}

static int h1_get(nh_server *s) {
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "GET /write HTTP/1.1\r\nHost: a\r\n\r\n");
    return fd;
}
static void h1_take(int fd) {
    char byte;
    (void)!recv(fd, &byte, 1, MSG_DONTWAIT);
}
static int h2_post(nh_server *s) {
    int fd = h2_connect(s, 65535);
    ask(fd, 1, "POST", "/read", 0, NULL);
    return fd;
}
static void h2_byte(int fd) {
    char frame[20];
    (void)!send(fd, frame, frame_put(frame, DATA, 0, 1, "x", 1), MSG_NOSIGNAL);
}
static void h2_rest(int fd) { frame_send(fd, DATA, END_STREAM, 1, "x", 1); }

static int h2_get(nh_server *s) {
    int fd = h2_connect(s, 1000);
    ask(fd, 1, "GET", "/write", END_STREAM, NULL);
    return fd;
}
static void h2_credit(int fd) {
    char frame[20];
    (void)!send(fd, frame, frame_put(frame, WINDOW_UPDATE, 0, 1, "\0\0\0\1", 4), MSG_NOSIGNAL);
}
static const peer peers[] = {
    {h1_post, h1_byte, h1_rest},
    {h1_get, h1_take, raw_reset},
    {h2_post, h2_byte, h2_rest},
    {h2_get, h2_credit, raw_reset},
};

static void trickle(const peer *p, const int *fd, int n) {
    for (int i = 0; i < n; i++)
        p->trickle(fd[i]);
    pause_ms(5);
}

/* More than half of the handlers wait for slow peers: they end, until no more than half do. */
static void too_slow(const peer *p) {
    nh_server *s = serve(10000);
    int fd[MANY];
    for (int i = 0; i < MANY; i++)
        fd[i] = p->ask(s);
    await(&running, MANY);
    while (current(&ended) == 0)
        trickle(p, fd, MANY);
    CHECK_INT(results[0], NH_ERR_TIMEOUT);
    for (int i = 0; i < MANY; i++)
        close(fd[i]);
    nh_server_free(s);
}

/* Half of them and no minimum at all are no reason to end anybody. */
static void slow_enough(const peer *p, int n, uint64_t rate) {
    nh_server *s = serve(rate);
    int fd[MANY];
    for (int i = 0; i < n; i++)
        fd[i] = p->ask(s);
    await(&running, n);
    /* Some grace periods pass. */
    for (int i = 0; i < brief_ms(60); i++)
        trickle(p, fd, n);
    CHECK_INT(current(&ended), 0);
    for (int i = 0; i < n; i++)
        p->finish(fd[i]);
    await(&ended, n);
    if (p->finish != raw_reset) {
        CHECK_INT(results[0], NH_OK);
        for (int i = 0; i < n; i++)
            close(fd[i]);
    }
    nh_server_free(s);
}

int main(void) {
    nh_server *s = nh_server_new();
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_min_rate(s, 1, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_min_rate(s, 1, 86400001));
    CHECK_INT(nh_server_set_min_rate(s, UINT64_MAX, 86400000), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_server_set_min_rate(s, 0, 1));
    nh_server_free(s);
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        too_slow(&peers[i]);
        slow_enough(&peers[i], FEW, 10000);
        slow_enough(&peers[i], MANY, 0);
        printf("peer %zu\n", i);
    }
    return 0;
}
