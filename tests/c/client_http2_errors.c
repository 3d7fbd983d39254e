/* The client over HTTP/2 against an origin that fails at every point: whose request suffers, what the error
 * says, what is sent again, and that the connection lives on where it can. */
#include "client_http2.h"
#include "wait.h"

/* ---- GOAWAY */

static void left_out(int fd) {
    put_setting(fd, 0, 0);
    if (nth == 1) {
        next_request(fd);
        put_goaway(fd, 0, 0, "");
    }
    go_on(fd);
}

static void left_out_by_error(int fd) {
    put_setting(fd, 0, 0);
    next_request(fd);
    put_goaway(fd, 0, 11, "slow down");
    go_on(fd);
}

static void farewell(int fd) {
    put_setting(fd, 0, 0);
    next_request(fd);
    put_goaway(fd, 1, 0, "b\"ye\n");
}

/* Answers behind its GOAWAY what it has promised to. */
static void graceful(int fd) {
    put_setting(fd, 0, 0);
    uint32_t id = next_request(fd);
    if (nth == 1) put_goaway(fd, id, 0, "");
    put_ok(fd, id);
    go_on(fd);
}

static void going_away(void) {
    nh_client *c = start(left_out);
    must_get(c, "ok");
    CHECK_INT(atomic_load(&connections), 2);
    nh_client_free(c);

    c = start(left_out_by_error);
    nh_request *r = new_request("GET");
    nh_error *err = must_fail(c, r, NH_ERR_PROTOCOL,
                              "http2: Transport received GOAWAY from server ErrCode:ENHANCE_YOUR_CALM");
    CHECK_INT(nh_error_http2_code(err), 11);
    CHECK_INT(nh_error_http2_stream(err), 1);
    CHECK_INT(nh_error_http2_last_stream(err), 0);
    CHECK_STR(nh_error_http2_debug(err), "slow down");
    nh_error_free(err);
    nh_client_free(c);

    c = start(farewell);
    err = must_fail(c, r, NH_ERR_UNEXPECTED_EOF,
                    "http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, "
                    "debug=\"b\\\"ye\\n\"");
    CHECK_INT(nh_error_http2_last_stream(err), 1);
    CHECK_INT(nh_error_http2_code(err), 0);
    nh_error_free(err);
    nh_client_free(c);
    nh_request_free(r);

    c = start(graceful);
    must_get(c, "ok");
    must_get(c, "ok");
    CHECK_INT(atomic_load(&connections), 2);
    nh_client_free(c);
    CHECK_INT(nh_error_http2_code(NULL), -1);
    CHECK_INT(nh_error_http2_stream(NULL), 0);
    CHECK_INT(nh_error_http2_last_stream(NULL), -1);
    CHECK_STR(nh_error_http2_debug(NULL), "");
}

/* ---- resets */

static void refuse_once(int fd) {
    put_setting(fd, 0, 0);
    put_word(fd, RST_STREAM, next_request(fd), 7);
    go_on(fd);
}

static void reset_twice(int fd) {
    put_setting(fd, 0, 0);
    put_word(fd, RST_STREAM, next_request(fd), 2);
    uint32_t id = next_request(fd);
    put_headers(fd, id, 0, "200", NULL);
    put_data(fd, id, 0, "half");
    put_word(fd, RST_STREAM, id, 2);
    go_on(fd);
}

static nh_result one_piece(void *userdata, void *buf, size_t cap, size_t *n_out) {
    int *left = userdata;
    *n_out = *left && cap ? 1 : 0;
    if (*n_out) memset(buf, 'x', 1);
    *left = 0;
    return NH_OK;
}

