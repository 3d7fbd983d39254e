/* Posts JSON with a header of its own and reads the answer piece by piece. */
#include "nethttp.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    static const char json[] = "{\"name\":\"nethttp\"}";
    char url[1024], buf[4096];
    nh_request *r = NULL;
    nh_response *res = NULL;
    nh_error *err = NULL;
    size_t n = 0;
    if (argc < 2) return 2;
    snprintf(url, sizeof url, "%s/echo", argv[1]);

    nh_result code = nh_request_new("POST", url, &r, &err);
    if (code == NH_OK) code = nh_request_set_header(r, "Content-Type", "application/json");
    if (code == NH_OK) code = nh_request_set_body(r, json, strlen(json));
    if (code == NH_OK) code = nh_client_do(nh_default_client(), r, &res, &err);
    /* The end of the body is NH_OK with 0 bytes. */
    while (code == NH_OK && (code = nh_response_body_read(res, buf, sizeof buf, &n, &err)) == NH_OK && n > 0)
        fwrite(buf, 1, n, stdout);
    putchar('\n');
    if (code != NH_OK) fprintf(stderr, "%s\n", err ? nh_error_message(err) : nh_result_text(code));

    nh_error_free(err);
    nh_response_free(res);
    nh_request_free(r);
    return code != NH_OK;
}
