/* A start that fails leaves the server as it was set up: the next one serves with all of it. */
#include "serve.h"
#include "wait.h"

#include <fcntl.h>
#include <sys/resource.h>

static char realm[] = "here";
static int hooked, logged, ended, accepted, freed, shut;

static void secret(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_respond(w, 200, "text/plain", "secret", 6);
}

static void guard(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    CHECK_STR(nh_request_value(r, "realm"), "here");
    nh_respond(w, 401, "text/plain", "who are you", 11);
}

static void hook(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w, (void)r, (void)userdata;
    add(&hooked);
}

static void log_access(const nh_access *a, void *userdata) {
    (void)a, (void)userdata;
    add(&logged);
}

static void on_shutdown(void *userdata) {
    (void)userdata;
    add(&shut);
}

static void count_free(void *p) {
    (void)p;
    add(&freed);
}

/* An accept function that waits for the end of the server. */
static nh_result accept_none(void *userdata, ptrdiff_t *fd_out) {
    (void)userdata, (void)fd_out;
    add(&accepted);
    while (!current(&ended))
        pause_ms(1);
    return NH_ERR_CLOSED;
}

static void set_up(nh_server *s) {
    nh_handler *h = nh_handler_new(guard, NULL, count_free);
    nh_error *err = NULL;
    CHECK_INT(nh_server_set_shards(s, 2), NH_OK);
    CHECK_INT(nh_server_handle(s, "/", secret, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_set_handler(s, h, &err), NH_OK);
    nh_handler_free(h);
    CHECK_INT(nh_server_set_request_hook(s, hook, NULL, count_free, NULL), NH_OK);
    CHECK_INT(nh_server_set_access_log(s, log_access, NULL, count_free), NH_OK);
    CHECK_INT(nh_server_set_base_value(s, "realm", realm, count_free), NH_OK);
    CHECK_INT(nh_server_on_shutdown(s, on_shutdown, NULL, count_free), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_listen_callback(s, accept_none, NULL, count_free, NULL, NULL), NH_OK);
}

static int lowest_unused(void) {
    int fd = open("/dev/null", O_RDONLY);
    CHECK(fd >= 0);
    close(fd);
    return fd;
}

/* The n-th descriptor that a start asks for is not to be had, for each n. */
static void without_descriptors(void) {
    struct rlimit old, few;
    char buf[600];
    nh_server *s = nh_server_new();
    nh_error *err = NULL;
    int failed = 0;
    set_up(s);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
    for (few = old, few.rlim_cur = (rlim_t)lowest_unused();; few.rlim_cur++) {
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
        nh_result code = nh_server_start(s, &err);
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
        if (code == NH_OK) break;
        CHECK_INT(code, NH_ERR_NO_RESOURCES);
        nh_error_free(err);
        CHECK(accepted == 0 && freed == 0 && shut == 0);
        failed++;
    }
    CHECK(failed > 0);
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "GET /admin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    raw_finish(fd, buf, sizeof buf);
    CHECK(strstr(buf, "401") && strstr(buf, "who are you"));
    CHECK_INT(hooked, 1);
    await(&logged, 1);
    await(&accepted, 1);
    CHECK_ERR(NH_ERR_STATE, nh_server_start(s, NULL));
    add(&ended);
    nh_server_free(s);
    CHECK(shut == 1 && freed == 6);
}

/* All event loops find no descriptor for what the system has accepted, again and again: a line a second says
 * so, and when there are descriptors again everything is served. */
static int accept_errors;
static void note_error(const char *line, void *userdata) {
    (void)userdata;
    if (strstr(line, "Accept error")) add(&accept_errors);
}

static void no_descriptor_to_accept(void) {
    enum { CLIENTS = 12 };
    struct rlimit old, few;
    struct timespec began, now;
    int fd[CLIENTS];
    char buf[600];
    nh_server *s = nh_server_new();
    CHECK_INT(nh_server_set_shards(s, 4), NH_OK);
    CHECK_INT(nh_server_handle(s, "/", secret, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_set_error_log(s, note_error, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    to.sin_port = htons((uint16_t)nh_server_port(s, 0));
    for (int i = 0; i < CLIENTS; i++)
        CHECK((fd[i] = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)lowest_unused();
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (int i = 0; i < CLIENTS; i++)
        CHECK(connect(fd[i], (struct sockaddr *)&to, sizeof to) == 0);
    await_past(&accept_errors, 1);
    pause_ms(300); /* the loops try again after 5 ms, 10 ms ... */
    clock_gettime(CLOCK_MONOTONIC, &now);
    CHECK(current(&accept_errors) <= now.tv_sec - began.tv_sec + 2);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
    for (int i = 0; i < CLIENTS; i++) {
        raw_send(fd[i], "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        raw_finish(fd[i], buf, sizeof buf);
        /* Valgrind closes what a process may not have, before that sees it. */
        CHECK(strstr(buf, "secret") || getenv("NH_SLOW"));
    }
    nh_server_free(s);
}

int main(void) {
    without_descriptors();
    no_descriptor_to_accept();
    return 0;
}