static void resets(void) {
    nh_client *c = start(refuse_once);
    must_get(c, "ok");
    CHECK_INT(atomic_load(&connections), 1);
    nh_client_free(c);

    int left = 1;
    c = start(refuse_once);
    nh_request *r = new_request("POST");
    CHECK_INT(nh_request_set_body_callback(r, -1, one_piece, NULL, &left, NULL), NH_OK);
    nh_error_free(
        must_fail(c, r, NH_ERR_BODY_SPENT,
                  "http2: Transport: cannot retry err [stream error: stream ID 1; REFUSED_STREAM; received "
                  "from peer] after Request.Body was written"));
    nh_request_free(r);
    must_get(c, "ok");
    nh_client_free(c);

    c = start(reset_twice);
    r = new_request("GET");
    nh_error *err =
        must_fail(c, r, NH_ERR_PROTOCOL, "stream error: stream ID 1; INTERNAL_ERROR; received from peer");
    CHECK_INT(nh_error_http2_code(err), 2);
    CHECK_INT(nh_error_http2_stream(err), 1);
    CHECK_INT(nh_error_http2_last_stream(err), -1);
    nh_error_free(err);
    nh_response *res = NULL;
    char some[16];
    size_t n;
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
    CHECK_INT(nh_response_body_read(res, some, sizeof some, &n, NULL), NH_OK);
    CHECK(n == 4 && !memcmp(some, "half", 4));
    CHECK_INT(nh_response_body_read(res, some, sizeof some, &n, &err), NH_ERR_PROTOCOL);
    CHECK_INT(nh_error_http2_stream(err), 3);
    nh_error_free(err);
    CHECK_INT(nh_response_body_read(res, some, sizeof some, &n, NULL), NH_ERR_PROTOCOL);
    nh_response_free(res);
    must_get(c, "ok");
    CHECK_INT(atomic_load(&connections), 1);
    nh_request_free(r);
    nh_client_free(c);
}

/* ---- what no server may send */

