/* Serves a directory at /files/: ADDRESS DIR. Run: server /files/ */
#include <signal.h>
#include <stdio.h>
#include "nethttp.h"

static nh_server *server;

static void stop(int signal) {
    (void)signal;
    nh_server_request_stop(server);
}

int main(int argc, char **argv) {
    nh_error *err = NULL;
    /* The file server looks for the whole path: what stands before it in URLs is taken away. */
    nh_handler *files = nh_file_server(argc > 2 ? argv[2] : "."),
               *stripped = nh_strip_prefix("/files", files);
    int status = 1;
    server = nh_server_new();
    if (nh_server_handle_handler(server, "GET /files/", stripped, &err) == NH_OK &&
        nh_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:8080", &err) == NH_OK) {
        printf("listening on http://127.0.0.1:%d\n", (int)nh_server_port(server, 0));
        fflush(stdout);
        signal(SIGINT, stop);
        signal(SIGTERM, stop);
        status = nh_server_run(server, &err) != NH_ERR_SERVER_CLOSED;
    }
    if (status) fprintf(stderr, "%s\n", nh_error_message(err));
    nh_error_free(err);
    nh_handler_free(stripped);
    nh_handler_free(files);
    nh_server_free(server);
    return status;
}
