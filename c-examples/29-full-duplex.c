/* A stream in both directions at once: each line that comes is answered while the next is on its way. HTTP/2
 * has this by itself, HTTP/1.1 where it is asked for. curl --http2-prior-knowledge -T - server does it by
 * hand. Run: server-h2 / Body: one line\nand more Answer: ONE LINE\nAND MORE */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include "nethttp.h"

static nh_server *server;

static void stop(int signal) {
    (void)signal;
    nh_server_request_stop(server);
}

static void shout(nh_response_writer *w, nh_request *r, void *userdata) {
    char buf[4096];
    size_t n;
    (void)userdata;
    nh_response_writer_set_full_duplex(w);
    nh_response_writer_set_header(w, "Content-Type", "text/plain; charset=utf-8");
    while (nh_request_body_read(r, buf, sizeof buf, &n, NULL) == NH_OK && n > 0) {
        for (size_t i = 0; i < n; i++)
            buf[i] = (char)toupper((unsigned char)buf[i]);
        if (nh_response_writer_write(w, buf, n, NULL) != NH_OK || nh_response_writer_flush(w, NULL) != NH_OK)
            return;
    }
}

int main(int argc, char **argv) {
    const char *addr = argc > 1 ? argv[1] : "127.0.0.1:8080";
    nh_error *err = NULL;
    char bound[64];
    size_t len;

    server = nh_server_new();
    nh_server_set_protocols(server, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2);
    if (nh_server_handle(server, "/", shout, NULL, NULL, &err) == NH_OK &&
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
