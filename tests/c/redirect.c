/* Redirects: followed, refused, handed out, and what each leaves in the response. */
#include "nethttp.h"
#include "origin.h"

static nh_client *c;

/* ---- an origin of its own: /hop/N redirects to /hop/N-1, /hop/0 answers; /to?URL redirects there */

static void *conn(void *arg) {
    int fd = (int)(intptr_t)arg;
    char head[8192], answer[1024];
    while (origin_head(fd, head, sizeof head)) {
        int n = 0;
        char *body = strstr(head, "Content-Length: "), to[512] = "";
        for (int left = body ? atoi(body + 16) : 0; left > 0; left--)
            if (recv(fd, answer, 1, 0) != 1) break;
        if (sscanf(head, "%*s /hop/%d", &n) == 1 && n > 0)
            snprintf(to, sizeof to, "/hop/%d", n - 1);
        else
            sscanf(head, "%*s /to?%511s", to);
        if (*to)
            snprintf(answer, sizeof answer,
                     "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 2\r\n\r\nno", to);
        else
            snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Seen: %s\r\n\r\nok",
                     strstr(head, "X-Hop: 2")    ? "hop 2"
                     : strstr(head, "a=1&b=x+y") ? "form"
                                                 : "plain");
        if (!strncmp(head, "HEAD", 4)) strstr(answer, "\r\n\r\n")[4] = 0;
        origin_send(fd, answer);
    }
    close(fd);
    return NULL;
}

static void follows(void) {
    nh_response *res = NULL;
    nh_error *err = NULL;
    nh_request *r = NULL;
    const void *data;
    size_t n;
    CHECK_INT(nh_client_get(c, origin_url("/hop/9"), &res, NULL), NH_OK);
    CHECK_INT(nh_response_status_code(res), 200);
    CHECK_STR(nh_request_url(nh_response_request(res)), origin_url("/hop/0"));
    CHECK_STR(nh_request_header_value(nh_response_request(res), "Referer"), origin_url("/hop/1"));
    CHECK_INT(nh_request_redirect_status(nh_response_request(res)), 302);
    CHECK_STR(nh_header_get(nh_request_redirect_header(nh_response_request(res)), "Location"), "/hop/0");
    CHECK_INT(nh_request_redirect_status(NULL), 0);
    CHECK(!nh_request_redirect_header(NULL));
    nh_response_free(res);

    /* One more: both are given, and the body is closed. */
    CHECK_INT(nh_request_new("GET", origin_url("/hop/10"), &r, NULL), NH_OK);
    CHECK_ERR(NH_ERR_REDIRECT, nh_client_do(c, r, &res, &err));
    CHECK_STR(nh_error_message(err), "Get \"/hop/0\": stopped after 10 redirects");
    CHECK_INT(nh_response_status_code(res), 302);
    CHECK_STR(nh_request_url(nh_response_request(res)), origin_url("/hop/1"));
    CHECK_ERR(NH_ERR_CLOSED, nh_response_body_read_all(res, 9, &data, &n, NULL));
    nh_error_free(err);
    nh_response_free(res);
    nh_request_free(r);

    CHECK_INT(nh_client_set_max_redirects(c, NH_REDIRECTS_OFF), NH_OK);
    CHECK_INT(nh_client_head(c, origin_url("/hop/3"), &res, NULL), NH_OK);
    CHECK_INT(nh_response_status_code(res), 302);
    nh_response_free(res);
    CHECK_INT(nh_client_set_max_redirects(c, 4), NH_OK);
    CHECK_INT(nh_client_get(c, origin_url("/hop/3"), &res, NULL), NH_OK);
    nh_response_free(res);
    CHECK_ERR(NH_ERR_REDIRECT, nh_client_get(c, origin_url("/hop/4"), &res, NULL));
    nh_response_free(res);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_max_redirects(c, -2));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_max_redirects(NULL, 1));
    CHECK_INT(nh_client_set_max_redirects(c, 10), NH_OK);

    CHECK_INT(nh_request_new("GET", origin_url("/to?http://a%"), &r, NULL), NH_OK);
    CHECK_ERR(NH_ERR_REDIRECT, nh_client_do(c, r, &res, &err));
    CHECK(res == NULL && strstr(nh_error_message(err), "failed to parse Location header") != NULL);
    nh_error_free(err);
    nh_request_free(r);
}

