/* nh-bench-mux: what a lookup costs in a mux of 10 and in one of 1,000 routes, in nanoseconds, and their
   ratio. Rounds are interleaved; the figures are medians. The routes are of the kinds that programs have:
   exact ones, subtrees, values. */
#include <nethttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 21, LOOKUPS = 20000, ASKED = 10 };

static void nothing(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w, (void)r, (void)userdata;
}

static void pattern(char *buf, size_t cap, int i) {
    static const char *kinds[] = {"GET /api/v1/thing%d", "GET /api/v1/thing%d/{id}",
                                  "POST /api/v1/thing%d/{id}/part/{part}", "/static%d/",
                                  "GET /users/{user}/box%d/{$}"};
    snprintf(buf, cap, kinds[i % 5], i);
}

static void url(char *buf, size_t cap, int i) {
    static const char *kinds[] = {"http://h/api/v1/thing%d", "http://h/api/v1/thing%d/77",
                                  "http://h/api/v1/thing%d/77/part/3", "http://h/static%d/css/a.css",
                                  "http://h/users/me/box%d/"};
    snprintf(buf, cap, kinds[i % 5], i);
}

static nh_mux *mux_of(int routes) {
    nh_mux *m = nh_mux_new();
    char text[128];
    for (int i = 0; i < routes; i++) {
        pattern(text, sizeof text, i);
        if (nh_mux_handle(m, text, nothing, NULL, NULL, NULL) != NH_OK) exit(1);
    }
    return m;
}

/* Requests for routes that are spread over all of them. */
static void requests_of(int routes, nh_request **out) {
    char text[128];
    for (int i = 0; i < ASKED; i++) {
        int route = i * (routes / ASKED) + i % 5 * (routes > ASKED);
        route -= route % 5 - i % 5;
        url(text, sizeof text, route);
        if (nh_request_new(i % 5 == 2 ? "POST" : "GET", text, &out[i], NULL) != NH_OK) exit(1);
    }
}

static double round_of(nh_mux *m, nh_request **requests) {
    struct timespec a, b;
    char buf[128];
    size_t len;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (int i = 0; i < LOOKUPS; i++) {
        if (nh_mux_match(m, requests[i % ASKED], NULL, buf, sizeof buf, &len) != NH_OK || len == 0) {
            fprintf(stderr, "no route for %s\n", nh_request_url(requests[i % ASKED]));
            exit(1);
        }
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / LOOKUPS;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void) {
    static const int sizes[] = {10, 1000};
    nh_mux *mux[2];
    nh_request *requests[2][ASKED];
    double ns[2][ROUNDS];
    for (int k = 0; k < 2; k++) {
        mux[k] = mux_of(sizes[k]);
        requests_of(sizes[k], requests[k]);
        round_of(mux[k], requests[k]);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int k = 0; k < 2; k++)
            ns[k][round] = round_of(mux[k], requests[k]);
    }
    for (int k = 0; k < 2; k++) {
        qsort(ns[k], ROUNDS, sizeof *ns[k], by_value);
        printf("%d routes: %.0f ns a lookup\n", sizes[k], ns[k][ROUNDS / 2]);
    }
    printf("ratio: %.2f\n", ns[1][ROUNDS / 2] / ns[0][ROUNDS / 2]);
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < ASKED; i++)
            nh_request_free(requests[k][i]);
        nh_mux_free(mux[k]);
    }
    return 0;
}
