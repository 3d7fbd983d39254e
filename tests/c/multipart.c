/* Forms that are sent, urlencoded and multipart, and the progress of what is sent and read: against a server
 * that sends back what it got. */
#include <pthread.h>
#include <stdlib.h>

#include "serve.h"

static nh_server *server;
static nh_client *client;

/* ---- the server: /echo answers by the body and by what framed it; /drip gives two bytes 150 ms apart */

static void echo(nh_response_writer *w, nh_request *r, void *userdata) {
    static _Thread_local char body[1 << 20];
    size_t len = 0, n = 0;
    char text[32];
    (void)userdata;
    while (nh_request_body_read(r, body + len, sizeof body - len, &n, NULL) == NH_OK && n > 0)
        len += n;
    snprintf(text, sizeof text, "%lld", (long long)nh_request_content_length(r));
    nh_response_writer_set_header(w, "X-Length", text);
    if (nh_request_header_value(r, "Content-Type"))
        nh_response_writer_set_header(w, "X-Type", nh_request_header_value(r, "Content-Type"));
    nh_response_writer_write(w, body, len, NULL);
}

static void drip(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_set_header(w, "Content-Length", "2");
    for (int i = 0; i < 2; i++) {
        nh_response_writer_write(w, "x", 1, NULL);
        nh_response_writer_flush(w, NULL);
        usleep(150 * 1000);
    }
}

static void moved(nh_response_writer *w, nh_request *r, void *userdata) {
    char waste[4096];
    size_t n;
    (void)userdata;
    while (nh_request_body_read(r, waste, sizeof waste, &n, NULL) == NH_OK && n > 0) {
    }
    nh_response_writer_set_header(w, "Location", "/echo");
    nh_response_writer_write_header(w, 307);
}

static void *run(void *arg) {
    (void)arg;
    CHECK_INT(nh_server_run(server, NULL), NH_ERR_SERVER_CLOSED);
    return NULL;
}

static nh_request *post(const char *path) {
    nh_request *r = NULL;
    CHECK_INT(nh_request_new("POST", url_of(server, path), &r, NULL), NH_OK);
    return r;
}

/* Sends and frees r; the text is good until the next call. */
static const char *answer_to(nh_request *r, const char *type, const char *length) {
    static char text[1 << 16];
    nh_response *res = NULL;
    nh_error *err = NULL;
    const void *data;
    size_t n;
    if (nh_client_do(client, r, &res, &err) != NH_OK) fprintf(stderr, "%s\n", nh_error_message(err));
    CHECK_INT(nh_response_status_code(res), 200);
    CHECK_INT(nh_response_body_read_all(res, sizeof text - 1, &data, &n, NULL), NH_OK);
    memcpy(text, data, n + 1);
    CHECK_STR(nh_header_get(nh_response_header(res), "X-Type"), type);
    CHECK_STR(nh_header_get(nh_response_header(res), "X-Length"), length);
    nh_response_free(res);
    nh_request_free(r);
    return text;
}

static void forms(void) {
    nh_request *r = post("/echo");
    nh_values *v = nh_values_new();
    CHECK_INT(nh_values_add(v, "b", "x y&z"), NH_OK);
    CHECK_INT(nh_values_add(v, "a", ""), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_form(NULL, v));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_form(r, NULL));
    CHECK_INT(nh_request_set_form(r, v), NH_OK);
    nh_values_free(v);
    CHECK_STR(answer_to(r, "application/x-www-form-urlencoded", "12"), "a=&b=x+y%26z");
}

/* ---- multipart */

struct piece {
    int given, freed;
};

static nh_result give(void *userdata, void *buf, size_t cap, size_t *n_out) {
    struct piece *p = userdata;
    CHECK(cap >= 4);
    *n_out = p->given++ ? 0 : 4;
    memcpy(buf, "made", 4);
    return NH_OK;
}

static nh_result again(void *userdata) {
    ((struct piece *)userdata)->given = 0;
    return NH_OK;
}

static void freed(void *userdata) { ((struct piece *)userdata)->freed++; }

#define TYPE "multipart/form-data; boundary=B"
#define WANT                                                                                                 \
    "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"                                         \
    "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"file.txt\"\r\n"                           \
    "Content-Type: application/octet-stream\r\n\r\nfrom a file\r\n"                                          \
    "--B\r\nContent-Disposition: form-data; name=\"g\"; filename=\"\\\"x\\\"\"\r\n"                          \
    "Content-Type: text/plain\r\n\r\na file\r\n"                                                             \
    "--B\r\nContent-Disposition: form-data; name=\"h\"; filename=\"h\"\r\n"                                  \
    "Content-Type: application/octet-stream\r\n\r\nmade\r\n"                                                 \
    "--B\r\nX-Own: y\r\n\r\nown\r\n--B--\r\n"

