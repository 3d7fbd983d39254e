/* Messages from any stream: whole, cut at every byte, in pieces of every size, with what is wrong told. */
#include "check.h"
#include "nethttp.h"

#include <sys/wait.h>
#include <unistd.h>

struct feed {
    const char *text;
    size_t len, at, piece;
    nh_result failure;
    nh_reader *reader; /* reads itself again, which must be refused */
    int freed, pause;
};

static nh_result give(void *userdata, void *buf, size_t cap, size_t *n_out) {
    struct feed *f = userdata;
    size_t n = f->len - f->at;
    if (f->reader) {
        nh_request *r = NULL;
        nh_response *res = NULL;
        char waste[4];
        size_t got = 0;
        CHECK_ERR(NH_ERR_BUSY, nh_read_request(f->reader, &r, NULL));
        CHECK_ERR(NH_ERR_BUSY, nh_read_response(f->reader, NULL, &res, NULL));
        CHECK_ERR(NH_ERR_BUSY, nh_reader_buffered(f->reader, waste, sizeof waste, &got));
        CHECK_ERR(NH_ERR_BUSY, nh_reader_set_max_head_bytes(f->reader, 10));
    }
    if (n == 0 && f->failure != NH_OK) return f->failure;
    if (n > f->piece) n = f->piece;
    if (n > cap) n = cap;
    memcpy(buf, f->text + f->at, n);
    f->at += n;
    *n_out = n;
    return NH_OK;
}

static nh_result lie(void *userdata, void *buf, size_t cap, size_t *n_out) {
    (void)userdata, (void)buf;
    *n_out = cap + 1;
    return NH_OK;
}

static void count_free(void *userdata) { ((struct feed *)userdata)->freed++; }

static nh_reader *reader_of(struct feed *f, const char *text, size_t piece) {
    nh_reader *r = NULL;
    memset(f, 0, sizeof *f);
    f->text = text;
    f->len = strlen(text);
    f->piece = piece;
    CHECK_INT(nh_reader_new(give, f, count_free, &r), NH_OK);
    return r;
}

static const char requests[] =
    "POST /a?b=c HTTP/1.1\r\nHost: h:1\r\nX-One: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"
    "GET http://other/x HTTP/1.0\r\n\r\n"
    "PUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nokrest";

static void read_all(nh_request *r, const char *want) {
    char buf[64];
    size_t have = 0, n = 1;
    while (n > 0) {
        CHECK_INT(nh_request_body_read(r, buf + have, sizeof buf - have, &n, NULL), NH_OK);
        have += n;
    }
    CHECK(have == strlen(want) && memcmp(buf, want, have) == 0);
}

static void in_pieces(size_t piece) {
    struct feed f;
    nh_request *r = NULL;
    char buf[16];
    size_t n;
    nh_reader *reader = reader_of(&f, requests, piece);
    CHECK_INT(nh_read_request(reader, &r, NULL), NH_OK);
    CHECK_STR(nh_request_method(r), "POST");
    CHECK_STR(nh_request_uri(r), "/a?b=c");
    CHECK_STR(nh_request_host(r), "h:1");
    CHECK_STR(nh_request_query_value(r, "b", &n), "c");
    CHECK_STR(nh_request_header_value(r, "x-one"), "1");
    CHECK_STR(nh_request_header_value(r, "Transfer-Encoding"), NULL);
    CHECK_INT(nh_request_content_length(r), -1);
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_request_set_read_timeout(r, 5));
    CHECK_INT(nh_request_is_client_gone(r), 0);
    read_all(r, "abcde");
    CHECK_STR(nh_request_trailer_value(r, "X-Sum"), "5");
    nh_request_free(r);
    CHECK_INT(nh_read_request(reader, &r, NULL), NH_OK);
    CHECK_STR(nh_request_host(r), "other");
    CHECK_INT(nh_request_proto(r), 10);
    read_all(r, "");
    nh_request_free(r);
    CHECK_INT(nh_read_request(reader, &r, NULL), NH_OK);
    read_all(r, "ok");
    nh_request_free(r);
    CHECK_INT(nh_reader_buffered(reader, buf, sizeof buf, &n), NH_OK);
    CHECK(n <= 4 && memcmp(buf, "rest", n) == 0);
    CHECK(piece < sizeof requests - 1 || n == 4);
    nh_reader_free(reader);
    CHECK_INT(f.freed, 1);
}

