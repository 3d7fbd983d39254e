/* What tests of re-entrance share: a call back into all of the library, and userdata that is ended by one. A
 * watchdog ends what hangs. */
#ifndef NETHTTP_TEST_CALLS_BACK_H
#define NETHTTP_TEST_CALLS_BACK_H

#include "certs.h"
#include "serve.h"
#include "wait.h"

#include <pthread.h>
#include <signal.h>

static _Atomic(nh_server *) server; /* the one that is called back into, while there is one */
static _Atomic(nh_client *) client;
/* Held while they are called back into: what is freed must not be used at the same time. */
static pthread_rwlock_t in_use = PTHREAD_RWLOCK_INITIALIZER;
static char plain[128], made[64];
static _Atomic int plain_is_known;
static int given, freed, pattern, called, over;
static nh_tls_config *tls; /* of the server, and of all clients where it is asked by TLS */
static const char *step = "the beginning";
static _Thread_local int depth;

static void hangs(int signal) {
    (void)signal, (void)!write(2, "hangs at ", 9), (void)!write(2, step, strlen(step));
    (void)!write(2, "\n", 1);
    _exit(1);
}

static void fetch(nh_client *c, const char *url) {
    nh_response *res = NULL;
    nh_error *err = NULL;
    if (nh_client_get(c, url, &res, &err) != NH_OK && !current(&over)) {
        fprintf(stderr, "%s: %s\n", step, nh_error_message(err));
        exit(1);
    }
    nh_error_free(err);
    nh_response_free(res);
}

static void nothing(nh_response_writer *w, nh_request *r, void *p) {
    (void)r, (void)p;
    nh_respond(w, 200, "text/plain", "nothing", 7);
}

static void set_client(nh_client *c) {
    CHECK_INT(nh_client_set_max_idle(c, 50), NH_OK);
    CHECK_INT(nh_client_set_redirect_callback(c, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, tls), NH_OK);
    CHECK_INT(nh_client_set_proxy(c, NULL, NULL), NH_OK);
    CHECK_INT(nh_client_set_http2(c, NULL), NH_OK);
    CHECK_INT(nh_client_close_idle(c), NH_OK);
    nh_client_idle_count(c);
    fetch(c, plain);
}

/* What is called once it has stopped, it refuses. */
static void set_server(void) {
    char name[32];
    snprintf(name, sizeof name, "/late/%d", __atomic_add_fetch(&pattern, 1, __ATOMIC_SEQ_CST));
    nh_result code = nh_server_handle(server, name, nothing, NULL, NULL, NULL);
    CHECK(code == NH_OK || current(&over));
    nh_server_set_idle_timeout(server, 1000); /* NH_ERR_STATE from the start on */
    nh_server_set_base_value(server, "late", NULL, NULL);
    nh_server_set_keep_alive(server, 1);
    nh_server_connections(server);
    nh_server_port(server, 0);
}

/* Other handles, and those that are there while they are. */
static void anything(int clients_too) {
    if (depth > 0) return;
    depth++;
    nh_client *own = nh_client_new();
    CHECK_INT(nh_client_set_tls_config(own, tls), NH_OK);
    nh_transport *t = nh_transport_new();
    nh_values *v = nh_values_new();
    nh_mux_free(nh_mux_new());
    nh_transport_free(t);
    nh_values_free(v);
    pthread_rwlock_rdlock(&in_use);
    if (server) set_server();
    if (server && plain_is_known) fetch(own, plain);
    nh_client_free(own);
    if (server && plain_is_known && client && clients_too) set_client(client);
    pthread_rwlock_unlock(&in_use);
    add(&called);
    depth--;
}

/* The server, to be freed: nobody calls back into it any more. */
static nh_server *last_of_server(void) {
    pthread_rwlock_wrlock(&in_use);
    nh_server *s = server;
    server = NULL;
    pthread_rwlock_unlock(&in_use);
    return s;
}

static void let_go(void *p) {
    CHECK(p == made);
    anything(1);
    add(&freed);
}

#define OWNED (add(&given), made), let_go

static int told;
static void tells(void *p) {
    nh_server *s = server;
    (void)p;
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_on_shutdown(s, tells, OWNED));
    nh_server_set_keep_alive(s, 0);
    nh_server_request_stop(s);
    CHECK_INT(nh_server_close(s), NH_OK);
    CHECK_INT(nh_server_shutdown(s, 10000, NULL), NH_OK);
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_wait(s, 10000, NULL));
    add(&told);
}

static void watch(void) {
    signal(SIGALRM, hangs);
    alarm(getenv("NH_SLOW") ? 100 : 30);
}

#endif
