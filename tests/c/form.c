/* Forms of received requests: query and body, limits, refusals. */
#include "check.h"
#include "nethttp.h"
#include "serve.h"

static void values(nh_request *r) {
    nh_values *form = NULL, *post = NULL;
    nh_error *err = NULL;
    size_t len = 0;
    CHECK_ERR(NH_ERR_INVALID, nh_request_parse_form(NULL, 0, &form, &post, &err));
    nh_error_free(err);
    CHECK_ERR(NH_ERR_INVALID, nh_request_parse_form(r, 0, NULL, &post, NULL));
    CHECK(form == NULL && post == NULL);
    CHECK_INT(nh_request_parse_form(r, 0, &form, &post, &err), NH_OK);
    CHECK(err == NULL);
    CHECK_INT(nh_values_count(form), 4);
    CHECK_INT(nh_values_count(post), 2);
    CHECK_STR(nh_values_get(form, "a", &len), "body 1");
    CHECK_STR(nh_values_value(form, "a", 1, &len), "query");
    CHECK_STR(nh_values_get(post, "b", &len), "\xc3\xa4");
    CHECK_STR(nh_values_get(form, "c", &len), "");
    nh_values_free(form);
    nh_values_free(post);
    /* The body is read. */
    CHECK_INT(nh_request_parse_form(r, 0, &form, NULL, NULL), NH_OK);
    CHECK_INT(nh_values_count(form), 2);
    nh_values_free(form);
}

static void handler(nh_response_writer *w, nh_request *r, void *userdata) {
    nh_values *form = NULL;
    size_t len = 0;
    const char *want = nh_request_query_value(r, "want", &len);
    (void)userdata;
    if (want == NULL) {
        values(r);
    } else if (strcmp(want, "large") == 0) {
        CHECK_ERR(NH_ERR_TOO_LARGE, nh_request_parse_form(r, 4, &form, NULL, NULL));
    } else if (strcmp(want, "invalid") == 0) {
        CHECK_ERR(NH_ERR_INVALID, nh_request_parse_form(r, 0, &form, NULL, NULL));
    } else {
        /* Another type: the body stays for the handler. */
        char buf[8];
        CHECK_INT(nh_request_parse_form(r, 0, &form, NULL, NULL), NH_OK);
        CHECK_INT(nh_values_count(form), 1);
        nh_values_free(form);
        form = NULL;
        CHECK_INT(nh_request_body_read(r, buf, sizeof buf, &len, NULL), NH_OK);
        CHECK_INT(len, 5);
    }
    CHECK(form == NULL);
    CHECK_INT(nh_respond(w, 200, "text/plain", "done", 4), NH_OK);
}

static void post(const nh_server *s, const char *path, const char *type, const char *body) {
    char text[1024];
    int fd = raw_connect(nh_server_port(s, 0));
    snprintf(text, sizeof text,
             "POST %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: "
             "%zu\r\n\r\n%s",
             path, type, strlen(body), body);
    raw_send(fd, text);
    raw_finish(fd, text, sizeof text);
    CHECK(strstr(text, "\r\n\r\ndone") != NULL);
}

int main(void) {
    static const char *const type = "Application/x-www-form-urlencoded; charset=utf-8";
    nh_server *s = nh_server_new();
    nh_request *r = NULL;
    nh_values *form = NULL;
    CHECK_INT(nh_server_handle(s, "/", handler, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    post(s, "/?a=query&c", type, "a=body+1&b=%c3%a4");
    post(s, "/?want=large", type, "a=body");
    post(s, "/?want=invalid", type, "a=%zz");
    post(s, "/?want=invalid", type, "a;b");
    post(s, "/?want=invalid", "a/b/c", "a");
    post(s, "/?want=other", "text/plain", "a=%zz");
    nh_server_free(s);

    CHECK_INT(nh_request_new("POST", "http://h/", &r, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_request_parse_form(r, 0, &form, NULL, NULL));
    nh_request_free(r);
    return 0;
}
