/* What every consumer in C does: serves a handler of its own and fetches from it. */
#include <stdio.h>
#include <string.h>
#include "nethttp.h"

#ifdef WITH_OTHER
unsigned other_sum(unsigned n);
#endif

static void hello(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r;
    nh_respond(w, NH_STATUS_OK, "text/plain", userdata, strlen(userdata));
}

static int fail(const char *what, nh_error *err) {
    fprintf(stderr, "%s: %s\n", what, err ? nh_error_message(err) : "failed");
    nh_error_free(err);
    return 1;
}

int main(void) {
#ifdef WITH_OTHER
    if (other_sum(10) != 45) return fail("the other archive", NULL);
#endif
    nh_error *err = NULL;
    nh_server *server = nh_server_new();
    if (nh_server_handle(server, "/hello", hello, "hello, consumer", NULL, &err) != NH_OK ||
        nh_server_listen(server, "127.0.0.1:0", &err) != NH_OK || nh_server_start(server, &err) != NH_OK)
        return fail("server", err);

    char url[64], body[64] = "";
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hello", (int)nh_server_port(server, 0));
    nh_client *client = nh_client_new();
    nh_request *request = NULL;
    nh_response *response = NULL;
    size_t n = 0;
    if (nh_request_new("GET", url, &request, &err) != NH_OK ||
        nh_client_do(client, request, &response, &err) != NH_OK ||
        nh_response_body_read(response, body, sizeof body - 1, &n, &err) != NH_OK)
        return fail(url, err);
    if (nh_response_status_code(response) != 200 || strcmp(body, "hello, consumer") != 0)
        return fail(body, NULL);

    nh_response_free(response);
    nh_request_free(request);
    nh_client_free(client);
    if (nh_server_shutdown(server, 5000, &err) != NH_OK) return fail("shutdown", err);
    nh_server_free(server);
    printf("nethttp %s: %s\n", nh_version(), body);
    return 0;
}
