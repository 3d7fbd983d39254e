/* A server that ends in order: it goes on for a while with "Connection: close", so that load balancers see
 * it, then lets answers finish for ten seconds at most. Run: server /work */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "nethttp.h"

static int signals[2];

/* A signal handler may do little: here it wakes the thread that waits in main. */
static void on_signal(int signal) {
    char c = (char)signal;
    (void)!write(signals[1], &c, 1);
}

static void work(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    usleep(100000);
    nh_respond(w, NH_STATUS_OK, "text/plain", "done\n", 5);
}

static void stopping(void *userdata) {
    (void)userdata;
    printf("stopping: the last answers are on their way\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    const char *addr = argc > 1 ? argv[1] : "127.0.0.1:8080";
    nh_server *server = nh_server_new();
    nh_error *err = NULL;
    nh_result result = NH_ERR_CONNECT;
    char bound[64], c;
    size_t len;

    nh_server_set_lame_duck(server, 200);
    if (pipe(signals) == 0 && nh_server_handle(server, "/work", work, NULL, NULL, &err) == NH_OK &&
        nh_server_on_shutdown(server, stopping, NULL, NULL) == NH_OK &&
        nh_server_listen(server, addr, &err) == NH_OK && nh_server_start(server, &err) == NH_OK) {
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
        nh_server_addr(server, 0, bound, sizeof bound, &len);
        printf("listening on http://%s\n", bound);
        fflush(stdout);
        while (read(signals[0], &c, 1) < 0) {
        }
        result = nh_server_shutdown(server, 10000, &err);
        if (result == NH_ERR_TIMEOUT) nh_server_close(server); /* what is still there is cut */
    }
    if (err) fprintf(stderr, "%s\n", nh_error_message(err));
    nh_error_free(err);
    nh_server_free(server);
    return result == NH_OK ? 0 : 1;
}
