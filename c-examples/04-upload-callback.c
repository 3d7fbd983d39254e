/* Uploads a body that is made while it is sent: its length is not known before, so it goes out in chunks. */
#include "nethttp.h"

#include <stdio.h>

struct lines {
    int next, last;
};

/* Runs on the thread that is inside nh_client_do or reads the response, and may block. */
static nh_result next_line(void *userdata, void *buf, size_t cap, size_t *n_out) {
    struct lines *l = userdata;
    if (l->next > l->last) {
        *n_out = 0; /* the end */
        return NH_OK;
    }
    *n_out = (size_t)snprintf(buf, cap, "line %d\n", l->next++);
    return NH_OK;
}

/* With this the request can be sent again: after a lost connection, or by the program. */
static nh_result rewind_lines(void *userdata) {
    ((struct lines *)userdata)->next = 1;
    return NH_OK;
}

int main(int argc, char **argv) {
    struct lines lines = {1, 1000};
    char url[1024];
    nh_request *r = NULL;
    nh_response *res = NULL;
    nh_error *err = NULL;
    const void *data;
    size_t len = 0;
    if (argc < 2) return 2;
    snprintf(url, sizeof url, "%s/echo", argv[1]);

    nh_result code = nh_request_new("POST", url, &r, &err);
    if (code == NH_OK) code = nh_request_set_body_callback(r, -1, next_line, rewind_lines, &lines, NULL);
    for (int i = 0; code == NH_OK && i < 2; i++) {
        code = nh_client_do(nh_default_client(), r, &res, &err);
        if (code == NH_OK) code = nh_response_body_read_all(res, 1 << 20, &data, &len, &err);
        if (code == NH_OK) printf("%d: %zu bytes came back\n", (int)nh_response_status_code(res), len);
        nh_response_free(res);
    }
    if (code != NH_OK) fprintf(stderr, "%s\n", err ? nh_error_message(err) : nh_result_text(code));
    nh_error_free(err);
    nh_request_free(r);
    return code != NH_OK;
}
