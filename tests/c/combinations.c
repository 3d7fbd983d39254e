/* Each way to answer, by each protocol, with each thing that may come between: the table of all of them. Each
 * ends as it is told within a watchdog's time, and everything that was given is freed. */
#include "certs.h"
#include "serve.h"
#include "wait.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

enum { DETACH, HIJACK, PULL, WRAPPED, WAIT, WAYS };
enum { ALONE, STRIPPED, TIMED, BOUNDED, OUTERS };
enum { HTTP1, HTTP2, TLS, PROTOCOLS };
enum { ANSWER, LEAVE, SHUTDOWN, CLOSE, FREE, FORK, EVENTS };

static const char *const ways[] = {"detach", "hijack", "pull", "wrapped writer", "wait"};
static const char *const outers[] = {"no wrapper", "strip_prefix", "timeout", "max bytes"};
static const char *const protocols[] = {"HTTP/1.1", "HTTP/2", "HTTP/1.1 over TLS"};
static const char *const events[] = {"answer at once", "client leaves", "shutdown", "close", "free", "fork"};

static int way, outer, protocol, event;
static nh_server *server;
static nh_tls_config *tls;
static int arrived, released, given, freed, told, returned;
static nh_response_writer *kept; /* what is answered by the main thread, as is what was taken over */
static nh_conn *taken;

static const char *place(void) {
    static char text[200];
    snprintf(text, sizeof text, "%s, %s, %s, %s\n", ways[way], outers[outer], protocols[protocol],
             events[event]);
    return text;
}

static void hangs(int signal) {
    const char *text = place();
    (void)signal, (void)!write(2, "hangs: ", 7), (void)!write(2, text, strlen(text));
    _exit(1);
}

static char made;
static void let_go(void *p) {
    CHECK(p == &made);
    add(&freed);
}
#define OWNED (add(&given), &made), let_go

/* ---- the ways to answer */

static void read_body(nh_request *r) {
    char buf[10];
    size_t n, all = 0;
    while (nh_request_body_read(r, buf, sizeof buf, &n, NULL) == NH_OK && n > 0)
        all += n;
    CHECK_INT(all, 3);
}

static void waits(nh_response_writer *w, nh_request *r, void *p);

static void detaches(nh_response_writer *w, nh_request *r, void *p) {
    (void)p;
    size_t n;
    CHECK_INT(nh_request_set_value(r, "value", OWNED), NH_OK);
    CHECK_STR(nh_request_path(r, &n), outer == STRIPPED ? "/a" : "/x/a");
    nh_result code = nh_response_writer_detach(w);
    CHECK_INT(code, outer == TIMED ? NH_ERR_UNSUPPORTED : NH_OK);
    if (code != NH_OK) {
        waits(w, r, p);
        return;
    }
    /* It is still this thread's: nobody else knows of it. */
    read_body(r);
    CHECK_STR(nh_request_path(r, &n), outer == STRIPPED ? "/a" : "/x/a");
    __atomic_store_n(&kept, w, __ATOMIC_SEQ_CST);
    add(&arrived);
}

static int takes(void) { return protocol != HTTP2 && outer != TIMED; }

static void takes_over(nh_response_writer *w, nh_request *r, void *p) {
    nh_conn *conn = NULL;
    (void)p;
    read_body(r);
    nh_result code = nh_response_writer_hijack(w, &conn, NULL);
    /* A stream cannot be taken over: HTTP/2 has one connection for all. */
    CHECK((code == NH_OK) == takes());
    __atomic_store_n(&taken, conn, __ATOMIC_SEQ_CST);
    add(&arrived);
    if (code != NH_OK) nh_respond(w, 200, "text/plain", "done", 4);
}

static void waits(nh_response_writer *w, nh_request *r, void *p) {
    (void)p;
    read_body(r);
    add(&arrived);
    await_past(&released, 1);
    nh_respond(w, 200, "text/plain", "done", 4);
}

static nh_result wrapped_write(nh_response_writer *inner, const void *data, size_t len, void *p) {
    (void)p;
    return nh_response_writer_write(inner, data, len, NULL);
}

