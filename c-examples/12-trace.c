/* Each step of an exchange as it happens: names, connections, TLS, what was written and when the answer came.
 * Run: client */
#include <inttypes.h>
#include <stdio.h>
#include "nethttp.h"

static nh_result told(const nh_trace_event *e, void *userdata) {
    static const char *const names[] = {"?",
                                        "connection wanted",
                                        "connection got",
                                        "connection kept",
                                        "first byte",
                                        "continue",
                                        "interim",
                                        "lookup of",
                                        "looked up",
                                        "connecting to",
                                        "connected to",
                                        "TLS begins",
                                        "TLS agreed",
                                        "field",
                                        "head written",
                                        "body waits",
                                        "request written"};
    int32_t kind = nh_trace_event_kind(e);
    const char *address = nh_trace_event_address(e);
    const nh_error *error = nh_trace_event_error(e);
    (void)userdata;
    if (kind == NH_TRACE_WROTE_FIELD || kind < 0 || kind >= (int32_t)(sizeof names / sizeof *names))
        return NH_OK;
    printf("%8" PRId64 " us  %s", nh_trace_event_time(e), names[kind]);
    if (address) printf(" %s", address);
    for (size_t i = 0; i < nh_trace_event_address_count(e); i++)
        printf(" %s", nh_trace_event_address_at(e, i));
    if (nh_trace_event_reused(e)) printf(", used before");
    if (nh_trace_event_status(e)) printf(" %d", nh_trace_event_status(e));
    if (error) printf(": %s", nh_error_message(error));
    printf("\n");
    return NH_OK;
}

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "http://127.0.0.1:8080/";
    nh_client *client = nh_client_new();
    nh_request *request = NULL;
    nh_response *response = NULL;
    nh_error *err = NULL;
    const void *data;
    size_t len;
    nh_result result = nh_request_new("GET", url, &request, &err);
    if (result == NH_OK) result = nh_request_set_trace(request, told, NULL, NULL);
    for (int i = 0; i < 2 && result == NH_OK; i++) {
        result = nh_client_do(client, request, &response, &err);
        if (result == NH_OK) result = nh_response_body_read_all(response, 1 << 20, &data, &len, &err);
        nh_response_free(response);
        response = NULL;
    }
    if (result != NH_OK) fprintf(stderr, "%s\n", err ? nh_error_message(err) : nh_result_text(result));
    nh_error_free(err);
    nh_request_free(request);
    nh_client_free(client);
    return result == NH_OK ? 0 : 1;
}
