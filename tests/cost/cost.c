/* cost WHAT N does one thing to an input of N pieces. cost list names the things, each with the N to begin
 * with. tests/cost/run counts the instructions of N and 2 N. */
#include "nethttp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x), exit(1)))

/* ---- text that is built piece by piece, %zu in a piece is its number */

struct text {
    char *data;
    size_t len, cap;
};

static struct text make(const char *head, const char *piece, size_t n, const char *tail) {
    struct text t = {NULL, 0, strlen(head) + n * (strlen(piece) + 24) + strlen(tail) + 1};
    t.data = malloc(t.cap);
    t.len = (size_t)snprintf(t.data, t.cap, "%s", head);
    for (size_t i = 0; i < n; i++)
        t.len += (size_t)snprintf(t.data + t.len, t.cap - t.len, piece, i);
    t.len += (size_t)snprintf(t.data + t.len, t.cap - t.len, "%s", tail);
    return t;
}

static void push(struct text *t, const char *piece, size_t n) {
    struct text more = make("", piece, n, "");
    t->data = realloc(t->data, t->len + more.len + 1);
    memcpy(t->data + t->len, more.data, more.len + 1);
    t->len += more.len;
    free(more.data);
}

/* ---- messages from memory, some bytes at a time */

struct feed {
    struct text text;
    size_t at, piece;
};

static nh_result give(void *userdata, void *buf, size_t cap, size_t *n_out) {
    struct feed *f = userdata;
    size_t n = f->text.len - f->at;
    if (n > f->piece) n = f->piece;
    if (n > cap) n = cap;
    memcpy(buf, f->text.data + f->at, n);
    f->at += n;
    *n_out = n;
    return NH_OK;
}

static nh_request *request(struct text text, size_t piece) {
    static struct feed f;
    static nh_reader *reader;
    nh_request *r = NULL;
    nh_error *err = NULL;
    f = (struct feed){text, 0, piece};
    CHECK(nh_reader_new(give, &f, NULL, &reader) == NH_OK);
    CHECK(nh_reader_set_max_head_bytes(reader, 64 << 20) == NH_OK);
    if (nh_read_request(reader, &r, &err) != NH_OK) fprintf(stderr, "%s\n", nh_error_message(err)), exit(1);
    return r;
}

static void read_body(nh_request *r, size_t step) {
    static char buf[65536];
    size_t n = 1;
    while (n > 0)
        CHECK(nh_request_body_read(r, buf, step, &n, NULL) == NH_OK);
}

#define HEAD "GET / HTTP/1.1\r\nHost: h\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

static void head_fields(size_t n) {
    nh_request_free(request(make(HEAD, "X-%zu: v\r\n", n, "\r\n"), 1 << 20));
}
static void head_bytewise(size_t n) { nh_request_free(request(make(HEAD, "X-%zu: v\r\n", n, "\r\n"), 1)); }
static void head_target(size_t n) {
    nh_request_free(request(make("GET /", "a%zu", n, " HTTP/1.1\r\nHost: h\r\n\r\n"), 100));
}
static void head_line(size_t n) { nh_request_free(request(make(HEAD "A: ", "v%zu,", n, "\r\n\r\n"), 100)); }
static void head_folded(size_t n) {
    nh_reader *reader = NULL;
    nh_response *res = NULL;
    struct feed f = {make("HTTP/1.1 204 x\r\nA: b\r\n", " v%zu\r\n", n, "\r\n"), 0, 1000};
    CHECK(nh_reader_new(give, &f, NULL, &reader) == NH_OK);
    CHECK(nh_reader_set_max_head_bytes(reader, 64 << 20) == NH_OK);
    CHECK(nh_read_response(reader, NULL, &res, NULL) == NH_OK);
    nh_response_free(res);
}
static void connection(size_t n) {
    nh_request_free(request(make(HEAD "Connection: ", "x%zu,", n, "keep-alive\r\n\r\n"), 4096));
}
static void chunks(size_t n) {
    read_body(request(make(CHUNKED, "4\r\nabcd\r\n", n, "0\r\n\r\n"), 4096), 1000);
}
static void whole_in_pieces(size_t n) {
    nh_reader *reader = NULL;
    nh_response *res = NULL;
    const void *data;
    size_t len;
    struct feed f = {make("HTTP/1.1 200 OK\r\n\r\n", "%zu some text\n", n, ""), 0, 300};
    CHECK(nh_reader_new(give, &f, NULL, &reader) == NH_OK);
    CHECK(nh_read_response(reader, NULL, &res, NULL) == NH_OK);
    CHECK(nh_response_body_read_all(res, 64 << 20, &data, &len, NULL) == NH_OK && len > n);
    nh_response_free(res);
}
static void trailers(size_t n) {
    read_body(request(make(CHUNKED "0\r\n", "X-%zu: v\r\n", n, "\r\n"), 4096), 1000);
}
static void announced(size_t n) {
    struct text t = make("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: ", "X-%zu,", n,
                         "Z\r\n\r\n0\r\n");
    push(&t, "X-%zu: v\r\n", n);
    push(&t, "\r\n", 1);
    read_body(request(t, 4096), 1000);
}

