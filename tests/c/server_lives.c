/* Servers that are made, loaded, stopped and freed at random, with clients that come, ask, stay silent and
 * leave all the time. Nothing may hang: a watchdog looks. NH_ROUNDS is how many servers; NH_SEED makes a run
 * the same again. */
#include "certs.h"
#include "frames.h"

#include <pthread.h>

static int port, stop, round_no, kept_count;
static unsigned seed_of_round;
static nh_response_writer *kept[1 << 14];

static unsigned next(unsigned *seed) { return (*seed = *seed * 1103515245u + 12345u) >> 16; }

static void quick(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_write_str(w, "quick", NULL);
}

static void blocks(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    pause_ms(2);
    nh_response_writer_write_str(w, "blocked", NULL);
}

static void leaves(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    int at = __atomic_fetch_add(&kept_count, 1, __ATOMIC_SEQ_CST);
    if (at < (int)(sizeof kept / sizeof *kept) && nh_response_writer_detach(w) == NH_OK)
        __atomic_store_n(&kept[at], w, __ATOMIC_SEQ_CST);
}

static void answers_early(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    if (nh_response_writer_detach(w) != NH_OK) return;
    nh_response_writer_write_str(w, "early", NULL);
    nh_response_writer_free(w);
}

static void reads(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char buf[100];
    size_t n;
    while (nh_request_body_read(r, buf, sizeof buf, &n, NULL) == NH_OK && n > 0) {
    }
    nh_response_writer_write_str(w, "read", NULL);
}

static void end_kept(void) {
    for (int i = 0; i < (int)(sizeof kept / sizeof *kept) && i < current(&kept_count); i++)
        nh_response_writer_free(__atomic_exchange_n(&kept[i], NULL, __ATOMIC_SEQ_CST));
}

static int pulled;
static void *pulls(void *s) {
    nh_response_writer *w;
    nh_request *r;
    nh_result code;
    while ((code = nh_server_next(s, NH_TIMEOUT_NONE, &w, &r, NULL)) == NH_OK) {
        nh_response_writer_write_str(w, "pulled", NULL);
        nh_response_writer_free(w);
    }
    CHECK_INT(code, NH_ERR_SERVER_CLOSED);
    add(&pulled);
    return NULL;
}

static const char *const paths[] = {"/quick", "/blocks", "/leaves", "/early", "/reads", "/pulled", "/none"};

static void say(int fd, unsigned *seed) {
    const char *path = paths[next(seed) % 7];
    char text[300];
    switch (next(seed) % 4) {
    case 0:
        return; /* says nothing */
    case 1:
        snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", path);
        break;
    case 2:
        snprintf(text, sizeof text,
                 "GET %s HTTP/1.1\r\nHost: a\r\n\r\nGET /quick HTTP/1.1\r\nHost: a\r\n\r\n", path);
        break;
    default: {
        char out[400], block[200];
        const char *own[] = {":method", "GET", ":scheme", "http", ":authority", "a", ":path", path, NULL};
        size_t n = fields_put(block, own), at = strlen(PREFACE);
        memcpy(out, PREFACE, at);
        at += frame_put(out + at, SETTINGS, 0, 0, NULL, 0);
        at += frame_put(out + at, HEADERS, END_STREAM | END_HEADERS, 1, block, n);
        at += frame_put(out + at, HEADERS, END_HEADERS, 3, block, n);
        (void)!send(fd, out, at, MSG_NOSIGNAL);
        return;
    }
    }
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void *clients(void *p) {
    unsigned seed = (unsigned)(size_t)p;
    int fd[32], n = 0;
    while (!current(&stop)) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        int at = current(&port);
        if (n == 32 || !at) {
            while (n > 0)
                close(fd[--n]);
            if (!at) pause_ms(1);
            continue;
        }
        int one = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(one >= 0);
        to.sin_port = htons((uint16_t)at);
        if (connect(one, (struct sockaddr *)&to, sizeof to) != 0) {
            close(one);
            continue;
        }
        say(one, &seed);
        if (next(&seed) % 3 == 0) {
            if (next(&seed) % 2)
                raw_reset(one);
            else
                close(one);
        } else
            fd[n++] = one;
    }
    while (n > 0)
        close(fd[--n]);
    return NULL;
}