/* A stream that ends anywhere: never a message that is not whole. */
static void cut(void) {
    const char *whole = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    for (size_t at = 0; at < strlen(whole); at++) {
        struct feed f;
        nh_request *r = NULL;
        nh_error *err = NULL;
        char buf[16];
        size_t n = 1;
        nh_reader *reader = reader_of(&f, whole, 7);
        f.len = at;
        nh_result result = nh_read_request(reader, &r, &err);
        if (result != NH_OK) {
            CHECK_INT(result, NH_ERR_UNEXPECTED_EOF);
            CHECK_STR(nh_error_message(err), at == 0 ? "EOF" : "unexpected EOF");
            nh_error_free(err);
        }
        /* Handles may be freed in any order. */
        nh_reader_free(reader);
        while (result == NH_OK) {
            result = nh_request_body_read(r, buf, sizeof buf, &n, NULL);
            CHECK(result != NH_OK || n > 0);
        }
        CHECK_INT(result, NH_ERR_UNEXPECTED_EOF);
        nh_request_free(r);
        CHECK_INT(f.freed, 1);
    }
}

static void responses(void) {
    struct feed f;
    nh_response *res = NULL;
    nh_request *asked = NULL;
    const void *data;
    size_t n;
    nh_reader *reader =
        reader_of(&f,
                  "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
                  "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n"
                  "HTTP/1.0 200 OK\r\n\r\nto the end",
                  3);
    CHECK_INT(nh_read_response(reader, NULL, &res, NULL), NH_OK);
    CHECK_INT(nh_response_status_code(res), 103);
    nh_response_free(res);
    CHECK_INT(nh_request_new("HEAD", "http://h/", &asked, NULL), NH_OK);
    CHECK_INT(nh_read_response(reader, asked, &res, NULL), NH_OK);
    CHECK_INT(nh_response_content_length(res), 9);
    CHECK_STR(nh_request_method((nh_request *)nh_response_request(res)), "HEAD");
    nh_response_free(res);
    nh_request_free(asked);
    CHECK_INT(nh_read_response(reader, NULL, &res, NULL), NH_OK);
    CHECK(nh_response_request(res) == NULL && nh_response_remote_addr(res) == NULL);
    CHECK_STR(nh_response_status(res), "200 Fine");
    CHECK_INT(nh_response_body_read_all(res, 10, &data, &n, NULL), NH_OK);
    CHECK(n == 2 && memcmp(data, "ok", 2) == 0);
    CHECK_STR(nh_header_get(nh_response_trailer(res), "X-T"), "1");
    nh_response_free(res);
    CHECK_INT(nh_read_response(reader, NULL, &res, NULL), NH_OK);
    CHECK_INT(nh_response_body_read_all(res, 20, &data, &n, NULL), NH_OK);
    CHECK_INT(n, 10);
    nh_response_body_close(res);
    nh_response_free(res);
    CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_read_response(reader, NULL, &res, NULL));
    CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_read_request(reader, &asked, NULL));
    nh_reader_free(reader);
}

