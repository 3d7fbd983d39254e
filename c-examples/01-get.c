/* Fetches one URL and prints its status, a header field and the body as it comes. Run: client */
#include <stdio.h>
#include "nethttp.h"

static int fail(const char *what, nh_error *err) {
    fprintf(stderr, "%s: %s\n", what, nh_error_message(err));
    nh_error_free(err);
    return 1;
}

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "http://127.0.0.1:8080/";
    nh_client *client = nh_default_client(); /* shared by all threads, never freed */
    nh_request *request;
    nh_response *response;
    nh_error *err;

    if (nh_request_new("GET", url, &request, &err) != NH_OK) return fail("request", err);
    nh_result result = nh_client_do(client, request, &response, &err);
    nh_request_free(request);
    if (result != NH_OK) return fail("fetch", err);

    const char *type = nh_header_get(nh_response_header(response), "Content-Type");
    printf("%s, %s\n", nh_response_status(response), type ? type : "no type");

    char buf[4096];
    size_t n;
    while ((result = nh_response_body_read(response, buf, sizeof buf, &n, &err)) == NH_OK && n > 0)
        fwrite(buf, 1, n, stdout);
    nh_response_free(response); /* closes the body; the connection goes back to the pool */
    return result == NH_OK ? 0 : fail("body", err);
}
