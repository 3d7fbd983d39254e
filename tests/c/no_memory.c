/* Memory that cannot be had, where a peer decides how much is wanted: an error, and everything works again.
 */
#include "serve.h"
#include "wait.h"

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

/* Room for `more` bytes beyond what the process has now. */
static void leave(struct rlimit *old, size_t more) {
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f != NULL && fscanf(f, "%lu", &pages) == 1);
    fclose(f);
    CHECK_INT(getrlimit(RLIMIT_AS, old), 0);
    struct rlimit less = *old;
    less.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    CHECK_INT(setrlimit(RLIMIT_AS, &less), 0);
}

static nh_response *get(nh_client *client, const char *url) {
    nh_response *response = NULL;
    nh_error *err = NULL;
    if (nh_client_get(client, url, &response, &err) != NH_OK) fprintf(stderr, "%s\n", nh_error_message(err));
    CHECK(response != NULL);
    return response;
}

int main(void) {
    nh_server *s = nh_server_new();
    nh_client *client = nh_client_new();
    const void *data;
    size_t len;
    struct rlimit old;
    if (getenv("NH_SLOW")) return 0; /* the tools' own allocators end the process */
    CHECK_INT(nh_server_set_shards(s, 1), NH_OK);
    CHECK_INT(nh_server_handle(s, "/endless", endless, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/hello", hello, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    nh_response_free(get(client, url_of(s, "/hello"))); /* all threads and buffers are there */
    nh_response *response = get(client, url_of(s, "/endless"));
    leave(&old, 100u << 20);
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_response_body_read_all(response, SIZE_MAX - 1, &data, &len, NULL));
    CHECK_INT(setrlimit(RLIMIT_AS, &old), 0);
    nh_response_free(response);
    response = get(client, url_of(s, "/hello"));
    CHECK_INT(nh_response_body_read_all(response, 100, &data, &len, NULL), NH_OK);
    CHECK(len == 5 && !memcmp(data, "hello", 5));
    nh_response_free(response);
    nh_client_free(client);
    nh_server_free(s);
    return 0;
}
