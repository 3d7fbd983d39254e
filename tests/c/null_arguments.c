/* Clients, servers and their messages with every pointer NULL: a result, never a crash. */
#include "check.h"
#include "nethttp.h"

static void plain(void) {
    nh_mux *mux = nh_mux_new();
    CHECK_ERR(NH_ERR_INVALID, nh_request_new(NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_get(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_head(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_post(NULL, NULL, NULL, 0, NULL, NULL));
    nh_mux_free(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_mux_handle(NULL, NULL, NULL, NULL, NULL, NULL));
    nh_server_free(nh_server_new_with_mux(NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_listen_and_serve(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_mux_handle(mux, NULL, NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_mux_handle(mux, "/x", NULL, NULL, NULL, NULL));
    nh_mux_free(mux);
}

static void traces(void) {
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_trace(NULL, NULL, NULL, NULL));
    CHECK_INT(nh_trace_event_kind(NULL), 0);
    CHECK_INT(nh_trace_event_time(NULL), -1);
    CHECK(!nh_trace_event_address(NULL) && !nh_trace_event_address_at(NULL, 0));
    CHECK_INT(nh_trace_event_address_count(NULL), 0);
    CHECK_INT(nh_trace_event_reused(NULL), 0);
    CHECK_INT(nh_trace_event_idle_time(NULL), -1);
    CHECK_INT(nh_trace_event_status(NULL), 0);
    CHECK(!nh_trace_event_header(NULL) && !nh_trace_event_name(NULL) && !nh_trace_event_value(NULL));
    CHECK_INT(nh_trace_event_tls_version(NULL), 0);
    CHECK(!nh_trace_event_tls_cipher_suite(NULL) && !nh_trace_event_tls_alpn(NULL));
    CHECK_INT(nh_trace_event_tls_resumed(NULL), 0);
    CHECK(!nh_trace_event_error(NULL));
}

static void cancel_tokens(void) {
    CHECK(nh_cancel_token_retain(NULL) == NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_cancel_token_fire(NULL));
    (void)nh_cancel_token_is_fired(NULL);
    nh_cancel_token_free(NULL);
}

static void clients(void) {
    nh_client *client = nh_client_new();
    nh_request *request = NULL;
    nh_response *response = NULL;
    CHECK_INT(nh_request_new("", "http://127.0.0.1:1/", &request, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_do(client, NULL, &response, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_do(client, request, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_do(NULL, request, &response, NULL));
    nh_client_free(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_client_do(NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_close_idle(NULL));
    (void)nh_client_idle_count(NULL);
    (void)nh_client_dialed_count(NULL);
    (void)nh_client_reused_count(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_client_use_go_defaults(NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_dial_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_response_head_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_body_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_expect_continue_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_idle_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_max_idle(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_max_idle_per_host(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_max_conns_per_host(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_max_response_head_bytes(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_keep_alives(NULL, 0));
    nh_request_free(request);
    nh_client_free(client);
}

static void requests(void) {
    nh_request *request = NULL, *out_nh_request = NULL;
    const char *out_constchar = NULL;
    char text[8] = "";
    size_t len = 0;
    CHECK_INT(nh_request_new("", "http://127.0.0.1:1/", &request, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_request_new(NULL, "http://h/", &out_nh_request, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_new("", NULL, &out_nh_request, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_new("", "http://h/", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_clone(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_clone(request, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_clone_outbound(NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_clone_outbound(request, NULL, &out_nh_request, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_clone_outbound(request, "http://h/", NULL, NULL));
    nh_request_free(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_method(NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_method(request, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_url(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_url(request, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_header(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_header(request, NULL, "x"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_header(request, "x", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_add_header(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_add_header(request, NULL, "x"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_add_header(request, "x", NULL));
    CHECK(nh_request_header(NULL) == NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_trailer(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_trailer(request, NULL, "x"));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_trailer(request, "x", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_add_header(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_target(NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_target(request, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_host(NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_host(request, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_close(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_cancel(NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body(NULL, NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body(request, NULL, sizeof text));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_borrowed(NULL, NULL, 0, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_borrowed(request, NULL, sizeof text, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_file(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_file(request, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_fd(NULL, 0, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_callback(NULL, 0, NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_callback(request, 0, NULL, NULL, NULL, NULL));
    CHECK(nh_request_url(NULL) == NULL);
    (void)nh_request_proto_major(NULL);
    (void)nh_request_proto_minor(NULL);
    CHECK(nh_request_transfer_encoding(NULL) == NULL);
    (void)nh_request_close(NULL);
    CHECK(nh_request_trailer(NULL) == NULL);
    CHECK(nh_request_method(NULL) == NULL);
    CHECK(nh_request_uri(NULL) == NULL);
    CHECK(nh_request_host(NULL) == NULL);
    CHECK(nh_request_raw_query(NULL) == NULL);
    CHECK(nh_request_path(NULL, NULL) == NULL);
    CHECK(nh_request_query_value(NULL, NULL, NULL) == NULL);
    CHECK(nh_request_header_value(NULL, NULL) == NULL);
    (void)nh_request_header_count(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_request_header_at(NULL, 0, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_header_at(request, 0, NULL, &out_constchar));
    CHECK_ERR(NH_ERR_INVALID, nh_request_header_at(request, 0, &out_constchar, NULL));
    CHECK(nh_request_trailer_value(NULL, NULL) == NULL);
    (void)nh_request_content_length(NULL);
    (void)nh_request_proto(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_request_remote_addr(NULL, NULL, 0, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_remote_addr(request, text, sizeof text, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_body_read(NULL, NULL, 0, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_body_read(request, NULL, sizeof text, &len, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_body_read(request, text, sizeof text, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_body_limit(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_read_timeout(NULL, 0));
    (void)nh_request_is_client_gone(NULL);
    CHECK_INT(nh_request_set_cancel(request, NULL), NH_OK);
    nh_request_free(request);
}

static void responses(void) {
    (void)nh_response_status_code(NULL);
    CHECK(nh_response_status(NULL) == NULL);
    CHECK(nh_response_proto(NULL) == NULL);
    (void)nh_response_proto_major(NULL);
    (void)nh_response_proto_minor(NULL);
    CHECK(nh_response_header(NULL) == NULL);
    CHECK(nh_response_trailer(NULL) == NULL);
    (void)nh_response_content_length(NULL);
    CHECK(nh_response_transfer_encoding(NULL) == NULL);
    (void)nh_response_close(NULL);
    CHECK(nh_response_request(NULL) == NULL);
    CHECK(nh_response_remote_addr(NULL) == NULL);
    CHECK(nh_response_local_addr(NULL) == NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_response_body_read(NULL, NULL, 0, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_body_read_all(NULL, 0, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_body_save(NULL, NULL, NULL, NULL));
    nh_response_body_close(NULL);
    nh_response_free(NULL);
}

static void servers(void) {
    nh_server *server = nh_server_new();
    char text[8] = "";
    size_t len = 0;
    nh_server_free(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(NULL, NULL, NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(server, NULL, NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_handle(server, "/x", NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_request_hook(NULL, NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_request_hook(server, NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_blocking(NULL, NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_blocking(server, NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen(server, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_tls(NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_tls(server, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_tls(server, "127.0.0.1:0", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_tls_config(NULL, 0, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_tls_config(server, 0, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_unix(NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_unix(server, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_fd(NULL, -1, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_serve_fd(NULL, -1, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_callback(NULL, NULL, NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_callback(server, NULL, NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_max_connections(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_conn_state_callback(NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_error_log(NULL, NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_access_log(NULL, NULL, NULL, NULL));
    CHECK_INT(nh_server_conn_id(NULL), 0);
    CHECK_ERR(NH_ERR_INVALID, nh_server_conn_remote_addr(NULL, text, sizeof text, &len));
    CHECK(nh_access_method(NULL) == NULL && nh_access_target(NULL) == NULL && nh_access_host(NULL) == NULL);
    CHECK(nh_access_status(NULL) == 0 && nh_access_bytes(NULL) == 0 && nh_access_duration_us(NULL) == 0);
    CHECK_ERR(NH_ERR_INVALID, nh_access_remote_addr(NULL, text, sizeof text, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_request_local_addr(NULL, text, sizeof text, &len));
    CHECK(nh_request_tls_version(NULL) == 0 && nh_request_tls_cipher_suite(NULL) == NULL);
    CHECK(nh_request_tls_alpn(NULL) == NULL && nh_request_tls_server_name(NULL) == NULL);
    CHECK(nh_request_tls_resumed(NULL) == 0 && nh_request_tls_peer_certificate_count(NULL) == 0);
    CHECK(nh_request_tls_peer_certificate_at(NULL, 0, &len) == NULL);
    (void)nh_server_port(NULL, 0);
    CHECK_ERR(NH_ERR_INVALID, nh_server_addr(NULL, 0, NULL, 0, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_addr(server, 0, text, sizeof text, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_start(NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_run(NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_shutdown(NULL, 0, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_wait(NULL, 0, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_free_timeout(NULL, 0, NULL));
    nh_server_request_stop(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_server_close(NULL));
    (void)nh_server_connections(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_read_header_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_read_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_write_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_idle_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_read_progress_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_write_progress_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_min_rate(NULL, 1, 1));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_shards(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_max_handlers(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_max_queue(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_max_header_bytes(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_max_header_fields(NULL, 1));
    CHECK(nh_handler_new_result(NULL, NULL, NULL) == NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_queue_timeout(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_max_body_bytes(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_keep_alive(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_general_options(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_lame_duck(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_set_reuse_port(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_server_use_go_defaults(NULL));
    nh_server_free(server);
}

static void writers(void) {
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_header(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_add_header(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_del_header(NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_trailer(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write_header(NULL, 0));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write(NULL, NULL, 0, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_write_str(NULL, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_flush(NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_abort(NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_full_duplex(NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_response_writer_set_write_timeout(NULL, 0));
    (void)nh_response_writer_status(NULL);
    (void)nh_response_writer_written(NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_respond(NULL, 0, NULL, NULL, 0));
}

int main(void) {
    plain();
    traces();
    cancel_tokens();
    clients();
    requests();
    responses();
    servers();
    writers();
    return 0;
}
