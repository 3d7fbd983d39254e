/* Multipart forms as a handler receives them, and other things that it asks a request for. */
#include "check.h"
#include "nethttp.h"
#include "serve.h"

static nh_server *server;
static char buf[1 << 20], body[4 << 20];
static size_t body_len;

/* ---- a client */

static void begin(void) { body_len = 0; }

static void add(const char *text) {
    size_t len = strlen(text);
    memcpy(body + body_len, text, len);
    body_len += len;
}

static void fill(size_t len) {
    for (size_t i = 0; i < len; i++)
        body[body_len++] = (char)('a' + i % 26);
}

static const char *post(const char *path, const char *type) {
    char head[512];
    int fd = raw_connect(nh_server_port(server, 0));
    snprintf(
        head, sizeof head,
        "POST %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
        path, type, body_len);
    raw_send(fd, head);
    for (size_t sent = 0; sent < body_len;) {
        ssize_t n = send(fd, body + sent, body_len - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += (size_t)n;
    }
    raw_finish(fd, buf, sizeof buf);
    const char *end = strstr(buf, "\r\n\r\n");
    CHECK(end != NULL);
    return end + 4;
}

static const char form[] = "multipart/form-data; boundary=b";

/* Two values, a file of so many letters, and a small one. */
static void two_files(size_t len) {
    begin();
    add("--b\r\nContent-Disposition: form-data; name=v\r\n\r\none\r\n");
    add("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"../../x/big.bin\"\r\nX-Own: "
        "1\r\n\r\n");
    fill(len);
    add("\r\n--b\r\nContent-Disposition: form-data; name=v\r\n\r\ntwo\r\n");
    add("--b\r\nContent-Disposition: form-data; name=f; filename=small\r\n\r\nsmall\r\n--b--\r\n");
}

/* ---- handlers */

static void streams(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_multipart_reader *m, *again;
    nh_multipart_form *f;
    nh_error *err;
    char part[7], line[200];
    size_t n;
    int32_t more;
    (void)userdata;
    CHECK_ERR(NH_ERR_INVALID, nh_request_multipart_reader(NULL, &m, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_multipart_reader(r, NULL, NULL));
    CHECK_INT(nh_request_multipart_reader(r, &m, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_request_multipart_reader(r, &again, &err));
    CHECK_STR(nh_error_message(err), "http: MultipartReader called twice");
    nh_error_free(err);
    CHECK_ERR(NH_ERR_STATE, nh_request_parse_multipart(r, 0, &f, &err));
    CHECK_STR(nh_error_message(err), "http: multipart handled by MultipartReader");
    nh_error_free(err);
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_reader_next(NULL, &more, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_reader_next(m, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_reader_read(NULL, part, sizeof part, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_reader_read(m, NULL, sizeof part, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_reader_read(m, part, 0, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_reader_read(m, part, sizeof part, NULL, NULL));
    CHECK(nh_multipart_reader_name(m) == NULL && nh_multipart_reader_filename(m) == NULL);
    CHECK(nh_multipart_reader_header(m) == NULL && nh_multipart_reader_name(NULL) == NULL);
    CHECK(nh_multipart_reader_filename(NULL) == NULL && nh_multipart_reader_header(NULL) == NULL);
    for (int i = 0;; i++) {
        size_t len = 0;
        unsigned sum = 0;
        CHECK_INT(nh_multipart_reader_next(m, &more, NULL), NH_OK);
        if (!more) break;
        /* The second part is left unread. */
        while (i != 1 && nh_multipart_reader_read(m, part, sizeof part, &n, NULL) == NH_OK && n > 0)
            for (len += n; n > 0; n--)
                sum += (unsigned char)part[n - 1];
        const char *own = nh_header_get(nh_multipart_reader_header(m), "x-own");
        snprintf(line, sizeof line, "%s|%s|%s|%zu|%u\n", nh_multipart_reader_name(m),
                 nh_multipart_reader_filename(m), own ? own : "-", len, sum);
        nh_response_writer_write_str(w, line, NULL);
    }
    nh_multipart_reader_free(m);
}

static void parses(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_multipart_form *f, *again;
    nh_multipart_reader *m;
    nh_error *err;
    char piece[1000], line[200];
    size_t n, len;
    (void)userdata;
    CHECK_ERR(NH_ERR_INVALID, nh_request_parse_multipart(NULL, 0, &f, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_parse_multipart(r, 0, NULL, NULL));
    CHECK_INT(nh_request_parse_multipart(r, 100000, &f, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_request_parse_multipart(r, 0, &again, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_request_multipart_reader(r, &m, &err));
    CHECK_STR(nh_error_message(err), "http: multipart handled by ParseMultipartForm");
    nh_error_free(err);
    const nh_values *values = nh_multipart_form_values(f);
    CHECK_STR(nh_values_get(values, "v", &len), "one");
    CHECK_INT(nh_values_count(values), 2);
    const nh_multipart_file *file = nh_multipart_form_file(f, "f");
    CHECK(file && file == nh_multipart_form_file_at(f, 0) && !nh_multipart_form_file_at(f, 2));
    CHECK(nh_multipart_form_file(f, "none") == NULL && nh_multipart_form_file(NULL, "f") == NULL);
    CHECK(nh_multipart_form_file(f, NULL) == NULL && nh_multipart_form_file_at(NULL, 0) == NULL);
    CHECK(nh_multipart_form_values(NULL) == NULL && nh_multipart_file_name(NULL) == NULL);
    CHECK(nh_multipart_file_filename(NULL) == NULL && nh_multipart_file_header(NULL) == NULL);
    CHECK_INT(nh_multipart_file_size(NULL), 0);
    CHECK_STR(nh_multipart_file_name(file), "f");
    CHECK_STR(nh_multipart_file_filename(file), "big.bin");
    CHECK_STR(nh_header_get(nh_multipart_file_header(file), "X-Own"), "1");
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_file_read_at(NULL, 0, piece, 1, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_file_read_at(file, 0, NULL, 1, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_file_read_at(file, 0, piece, 0, &n, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_multipart_file_read_at(file, 0, piece, 1, NULL, NULL));
    uint64_t at = 0;
    while (nh_multipart_file_read_at(file, at, piece, sizeof piece, &n, NULL) == NH_OK && n > 0)
        for (size_t i = 0; i < n; i++, at++)
            CHECK(piece[i] == (char)('a' + at % 26));
    CHECK(at == nh_multipart_file_size(file));
    CHECK_INT(nh_multipart_file_read_at(file, UINT64_MAX, piece, 1, &n, NULL), NH_OK);
    CHECK_INT(n, 0);
    file = nh_multipart_form_file_at(f, 1);
    CHECK_INT(nh_multipart_file_read_at(file, 2, piece, sizeof piece, &n, NULL), NH_OK);
    CHECK(n == 3 && !memcmp(piece, "all", 3));
    snprintf(line, sizeof line, "%llu", (unsigned long long)at);
    nh_response_writer_write_str(w, line, NULL);
    nh_multipart_form_free(f);
}

/* Answers by which code, and with which text, the body could not be parsed, or read. */
static void fails(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_multipart_form *f;
    nh_multipart_reader *m = NULL;
    nh_error *err = NULL;
    char line[600];
    size_t n = 1;
    int32_t more = 1;
    nh_result result;
    (void)userdata;
    if (strstr(nh_request_uri(r), "parse")) {
        result = nh_request_parse_multipart(r, 1000, &f, &err);
        CHECK(f == NULL || result == NH_OK);
        nh_multipart_form_free(f);
    } else {
        result = nh_request_multipart_reader(r, &m, &err);
        while (result == NH_OK && more) {
            result = nh_multipart_reader_next(m, &more, &err);
            while (result == NH_OK && more && n > 0 && strstr(nh_request_uri(r), "read"))
                result = nh_multipart_reader_read(m, line, sizeof line, &n, &err);
            n = 1;
        }
    }
    snprintf(line, sizeof line, "%d %s", (int)result, err ? nh_error_message(err) : "");
    nh_response_writer_write_str(w, line, NULL);
    nh_error_free(err);
    nh_multipart_reader_free(m);
}

/* The same by their codes: the query's letters name the call and what it must answer. */
static void codes(nh_response_writer *w, nh_request *r, void *userdata) {
    const char *want = nh_request_raw_query(r);
    nh_multipart_form *f;
    nh_multipart_reader *m = NULL;
    size_t n;
    int32_t more;
    char part[100];
    (void)userdata;
    if (*want == 'n') CHECK_INT(nh_request_multipart_reader(r, &m, NULL), NH_OK);
    if (!strcmp(want, "np")) CHECK_ERR(NH_ERR_PROTOCOL, nh_multipart_reader_next(m, &more, NULL));
    if (!strcmp(want, "nl")) CHECK_ERR(NH_ERR_TOO_LARGE, nh_multipart_reader_next(m, &more, NULL));
    if (!strcmp(want, "ne")) CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_multipart_reader_next(m, &more, NULL));
    if (!strcmp(want, "nr")) {
        CHECK_INT(nh_multipart_reader_next(m, &more, NULL), NH_OK);
        CHECK_INT(nh_multipart_reader_read(m, part, sizeof part, &n, NULL), NH_OK);
        CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_multipart_reader_read(m, part, sizeof part, &n, NULL));
    }
    if (!strcmp(want, "pp")) CHECK_ERR(NH_ERR_PROTOCOL, nh_request_parse_multipart(r, 0, &f, NULL));
    if (!strcmp(want, "pl")) CHECK_ERR(NH_ERR_TOO_LARGE, nh_request_parse_multipart(r, 0, &f, NULL));
    if (!strcmp(want, "pe")) CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_request_parse_multipart(r, 0, &f, NULL));
    nh_multipart_reader_free(m);
    nh_response_writer_write_str(w, want, NULL);
}

static void failures(void) {
    static const char bad[] = "multipart/mixed; boundary=b";
    begin();
    CHECK_STR(post("/fail/next", "text/plain"), "-1 request Content-Type isn't multipart/form-data");
    CHECK_STR(post("/fail/next", "multipart/form-data"), "-1 no multipart boundary param in Content-Type");
    CHECK_STR(post("/fail/parse", bad), "-1 request Content-Type isn't multipart/form-data");
    CHECK_STR(post("/fail/parse", form), "-43 multipart: NextPart: EOF");
    CHECK_STR(post("/fail/next", bad), "-43 multipart: NextPart: EOF");
    CHECK_STR(post("/codes?ne", form), "ne");
    add("--b\r\n\r\nx\r\n");
    CHECK_STR(post("/codes?nr", form), "nr");
    CHECK_STR(post("/codes?pe", form), "pe");
    CHECK_STR(post("/fail/parse", form), "-43 unexpected EOF");
    CHECK_STR(post("/fail/read", form), "-43 unexpected EOF");
    begin();
    add("--b\r\nno field\r\n\r\n\r\n--b--");
    CHECK_STR(post("/codes?np", form), "np");
    CHECK_STR(post("/codes?pp", form), "pp");
    CHECK_STR(post("/fail/parse", form), "-60 malformed MIME header line: \"no field\"");
    CHECK_STR(post("/fail/next", form), "-60 malformed MIME header line: \"no field\"");
    begin();
    add("--b\r\n");
    for (int i = 0; i < 10001; i++)
        add("A: 1\r\n");
    CHECK_STR(post("/codes?nl", form), "nl");
    CHECK_STR(post("/codes?pl", form), "pl");
    CHECK_STR(post("/fail/next", form), "-61 multipart: message too large");
    begin();
    for (int i = 0; i < 1001; i++)
        add("--b\r\n\r\n\r\n");
    add("--b--");
    CHECK_STR(post("/fail/parse", form), "-61 multipart: message too large");
    CHECK_STR(post("/fail/next", form), "0 ");
}

/* A request that was not received has neither parts nor credentials. */
static void not_received(void) {
    nh_request *r;
    nh_multipart_reader *m;
    nh_multipart_form *f;
    char a[20], b[20];
    size_t x, y;
    CHECK_INT(nh_request_new("GET", "http://h/?a=1&a=2&b=%zz", &r, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_request_multipart_reader(r, &m, NULL));
    CHECK_ERR(NH_ERR_STATE, nh_request_parse_multipart(r, 0, &f, NULL));
    CHECK_ERR(NH_ERR_NOT_FOUND, nh_request_basic_auth(r, a, sizeof a, &x, b, sizeof b, &y));
    CHECK_INT(nh_request_set_header(r, "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_request_basic_auth(NULL, a, sizeof a, &x, b, sizeof b, &y));
    CHECK_ERR(NH_ERR_INVALID, nh_request_basic_auth(r, a, sizeof a, NULL, b, sizeof b, &y));
    CHECK_ERR(NH_ERR_INVALID, nh_request_basic_auth(r, a, sizeof a, &x, b, sizeof b, NULL));
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_request_basic_auth(r, a, 2, &x, NULL, 0, &y));
    CHECK(x == 7 && y == 11);
    CHECK_INT(nh_request_basic_auth(r, a, sizeof a, &x, b, sizeof b, &y), NH_OK);
    CHECK_STR(a, "Aladdin");
    CHECK_STR(b, "open sesame");
    nh_values *query = nh_request_query(r);
    CHECK_INT(nh_values_count(query), 2);
    nh_values_free(query);
    CHECK(nh_request_query(NULL) == NULL);
    nh_multipart_reader_free(NULL);
    nh_multipart_form_free(NULL);
    nh_request_free(r);
}

static void sets_cookies(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_cookie *c;
    size_t len;
    (void)userdata;
    nh_values *query = nh_request_query(r);
    CHECK_STR(nh_values_get(query, "q", &len), "a b");
    nh_values_free(query);
    CHECK_INT(nh_cookie_parse_set("a=\"x y\"; Path=/; HttpOnly; SameSite=Lax", &c, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_cookie(NULL, c));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_cookie(w, NULL));
    CHECK_INT(nh_response_writer_set_cookie(w, c), NH_OK);
    nh_cookie_free(c);
    CHECK_INT(nh_cookie_new("b", "2", &c, NULL), NH_OK);
    CHECK_INT(nh_response_writer_set_cookie(w, c), NH_OK);
    nh_cookie_free(c);
}

int main(void) {
    server = nh_server_new();
    CHECK_INT(nh_server_handle(server, "/stream", streams, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(server, "/parse", parses, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(server, "/fail/", fails, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(server, "/codes", codes, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(server, "/cookies", sets_cookies, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(server, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(server, NULL), NH_OK);
    two_files(50000);
    CHECK_STR(post("/stream", form), "v||-|3|322\nf|big.bin|1|0|0\nv||-|3|346\nf|small|-|5|537\n");
    /* In memory, and on disk. */
    CHECK_STR(post("/parse", form), "50000");
    two_files(3000000);
    CHECK_STR(post("/parse", form), "3000000");
    failures();
    begin();
    post("/cookies?q=a+b", "text/plain");
    CHECK(strstr(buf, "Set-Cookie: a=\"x y\"; Path=/; HttpOnly; SameSite=Lax\r\nSet-Cookie: b=2\r\n") !=
          NULL);
    nh_server_free(server);
    not_received();
    return 0;
}
