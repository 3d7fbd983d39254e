/* Serves https, and reads its certificate anew on SIGHUP while connections go on. Run: server-tls / */
#include "nethttp.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

static nh_server *server;
static const char *cert_path, *key_path;

static void whoami(nh_response_writer *w, nh_request *r, void *userdata) {
    char text[128];
    (void)userdata;
    snprintf(text, sizeof text, "%s, asked as %s\n", nh_request_tls_cipher_suite(r),
             nh_request_tls_server_name(r));
    nh_response_writer_write_str(w, text, NULL);
}

/* Settings with the certificate as it is on the disk now; NULL if it is of no use. */
static nh_tls_config *read_certificate(void) {
    nh_tls_config *tls = nh_tls_config_new();
    nh_error *err = NULL;
    if (nh_tls_config_set_certificate_files(tls, cert_path, key_path, &err) == NH_OK) return tls;
    fprintf(stderr, "%s\n", nh_error_message(err));
    nh_error_free(err);
    nh_tls_config_free(tls);
    return NULL;
}

/* One thread waits for the signals, which are blocked in all others, so that it may call anything. */
static void *obey(void *signals) {
    int sig;
    while (sigwait(signals, &sig) == 0 && sig == SIGHUP) {
        nh_tls_config *tls = read_certificate();
        /* The server goes on with the old one if the new one is of no use. */
        if (tls && nh_server_set_tls_config(server, 0, tls, NULL) == NH_OK) puts("new certificate");
        fflush(stdout);
        nh_tls_config_free(tls);
    }
    nh_server_request_stop(server);
    return NULL;
}

static void complain(const char *line, void *userdata) {
    (void)userdata;
    fprintf(stderr, "%s\n", line);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: 23-tls-reload HOST:PORT CERT.pem KEY.pem\n");
        return 2;
    }
    cert_path = argv[2], key_path = argv[3];
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    nh_error *err = NULL;
    nh_tls_config *tls = read_certificate();
    pthread_t thread;
    char bound[64];
    size_t len;
    server = nh_server_new();
    nh_server_set_error_log(server, complain, NULL, NULL);
    if (tls && nh_server_handle(server, "/", whoami, NULL, NULL, &err) == NH_OK &&
        nh_server_listen_tls(server, argv[1], tls, &err) == NH_OK &&
        pthread_create(&thread, NULL, obey, &signals) == 0) {
        nh_server_addr(server, 0, bound, sizeof bound, &len);
        printf("listening on https://%s\n", bound);
        fflush(stdout);
        nh_server_run(server, &err);
        pthread_join(thread, NULL);
    }
    nh_tls_config_free(tls);
    int closed = err && nh_error_code(err) == NH_ERR_SERVER_CLOSED;
    if (err && !closed) fprintf(stderr, "%s\n", nh_error_message(err));
    nh_error_free(err);
    nh_server_free(server);
    return closed ? 0 : 1;
}
