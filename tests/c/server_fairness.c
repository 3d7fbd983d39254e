/* One client must not hurt another: while one keeps a server of one event loop as busy as it can, in each way
 * that it has, a second one is answered. What the first is given meanwhile is counted in calls of its
 * handler. */
#include "frames.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>

static int calls;

static void busy_us(long us) {
    struct timespec t, now;
    clock_gettime(CLOCK_MONOTONIC, &t);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - t.tv_sec) * 1000000 + (now.tv_nsec - t.tv_nsec) / 1000 < us);
}

static void spin(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    add(&calls);
    busy_us(100);
    nh_response_writer_write_str(w, "ok", NULL);
}

/* What the attacker had been given when the good client's handler was called. */
static int calls_then;
static void good(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    calls_then = current(&calls);
    nh_response_writer_write_str(w, "good", NULL);
}

static void read_on(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w, (void)userdata;
    char buf[256];
    size_t n;
    add(&calls);
    while (nh_request_body_read(r, buf, sizeof buf, &n, NULL) == NH_OK && n > 0) {
    }
}

static void write_on(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    static char much[1 << 16];
    add(&calls);
    while (nh_response_writer_write(w, much, sizeof much, NULL) == NH_OK) {
    }
}

/* Answered by the handler itself, but detached: its end is left when the handler returns. */
static void early(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    static char some[1000];
    CHECK_INT(nh_response_writer_detach(w), NH_OK);
    nh_response_writer_write(w, some, sizeof some, NULL);
    nh_response_writer_flush(w, NULL);
    nh_response_writer_write(w, some, sizeof some, NULL);
    nh_response_writer_free(w);
    add(&calls);
}

