/* Sends a request by way of a proxy: the first argument, or else what the environment names. */
#include "nethttp.h"

#include <stdio.h>

int main(int argc, char **argv) {
    nh_error *err = NULL;
    nh_request *r = NULL;
    nh_response *res = NULL;
    const char *url = argc > 1 ? argv[argc - 1] : "http://127.0.0.1:8080";
    nh_client *client = nh_client_new();
    nh_result code = NH_OK;
    /* Without this HTTP_PROXY, HTTPS_PROXY and NO_PROXY count. */
    if (argc > 2) code = nh_client_set_proxy(client, argv[1], &err);
    if (code == NH_OK) code = nh_request_new("GET", url, &r, &err);
    if (code == NH_OK) code = nh_client_do(client, r, &res, &err);
    if (code == NH_OK)
        printf("%s from %s\n", nh_response_status(res), nh_response_remote_addr(res));
    else
        printf("%s%s\n", nh_error_phase(err) == NH_PHASE_PROXY ? "the proxy: " : "", nh_error_message(err));
    nh_error_free(err);
    nh_response_free(res);
    nh_request_free(r);
    nh_client_free(client);
    return code == NH_OK ? 0 : 1;
}
