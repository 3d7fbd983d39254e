/* Logs in with a jar that outlives the program: what a server sets goes along with the next request, and is
 * kept in a file that curl reads too. Run: client */
#include <stdio.h>
#include <string.h>
#include "nethttp.h"

static void show(const nh_cookie *c, void *userdata) {
    (void)userdata;
    printf("%s%s%s: %s = %s, %s\n", nh_cookie_is_host_only(c) ? "" : "*.", nh_cookie_domain(c),
           nh_cookie_path(c), nh_cookie_name(c), nh_cookie_value(c),
           nh_cookie_expires(c) < 0 ? "for this session" : "until it expires");
}

int main(int argc, char **argv) {
    const char *base = argc > 1 ? argv[1] : "http://127.0.0.1:8080", *file = "cookies-of-the-example.txt";
    char url[512], sent[512];
    nh_error *err = NULL;
    nh_client *client = nh_client_new();
    nh_jar *jar = nh_jar_new();
    nh_response *response;
    size_t len;

    nh_jar_load(jar, file, NULL); /* the first time there is none */
    nh_client_set_jar(client, jar);
    /* nh-serve sets what it is asked to set. */
    snprintf(url, sizeof url, "%s/sethdr?k=Set-Cookie&v=login%%3Dfred%%3B%%20Max-Age%%3D3600", base);
    if (nh_client_get(client, url, &response, &err) != NH_OK) {
        fprintf(stderr, "%s\n", nh_error_message(err));
        return 1;
    }
    nh_response_free(response);
    nh_jar_each(jar, show, NULL);
    nh_jar_cookies(jar, url, sent, sizeof sent, &len);
    printf("the next request says Cookie: %s\n", sent);
    if (nh_jar_save(jar, file, 0, &err) != NH_OK) fprintf(stderr, "%s\n", nh_error_message(err));
    remove(file); /* this is an example only */
    nh_jar_free(jar);
    nh_client_free(client);
    return strcmp(sent, "login=fred") != 0;
}
