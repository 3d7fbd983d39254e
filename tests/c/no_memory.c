/* Memory that cannot be had, where a peer decides how much is wanted: an error, and everything works again.
 */
#include "limits.h"
#include "serve.h"
#include "wait.h"

#include <pthread.h>
#include <sys/resource.h>

static void endless(nh_response_writer *w, nh_request *r, void *userdata) {
    static char some[1 << 16];
    (void)r, (void)userdata;
    while (nh_response_writer_write(w, some, sizeof some, NULL) == NH_OK) {
    }
}

static void hello(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_respond(w, 200, "text/plain", "hello", 5);
}

static void parses(nh_response_writer *w, nh_request *r, void *multipart) {
    struct rlimit old;
    nh_multipart_form *parts = NULL;
    nh_values *values = NULL;
    leave_memory(&old, 8u << 20);
    if (multipart)
        CHECK_ERR(NH_ERR_NO_RESOURCES, nh_request_parse_multipart(r, SIZE_MAX >> 1, &parts, NULL));
    else
        CHECK_ERR(NH_ERR_NO_RESOURCES, nh_request_parse_form(r, SIZE_MAX >> 1, &values, NULL, NULL));
    CHECK_INT(setrlimit(RLIMIT_AS, &old), 0);
    CHECK(parts == NULL && values == NULL);
    nh_respond(w, 200, "text/plain", "parsed", 6);
}

/* A large value as a form, which is then parsed in too little memory. */
static void send_form(nh_client *client, const char *url, int multipart) {
    size_t n = 33 << 20; /* beyond what malloc keeps for the next one */
    char *large = malloc(n);
    nh_request *r;
    nh_response *response = NULL;
    nh_values *values = nh_values_new();
    nh_multipart *m = nh_multipart_new();
    memset(large, 'a', n);
    CHECK_INT(nh_request_new("POST", url, &r, NULL), NH_OK);
    if (multipart) {
        CHECK_INT(nh_multipart_add_field(m, "a", large, n), NH_OK);
        CHECK_INT(nh_request_set_multipart(r, m), NH_OK);
    } else {
        struct rlimit old;
        nh_values *none = NULL;
        nh_multipart_free(m);
        CHECK_INT(nh_values_set_n(values, "a", 1, large, n), NH_OK);
        CHECK_INT(nh_request_set_form(r, values), NH_OK);
        leave_memory(&old, 8u << 20);
        CHECK_ERR(NH_ERR_NO_RESOURCES, nh_values_parse_n(large, n, &none, NULL));
        large[n - 1] = 0;
        CHECK_ERR(NH_ERR_NO_RESOURCES, nh_values_parse(large, &none, NULL));
        CHECK_INT(setrlimit(RLIMIT_AS, &old), 0);
        CHECK(none == NULL);
    }
    nh_result code = nh_client_do(client, r, &response, NULL);
    /* What is left of the body may cost the connection, at the latest behind the answer. */
    CHECK(code == NH_OK || code == NH_ERR_IO || code == NH_ERR_UNEXPECTED_EOF);
    nh_response_free(response);
    nh_request_free(r);
    nh_values_free(values);
    free(large);
}

static nh_response *get(nh_client *client, const char *url) {
    nh_response *response = NULL;
    nh_error *err = NULL;
    if (nh_client_get(client, url, &response, &err) != NH_OK) fprintf(stderr, "%s\n", nh_error_message(err));
    CHECK(response != NULL);
    return response;
}

static int gone;

static void is_gone(void *userdata) {
    (void)userdata;
    add(&gone);
}

/* What has come of a body over HTTP/2 and is not read may fill its window, if there is memory for it. */
static void reads_late(nh_response_writer *w, nh_request *r, void *userdata) {
    static char some[1 << 16];
    struct rlimit old;
    size_t n;
    nh_result code = NH_OK;
    (void)w, (void)userdata;
    CHECK_INT(nh_request_set_gone_callback(r, is_gone, NULL, NULL, NULL), NH_OK);
    leave_memory(&old, 11u << 20);
    await(&gone, 1);
    CHECK_INT(setrlimit(RLIMIT_AS, &old), 0);
    do /* what came before the error */
        code = nh_request_body_read(r, some, sizeof some, &n, NULL);
    while (code == NH_OK && n > 0);
    CHECK_INT(code, NH_ERR_NO_RESOURCES);
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_request_body_read(r, some, sizeof some, &n, NULL));
    add(&gone);
}

