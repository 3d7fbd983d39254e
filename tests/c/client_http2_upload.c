/* Large bodies over HTTP/2 into windows that hold all of them: nothing but the socket can make them wait. */
#include "serve.h"
#include "wait.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { UPLOADS = 60, LENGTH = 24 << 20 };

static size_t sent;

static nh_result zeros(void *userdata, void *buf, size_t cap, size_t *n_out) {
    (void)userdata;
    *n_out = cap < LENGTH - sent ? cap : LENGTH - sent;
    memset(buf, 0, *n_out);
    sent += *n_out;
    return NH_OK;
}

/* It reads late, so that no window is opened again meanwhile: that would wake a sender that has forgotten
 * itself. */
static void takes(nh_response_writer *w, nh_request *r, void *userdata) {
    static char some[1 << 16];
    size_t n = 0, all = 0;
    (void)userdata;
    pause_ms(50);
    do {
        CHECK_INT(nh_request_body_read(r, some, sizeof some, &n, NULL), NH_OK);
        all += n;
    } while (n > 0);
    CHECK_INT(all, LENGTH);
    nh_respond(w, 200, NULL, NULL, 0);
}

/* A socket that is full for moments only: what did not fit may just fit when it is tried again. */
static nh_result dial(const char *host, int32_t port, int64_t timeout_ms, ptrdiff_t *fd_out, void *userdata) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 128 << 10;
    (void)timeout_ms, (void)userdata;
    CHECK_INT(inet_pton(AF_INET, host, &a.sin_addr), 1);
    CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    *fd_out = fd;
    return NH_OK;
}

int main(void) {
    nh_server *s = nh_server_new();
    nh_client *client = nh_client_new();
    nh_http2_config *wide = nh_http2_config_new();
    CHECK_INT(nh_http2_config_set_max_receive_buffer_per_connection(wide, 64 << 20), NH_OK);
    CHECK_INT(nh_http2_config_set_max_receive_buffer_per_stream(wide, 32 << 20), NH_OK);
    CHECK_INT(nh_server_set_http2(s, wide), NH_OK);
    CHECK_INT(nh_server_set_protocols(s, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_client_set_protocols(client, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_client_set_dial(client, dial, NULL, NULL), NH_OK);
    CHECK_INT(nh_client_set_timeout(client, brief_ms(10000)), NH_OK);
    CHECK_INT(nh_server_handle(s, "/", takes, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    for (int i = 0; i < (getenv("NH_SLOW") ? 3 : UPLOADS); i++) {
        nh_request *r = NULL;
        nh_response *response = NULL;
        sent = 0;
        CHECK_INT(nh_request_new("POST", url_of(s, "/"), &r, NULL), NH_OK);
        CHECK_INT(nh_request_set_body_callback(r, LENGTH, zeros, NULL, NULL, NULL), NH_OK);
        CHECK_INT(nh_client_do(client, r, &response, NULL), NH_OK);
        CHECK_INT(nh_response_status_code(response), 200);
        nh_response_free(response);
        nh_request_free(r);
    }
    nh_http2_config_free(wide);
    nh_client_free(client);
    nh_server_free(s);
    return 0;
}
