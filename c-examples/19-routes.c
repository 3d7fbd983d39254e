/* Routes with values in their paths. Run: server /users/7/files/docs/a.txt */
#include <signal.h>
#include <stdio.h>
#include "nethttp.h"

static nh_server *server;

static void stop(int signal) {
    (void)signal;
    nh_server_request_stop(server);
}

/* What a wildcard stands for may hold any byte, NUL too: its length comes with it. */
static void show(nh_response_writer *w, nh_request *r, const char *name) {
    size_t len;
    const char *value = nh_request_path_value(r, name, &len);
    if (!value) return;
    nh_response_writer_write_str(w, name, NULL);
    nh_response_writer_write_str(w, " = ", NULL);
    nh_response_writer_write(w, value, len, NULL);
    nh_response_writer_write_str(w, "\n", NULL);
}

static void tell(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    nh_response_writer_set_header(w, "Content-Type", "text/plain; charset=utf-8");
    nh_response_writer_write_str(w, nh_request_pattern(r), NULL);
    nh_response_writer_write_str(w, "\n", NULL);
    show(w, r, "id");
    show(w, r, "path");
}

int main(int argc, char **argv) {
    static const char *const patterns[] = {
        "GET /users/{id}",                /* one segment; answers HEAD too */
        "DELETE /users/{id}",             /* another method of the same path */
        "GET /users/me",                  /* more specific than {id}, so it wins */
        "GET /users/{id}/files/{path...}" /* all that follows */
    };
    nh_error *err = NULL;
    server = nh_server_new();
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (nh_server_handle(server, patterns[i], tell, NULL, NULL, &err) != NH_OK) goto failed;
    if (nh_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:8080", &err) != NH_OK) goto failed;
    printf("listening on http://127.0.0.1:%d\n", (int)nh_server_port(server, 0));
    fflush(stdout);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    if (nh_server_run(server, &err) != NH_ERR_SERVER_CLOSED) goto failed;
    nh_error_free(err);
    nh_server_free(server);
    return 0;
failed:
    fprintf(stderr, "%s\n", nh_error_message(err));
    nh_error_free(err);
    nh_server_free(server);
    return 1;
}