static nh_multipart *sample(struct piece *p, int64_t length, nh_body_rewind_fn rewind, const char *path) {
    nh_multipart *m = nh_multipart_new();
    nh_header *h = nh_header_new();
    FILE *f = fopen(path, "r");
    CHECK(f != NULL && fseek(f, 5, SEEK_SET) == 0);
    CHECK_INT(nh_header_add(h, "X-Own", "y"), NH_OK);
    CHECK_INT(nh_multipart_set_boundary(m, "B"), NH_OK);
    CHECK_STR(nh_multipart_boundary(m), "B");
    CHECK_INT(nh_multipart_add_field(m, "a", "1", 1), NH_OK);
    CHECK_INT(nh_multipart_add_file(m, "f", path, NULL, NULL, NULL), NH_OK);
    CHECK_INT(lseek(fileno(f), 5, SEEK_SET), 5);
    CHECK_INT(nh_multipart_add_fd(m, "g", fileno(f), "\"x\"", "text/plain", NULL), NH_OK);
    CHECK_INT(nh_multipart_add_callback(m, "h", "h", NULL, length, give, rewind, p, freed), NH_OK);
    CHECK_INT(nh_multipart_add_part(m, h, "own", 3), NH_OK);
    CHECK_INT(nh_multipart_length(m), length < 0 ? -1 : (int64_t)strlen(WANT));
    fclose(f);
    nh_header_free(h);
    return m;
}

