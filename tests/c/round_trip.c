/* Transports that clients share, and functions that answer in their place. */
#include "check.h"
#include "nethttp.h"
#include "origin.h"

#include <sys/wait.h>

static int calls, freed;

static void count_free(void *userdata) {
    (void)userdata;
    freed++;
}

/* Answers by itself what the path asks for. */
static nh_result answer(nh_request *r, nh_response **out, nh_error **err, void *userdata) {
    const char *url = nh_request_url(r);
    (void)err, (void)userdata;
    calls++;
    if (strstr(url, "/skip")) return NH_ROUND_TRIP_SKIP;
    if (strstr(url, "/nothing")) return NH_OK;
    if (strstr(url, "/timeout")) return NH_ERR_TIMEOUT;
    if (strstr(url, "/odd")) return -12345;
    CHECK_INT(nh_response_new(strstr(url, "/redirect") ? 302 : 200, out), NH_OK);
    CHECK_INT(nh_response_set_header(*out, "X-Made", "yes"), NH_OK);
    if (strstr(url, "/redirect")) CHECK_INT(nh_response_set_header(*out, "Location", "/final"), NH_OK);
    CHECK_INT(nh_response_set_body(*out, url, strlen(url)), NH_OK);
    return NH_OK;
}

/* Forwards, with a field more. */
static nh_result sign(nh_request *r, nh_response **out, nh_error **err, void *userdata) {
    calls++;
    CHECK_INT(nh_request_set_header(r, "X-Signed", "1"), NH_OK);
    return nh_transport_round_trip(userdata, r, out, err);
}

static nh_result fetch(nh_client *c, const char *url, nh_response **out, nh_error **err) {
    nh_request *r = NULL;
    CHECK_INT(nh_request_new("GET", url, &r, NULL), NH_OK);
    nh_result result = nh_client_do(c, r, out, err);
    nh_request_free(r);
    return result;
}

static void body_is(nh_response *res, const char *want) {
    const void *data;
    size_t n;
    CHECK_INT(nh_response_body_read_all(res, 1000, &data, &n, NULL), NH_OK);
    CHECK_STR(data, want);
    CHECK_INT(n, strlen(want));
    nh_response_free(res);
}

static void shared(void) {
    nh_transport *t = nh_transport_new(), *same, *copy = NULL;
    nh_client *a = nh_client_new_with_transport(t), *b = nh_client_new_with_transport(t);
    nh_response *res = NULL;
    CHECK_INT(nh_client_set_max_idle_per_host(a, 3), NH_OK);
    CHECK_INT(fetch(a, origin_url("/ok"), &res, NULL), NH_OK);
    body_is(res, "ok");
    /* What one has left the other goes on with. */
    CHECK_INT(nh_client_idle_count(b), 1);
    CHECK_INT(fetch(b, origin_url("/ok"), &res, NULL), NH_OK);
    body_is(res, "ok");
    CHECK(nh_client_dialed_count(a) == 1 && nh_client_reused_count(b) == 1);
    nh_transport_free(t);
    nh_client_free(a);
    CHECK_INT(nh_client_idle_count(b), 1);
    same = nh_client_transport(b);
    CHECK_INT(nh_transport_clone(same, &copy), NH_OK);
    CHECK_INT(nh_transport_close_idle(same), NH_OK);
    CHECK_INT(nh_client_idle_count(b), 0);
    nh_client_free(b);
    nh_request *r = NULL;
    CHECK_INT(nh_request_new("GET", origin_url("/ok"), &r, NULL), NH_OK);
    CHECK_INT(nh_transport_round_trip(copy, r, &res, NULL), NH_OK);
    body_is(res, "ok");
    CHECK_INT(nh_request_set_url(r, "http://127.0.0.1:1/", NULL), NH_OK);
    CHECK_ERR(NH_ERR_CONNECT, nh_transport_round_trip(copy, r, &res, NULL));
    nh_request_free(r);
    nh_transport_free(same);
    nh_transport_free(copy);
}

static void answered(void) {
    nh_client *c = nh_client_new();
    nh_response *res = NULL;
    nh_error *err = NULL;
    calls = freed = 0;
    CHECK_INT(nh_client_set_round_tripper(c, answer, NULL, count_free), NH_OK);
    CHECK_INT(fetch(c, "http://nowhere.invalid/a", &res, &err), NH_OK);
    CHECK_INT(nh_response_status_code(res), 200);
    CHECK_STR(nh_response_status(res), "200 OK");
    CHECK_STR(nh_header_get(nh_response_header(res), "X-Made"), "yes");
    CHECK_STR(nh_request_url(nh_response_request(res)), "http://nowhere.invalid/a");
    body_is(res, "http://nowhere.invalid/a");
    /* Redirects are the client's: the next hop comes here too. */
    CHECK_INT(fetch(c, "http://nowhere.invalid/redirect", &res, &err), NH_OK);
    body_is(res, "http://nowhere.invalid/final");
    CHECK_INT(calls, 3);
    CHECK_INT(fetch(c, origin_url("/ok#/skip"), &res, &err), NH_OK);
    nh_response_free(res);
    CHECK_INT(fetch(c, "http://a/nothing", &res, &err), NH_ERR_INVALID);
    CHECK(strstr(nh_error_message(err), "neither a response nor an error") != NULL);
    nh_error_free(err);
    CHECK_INT(fetch(c, "http://a/timeout", &res, &err), NH_ERR_TIMEOUT);
    CHECK_INT(nh_error_is_timeout(err), 1);
    nh_error_free(err);
    CHECK_INT(fetch(c, "http://a/odd", &res, &err), NH_ERR_ABORTED);
    nh_error_free(err);
    CHECK_INT(nh_client_set_round_tripper(c, NULL, NULL, count_free), NH_OK);
    CHECK_INT(freed, 2);
    nh_client_free(c);
}