static void wraps(nh_response_writer *w, nh_request *r, void *p) {
    nh_response_writer *own;
    CHECK_INT(nh_response_writer_wrap(w, NULL, wrapped_write, NULL, OWNED, &own), NH_OK);
    waits(own, r, p);
    nh_response_writer_free(own);
}

static void is_told(void *p) {
    (void)p;
    add(&told);
}

static void *pulls(void *s) {
    nh_response_writer *w;
    nh_request *r;
    if (nh_server_next(s, NH_TIMEOUT_NONE, &w, &r, NULL) != NH_OK) return NULL;
    read_body(r);
    __atomic_store_n(&kept, w, __ATOMIC_SEQ_CST);
    add(&arrived);
    return NULL;
}

static void route(void) {
    static const nh_handler_fn fns[] = {detaches, takes_over, NULL, wraps, waits};
    nh_handler *h = fns[way] ? nh_handler_new(fns[way], OWNED) : NULL, *around = NULL;
    if (outer == STRIPPED) around = nh_strip_prefix("/x", h);
    if (outer == TIMED) around = nh_timeout_handler(h, 100000, "late");
    if (outer == BOUNDED) around = nh_max_bytes_handler(h, 10);
    if (way == PULL)
        CHECK_INT(nh_server_handle_pull(server, "/x/", NULL), NH_OK);
    else
        CHECK_INT(nh_server_handle_handler(server, "/x/", around ? around : h, NULL), NH_OK);
    nh_handler_free(around);
    nh_handler_free(h);
}

/* The main thread's part of the answer, which nobody may be there to read. */
static void release(void) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone";
    nh_response_writer *w = __atomic_exchange_n(&kept, NULL, __ATOMIC_SEQ_CST);
    nh_conn *conn = __atomic_exchange_n(&taken, NULL, __ATOMIC_SEQ_CST);
    add(&released);
    if (w) nh_respond(w, 200, "text/plain", "done", 4);
    nh_response_writer_free(w);
    if (conn) nh_conn_write(conn, answer, sizeof answer - 1, NULL);
    nh_conn_free(conn);
}

/* ---- the client */

static nh_cancel_token *token;
static char url[100];

