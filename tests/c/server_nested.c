/* Handlers that call their own server, two levels deep, twice as many at once as there are threads for them:
 * each request is answered, by 200 or by 503 within the queue's time, and a route that does not block is
 * served throughout. */
#include "check.h"
#include "nethttp.h"
#include "serve.h"

#include <pthread.h>
#include <time.h>

enum { CAP = 4, CALLERS = 2 * CAP, ROUNDS = 3, QUEUE_MS = 300 };

static nh_server *server;
static nh_client *client;
static int answered, busy, over;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Fetches from the server and gives the status: 200 or 503, and nothing else. */
static int fetch(const char *path) {
    char url[128];
    nh_request *request;
    nh_response *response;
    nh_error *err;
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", (int)nh_server_port(server, 0), path);
    CHECK_INT(nh_request_new("GET", url, &request, NULL), NH_OK);
    if (nh_client_do(client, request, &response, &err) != NH_OK) {
        fprintf(stderr, "%s: %s\n", path, nh_error_message(err));
        exit(1);
    }
    int status = nh_response_status_code(response);
    CHECK(status == 200 || status == 503);
    nh_response_free(response);
    nh_request_free(request);
    return status;
}

static void leaf(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_respond(w, 200, "text/plain", "leaf", 4);
}

/* Asks the next level, and answers what that answered. */
static void level(nh_response_writer *w, nh_request *r, void *next) {
    (void)r;
    nh_respond(w, fetch(next), "text/plain", "level", 5);
}

static void *call(void *userdata) {
    for (int i = 0; i < ROUNDS; i++) {
        double start = now();
        int status = fetch("/outer");
        /* Each of the three levels may wait for a thread once; the rest is what a busy machine adds. */
        if (!getenv("NH_SLOW")) CHECK(now() - start < 3 * QUEUE_MS / 1e3 + 20);
        __atomic_add_fetch(status == 200 ? &answered : &busy, 1, __ATOMIC_SEQ_CST);
    }
    return userdata;
}

/* One connection, so that nothing but the server can hold it up. */
static void *watch(void *userdata) {
    int *served = userdata;
    int fd = raw_connect(nh_server_port(server, 0));
    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
        char buf[512];
        raw_send(fd, "GET /leaf HTTP/1.1\r\nHost: h\r\n\r\n");
        ssize_t n = recv(fd, buf, sizeof buf - 1, 0);
        CHECK(n > 0);
        buf[n] = 0;
        /* Where all is slow, no route is quick. */
        if (!getenv("NH_SLOW")) CHECK(strstr(buf, "HTTP/1.1 200 OK\r\n") == buf && strstr(buf, "leaf"));
        if (strstr(buf, "Connection: close")) {
            close(fd);
            fd = raw_connect(nh_server_port(server, 0));
        }
        ++*served;
        usleep(1000);
    }
    close(fd);
    return NULL;
}

int main(void) {
    pthread_t callers[CALLERS], watcher;
    int served = 0, before;
    server = nh_server_new();
    client = nh_client_new();
    CHECK_INT(nh_server_set_max_handlers(server, CAP), NH_OK);
    CHECK_INT(nh_server_set_queue_timeout(server, QUEUE_MS), NH_OK);
    CHECK_INT(nh_server_handle(server, "/leaf", leaf, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(server, "/middle", level, (void *)"/leaf", NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(server, "/outer", level, (void *)"/middle", NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(server, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(server, NULL), NH_OK);
    /* Seen once, so known to be quick. */
    CHECK_INT(fetch("/leaf"), 200);
    CHECK(pthread_create(&watcher, NULL, watch, &served) == 0);
    for (int i = 0; i < CALLERS; i++)
        CHECK(pthread_create(&callers[i], NULL, call, NULL) == 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(callers[i], NULL);
    __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
    pthread_join(watcher, NULL);
    CHECK_INT(answered + busy, CALLERS * ROUNDS);
    CHECK(served > 0);
    /* The jam has left nothing behind: the same calls, one at a time, are all answered. */
    before = busy;
    for (int i = 0; i < 20; i++)
        CHECK_INT(fetch("/outer"), 200);
    printf("%d answered, %d busy, %d served beside them\n", answered, before, served);
    nh_client_free(client);
    nh_server_free(server);
    return 0;
}
