/* Requests: what is refused, what is NULL, and that one that is being sent cannot be changed. */
#include <fcntl.h>

#include "nethttp.h"
#include "origin.h"

static int freed;

static void count_free(void *userdata) { ++*(int *)userdata; }

static nh_result nothing(void *userdata, void *buf, size_t cap, size_t *n_out) {
    (void)userdata, (void)buf, (void)cap;
    *n_out = 0;
    return NH_OK;
}

static void nulls(void) {
    nh_request *r = NULL, *other = NULL;
    nh_error *err = NULL;
    CHECK_ERR(NH_ERR_INVALID, nh_request_new(NULL, "http://a/", &r, &err));
    CHECK(r == NULL && err != NULL);
    nh_error_free(err);
    CHECK_ERR(NH_ERR_INVALID, nh_request_new("GET", NULL, &r, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_new("GET", "http://a/", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_new("G T", "http://a/", &r, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_new("GET", "http://a b/", &r, NULL));
    CHECK_INT(nh_request_new("", "http://user:secret@a/p?q", &r, &err), NH_OK);
    CHECK(err == NULL);
    CHECK_STR(nh_request_method(r), "GET");
    CHECK_STR(nh_request_url(r), "http://user:secret@a/p?q");
    CHECK_STR(nh_request_url(NULL), NULL);
    CHECK_INT(nh_request_proto_major(r), 1);
    CHECK_INT(nh_request_proto_minor(r), 1);
    CHECK_INT(nh_request_proto_major(NULL), 0);
    CHECK_INT(nh_request_proto_minor(NULL), 0);
    CHECK_STR(nh_request_transfer_encoding(r), NULL);
    CHECK_STR(nh_request_transfer_encoding(NULL), NULL);
    CHECK_INT(nh_request_close(r), 0);
    CHECK_INT(nh_request_close(NULL), 0);
    CHECK(nh_request_header(NULL) == NULL);
    CHECK(nh_request_trailer(NULL) == NULL);

    CHECK_ERR(NH_ERR_INVALID, nh_request_clone(NULL, &other, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_clone(r, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_clone_outbound(NULL, "http://a/", &other, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_clone_outbound(r, NULL, &other, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_clone_outbound(r, "http://a/", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_clone_outbound(r, "http://[", &other, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_method(NULL, "GET"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_method(r, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_method(r, "G\r\nT"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_url(NULL, "http://a/", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_url(r, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_url(r, "http://[", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_header(NULL, "A", "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_header(r, NULL, "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_header(r, "A", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_header(r, "A", "b\r\nC: d"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_add_header(NULL, "A", "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_add_header(r, NULL, "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_add_header(r, "A", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_trailer(NULL, "A", "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_trailer(r, NULL, "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_trailer(r, "A", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_trailer(r, "Content-Length", "1"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_target(NULL, "*"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_target(r, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_target(r, ""));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_target(r, "/a b"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_target(r, "/\r\nA: b"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_host(NULL, "a"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_host(r, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_close(NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_close(r, 2));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_timeout(NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_timeout(r, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_cancel(NULL, NULL));
    CHECK_INT(nh_request_set_cancel(r, NULL), NH_OK);

    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body(NULL, "a", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body(r, NULL, 1));
    CHECK_INT(nh_request_set_body(r, NULL, 0), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_borrowed(NULL, "a", 1, &freed, count_free));
    CHECK_INT(freed, 1);
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_borrowed(r, NULL, 1, &freed, count_free));
    CHECK_INT(freed, 2);
    CHECK_INT(nh_request_set_body_borrowed(r, "abc", 3, &freed, count_free), NH_OK);
    CHECK_INT(nh_request_content_length(r), 3);
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_file(NULL, "/dev/null", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_file(r, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_file(r, "/", NULL));
    CHECK_ERR(NH_ERR_IO, nh_request_set_body_file(r, "/no/such/file", &err));
    CHECK(strstr(nh_error_message(err), "no such file") != NULL);
    nh_error_free(err);
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_fd(NULL, 0, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_fd(r, -1, NULL));
    CHECK_ERR(NH_ERR_IO, nh_request_set_body_fd(r, 987654, NULL));
    CHECK_INT(freed, 2);
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_callback(NULL, 1, nothing, NULL, &freed, count_free));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_callback(r, 1, NULL, NULL, &freed, count_free));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_callback(r, -2, nothing, NULL, &freed, count_free));
    CHECK_INT(freed, 5);
    CHECK_INT(nh_request_set_body_callback(r, -1, nothing, NULL, &freed, count_free), NH_OK);
    CHECK_INT(freed, 6); /* the borrowed bytes */
    CHECK_STR(nh_request_transfer_encoding(r), "chunked");
    CHECK_INT(nh_request_content_length(r), -1);
    CHECK_INT(nh_request_clone(r, &other, NULL), NH_OK);
    nh_request_free(r);
    CHECK_INT(freed, 6);
    nh_request_free(other);
    CHECK_INT(freed, 7);
    nh_request_free(NULL);
}

static void clones(void) {
    nh_request *r, *other;
    CHECK_INT(nh_request_new("PUT", "http://a/", &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_header(r, "A", "1"), NH_OK);
    CHECK_INT(nh_request_add_header(r, "a", "2"), NH_OK);
    CHECK_INT(nh_request_set_header(r, "Connection", "X-Hop"), NH_OK);
    CHECK_INT(nh_request_set_header(r, "X-Hop", "y"), NH_OK);
    CHECK_INT(nh_header_set(nh_request_header(r), "B", "3"), NH_OK);
    CHECK_INT(nh_request_set_trailer(r, "T", "4"), NH_OK);
    CHECK_STR(nh_header_get(nh_request_trailer(r), "t"), "4");
    CHECK_INT(nh_request_set_close(r, 1), NH_OK);
    CHECK_INT(nh_request_clone(r, &other, NULL), NH_OK);
    CHECK_STR(nh_header_value(nh_request_header(other), "A", 1), "2");
    CHECK_INT(nh_request_close(other), 1);
    nh_request_free(other);
    CHECK_INT(nh_request_clone_outbound(r, "http://b/c", &other, NULL), NH_OK);
    CHECK_STR(nh_request_method(other), "PUT");
    CHECK_STR(nh_request_url(other), "http://b/c");
    CHECK_STR(nh_header_get(nh_request_header(other), "B"), "3");
    CHECK_STR(nh_header_get(nh_request_header(other), "X-Hop"), NULL);
    nh_request_free(other);
    CHECK_INT(nh_request_set_method(r, "POST"), NH_OK);
    CHECK_INT(nh_request_set_url(r, "http://c/", NULL), NH_OK);
    CHECK_STR(nh_request_url(r), "http://c/");
    nh_request_free(r);
}

static void *send_it(void *arg) {
    nh_response *res = NULL;
    CHECK_INT(nh_client_do(nh_default_client(), arg, &res, NULL), NH_ERR_CANCELED);
    return NULL;
}

static void busy(void) {
    nh_request *r, *other = NULL;
    nh_cookie *cookie = NULL;
    nh_values *values;
    nh_response *res = NULL;
    nh_cancel_token *token = nh_cancel_token_new();
    pthread_t t;
    freed = 0;
    CHECK_INT(nh_request_new("GET", origin_url("/silent"), &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_cancel(r, token), NH_OK);
    CHECK_INT(pthread_create(&t, NULL, send_it, r), 0);
    origin_sleep(100);
    CHECK_ERR(NH_ERR_BUSY, nh_client_do(nh_default_client(), r, &res, NULL));
    CHECK(nh_request_header(r) == NULL);
    CHECK_ERR(NH_ERR_BUSY, nh_request_clone(r, &other, NULL));
    CHECK_INT(nh_cookie_new("a", "1", &cookie, NULL), NH_OK);
    CHECK_ERR(NH_ERR_BUSY, nh_request_add_cookie(r, cookie));
    nh_cookie_free(cookie);
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_method(r, "GET"));
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_url(r, "http://a/", NULL));
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_header(r, "A", "b"));
    CHECK_ERR(NH_ERR_BUSY, nh_request_add_header(r, "A", "b"));
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_trailer(r, "A", "b"));
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_host(r, "a"));
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_target(r, "*"));
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_close(r, 1));
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_timeout(r, 1));
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_cancel(r, NULL));
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_body(r, "a", 1));
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_body_borrowed(r, "a", 1, &freed, count_free));
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_body_file(r, "/dev/null", NULL));
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_body_fd(r, 0, NULL));
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_body_callback(r, 1, nothing, NULL, &freed, count_free));
    CHECK_INT(freed, 2);
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_progress(r, NULL, &freed, count_free));
    CHECK_INT(freed, 3);
    values = nh_values_new();
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_form(r, values));
    nh_values_free(values);
    CHECK_ERR(NH_ERR_BUSY, nh_request_set_multipart(r, nh_multipart_new()));
    CHECK_INT(nh_cancel_token_fire(token), NH_OK);
    pthread_join(t, NULL);
    CHECK_INT(nh_request_set_close(r, 1), NH_OK);
    nh_request_free(r);
    nh_cancel_token_free(token);
}

int main(void) {
    origin_start();
    nulls();
    clones();
    busy();
    return 0;
}