static void *asks(void *p) {
    nh_client *c = nh_client_new();
    nh_request *r;
    nh_response *res = NULL;
    const void *data;
    size_t n;
    CHECK_INT(
        nh_client_set_protocols(c, protocol == HTTP2 ? NH_PROTOCOL_UNENCRYPTED_HTTP2 : NH_PROTOCOL_HTTP1),
        NH_OK);
    CHECK_INT(nh_client_set_tls_config(c, tls), NH_OK);
    CHECK_INT(nh_request_new("POST", url, &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_body(r, "abc", 3), NH_OK);
    CHECK_INT(nh_request_set_cancel(r, token), NH_OK);
    nh_result code = nh_client_do(c, r, &res, NULL);
    if (code == NH_OK) code = nh_response_body_read_all(res, 100, &data, &n, NULL);
    if (code == NH_OK) CHECK(nh_response_status_code(res) == 200 && n == 4 && !memcmp(data, "done", 4));
    nh_response_free(res);
    nh_request_free(r);
    nh_client_free(c);
    __atomic_store_n(&returned, 1, __ATOMIC_SEQ_CST);
    *(nh_result *)p = code;
    return NULL;
}

/* ---- what comes between */

static void *frees(void *s) {
    nh_server_free(s);
    return NULL;
}
static void *shuts_down(void *s) {
    CHECK_INT(nh_server_shutdown(s, NH_TIMEOUT_NONE, NULL), NH_OK);
    return NULL;
}

static void forks(void) {
    int status;
    nh_response_writer *w = __atomic_load_n(&kept, __ATOMIC_SEQ_CST);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        alarm(20);
        if (nh_server_shutdown(server, 100, NULL) != NH_ERR_FORKED) _exit(1);
        if (nh_server_close(server) != NH_ERR_FORKED) _exit(2);
        nh_response_writer_free(w);
        nh_server_free(server);
        /* Not _exit: what only the parent's threads could free is no leak. */
        execl("/bin/true", "true", (char *)NULL);
        _exit(3);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

/* Whether the client has its answer. */
static void check(nh_result code) {
    int fits = code == NH_OK;
    if (event == LEAVE)
        fits = code == NH_ERR_CANCELED || (way == HIJACK && !takes() && code == NH_OK);
    else if (event == CLOSE || event == FREE)
        fits = code == NH_ERR_IO || code == NH_ERR_UNEXPECTED_EOF || code == NH_ERR_PROTOCOL ||
               (way == HIJACK && code == NH_OK); /* the connection is the program's: no server ends it */
    if (fits) return;
    fprintf(stderr, "%s: %s\n", place(), nh_result_text(code));
    exit(1);
}

static void one(void) {
    pthread_t asker, puller, ender;
    nh_result code = 1;
    arrived = released = given = freed = told = returned = 0;
    server = nh_server_new();
    token = nh_cancel_token_new();
    CHECK_INT(nh_server_set_shards(server, 2), NH_OK);
    CHECK_INT(nh_server_set_protocols(server, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_server_on_shutdown(server, is_told, OWNED), NH_OK);
    CHECK_INT(nh_server_set_base_value(server, "base", OWNED), NH_OK);
    route();
    if (protocol == TLS)
        CHECK_INT(nh_server_listen_tls(server, "127.0.0.1:0", tls, NULL), NH_OK);
    else
        CHECK_INT(nh_server_listen(server, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(server, NULL), NH_OK);
    snprintf(url, sizeof url, "%s://127.0.0.1:%d/x/a", protocol == TLS ? "https" : "http",
             (int)nh_server_port(server, 0));
    if (way == PULL) CHECK_INT(pthread_create(&puller, NULL, pulls, server), 0);
    CHECK_INT(pthread_create(&asker, NULL, asks, &code), 0);
    await(&arrived, 1);
    switch (event) {
    case LEAVE:
        CHECK_INT(nh_cancel_token_fire(token), NH_OK);
        await(&returned, 1);
        break;
    case SHUTDOWN:
        CHECK_INT(pthread_create(&ender, NULL, shuts_down, server), 0);
        await(&told, 1);
        break;
    case CLOSE: /* connections end before their handlers return */
        CHECK_INT(nh_server_close(server), NH_OK);
        if (way != HIJACK) await(&returned, 1);
        break;
    case FREE:
        CHECK_INT(pthread_create(&ender, NULL, frees, server), 0);
        if (way != HIJACK) await(&returned, 1);
        break;
    case FORK:
        forks();
        break;
    default:
        break;
    }
    release();
    pthread_join(asker, NULL);
    if (way == PULL) pthread_join(puller, NULL);
    check(code);
    if (event == SHUTDOWN || event == FREE) pthread_join(ender, NULL);
    if (event != FREE) nh_server_free(server);
    CHECK_INT(told, 1);
    await(&freed, given);
    nh_cancel_token_free(token);
}

int main(void) {
    signal(SIGALRM, hangs);
    certs_begin();
    certs_make("a", "IP:127.0.0.1");
    tls = nh_tls_config_new();
    CHECK_INT(nh_tls_config_set_certificate_files(tls, in_dir("a.pem"), in_dir("a.key"), NULL), NH_OK);
    CHECK_INT(nh_tls_config_add_roots_file(tls, in_dir("a.pem"), NULL), NH_OK);
    for (way = 0; way < WAYS; way++)
        for (outer = 0; outer < (way == PULL ? 1 : OUTERS); outer++)
            for (protocol = 0; protocol < (outer && getenv("NH_SLOW") ? TLS : PROTOCOLS); protocol++)
                for (event = 0; event < EVENTS; event++) {
                    alarm(getenv("NH_SLOW") ? 60 : 20);
                    one();
                }
    nh_tls_config_free(tls);
    return 0;
}