static void garbage(int fd) {
    put_bytes(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    next_request(fd);
}

static void pushes(int fd) {
    put_setting(fd, 0, 0);
    put_frame(fd, PUSH_PROMISE, END_HEADERS, next_request(fd), "\0\0\0\2", 4);
    static _Thread_local struct frame f;
    while (get_frame(fd, &f))
        if (f.type == GOAWAY) atomic_store(&seen, get32(f.payload + 4));
}

static void data_first(int fd) {
    put_setting(fd, 0, 0);
    put_data(fd, next_request(fd), 1, "x");
    go_on(fd);
}

static void too_short(int fd) {
    const char *const length[] = {"content-length", "5", NULL};
    put_setting(fd, 0, 0);
    uint32_t id = next_request(fd);
    put_headers(fd, id, 0, "200", length);
    origin_sleep(20);
    put_data(fd, id, 1, "abc");
    go_on(fd);
}

static const char *const *many_fields(void) {
    static _Thread_local const char *fields[81];
    for (int i = 0; i < 80; i += 2)
        fields[i] = "x-field",
        fields[i + 1] = "0123456789012345678901234567890123456789012345678901234567890123456789";
    return fields;
}

static void big_head(int fd) {
    const char *const *fields = many_fields();
    put_setting(fd, 0, 0);
    put_headers(fd, next_request(fd), 1, "200", fields);
    go_on(fd);
}

static void big_trailer(int fd) {
    const char *const *fields = many_fields();
    put_setting(fd, 0, 0);
    uint32_t id = next_request(fd);
    put_headers(fd, id, 0, "200", NULL);
    put_data(fd, id, 0, "ok");
    put_headers(fd, id, 1, NULL, fields);
    go_on(fd);
}

static void flood(int fd) {
    const char *const link[] = {"link", "0123456789012345678901234567890123456789", NULL};
    put_setting(fd, 0, 0);
    uint32_t id = next_request(fd);
    for (int i = 0; i < 90; i++)
        put_headers(fd, id, 0, "103", link);
    put_ok(fd, id);
    go_on(fd);
}

static void breaches(void) {
    nh_client *c = start(garbage);
    must_fail_get(c, NH_ERR_PROTOCOL, "connection error: PROTOCOL_ERROR; it begins as HTTP/1 does");
    nh_client_free(c);
    c = start(pushes);
    must_fail_get(c, NH_ERR_PROTOCOL, "connection error: PROTOCOL_ERROR");
    nh_client_free(c);
    while (atomic_load(&seen) == -2)
        origin_sleep(1);
    CHECK_INT(atomic_load(&seen), 1);
    c = start(data_first);
    must_fail_get(c, NH_ERR_PROTOCOL, "stream error: stream ID 1; PROTOCOL_ERROR; DATA before a response");
    must_get(c, "ok");
    CHECK_INT(atomic_load(&connections), 1);
    nh_client_free(c);

    c = start(too_short);
    nh_request *r = new_request("GET");
    nh_response *res = NULL;
    const void *data;
    size_t len;
    if (nh_client_do(c, r, &res, NULL) == NH_OK) /* the head came before the rest */
        CHECK_INT(nh_response_body_read_all(res, 100, &data, &len, NULL), NH_ERR_PROTOCOL);
    nh_response_free(res);
    nh_request_free(r);
    must_get(c, "ok");
    nh_client_free(c);

    c = start(big_head);
    CHECK_INT(nh_client_set_max_response_head_bytes(c, 2000), NH_OK);
    must_fail_get(c, NH_ERR_TOO_LARGE, "http2: response header list larger than advertised limit");
    must_get(c, "ok");
    CHECK_INT(atomic_load(&connections), 1);
    nh_client_free(c);

    c = start(big_trailer);
    r = new_request("GET");
    CHECK_INT(nh_client_set_max_response_head_bytes(c, 2000), NH_OK);
    if (nh_client_do(c, r, &res, NULL) == NH_OK) /* the head came before the rest */
        CHECK_INT(nh_response_body_read_all(res, 100, &data, &len, NULL), NH_ERR_TOO_LARGE);
    nh_response_free(res);
    nh_request_free(r);
    must_get(c, "ok");
    nh_client_free(c);

    c = start(flood);
    CHECK_INT(nh_client_set_max_response_head_bytes(c, 2000), NH_OK);
    must_fail_get(c, NH_ERR_TOO_LARGE, "header list too large");
    must_get(c, "ok");
    nh_client_free(c);
}

/* ---- silence */

static void silent_stream(int fd) {
    put_setting(fd, 4, 0);
    put_ok(fd, next_request(fd)); /* so that the setting is known */
    uint32_t id = next_request(fd);
    atomic_store(&seen, wait_reset(fd, id));
    put_setting(fd, 4, 100000);
    go_on(fd);
}

static void half_body(int fd) {
    put_setting(fd, 0, 0);
    uint32_t id = next_request(fd);
    put_headers(fd, id, 0, "200", NULL);
    put_data(fd, id, 0, "ab");
    atomic_store(&seen, wait_reset(fd, id));
    go_on(fd);
}

static void deaf(int fd) {
    static _Thread_local struct frame f;
    if (nth > 1) {
        put_setting(fd, 0, 0);
        go_on(fd);
        return;
    }
    put_setting(fd, 0, 0);
    while (get_frame(fd, &f)) {
    }
}

static void *fire_soon(void *token) {
    origin_sleep(50);
    nh_cancel_token_fire(token);
    return NULL;
}

static _Atomic int lost;

static void count(void *userdata, const char *kind) {
    (void)userdata;
    if (!strcmp(kind, "conn_close_lost_ping")) atomic_store(&lost, 1);
}

static void silence(void) {
    nh_client *c = start(silent_stream);
    must_get(c, "ok");
    CHECK_INT(nh_client_set_response_head_timeout(c, brief_ms(100)), NH_OK);
    must_fail_get(c, NH_ERR_TIMEOUT, "net/http: timeout awaiting response headers");
    must_get(c, "ok");
    CHECK_INT(atomic_load(&seen), 8);
    CHECK_INT(atomic_load(&connections), 1);
    nh_client_free(c);

    /* The window stays shut. */
    c = start(silent_stream);
    must_get(c, "ok");
    nh_request *r = new_request("POST");
    CHECK_INT(nh_request_set_body(r, "body", 4), NH_OK);
    CHECK_INT(nh_client_set_body_timeout(c, brief_ms(100)), NH_OK);
    nh_error_free(must_fail(c, r, NH_ERR_TIMEOUT, "net/http: timeout sending the request body"));
    must_do(c, r, "ok");
    CHECK_INT(atomic_load(&connections), 1);
    nh_request_free(r);
    nh_client_free(c);

    c = start(half_body);
    r = new_request("GET");
    nh_response *res = NULL;
    nh_error *err = NULL;
    char some[16];
    size_t n;
    CHECK_INT(nh_client_set_body_timeout(c, brief_ms(100)), NH_OK);
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
    CHECK_INT(nh_response_body_read(res, some, sizeof some, &n, NULL), NH_OK);
    CHECK_INT(nh_response_body_read(res, some, sizeof some, &n, &err), NH_ERR_TIMEOUT);
    nh_error_free(err);
    nh_response_free(res);
    must_get(c, "ok");
    CHECK_INT(atomic_load(&connections), 1);
    nh_client_free(c);

    c = start(silent_stream);
    must_get(c, "ok");
    nh_cancel_token *token = nh_cancel_token_new();
    pthread_t t;
    CHECK_INT(pthread_create(&t, NULL, fire_soon, token), 0);
    CHECK_INT(nh_request_set_cancel(r, token), NH_OK);
    CHECK_ERR(NH_ERR_CANCELED, nh_client_do(c, r, &res, NULL));
    CHECK_INT(nh_request_set_cancel(r, NULL), NH_OK);
    pthread_join(t, NULL);
    nh_cancel_token_free(token);
    must_get(c, "ok");
    CHECK_INT(atomic_load(&seen), 8);
    CHECK_INT(atomic_load(&connections), 1);
    nh_client_free(c);

    c = start(deaf);
    nh_http2_config *config = nh_http2_config_new();
    CHECK_INT(nh_http2_config_set_count_error(config, count, NULL, NULL), NH_OK);
    CHECK_INT(nh_http2_config_set_send_ping_timeout(config, brief_ms(50)), NH_OK);
    CHECK_INT(nh_http2_config_set_ping_timeout(config, brief_ms(50)), NH_OK);
    CHECK_INT(nh_client_set_http2(c, config), NH_OK);
    nh_http2_config_free(config);
    nh_error_free(must_fail(c, r, NH_ERR_IO, "http2: client connection lost"));
    while (!atomic_load(&lost))
        origin_sleep(1);
    must_get(c, "ok");
    CHECK_INT(atomic_load(&connections), 2);
    nh_client_free(c);
    nh_request_free(r);
}

/* ---- connections that end */

static void ends(int fd) {
    put_setting(fd, 0, 0);
    if (nth == 1) {
        put_ok(fd, next_request(fd));
        next_request(fd);
        return;
    }
    go_on(fd);
}

static void ends_at_once(int fd) {
    put_setting(fd, 0, 0);
    next_request(fd);
}

static void ended_connections(void) {
    nh_client *c = start(ends);
    must_get(c, "ok");
    must_get(c, "ok"); /* is sent again: nothing of an answer had come */
    CHECK_INT(atomic_load(&connections), 2);
    nh_client_free(c);
    c = start(ends_at_once);
    must_fail_get(c, NH_ERR_UNEXPECTED_EOF, "unexpected EOF");
    CHECK_INT(atomic_load(&connections), 1);
    nh_client_free(c);
}

/* ---- nobody there: all who wait share one dial, and its error */

static void *get_nothing(void *arg) {
    nh_request *r = NULL;
    CHECK_INT(nh_request_new("GET", "http://127.0.0.1:1/", &r, NULL), NH_OK);
    CHECK_ERR(NH_ERR_CONNECT, nh_client_do(arg, r, &(nh_response *){NULL}, NULL));
    nh_request_free(r);
    return NULL;
}

static void nobody(void) {
    pthread_t t[8];
    nh_client *c = start(ends);
    for (int i = 0; i < 8; i++)
        CHECK_INT(pthread_create(&t[i], NULL, get_nothing, c), 0);
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
    nh_client_free(c);
}

int main(void) {
    origin_serve(serve_script);
    going_away();
    resets();
    breaches();
    silence();
    ended_connections();
    nobody();
    return 0;
}
