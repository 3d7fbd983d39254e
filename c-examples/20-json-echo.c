/* Answers JSON with the JSON that it was sent, bounded and in time. Run: server / */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "nethttp.h"

static nh_server *server;

static void stop(int signal) {
    (void)signal;
    nh_server_request_stop(server);
}

/* The whole body in memory; the handler before this one has bounded it. */
static void echo(nh_response_writer *w, nh_request *r, void *userdata) {
    size_t len = 0, cap = 4096, n = 1;
    char *body = malloc(cap);
    nh_result result = body ? NH_OK : NH_ERR_NO_RESOURCES;
    (void)userdata;
    while (result == NH_OK && n > 0) {
        if (len == cap) {
            char *more = realloc(body, cap *= 2);
            if (!more) {
                result = NH_ERR_NO_RESOURCES;
                break;
            }
            body = more;
        }
        result = nh_request_body_read(r, body + len, cap - len, &n, NULL);
        len += n;
    }
    if (result == NH_OK)
        nh_respond(w, NH_STATUS_OK, "application/json", body, len);
    else if (result == NH_ERR_TOO_LARGE)
        nh_respond_error(w, "too large", NH_STATUS_REQUEST_ENTITY_TOO_LARGE);
    else
        nh_respond_error(w, nh_result_text(result), NH_STATUS_BAD_REQUEST);
    free(body);
}

static void about(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    static const char text[] = "{\"post\":\"/echo\"}\n";
    nh_respond(w, NH_STATUS_OK, "application/json", text, sizeof text - 1);
}

int main(int argc, char **argv) {
    nh_error *err = NULL;
    nh_handler *inner = nh_handler_new(echo, NULL, NULL);
    nh_handler *bounded = nh_max_bytes_handler(inner, 1 << 20),
               *timed = nh_timeout_handler(bounded, 5000, NULL);
    int status = 1;
    server = nh_server_new();
    if (nh_server_handle_handler(server, "POST /echo", timed, &err) == NH_OK &&
        nh_server_handle(server, "GET /{$}", about, NULL, NULL, &err) == NH_OK &&
        nh_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:8080", &err) == NH_OK) {
        printf("listening on http://127.0.0.1:%d\n", (int)nh_server_port(server, 0));
        fflush(stdout);
        signal(SIGINT, stop);
        signal(SIGTERM, stop);
        status = nh_server_run(server, &err) != NH_ERR_SERVER_CLOSED;
    }
    if (status) fprintf(stderr, "%s\n", nh_error_message(err));
    nh_error_free(err);
    /* The server has shares of its own in the handlers. */
    nh_handler_free(timed);
    nh_handler_free(bounded);
    nh_handler_free(inner);
    nh_server_free(server);
    return status;
}
