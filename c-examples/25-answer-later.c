/* Answers that another thread gives, after the handler has returned. Run: server /later */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "nethttp.h"

static nh_server *server;

static void stop(int signal) {
    (void)signal;
    nh_server_request_stop(server);
}

static void *answer(void *writer) {
    usleep(50000); /* a database, a queue, another service */
    nh_respond(writer, NH_STATUS_OK, "text/plain", "later\n", 6);
    nh_response_writer_free(writer);
    return NULL;
}

static void later(nh_response_writer *w, nh_request *r, void *userdata) {
    pthread_t t;
    (void)r, (void)userdata;
    if (nh_response_writer_detach(w) != NH_OK) return;
    /* From here on w is the other thread's. A lost one would be answered by the end of its connection. */
    if (pthread_create(&t, NULL, answer, w) == 0)
        pthread_detach(t);
    else
        nh_response_writer_free(w);
}

int main(int argc, char **argv) {
    const char *addr = argc > 1 ? argv[1] : "127.0.0.1:8080";
    nh_error *err = NULL;
    char bound[64];
    size_t len;

    server = nh_server_new();
    if (nh_server_handle(server, "/later", later, NULL, NULL, &err) == NH_OK &&
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
