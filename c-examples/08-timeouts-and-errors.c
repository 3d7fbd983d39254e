/* Sets timeouts, and looks at what an error knows. */
#include "nethttp.h"

#include <stdio.h>
#include <string.h>

static nh_result try(nh_client *client, const char *url) {
    nh_request *r = NULL;
    nh_response *res = NULL;
    nh_error *err = NULL;
    nh_result code = nh_request_new("GET", url, &r, &err);
    if (code == NH_OK) code = nh_client_do(client, r, &res, &err);
    if (code != NH_OK)
        printf("%s\n  code %d, phase %d, errno %d, timeout %d\n", nh_error_message(err),
               (int)nh_error_code(err), (int)nh_error_phase(err), (int)nh_error_errno(err),
               (int)nh_error_is_timeout(err));
    nh_error_free(err);
    nh_response_free(res);
    nh_request_free(r);
    return code;
}

int main(int argc, char **argv) {
    char url[1024];
    if (argc < 2) return 2;
    nh_client *client = nh_client_new();
    nh_client_set_dial_timeout(client, 2000);
    nh_client_set_response_head_timeout(client, 100);
    /* A slow handler: the head does not come in time. */
    snprintf(url, sizeof url, "%s/sleep?ms=1000", argv[1]);
    int good = try(client, url) == NH_ERR_TIMEOUT;
    /* Nobody listens there. The password does not show. */
    good &= try(client, "http://user:secret@127.0.0.1:1/") == NH_ERR_CONNECT;
    good &= try(client, "http://bad host/") == NH_ERR_INVALID;
    nh_client_free(client);
    return !good;
}
