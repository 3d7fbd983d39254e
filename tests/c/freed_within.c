/* A server that is freed inside its own functions, and one that tells of its end. */
#include "calls_back.h"

static nh_server *victim;
static int gone, entered;

static void frees(nh_response_writer *w, nh_request *r, void *p) {
    (void)p;
    nothing(w, r, NULL);
    nh_server_free(victim);
    add(&called);
}
static void frees_when_gone(void *p) {
    (void)p;
    nh_server_free(victim);
    add(&called);
    add(&gone);
}
static void waits_only(nh_response_writer *w, nh_request *r, void *p) {
    (void)w, (void)p;
    CHECK_INT(nh_request_set_gone_callback(r, frees_when_gone, OWNED, NULL), NH_OK);
    add(&entered);
    await_past(&gone, current(&entered));
}
static void frees_by_value(void *p) {
    (void)p;
    nh_server_free(victim);
    add(&freed);
}
static void has_value(nh_response_writer *w, nh_request *r, void *p) {
    CHECK_INT(nh_request_set_value(r, "v", (add(&given), made), frees_by_value), NH_OK);
    nothing(w, r, p);
}

static void freed_within(const char *path) {
    char text[200], all[1000];
    int entered_before = entered;
    step = path;
    victim = nh_server_new();
    CHECK_INT(nh_server_set_shards(victim, 1), NH_OK);
    CHECK_INT(nh_server_handle(victim, "/frees", frees, OWNED, NULL), NH_OK);
    CHECK_INT(nh_server_handle(victim, "/gone", waits_only, OWNED, NULL), NH_OK);
    CHECK_INT(nh_server_handle(victim, "/value", has_value, OWNED, NULL), NH_OK);
    CHECK_INT(nh_server_listen(victim, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(victim, NULL), NH_OK);
    int fd = raw_connect(nh_server_port(victim, 0));
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    raw_send(fd, text);
    if (!strcmp(path, "/gone")) {
        await(&entered, entered_before + 1);
        raw_reset(fd);
    } else
        raw_finish(fd, all, sizeof all);
    await(&freed, given);
}

/* A stop that was requested has told everybody; who comes after that is refused, and is not forgotten. */
static void too_late(void) {
    step = "too late for the shutdown";
    nh_server *s = nh_server_new();
    nh_result code;
    int before = told;
    over = 1;
    plain_is_known = 0;
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    server = s;
    CHECK_INT(nh_server_on_shutdown(s, tells, OWNED), NH_OK);
    nh_server_request_stop(s);
    await(&told, before + 1);
    code = nh_server_on_shutdown(s, tells, OWNED);
    CHECK_INT(code, NH_ERR_SERVER_CLOSED);
    nh_server_free(last_of_server());
    await(&freed, given);
}

int main(void) {
    watch();
    too_late();
    freed_within("/frees");
    freed_within("/value");
    freed_within("/gone");
    return 0;
}
