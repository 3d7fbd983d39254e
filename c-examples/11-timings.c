/* Where the time of an exchange goes: once over a new connection, once over the one that was left. Run:
 * client */
#include <inttypes.h>
#include <stdio.h>
#include "nethttp.h"

static void row(const char *what, int64_t microseconds) {
    if (microseconds >= 0) printf("  %-24s %8" PRId64 " us\n", what, microseconds);
}

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "http://127.0.0.1:8080/";
    nh_client *client = nh_client_new();
    nh_error *err = NULL;
    nh_result result = NH_OK;
    for (int i = 0; i < 2 && result == NH_OK; i++) {
        nh_request *request;
        nh_response *response = NULL;
        const void *data;
        size_t len;
        result = nh_request_new("GET", url, &request, &err);
        if (result == NH_OK) result = nh_client_do(client, request, &response, &err);
        nh_request_free(request);
        /* The total is known when the body has been read. */
        if (result == NH_OK) result = nh_response_body_read_all(response, 1 << 20, &data, &len, &err);
        if (result == NH_OK) {
            printf("%s\n", nh_response_reused(response) ? "over a connection that was there"
                                                        : "over a new connection");
            row("name looked up", nh_response_timing(response, NH_TIMING_DNS));
            row("connected", nh_response_timing(response, NH_TIMING_CONNECT));
            row("TLS handshake", nh_response_timing(response, NH_TIMING_TLS));
            row("start to a connection", nh_response_timing(response, NH_TIMING_POOL));
            row("start to request sent", nh_response_timing(response, NH_TIMING_SENT));
            row("start to first byte", nh_response_timing(response, NH_TIMING_FIRST_BYTE));
            row("start to end", nh_response_timing(response, NH_TIMING_TOTAL));
        }
        nh_response_free(response);
    }
    if (result != NH_OK) fprintf(stderr, "%s\n", err ? nh_error_message(err) : nh_result_text(result));
    nh_error_free(err);
    nh_client_free(client);
    return result != NH_OK;
}