static nh_result zeros(void *userdata, void *buf, size_t cap, size_t *n_out) {
    (void)userdata;
    memset(buf, 0, cap);
    *n_out = cap;
    return NH_OK;
}

static void in_wide_windows(void) {
    static char some[1 << 16];
    nh_server *s = nh_server_new();
    nh_client *client = nh_client_new();
    nh_http2_config *wide = nh_http2_config_new();
    nh_response *late, *read, *response = NULL;
    nh_request *r;
    struct rlimit old;
    size_t n;
    CHECK_INT(nh_http2_config_set_max_receive_buffer_per_connection(wide, 256 << 20), NH_OK);
    CHECK_INT(nh_http2_config_set_max_receive_buffer_per_stream(wide, 128 << 20), NH_OK);
    CHECK_INT(nh_server_set_http2(s, wide), NH_OK);
    CHECK_INT(nh_client_set_http2(client, wide), NH_OK);
    CHECK_INT(nh_server_set_protocols(s, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_client_set_protocols(client, NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_server_set_shards(s, 1), NH_OK);
    CHECK_INT(nh_server_handle(s, "/endless", endless, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/late", reads_late, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/hello", hello, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    nh_response_free(get(client, url_of(s, "/hello")));
    late = get(client, url_of(s, "/endless"));
    read = get(client, url_of(s, "/endless"));
    leave_memory(&old, 11u << 20); /* with no power of two at its end: the next doubling leaves some */
    for (size_t i = 0; i < 64 << 20; i += n) /* the other's share comes with it */
        CHECK_INT(nh_response_body_read(read, some, sizeof some, &n, NULL), NH_OK);
    CHECK_INT(setrlimit(RLIMIT_AS, &old), 0);
    nh_result code = NH_OK;
    while (code == NH_OK)
        code = nh_response_body_read(late, some, sizeof some, &n, NULL);
    CHECK_INT(code, NH_ERR_NO_RESOURCES);
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_response_body_read(late, some, sizeof some, &n, NULL));
    nh_response_free(late);
    nh_response_free(read);
    CHECK_INT(nh_request_new("POST", url_of(s, "/late"), &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_body_callback(r, -1, zeros, NULL, NULL, NULL), NH_OK);
    CHECK(nh_client_do(client, r, &response, NULL) != NH_OK);
    await(&gone, 2);
    nh_request_free(r);
    nh_response_free(get(client, url_of(s, "/hello")));
    nh_http2_config_free(wide);
    nh_client_free(client);
    nh_server_free(s);
}

static void *without_descriptors(void *url) {
    struct rlimit old, none;
    nh_client *client = nh_client_new();
    nh_request *r;
    nh_response *response = NULL;
    CHECK_INT(nh_request_new("GET", url, &r, NULL), NH_OK);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 3;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_client_do(client, r, &response, NULL));
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
    CHECK(response == NULL);
    CHECK_INT(nh_client_do(client, r, &response, NULL), NH_OK);
    nh_response_free(response);
    nh_request_free(r);
    nh_client_free(client);
    return NULL;
}

int main(void) {
    nh_server *s = nh_server_new();
    nh_client *client = nh_client_new();
    const void *data;
    size_t len;
    struct rlimit old;
    pthread_t t;
    if (getenv("NH_SLOW")) { /* the tools' own allocators end the process */
        nh_client_free(client);
        nh_server_free(s);
        return 0;
    }
    CHECK_INT(nh_server_set_shards(s, 1), NH_OK);
    CHECK_INT(nh_server_handle(s, "/endless", endless, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/form", parses, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/parts", parses, "", NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/hello", hello, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    nh_response_free(get(client, url_of(s, "/hello"))); /* all threads and buffers are there */
    nh_response *response = get(client, url_of(s, "/endless"));
    leave_memory(&old, 100u << 20);
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_response_body_read_all(response, SIZE_MAX - 1, &data, &len, NULL));
    CHECK_INT(setrlimit(RLIMIT_AS, &old), 0);
    nh_response_free(response);
    response = get(client, url_of(s, "/hello"));
    CHECK_INT(nh_response_body_read_all(response, 100, &data, &len, NULL), NH_OK);
    CHECK(len == 5 && !memcmp(data, "hello", 5));
    nh_response_free(response);
    send_form(client, url_of(s, "/form"), 0);
    send_form(client, url_of(s, "/parts"), 1);
    CHECK(pthread_create(&t, NULL, without_descriptors, (void *)url_of(s, "/hello")) == 0);
    pthread_join(t, NULL);
    in_wide_windows();
    nh_client_free(client);
    nh_server_free(s);
    return 0;
}
