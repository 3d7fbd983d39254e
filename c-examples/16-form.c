/* Sends a form as a browser does. Run: client */
#include <stdio.h>
#include "nethttp.h"

int main(int argc, char **argv) {
    char url[512];
    nh_values *form = nh_values_new();
    nh_response *response;
    nh_error *err = NULL;
    const void *data;
    size_t len;

    snprintf(url, sizeof url, "%s/echo", argc > 1 ? argv[1] : "http://127.0.0.1:8080");
    nh_values_add(form, "name", "Ada Lovelace");
    nh_values_add(form, "note", "100% & more");
    nh_result result = nh_post_form(url, form, &response, &err);
    nh_values_free(form);
    if (result == NH_OK) {
        result = nh_response_body_read_all(response, 1 << 20, &data, &len, &err);
        if (result == NH_OK) printf("%s\n%s\n", nh_response_status(response), (const char *)data);
        nh_response_free(response);
    }
    if (result != NH_OK) fprintf(stderr, "%s\n", nh_error_message(err));
    nh_error_free(err);
    return result != NH_OK;
}
