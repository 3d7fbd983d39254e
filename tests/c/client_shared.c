/* Many threads on one client, over HTTP/1.1 and over HTTP/2: no lost or crossed response, no more connections
 * than allowed, whatever is canceled or late meanwhile. NH_SECONDS is how long, 4 by default; make test-deep
 * runs it for a minute under ThreadSanitizer. */
#include "check.h"
#include "nethttp.h"
#include "serve.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS = 32, CONNECTIONS = 8, LARGE = 90000 };

static nh_server *server;
static nh_client *client;
static int over;
static unsigned long done, canceled, late;

/* The tokens that main may fire, whatever their requests are at. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static nh_cancel_token *lent[THREADS];

static void lend(int thread, nh_cancel_token *token) {
    pthread_mutex_lock(&lock);
    lent[thread] = token;
    pthread_mutex_unlock(&lock);
}

/* Answers what identifies the request, then its body. */
static void echo(nh_response_writer *w, nh_request *r, void *userdata) {
    char buf[4096];
    size_t n;
    (void)userdata;
    const char *id = nh_request_query_value(r, "id", &n);
    CHECK(id != NULL);
    nh_response_writer_set_header(w, "X-Id", id);
    nh_response_writer_set_full_duplex(w);
    while (nh_request_body_read(r, buf, sizeof buf, &n, NULL) == NH_OK && n > 0)
        if (nh_response_writer_write(w, buf, n, NULL) != NH_OK) return;
}

static void fill(char *body, size_t len, unsigned seed) {
    for (size_t i = 0; i < len; i++)
        body[i] = (char)((i * 31 + seed) & 0xff);
}

