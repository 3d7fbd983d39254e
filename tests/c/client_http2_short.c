/* HTTP/2: what a client is told of responses that end early or by a frame of their own, and how long a
 * connection may rest. */
#include "client_http2.h"
#include "wait.h"

/* Five bytes of ten; then none of ten. */
static void early_end(int fd) {
    static const char *const ten[] = {"content-length", "10", NULL};
    uint32_t id;
    put_setting(fd, 0, 0);
    for (int i = 0; i < 2 && (id = next_request(fd)) != 0; i++) {
        put_headers(fd, id, i == 1, "200", ten);
        if (i == 0) put_data(fd, id, 1, "hello");
    }
    go_on(fd);
}

static void early(void) {
    nh_client *c = start(early_end);
    for (int i = 0; i < 2; i++) {
        nh_request *r = new_request("GET");
        nh_response *res = send_it(c, r);
        nh_error *err = NULL;
        char got[32];
        size_t len = 0, n = 0;
        nh_result result;
        CHECK_INT(nh_response_content_length(res), 10);
        while ((result = nh_response_body_read(res, got + len, sizeof got - len, &n, &err)) == NH_OK && n > 0)
            len += n;
        CHECK_INT(result, NH_ERR_PROTOCOL);
        CHECK(strstr(nh_error_message(err), "less data than content-length") != NULL);
        CHECK(len == (i == 0 ? 5 : 0) && !memcmp(got, "hello", len));
        nh_error_free(err);
        nh_response_free(res);
        nh_request_free(r);
    }
    must_get(c, "ok");
    CHECK_INT(atomic_load(&connections), 1);
    nh_client_free(c);
}

/* The end comes by an empty frame, at once or later. */
static void empty_end(int fd) {
    put_setting(fd, 0, 0);
    for (uint32_t id; (id = next_request(fd)) != 0;) {
        unsigned char all[64];
        size_t n = block(all + 9, "200", NULL);
        memset(all, 0, 9);
        put32(all, (uint32_t)n << 8 | HEADERS), all[4] = END_HEADERS, put32(all + 5, id);
        memset(all + 9 + n, 0, 9);
        all[9 + n + 4] = END_STREAM, put32(all + 9 + n + 5, id);
        /* In one piece, or in two. */
        if (id % 4 == 1) {
            put_bytes(fd, all, 9 + n + 9);
        } else {
            put_bytes(fd, all, 9 + n);
            pause_ms(5);
            put_bytes(fd, all + 9 + n, 9);
        }
    }
}

static void lengths(void) {
    nh_client *c = start(empty_end);
    for (int i = 0; i < 20; i++) {
        nh_request *r = new_request("GET");
        nh_response *res = send_it(c, r);
        CHECK_INT(nh_response_content_length(res), -1);
        must_read(res, "");
        nh_response_free(res);
        nh_request_free(r);
    }
    nh_client_free(c);
}

static void answers(int fd) {
    put_setting(fd, 0, 0);
    go_on(fd);
}

static void rests(void) {
    nh_client *c = start(answers);
    CHECK_INT(nh_client_set_idle_timeout(c, 20), NH_OK);
    for (int i = 1; i <= 4; i++) {
        must_get(c, "ok");
        CHECK_INT(atomic_load(&connections), i);
        pause_ms(40);
    }
    nh_client_free(c);
}

int main(void) {
    origin_serve(serve_script);
    early();
    lengths();
    rests();
    return 0;
}
