/* Trees of files: the program's own and the system's, served and fetched. */
#include "check.h"
#include "nethttp.h"
#include "serve.h"

#include <sys/stat.h>

enum { MTIME = 1000000000 };

static int opened, tree_freed, bytes_freed, content_freed;

static void count(void *counter) { __atomic_add_fetch((int *)counter, 1, __ATOMIC_SEQ_CST); }

static nh_result alphabet(void *userdata, uint64_t offset, void *buf, size_t cap, size_t *n_out) {
    (void)userdata;
    for (*n_out = 0; *n_out < cap && offset + *n_out < 100000; ++*n_out) {
        ((char *)buf)[*n_out] = (char)('a' + (offset + *n_out) % 26);
    }
    return NH_OK;
}

static nh_result open_one(void *userdata, const char *name, nh_file *f) {
    CHECK(userdata == &tree_freed);
    count(&opened);
    if (!strcmp(name, ".") || !strcmp(name, "list")) {
        CHECK_ERR(NH_ERR_INVALID, nh_file_set_directory(NULL, MTIME));
        CHECK_INT(nh_file_set_directory(f, MTIME), NH_OK);
        CHECK_INT(nh_file_add_entry(f, "b&c", 0), NH_OK);
        CHECK_INT(nh_file_add_entry(f, "a", 1), NH_OK);
        CHECK_ERR(NH_ERR_INVALID, nh_file_add_entry(f, "x/y", 0));
        CHECK_ERR(NH_ERR_INVALID, nh_file_add_entry(f, "", 0));
        CHECK_ERR(NH_ERR_INVALID, nh_file_add_entry(f, "x", 2));
        CHECK_ERR(NH_ERR_INVALID, nh_file_add_entry(f, NULL, 0));
        CHECK_ERR(NH_ERR_INVALID, nh_file_add_entry(NULL, "x", 0));
        return NH_OK;
    }
    if (!strcmp(name, "index.html") || !strcmp(name, "a/page.css")) {
        static const char text[] = "hello from memory";
        CHECK_ERR(NH_ERR_INVALID, nh_file_set_bytes(f, 0, NULL, 1, NULL, NULL));
        CHECK_ERR(NH_ERR_INVALID, nh_file_set_bytes(NULL, 0, text, 1, NULL, NULL));
        CHECK_INT(nh_file_set_bytes(f, MTIME, text, strlen(text), &bytes_freed, count), NH_OK);
        CHECK_ERR(NH_ERR_STATE, nh_file_add_entry(f, "x", 0));
        return NH_OK;
    }
    if (!strcmp(name, "letters.bin")) {
        CHECK_ERR(NH_ERR_INVALID, nh_file_set_content(f, 0, -1, alphabet, NULL, NULL));
        CHECK_ERR(NH_ERR_INVALID, nh_file_set_content(f, 0, 1, NULL, NULL, NULL));
        CHECK_ERR(NH_ERR_INVALID, nh_file_set_content(NULL, 0, 1, alphabet, NULL, NULL));
        return nh_file_set_content(f, 0, 100000, alphabet, &content_freed, count);
    }
    if (!strcmp(name, "short.bin")) return nh_file_set_content(f, 0, 200000, alphabet, NULL, NULL);
    if (!strcmp(name, "device")) return NH_OK;
    if (!strcmp(name, "broken")) return NH_ERR_IO;
    return NH_ERR_NOT_FOUND;
}

static char answer[300000];

static const char *ask(const nh_server *s, const char *head) {
    char text[1024];
    int fd = raw_connect(nh_server_port(s, 0));
    snprintf(text, sizeof text, "%s\r\nHost: h\r\nConnection: close\r\n\r\n", head);
    raw_send(fd, text);
    raw_finish(fd, answer, sizeof answer);
    return answer;
}

