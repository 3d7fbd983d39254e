/* Downloads to a file, and shows how far it is; gives up beyond a size. Run: client */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "nethttp.h"

#define MOST (64 << 20)

static nh_result show(int64_t sent, int64_t to_send, int64_t received, int64_t to_receive, void *userdata) {
    (void)sent, (void)to_send, (void)userdata;
    if (to_receive >= 0)
        printf("%lld of %lld bytes\n", (long long)received, (long long)to_receive);
    else
        printf("%lld bytes\n", (long long)received);
    return received > MOST ? NH_ERR_ABORTED : NH_OK;
}

int main(int argc, char **argv) {
    char url[512], path[] = "/tmp/nethttp-example-XXXXXX";
    nh_request *request = NULL;
    nh_response *response = NULL;
    nh_error *err = NULL;
    int fd = mkstemp(path);

    if (fd < 0) return 1;
    close(fd);
    snprintf(url, sizeof url, "%s/bytes?n=1048576", argc > 1 ? argv[1] : "http://127.0.0.1:8080");
    nh_result result = nh_request_new("GET", url, &request, &err);
    if (result == NH_OK) result = nh_request_set_progress(request, show, NULL, NULL);
    if (result == NH_OK) result = nh_client_do(nh_default_client(), request, &response, &err);
    if (result == NH_OK) result = nh_response_body_save(response, path, NULL, &err);
    if (result != NH_OK) fprintf(stderr, "%s\n", err ? nh_error_message(err) : nh_result_text(result));
    nh_error_free(err);
    nh_response_free(response);
    nh_request_free(request);
    unlink(path); /* this is an example only */
    return result != NH_OK;
}
