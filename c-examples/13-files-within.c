/* Serves files that are part of the program: ADDRESS. Run: server /style.css Answer: body { color: navy } */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "nethttp.h"

static const struct {
    const char *name, *text;
} files[] = {
    {"index.html", "<!doctype html><link rel=stylesheet href=style.css><p>From within the program."},
    {"style.css", "body { color: navy }"},
};

static nh_server *server;

static void stop(int signal) {
    (void)signal;
    nh_server_request_stop(server);
}

/* Ranges, conditions and media types are the library's business. */
static nh_result find(void *userdata, const char *name, nh_file *f) {
    (void)userdata;
    if (!strcmp(name, ".")) return nh_file_set_directory(f, 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!strcmp(name, files[i].name)) {
            return nh_file_set_bytes(f, 0, files[i].text, strlen(files[i].text), NULL, NULL);
        }
    }
    return NH_ERR_NOT_FOUND;
}

int main(int argc, char **argv) {
    nh_error *err = NULL;
    nh_file_system *fs = nh_file_system_new(find, NULL, NULL);
    nh_handler *handler = nh_file_server_fs(fs);
    int status = 1;
    server = nh_server_new();
    if (nh_server_handle_handler(server, "GET /", handler, &err) == NH_OK &&
        nh_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:8080", &err) == NH_OK) {
        printf("listening on http://127.0.0.1:%d\n", (int)nh_server_port(server, 0));
        fflush(stdout);
        signal(SIGINT, stop);
        signal(SIGTERM, stop);
        status = nh_server_run(server, &err) != NH_ERR_SERVER_CLOSED;
    }
    if (status) fprintf(stderr, "%s\n", nh_error_message(err));
    nh_error_free(err);
    nh_handler_free(handler);
    nh_file_system_free(fs);
    nh_server_free(server);
    return status;
}