static void *watchdog(void *p) {
    (void)p;
    for (int before = -1, still = 0; !current(&stop);) {
        pause_ms(100);
        still = current(&round_no) == before ? still + 1 : 0;
        before = current(&round_no);
        if (still > brief_ms(300)) {
            fprintf(stderr, "round %d has not ended for 30 s; its seed is %u\n", before, seed_of_round);
            abort();
        }
    }
    return NULL;
}

static void live(unsigned *seed, nh_tls_config *tls) {
    nh_server *s = nh_server_new();
    pthread_t puller;
    int has_puller = next(seed) % 2, spread = (int)(next(seed) % 8);
    kept_count = pulled = 0;
    memset(kept, 0, sizeof kept);
    CHECK_INT(
        nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2),
        NH_OK);
    CHECK_INT(nh_server_set_shards(s, 1 + next(seed) % 3), NH_OK);
    CHECK_INT(nh_server_set_max_handlers(s, 1 + next(seed) % 20), NH_OK);
    CHECK_INT(nh_server_set_max_queue(s, 1 + next(seed) % 20), NH_OK);
    if (next(seed) % 4 == 0) CHECK_INT(nh_server_set_lame_duck(s, next(seed) % 5), NH_OK);
    CHECK_INT(nh_server_handle(s, "/quick", quick, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/blocks", blocks, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/leaves", leaves, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/early", answers_early, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/reads", reads, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle_pull(s, "/pulled", NULL), NH_OK);
    if (next(seed) % 5 == 0)
        CHECK_INT(nh_server_listen_tls(s, "127.0.0.1:0", tls, NULL), NH_OK);
    else
        CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    if (has_puller) CHECK_INT(pthread_create(&puller, NULL, pulls, s), 0);
    __atomic_store_n(&port, nh_server_port(s, 0), __ATOMIC_SEQ_CST);
    if (next(seed) % 4) pause_ms(spread);
    for (unsigned i = next(seed) % 3; i > 0; i--) {
        switch (next(seed) % 4) {
        case 0:
            nh_server_request_stop(s);
            break;
        case 1:
            nh_server_shutdown(s, next(seed) % 5, NULL);
            break;
        case 2:
            nh_server_close(s);
            break;
        default:
            nh_server_wait(s, next(seed) % 3, NULL);
            break;
        }
    }
    __atomic_store_n(&port, 0, __ATOMIC_SEQ_CST);
    if (has_puller) {
        nh_server_close(s);
        for (int i = 0; !current(&pulled); i++)
            end_kept(), pause_ms(i < 10 ? 0 : 1);
        pthread_join(puller, NULL);
    }
    nh_server_free(s);
    end_kept();
}

int main(void) {
    pthread_t t[4];
    const char *rounds = getenv("NH_ROUNDS"), *seed = getenv("NH_SEED");
    unsigned state = seed ? (unsigned)atol(seed) : (unsigned)time(NULL);
    nh_tls_config *tls = nh_tls_config_new();
    certs_begin();
    certs_make("a", "IP:127.0.0.1");
    CHECK_INT(nh_tls_config_set_certificate_files(tls, in_dir("a.pem"), in_dir("a.key"), NULL), NH_OK);
    printf("NH_SEED=%u\n", state);
    fflush(stdout);
    for (size_t i = 0; i < 3; i++)
        CHECK_INT(pthread_create(&t[i], NULL, clients, (void *)(i + state)), 0);
    CHECK_INT(pthread_create(&t[3], NULL, watchdog, NULL), 0);
    for (int i = rounds ? atoi(rounds) : getenv("NH_SLOW") ? 10 : 200; i > 0; i--) {
        seed_of_round = state;
        live(&state, tls);
        add(&round_no);
    }
    add(&stop);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    nh_tls_config_free(tls);
    return 0;
}
