/* The main paths of the library, twice in one process: first where one call of the system fails (shim.c), and
 * whatever then fails does so by a documented error and an end; then where none does, and all of it works.
 * paths DIRECTORY, in which a.pem and a.key are. Exit code 3: the program needs fewer such calls. */
#include "../c/serve.h"
#include "../c/wait.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>

__attribute__((weak)) void fault_begin(void);
__attribute__((weak)) int fault_end(void);
__attribute__((weak)) void fault_memory(int on);

static const char *dir;
static int strict, given, freed, told;
static const char *step = "the beginning";

/* The code of a call: recorded where it fails, and run looks into the header whether it may; past the failure
 * it must not fail. */
static nh_result seen(const char *call, nh_result code, nh_error **err) {
    if (code != NH_OK) {
        const char *why = err && *err ? nh_error_message(*err) : "no text";
        printf("%s %.*s %d (%s: %s)\n", strict ? "STRICT" : "ERROR", (int)strcspn(call, "("), call, (int)code,
               step, why);
        fflush(stdout);
        if (strict) exit(1);
    }
    if (err) {
        nh_error_free(*err);
        *err = NULL;
    }
    return code;
}
#define SEEN(call, err) seen(#call, call, err)

static void *owned(void) {
    add(&given);
    return &given;
}
static void let_go(void *p) {
    CHECK(p == &given);
    add(&freed);
}

static void note_shutdown(void *p) {
    (void)p;
    add(&told);
}

/* ---- handlers */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static nh_response_writer *later[8];
static int laters, over, in_slow, gone;

static void hello(nh_response_writer *w, nh_request *r, void *p) {
    (void)r, (void)p;
    nh_respond(w, 200, "text/plain", "hello", 5);
}

static void leave(nh_response_writer *w, nh_request *r, void *p) {
    (void)r, (void)p;
    nh_result code = SEEN(nh_response_writer_detach(w), NULL);
    if (code != NH_OK) return;
    pthread_mutex_lock(&lock);
    CHECK(laters < 8);
    later[laters++] = w;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void *answers(void *p) {
    pthread_mutex_lock(&lock);
    while (!over || laters > 0) {
        if (laters == 0) {
            pthread_cond_wait(&changed, &lock);
            continue;
        }
        nh_response_writer *w = later[--laters];
        pthread_mutex_unlock(&lock);
        nh_respond(w, 200, "text/plain", "hello", 5);
        nh_response_writer_free(w);
        pthread_mutex_lock(&lock);
    }
    pthread_mutex_unlock(&lock);
    return p;
}

static void *pulls(void *server) {
    nh_response_writer *w;
    nh_request *r;
    nh_result code;
    nh_error *err = NULL;
    while ((code = nh_server_next(server, NH_TIMEOUT_NONE, &w, &r, &err)) == NH_OK) {
        nh_respond(w, 200, "text/plain", "hello", 5);
        nh_response_writer_free(w);
    }
    CHECK_INT(code, NH_ERR_SERVER_CLOSED);
    nh_error_free(err);
    return NULL;
}

static void take_over(nh_response_writer *w, nh_request *r, void *p) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    nh_conn *conn = NULL;
    nh_error *err = NULL;
    (void)r, (void)p;
    if (SEEN(nh_response_writer_hijack(w, &conn, &err), &err) != NH_OK) {
        CHECK(conn == NULL);
        return;
    }
    SEEN(nh_conn_write(conn, answer, sizeof answer - 1, &err), &err);
    nh_conn_free(conn);
}

static void upload(nh_response_writer *w, nh_request *r, void *p) {
    static _Thread_local char buf[1 << 16];
    size_t n, all = 0;
    nh_error *err = NULL;
    (void)p;
    do {
        if (SEEN(nh_request_body_read(r, buf, sizeof buf, &n, &err), &err) != NH_OK) return;
        all += n;
    } while (n > 0);
    nh_respond(w, all == 300000 ? 200 : 500, "text/plain", "hello", 5);
}