/* ---- what a handler asks of a request */

static void field_at(size_t n) {
    nh_request *r = request(make(HEAD, "A: %zu\r\n", n, "\r\n"), 4096);
    const nh_header *h = nh_request_header(r);
    size_t i = 0;
    while (nh_header_value(h, "a", i))
        i++;
    CHECK(i == n);
}
static void cookie_at(size_t n) {
    nh_request *r = request(make(HEAD "Cookie: ", "a%zu=b; ", n, "z=1\r\n\r\n"), 4096);
    nh_cookie *c = NULL;
    size_t i = 0;
    for (; nh_request_cookie_at(r, i, &c) == NH_OK; i++)
        nh_cookie_free(c);
    CHECK(i == n + 1);
}
static void query_of(size_t n) {
    nh_request *r = request(make("GET /?", "a=%zu&", n, " HTTP/1.1\r\nHost: h\r\n\r\n"), 4096);
    nh_values *v = nh_request_query(r);
    size_t i = 0, len;
    while (nh_values_value(v, "a", i, &len))
        i++;
    CHECK(i == n);
}
static void clone_outbound(size_t n) {
    struct text t = make(HEAD "Connection: ", "x-%zu,", n, "close\r\n");
    nh_request *copy = NULL;
    push(&t, "X-%zu: v\r\n", n);
    push(&t, "\r\n", 1);
    CHECK(nh_request_clone_outbound(request(t, 4096), "http://h/", &copy, NULL) == NH_OK);
}

/* ---- multipart */

static nh_multipart_reader *parts_of(struct text body, const char *params, size_t piece) {
    struct text t = {malloc(body.len + strlen(params) + 300), 0, 0};
    nh_multipart_reader *m = NULL;
    t.len = (size_t)sprintf(
        t.data, POST "Content-Type: multipart/form-data; boundary=b%s\r\nContent-Length: %zu\r\n\r\n", params,
        body.len);
    memcpy(t.data + t.len, body.data, body.len);
    t.len += body.len;
    CHECK(nh_request_multipart_reader(request(t, piece), &m, NULL) == NH_OK);
    return m;
}
static void all_parts(nh_multipart_reader *m, size_t step) {
    static char buf[65536];
    int32_t more = 0;
    size_t n;
    while (nh_multipart_reader_next(m, &more, NULL) == NH_OK && more)
        do
            CHECK(nh_multipart_reader_read(m, buf, step, &n, NULL) == NH_OK);
        while (n > 0);
}
#define PART "--b\r\nContent-Disposition: form-data; name=\"x\""
static void part_params(size_t n) {
    all_parts(parts_of(make(PART, "; p%zu=1", n, "\r\n\r\nv\r\n--b--"), "", 4096), 100);
}
static void part_continued(size_t n) {
    all_parts(parts_of(make(PART, "; filename*%zu=1", n, "\r\n\r\nv\r\n--b--"), "", 4096), 100);
}
static void part_content(size_t n) {
    all_parts(parts_of(make(PART "\r\n\r\n", "%zu\r\n--", n, "\r\n--b--"), "", 65536), 1);
}
static void part_line(size_t n) {
    all_parts(parts_of(make(PART "\r\nA: ", "v%zu", n, "\r\n\r\nv\r\n--b--"), "", 50), 100);
}
static void part_fields(size_t n) {
    all_parts(parts_of(make(PART "\r\n", "A%zu: v\r\n", n, "\r\nv\r\n--b--"), "", 4096), 100);
}
static void part_folded(size_t n) {
    all_parts(parts_of(make(PART "\r\nA: b\r\n", " %zu\r\n", n, "\r\nv\r\n--b--"), "", 4096), 100);
}
static void part_count(size_t n) {
    all_parts(parts_of(make("", PART "\r\n\r\n%zu\r\n", n, "--b--"), "", 4096), 100);
}
static void type_params(size_t n) {
    struct text params = make("", "; p%zu=1", n, "");
    all_parts(parts_of(make(PART, "", 0, "\r\n\r\nv\r\n--b--"), params.data, 4096), 100);
}
static void form(size_t n) {
    nh_multipart *m = nh_multipart_new();
    char name[32];
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "n%zu", i);
        CHECK(nh_multipart_add_field(m, name, "v", 1) == NH_OK);
    }
    CHECK(nh_multipart_length(m) > 0);
}

