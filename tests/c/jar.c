/* Jars: of the library's and of the program's, on a client and by themselves. */
#include <sys/stat.h>

#include "nethttp.h"
#include "origin.h"

static const char *sent_to(nh_client *c, const char *path) {
    static char sent[512];
    nh_response *res = NULL;
    CHECK_INT(nh_client_get(c, origin_url(path), &res, NULL), NH_OK);
    snprintf(sent, sizeof sent, "%s", nh_header_get(nh_response_header(res), "X-Sent"));
    CHECK_INT(nh_response_cookie_count(res), 2);
    CHECK_STR(nh_cookie_name(nh_response_cookie_at(res, 1)), "s");
    CHECK(nh_response_cookie_at(res, 2) == NULL);
    if (*sent)
        CHECK(!strncmp(nh_request_header_value(nh_response_request(res), "Cookie"), sent, strlen(sent)));
    nh_response_free(res);
    return sent;
}

static const char *cookies(const nh_jar *j, const char *url) {
    static char buf[512];
    size_t len;
    CHECK_INT(nh_jar_cookies(j, url, buf, sizeof buf, &len), NH_OK);
    return buf;
}

static void set(nh_jar *j, const char *url, const char *line) {
    nh_cookie *c = NULL;
    CHECK_INT(nh_cookie_parse_set(line, &c, NULL), NH_OK);
    CHECK_INT(nh_jar_set_cookies(j, url, (const nh_cookie *const *)&c, 1, NULL), NH_OK);
    nh_cookie_free(c);
}

static void count(const nh_cookie *c, void *userdata) {
    int *n = userdata;
    *n += nh_cookie_is_host_only(c) ? 1 : 10;
    CHECK(nh_cookie_domain(c) != NULL && nh_cookie_path(c)[0] == '/');
}

static void on_a_client(void) {
    nh_client *c = nh_client_new();
    nh_jar *j = nh_jar_new();
    CHECK_INT(nh_client_set_jar(c, j), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_jar(NULL, j));
    CHECK_STR(sent_to(c, "/cookie"), "");
    CHECK_STR(sent_to(c, "/cookie"), "a=1; s=session");
    CHECK_INT(nh_jar_count(j), 2);
    CHECK_INT(nh_jar_clear(j), NH_OK);
    CHECK_STR(sent_to(c, "/cookie"), "");
    nh_jar_free(j); /* the client has it still */
    CHECK_STR(sent_to(c, "/cookie"), "a=1; s=session");
    CHECK_INT(nh_client_set_jar(c, NULL), NH_OK);
    CHECK_STR(sent_to(c, "/cookie"), "");
    nh_client_free(c);
}