static void form(nh_response_writer *w, nh_request *r, void *p) {
    nh_values *values = NULL;
    nh_error *err = NULL;
    (void)p;
    if (fault_memory) fault_memory(1);
    nh_result code = SEEN(nh_request_parse_form(r, 1 << 20, &values, NULL, &err), &err);
    if (fault_memory) fault_memory(0);
    nh_respond(w, code == NH_OK ? 200 : 500, "text/plain", "hello", 5);
    nh_values_free(values);
}

static void parts(nh_response_writer *w, nh_request *r, void *memory) {
    nh_multipart_form *f = NULL;
    nh_error *err = NULL;
    if (fault_memory) fault_memory(1);
    nh_result code = SEEN(nh_request_parse_multipart(r, memory ? 1 << 20 : 1 << 10, &f, &err), &err);
    if (fault_memory) fault_memory(0);
    nh_respond(w, code == NH_OK ? 200 : 500, "text/plain", "hello", 5);
    nh_multipart_form_free(f);
}

static void is_gone(void *p) {
    (void)p;
    pthread_mutex_lock(&lock);
    gone = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Waits for its client to go. */
static void slow(nh_response_writer *w, nh_request *r, void *p) {
    nh_error *err = NULL;
    (void)w, (void)p;
    nh_result code = SEEN(nh_request_set_gone_callback(r, is_gone, owned(), let_go, &err), &err);
    pthread_mutex_lock(&lock);
    in_slow = 1;
    pthread_cond_broadcast(&changed);
    while (code == NH_OK && !gone)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

/* ---- the server */

static nh_server *s;

static int own_listener = -1, own_port;
static nh_result accepts(void *p, ptrdiff_t *fd_out) {
    (void)p;
    *fd_out = accept(own_listener, NULL, NULL);
    return *fd_out < 0 ? NH_ERR_CLOSED : NH_OK;
}

static void listen_oneself(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof at;
    own_listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(own_listener >= 0 && bind(own_listener, (struct sockaddr *)&at, n) == 0);
    CHECK(listen(own_listener, 8) == 0 && getsockname(own_listener, (struct sockaddr *)&at, &n) == 0);
    own_port = ntohs(at.sin_port);
}

static const char *in(const char *name) {
    static _Thread_local char paths[4][300];
    static _Thread_local int next;
    char *p = paths[next++ % 4];
    snprintf(p, 300, "%s/%s", dir, name);
    return p;
}

static void route(const char *pattern, nh_handler_fn fn) {
    CHECK_INT(nh_server_handle(s, pattern, fn, owned(), let_go, NULL), NH_OK);
}
static void route_handler(const char *pattern, nh_handler *h) {
    CHECK(h != NULL);
    CHECK_INT(nh_server_handle_handler(s, pattern, h, NULL), NH_OK);
    nh_handler_free(h);
}

static void parts_in_memory(nh_response_writer *w, nh_request *r, void *p) { parts(w, r, p); }
static void parts_in_files(nh_response_writer *w, nh_request *r, void *p) {
    (void)p;
    parts(w, r, NULL);
}

static int tls_at, started;

static void serve(void) {
    nh_error *err = NULL;
    nh_tls_config *tls = nh_tls_config_new();
    nh_handler *h = nh_handler_new(hello, owned(), let_go), *files = nh_file_server(dir);
    step = "serve";
    s = nh_server_new();
    CHECK_INT(nh_server_set_shards(s, 2), NH_OK);
    CHECK_INT(
        nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2),
        NH_OK);
    route("/hello", hello);
    route("/leave", leave);
    route("/over", take_over);
    route("/upload", upload);
    route("/form", form);
    route("/parts", parts_in_memory);
    route("/files-of-parts", parts_in_files);
    route("/slow", slow);
    route_handler("/timed", nh_timeout_handler(h, 20000, "late"));
    route_handler("/files/", nh_strip_prefix("/files", files));
    nh_handler_free(h);
    nh_handler_free(files);
    CHECK_INT(nh_server_handle_pull(s, "/pull", NULL), NH_OK);
    CHECK_INT(nh_server_on_shutdown(s, note_shutdown, owned(), let_go), NH_OK);
    nh_result code = SEEN(nh_tls_config_set_certificate_files(tls, in("a.pem"), in("a.key"), &err), &err);
    if (code == NH_OK) code = SEEN(nh_server_listen(s, "127.0.0.1:0", &err), &err);
    if (code == NH_OK) code = SEEN(nh_server_listen_tls(s, "localhost:0", tls, &err), &err);
    tls_at = nh_server_port(s, 1);
    listen_oneself();
    if (code == NH_OK) code = SEEN(nh_server_listen_callback(s, accepts, owned(), let_go, NULL, &err), &err);
    /* What failed to start can be started again. */
    if (code == NH_OK) code = SEEN(nh_server_start(s, &err), &err);
    if (code == NH_ERR_NO_RESOURCES && !strict) code = SEEN(nh_server_start(s, &err), &err);
    started = code == NH_OK;
    nh_tls_config_free(tls);
}

/* ---- the clients */

static void finish(nh_client *c, nh_request *r) {
    nh_response *res = NULL;
    const void *data;
    size_t n;
    nh_error *err = NULL;
    if (SEEN(nh_client_do(c, r, &res, &err), &err) == NH_OK) {
        CHECK(!strict || nh_response_status_code(res) == 200);
        if (fault_memory) fault_memory(1);
        nh_result code = SEEN(nh_response_body_read_all(res, 1 << 22, &data, &n, &err), &err);
        if (fault_memory) fault_memory(0);
        if (code == NH_OK && nh_response_status_code(res) == 200)
            CHECK((n == 5 && !memcmp(data, "hello", 5)) || n == 300000);
    } else
        CHECK(res == NULL);
    nh_response_free(res);
    nh_request_free(r);
}

static nh_request *ask(const char *method, const char *scheme, const char *host, int port, const char *path) {
    static char url[200];
    nh_request *r = NULL;
    snprintf(url, sizeof url, "%s://%s:%d%s", scheme, host, port, path);
    step = url;
    CHECK_INT(nh_request_new(method, url, &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_timeout(r, 10000), NH_OK);
    return r;
}

static void send_form(nh_client *c, const char *scheme, int port) {
    nh_values *v = nh_values_new();
    char *text = malloc(200001);
    nh_request *r = ask("POST", scheme, "127.0.0.1", port, "/form");
    memset(text, 'a', 200000);
    text[200000] = 0;
    nh_values_set(v, "a", text);
    CHECK_INT(nh_request_set_form(r, v), NH_OK);
    nh_values_free(v);
    free(text);
    finish(c, r);
}

static void send_parts(nh_client *c, const char *scheme, int port, const char *path) {
    nh_multipart *m = nh_multipart_new();
    nh_error *err = NULL;
    nh_request *r = ask("POST", scheme, "127.0.0.1", port, path);
    CHECK_INT(nh_multipart_add_field(m, "a", "b", 1), NH_OK);
    if (SEEN(nh_multipart_add_file(m, "f", in("big"), NULL, NULL, &err), &err) == NH_OK) {
        CHECK_INT(nh_request_set_multipart(r, m), NH_OK);
        finish(c, r);
    } else {
        nh_multipart_free(m);
        nh_request_free(r);
    }
}

static void *cancels(void *token) {
    pthread_mutex_lock(&lock);
    while (!in_slow)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    CHECK_INT(nh_cancel_token_fire(token), NH_OK);
    return NULL;
}

static void cancel(nh_client *c, const char *scheme, int port) {
    nh_cancel_token *token = nh_cancel_token_new();
    nh_request *r = ask("GET", scheme, "127.0.0.1", port, "/slow");
    nh_response *res = NULL;
    nh_error *err = NULL;
    pthread_t t;
    in_slow = gone = 0;
    CHECK_INT(nh_request_set_cancel(r, token), NH_OK);
    CHECK(pthread_create(&t, NULL, cancels, token) == 0);
    nh_result code = nh_client_do(c, r, &res, &err);
    if (code != NH_ERR_CANCELED || !strict) seen("nh_client_do", code, &err);
    CHECK(!strict || code == NH_ERR_CANCELED);
    nh_error_free(err);
    pthread_mutex_lock(&lock);
    in_slow = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(t, NULL);
    nh_response_free(res);
    nh_request_free(r);
    nh_cancel_token_free(token);
}

static void talk(const char *scheme, int port, uint32_t protocols) {
    nh_client *c = nh_client_new();
    nh_tls_config *tls = nh_tls_config_new();
    nh_jar *jar = nh_jar_new();
    nh_error *err = NULL;
    nh_request *r;
    step = "roots";
    CHECK_INT(nh_client_set_protocols(c, protocols), NH_OK);
    CHECK_INT(nh_client_set_jar(c, jar), NH_OK);
    SEEN(nh_tls_config_add_roots_file(tls, in("a.pem"), &err), &err);
    CHECK_INT(nh_client_set_tls_config(c, tls), NH_OK);
    finish(c, ask("GET", scheme, "localhost", port, "/hello"));
    finish(c, ask("GET", scheme, "127.0.0.1", port, "/leave"));
    finish(c, ask("GET", scheme, "127.0.0.1", port, "/pull"));
    finish(c, ask("GET", scheme, "127.0.0.1", port, "/timed"));
    if (protocols == NH_PROTOCOL_HTTP1) finish(c, ask("GET", scheme, "127.0.0.1", port, "/over"));
    finish(c, ask("GET", scheme, "127.0.0.1", port, "/files/big"));
    r = ask("PUT", scheme, "127.0.0.1", port, "/upload");
    if (SEEN(nh_request_set_body_file(r, in("big"), &err), &err) == NH_OK)
        finish(c, r);
    else
        nh_request_free(r);
    send_form(c, scheme, port);
    send_parts(c, scheme, port, "/parts");
    send_parts(c, scheme, port, "/files-of-parts");
    cancel(c, scheme, port);
    finish(c, ask("GET", scheme, "127.0.0.1", port, "/hello"));
    step = "jar";
    SEEN(nh_jar_save(jar, in("jar"), 1, &err), &err);
    nh_jar_free(jar);
    nh_client_free(c);
    nh_tls_config_free(tls);
}

static void round_trip(void) {
    pthread_t answerer, puller;
    told = laters = over = 0;
    given = freed = 0;
    serve();
    CHECK(pthread_create(&answerer, NULL, answers, NULL) == 0);
    if (started) {
        CHECK(pthread_create(&puller, NULL, pulls, s) == 0);
        talk("http", nh_server_port(s, 0), NH_PROTOCOL_HTTP1);
        talk("http", nh_server_port(s, 0), NH_PROTOCOL_UNENCRYPTED_HTTP2);
        talk("https", tls_at, NH_PROTOCOL_HTTP1);
        talk("https", tls_at, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2);
        nh_client *c = nh_client_new();
        finish(c, ask("GET", "http", "127.0.0.1", own_port, "/hello"));
        nh_client_free(c);
    }
    step = "stop";
    shutdown(own_listener, SHUT_RDWR);
    if (started) {
        CHECK_INT(nh_server_shutdown(s, 10000, NULL), NH_OK);
        pthread_join(puller, NULL);
    }
    nh_server_free(s);
    close(own_listener);
    pthread_mutex_lock(&lock);
    over = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(answerer, NULL);
    if (started) CHECK_INT(told, 1);
    await(&freed, given);
}

static int entries(const char *path) {
    int n = 0;
    DIR *d = opendir(path);
    CHECK(d != NULL);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    dir = argv[1];
    alarm(20); /* a hang is a failure */
    if (fault_begin) fault_begin();
    round_trip();
    int fired = fault_end ? fault_end() : 0;
    strict = 1;
    round_trip();
    /* What has a thread of its own may end a moment later. */
    int fds = 0, before = argc;
    for (int i = 0; i < 100 && (fds = entries("/proc/self/fd")) != before; i++) {
        before = fds;
        pause_ms(5);
    }
    printf("LEFT %d descriptors\n", fds);
    return fired ? 0 : 3;
}
