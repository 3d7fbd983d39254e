/* Protection from other sites' requests, OPTIONS * left to the handler, and trailers set as header fields. */
#include "check.h"
#include "nethttp.h"
#include "serve.h"

static nh_cross_origin *rules;
static int frees;

static void count_free(void *userdata) {
    (void)userdata;
    __atomic_add_fetch(&frees, 1, __ATOMIC_SEQ_CST);
}

static void hello(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    nh_error *err;
    CHECK_INT(nh_cross_origin_check(rules, r, &err), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_check(NULL, r, NULL));
    CHECK_INT(nh_response_writer_set_header(w, "Trailer:X-Sum", "1"), NH_OK);
    nh_response_writer_write_str(w, "hello", NULL);
    CHECK_INT(nh_response_writer_flush(w, NULL), NH_OK);
    CHECK_INT(nh_response_writer_set_header(w, "Trailer:X-Sum", "2"), NH_OK);
    CHECK_INT(nh_response_writer_add_header(w, "Trailer:X-Other", "3"), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_header(w, "Trailer:", "4"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_add_header(w, "Trailer:a b", "5"));
}

static void denied(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    nh_error *err;
    CHECK_ERR(NH_ERR_CROSS_ORIGIN, nh_cross_origin_check(rules, r, &err));
    CHECK_STR(nh_error_message(err), "cross-origin request detected from Sec-Fetch-Site header");
    nh_error_free(err);
    nh_respond_error(w, "denied here", 418);
}

static void options(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    size_t len;
    CHECK_STR(nh_request_method(r), "OPTIONS");
    CHECK_STR(nh_request_url(r), "*");
    CHECK_STR(nh_request_path(r, &len), "*");
    CHECK_INT(len, 1);
    nh_response_writer_write_str(w, "mine", NULL);
}

static char answer[4096];

static int has(const nh_server *s, const char *head, const char *part) {
    char text[1024];
    int fd = raw_connect(nh_server_port(s, 0));
    snprintf(text, sizeof text, "%s\r\nHost: h\r\nConnection: close\r\n\r\n", head);
    raw_send(fd, text);
    raw_finish(fd, answer, sizeof answer);
    if (strstr(answer, part)) return 1;
    fprintf(stderr, "no \"%s\" in the answer to %s:\n%s\n", part, head, answer);
    return 0;
}

static nh_server *start(nh_handler *h, int general_options) {
    nh_server *s = nh_server_new();
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_general_options(s, 2));
    CHECK_INT(nh_server_set_general_options(s, general_options), NH_OK);
    CHECK_INT(h ? nh_server_set_handler(s, h, NULL) : NH_OK, NH_OK);
    nh_handler_free(h);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    return s;
}

static void protection(void) {
    nh_error *err;
    nh_handler *h = nh_handler_new(hello, NULL, count_free), *deny = nh_handler_new(denied, NULL, count_free);
    rules = nh_cross_origin_new();
    CHECK(nh_cross_origin_handler(NULL, h) == NULL && nh_cross_origin_handler(rules, NULL) == NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_check(rules, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_set_deny_handler(NULL, deny));
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_add_trusted_origin(NULL, "https://a", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_add_trusted_origin(rules, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_add_bypass_pattern(NULL, "/a", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_add_bypass_pattern(rules, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_add_trusted_origin(rules, "a.example", &err));
    CHECK_STR(nh_error_message(err), "invalid origin \"a.example\": scheme is required");
    nh_error_free(err);
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_add_trusted_origin(rules, "https://", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_add_trusted_origin(rules, "https://a/", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_add_trusted_origin(rules, "https://a?b", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_add_trusted_origin(rules, "https://a#b", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_add_trusted_origin(rules, "https://a b", NULL));
    CHECK_INT(nh_cross_origin_add_trusted_origin(rules, "https://trusted.example", NULL), NH_OK);
    CHECK_INT(nh_cross_origin_add_bypass_pattern(rules, "POST /open/{x}", NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_add_bypass_pattern(rules, "POST /open/{y}", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cross_origin_add_bypass_pattern(rules, "/{", NULL));

    nh_server *s = start(nh_cross_origin_handler(rules, h), 1);
    nh_handler_free(h);
    CHECK(has(s, "GET / HTTP/1.1\r\nSec-Fetch-Site: cross-site", "200 OK"));
    CHECK(has(s, "POST / HTTP/1.1", "\r\n5\r\nhello\r\n0\r\nX-Sum: 2\r\nX-Other: 3\r\n\r\n"));
    CHECK(strstr(answer, "Trailer") == NULL);
    CHECK(has(s, "POST / HTTP/1.1\r\nSec-Fetch-Site: cross-site", "HTTP/1.1 403 Forbidden\r\n"));
    CHECK(strstr(answer, "\r\n\r\ncross-origin request detected from Sec-Fetch-Site header\n") != NULL);
    CHECK(
        has(s, "POST / HTTP/1.1\r\nOrigin: https://other", "Sec-Fetch-Site is missing, and Origin does not"));
    CHECK(has(s, "POST / HTTP/1.1\r\nOrigin: https://h", "200 OK"));
    CHECK(
        has(s, "POST / HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\nOrigin: https://trusted.example", "200 OK"));
    CHECK(has(s, "POST /open/1 HTTP/1.1\r\nSec-Fetch-Site: cross-site", "200 OK"));
    CHECK(has(s, "PUT /open/1 HTTP/1.1\r\nSec-Fetch-Site: cross-site", "403 Forbidden"));
    CHECK_INT(nh_cross_origin_set_deny_handler(rules, deny), NH_OK);
    nh_handler_free(deny);
    CHECK(has(s, "POST / HTTP/1.1\r\nSec-Fetch-Site: same-site", "HTTP/1.1 418 "));
    CHECK_INT(frees, 0);
    CHECK_INT(nh_cross_origin_set_deny_handler(rules, NULL), NH_OK);
    CHECK_INT(frees, 1);
    CHECK(has(s, "POST / HTTP/1.1\r\nSec-Fetch-Site: same-site", "HTTP/1.1 403 "));
    nh_server_free(s);
    CHECK_INT(frees, 2);
    nh_cross_origin_free(rules);
    nh_cross_origin_free(NULL);
}

int main(void) {
    protection();
    nh_server *s = start(nh_handler_new(options, NULL, NULL), 0);
    CHECK(has(s, "OPTIONS * HTTP/1.1", "\r\n\r\nmine"));
    nh_server_free(s);
    s = start(nh_handler_new(options, NULL, NULL), 1);
    CHECK(has(s, "OPTIONS * HTTP/1.1", "Content-Length: 0\r\n"));
    nh_server_free(s);
    s = start(NULL, 0);
    CHECK(has(s, "OPTIONS * HTTP/1.1", "HTTP/1.1 400 Bad Request\r\n"));
    nh_server_free(s);
    return 0;
}