static void forwarded(void) {
    nh_client *c = nh_client_new();
    nh_transport *t = nh_client_transport(c);
    nh_response *res = NULL;
    nh_error *err = NULL;
    calls = freed = 0;
    CHECK_INT(nh_client_set_round_tripper(c, sign, t, count_free), NH_OK);
    CHECK_INT(fetch(c, origin_url("/ok"), &res, &err), NH_OK);
    body_is(res, "ok");
    CHECK_INT(calls, 1);
    /* Its errors come through as they are. */
    CHECK_INT(fetch(c, "http://127.0.0.1:1/", &res, &err), NH_ERR_CONNECT);
    CHECK(strstr(nh_error_message(err), "connection refused") != NULL && nh_error_address_count(err) == 1);
    nh_error_free(err);
    nh_client_free(c);
    CHECK_INT(freed, 1);
    nh_transport_free(t);
}

static void schemes(void) {
    nh_transport *t = nh_transport_new(), *copy = NULL;
    nh_response *res = NULL;
    calls = freed = 0;
    CHECK_INT(nh_transport_register_protocol(t, "Memory", answer, NULL, count_free, NULL), NH_OK);
    CHECK_INT(nh_transport_register_protocol(t, "http", answer, NULL, count_free, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_transport_register_protocol(t, "memory", answer, NULL, count_free, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_transport_register_protocol(t, "x", NULL, NULL, count_free, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_transport_register_protocol(t, NULL, answer, NULL, count_free, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_transport_register_protocol(NULL, "x", answer, NULL, count_free, NULL));
    CHECK_INT(freed, 4);
    CHECK_INT(nh_transport_clone(t, &copy), NH_OK);
    nh_client *c = nh_client_new_with_transport(copy);
    CHECK_INT(fetch(c, "memory://x/y", &res, NULL), NH_OK);
    body_is(res, "memory://x/y");
    CHECK_INT(fetch(c, origin_url("/ok#/skip"), &res, NULL), NH_OK);
    body_is(res, "ok");
    nh_client_free(c);
    nh_transport_free(copy);
    CHECK_INT(freed, 4);
    nh_transport_free(t);
    CHECK_INT(freed, 6);
}

static void nulls(void) {
    nh_transport *t = nh_transport_new(), *copy = NULL;
    nh_request *r = NULL;
    nh_response *res = NULL;
    CHECK_INT(nh_request_new("GET", "http://a/", &r, NULL), NH_OK);
    nh_transport_free(NULL);
    CHECK(nh_client_new_with_transport(NULL) == NULL && nh_client_transport(NULL) == NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_transport_clone(NULL, &copy));
    CHECK_ERR(NH_ERR_INVALID, nh_transport_clone(t, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_transport_close_idle(NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_transport_round_trip(NULL, r, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_transport_round_trip(t, NULL, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_transport_round_trip(t, r, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_round_tripper(NULL, answer, NULL, count_free));
    CHECK_ERR(NH_ERR_INVALID, nh_response_new(200, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_new(100, &res));
    CHECK_ERR(NH_ERR_INVALID, nh_response_new(1000, &res));
    CHECK_INT(nh_response_new(204, &res), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_response_set_header(NULL, "A", "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_set_header(res, NULL, "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_set_header(res, "A", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_set_header(res, "A", "b\nc"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_add_header(NULL, "A", "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_add_header(res, NULL, "b"));
    CHECK_ERR(NH_ERR_INVALID, nh_response_add_header(res, "A", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_add_header(res, "A", "b\nc"));
    CHECK_INT(nh_response_add_header(res, "Two", "1"), NH_OK);
    CHECK_INT(nh_response_add_header(res, "two", "2"), NH_OK);
    CHECK_STR(nh_header_value(nh_response_header(res), "Two", 0), "1");
    CHECK_STR(nh_header_value(nh_response_header(res), "Two", 1), "2");
    CHECK_ERR(NH_ERR_INVALID, nh_response_set_body(NULL, "x", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_response_set_body(res, NULL, 1));
    pid_t pid = fork();
    if (pid == 0) {
        nh_response *mine = res;
        CHECK_ERR(NH_ERR_FORKED, nh_transport_clone(t, &copy));
        CHECK_ERR(NH_ERR_FORKED, nh_transport_close_idle(t));
        CHECK_ERR(NH_ERR_FORKED, nh_transport_round_trip(t, r, &res, NULL));
        CHECK_ERR(NH_ERR_FORKED, nh_transport_register_protocol(t, "x", answer, NULL, NULL, NULL));
        nh_file_system *fs = nh_file_system_dir("/");
        CHECK_ERR(NH_ERR_FORKED, nh_transport_register_file_system(t, "x", fs, NULL));
        nh_file_system_free(fs);
        CHECK(nh_client_new_with_transport(t) == NULL);
        CHECK_ERR(NH_ERR_FORKED, nh_response_set_header(mine, "A", "b"));
        CHECK_ERR(NH_ERR_FORKED, nh_response_add_header(mine, "A", "b"));
        CHECK_ERR(NH_ERR_FORKED, nh_response_set_body(mine, "x", 1));
        nh_client *c = nh_client_new();
        nh_client_free(c);
        nh_transport_free(t);
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    nh_client *c = nh_client_new();
    pid = fork();
    if (pid == 0) {
        CHECK_ERR(NH_ERR_FORKED, nh_client_set_round_tripper(c, NULL, NULL, NULL));
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    nh_client_free(c);
    nh_response_free(res);
    nh_request_free(r);
    nh_transport_free(t);
}

int main(void) {
    origin_start();
    nulls();
    shared();
    answered();
    forwarded();
    schemes();
    return 0;
}