/* One exchange; whatever comes back must be this request's own. */
static void exchange(int thread, unsigned long number, char *body, char *back) {
    char url[128], id[32];
    nh_request *r;
    nh_response *res;
    nh_error *err;
    size_t len = number % 7 == 0 ? LARGE : number % 3 * 100, have = 0, n = 1;
    nh_cancel_token *token = number % 11 == 0 ? nh_cancel_token_new() : NULL;
    snprintf(id, sizeof id, "%d-%lu", thread, number);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/echo?id=%s", (int)nh_server_port(server, 0), id);
    fill(body, len, (unsigned)(thread * 1000 + number));
    CHECK_INT(nh_request_new(len ? "POST" : "GET", url, &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_body(r, body, len), NH_OK);
    if (token) CHECK_INT(nh_request_set_cancel(r, token), NH_OK);
    if (token && number % 2) CHECK_INT(nh_cancel_token_fire(token), NH_OK);
    int64_t timeout = number % 13 == 0 ? 1 + (int64_t)(number % 4) : NH_TIMEOUT_NONE;
    CHECK_INT(nh_request_set_timeout(r, timeout), NH_OK);
    lend(thread, token);
    nh_result result = nh_client_do(client, r, &res, &err);
    if (result == NH_ERR_CANCELED && token) {
        nh_error_free(err);
        __atomic_add_fetch(&canceled, 1, __ATOMIC_RELAXED);
    } else if (result == NH_ERR_TIMEOUT && timeout > 0) {
        nh_error_free(err);
        __atomic_add_fetch(&late, 1, __ATOMIC_RELAXED);
    } else {
        if (result != NH_OK) fprintf(stderr, "%s\n", nh_error_message(err));
        CHECK_INT(result, NH_OK);
        CHECK_INT(nh_response_status_code(res), 200);
        CHECK_STR(nh_header_get(nh_response_header(res), "X-Id"), id);
        /* Some leave early: the rest must not reach the next one. */
        while (number % 5 != 0 && n > 0) {
            if (token && have > 0) nh_cancel_token_fire(token);
            result = nh_response_body_read(res, back + have, LARGE + 1 - have, &n, NULL);
            if (token && result == NH_ERR_CANCELED) break;
            if (timeout > 0 && result == NH_ERR_TIMEOUT) break;
            CHECK_INT(result, NH_OK);
            have += n;
        }
        if (number % 5 != 0 && result == NH_OK) CHECK(have == len && memcmp(body, back, len) == 0);
        nh_response_free(res);
        __atomic_add_fetch(&done, 1, __ATOMIC_RELAXED);
    }
    nh_request_free(r);
    lend(thread, NULL);
    nh_cancel_token_free(token);
}

static void *run(void *userdata) {
    int thread = *(int *)userdata;
    char *body = malloc(LARGE + 1), *back = malloc(LARGE + 1);
    CHECK(body && back);
    for (unsigned long number = 1; !__atomic_load_n(&over, __ATOMIC_SEQ_CST); number++)
        exchange(thread, number, body, back);
    free(body);
    free(back);
    return NULL;
}

/* How many connections to the server the kernel holds open on the client's side. The server itself may not
 * have seen yet that one of its own has ended. */
static int look(void) {
    char line[512];
    int count = 0;
    FILE *f = fopen("/proc/net/tcp", "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof line, f)) {
        unsigned port, state;
        if (sscanf(line, " %*d: %*x:%*x %*x:%x %x", &port, &state) == 2)
            count += port == (unsigned)nh_server_port(server, 0) && state == 1;
    }
    fclose(f);
    return count;
}

/* The kernel's list is no snapshot: where its reader is preempted, one that ended and its successors may all
 * be in it. Of three looks the least is taken: what is there beyond the limit and stays is in all of them. */
static int established(void) {
    int least = look();
    for (int i = 0; i < 2; i++) {
        int count = look();
        if (count < least) least = count;
    }
    return least;
}

static int enough(void) {
    return __atomic_load_n(&done, __ATOMIC_RELAXED) > 100 && __atomic_load_n(&canceled, __ATOMIC_RELAXED) > 0;
}

/* All threads on a client that speaks these protocols with a server of its own. */
static void share(uint32_t protocols, int seconds) {
    pthread_t threads[THREADS];
    int numbers[THREADS], most = 0;
    over = 0;
    done = canceled = late = 0;
    server = nh_server_new();
    client = nh_client_new();
    CHECK_INT(nh_server_set_protocols(server, protocols), NH_OK);
    CHECK_INT(nh_client_set_protocols(client, protocols), NH_OK);
    CHECK_INT(nh_client_set_max_conns_per_host(client, CONNECTIONS), NH_OK);
    CHECK_INT(nh_server_handle(server, "/echo", echo, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(server, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(server, NULL), NH_OK);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, run, &numbers[i]) == 0);
    }
    /* Up to a minute longer where so few were done in it that they would say nothing. */
    time_t end = time(NULL) + seconds, last = end + 60;
    for (unsigned long round = 0; time(NULL) < (enough() ? end : last); round++, usleep(5000)) {
        int now = established();
        if (now > most) most = now;
        pthread_mutex_lock(&lock);
        if (lent[round % THREADS]) nh_cancel_token_fire(lent[round % THREADS]);
        pthread_mutex_unlock(&lock);
    }
    __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(most > 0 && most < CONNECTIONS + CONNECTIONS / 2);
    CHECK(enough());
    CHECK(nh_client_idle_count(client) <= CONNECTIONS);
    CHECK(nh_client_reused_count(client) > 0);
    printf("%lu exchanges, %lu canceled, %lu late, %zu connections made, %d at once\n", done, canceled, late,
           nh_client_dialed_count(client), most);
    nh_client_free(client);
    nh_server_free(server);
}

int main(void) {
    const char *seconds = getenv("NH_SECONDS");
    int each = seconds ? atoi(seconds) / 2 : 2;
    share(NH_PROTOCOL_HTTP1, each);
    share(NH_PROTOCOL_UNENCRYPTED_HTTP2, each);
    return 0;
}
