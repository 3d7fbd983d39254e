/* Serves two routes until Ctrl-C or SIGTERM. Run: server /hello?name=C  Answer: Hello, C! */
#include <signal.h>
#include <stdio.h>
#include "nethttp.h"

static nh_server *server;

static void hello(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    size_t len; /* what was decoded may hold NUL: its length is asked for */
    const char *name = nh_request_query_value(r, "name", &len);
    nh_response_writer_set_header(w, "Content-Type", "text/plain; charset=utf-8");
    nh_response_writer_write_str(w, "Hello, ", NULL);
    nh_response_writer_write(w, name ? name : "World", name ? len : 5, NULL);
    nh_response_writer_write_str(w, "!\n", NULL);
}

static void query(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r;
    /* A handler may block, in a database or here: the other connections are served meanwhile. */
    const char *answer = userdata;
    nh_respond(w, NH_STATUS_OK, "application/json", answer, 11);
}

/* Stopping is one of the two calls that a signal handler may make. */
static void stop(int signal) {
    (void)signal;
    nh_server_request_stop(server);
}

int main(int argc, char **argv) {
    const char *addr = argc > 1 ? argv[1] : "127.0.0.1:8080";
    nh_error *err = NULL;
    char bound[64];
    size_t len;

    server = nh_server_new();
    if (nh_server_handle(server, "/hello", hello, NULL, NULL, &err) == NH_OK &&
        nh_server_handle(server, "/query", query, "{\"rows\":[]}", NULL, &err) == NH_OK &&
        nh_server_listen(server, addr, &err) == NH_OK) {
        signal(SIGINT, stop);
        signal(SIGTERM, stop);
        nh_server_addr(server, 0, bound, sizeof bound, &len);
        printf("listening on http://%s\n", bound);
        fflush(stdout);
        nh_server_run(server, &err); /* blocks; requests in flight are finished after the stop */
    }
    int closed = err && nh_error_code(err) == NH_ERR_SERVER_CLOSED;
    if (!closed) fprintf(stderr, "%s\n", nh_error_message(err));
    nh_error_free(err);
    nh_server_free(server);
    return closed ? 0 : 1;
}