static void location(void) {
    nh_response *res = NULL;
    nh_url *url = NULL;
    CHECK_INT(nh_client_set_max_redirects(c, NH_REDIRECTS_OFF), NH_OK);
    CHECK_INT(nh_client_get(c, origin_url("/hop/1"), &res, NULL), NH_OK);
    CHECK_INT(nh_response_location(res, &url, NULL), NH_OK);
    CHECK_STR(nh_url_text(url), origin_url("/hop/0"));
    nh_url_free(url);
    CHECK_ERR(NH_ERR_INVALID, nh_response_location(res, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_location(NULL, &url, NULL));
    nh_response_free(res);
    CHECK_INT(nh_client_get(c, origin_url("/hop/0"), &res, NULL), NH_OK);
    CHECK_ERR(NH_ERR_NOT_FOUND, nh_response_location(res, &url, NULL));
    CHECK(url == NULL);
    nh_response_free(res);
    CHECK_INT(nh_client_get(c, origin_url("/to?http://a%"), &res, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_response_location(res, &url, NULL));
    nh_response_free(res);
}

/* ---- the callback */

struct judge {
    int calls, freed;
    nh_result at_two;
};

static void count_free(void *userdata) { ((struct judge *)userdata)->freed++; }

static nh_result judge(nh_request *next, const nh_request *const *via, size_t via_count, void *userdata) {
    struct judge *j = userdata;
    char hop[16];
    j->calls++;
    CHECK(via_count == (size_t)j->calls);
    CHECK_STR(nh_request_url(via[0]), origin_url("/hop/3"));
    CHECK_STR(nh_request_method(next), "GET");
    snprintf(hop, sizeof hop, "%d", (int)via_count);
    CHECK_INT(nh_request_set_header(next, "X-Hop", hop), NH_OK);
    CHECK(nh_header_has(nh_request_header(next), "Referer"));
    return via_count == 2 ? j->at_two : NH_OK;
}

static void callback(void) {
    struct judge j = {0, 0, NH_OK};
    nh_response *res = NULL;
    nh_error *err = NULL;
    const void *data;
    size_t n;
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_redirect_callback(NULL, judge, &j, count_free));
    CHECK_INT(j.freed, 1);
    CHECK_INT(nh_client_set_redirect_callback(c, judge, &j, count_free), NH_OK);
    CHECK_INT(nh_client_get(c, origin_url("/hop/3"), &res, NULL), NH_OK);
    CHECK_INT(j.calls, 3);
    CHECK_STR(nh_request_url(nh_response_request(res)), origin_url("/hop/0"));
    nh_response_free(res);

    j.calls = 0, j.at_two = NH_REDIRECT_USE_LAST;
    CHECK_INT(nh_client_get(c, origin_url("/hop/3"), &res, NULL), NH_OK);
    CHECK_INT(nh_response_status_code(res), 302);
    CHECK_STR(nh_request_url(nh_response_request(res)), origin_url("/hop/2"));
    CHECK_INT(nh_response_body_read_all(res, 9, &data, &n, NULL), NH_OK);
    CHECK_STR(data, "no");
    nh_response_free(res);

    j.calls = 0, j.at_two = NH_ERR_ABORTED;
    CHECK_ERR(NH_ERR_REDIRECT, nh_client_get(c, origin_url("/hop/3"), &res, &err));
    CHECK(strstr(nh_error_message(err), "Get \"/hop/1\": nethttp: the redirect callback answered -80") !=
          NULL);
    CHECK_INT(nh_response_status_code(res), 302);
    nh_error_free(err);
    nh_response_free(res);
    CHECK_INT(nh_client_set_redirect_callback(c, NULL, NULL, NULL), NH_OK);
    CHECK_INT(j.freed, 2);
    CHECK_INT(nh_client_get(c, origin_url("/hop/3"), &res, NULL), NH_OK);
    nh_response_free(res);
}

static void short_calls(void) {
    nh_response *res = NULL;
    nh_values *v = nh_values_new();
    CHECK_INT(nh_values_add(v, "b", "x y"), NH_OK);
    CHECK_INT(nh_values_add(v, "a", "1"), NH_OK);
    CHECK_INT(nh_client_post(c, origin_url("/hop/0"), "text/plain", "abcd", 4, &res, NULL), NH_OK);
    nh_response_free(res);
    CHECK_INT(nh_client_post_form(c, origin_url("/hop/0"), v, &res, NULL), NH_OK);
    CHECK_STR(nh_request_header_value(nh_response_request(res), "Content-Type"),
              "application/x-www-form-urlencoded");
    nh_response_free(res);
    CHECK_INT(nh_post_form(origin_url("/hop/0"), v, &res, NULL), NH_OK);
    nh_response_free(res);
    CHECK_ERR(NH_ERR_INVALID, nh_client_get(NULL, "http://a/", &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_get(c, NULL, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_get(c, "http://a/", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_head(NULL, "http://a/", &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_head(c, NULL, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_head(c, "http://a/", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_post(NULL, "http://a/", NULL, NULL, 0, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_post(c, NULL, NULL, NULL, 0, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_post(c, "http://a/", NULL, NULL, 1, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_post(c, "http://a/", NULL, NULL, 0, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_post_form(NULL, "http://a/", v, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_post_form(c, NULL, v, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_post_form(c, "http://a/", NULL, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_post_form(c, "http://a/", v, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_post_form(NULL, v, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_post_form("http://a/", NULL, &res, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_post_form("http://a/", v, NULL, NULL));
    nh_values_free(v);
}

int main(void) {
    origin_serve(conn);
    c = nh_client_new();
    follows();
    location();
    callback();
    short_calls();
    nh_client_free(c);
    return 0;
}
