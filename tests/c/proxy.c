/* Proxies: who is asked, and with what; the origin of origin.h forwards nothing, but answers as a proxy
 * would. */
#include "nethttp.h"
#include "origin.h"

static int freed, calls;
static const char *answer_url;
static char own_url[128];

static void count_free(void *userdata) {
    CHECK(userdata == &freed);
    freed++;
}

static nh_result choose(void *userdata, const char *url, char *proxy, size_t cap) {
    CHECK(userdata == &freed && cap > 1000 && proxy[0] == 0);
    CHECK(strstr(url, "secret") == NULL);
    calls++;
    if (!answer_url) return NH_ERR_BUSY;
    if (!strcmp(answer_url, "full"))
        memset(proxy, 'a', cap);
    else
        snprintf(proxy, cap, "%s", answer_url);
    return NH_OK;
}

static nh_result get(nh_client *c, const char *url, nh_error **err) {
    nh_request *r = NULL;
    nh_response *res = NULL;
    CHECK_INT(nh_request_new("GET", url, &r, NULL), NH_OK);
    nh_result code = nh_client_do(c, r, &res, err);
    nh_response_free(res);
    nh_request_free(r);
    return code;
}

static void arguments(nh_client *c) {
    nh_error *err = NULL;
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_proxy(NULL, "http://p", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_proxy(c, "ftp://u:secret@p", &err));
    CHECK(strstr(nh_error_message(err), "unknown scheme \"ftp\"") &&
          !strstr(nh_error_message(err), "secret"));
    nh_error_free(err);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_proxy(c, "", NULL));
    CHECK_INT(nh_client_set_proxy(c, NULL, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_proxy_from_environment(NULL));
    CHECK_INT(nh_client_set_proxy_from_environment(c), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_proxy_callback(NULL, choose, &freed, count_free));
    CHECK_INT(freed, 1);
    CHECK_INT(nh_client_set_proxy_callback(c, NULL, &freed, count_free), NH_OK);
    CHECK_INT(freed, 2);
    CHECK_ERR(NH_ERR_INVALID, nh_client_add_proxy_header(NULL, "X", "y"));
    CHECK_ERR(NH_ERR_INVALID, nh_client_add_proxy_header(c, NULL, "y"));
    CHECK_ERR(NH_ERR_INVALID, nh_client_add_proxy_header(c, "X", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_add_proxy_header(c, "X y", "z"));
    CHECK_ERR(NH_ERR_INVALID, nh_client_add_proxy_header(c, "X", "a\r\nb"));
    CHECK_INT(nh_client_add_proxy_header(c, "X-Proxy", "1"), NH_OK);
}

static void refusals(nh_client *c) {
    nh_request *r = NULL;
    nh_response *res = NULL;
    nh_error *err = NULL;
    CHECK_INT(nh_client_set_proxy(c, own_url, NULL), NH_OK);
    CHECK_INT(get(c, "http://some.invalid/ok", NULL), NH_OK);
    CHECK_INT(nh_request_new("GET", "https://some.invalid/", &r, NULL), NH_OK);
    CHECK_ERR(NH_ERR_PROXY, nh_client_do(c, r, &res, &err));
    CHECK_STR(nh_error_message(err), "Get \"https://some.invalid/\": Forbidden");
    CHECK_INT(nh_error_phase(err), NH_PHASE_PROXY);
    nh_error_free(err);
    nh_request_free(r);
    CHECK_INT(nh_client_set_proxy(c, "http://127.0.0.1:1", NULL), NH_OK);
    CHECK_INT(get(c, "http://some.invalid/ok", &err), NH_ERR_PROXY);
    CHECK(strstr(nh_error_message(err), ": proxyconnect tcp: dial tcp 127.0.0.1:1: connect: ") != NULL);
    nh_error_free(err);
}

static void chosen(nh_client *c) {
    nh_error *err = NULL;
    CHECK_INT(nh_client_set_proxy_callback(c, choose, &freed, count_free), NH_OK);
    answer_url = own_url;
    CHECK_INT(get(c, "http://u:secret@some.invalid/ok", NULL), NH_OK);
    answer_url = "";
    CHECK_INT(get(c, origin_url("/ok"), NULL), NH_OK);
    answer_url = "full";
    CHECK_INT(get(c, origin_url("/ok"), NULL), NH_ERR_INVALID);
    answer_url = "ftp://p";
    CHECK_INT(get(c, origin_url("/ok"), NULL), NH_ERR_INVALID);
    answer_url = NULL;
    CHECK_INT(get(c, origin_url("/ok"), &err), NH_ERR_ABORTED);
    CHECK(strstr(nh_error_message(err), "the proxy's callback ended the request with result -8") != NULL);
    nh_error_free(err);
    CHECK_INT(calls, 5);
    CHECK_INT(freed, 2);
}

/* ---- how a tunnel is asked for */

static char asked[2048];
static nh_result ask_result, answer_result;
static int32_t tunnel_status;

static void *proxy_once(void *arg) {
    int fd = (int)(intptr_t)arg;
    if (origin_head(fd, asked, sizeof asked))
        origin_send(fd, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 407 Authenticate\r\nX-Why: token\r\n\r\n");
    close(fd);
    return NULL;
}

static nh_result dial_proxy(const char *host, int32_t port, int64_t timeout_ms, intptr_t *fd_out,
                            void *userdata) {
    int pair[2];
    pthread_t t;
    (void)timeout_ms, (void)userdata;
    CHECK_STR(host, "proxy.where");
    CHECK_INT(port, 3128);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_INT(pthread_create(&t, NULL, proxy_once, (void *)(intptr_t)pair[1]), 0);
    pthread_detach(t);
    *fd_out = pair[0];
    return NH_OK;
}

static nh_result ask(const char *server, nh_header *fields, void *userdata) {
    CHECK(userdata == &freed);
    CHECK_STR(server, "secure.where:443");
    CHECK_STR(nh_header_get(fields, "X-Always"), "1");
    CHECK_INT(nh_header_set(fields, "X-Token", "fresh"), NH_OK);
    CHECK_INT(nh_header_del(fields, "X-Always"), NH_OK);
    return ask_result;
}

static nh_result answered(const char *server, int32_t status, const nh_header *header, void *userdata) {
    CHECK(userdata == &freed);
    CHECK_STR(server, "secure.where:443");
    CHECK_STR(nh_header_get(header, "X-Why"), "token");
    tunnel_status = status;
    return answer_result;
}

static void tunnels(void) {
    nh_client *c = nh_client_new();
    nh_error *err = NULL;
    int before = freed;
    CHECK_INT(nh_client_set_dial(c, dial_proxy, NULL, NULL), NH_OK);
    CHECK_INT(nh_client_set_proxy(c, "http://me:secret@proxy.where:3128", NULL), NH_OK);
    CHECK_INT(nh_client_add_proxy_header(c, "X-Always", "1"), NH_OK);
    CHECK_INT(nh_client_set_tunnel_callbacks(c, ask, answered, &freed, count_free), NH_OK);
    CHECK_INT(get(c, "https://secure.where/", &err), NH_ERR_PROXY);
    CHECK(strstr(nh_error_message(err), ": Authenticate") != NULL);
    nh_error_free(err);
    CHECK_INT(tunnel_status, 407);
    CHECK(!strncmp(asked, "CONNECT secure.where:443 HTTP/1.1\r\n", 35));
    CHECK(strstr(asked, "\r\nX-Token: fresh\r\n") && !strstr(asked, "X-Always"));
    CHECK(strstr(asked, "\r\nProxy-Authorization: Basic "));
    answer_result = 99;
    CHECK_INT(get(c, "https://secure.where/", &err), NH_ERR_ABORTED);
    CHECK(strstr(nh_error_message(err), "the tunnel callback answered 99") != NULL);
    CHECK_INT(nh_error_phase(err), NH_PHASE_PROXY);
    nh_error_free(err);
    tunnel_status = 0;
    ask_result = NH_ERR_TIMEOUT;
    CHECK_INT(get(c, "https://secure.where/", NULL), NH_ERR_TIMEOUT);
    CHECK_INT(tunnel_status, 0);
    CHECK_INT(nh_client_set_tunnel_callbacks(c, NULL, NULL, NULL, NULL), NH_OK);
    CHECK_INT(get(c, "https://secure.where/", NULL), NH_ERR_PROXY);
    CHECK(strstr(asked, "X-Always: 1") && !strstr(asked, "X-Token"));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_tunnel_callbacks(NULL, ask, answered, &freed, count_free));
    nh_client_free(c);
    CHECK_INT(freed, before + 2);
}

static void environment(void) {
    nh_error *err = NULL;
    nh_client *before = nh_client_new();
    setenv("HTTP_PROXY", own_url, 1);
    nh_client *after = nh_client_new();
    CHECK_INT(get(before, "http://some.invalid/ok", NULL), NH_ERR_DNS);
    CHECK_INT(get(after, "http://some.invalid/ok", NULL), NH_OK);
    CHECK_INT(get(after, origin_url("/ok"), NULL), NH_OK);
    CHECK_INT(nh_client_set_proxy_from_environment(before), NH_OK);
    CHECK_INT(get(before, "http://some.invalid/ok", NULL), NH_OK);
    CHECK_INT(nh_client_set_proxy(after, NULL, NULL), NH_OK);
    CHECK_INT(get(after, "http://some.invalid/ok", NULL), NH_ERR_DNS);
    setenv("REQUEST_METHOD", "GET", 1);
    CHECK_INT(nh_client_set_proxy_from_environment(after), NH_OK);
    CHECK_INT(get(after, "http://some.invalid/ok", &err), NH_ERR_INVALID);
    CHECK(strstr(nh_error_message(err), "refusing to use HTTP_PROXY value in CGI environment") != NULL);
    nh_error_free(err);
    nh_client_free(before);
    nh_client_free(after);
}

int main(void) {
    unsetenv("HTTP_PROXY"), unsetenv("http_proxy"), unsetenv("NO_PROXY"), unsetenv("no_proxy");
    origin_start();
    snprintf(own_url, sizeof own_url, "http://me:secret@127.0.0.1:%d", origin_port);
    nh_client *c = nh_client_new();
    arguments(c);
    refusals(c);
    chosen(c);
    nh_client_free(c);
    CHECK_INT(freed, 3);
    tunnels();
    environment();
    return 0;
}
