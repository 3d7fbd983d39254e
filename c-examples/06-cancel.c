/* Cancels a request that takes too long, from a signal handler: Ctrl-C, or here an alarm. */
#include "nethttp.h"

#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

static nh_cancel_token *token;

static void on_alarm(int sig) {
    (void)sig;
    nh_cancel_token_fire(token); /* one of the two functions that a signal handler may call */
}

int main(int argc, char **argv) {
    char url[1024];
    nh_request *r = NULL;
    nh_response *res = NULL;
    nh_error *err = NULL;
    struct itimerval soon = {.it_value = {.tv_usec = 100 * 1000}};
    if (argc < 2) return 2;
    snprintf(url, sizeof url, "%s/sleep?ms=2000", argv[1]);
    token = nh_cancel_token_new();
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &soon, NULL);

    nh_result code = nh_request_new("GET", url, &r, &err);
    if (code == NH_OK) code = nh_request_set_cancel(r, token);
    if (code == NH_OK) code = nh_client_do(nh_default_client(), r, &res, &err);
    printf("%s\n", err ? nh_error_message(err) : "it was faster than the alarm");

    nh_error_free(err);
    nh_response_free(res);
    nh_request_free(r);
    nh_cancel_token_free(token);
    return code != NH_ERR_CANCELED;
}