/* ---- values */

static void header(size_t n) {
    nh_header *h = nh_header_new();
    char name[32];
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "X-%zu", i);
        CHECK(nh_header_add(h, name, "v") == NH_OK);
    }
    for (size_t i = 0; i < n; i++)
        CHECK(nh_header_name_at(h, i) && nh_header_value_at(h, i));
    nh_header_free(h);
}
static void values(size_t n) {
    struct text t = make("", "k%zu=%%41&", n, "z");
    nh_values *v = NULL;
    size_t len = 0;
    CHECK(nh_values_parse(t.data, &v, NULL) == NH_OK);
    for (size_t i = 0; i < n; i++)
        CHECK(nh_values_key_at(v, i, &len) && nh_values_value_at(v, i, &len));
    nh_values_encode(v, NULL, 0, &len);
    CHECK(len > n);
}
static void url(const char *head, const char *piece, size_t n) {
    struct text t = make(head, piece, n, "");
    nh_url *u = NULL;
    nh_error *err = NULL;
    nh_url_parse(t.data, &u, &err);
    CHECK(u || err);
    nh_url_free(u);
}
static void url_path(size_t n) { url("http://h/", "../%%41/%zu", n); }
static void url_query(size_t n) { url("http://h/?", "a%zu=%%20", n); }
static void url_host(size_t n) { url("http://", "a.%zu.", n); }
static void url_user(size_t n) { url("http://u:", "%%40@:%zu", n); }
static void url_fragment(size_t n) { url("http://h:1#", "@%zu", n); }
static void url_bad(size_t n) { url("http://u:p@h/%zz", "%%zz\"%zu", n); }
static void resolve(size_t n) {
    struct text t = make("", "a%zu/../", n, "");
    nh_url *base = NULL, *out = NULL;
    CHECK(nh_url_parse("http://h/b/c", &base, NULL) == NH_OK);
    CHECK(nh_url_resolve(base, t.data, &out, NULL) == NH_OK);
}
static void escape(size_t n) {
    struct text t = make("", "/ %%%zu", n, "");
    size_t len = 0;
    char *buf = malloc(4 * t.len);
    CHECK(nh_query_escape(t.data, t.len, buf, 4 * t.len, &len) == NH_OK);
    CHECK(nh_query_unescape(buf, len, buf, 4 * t.len, &len, NULL) == NH_OK);
}
static void date(size_t n) {
    struct text t = make("Sun, 06 Nov 1994 08:49:37", " %zu", n, " GMT");
    int64_t at;
    nh_date_parse(t.data, &at);
}
static void sniff(size_t n) {
    struct text t = make("\0\0\1\0ftyp" + 0, "<!%zu", n, "");
    CHECK(nh_detect_content_type(t.data, t.len) != NULL);
}

/* ---- cookies, certificates, routes */

