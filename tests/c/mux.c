/* Patterns: who answers, what the wildcards stood for, what is redirected and what is allowed. */
#include "check.h"
#include "nethttp.h"
#include "serve.h"

static nh_server *server;
static char buf[4096];

/* Answers the pattern, and the values of a few names: "-" where there is none. */
static void tell(nh_response_writer *w, nh_request *r, void *userdata) {
    const char *names[] = {"id", "rest", "own"};
    (void)userdata;
    nh_response_writer_write_str(w, nh_request_pattern(r), NULL);
    for (int i = 0; i < 3; i++) {
        size_t len = 7;
        const char *value = nh_request_path_value(r, names[i], &len);
        const char *again = nh_request_path_value(r, names[i], &len);
        CHECK(value ? again && strcmp(value, again) == 0 : !again && len == 0);
        nh_response_writer_write_str(w, "|", NULL);
        nh_response_writer_write(w, value ? value : "-", value ? len : 1, NULL);
    }
}

/* A router of the program's own behind a wildcard. */
static void own(nh_response_writer *w, nh_request *r, void *userdata) {
    CHECK_INT(nh_request_set_path_value(r, "own", "a\0b", 3), NH_OK);
    CHECK_INT(nh_request_set_path_value(r, "own", "mine", 4), NH_OK);
    CHECK_INT(nh_request_set_path_value(r, "rest", "", 0), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_path_value(r, NULL, "x", 1));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_path_value(r, "x", NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_path_value(NULL, "x", "x", 1));
    size_t len;
    CHECK(nh_request_path_value(NULL, "id", &len) == NULL && nh_request_path_value(r, NULL, &len) == NULL);
    CHECK(nh_request_path_value(r, "id", NULL) == NULL && nh_request_pattern(NULL) == NULL);
    tell(w, r, userdata);
}

static void typed(nh_response_writer *w, nh_request *r, void *userdata) {
    size_t len;
    const char *type = nh_request_query_value(r, "type", &len);
    (void)userdata;
    if (type) nh_response_writer_set_header(w, "Content-Type", type);
    nh_response_writer_write_str(w, "<html><body>", NULL);
    if (nh_request_query_value(r, "flush", &len)) nh_response_writer_flush(w, NULL);
}

static const char *ask(const char *line) {
    int fd = raw_connect(nh_server_port(server, 0));
    char request[512];
    snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: h.example:80\r\nConnection: close\r\n\r\n", line);
    raw_send(fd, request);
    raw_finish(fd, buf, sizeof buf);
    return buf;
}

static void body_is(const char *line, const char *want) {
    const char *got = strstr(ask(line), "\r\n\r\n");
    CHECK(got != NULL);
    CHECK_STR(got + 4, want);
}

static void has(const char *line, const char *status, const char *field) {
    const char *got = ask(line);
    if (!strstr(got, status) || !strstr(got, field)) fprintf(stderr, "%s gave\n%s\n", line, got);
    CHECK(strstr(got, status) && strstr(got, field));
}

static void refused(const char *pattern, const char *part) {
    nh_error *err = NULL;
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(server, pattern, tell, NULL, NULL, &err));
    if (!strstr(nh_error_message(err), part)) fprintf(stderr, "%s\n", nh_error_message(err));
    CHECK(strstr(nh_error_message(err), part) != NULL);
    nh_error_free(err);
}

int main(void) {
    static const char *const patterns[] = {
        "GET /items/{id}", "POST /items/{id}", "/items/{id}/parts/{rest...}",
        "/items/new",      "h.example/host",   "/host",
        "/tree/",          "/only/{$}",        "DELETE /gone"};
    server = nh_server_new();
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        nh_error *err = NULL;
        nh_result result = nh_server_handle(server, patterns[i], tell, NULL, NULL, &err);
        /* A literal for all methods beside a wildcard for one: neither is more specific. */
        if (i == 3) {
            CHECK_INT(result, NH_ERR_INVALID);
            CHECK(strstr(nh_error_message(err),
                         "matches more methods than GET /items/{id}, but has a more specific path"));
            nh_error_free(err);
        } else {
            CHECK_INT(result, NH_OK);
        }
    }
    CHECK_INT(nh_server_handle(server, "/own/{id}", own, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(server, "/typed", typed, NULL, NULL, NULL), NH_OK);
    refused("GET /items/{other}", "GET /items/{other} matches the same requests as GET /items/{id}");
    refused("/tree/{x", "at offset 6: bad wildcard segment (must end with '}')");
    refused("/host", "conflicts with pattern");
    CHECK_INT(nh_server_listen(server, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(server, NULL), NH_OK);

    body_is("GET /items/7", "GET /items/{id}|7|-|-");
    body_is("HEAD /items/7", "");
    body_is("POST /items/a%2Fb%20c", "POST /items/{id}|a/b c|-|-");
    body_is("PUT /items/x/parts/a/%62/c", "/items/{id}/parts/{rest...}|x|a/b/c|-");
    body_is("GET /items/x/parts/", "/items/{id}/parts/{rest...}|x||-");
    body_is("GET /host", "h.example/host|-|-|-");
    body_is("GET http://other/host", "/host|-|-|-");
    body_is("GET /tree/a/b", "/tree/|-|-|-");
    body_is("GET /only/", "/only/{$}|-|-|-");
    body_is("GET /own/5", "/own/{id}|5||mine");
    has("GET /only/x", " 404 Not Found", "404 page not found");
    has("DELETE /items/7", " 405 Method Not Allowed", "Allow: GET, HEAD, POST\r\n");
    has("GET /gone", " 405 Method Not Allowed", "Method Not Allowed\n");
    has("GET /tree", " 307 Temporary Redirect", "Location: /tree/\r\n");
    has("GET /only?q=1", " 307 Temporary Redirect", "Location: /only/?q=1\r\n");
    has("GET /items/%2e%2E/tree/.%2e/tree/a", " 307 Temporary Redirect", "Location: /tree/a\r\n");
    has("GET /tree/a%2F..%2fb", " 400 Bad Request", "");
    has("GET /tree/..%2Fb", " 400 Bad Request", "");
    has("GET /items/../tree//a", " 307 Temporary Redirect", "Location: /tree/a\r\n");

    has("GET /typed", "200", "Content-Type: text/html; charset=utf-8\r\n");
    has("HEAD /typed", "200", "Content-Type: text/html; charset=utf-8\r\n");
    has("GET /typed?flush", "200", "Content-Type: text/html; charset=utf-8\r\n");
    has("GET /typed?type=a/b", "200", "Content-Type: a/b\r\n");
    CHECK(!strstr(ask("GET /typed?type="), "Content-Type"));

    /* Added while it is served, in numbers. */
    for (int i = 0; i < 2000; i++) {
        char pattern[64];
        snprintf(pattern, sizeof pattern, "GET /many/%d/{id}", i);
        CHECK_INT(nh_server_handle(server, pattern, tell, NULL, NULL, NULL), NH_OK);
    }
    body_is("GET /many/1234/x", "GET /many/1234/{id}|x|-|-");
    nh_server_free(server);
    return 0;
}
