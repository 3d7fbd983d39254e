/* After fork: handles from before answer NH_ERR_FORKED in the child and may be freed, new ones work. */
#include "check.h"
#include "nethttp.h"
#include "serve.h"

#include <sys/wait.h>
#include <unistd.h>

static void handler(nh_response_writer *w, nh_request *r, void *userdata) {
    static char big[100000];
    (void)r;
    (void)userdata;
    memset(big, 'x', sizeof big);
    CHECK_INT(nh_respond(w, 200, "text/plain", big, sizeof big), NH_OK);
}

static nh_result no_accept(void *userdata, intptr_t *fd_out) {
    (void)userdata, (void)fd_out;
    return NH_ERR_CLOSED;
}

static void old_handles(nh_server *server, nh_client *client, nh_request *request, nh_response *response,
                        nh_cancel_token *token) {
    nh_tls_config *tls = nh_tls_config_new();
    char buf[64];
    size_t n = 0;
    CHECK_ERR(NH_ERR_FORKED, nh_response_body_read(response, buf, sizeof buf, &n, NULL));
    nh_response_free(response);
    response = NULL;
    CHECK_ERR(NH_ERR_FORKED, nh_client_do(client, request, &response, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_client_close_idle(client));
    CHECK_ERR(NH_ERR_FORKED, nh_client_use_go_defaults(client));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_protocols(client, NH_PROTOCOL_HTTP1));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_http2(client, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_max_redirects(client, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_jar(client, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_compression(client, 1));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_max_decompressed_bytes(client, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_redirect_callback(client, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_dial_timeout(client, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_response_head_timeout(client, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_body_timeout(client, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_expect_continue_timeout(client, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_timeout(client, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_idle_timeout(client, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_max_idle(client, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_max_idle_per_host(client, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_max_conns_per_host(client, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_max_response_head_bytes(client, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_keep_alives(client, 1));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_buffer_sizes(client, 0, 0));
    CHECK_ERR(NH_ERR_FORKED, nh_client_set_tunnel_callbacks(client, NULL, NULL, NULL, NULL));
    nh_http2_config *http2 = nh_http2_config_new();
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_protocols(server, NH_PROTOCOL_HTTP1));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_http2(server, http2));
    nh_http2_config_free(http2);
    CHECK_ERR(NH_ERR_FORKED, nh_server_handle(server, "/x", handler, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_request_hook(server, handler, NULL, NULL, NULL));
    nh_handler *any = nh_handler_new(handler, NULL, NULL);
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_handler(server, any, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_handle_handler(server, "/x", any, NULL));
    nh_handler_free(any);
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_blocking(server, "/x", 1));
    CHECK_ERR(NH_ERR_FORKED, nh_server_listen(server, "127.0.0.1:0", NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_listen_tls(server, "127.0.0.1:0", tls, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_tls_config(server, 0, tls, NULL));
    nh_tls_config_free(tls);
    CHECK_ERR(NH_ERR_FORKED, nh_server_listen_unix(server, "@nethttp-forked", NULL, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_listen_fd(server, socket(AF_UNIX, SOCK_STREAM, 0), NULL, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_serve_fd(server, socket(AF_UNIX, SOCK_STREAM, 0), NULL, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_listen_callback(server, no_accept, NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_max_connections(server, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_conn_state_callback(server, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_error_log(server, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_access_log(server, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_addr(server, 0, buf, sizeof buf, &n));
    CHECK_ERR(NH_ERR_FORKED, nh_server_start(server, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_run(server, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_shutdown(server, 5, NULL));
    CHECK_ERR(NH_ERR_FORKED, nh_server_close(server));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_read_header_timeout(server, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_read_timeout(server, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_write_timeout(server, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_idle_timeout(server, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_read_progress_timeout(server, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_write_progress_timeout(server, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_min_rate(server, 5, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_shards(server, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_max_handlers(server, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_max_queue(server, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_max_header_bytes(server, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_queue_timeout(server, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_max_body_bytes(server, 5));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_keep_alive(server, 1));
    CHECK_ERR(NH_ERR_FORKED, nh_server_set_general_options(server, 1));
    CHECK_ERR(NH_ERR_FORKED, nh_server_use_go_defaults(server));
    CHECK(response == NULL);
    CHECK_ERR(NH_ERR_FORKED, nh_cancel_token_fire(token));
    nh_request_free(request);
    nh_client_free(client);
    nh_cancel_token_free(token);
    nh_server_free(server);
}

static void fetch(void) {
    nh_server *server = nh_server_new();
    nh_client *client = nh_client_new();
    nh_request *request = NULL;
    nh_response *response = NULL;
    const void *data = NULL;
    size_t len = 0;
    CHECK_INT(nh_server_handle(server, "/", handler, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(server, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(server, NULL), NH_OK);
    CHECK_INT(nh_request_new("GET", url_of(server, "/"), &request, NULL), NH_OK);
    CHECK_INT(nh_client_do(client, request, &response, NULL), NH_OK);
    CHECK_INT(nh_response_body_read_all(response, 1 << 20, &data, &len, NULL), NH_OK);
    CHECK_INT(len, 100000);
    nh_response_free(response);
    nh_request_free(request);
    nh_client_free(client);
    nh_server_free(server);
}

int main(void) {
    nh_server *server = nh_server_new();
    nh_client *client = nh_client_new();
    nh_cancel_token *token = nh_cancel_token_new();
    nh_request *request = NULL;
    nh_response *response = NULL;
    pid_t child;
    int status = 0;
    CHECK_INT(nh_server_handle(server, "/", handler, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(server, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(server, NULL), NH_OK);
    CHECK_INT(nh_request_new("GET", url_of(server, "/"), &request, NULL), NH_OK);
    CHECK_INT(nh_client_do(client, request, &response, NULL), NH_OK);
    fflush(NULL);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(30);
        old_handles(server, client, request, response, token);
        fetch();
        /* Not _exit: what only the parent's threads could free is no leak, and a leak checker does not follow
         * here. */
        execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
        _exit(1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
    /* The parent is as it was. */
    nh_response_free(response);
    nh_request_free(request);
    nh_client_free(client);
    nh_cancel_token_free(token);
    nh_server_free(server);
    fetch();
    return 0;
}
