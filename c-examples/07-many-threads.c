/* Shares one client among threads: its connections serve them all. */
#include "nethttp.h"

#include <pthread.h>
#include <stdio.h>

#define THREADS 8
#define EACH 50

struct job {
    nh_client *client;
    const char *url;
    int good;
};

static void *fetch(void *arg) {
    struct job *job = arg;
    nh_request *r; /* a request belongs to one thread at a time, and can be sent again and again */
    if (nh_request_new("GET", job->url, &r, NULL) != NH_OK) return NULL;
    for (int i = 0; i < EACH; i++) {
        nh_response *res;
        const void *data;
        size_t len;
        if (nh_client_do(job->client, r, &res, NULL) != NH_OK) continue;
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
    nh_client_set_max_conns_per_host(client, 4);
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){client, url, 0};
        if (pthread_create(&threads[i], NULL, fetch, &jobs[i]) != 0) return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        good += jobs[i].good;
    }
    printf("%d answers over %zu connections\n", good, nh_client_dialed_count(client));
    nh_client_free(client);
    return good != THREADS * EACH;
}