static void multipart(void) {
    char dir[] = "/tmp/nethttp-form-XXXXXX", path[64], length[16];
    struct piece p = {0, 0};
    nh_request *r;
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/file.txt", dir);
    FILE *f = fopen(path, "w");
    CHECK(f != NULL && fputs("from a file", f) >= 0 && fclose(f) == 0);
    snprintf(length, sizeof length, "%d", (int)strlen(WANT));

    r = post("/echo");
    CHECK_INT(nh_request_set_multipart(r, sample(&p, 4, again, path)), NH_OK);
    CHECK_STR(answer_to(r, TYPE, length), WANT);
    CHECK_INT(p.freed, 1);
    /* Of unknown length it is chunked. */
    p.given = 0;
    r = post("/echo");
    CHECK_INT(nh_request_set_multipart(r, sample(&p, -1, NULL, path)), NH_OK);
    CHECK_STR(answer_to(r, TYPE, "-1"), WANT);
    /* It is sent again where it is moved to. */
    p.given = 0;
    r = post("/moved");
    CHECK_INT(nh_request_set_multipart(r, sample(&p, 4, again, path)), NH_OK);
    CHECK_STR(answer_to(r, TYPE, length), WANT);
    CHECK_INT(p.freed, 3);

    nh_multipart *m = sample(&p, 4, again, path);
    r = post("/echo");
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_set_boundary(m, "C")); /* there are parts */
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_set_boundary(NULL, "C"));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_set_boundary(m, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_field(NULL, "a", "1", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_field(m, NULL, "1", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_field(m, "a", NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_file(NULL, "a", path, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_file(m, NULL, path, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_file(m, "a", NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_file(m, "a", dir, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_file(m, "a", path, NULL, "a\r\nb", NULL));
    CHECK_ERR(NH_ERR_IO, nh_multipart_add_file(m, "a", "/no/such/file", NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_fd(NULL, "a", 0, "f", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_fd(m, NULL, 0, "f", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_fd(m, "a", -1, "f", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_fd(m, "a", 0, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_IO, nh_multipart_add_fd(m, "a", 9999, "f", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_callback(NULL, "a", "f", NULL, 1, give, NULL, &p, freed));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_callback(m, NULL, "f", NULL, 1, give, NULL, &p, freed));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_callback(m, "a", NULL, NULL, 1, give, NULL, &p, freed));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_callback(m, "a", "f", NULL, 1, NULL, NULL, &p, freed));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_callback(m, "a", "f", NULL, -2, give, NULL, &p, freed));
    CHECK_INT(p.freed, 8);
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_part(NULL, NULL, NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_add_part(m, NULL, NULL, 1));
    CHECK_INT(nh_multipart_add_part(m, NULL, NULL, 0), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_multipart(r, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_multipart(NULL, m)); /* it is taken all the same */
    CHECK_INT(p.freed, 9);
    nh_request_free(r);
    m = nh_multipart_new();
    CHECK(strlen(nh_multipart_boundary(m)) == 64);
    nh_multipart_free(m);
    nh_multipart_free(NULL);
    CHECK_STR(nh_multipart_boundary(NULL), NULL);
    CHECK_INT(nh_multipart_length(NULL), -1);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(rmdir(dir), 0);
}

/* ---- progress */

struct seen {
    int calls, freed, refuse_at;
    int64_t sent, to_send, received, to_receive;
    pthread_t thread;
};

static nh_result watch(int64_t sent, int64_t to_send, int64_t received, int64_t to_receive, void *userdata) {
    struct seen *s = userdata;
    CHECK(pthread_equal(s->thread, pthread_self()));
    CHECK(sent >= 0 && received >= s->received);
    s->calls++;
    s->sent = sent, s->to_send = to_send, s->received = received, s->to_receive = to_receive;
    return s->refuse_at && s->calls >= s->refuse_at ? NH_ERR_CANCELED : NH_OK;
}

static void unseen(void *userdata) { ((struct seen *)userdata)->freed++; }

static void progress(void) {
    static char body[300000];
    struct seen s = {.thread = pthread_self()};
    struct piece p = {0, 0};
    nh_request *r = post("/echo");
    nh_response *res = NULL;
    nh_error *err = NULL;
    const void *data;
    char buf[16];
    size_t n;
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_progress(NULL, watch, &s, unseen));
    CHECK_INT(s.freed, 1);
    memset(body, 'b', sizeof body);
    CHECK_INT(nh_request_set_body(r, body, sizeof body), NH_OK);
    CHECK_INT(nh_request_set_progress(r, watch, &s, unseen), NH_OK);
    for (int i = 0; i < 2; i++) {
        s.received = s.calls = 0;
        CHECK_INT(nh_client_do(client, r, &res, NULL), NH_OK);
        CHECK_INT(nh_response_body_read_all(res, sizeof body, &data, &n, NULL), NH_OK);
        CHECK_INT(n, sizeof body);
        CHECK(s.calls >= 2 && s.calls < 40);
        CHECK_INT(s.sent, sizeof body);
        CHECK_INT(s.to_send, sizeof body);
        CHECK_INT(s.received, sizeof body);
        CHECK_INT(s.to_receive, -1);
        nh_response_free(res);
    }
    /* A callback's body, redirected: what was sent counts anew. */
    CHECK_INT(nh_request_set_url(r, url_of(server, "/moved"), NULL), NH_OK);
    CHECK_INT(nh_request_set_body_callback(r, -1, give, again, &p, freed), NH_OK);
    s.received = 0;
    CHECK_INT(nh_client_do(client, r, &res, NULL), NH_OK);
    CHECK_INT(nh_response_body_read_all(res, 9, &data, &n, NULL), NH_OK);
    CHECK_STR(data, "made");
    CHECK_INT(s.sent, 4);
    CHECK_INT(s.to_send, -1);
    CHECK_INT(s.received, 4);
    nh_response_free(res);
    CHECK_INT(nh_request_set_progress(r, NULL, NULL, NULL), NH_OK);
    CHECK_INT(s.freed, 2);

    /* It may refuse: the upload, and the download. */
    s.calls = 0, s.received = 0, s.refuse_at = 1;
    CHECK_INT(nh_request_set_body(r, body, sizeof body), NH_OK);
    CHECK_INT(nh_request_set_progress(r, watch, &s, unseen), NH_OK);
    CHECK_ERR(NH_ERR_ABORTED, nh_client_do(client, r, &res, &err));
    CHECK(strstr(nh_error_message(err), "the progress callback answered -21") != NULL);
    nh_error_free(err);
    nh_request_free(r);
    CHECK_INT(s.freed, 3);
    s.calls = 0, s.received = 0, s.refuse_at = 1;
    CHECK_INT(nh_request_new("GET", url_of(server, "/drip"), &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_progress(r, watch, &s, unseen), NH_OK);
    CHECK_INT(nh_client_do(client, r, &res, NULL), NH_OK);
    nh_request_free(r);
    nh_result code;
    while ((code = nh_response_body_read(res, buf, sizeof buf, &n, NULL)) == NH_OK && n > 0) {
    }
    CHECK_INT(code, NH_ERR_ABORTED);
    CHECK_INT(s.to_receive, 2);
    CHECK_ERR(NH_ERR_ABORTED, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
    CHECK_INT(s.freed, 3);
    nh_response_free(res);
    CHECK_INT(s.freed, 4);
}

int main(void) {
    pthread_t t;
    server = nh_server_new();
    CHECK_INT(nh_server_handle(server, "/echo", echo, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(server, "/drip", drip, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(server, "/moved", moved, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(server, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(pthread_create(&t, NULL, run, NULL), 0);
    client = nh_client_new();
    forms();
    multipart();
    progress();
    nh_client_free(client);
    CHECK_INT(nh_server_close(server), NH_OK);
    pthread_join(t, NULL);
    nh_server_free(server);
    return 0;
}
