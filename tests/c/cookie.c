/* Cookies as values: parsed, written, read from requests; every pointer as NULL. */
#include "check.h"
#include "nethttp.h"

static const char *text(const nh_cookie *c) {
    static char buf[256];
    size_t len;
    CHECK_INT(nh_cookie_text(c, buf, sizeof buf, &len), NH_OK);
    CHECK_INT(len, strlen(buf));
    return buf;
}

static void values(void) {
    nh_cookie *c = NULL;
    nh_error *err = NULL;
    char buf[8];
    size_t len = 0;
    CHECK_INT(nh_cookie_parse_set(
                  "id=\"a b\"; Path=/x; Domain=.ex.test; Max-Age=60; Secure; HttpOnly; SameSite=Strict; "
                  "Partitioned; Expires=Wed, 21 Oct 2037 07:28:00 GMT",
                  &c, NULL),
              NH_OK);
    CHECK_STR(nh_cookie_name(c), "id");
    CHECK_STR(nh_cookie_value(c), "a b");
    CHECK_STR(nh_cookie_path(c), "/x");
    CHECK_STR(nh_cookie_domain(c), ".ex.test");
    CHECK_INT(nh_cookie_expires(c), 2139722880);
    CHECK_INT(nh_cookie_max_age(c), 60);
    CHECK_INT(nh_cookie_is_secure(c), 1);
    CHECK_INT(nh_cookie_is_http_only(c), 1);
    CHECK_INT(nh_cookie_is_partitioned(c), 1);
    CHECK_INT(nh_cookie_is_host_only(c), 0);
    CHECK_INT(nh_cookie_same_site(c), NH_SAME_SITE_STRICT);
    CHECK_STR(text(c),
              "id=\"a b\"; Path=/x; Domain=ex.test; Expires=Wed, 21 Oct 2037 07:28:00 GMT; Max-Age=60; "
              "HttpOnly; Secure; SameSite=Strict; Partitioned");
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_cookie_text(c, buf, sizeof buf, &len));
    CHECK(len > sizeof buf);
    CHECK_ERR(NH_ERR_INVALID, nh_cookie_text(NULL, buf, sizeof buf, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_cookie_text(c, buf, sizeof buf, NULL));
    nh_cookie_free(c);

    CHECK_INT(nh_cookie_new("a", "1", &c, NULL), NH_OK);
    CHECK_STR(text(c), "a=1");
    CHECK_STR(nh_cookie_path(c), "");
    CHECK_STR(nh_cookie_domain(c), "");
    CHECK_INT(nh_cookie_expires(c), -1);
    CHECK_INT(nh_cookie_max_age(c), -1);
    CHECK_INT(nh_cookie_same_site(c), NH_SAME_SITE_UNSET);
    nh_cookie_free(c);
    CHECK_ERR(NH_ERR_INVALID, nh_cookie_new("a b", "1", &c, &err));
    CHECK(c == NULL);
    CHECK_STR(nh_error_message(err), "http: invalid Cookie.Name");
    nh_error_free(err);
    CHECK_ERR(NH_ERR_INVALID, nh_cookie_new("a", "1;2", &c, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cookie_new(NULL, "1", &c, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cookie_new("a", NULL, &c, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cookie_new("a", "1", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cookie_parse_set("none", &c, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cookie_parse_set(NULL, &c, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_cookie_parse_set("a=1", NULL, NULL));
    CHECK(nh_cookie_name(NULL) == NULL && nh_cookie_value(NULL) == NULL && nh_cookie_path(NULL) == NULL &&
          nh_cookie_domain(NULL) == NULL);
    CHECK_INT(nh_cookie_expires(NULL), -1);
    CHECK_INT(nh_cookie_max_age(NULL), -1);
    CHECK(!nh_cookie_is_secure(NULL) && !nh_cookie_is_http_only(NULL) && !nh_cookie_is_partitioned(NULL) &&
          !nh_cookie_is_host_only(NULL) && !nh_cookie_same_site(NULL));
    nh_cookie_free(NULL);
    CHECK_INT(nh_response_cookie_count(NULL), 0);
    CHECK(nh_response_cookie_at(NULL, 0) == NULL);
}

static void requests(void) {
    nh_request *r = NULL;
    nh_cookie *c = NULL;
    CHECK_INT(nh_request_new("GET", "http://a/", &r, NULL), NH_OK);
    CHECK_ERR(NH_ERR_NOT_FOUND, nh_request_cookie(r, "a", &c));
    CHECK_INT(nh_cookie_new("a", "1", &c, NULL), NH_OK);
    CHECK_INT(nh_request_add_cookie(r, c), NH_OK);
    nh_cookie_free(c);
    CHECK_INT(nh_cookie_new("b", "x, y", &c, NULL), NH_OK);
    CHECK_INT(nh_request_add_cookie(r, c), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_request_add_cookie(NULL, c));
    CHECK_ERR(NH_ERR_INVALID, nh_request_add_cookie(r, NULL));
    nh_cookie_free(c);
    CHECK_STR(nh_request_header_value(r, "Cookie"), "a=1; b=\"x, y\"");
    CHECK_INT(nh_request_cookie(r, "b", &c), NH_OK);
    CHECK_STR(nh_cookie_value(c), "x, y");
    nh_cookie_free(c);
    CHECK_INT(nh_request_cookie_at(r, 0, &c), NH_OK);
    CHECK_STR(nh_cookie_name(c), "a");
    nh_cookie_free(c);
    CHECK_ERR(NH_ERR_NOT_FOUND, nh_request_cookie_at(r, 2, &c));
    CHECK(c == NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_request_cookie_at(NULL, 0, &c));
    CHECK_ERR(NH_ERR_INVALID, nh_request_cookie_at(r, 0, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_cookie(NULL, "a", &c));
    CHECK_ERR(NH_ERR_INVALID, nh_request_cookie(r, NULL, &c));
    CHECK_ERR(NH_ERR_INVALID, nh_request_cookie(r, "a", NULL));
    nh_request_free(r);
}

int main(void) {
    values();
    requests();
    return 0;
}
