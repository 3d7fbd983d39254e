/* What a client's requests look like on the wire, and what becomes of their connections. */
#include "nethttp.h"
#include "origin.h"
#include "wait.h"

#include <netinet/tcp.h>

static char heads[8192];
static pthread_mutex_t heads_lock = PTHREAD_MUTEX_INITIALIZER;
static int connections, freed;

/* Keeps the last head and answers it; /go leads where the query says; /four takes a body of four bytes. */
static void *conn(void *arg) {
    int fd = (int)(intptr_t)arg;
    char head[4096], body[4], answer[512];
    add(&connections);
    while (origin_head(fd, head, sizeof head)) {
        pthread_mutex_lock(&heads_lock);
        memcpy(heads, head, sizeof head);
        pthread_mutex_unlock(&heads_lock);
        char *path = strchr(head, ' ') + 1, *to = strncmp(path, "/go?", 4) ? NULL : path;
        if (!strncmp(head, "CONNECT ", 8)) {
            origin_send(fd, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        } else if (to) {
            to[strcspn(to, " ")] = 0;
            snprintf(answer, sizeof answer, "HTTP/1.1 307 Go\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n",
                     to + 4);
            origin_send(fd, answer);
        } else if (!strncmp(path, "/half", 5)) {
            int before = current(&freed);
            origin_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
            while (current(&freed) == before)
                ;
            origin_send(fd, "world");
        } else {
            if (!strncmp(path, "/four", 5) && recv(fd, body, 4, MSG_WAITALL) != 4) break;
            origin_send(fd, ORIGIN_OK);
        }
    }
    close(fd);
    return NULL;
}

/* What was sent for a request with this target (NULL: the URL's) and Host (NULL: the URL's). */
static const char *sent(nh_client *c, const char *method, const char *url, const char *target,
                        const char *host) {
    nh_request *r;
    nh_response *res = NULL;
    nh_error *err = NULL;
    CHECK_INT(nh_request_new(method, url, &r, NULL), NH_OK);
    if (target) CHECK_INT(nh_request_set_target(r, target), NH_OK);
    if (host) CHECK_INT(nh_request_set_host(r, host), NH_OK);
    CHECK_INT(nh_request_set_header(r, "Authorization", "secret"), NH_OK);
    if (nh_client_do(c, r, &res, &err) != NH_OK) fprintf(stderr, "%s\n", nh_error_message(err));
    CHECK(res != NULL);
    nh_response_free(res);
    nh_request_free(r);
    /* The last one of them is here, and whoever wrote it is done. */
    pthread_mutex_lock(&heads_lock);
    pthread_mutex_unlock(&heads_lock);
    return heads;
}

static int begins(const char *head, const char *line, const char *host) {
    char want[256];
    snprintf(want, sizeof want, "%s HTTP/1.1\r\nHost: %s\r\n", line, host);
    if (strncmp(head, want, strlen(want))) fprintf(stderr, "got %s\nwant %s\n", head, want);
    return !strncmp(head, want, strlen(want));
}

static void targets(nh_client *c) {
    char host[32], line[128];
    nh_request *r;
    nh_response *res = NULL;
    nh_error *err = NULL;
    snprintf(host, sizeof host, "127.0.0.1:%d", origin_port);
    snprintf(line, sizeof line, "CONNECT %s", host);
    CHECK(begins(sent(c, "CONNECT", origin_url(""), NULL, NULL), line, host));
    CHECK(begins(sent(c, "CONNECT", origin_url("/path"), NULL, NULL), line, host));
    CHECK(begins(sent(c, "CONNECT", origin_url(""), NULL, "far.test"), "CONNECT far.test:80", "far.test:80"));
    CHECK(begins(sent(c, "CONNECT", origin_url(""), NULL, "far.test:443"), "CONNECT far.test:443",
                 "far.test:443"));
    CHECK(begins(sent(c, "OPTIONS", origin_url("/x"), "*", NULL), "OPTIONS *", host));
    CHECK(begins(sent(c, "GET", origin_url("/x"), "http://a.test/y", NULL), "GET http://a.test/y", host));
    CHECK(begins(sent(c, "GET", origin_url("/x"), NULL, "[fe80::1%25eth0]:81"), "GET /x", "[fe80::1]:81"));
    CHECK(begins(sent(c, "GET", origin_url("/x"), NULL, "[fe80::1%eth0]"), "GET /x", "[fe80::1]"));
    /* "*" is for OPTIONS. */
    CHECK_INT(nh_request_new("GET", origin_url("/"), &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_target(r, "*"), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_do(c, r, &res, &err));
    nh_error_free(err);
    nh_request_free(r);
}

static void this_machine(nh_client *c) {
    char url[64];
    snprintf(url, sizeof url, "http://[::]:%d/", origin_port);
    sent(c, "GET", url, NULL, NULL);
    snprintf(url, sizeof url, "http://0.0.0.0:%d/", origin_port);
    sent(c, "GET", url, NULL, NULL);
}

/* Another server of the same host, at another port. */
static void *other(void *arg) {
    int fd = accept((int)(intptr_t)arg, NULL, NULL);
    CHECK(fd >= 0);
    return conn((void *)(intptr_t)fd);
}

static void redirected(int go) {
    nh_client *c = nh_client_new();
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    pthread_t t;
    char url[128];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    CHECK_INT(listen(fd, 4), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    CHECK_INT(pthread_create(&t, NULL, other, (void *)(intptr_t)fd), 0);
    if (go) CHECK_INT(nh_client_use_go_defaults(c), NH_OK);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/go?/same", origin_port);
    CHECK(strstr(sent(c, "GET", url, NULL, NULL), "Authorization: secret") != NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/go?http://127.0.0.1:%d/other", origin_port,
             ntohs(a.sin_port));
    const char *head = sent(c, "GET", url, NULL, NULL);
    CHECK(!strncmp(head, "GET /other ", 11));
    CHECK_INT(strstr(head, "secret") != NULL, go);
    nh_client_free(c);
    pthread_join(t, NULL);
    close(fd);
}

static nh_result four(void *userdata, void *buf, size_t cap, size_t *n_out) {
    int *left = userdata;
    CHECK(cap >= 4);
    *n_out = *left ? 4 : 0;
    memcpy(buf, "four", *n_out);
    *left = 0;
    return NH_OK;
}

/* A body of known length costs no connection, however soon it is answered. */
static void one_connection(void) {
    nh_client *c = nh_client_new();
    int before = current(&connections);
    for (int i = 0; i < 200; i++) {
        nh_request *r;
        nh_response *res = NULL;
        int left = 1;
        CHECK_INT(nh_request_new("POST", origin_url("/four"), &r, NULL), NH_OK);
        CHECK_INT(nh_request_set_body_callback(r, 4, four, NULL, &left, NULL), NH_OK);
        CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
        nh_response_free(res);
        nh_request_free(r);
    }
    CHECK_INT(current(&connections) - before, 1);
    nh_client_free(c);
}

/* Freeing a response does not wait for its rest, which saves the connection all the same. */
static void unread_rest(void) {
    nh_client *c = nh_client_new();
    int saved = 0;
    for (int i = 0; i < 50 && !saved; i++) {
        nh_response *res = NULL;
        CHECK_INT(nh_client_get(c, origin_url("/half"), &res, NULL), NH_OK);
        nh_response_free(res);
        add(&freed);
        for (int ms = 0; ms < 100 && !nh_client_idle_count(c); ms++)
            pause_ms(1);
        saved = nh_client_idle_count(c) == 1;
    }
    CHECK(saved);
    /* Nothing of it is left for the next response. */
    size_t reused = nh_client_reused_count(c), len;
    nh_response *res = NULL;
    const void *data;
    CHECK_INT(nh_client_get(c, origin_url("/x"), &res, NULL), NH_OK);
    CHECK_INT(nh_response_body_read_all(res, 100, &data, &len, NULL), NH_OK);
    CHECK(len == 2 && !memcmp(data, "ok", 2));
    CHECK_INT(nh_client_reused_count(c), reused + 1);
    nh_response_free(res);
    /* A client ends while a rest is waited for. */
    CHECK_INT(nh_client_get(c, origin_url("/half"), &res, NULL), NH_OK);
    nh_response_free(res);
    nh_client_free(c);
    add(&freed);
}

/* What a callback of a language whose exceptions answer 0 does. */
static nh_result thrown(void *userdata, void *buf, size_t cap, size_t *n_out) {
    (void)userdata, (void)buf, (void)cap, (void)n_out;
    return NH_OK;
}

static void exceptions(nh_client *c) {
    for (int64_t length = -1; length <= 4; length += 5) {
        nh_request *r;
        nh_response *res = NULL;
        nh_error *err = NULL;
        CHECK_INT(nh_request_new("POST", origin_url("/four"), &r, NULL), NH_OK);
        CHECK_INT(nh_request_set_body_callback(r, length, thrown, NULL, NULL, NULL), NH_OK);
        CHECK_ERR(NH_ERR_ABORTED, nh_client_do(c, r, &res, &err));
        CHECK(strstr(nh_error_message(err), "gave no count") != NULL);
        nh_error_free(err);
        nh_request_free(r);
    }
    nh_reader *reader = NULL;
    nh_request *r = NULL;
    CHECK_INT(nh_reader_new(thrown, NULL, NULL, &reader), NH_OK);
    CHECK_ERR(NH_ERR_ABORTED, nh_read_request(reader, &r, NULL));
    nh_reader_free(reader);
}

int main(void) {
    origin_serve(conn);
    nh_client *c = nh_client_new();
    targets(c);
    this_machine(c);
    redirected(0);
    redirected(1);
    one_connection();
    unread_rest();
    exceptions(c);
    nh_client_free(c);
    return 0;
}
