/* Files, other content and answers that are ready, where a comparison with Go does not reach: errors,
 * descriptors, peers that go. */
#include "check.h"
#include "nethttp.h"
#include "serve.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

static nh_server *server;
static char dir[] = "/tmp/nethttp-file-XXXXXX", buf[4 << 20];
static int freed;

static void count_free(void *userdata) { ++*(int *)userdata; }

static const char *in_dir(const char *name) {
    static _Thread_local char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void make(const char *name, size_t len) {
    FILE *f = fopen(in_dir(name), "w");
    CHECK(f != NULL);
    for (size_t i = 0; i < len; i++)
        fputc((int)('a' + i % 26), f);
    fclose(f);
}

static const char *ask(const char *head) {
    int fd = raw_connect(nh_server_port(server, 0));
    char request[1024];
    snprintf(request, sizeof request, "%s\r\nHost: h\r\nConnection: close\r\n\r\n", head);
    raw_send(fd, request);
    raw_finish(fd, buf, sizeof buf);
    return buf;
}

static void has(const char *head, const char *part) {
    if (!strstr(ask(head), part)) fprintf(stderr, "%s gave\n%.2000s\n", head, buf);
    CHECK(strstr(buf, part) != NULL);
}

/* The body is so many letters of the file, from one of them on. */
static void letters(const char *head, size_t from, size_t len) {
    const char *body = strstr(ask(head), "\r\n\r\n");
    CHECK(body != NULL);
    CHECK_INT(strlen(body + 4), len);
    for (size_t i = 0; i < len; i++)
        CHECK(body[4 + i] == (char)('a' + (from + i) % 26));
}

/* ---- handlers */

static nh_result broken(void *userdata, uint64_t offset, void *to, size_t cap, size_t *n_out) {
    (void)userdata, (void)offset, (void)to, (void)cap, (void)n_out;
    return NH_ERR_BUSY;
}

static nh_result uncounted(void *userdata, uint64_t offset, void *to, size_t cap, size_t *n_out) {
    (void)userdata, (void)offset, (void)to, (void)cap, (void)n_out;
    return NH_OK;
}

static nh_result too_much(void *userdata, uint64_t offset, void *to, size_t cap, size_t *n_out) {
    (void)userdata, (void)offset, (void)to;
    *n_out = cap + 1;
    return NH_OK;
}

/* Ten letters, three at a time. */
static nh_result ten(void *userdata, uint64_t offset, void *to, size_t cap, size_t *n_out) {
    (void)userdata;
    for (*n_out = 0; *n_out < 3 && *n_out < cap && offset + *n_out < 10; ++*n_out)
        ((char *)to)[*n_out] = (char)('a' + offset + *n_out);
    return NH_OK;
}

static void contents(nh_response_writer *w, nh_request *r, void *userdata) {
    size_t len;
    const char *kind = nh_request_query_value(r, "kind", &len);
    nh_error *err = NULL;
    (void)userdata;
    freed = 0;
    CHECK_ERR(NH_ERR_INVALID, nh_serve_content(NULL, r, "", 0, 10, ten, &freed, count_free, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_serve_content(w, NULL, "", 0, 10, ten, &freed, count_free, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_serve_content(w, r, NULL, 0, 10, ten, &freed, count_free, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_serve_content(w, r, "", 0, -1, ten, &freed, count_free, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_serve_content(w, r, "", 0, 10, NULL, &freed, count_free, NULL));
    CHECK_INT(freed, 5);
    if (!strcmp(kind, "ten")) {
        CHECK_INT(nh_serve_content(w, r, "x.txt", 1000000000, 10, ten, NULL, NULL, NULL), NH_OK);
        CHECK_ERR(NH_ERR_STATE, nh_serve_content(w, r, "x.txt", 0, 0, ten, NULL, NULL, NULL));
    } else if (!strcmp(kind, "short")) {
        CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_serve_content(w, r, "x.txt", 0, 11, ten, NULL, NULL, NULL));
    } else if (!strcmp(kind, "broken")) {
        CHECK_ERR(NH_ERR_IO, nh_serve_content(w, r, "x.txt", 0, 11, broken, NULL, NULL, &err));
        CHECK_STR(nh_error_message(err), "nethttp: the content's function answered -8");
        nh_error_free(err);
    } else if (!strcmp(kind, "uncounted")) {
        CHECK_ERR(NH_ERR_ABORTED, nh_serve_content(w, r, "x.txt", 0, 11, uncounted, NULL, NULL, NULL));
    } else {
        CHECK_ERR(NH_ERR_INVALID, nh_serve_content(w, r, "x.txt", 0, 11, too_much, NULL, NULL, NULL));
    }
}

static void file(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    CHECK_ERR(NH_ERR_INVALID, nh_serve_file(NULL, r, dir, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_serve_file(w, NULL, dir, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_serve_file(w, r, NULL, NULL));
    CHECK_INT(nh_serve_file(w, r, in_dir("big"), NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_serve_file(w, r, in_dir("small.txt"), NULL));
}

/* How a descriptor is sent is the query's first letter: declared, chunked, wrapped, or past the file's end.
 */
static nh_result pass(nh_response_writer *inner, const void *data, size_t len, void *userdata) {
    ++*(int *)userdata;
    return nh_response_writer_write(inner, data, len, NULL);
}

static void descriptor(nh_response_writer *w, nh_request *r, void *userdata) {
    int fd = open(in_dir("big"), O_RDONLY), passed = 0, pipes[2];
    char how = *nh_request_raw_query(r);
    nh_response_writer *over;
    (void)userdata;
    CHECK(fd >= 0 && pipe(pipes) == 0);
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_send_fd(NULL, fd, 0, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_send_fd(w, -1, 0, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_send_fd(w, fd, -1, 1, NULL));
    if (how == 'd' || how == 'p') nh_response_writer_set_header(w, "Content-Length", "100001");
    if (how == 'd') {
        CHECK_INT(nh_response_writer_write(w, "z", 1, NULL), NH_OK);
        CHECK_INT(nh_response_writer_send_fd(w, fd, 1000, 100000, NULL), NH_OK);
        CHECK_INT(nh_response_writer_written(w), 100001);
        CHECK_ERR(NH_ERR_BODY_LENGTH, nh_response_writer_send_fd(w, fd, 0, 1, NULL));
    } else if (how == 'c') {
        CHECK_INT(nh_response_writer_send_fd(w, fd, 0, 100000, NULL), NH_OK);
    } else if (how == 'p') {
        CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_response_writer_send_fd(w, fd, (3 << 20) - 50000, 100001, NULL));
    } else if (how == 'f') {
        CHECK_ERR(NH_ERR_IO, nh_response_writer_send_fd(w, pipes[0], 0, 1, NULL));
    } else {
        CHECK_INT(nh_response_writer_wrap(w, NULL, how == 'w' ? pass : NULL, NULL, &passed, NULL, &over),
                  NH_OK);
        CHECK_INT(nh_response_writer_send_fd(over, fd, 0, 200000, NULL), NH_OK);
        CHECK_INT(nh_response_writer_written(over), 200000);
        CHECK_INT(nh_response_writer_status(over), 200);
        CHECK((passed > 0) == (how == 'w'));
        nh_response_writer_free(over);
    }
    close(fd);
    close(pipes[0]);
    close(pipes[1]);
}

/* Sends until the peer, which has gone, is noticed. A signal would end the process. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int noticed;

static void endless(nh_response_writer *w, nh_request *r, void *userdata) {
    int fd = open(in_dir("big"), O_RDONLY);
    nh_result result;
    (void)r, (void)userdata;
    nh_response_writer_set_header(w, "Content-Length", "1000000000000");
    do
        result = nh_response_writer_send_fd(w, fd, 0, 1 << 20, NULL);
    while (result == NH_OK);
    CHECK_INT(result, NH_ERR_IO);
    close(fd);
    pthread_mutex_lock(&lock);
    noticed = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void answers(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    CHECK_ERR(NH_ERR_INVALID, nh_respond_error(NULL, "x", 400));
    CHECK_ERR(NH_ERR_INVALID, nh_respond_error(w, NULL, 400));
    CHECK_ERR(NH_ERR_INVALID, nh_respond_error(w, "x", 100));
    CHECK_ERR(NH_ERR_INVALID, nh_not_found(NULL, r));
    CHECK_ERR(NH_ERR_INVALID, nh_not_found(w, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_redirect(NULL, r, "/", 302));
    CHECK_ERR(NH_ERR_INVALID, nh_redirect(w, NULL, "/", 302));
    CHECK_ERR(NH_ERR_INVALID, nh_redirect(w, r, NULL, 302));
    CHECK_ERR(NH_ERR_INVALID, nh_redirect(w, r, "/", 1000));
    CHECK_ERR(NH_ERR_INVALID, nh_redirect(w, r, "/\r\nX: y", 302));
    CHECK_INT(nh_respond_error(w, "gone for good", 410), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_respond_error(w, "more", 400));
    CHECK_ERR(NH_ERR_STATE, nh_not_found(w, r));
    CHECK_ERR(NH_ERR_STATE, nh_redirect(w, r, "/", 302));
}

static void paths(nh_response_writer *w, nh_request *r, void *userdata) {
    size_t len;
    (void)userdata;
    nh_response_writer_write_str(w, nh_request_path(r, &len), NULL);
    nh_response_writer_write_str(w, "?", NULL);
    nh_response_writer_write_str(w, nh_request_raw_query(r), NULL);
    nh_response_writer_write_str(w, " of ", NULL);
    nh_response_writer_write_str(w, nh_request_uri(r), NULL);
    nh_response_writer_write_str(w, " at ", NULL);
    nh_response_writer_write_str(w, nh_request_url(r), NULL);
    const char *b = nh_request_query_value(r, "b", &len);
    if (b) nh_response_writer_write_str(w, b, NULL);
}

static void handle(const char *pattern, nh_handler *h) {
    CHECK_INT(nh_server_handle_handler(server, pattern, h, NULL), NH_OK);
    nh_handler_free(h);
}

int main(void) {
    CHECK(mkdtemp(dir) != NULL);
    make("big", 3 << 20);
    make("small.txt", 30);
    CHECK(mkfifo(in_dir("fifo"), 0600) == 0);
    server = nh_server_new();
    nh_handler *files = nh_file_server(dir), *h = nh_handler_new(paths, NULL, NULL);

    CHECK(nh_file_server(NULL) == NULL);
    CHECK(nh_strip_prefix(NULL, h) == NULL && nh_strip_prefix("/x", NULL) == NULL);
    CHECK(nh_allow_query_semicolons(NULL) == NULL);
    CHECK(nh_redirect_handler(NULL, 301) == NULL && nh_redirect_handler("/", 42) == NULL);
    CHECK(nh_redirect_handler("a\nb", 301) == NULL);
    handle("/files/", nh_strip_prefix("/files", files));
    nh_handler_free(files);
    handle("/gone", nh_not_found_handler());
    handle("/moved/", nh_redirect_handler("new/place?x", 308));
    nh_handler *inner = nh_strip_prefix("/b", h), *semi = nh_allow_query_semicolons(inner);
    handle("/a/", nh_strip_prefix("/a", semi));
    nh_handler_free(semi);
    nh_handler_free(inner);
    handle("/none/", nh_strip_prefix("", h));
    nh_handler_free(h);
    handle("/content", nh_handler_new(contents, NULL, NULL));
    handle("/file/", nh_handler_new(file, NULL, NULL));
    handle("/fd", nh_handler_new(descriptor, NULL, NULL));
    handle("/endless", nh_handler_new(endless, NULL, NULL));
    handle("/answers", nh_handler_new(answers, NULL, NULL));
    CHECK_INT(nh_server_listen(server, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(server, NULL), NH_OK);

    letters("GET /files/small.txt HTTP/1.1", 0, 30);
    letters("GET /files/big HTTP/1.1", 0, 3 << 20);
    letters("GET /files/big HTTP/1.0", 0, 3 << 20);
    letters("GET /files/big HTTP/1.1\r\nRange: bytes=100-2000099", 100, 2000000);
    letters("HEAD /files/big HTTP/1.1", 0, 0);
    has("GET /files/big HTTP/1.1\r\nRange: bytes=0-999999,2000000-2999999", "206 Partial Content\r\n");
    CHECK(strlen(strstr(buf, "\r\n\r\n")) > 2000000 &&
          strstr(buf, "Content-Range: bytes 2000000-2999999/3145728\r\n"));
    /* A FIFO without a writer must not hold the handler. */
    has("GET /files/fifo HTTP/1.1", "403 Forbidden");
    has("GET /files/big/x HTTP/1.1", "404 Not Found");

    has("GET /content?kind=ten HTTP/1.1", "\r\n\r\nabcdefghij");
    CHECK(strstr(buf, "Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\n") != NULL);
    has("GET /content?kind=ten HTTP/1.1\r\nRange: lines=4-", " 200 OK\r\n"); /* RFC 9110, 14.2 */
    has("GET /content?kind=ten HTTP/1.1\r\nRange: Bytes=4-", "\r\n\r\nefghij");
    has("GET /content?kind=ten HTTP/1.1\r\nRange: bytes=4-", "\r\n\r\nefghij");
    has("GET /content?kind=short HTTP/1.1", "Content-Length: 11\r\n");
    has("GET /content?kind=broken HTTP/1.1", "Content-Length: 11\r\n");
    has("GET /content?kind=much HTTP/1.1", "Content-Length: 11\r\n");
    has("GET /content?kind=uncounted HTTP/1.1", "Content-Length: 11\r\n");
    letters("GET /file/x HTTP/1.1", 0, 3 << 20);

    has("GET /fd?declared HTTP/1.1", "\r\n\r\nzmnop");
    CHECK_INT(strlen(strstr(buf, "\r\n\r\n")), 4 + 100001);
    has("GET /fd?chunked HTTP/1.1", "Transfer-Encoding: chunked");
    letters("GET /fd?through HTTP/1.0", 0, 200000);
    letters("GET /fd?wrapped HTTP/1.0", 0, 200000);
    has("GET /fd?past HTTP/1.1", "Content-Length: 100001");
    has("HEAD /fd?declared HTTP/1.1", "Content-Length: 100001");
    has("GET /fd?fails HTTP/1.1", "200 OK");

    has("GET /answers HTTP/1.1", "\r\n\r\ngone for good\nmore\n404 page not found\n");
    CHECK(strstr(buf, "HTTP/1.1 410 Gone\r\n") && strstr(buf, "X-Content-Type-Options: nosniff\r\n"));
    has("GET /gone HTTP/1.1", "HTTP/1.1 404 Not Found\r\n");
    has("GET /moved/x HTTP/1.1", "Location: /moved/new/place?x\r\n");
    has("GET /a/b/c%20d?a;b=1 HTTP/1.1", "\r\n\r\n/c d?a&b=1 of /a/b/c%20d?a;b=1 at /c%20d?a&b=11");
    has("GET http://h/a/b/c?x HTTP/1.1", "\r\n\r\n/c?x of http://h/a/b/c?x at http://h/c?x");
    has("GET /a/c HTTP/1.1", "404 Not Found");
    has("GET /none/x HTTP/1.1", "\r\n\r\n/none/x? of /none/x at /none/x");

    int fd = raw_connect(nh_server_port(server, 0));
    raw_send(fd, "GET /endless HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(recv(fd, buf, 1000, 0) > 0);
    raw_reset(fd);
    pthread_mutex_lock(&lock);
    while (!noticed)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    nh_server_free(server);

    remove(in_dir("big"));
    remove(in_dir("small.txt"));
    remove(in_dir("fifo"));
    rmdir(dir);
    return 0;
}
