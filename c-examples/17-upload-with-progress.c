/* Uploads a file in a form, and shows how far it is. The file is read while it is sent, however large it is.
 * Run: client
 */
#include <stdio.h>
#include "nethttp.h"

/* On this thread, ten times a second at most; anything but NH_OK would stop the upload. */
static nh_result show(int64_t sent, int64_t to_send, int64_t received, int64_t to_receive, void *userdata) {
    (void)received, (void)to_receive, (void)userdata;
    printf("%lld of %lld bytes sent\n", (long long)sent, (long long)to_send);
    return NH_OK;
}

int main(int argc, char **argv) {
    char url[512];
    nh_request *request = NULL;
    nh_response *response = NULL;
    nh_multipart *form = nh_multipart_new();
    nh_error *err = NULL;

    snprintf(url, sizeof url, "%s/sink", argc > 1 ? argv[1] : "http://127.0.0.1:8080");
    nh_multipart_add_field(form, "title", "this program", 12);
    nh_result result = nh_multipart_add_file(form, "file", argv[0], NULL, NULL, &err);
    if (result == NH_OK) result = nh_request_new("POST", url, &request, &err);
    if (result == NH_OK)
        result = nh_request_set_multipart(request, form); /* takes the form */
    else
        nh_multipart_free(form);
    if (result == NH_OK) result = nh_request_set_progress(request, show, NULL, NULL);
    if (result == NH_OK) result = nh_client_do(nh_default_client(), request, &response, &err);
    if (result == NH_OK)
        printf("%s\n", nh_response_status(response));
    else
        fprintf(stderr, "%s\n", err ? nh_error_message(err) : nh_result_text(result));
    nh_error_free(err);
    nh_response_free(response);
    nh_request_free(request);
    return result != NH_OK;
}
