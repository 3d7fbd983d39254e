/* Handlers around handlers: a log, a password, an answer that is changed on its way. Run: server /shout */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "nethttp.h"

static nh_server *server;

static void stop(int signal) {
    (void)signal;
    nh_server_request_stop(server);
}

static void hello(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_write_str(w, "hello\n", NULL);
}

/* Calls the next handler, and then tells what it answered. */
static void logging(nh_response_writer *w, nh_request *r, void *next) {
    nh_handler_serve(next, w, r);
    printf("%s %s %d\n", nh_request_method(r), nh_request_uri(r), (int)nh_response_writer_status(w));
    fflush(stdout);
}

static nh_result upper(nh_response_writer *inner, const void *data, size_t len, void *userdata) {
    char buf[256];
    nh_result result = NH_OK;
    (void)userdata;
    for (size_t at = 0; at < len && result == NH_OK;) {
        size_t n = 0;
        while (n < sizeof buf && at < len)
            buf[n++] = (char)toupper(((const unsigned char *)data)[at++]);
        result = nh_response_writer_write(inner, buf, n, NULL);
    }
    return result;
}

/* Gives the next handler a writer whose bytes come by here. */
static void shouting(nh_response_writer *w, nh_request *r, void *next) {
    nh_response_writer *wrapped;
    if (nh_response_writer_wrap(w, NULL, upper, NULL, NULL, NULL, &wrapped) != NH_OK) return;
    nh_handler_serve(next, wrapped, r);
    nh_response_writer_free(wrapped);
}

/* Looks at every byte, whether one before differed or not: time must not tell how much of a guess is right.
 */
static int32_t knows(const char *username, size_t username_len, const char *password, size_t password_len,
                     void *userdata) {
    static const char want[] = "open sesame";
    unsigned char differs = password_len != sizeof want - 1;
    (void)username, (void)username_len, (void)userdata;
    for (size_t i = 0; i < password_len; i++)
        differs |= (unsigned char)(password[i] ^ want[i % sizeof want]);
    return differs == 0;
}

int main(int argc, char **argv) {
    nh_error *err = NULL;
    nh_mux *mux = nh_mux_new();
    nh_handler *greets = nh_handler_new(hello, NULL, NULL), *shouts = nh_handler_new(shouting, greets, NULL);
    nh_handler *guarded = nh_basic_auth_handler(greets, "cave", knows, NULL, NULL);
    nh_handler *routes = nh_mux_handler(mux), *logs = nh_handler_new(logging, routes, NULL);
    int status = 1;
    server = nh_server_new();
    if (nh_mux_handle_handler(mux, "/hello", greets, &err) == NH_OK &&
        nh_mux_handle_handler(mux, "/shout", shouts, &err) == NH_OK &&
        nh_mux_handle_handler(mux, "/cave", guarded, &err) == NH_OK &&
        nh_server_set_handler(server, logs, &err) == NH_OK &&
        nh_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:8080", &err) == NH_OK) {
        printf("listening on http://127.0.0.1:%d\n", (int)nh_server_port(server, 0));
        fflush(stdout);
        signal(SIGINT, stop);
        signal(SIGTERM, stop);
        status = nh_server_run(server, &err) != NH_ERR_SERVER_CLOSED;
    }
    if (status) fprintf(stderr, "%s\n", nh_error_message(err));
    nh_error_free(err);
    nh_server_free(server);
    nh_handler_free(logs);
    nh_handler_free(routes);
    nh_handler_free(guarded);
    nh_handler_free(shouts);
    nh_handler_free(greets);
    nh_mux_free(mux);
    return status;
}