static nh_server *serve(void) {
    nh_server *s = nh_server_new();
    CHECK_INT(
        nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2),
        NH_OK);
    CHECK_INT(nh_server_set_shards(s, 1), NH_OK);
    CHECK_INT(nh_server_handle(s, "/spin", spin, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/good", good, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/read", read_on, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/write", write_on, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/early", early, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_set_blocking(s, "/spin", 0), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    calls = 0;
    return s;
}

/* Asks by a new connection; how many calls others were given from then until it was answered. */
static int ask_good(nh_server *s) {
    char buf[500];
    int before = current(&calls), fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "GET /good HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    raw_finish(fd, buf, sizeof buf);
    CHECK(strstr(buf, "\r\n\r\ngood"));
    return calls_then - before;
}

/* A thread may lose its CPU between any two steps: the best of some tries tells what the server does. */
static void is_fair(nh_server *s, int most) {
    int best = 1 << 30;
    for (int i = 0; i < 20 && best > most; i++) {
        int n = ask_good(s);
        if (n < best) best = n;
    }
    printf("%d calls before a new connection was served\n", best);
    CHECK(best <= most);
}

/* ---- the attacker: one thread sends, another throws away what comes */

static struct {
    int fd, stop;
    char *bytes;
    size_t len;
} attack;

static void *drain(void *p) {
    static char junk[1 << 16];
    (void)p;
    while (recv(attack.fd, junk, sizeof junk, 0) > 0) {
    }
    return NULL;
}

static void *flood(void *p) {
    (void)p;
    while (!current(&attack.stop) && send(attack.fd, attack.bytes, attack.len, MSG_NOSIGNAL) > 0) {
    }
    return NULL;
}

static void pipelining(void) {
    static const char one[] = "GET /spin HTTP/1.1\r\nHost: a\r\n\r\n";
    nh_server *s = serve();
    pthread_t t[2];
    attack.len = 2000 * (sizeof one - 1);
    attack.bytes = malloc(attack.len);
    for (int i = 0; i < 2000; i++)
        memcpy(attack.bytes + (size_t)i * (sizeof one - 1), one, sizeof one - 1);
    attack.fd = raw_connect(nh_server_port(s, 0));
    attack.stop = 0;
    CHECK_INT(pthread_create(&t[0], NULL, drain, NULL), 0);
    CHECK_INT(pthread_create(&t[1], NULL, flood, NULL), 0);
    await_past(&calls, 100);
    is_fair(s, 100);
    __atomic_store_n(&attack.stop, 1, __ATOMIC_SEQ_CST);
    shutdown(attack.fd, SHUT_RDWR);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    close(attack.fd);
    free(attack.bytes);
    nh_server_free(s);
}

/* As many streams at once as one read of the server's holds. */
static void many_streams(void) {
    nh_server *s = serve();
    char head[100], out[200 * 60];
    frame f;
    unsigned id = 1;
    int fd = h2_connect(s, 65535);
    const char *own[] = {":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/spin", NULL};
    size_t n = fields_put(head, own);
    for (int round = 0; round < 10; round++) {
        size_t at = 0;
        for (int i = 0; i < 180; i++, id += 2)
            at += frame_put(out + at, HEADERS, END_STREAM | END_HEADERS, id, head, n);
        CHECK(send(fd, out, at, MSG_NOSIGNAL) == (ssize_t)at);
        int before = current(&calls);
        char buf[500];
        int beside = raw_connect(nh_server_port(s, 0));
        raw_send(beside, "GET /good HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        raw_finish(beside, buf, sizeof buf);
        CHECK(strstr(buf, "\r\n\r\ngood"));
        for (int ended = 0; ended < 180;) {
            CHECK(frame_next(fd, &f));
            ended += f.stream != 0 && (f.flags & END_STREAM) != 0 && (f.type == HEADERS || f.type == DATA);
        }
        if (calls_then - before <= 80) {
            printf("%d of 180 streams before a new connection was served\n", calls_then - before);
            close(fd);
            nh_server_free(s);
            return;
        }
    }
    CHECK(!"a new connection waited for most of the streams each time");
}

/* ---- a client that keeps its windows shut */

static void shut_windows(void) {
    nh_server *s = serve();
    int fd = h2_connect(s, 0);
    for (unsigned id = 1; id <= 39; id += 2)
        ask(fd, id, "GET", "/early", END_STREAM, NULL);
    await(&calls, 20);
    for (int i = 0; i < 3; i++)
        ask_good(s);
    close(fd);
    nh_server_free(s);
}

/* ---- slow streams: their threads and descriptors */

static int entries(const char *dir) {
    DIR *d = opendir(dir);
    int n = 0;
    CHECK(d != NULL);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

enum { CONNS = 8, STREAMS = 120 };

/* Valgrind has room for 500 threads. */
static int connections(void) { return getenv("NH_SLOW") ? 3 : CONNS; }

static void slow_streams(const char *path, int flags) {
    nh_server *s = serve();
    int fd[CONNS], conns = connections();
    for (int i = 0; i < conns; i++) {
        fd[i] = h2_connect(s, 1000);
        for (unsigned k = 0; k < STREAMS; k++)
            ask(fd[i], 2 * k + 1, "POST", path, flags, NULL);
    }
    await_past(&calls, conns * 64);
    ask_good(s);
    int threads = entries("/proc/self/task"), files = entries("/proc/self/fd");
    printf("%s: %d threads, %d descriptors, %d handlers\n", path, threads, files, current(&calls));
    CHECK(threads <= conns * 70 + 20 && files < 100);
    /* When the first ones end, the rest has its turn. */
    for (int i = 0; i < conns; i++)
        for (unsigned k = 0; k < STREAMS; k++)
            if (flags)
                frame_word(fd[i], RST_STREAM, 2 * k + 1, 8);
            else
                frame_send(fd[i], DATA, END_STREAM, 2 * k + 1, "", 0);
    if (!flags) await(&calls, conns * STREAMS);
    ask_good(s);
    for (int i = 0; i < conns; i++)
        close(fd[i]);
    nh_server_free(s);
}

/* A request that brings its body does not wait for good behind those that do not: its data fills the window.
 */
static void window_full(void) {
    static char data[16384];
    nh_server *s = serve();
    int fd = h2_connect(s, 65535), before;
    for (unsigned k = 0; k < 70; k++)
        ask(fd, 2 * k + 1, "POST", "/read", 0, NULL);
    await_past(&calls, 64);
    before = current(&calls);
    for (unsigned k = 66; k < 70; k++)
        for (int i = 0; i < 2; i++)
            frame_send(fd, DATA, i ? END_STREAM : 0, 2 * k + 1, data, sizeof data);
    await_past(&calls, before + 1);
    close(fd);
    nh_server_free(s);
}

int main(void) {
    struct rlimit few;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &few), 0);
    if (few.rlim_cur > 1024) few.rlim_cur = 1024;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
    pipelining();
    many_streams();
    shut_windows();
    slow_streams("/read", 0);
    slow_streams("/write", END_STREAM);
    window_full();
    return 0;
}
