/* Saves a body to a file, however large it is. */
#include "nethttp.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char url[1024], path[] = "/tmp/nethttp-example-XXXXXX";
    nh_response *res;
    nh_error *err;
    uint64_t written;
    if (argc < 2) return 2;
    snprintf(url, sizeof url, "%s/big", argv[1]);
    int fd = mkstemp(path);
    if (fd < 0) return 1;
    close(fd);

    nh_result code = nh_get(url, &res, &err);
    if (code == NH_OK) {
        code = nh_response_body_save(res, path, &written, &err);
        printf("%llu of %lld bytes saved\n", (unsigned long long)written,
               (long long)nh_response_content_length(res));
        nh_response_free(res);
    }
    if (code != NH_OK) {
        fprintf(stderr, "%s\n", nh_error_message(err));
        nh_error_free(err);
    }
    unlink(path);
    return code != NH_OK;
}