static void set_cookie(size_t n) {
    struct text t = make("a=b", "; Path=/%zu; x", n, "; Expires=1 2 3 4 5 6 7");
    nh_cookie *c = NULL;
    CHECK(nh_cookie_parse_set(t.data, &c, NULL) == NH_OK);
    nh_cookie_free(c);
}
static void cookie_file(size_t n) {
    struct text t = make("", "a%zu.test\tFALSE\t/\tFALSE\t0\tn\tv\n", n, "");
    char path[] = "/tmp/nethttp-cost-XXXXXX";
    int fd = mkstemp(path);
    nh_jar *j = nh_jar_new();
    CHECK(fd >= 0 && write(fd, t.data, t.len) == (ssize_t)t.len && close(fd) == 0);
    CHECK(nh_jar_load(j, path, NULL) == NH_OK);
    CHECK(nh_jar_count(j) > 0);
    unlink(path);
    nh_jar_free(j);
}
static const char *certificate(void) {
    static char pem[4096];
    FILE *f = fopen(getenv("NH_COST_PEM"), "r");
    CHECK(f && fread(pem, 1, sizeof pem - 1, f) > 0 && fclose(f) == 0);
    return pem;
}
static void roots(struct text t) {
    nh_tls_config *c = nh_tls_config_new();
    CHECK(nh_tls_config_add_roots_pem(c, t.data, t.len, NULL) == NH_OK);
    nh_tls_config_free(c);
}
static void pem_blocks(size_t n) { roots(make("", certificate(), n, "")); }
static void pem_junk(size_t n) {
    roots(make("", "-----BEGIN A%zu-----\nAAAA\n\n-----END\n", n, certificate()));
}
static void pem_line(size_t n) { roots(make("", "-----BEGIN A%zu-----", n, certificate() - 0)); }

static void nothing(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w, (void)r, (void)userdata;
}
static void mux_path(size_t n) {
    nh_mux *m = nh_mux_new();
    struct text t = make("http://h/", "a/%zu/", n, "");
    nh_request *r = NULL;
    size_t len;
    CHECK(nh_mux_handle(m, "/a/{x}/{rest...}", nothing, NULL, NULL, NULL) == NH_OK);
    CHECK(nh_mux_handle(m, "/{x}/0/{rest...}", nothing, NULL, NULL, NULL) != NH_OK ||
          nh_mux_handle(m, "/{$}", nothing, NULL, NULL, NULL) == NH_OK);
    CHECK(nh_request_new("GET", t.data, &r, NULL) == NH_OK);
    nh_mux_match(m, r, NULL, 0, &len, NULL);
}

static void base(size_t n) { (void)n; }

static const struct {
    const char *name;
    void (*run)(size_t);
    size_t n;
} things[] = {
    {"base", base, 0},
    {"head_fields", head_fields, 240},
    {"head_bytewise", head_bytewise, 240},
    {"head_target", head_target, 10000},
    {"head_line", head_line, 10000},
    {"head_folded", head_folded, 2000},
    {"connection", connection, 10000},
    {"chunks", chunks, 10000},
    {"whole_in_pieces", whole_in_pieces, 20000},
    {"trailers", trailers, 200},
    {"announced", announced, 200},
    {"field_at", field_at, 240},
    {"cookie_at", cookie_at, 1400},
    {"query_of", query_of, 4900},
    {"clone_outbound", clone_outbound, 240},
    {"part_params", part_params, 90},
    {"part_continued", part_continued, 90},
    {"part_content", part_content, 10000},
    {"part_line", part_line, 20000},
    {"part_fields", part_fields, 4500},
    {"part_folded", part_folded, 10000},
    {"part_count", part_count, 2000},
    {"type_params", type_params, 90},
    {"form", form, 4000},
    {"header", header, 4000},
    {"values", values, 4900},
    {"url_path", url_path, 10000},
    {"url_query", url_query, 10000},
    {"url_host", url_host, 10000},
    {"url_user", url_user, 10000},
    {"url_fragment", url_fragment, 10000},
    {"url_bad", url_bad, 10000},
    {"resolve", resolve, 10000},
    {"escape", escape, 10000},
    {"date", date, 10000},
    {"sniff", sniff, 10000},
    {"set_cookie", set_cookie, 10000},
    {"cookie_file", cookie_file, 2500},
    {"pem_blocks", pem_blocks, 300},
    {"pem_junk", pem_junk, 5000},
    {"pem_line", pem_line, 5000},
    {"mux_path", mux_path, 2000},
};

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "list";
    for (size_t i = 0; i < sizeof things / sizeof *things; i++) {
        if (!strcmp(what, "list") && things[i].n) printf("%s %zu\n", things[i].name, things[i].n);
        if (strcmp(what, things[i].name) != 0) continue;
        things[i].run(argc > 2 ? strtoul(argv[2], NULL, 10) : things[i].n);
        return 0;
    }
    return strcmp(what, "list") != 0;
}