static void files(void) {
    char dir[] = "/tmp/nethttp-jar-XXXXXX", path[64];
    struct stat st;
    FILE *f;
    int n = 0;
    nh_jar *j = nh_jar_new(), *k = nh_jar_new();
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/cookies", dir);
    set(j, "https://www.example.com/", "a=1");
    set(j, "https://www.example.com/", "b=2; Domain=example.com; Max-Age=60; Secure");
    set(j, "https://www.example.com/", "c=3; Domain=com");
    CHECK_STR(cookies(j, "https://www.example.com/x"), "a=1; b=2");
    CHECK_STR(cookies(j, "https://example.com/"), "b=2");
    CHECK_STR(cookies(j, "http://example.com/"), "");
    CHECK_INT(nh_jar_each(j, count, &n), NH_OK);
    CHECK_INT(n, 11);
    CHECK_INT(nh_jar_save(j, path, 0, NULL), NH_OK);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    CHECK_INT(nh_jar_load(k, path, NULL), NH_OK);
    CHECK_STR(cookies(k, "https://www.example.com/"), "b=2");
    CHECK_INT(nh_jar_save(j, path, 1, NULL), NH_OK);
    CHECK_INT(nh_jar_load(k, path, NULL), NH_OK);
    CHECK_INT(nh_jar_count(k), 2);
    CHECK_ERR(NH_ERR_INVALID, nh_jar_save(j, path, 2, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_save(NULL, path, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_save(j, NULL, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_load(NULL, path, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_load(j, NULL, NULL));
    CHECK_INT(truncate(path, 40), 0);
    CHECK_INT(nh_jar_load(k, path, NULL), NH_OK); /* nothing but a comment */
    f = fopen(path, "w");
    CHECK(f && fputs("[{\"name\": \"a\"}]\n", f) > 0 && fclose(f) == 0);
    CHECK_ERR(NH_ERR_INVALID, nh_jar_load(k, path, NULL));
    f = fopen(path, "w");
    CHECK(f && fputs(".o.test\tTRUE\t/\tFALSE\t\to[x]\t{\"y\": 1}\n", f) > 0 && fclose(f) == 0);
    CHECK_INT(nh_jar_load(k, path, NULL), NH_OK);
    CHECK_STR(cookies(k, "https://www.o.test/"), "o[x]={\"y\": 1}");
    CHECK_INT(truncate(path, (off_t)33 << 20), 0);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_jar_load(k, path, NULL));
    CHECK_INT(unlink(path), 0);
    CHECK_INT(rmdir(dir), 0);
    CHECK_ERR(NH_ERR_IO, nh_jar_load(k, path, NULL));
    CHECK_ERR(NH_ERR_IO, nh_jar_save(k, path, 1, NULL));
    nh_jar_free(j);
    nh_jar_free(k);
}

static void nulls(void) {
    nh_jar *j = nh_jar_new();
    nh_cookie *c = NULL, *none = NULL;
    char buf[4];
    size_t len;
    int n = 0;
    CHECK_INT(nh_cookie_new("abcd", "1", &c, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_jar_set_cookies(NULL, "http://a/", (const nh_cookie *const *)&c, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_set_cookies(j, NULL, (const nh_cookie *const *)&c, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_set_cookies(j, "http://a/", NULL, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_set_cookies(j, "http://a/", (const nh_cookie *const *)&none, 1, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_set_cookies(j, "ftp://a/", (const nh_cookie *const *)&c, 1, NULL));
    CHECK_INT(nh_jar_set_cookies(j, "http://a/", NULL, 0, NULL), NH_OK);
    CHECK_INT(nh_jar_set_cookies(j, "http://a/", (const nh_cookie *const *)&c, 1, NULL), NH_OK);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_jar_cookies(j, "http://a/", buf, sizeof buf, &len));
    CHECK_INT(len, 6);
    CHECK_ERR(NH_ERR_INVALID, nh_jar_cookies(NULL, "http://a/", buf, sizeof buf, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_cookies(j, NULL, buf, sizeof buf, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_cookies(j, "http://a/", buf, sizeof buf, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_each(NULL, count, &n));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_each(j, NULL, &n));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_clear(NULL));
    CHECK_INT(nh_jar_count(NULL), 0);
    nh_jar_free(NULL);
    nh_jar_free(j);
    nh_cookie_free(c);
}

/* ---- a jar of our own: it keeps the last value of a cookie and is asked with too little room first */

struct keep {
    char value[5000];
    int calls, freed;
};

static nh_result keep_get(const char *url, char *buf, size_t cap, size_t *len_out, void *userdata) {
    struct keep *k = userdata;
    CHECK(strncmp(url, "http://127.0.0.1", 16) == 0);
    k->calls++;
    *len_out = strlen(k->value);
    if (*len_out > cap) return NH_ERR_TOO_LARGE;
    memcpy(buf, k->value, *len_out);
    return NH_OK;
}

static void keep_set(const char *url, const nh_cookie *const *list, size_t n, void *userdata) {
    struct keep *k = userdata;
    CHECK(strncmp(url, "http://127.0.0.1", 16) == 0);
    CHECK_INT(n, 2);
    snprintf(k->value, sizeof k->value, "%s=%s", nh_cookie_name(list[1]), nh_cookie_value(list[1]));
}

static void keep_free(void *userdata) { ((struct keep *)userdata)->freed++; }

static void of_the_program(void) {
    struct keep k = {"", 0, 0};
    nh_jar *j = NULL;
    nh_client *c = nh_client_new();
    CHECK_ERR(NH_ERR_INVALID, nh_jar_new_with_callbacks(NULL, keep_set, &k, keep_free, &j));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_new_with_callbacks(keep_get, NULL, &k, keep_free, &j));
    CHECK_ERR(NH_ERR_INVALID, nh_jar_new_with_callbacks(keep_get, keep_set, &k, keep_free, NULL));
    CHECK_INT(k.freed, 3);
    CHECK_INT(nh_jar_new_with_callbacks(keep_get, keep_set, &k, keep_free, &j), NH_OK);
    CHECK_INT(nh_client_set_jar(c, j), NH_OK);
    CHECK_STR(sent_to(c, "/cookie"), "");
    CHECK_STR(sent_to(c, "/cookie"), "s=session");
    memset(k.value, 'x', sizeof k.value - 1);
    memcpy(k.value, "y=", 2);
    k.calls = 0;
    CHECK(strncmp(sent_to(c, "/cookie"), "y=xxx", 5) == 0);
    CHECK_INT(k.calls, 2);
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_jar_each(j, count, NULL));
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_jar_clear(j));
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_jar_load(j, "x", NULL));
    CHECK_ERR(NH_ERR_UNSUPPORTED, nh_jar_save(j, "x", 1, NULL));
    CHECK_INT(nh_jar_count(j), 0);
    nh_jar_free(j);
    CHECK_INT(k.freed, 3);
    nh_client_free(c);
    CHECK_INT(k.freed, 4);
}

int main(void) {
    origin_start();
    on_a_client();
    files();
    nulls();
    of_the_program();
    return 0;
}
