/* Server-sent events: a stream that a handler writes to as things happen, until the client has gone. It may
 * block; other connections do not notice. Run: server /events?count=3 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "nethttp.h"

static nh_server *server;

static void stop(int signal) {
    (void)signal;
    nh_server_request_stop(server);
}

static void events(nh_response_writer *w, nh_request *r, void *userdata) {
    size_t len;
    const char *text = nh_request_query_value(r, "count", &len);
    long count = text ? atol(text) : 1000;
    char event[64];
    (void)userdata;
    nh_response_writer_set_header(w, "Content-Type", "text/event-stream");
    nh_response_writer_set_header(w, "Cache-Control", "no-store");
    for (long i = 1; i <= count && !nh_request_is_client_gone(r); i++) {
        snprintf(event, sizeof event, "id: %ld\ndata: tick\n\n", i);
        if (nh_response_writer_write_str(w, event, NULL) != NH_OK ||
            nh_response_writer_flush(w, NULL) != NH_OK)
            return;
        usleep(20000);
    }
}

int main(int argc, char **argv) {
    const char *addr = argc > 1 ? argv[1] : "127.0.0.1:8080";
    nh_error *err = NULL;
    char bound[64];
    size_t len;

    server = nh_server_new();
    if (nh_server_handle(server, "/events", events, NULL, NULL, &err) == NH_OK &&
        nh_server_listen(server, addr, &err) == NH_OK) {
        signal(SIGINT, stop);
        signal(SIGTERM, stop);
        nh_server_addr(server, 0, bound, sizeof bound, &len);
        printf("listening on http://%s\n", bound);
        fflush(stdout);
        nh_server_run(server, &err);
    }
    int closed = err && nh_error_code(err) == NH_ERR_SERVER_CLOSED;
    if (!closed) fprintf(stderr, "%s\n", err ? nh_error_message(err) : "failed");
    nh_error_free(err);
    nh_server_free(server);
    return closed ? 0 : 1;
}
