/* URLs: parts, refusals, references, NULL everywhere. */
#include "check.h"
#include "nethttp.h"

static nh_url *must(const char *text) {
    nh_url *u = NULL;
    CHECK_INT(nh_url_parse(text, &u, NULL), NH_OK);
    return u;
}

static void nulls(void) {
    nh_url *u = must("http://u:p@h/"), *out = u;
    nh_error *err = NULL;
    size_t len = 7;
    nh_url_free(NULL);
    CHECK(nh_url_clone(NULL) == NULL);
    CHECK(nh_url_query(NULL) == NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_url_parse(NULL, &out, &err));
    CHECK(out == NULL && err != NULL);
    nh_error_free(err);
    CHECK_ERR(NH_ERR_INVALID, nh_url_parse("a", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_url_parse_request_uri(NULL, &out, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_url_parse_request_uri("/a", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_url_resolve(NULL, "a", &out, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_url_resolve(u, NULL, &out, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_url_resolve(u, "a", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_url_join_path(NULL, "a", &out, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_url_join_path(u, NULL, &out, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_url_join_path(u, "a", NULL, NULL));
    CHECK_STR(nh_url_text(NULL), NULL);
    CHECK_STR(nh_url_redacted(NULL), NULL);
    CHECK_STR(nh_url_scheme(NULL), NULL);
    CHECK_STR(nh_url_opaque(NULL), NULL);
    CHECK_STR(nh_url_host(NULL), NULL);
    CHECK_STR(nh_url_hostname(NULL), NULL);
    CHECK_STR(nh_url_port(NULL), NULL);
    CHECK_STR(nh_url_escaped_path(NULL), NULL);
    CHECK_STR(nh_url_raw_query(NULL), NULL);
    CHECK_STR(nh_url_request_uri(NULL), NULL);
    CHECK_INT(nh_url_is_abs(NULL), 0);
    CHECK_STR(nh_url_path(NULL, &len), NULL);
    CHECK_INT(len, 0);
    CHECK_STR(nh_url_path(u, NULL), NULL);
    CHECK_STR(nh_url_fragment(NULL, &len), NULL);
    CHECK_STR(nh_url_fragment(u, NULL), NULL);
    CHECK_STR(nh_url_username(NULL, &len), NULL);
    CHECK_STR(nh_url_username(u, NULL), NULL);
    CHECK_STR(nh_url_password(NULL, &len), NULL);
    CHECK_STR(nh_url_password(u, NULL), NULL);
    nh_url_free(u);
}

static void parts(void) {
    nh_url *u = must("HTTP://us%65r:p%40@Example.com:8080/a%2Fb/%00c?q=1&r=%zz#fr%20ag"), *copy;
    nh_values *query;
    size_t len = 0;
    CHECK_STR(nh_url_scheme(u), "http");
    CHECK_STR(nh_url_opaque(u), "");
    CHECK_STR(nh_url_username(u, &len), "user");
    CHECK_STR(nh_url_password(u, &len), "p@");
    CHECK_INT(len, 2);
    CHECK_STR(nh_url_host(u), "Example.com:8080");
    CHECK_STR(nh_url_hostname(u), "Example.com");
    CHECK_STR(nh_url_port(u), "8080");
    CHECK(memcmp(nh_url_path(u, &len), "/a/b/\0c", 8) == 0);
    CHECK_INT(len, 7);
    CHECK_STR(nh_url_escaped_path(u), "/a%2Fb/%00c");
    CHECK_STR(nh_url_raw_query(u), "q=1&r=%zz");
    CHECK_STR(nh_url_request_uri(u), "/a%2Fb/%00c?q=1&r=%zz");
    CHECK_STR(nh_url_fragment(u, &len), "fr ag");
    CHECK_STR(nh_url_redacted(u), "http://user:xxxxx@Example.com:8080/a%2Fb/%00c?q=1&r=%zz#fr%20ag");
    CHECK_INT(nh_url_is_abs(u), 1);
    query = nh_url_query(u);
    CHECK_INT(nh_values_count(query), 1);
    nh_values_free(query);
    copy = nh_url_clone(u);
    nh_url_free(u);
    CHECK_STR(nh_url_text(copy), "http://user:p%40@Example.com:8080/a%2Fb/%00c?q=1&r=%zz#fr%20ag");
    nh_url_free(copy);

    u = must("mailto:a@b");
    CHECK_STR(nh_url_opaque(u), "a@b");
    CHECK_STR(nh_url_username(u, &len), "");
    CHECK_STR(nh_url_password(u, &len), NULL);
    nh_url_free(u);
}

static void refusals(void) {
    static const char *const bad[] = {"http://a b/", ":x",           "http://h:port/",
                                      "http://[::1", "http://h/%zz", "a\r\nb",
                                      "1:b",         "http://::1/",  "http://[1.2.3.4]/"};
    nh_url *u = NULL;
    size_t i;
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        nh_error *err = NULL;
        CHECK_ERR(NH_ERR_INVALID, nh_url_parse(bad[i], &u, &err));
        CHECK(u == NULL && err != NULL && strncmp(nh_error_message(err), "parse \"", 7) == 0);
        nh_error_free(err);
    }
    CHECK_ERR(NH_ERR_INVALID, nh_url_parse_request_uri("relative", &u, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_url_parse_request_uri("", &u, NULL));
    CHECK_INT(nh_url_parse_request_uri("//a/b#c", &u, NULL), NH_OK);
    CHECK_STR(nh_url_host(u), "");
    nh_url_free(u);
}

static void references(void) {
    nh_url *base = must("http://h/a/b?q"), *u = NULL;
    CHECK_INT(nh_url_resolve(base, "../c#f", &u, NULL), NH_OK);
    CHECK_STR(nh_url_text(u), "http://h/c#f");
    nh_url_free(u);
    CHECK_ERR(NH_ERR_INVALID, nh_url_resolve(base, ":", &u, NULL));
    CHECK_INT(nh_url_join_path(base, "../../../x//y/", &u, NULL), NH_OK);
    CHECK_STR(nh_url_text(u), "http://h/x/y/?q");
    nh_url_free(u);
    CHECK_ERR(NH_ERR_INVALID, nh_url_join_path(base, "%", &u, NULL));
    nh_url_free(base);
}

int main(void) {
    nulls();
    parts();
    refusals();
    references();
    return 0;
}
