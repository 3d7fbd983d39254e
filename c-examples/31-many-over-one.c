/* Sends many requests at a time over one connection: threads that share a client share its connection where
 * the server speaks HTTP/2, and need do nothing for it. Over TLS that is agreed on; for http:// URLs it must
 * be known ("h2c" as the second argument). Run: client */
#include "nethttp.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define THREADS 16
#define EACH 25

struct job {
    nh_client *client;
    const char *url;
    const char *proto;
    int good;
};

static void *fetch(void *arg) {
    struct job *job = arg;
    nh_request *r;
    if (nh_request_new("GET", job->url, &r, NULL) != NH_OK) return NULL;
    for (int i = 0; i < EACH; i++) {
        nh_response *res;
        nh_error *err;
        const void *data;
        size_t len;
        if (nh_client_do(job->client, r, &res, &err) != NH_OK) {
            /* A failure is that of one stream, as a rule; the others go on. */
            fprintf(stderr, "%s (stream %u)\n", nh_error_message(err), nh_error_http2_stream(err));
            nh_error_free(err);
            continue;
        }
        job->proto = nh_response_proto(res);
        job->good += nh_response_body_read_all(res, 1 << 20, &data, &len, NULL) == NH_OK;
        nh_response_free(res);
    }
    nh_request_free(r);
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t threads[THREADS];
    struct job jobs[THREADS];
    char url[1024];
    int good = 0;
    if (argc < 2) return 2;
    snprintf(url, sizeof url, "%s/hello", argv[1]);
    nh_client *client = nh_client_new();
    if (argc > 2 && !strcmp(argv[2], "h2c"))
        nh_client_set_protocols(client, NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2);

    /* The default; a request that finds all streams of the connection taken has another one made instead. */
    nh_http2_config *config = nh_http2_config_new();
    nh_http2_config_set_strict_max_concurrent_requests(config, 0);
    nh_client_set_http2(client, config);
    nh_http2_config_free(config);

    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){client, url, "", 0};
        if (pthread_create(&threads[i], NULL, fetch, &jobs[i]) != 0) return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        good += jobs[i].good;
    }
    printf("%d answers in %s over %zu connections\n", good, jobs[0].proto, nh_client_dialed_count(client));
    nh_client_free(client);
    return good != THREADS * EACH;
}