static void one_file(nh_response_writer *w, nh_request *r, void *fs) {
    CHECK_ERR(NH_ERR_INVALID, nh_serve_file_fs(NULL, r, fs, "x", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_serve_file_fs(w, NULL, fs, "x", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_serve_file_fs(w, r, NULL, "x", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_serve_file_fs(w, r, fs, NULL, NULL));
    CHECK_INT(nh_serve_file_fs(w, r, fs, "a/page.css", NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_serve_file_fs(w, r, fs, "a/page.css", NULL));
}

static void served(nh_file_system *fs) {
    nh_server *s = nh_server_new();
    nh_handler *files = nh_file_server_fs(fs);
    CHECK(files != NULL);
    CHECK(nh_file_server_fs(NULL) == NULL);
    CHECK_INT(nh_server_handle_handler(s, "/", files, NULL), NH_OK);
    nh_handler_free(files);
    CHECK_INT(nh_server_handle(s, "/one", one_file, fs, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);

    CHECK(strstr(ask(s, "GET / HTTP/1.1"), "\r\n\r\nhello from memory"));
    CHECK(strstr(answer, "Content-Type: text/html; charset=utf-8\r\n"));
    CHECK(strstr(ask(s, "GET /a/page.css HTTP/1.1"), "Content-Type: text/css; charset=utf-8\r\n"));
    CHECK(strstr(answer, "Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\n"));
    CHECK(strstr(ask(s, "GET /a/page.css HTTP/1.1\r\nRange: bytes=6-9"), "\r\n\r\nfrom"));
    CHECK(strstr(ask(s, "GET /a/page.css HTTP/1.1\r\nIf-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT"),
                 "304 Not Modified\r\n"));
    CHECK(strstr(ask(s, "HEAD /letters.bin HTTP/1.1"), "Content-Length: 100000\r\n"));
    CHECK(strstr(ask(s, "GET /letters.bin HTTP/1.1\r\nRange: bytes=1-2,26-29"), "multipart/byteranges"));
    CHECK(strstr(answer, "\r\n\r\nbc\r\n--") && strstr(answer, "\r\n\r\nabcd\r\n--"));
    CHECK(strlen(strstr(ask(s, "GET /letters.bin HTTP/1.1"), "\r\n\r\n")) == 100004);
    CHECK(strstr(ask(s, "GET /list HTTP/1.1"), "Location: list/\r\n"));
    CHECK(strstr(ask(s, "GET /list/ HTTP/1.1"), "<a href=\"a/\">a/</a>\n<a href=\"b&amp;c\">b&amp;c</a>\n") ||
          strstr(answer, "<a href=\"a/\">a/</a>\n<a href=\"b&c\">b&amp;c</a>\n"));
    CHECK(strstr(ask(s, "GET /letters.bin/ HTTP/1.1"), "Location: ../letters.bin\r\n"));
    CHECK(strstr(ask(s, "GET /device HTTP/1.1"), "403 Forbidden"));
    CHECK(strstr(ask(s, "GET /broken HTTP/1.1"), "500 Internal Server Error"));
    CHECK(strstr(ask(s, "GET /nothing HTTP/1.1"), "404 Not Found"));
    CHECK(strstr(ask(s, "GET /%00 HTTP/1.1"), "404 Not Found"));
    CHECK(strstr(ask(s, "GET /one HTTP/1.1"), "hello from memory"));
    nh_server_free(s);
}

static nh_result fetch(nh_client *c, const char *method, const char *url, const char *range,
                       nh_response **out) {
    nh_request *r = NULL;
    CHECK_INT(nh_request_new(method, url, &r, NULL), NH_OK);
    if (range) CHECK_INT(nh_request_set_header(r, "Range", range), NH_OK);
    nh_result result = nh_client_do(c, r, out, NULL);
    nh_request_free(r);
    return result;
}

static void body_is(nh_response *res, int status, const char *want) {
    const void *data;
    size_t n;
    CHECK_INT(nh_response_status_code(res), status);
    CHECK_STR(nh_response_proto(res), "HTTP/1.0");
    CHECK_INT(nh_response_body_read_all(res, 1000, &data, &n, NULL), NH_OK);
    CHECK_STR(data, want);
    nh_response_free(res);
}

static void fetched(nh_file_system *fs) {
    nh_transport *t = nh_transport_new();
    CHECK_INT(nh_transport_register_file_system(t, "MEM", fs, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_transport_register_file_system(t, "mem", fs, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_transport_register_file_system(NULL, "x", fs, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_transport_register_file_system(t, NULL, fs, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_transport_register_file_system(t, "x", NULL, NULL));
    nh_client *c = nh_client_new_with_transport(t);
    nh_transport_free(t);
    nh_response *res = NULL;

    CHECK_INT(fetch(c, "GET", "mem:///a/page.css?x", NULL, &res), NH_OK);
    CHECK_STR(nh_header_get(nh_response_header(res), "Content-Type"), "text/css; charset=utf-8");
    CHECK_INT(nh_response_content_length(res), -1);
    body_is(res, 200, "hello from memory");
    CHECK_INT(fetch(c, "GET", "mem://any-host/a/page.css", "bytes=0-4", &res), NH_OK);
    body_is(res, 206, "hello");
    CHECK_INT(fetch(c, "HEAD", "mem:///letters.bin", NULL, &res), NH_OK);
    CHECK_STR(nh_header_get(nh_response_header(res), "Content-Length"), "100000");
    body_is(res, 200, "");
    /* A redirect of the tree's is followed as any other. */
    CHECK_INT(fetch(c, "GET", "mem:///list", NULL, &res), NH_OK);
    CHECK_STR(nh_request_url(nh_response_request(res)), "mem:///list/");
    nh_response_free(res);
    CHECK_INT(fetch(c, "GET", "mem:///nothing", NULL, &res), NH_OK);
    body_is(res, 404, "404 page not found\n");

    int before = content_freed;
    char buf[7];
    size_t n;
    CHECK_INT(fetch(c, "GET", "mem:///letters.bin", NULL, &res), NH_OK);
    CHECK_INT(nh_response_body_read(res, buf, sizeof buf, &n, NULL), NH_OK);
    CHECK(n == 7 && !memcmp(buf, "abcdefg", 7));
    nh_response_body_close(res);
    CHECK_INT(content_freed, before + 1);
    CHECK_ERR(NH_ERR_CLOSED, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
    nh_response_free(res);

    /* Less than was announced is no whole answer, and stays so. */
    const void *data;
    CHECK_INT(fetch(c, "GET", "mem:///short.bin", NULL, &res), NH_OK);
    CHECK_INT(nh_response_body_read_all(res, 300000, &data, &n, NULL), NH_ERR_UNEXPECTED_EOF);
    CHECK_INT(nh_response_body_read(res, buf, sizeof buf, &n, NULL), NH_ERR_UNEXPECTED_EOF);
    nh_response_free(res);

    /* Cancelled between two reads. */
    nh_cancel_token *token = nh_cancel_token_new();
    nh_request *r = NULL;
    CHECK_INT(nh_request_new("GET", "mem:///letters.bin", &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_cancel(r, token), NH_OK);
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
    nh_cancel_token_fire(token);
    CHECK_INT(nh_response_body_read(res, buf, sizeof buf, &n, NULL), NH_ERR_CANCELED);
    nh_response_free(res);
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_ERR_CANCELED);
    nh_request_free(r);
    nh_cancel_token_free(token);
    nh_client_free(c);
}

/* The system's files by file:// URLs. */
static void from_disk(void) {
    char dir[] = "/tmp/nethttp-fs-XXXXXX", path[64], url[128];
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/hello.txt", dir);
    FILE *f = fopen(path, "w");
    CHECK(f && fputs("from disk", f) >= 0 && fclose(f) == 0);
    nh_transport *t = nh_transport_new();
    nh_file_system *root = nh_file_system_dir("/");
    CHECK(root != NULL && nh_file_system_dir(NULL) == NULL);
    CHECK_INT(nh_transport_register_file_system(t, "file", root, NULL), NH_OK);
    nh_file_system_free(root);
    nh_client *c = nh_client_new_with_transport(t);
    nh_transport_free(t);
    snprintf(url, sizeof url, "file://%s", path);
    nh_response *res = NULL;
    CHECK_INT(fetch(c, "GET", url, NULL, &res), NH_OK);
    CHECK_STR(nh_header_get(nh_response_header(res), "Content-Type"), "text/plain; charset=utf-8");
    body_is(res, 200, "from disk");
    nh_client_free(c);
    unlink(path);
    rmdir(dir);
}

int main(void) {
    CHECK(nh_file_system_new(NULL, &tree_freed, count) == NULL);
    CHECK_INT(tree_freed, 1);
    nh_file_system *fs = nh_file_system_new(open_one, &tree_freed, count);
    served(fs);
    fetched(fs);
    nh_file_system_free(fs);
    nh_file_system_free(NULL);
    CHECK_INT(tree_freed, 2);
    CHECK(opened > 20 && bytes_freed > 5);
    from_disk();
    return 0;
}
