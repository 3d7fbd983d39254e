/* Trusts one authority of one's own, in place of the system's, and tells what TLS has agreed on. Run: alone
 */
#include "nethttp.h"

#include <stdio.h>

static int fetch(nh_client *client, const char *url) {
    nh_request *r = NULL;
    nh_response *res = NULL;
    nh_error *err = NULL;
    nh_result code = nh_request_new("GET", url, &r, &err);
    if (code == NH_OK) code = nh_client_do(client, r, &res, &err);
    if (code == NH_OK)
        printf("%s over %s\n", nh_response_status(res), nh_response_tls_cipher_suite(res));
    else
        printf("%s (alert %d)\n", nh_error_message(err), (int)nh_error_tls_alert(err));
    nh_error_free(err);
    nh_response_free(res);
    nh_request_free(r);
    return code == NH_OK ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        puts("usage: 09-custom-ca CA.pem https://host/");
        return argc == 1 ? 0 : 2;
    }
    nh_error *err = NULL;
    nh_client *client = nh_client_new();
    nh_tls_config *tls = nh_tls_config_new();
    int result = 1;
    nh_tls_config_set_system_roots(tls, 0);
    nh_tls_config_set_min_version(tls, NH_TLS_1_3);
    if (nh_tls_config_add_roots_file(tls, argv[1], &err) == NH_OK) {
        /* The client has a copy from here on. */
        nh_client_set_tls_config(client, tls);
        result = fetch(client, argv[2]);
    } else {
        printf("%s\n", nh_error_message(err));
        nh_error_free(err);
    }
    nh_tls_config_free(tls);
    nh_client_free(client);
    return result;
}
