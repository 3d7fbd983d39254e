/* Names whose lookup hangs: they hold up nobody who asks for another name. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>

#include "nethttp.h"
#include "origin.h"
#include "wait.h"

enum { THREADS = 20, NAMES = 15 };

static int released, hanging, most;
static nh_client *c;

static int (*system_s)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

__attribute__((constructor)) static void find_system_s(void) {
    *(void **)&system_s = dlsym(RTLD_NEXT, "getaddrinfo");
}

/* The library's lookups come here. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
    if (name && !strncmp(name, "hang", 4)) {
        int n = __atomic_add_fetch(&hanging, 1, __ATOMIC_SEQ_CST), old = current(&most);
        while (old < n && !__atomic_compare_exchange_n(&most, &old, n, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            ;
        while (!current(&released))
            pause_ms(5);
        __atomic_sub_fetch(&hanging, 1, __ATOMIC_SEQ_CST);
        return EAI_AGAIN;
    }
    if (name && !strncmp(name, "good", 4)) name = "127.0.0.1";
    return system_s(name, service, hints, out);
}

static nh_result ask(const char *url, int64_t timeout_ms) {
    nh_request *r;
    nh_response *res = NULL;
    CHECK_INT(nh_request_new("GET", url, &r, NULL), NH_OK);
    if (timeout_ms) CHECK_INT(nh_request_set_timeout(r, timeout_ms), NH_OK);
    nh_result got = nh_client_do(c, r, &res, NULL);
    nh_response_free(res);
    nh_request_free(r);
    return got;
}

static void must_be_good(const char *name) {
    char url[128];
    snprintf(url, sizeof url, "http://%s:%d/ok", name, origin_port);
    CHECK_INT(ask(url, 0), NH_OK);
}

static void *give_up(void *arg) {
    char url[64];
    for (int i = 0; i < NAMES; i++) {
        snprintf(url, sizeof url, "http://hang%d.test/", (int)(intptr_t)arg * NAMES + i);
        CHECK_INT(ask(url, brief_ms(20)), NH_ERR_TIMEOUT);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    origin_start();
    c = nh_client_new();
    CHECK_INT(nh_client_set_proxy(c, NULL, NULL), NH_OK);
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, give_up, (void *)(intptr_t)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    /* All of them still hang that have begun before they were given up; on a slow machine some more are asked
     * for. */
    for (int i = 0; i < 100 && current(&hanging) <= 128; i++)
        give_up((void *)(intptr_t)(THREADS + i));
    CHECK(current(&hanging) > 128);
    must_be_good("good1.test");
    must_be_good("good2.test");
    must_be_good("127.0.0.1");
    CHECK(current(&most) <= 512);
    /* The client does not wait for them either. */
    nh_client_free(c);
    CHECK(current(&hanging) > 128);
    add(&released);
    while (current(&hanging) > 0)
        pause_ms(5);
    return 0;
}
