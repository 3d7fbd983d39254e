/* How a server ends: freed from where it cannot be waited for, freed while connections come, waited for in
 * pieces. */
#include "limits.h"
#include "frames.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>

static int served, go_on, freed;

static void hold(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    add(&served);
    while (!current(&go_on))
        pause_ms(1);
    nh_response_writer_write_str(w, "held", NULL);
}

static void free_server(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r;
    nh_server_free(userdata);
    nh_response_writer_write_str(w, "freed", NULL);
    add(&served);
}

static void count_free(void *p) {
    (void)p;
    add(&freed);
}

static int gone;
static void on_gone(void *s) {
    nh_error *err = NULL;
    add(&gone);
    CHECK_INT(nh_server_shutdown(s, NH_TIMEOUT_NONE, &err), NH_ERR_WOULD_DEADLOCK);
    nh_error_free(err);
    nh_server_free(s);
}

static void on_shutdown(void *s) { nh_server_free(s); }

static void watch(nh_response_writer *w, nh_request *r, void *userdata) {
    CHECK_INT(nh_request_set_gone_callback(r, on_gone, userdata, NULL, NULL), NH_OK);
    hold(w, r, NULL);
}

static nh_response_writer *parked;
static void detach(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    CHECK_INT(nh_response_writer_detach(w), NH_OK);
    parked = w;
    add(&served);
}

static nh_server *serve(const char *path, nh_handler_fn fn) {
    nh_server *s = nh_server_new();
    served = go_on = freed = 0;
    CHECK_INT(nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_server_set_shards(s, 2), NH_OK);
    CHECK_INT(nh_server_handle(s, path, fn, s, count_free, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    return s;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

/* In a handler, in a callback about a client that has gone, in one about the stop: all is released, by
 * another thread. */
static void from_its_own_threads(void) {
    nh_server *s = serve("/free", free_server);
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, GET("/free"));
    await(&freed, 1);
    CHECK_INT(current(&served), 1);
    close(fd);

    s = serve("/watch", watch);
    fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, GET("/watch"));
    await(&served, 1);
    close(fd);
    await(&gone, 1);
    add(&go_on);
    await(&freed, 1);

    s = serve("/free", free_server);
    CHECK_INT(nh_server_on_shutdown(s, on_shutdown, s, NULL), NH_OK);
    nh_server_request_stop(s);
    await(&freed, 1);
}

/* A handler that does not return is not waited for; the rest is done when it does. */
static void free_in_time(void) {
    nh_server *s = serve("/hold", hold);
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, GET("/hold"));
    await(&served, 1);
    CHECK_ERR(NH_ERR_INVALID, nh_server_free_timeout(s, -2, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_free_timeout(NULL, 0, NULL));
    CHECK_ERR(NH_ERR_TIMEOUT, nh_server_free_timeout(s, 20, NULL));
    CHECK_INT(current(&freed), 0);
    add(&go_on);
    await(&freed, 1);
    close(fd);
    s = serve("/hold", hold);
    CHECK_INT(nh_server_free_timeout(s, NH_TIMEOUT_NONE, NULL), NH_OK);
    CHECK_INT(current(&freed), 1);
    CHECK_INT(nh_server_free_timeout(nh_server_new(), 1000000, NULL), NH_OK);
}

/* Without memory for another stack: the server stays the caller's. */
static void no_thread_to_free(void) {
    struct rlimit old;
    nh_server *s = serve("/hold", hold);
    leave_memory(&old, 256u << 20);
    CHECK_INT(nh_set_thread_stack_size(1 << 30), NH_OK);
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_server_free_timeout(s, 0, NULL));
    CHECK_INT(nh_set_thread_stack_size(0), NH_OK);
    CHECK_INT(setrlimit(RLIMIT_AS, &old), 0);
    CHECK_INT(current(&freed), 0);
    nh_server_free(s);
    CHECK_INT(current(&freed), 1);
}

static int ended;
static void *wait_for_end(void *s) {
    CHECK_INT(nh_server_wait(s, NH_TIMEOUT_NONE, NULL), NH_ERR_SERVER_CLOSED);
    add(&ended);
    return NULL;
}

static void wait_in_a_handler(nh_response_writer *w, nh_request *r, void *s) {
    (void)w, (void)r;
    CHECK_ERR(NH_ERR_WOULD_DEADLOCK, nh_server_wait(s, 0, NULL));
    add(&served);
}

static void wait_in_pieces(void) {
    pthread_t t;
    nh_server *s = nh_server_new();
    CHECK_ERR(NH_ERR_STATE, nh_server_wait(s, 0, NULL));
    nh_server_free(s);
    s = serve("/wait", wait_in_a_handler);
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, GET("/wait"));
    await(&served, 1);
    close(fd);
    CHECK_ERR(NH_ERR_INVALID, nh_server_wait(s, -2, NULL));
    CHECK_ERR(NH_ERR_TIMEOUT, nh_server_wait(s, 0, NULL));
    CHECK_ERR(NH_ERR_TIMEOUT, nh_server_wait(s, 10, NULL));
    CHECK_INT(pthread_create(&t, NULL, wait_for_end, s), 0);
    nh_server_request_stop(s);
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_wait(s, 20000, NULL));
    pthread_join(t, NULL);
    CHECK_INT(ended, 1);
    nh_server_free(s);
}

/* A detached exchange that is ended while its server is freed: only its own descriptor is closed, and none is
 * shut down. */
static void *free_it(void *s) {
    add(&go_on);
    nh_server_free(s);
    return NULL;
}

static void foreign_descriptors(int rounds) {
    for (int i = 0; i < rounds; i++) {
        pthread_t t;
        int pair[4][2];
        nh_server *s = serve("/detach", detach);
        int fd = raw_connect(nh_server_port(s, 0));
        raw_send(fd, GET("/detach"));
        await(&served, 1);
        CHECK_INT(pthread_create(&t, NULL, free_it, s), 0);
        await(&go_on, 1);
        for (volatile int k = 0; k < (i * 997) % 60000; k++) {
        }
        nh_response_writer_free(parked);
        for (int k = 0; k < 4; k++)
            CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair[k]) == 0);
        pthread_join(t, NULL);
        for (int k = 0; k < 4; k++)
            for (int e = 0; e < 2; e++)
                CHECK(send(pair[k][e], "x", 1, MSG_NOSIGNAL) == 1);
        for (int k = 0; k < 4; k++)
            close(pair[k][0]), close(pair[k][1]);
        close(fd);
    }
}

/* The cap of handlers is reached, requests wait for a thread, and the server is freed. */
static void a_moment(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    add(&served);
    pause_ms(20);
    nh_response_writer_write_str(w, "x", NULL);
}

static void at_the_cap(void) {
    nh_server *s = nh_server_new();
    served = 0;
    CHECK_INT(nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_server_set_shards(s, 2), NH_OK);
    CHECK_INT(nh_server_set_max_handlers(s, 1), NH_OK);
    CHECK_INT(nh_server_handle(s, "/x", a_moment, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_set_blocking(s, "/x", 1), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    int fd = h2_connect(s, 65535);
    for (unsigned id = 1; id < 20; id += 2)
        ask(fd, id, "GET", "/x", END_STREAM, NULL);
    await(&served, 1);
    nh_server_free(s);
    close(fd);
}

int main(void) {
    from_its_own_threads();
    free_in_time();
    no_thread_to_free();
    wait_in_pieces();
    foreign_descriptors(getenv("NH_SLOW") ? 20 : 300);
    at_the_cap();
    return 0;
}
