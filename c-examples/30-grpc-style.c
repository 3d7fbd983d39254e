/* An exchange as gRPC has it: messages behind their lengths in the body, the outcome in the trailer. The
 * service answers each message with the same bytes in reverse. Run: server-h2 /example.Reverser/Reverse
 * Trailer: grpc-status: 0 Body: \0000\0000\0000\0000\0003abc Answer: \0000\0000\0000\0000\0003cba */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "nethttp.h"

enum { MOST = 1 << 20, FRAME = 5 };
static nh_server *server;

static void stop(int signal) {
    (void)signal;
    nh_server_request_stop(server);
}

/* Reads exactly so much; 0 at a clean end, -1 where the body ends within it. */
static int take(nh_request *r, unsigned char *to, size_t want) {
    size_t have = 0, n;
    while (have < want) {
        if (nh_request_body_read(r, to + have, want - have, &n, NULL) != NH_OK) return -1;
        if (n == 0) return have ? -1 : 0;
        have += n;
    }
    return 1;
}

static const char *reverse_all(nh_response_writer *w, nh_request *r) {
    static _Thread_local unsigned char message[FRAME + MOST];
    int got;
    while ((got = take(r, message, FRAME)) > 0) {
        size_t len =
            (size_t)message[1] << 24 | (size_t)message[2] << 16 | (size_t)message[3] << 8 | message[4];
        if (message[0] != 0) return "12"; /* compressed: unimplemented */
        if (len > MOST) return "8";       /* resource exhausted */
        if (len > 0 && take(r, message + FRAME, len) <= 0) return "13";
        for (size_t i = 0; i < len / 2; i++) {
            unsigned char c = message[FRAME + i];
            message[FRAME + i] = message[FRAME + len - 1 - i];
            message[FRAME + len - 1 - i] = c;
        }
        if (nh_response_writer_write(w, message, FRAME + len, NULL) != NH_OK) return "1";
        if (nh_response_writer_flush(w, NULL) != NH_OK) return "1";
    }
    return got < 0 ? "13" : "0"; /* internal, or OK */
}

static void call(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    nh_response_writer_set_header(w, "Content-Type", "application/grpc");
    nh_response_writer_set_trailer(w, "Grpc-Status", reverse_all(w, r));
}

int main(int argc, char **argv) {
    const char *addr = argc > 1 ? argv[1] : "127.0.0.1:8080";
    nh_error *err = NULL;
    char bound[64];
    size_t len;

    server = nh_server_new();
    nh_server_set_protocols(server, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2);
    if (nh_server_handle(server, "POST /example.Reverser/Reverse", call, NULL, NULL, &err) == NH_OK &&
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
