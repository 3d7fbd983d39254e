/* Requests that the program's own threads ask for, for languages whose functions cannot be called from
 * others' threads. Run: server /jobs/7 */
#include <signal.h>
#include <stdio.h>
#include "nethttp.h"

static nh_server *server;

static void stop(int signal) {
    (void)signal;
    nh_server_request_stop(server);
}

int main(int argc, char **argv) {
    const char *addr = argc > 1 ? argv[1] : "127.0.0.1:8080";
    nh_error *err = NULL;
    nh_result result = NH_ERR_CONNECT;
    char bound[64];
    size_t len;

    server = nh_server_new();
    if (nh_server_handle_pull(server, "GET /jobs/{id}", &err) == NH_OK &&
        nh_server_listen(server, addr, &err) == NH_OK && nh_server_start(server, &err) == NH_OK) {
        signal(SIGINT, stop);
        signal(SIGTERM, stop);
        nh_server_addr(server, 0, bound, sizeof bound, &len);
        printf("listening on http://%s\n", bound);
        fflush(stdout);
        for (;;) { /* any number of threads may do this */
            nh_response_writer *w;
            nh_request *r;
            result = nh_server_next(server, NH_TIMEOUT_NONE, &w, &r, &err);
            if (result != NH_OK) break;
            const char *id = nh_request_path_value(r, "id", &len);
            nh_response_writer_set_header(w, "Content-Type", "text/plain; charset=utf-8");
            nh_response_writer_write_str(w, "job ", NULL);
            nh_response_writer_write(w, id, len, NULL);
            nh_response_writer_write_str(w, "\n", NULL);
            nh_response_writer_free(w);
        }
    }
    if (result != NH_ERR_SERVER_CLOSED) fprintf(stderr, "%s\n", err ? nh_error_message(err) : "failed");
    nh_error_free(err);
    nh_server_free(server);
    return result == NH_ERR_SERVER_CLOSED ? 0 : 1;
}
