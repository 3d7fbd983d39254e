/* Settings of a client, and what a fork does to handles. */
#include <signal.h>
#include <sys/wait.h>

#include "nethttp.h"
#include "origin.h"

static void settings(void) {
    nh_client *c = nh_client_new();
    CHECK(c != NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_client_use_go_defaults(NULL));
    CHECK_INT(nh_client_use_go_defaults(c), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_close_idle(NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_dial_timeout(NULL, 100));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_dial_timeout(c, -2));
    CHECK_INT(nh_client_set_dial_timeout(c, 100), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_response_head_timeout(NULL, 100));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_response_head_timeout(c, -2));
    CHECK_INT(nh_client_set_response_head_timeout(c, 100), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_body_timeout(NULL, 100));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_body_timeout(c, -2));
    CHECK_INT(nh_client_set_body_timeout(c, 100), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_expect_continue_timeout(NULL, 100));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_expect_continue_timeout(c, -1));
    CHECK_INT(nh_client_set_expect_continue_timeout(c, 100), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_timeout(NULL, 100));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_timeout(c, -2));
    CHECK_INT(nh_client_set_timeout(c, 100), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_idle_timeout(NULL, 100));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_idle_timeout(c, -2));
    CHECK_INT(nh_client_set_idle_timeout(c, 100), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_max_idle(NULL, 100));
    CHECK_INT(nh_client_set_max_idle(c, 100), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_max_idle_per_host(NULL, 100));
    CHECK_INT(nh_client_set_max_idle_per_host(c, 100), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_max_conns_per_host(NULL, 100));
    CHECK_INT(nh_client_set_max_conns_per_host(c, 100), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_max_response_head_bytes(NULL, 4096));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_max_response_head_bytes(c, 0));
    CHECK_INT(nh_client_set_max_response_head_bytes(c, 4096), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_buffer_sizes(NULL, 0, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_buffer_sizes(c, 511, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_buffer_sizes(c, 0, 17 << 20));
    CHECK_INT(nh_client_set_buffer_sizes(c, 0, 0), NH_OK);
    CHECK_INT(nh_client_set_buffer_sizes(c, 512, 1 << 20), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_keep_alives(NULL, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_keep_alives(c, 2));
    CHECK_INT(nh_client_set_keep_alives(c, 1), NH_OK);
    nh_client_free(c);
    CHECK(nh_default_client() == nh_default_client());
    nh_client_free(nh_default_client());
    CHECK(nh_default_client() != NULL);
}

static void child(nh_client *c, nh_client *old_default, nh_request *r, nh_response *res,
                  nh_cancel_token *token) {
    nh_response *other = NULL;
    char buf[8];
    size_t n;
    CHECK_ERR(NH_ERR_FORKED, nh_client_do(c, r, &other, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_cancel_token_fire(token));
    CHECK_ERR(NH_ERR_FORKED, nh_client_close_idle(c));
    CHECK_ERR(NH_ERR_FORKED, nh_client_use_go_defaults(c));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_dial_timeout(c, 100));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_response_head_timeout(c, 100));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_body_timeout(c, 100));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_expect_continue_timeout(c, 100));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_timeout(c, 100));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_idle_timeout(c, 100));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_max_idle(c, 100));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_max_idle_per_host(c, 100));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_max_conns_per_host(c, 100));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_max_response_head_bytes(c, 4096));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_keep_alives(c, 1));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_tls_config(c, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_proxy(c, NULL, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_proxy_from_environment(c));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_proxy_callback(c, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_client_add_proxy_header(c, "X", "y"));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_tls_handshake_timeout(c, 100));
    nh_response_free(res);
    nh_request_free(r);
    nh_client_free(c);
    nh_cancel_token_free(token);
    /* New ones work. */
    CHECK(nh_default_client() != old_default);
    CHECK_INT(nh_get(origin_url("/ok"), &other, NULL), NH_OK);
    nh_response_free(other);
}

static void forks(void) {
    int status = 1;
    nh_client *c = nh_client_new(), *old_default = nh_default_client();
    nh_cancel_token *token = nh_cancel_token_new();
    nh_request *r;
    nh_response *res = NULL;
    char buf[8];
    size_t n;
    CHECK_INT(nh_request_new("GET", origin_url("/ok"), &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_cancel(r, token), NH_OK);
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        child(c, old_default, r, res, token);
        /* No leak check: what the parent's threads held is lost here by nature. */
        kill(getpid(), SIGKILL);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    /* The parent goes on. */
    CHECK_INT(nh_response_body_read(res, buf, sizeof buf, &n, NULL), NH_OK);
    CHECK_INT(n, 2);
    nh_response_free(res);
    nh_request_free(r);
    nh_client_free(c);
    nh_cancel_token_free(token);
}

int main(void) {
    origin_start();
    settings();
    forks();
    return 0;
}