static void errors(void) {
    struct feed f;
    nh_reader *reader = NULL;
    nh_request *r = NULL, *other = NULL;
    nh_response *res = NULL;
    char buf[8];
    size_t n;
    memset(&f, 0, sizeof f);
    CHECK_ERR(NH_ERR_INVALID, nh_reader_new(NULL, &f, count_free, &reader));
    CHECK_ERR(NH_ERR_INVALID, nh_reader_new(give, &f, count_free, NULL));
    CHECK_INT(f.freed, 2);
    nh_reader_free(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_reader_set_max_head_bytes(NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_reader_buffered(NULL, buf, sizeof buf, &n));
    CHECK_ERR(NH_ERR_INVALID, nh_read_request(NULL, &r, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_read_response(NULL, NULL, &res, NULL));

    reader = reader_of(&f, "nonsense\r\n", 100);
    CHECK_ERR(NH_ERR_INVALID, nh_read_request(reader, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_read_response(reader, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_reader_buffered(reader, NULL, sizeof buf, &n));
    CHECK_ERR(NH_ERR_INVALID, nh_reader_buffered(reader, buf, 0, &n));
    CHECK_ERR(NH_ERR_INVALID, nh_reader_buffered(reader, buf, sizeof buf, NULL));
    CHECK_ERR(NH_ERR_PROTOCOL, nh_read_request(reader, &r, NULL));
    CHECK_ERR(NH_ERR_PROTOCOL, nh_read_response(reader, NULL, &res, NULL));
    CHECK(r == NULL && res == NULL);
    nh_reader_free(reader);

    reader = reader_of(&f, requests, 1000);
    CHECK_INT(nh_reader_set_max_head_bytes(reader, 20), NH_OK);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_read_request(reader, &r, NULL));
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_read_response(reader, NULL, &res, NULL));
    CHECK_INT(nh_reader_set_max_head_bytes(reader, 0), NH_OK);
    CHECK_INT(nh_read_request(reader, &r, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_read_request(reader, &other, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_read_response(reader, NULL, &res, NULL));
    CHECK_INT(nh_request_set_body_limit(r, 4), NH_OK);
    CHECK_INT(nh_request_body_read(r, buf, sizeof buf, &n, NULL), NH_OK);
    CHECK_INT(n, 4);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_request_body_read(r, buf, sizeof buf, &n, NULL));
    nh_request_free(r);
    nh_reader_free(reader);

    reader = reader_of(&f, "", 100);
    f.failure = NH_ERR_TIMEOUT;
    CHECK_ERR(NH_ERR_IO, nh_read_request(reader, &r, NULL));
    CHECK_ERR(NH_ERR_IO, nh_read_response(reader, NULL, &res, NULL));
    nh_reader_free(reader);
    CHECK_INT(nh_reader_new(lie, NULL, NULL, &reader), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_read_request(reader, &r, NULL));
    nh_reader_free(reader);

    /* While its function is called a reader is in use. */
    reader = reader_of(&f, requests, 1000);
    f.reader = reader;
    CHECK_INT(nh_read_request(reader, &r, NULL), NH_OK);
    nh_request_free(r);
    nh_reader_free(reader);
}

/* ---- and what is written is what is read */

struct sink {
    char text[4096];
    size_t len, most;
    nh_request *busy; /* the request that is being written: another call must not touch it */
};

static nh_result take(void *userdata, const void *data, size_t len) {
    struct sink *s = userdata;
    if (s->busy) CHECK_ERR(NH_ERR_BUSY, nh_request_write(s->busy, take, s, NULL));
    if (s->len + len > s->most) return NH_ERR_NO_RESOURCES;
    memcpy(s->text + s->len, data, len);
    s->len += len;
    return NH_OK;
}

static nh_result five(void *userdata, void *buf, size_t cap, size_t *n_out) {
    int *calls = userdata;
    (void)cap;
    if (*calls < 0) return NH_ERR_INVALID;
    *n_out = (*calls)++ < 2 ? 5 : 0;
    memcpy(buf, "hello", *n_out);
    return NH_OK;
}

static void written(void) {
    static struct sink s;
    struct feed f;
    nh_request *r = NULL, *back = NULL;
    nh_reader *reader;
    int calls = 0;
    CHECK_INT(nh_request_new("POST", "https://u:p@h.example/a?b", &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_header(r, "X-One", "1"), NH_OK);
    CHECK_INT(nh_request_set_body(r, "data", 4), NH_OK);
    s.most = sizeof s.text;
    s.busy = r;
    CHECK_INT(nh_request_write(r, take, &s, NULL), NH_OK);
    s.text[s.len] = 0;
    CHECK(strstr(s.text, "POST /a?b HTTP/1.1\r\nHost: h.example\r\n") == s.text);
    CHECK(strstr(s.text, "Content-Length: 4\r\n") && !strstr(s.text, "Accept-Encoding"));
    reader = reader_of(&f, s.text, 11);
    CHECK_INT(nh_read_request(reader, &back, NULL), NH_OK);
    CHECK_STR(nh_request_header_value(back, "X-One"), "1");
    CHECK_STR(nh_request_header_value(back, "Authorization"), "Basic dTpw");
    read_all(back, "data");
    nh_request_free(back);
    nh_reader_free(reader);

    /* For a proxy, and in chunks. */
    s.len = 0;
    CHECK_INT(nh_request_set_body_callback(r, -1, five, NULL, &calls, NULL), NH_OK);
    CHECK_INT(nh_request_set_trailer(r, "X-Sum", "2"), NH_OK);
    CHECK_INT(nh_request_write_proxy(r, take, &s, NULL), NH_OK);
    s.text[s.len] = 0;
    CHECK(strstr(s.text, "POST https://h.example/a?b HTTP/1.1\r\n") == s.text);
    reader = reader_of(&f, s.text, 3);
    CHECK_INT(nh_read_request(reader, &back, NULL), NH_OK);
    read_all(back, "hellohello");
    CHECK_STR(nh_request_trailer_value(back, "X-Sum"), "2");
    nh_request_free(back);
    nh_reader_free(reader);

    s.busy = NULL;
    s.len = 0;
    CHECK_ERR(NH_ERR_BODY_SPENT, nh_request_write(r, take, &s, NULL));
    calls = 0;
    CHECK_INT(nh_request_set_body_callback(r, 7, five, NULL, &calls, NULL), NH_OK);
    CHECK_ERR(NH_ERR_BODY_LENGTH, nh_request_write(r, take, &s, NULL));
    calls = -1;
    CHECK_INT(nh_request_set_body_callback(r, 7, five, NULL, &calls, NULL), NH_OK);
    CHECK_ERR(NH_ERR_ABORTED, nh_request_write(r, take, &s, NULL));
    s.most = 10;
    CHECK_INT(nh_request_set_body(r, NULL, 0), NH_OK);
    CHECK_ERR(NH_ERR_IO, nh_request_write(r, take, &s, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_write(r, NULL, &s, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_write(NULL, take, &s, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_write_proxy(r, NULL, &s, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_write_proxy(NULL, take, &s, NULL));
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_ERR(NH_ERR_FORKED, nh_request_write(r, take, &s, NULL));
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    nh_request_free(r);
}

/* ---- responses written again */

static nh_response *response_of(struct feed *f, const char *method, const char *text) {
    nh_request *r = NULL;
    nh_response *res = NULL;
    nh_reader *reader = reader_of(f, text, 7);
    CHECK_INT(nh_request_new(method, "http://a/", &r, NULL), NH_OK);
    CHECK_INT(nh_read_response(reader, r, &res, NULL), NH_OK);
    nh_request_free(r);
    nh_reader_free(reader);
    return res;
}

static void responses_are_written(void) {
    /* What Go's ReadResponse and Response.Write make of it; NULL is the same. */
    static const struct {
        const char *method, *in, *out;
    } table[] = {
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\n\r\nok", NULL},
        {"GET",
         "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\n"
         "X-Sum: 8\r\n\r\n",
         NULL},
        {"GET", "HTTP/1.1 200 OK\r\n\r\nrest", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nrest"},
        {"GET", "HTTP/1.0 200 OK\r\n\r\nrest", "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nrest"},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL},
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", NULL},
        {"HEAD", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"},
        {"GET", "HTTP/1.1 204 No Content\r\n\r\n", NULL},
        {"GET", "HTTP/1.1 304 Not Modified\r\nEtag: \"x\"\r\n\r\n", NULL},
        {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
         "HTTP/1.1 304 Not Modified\r\n\r\n"},
        {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", NULL},
        {"GET", "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n", NULL},
        {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", NULL},
    };
    struct feed f;
    struct sink s;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        nh_response *res = response_of(&f, table[i].method, table[i].in);
        s = (struct sink){.most = sizeof s.text - 1};
        CHECK_INT(nh_response_write(res, take, &s, NULL), NH_OK);
        s.text[s.len] = 0;
        CHECK_STR(s.text, table[i].out ? table[i].out : table[i].in);
        nh_response_free(res);
    }

    /* One that the program has made. */
    nh_response *res = NULL;
    CHECK_INT(nh_response_new(404, &res), NH_OK);
    CHECK_INT(nh_response_set_body(res, "gone", 4), NH_OK);
    s = (struct sink){.most = sizeof s.text - 1};
    CHECK_INT(nh_response_write(res, take, &s, NULL), NH_OK);
    s.text[s.len] = 0;
    CHECK_STR(s.text, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone");
    /* Its body was read for that. */
    CHECK_ERR(NH_ERR_BODY_LENGTH, nh_response_write(res, take, &s, NULL));
    nh_response_body_close(res);
    CHECK_ERR(NH_ERR_CLOSED, nh_response_write(res, take, &s, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_write(res, NULL, &s, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_write(NULL, take, &s, NULL));
    pid_t pid = fork();
    int status;
    if (pid == 0) {
        CHECK_ERR(NH_ERR_FORKED, nh_response_write(res, take, &s, NULL));
        /* Not _exit: what only the parent's threads could free is no leak. */
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    nh_response_free(res);

    /* A stream that fails, and a body that was cut. */
    res = response_of(&f, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok");
    s = (struct sink){.most = 10};
    CHECK_ERR(NH_ERR_IO, nh_response_write(res, take, &s, NULL));
    s = (struct sink){.most = sizeof s.text - 1};
    CHECK_INT(nh_response_write(res, take, &s, NULL), NH_ERR_UNEXPECTED_EOF);
    nh_response_free(res);
}

int main(void) {
    for (size_t piece = 1; piece < sizeof requests; piece++)
        in_pieces(piece);
    cut();
    responses();
    errors();
    written();
    responses_are_written();
    return 0;
}
