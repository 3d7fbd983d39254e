/* nh-serve: a server with a route for each thing that a client may want to try. See --help. */
#include "nethttp.h"
#include "nh-serve-described.h"

#include <ctype.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static nh_server *the_server;

static void on_signal(int sig) {
    (void)sig;
    nh_server_request_stop(the_server);
}

static int die(const char *what, nh_error *err) {
    fprintf(stderr, "nh-serve: %s: %s\n", what, err ? nh_error_message(err) : "failed");
    nh_error_free(err);
    return 1;
}

/* ---- what was seen: the requests that reached the mux, for tests */

static struct {
    pthread_mutex_t mu;
    char *text;
    size_t len, cap, count;
} seen = {.mu = PTHREAD_MUTEX_INITIALIZER};

static void note_seen(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w, (void)userdata;
    const char *method = nh_request_method(r), *uri = nh_request_uri(r);
    if (!strncmp(uri, "/seen", 5) || !strncmp(uri, "/reset", 6) || !strcmp(uri, "/described")) return;
    if (described.on) describe_head(r);
    const size_t most = 16u << 20; /* beyond this requests are counted only */
    size_t need = strlen(method) + strlen(uri) + 3;
    pthread_mutex_lock(&seen.mu);
    seen.count++;
    if (seen.len + need > seen.cap && seen.len + need <= most) {
        char *bigger = realloc(seen.text, (seen.len + need) * 2);
        if (bigger) seen.text = bigger, seen.cap = (seen.len + need) * 2;
    }
    if (seen.len + need <= seen.cap)
        seen.len += (size_t)snprintf(seen.text + seen.len, need, "%s %s\n", method, uri);
    pthread_mutex_unlock(&seen.mu);
}

static void seen_route(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    pthread_mutex_lock(&seen.mu);
    size_t len = seen.len, n = 0;
    char *copy = malloc(len + 32);
    if (copy) {
        n = (size_t)snprintf(copy, 32, "%zu\n", seen.count);
        if (len) memcpy(copy + n, seen.text, len);
    }
    pthread_mutex_unlock(&seen.mu);
    if (copy) nh_respond(w, 200, "text/plain", copy, n + len);
    free(copy);
}

static void reset_route(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    pthread_mutex_lock(&seen.mu);
    seen.len = seen.count = 0;
    pthread_mutex_unlock(&seen.mu);
    described_reset();
    nh_respond(w, 200, "text/plain", "reset\n", 6);
}

/* ---- small answers */

static void text(nh_response_writer *w, const char *s) { nh_response_writer_write_str(w, s, NULL); }

static void hello(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    text(w, "hello");
}

static void plaintext(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_respond(w, 200, "text/plain", "Hello, World!", 13);
}

static void json(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    static const char body[] = "{\"message\":\"Hello, World!\"}";
    nh_respond(w, 200, "application/json", body, sizeof body - 1);
}

/* A query parameter as text; NULL if it is absent or has a NUL inside. */
static const char *param(nh_request *r, const char *name) {
    size_t len;
    const char *v = nh_request_query_value(r, name, &len);
    return v && strlen(v) == len ? v : NULL;
}

/* A query parameter as a number up to most; -1 if it is none. */
static long long number(nh_request *r, const char *name, long long absent, long long most) {
    const char *v = param(r, name);
    if (!v) return absent;
    char *end;
    long long n = strtoll(v, &end, 10);
    return isdigit((unsigned char)*v) && !*end && n <= most ? n : -1;
}

static void refuse(nh_response_writer *w, int32_t code, const char *why) {
    nh_respond(w, code, "text/plain", why, strlen(why));
}

/* ---- bodies */

/* A body that broke before anything was sent: an answer, and the connection ends. */
static void refuse_body(nh_response_writer *w) {
    nh_response_writer_set_header(w, "Connection", "close");
    refuse(w, 400, "bad request body\n");
}

static void echo(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char buf[65536];
    size_t n, sent = 0;
    nh_result res;
    described_body b = describe_body(r);
    nh_response_writer_set_full_duplex(w);
    while ((res = nh_request_body_read(r, buf, sizeof buf, &n, NULL)) == NH_OK && n > 0) {
        describe_bytes(&b, buf, n);
        if (nh_response_writer_write(w, buf, n, NULL) != NH_OK ||
            nh_response_writer_flush(w, NULL) != NH_OK) {
            describe_end(&b, r, NH_ERR_IO);
            return; /* each piece is flushed: the peer may wait for it before it goes on */
        }
        sent += n;
    }
    describe_end(&b, r, res);
    if (res != NH_OK && sent)
        nh_response_writer_abort(w);
    else if (res != NH_OK)
        refuse_body(w);
}

/* At most 1024 bytes, which fit in memory: the answer waits until the body is known to be good. */
static void limit(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char body[1025];
    size_t have = 0, n;
    nh_result res;
    described_body b = describe_body(r);
    nh_request_set_body_limit(r, 1024);
    while ((res = nh_request_body_read(r, body + have, sizeof body - have, &n, NULL)) == NH_OK && n > 0)
        have += n;
    describe_bytes(&b, body, have);
    describe_end(&b, r, res);
    if (res == NH_OK)
        nh_respond(w, 200, NULL, body, have);
    else if (res == NH_ERR_TOO_LARGE) {
        nh_response_writer_set_header(w, "Connection", "close");
        refuse(w, 413, "request body too large\n");
    } else
        refuse_body(w);
}

static void sink(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char buf[65536];
    size_t n;
    nh_result res;
    described_body b = describe_body(r);
    while ((res = nh_request_body_read(r, buf, sizeof buf, &n, NULL)) == NH_OK && n > 0)
        describe_bytes(&b, buf, n);
    describe_end(&b, r, res);
    if (res != NH_OK) refuse_body(w);
}

static void big(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    char block[16384];
    for (size_t i = 0; i < sizeof block; i += 16)
        memcpy(block + i, "0123456789abcdef", 16);
    for (int i = 0; i < 64; i++)
        if (nh_response_writer_write(w, block, sizeof block, NULL) != NH_OK) return;
}

static void bytes(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    static const char zeros[256 * 1024];
    long long n = number(r, "n", 0, 1LL << 40);
    if (n < 0) {
        refuse(w, 400, "n must be a number of bytes\n");
        return;
    }
    char length[32];
    snprintf(length, sizeof length, "%lld", n);
    nh_response_writer_set_header(w, "Content-Length", length);
    nh_response_writer_set_header(w, "Content-Type", "application/octet-stream");
    while (n > 0) {
        size_t some = n < (long long)sizeof zeros ? (size_t)n : sizeof zeros;
        if (nh_response_writer_write(w, zeros, some, NULL) != NH_OK) return;
        n -= (long long)some;
    }
}

/* ---- headers */

static int by_line(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* "name: value\n" with the name in canonical spelling; the caller frees it. */
static char *field_line(const char *name, const char *value) {
    size_t cap = strlen(name) + strlen(value) + 4;
    char *line = malloc(cap);
    if (!line) return NULL;
    snprintf(line, cap, "%s: %s\n", name, value);
    int upper = 1;
    for (char *c = line; *c != ':'; c++) {
        *c = (char)(upper ? toupper((unsigned char)*c) : tolower((unsigned char)*c));
        upper = *c == '-';
    }
    return line;
}

static void headers(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    size_t count = nh_request_header_count(r), lines = 0;
    char **line = calloc(count + 1, sizeof *line);
    for (size_t i = 0; line && i < count; i++) {
        const char *name, *value;
        if (nh_request_header_at(r, i, &name, &value) == NH_OK && strcasecmp(name, "Host") != 0 &&
            (line[lines] = field_line(name, value)))
            lines++;
    }
    nh_response_writer_set_header(w, "Content-Type", "text/plain");
    if (line) qsort(line, lines, sizeof *line, by_line);
    for (size_t i = 0; i < lines; i++) {
        text(w, line[i]);
        free(line[i]);
    }
    free(line);
}

static void sethdr(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    const char *k = param(r, "k"), *v = param(r, "v");
    if (!k || !v || nh_response_writer_set_header(w, k, v) != NH_OK)
        refuse(w, 400, "k or v is no valid field\n");
    else
        text(w, "set");
}

static void redirect(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    const char *to = param(r, "to");
    if (!to || nh_response_writer_set_header(w, "Location", to) != NH_OK)
        refuse(w, 400, "to must be a URL\n");
    else
        nh_response_writer_write_header(w, 302);
}

static void trailers(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_set_header(w, "Trailer", "X-Sum");
    text(w, "trailers");
    nh_response_writer_flush(w, NULL);
    nh_response_writer_set_trailer(w, "X-Sum", "8");
}

static void tree(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    size_t len;
    const char *path = nh_request_path(r, &len);
    text(w, "tree:");
    nh_response_writer_write(w, path, len, NULL);
}

static void url(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    nh_response_writer_set_header(w, "Content-Type", "text/plain");
    text(w, nh_request_url(r));
}

/* ---- time and trouble */

static void slow(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    long long ms = number(r, "ms", 300, 3600 * 1000);
    if (ms < 0) {
        refuse(w, 400, "ms must be a number of milliseconds\n");
        return;
    }
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&t, &t) != 0) {
    }
    text(w, "slept");
}

static void panic_route(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    const char *mid = param(r, "mid");
    if (mid && !strcmp(mid, "1")) {
        text(w, "partial");
        nh_response_writer_flush(w, NULL);
    }
    nh_response_writer_abort(w);
}

/* ---- files and other content */

static const char *root;

static void file(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char path[4096];
    const char *name = param(r, "name");
    snprintf(path, sizeof path, "%s/%s", root ? root : ".", name ? name : "");
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        path[--len] = 0;
    nh_serve_file(w, r, path, NULL);
}

static nh_result sixteen(void *userdata, uint64_t offset, void *buf, size_t cap, size_t *n_out) {
    uint64_t left = *(uint64_t *)userdata - offset;
    *n_out = cap < left ? cap : (size_t)left;
    for (size_t i = 0; i < *n_out; i++)
        ((char *)buf)[i] = "0123456789abcdef"[(offset + i) % 16];
    return NH_OK;
}

static void content(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    static const char *const fields[][2] = {{"etag", "Etag"},
                                            {"type", "Content-Type"},
                                            {"cache", "Cache-Control"},
                                            {"coding", "Content-Encoding"}};
    long long size = number(r, "size", 1000, 1LL << 40), mtime = number(r, "mtime", 0, 1LL << 40);
    uint64_t bytes = (uint64_t)size;
    const char *name = param(r, "name");
    if (size < 0 || mtime < 0) {
        refuse(w, 400, "size and mtime must be numbers\n");
        return;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *value = param(r, fields[i][0]);
        if (value) nh_response_writer_set_header(w, fields[i][1], value);
    }
    nh_serve_content(w, r, name ? name : "", mtime, size, sixteen, &bytes, NULL, NULL);
}

static void to(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    const char *url = param(r, "url");
    if (!url || nh_redirect(w, r, url, (int32_t)number(r, "code", 302, 999)) == NH_ERR_INVALID)
        refuse(w, 400, "url must be a URL, code a status\n");
}

static void form(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    nh_values *all, *post;
    nh_error *err;
    if (nh_request_parse_form(r, 0, &all, &post, &err) != NH_OK) {
        nh_respond_error(w, nh_error_message(err), 400);
        nh_error_free(err);
        return;
    }
    nh_values *both[] = {all, post};
    for (int i = 0; i < 2; i++) {
        size_t len;
        nh_values_encode(both[i], NULL, 0, &len);
        char *encoded = malloc(len + 1);
        if (encoded && nh_values_encode(both[i], encoded, len + 1, &len) == NH_OK) {
            if (i) text(w, "|");
            text(w, encoded);
        }
        free(encoded);
        nh_values_free(both[i]);
    }
}

static void site(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    static const char *const names[] = {"x", "site"};
    size_t len;
    text(w, nh_request_pattern(r));
    for (int i = 0; i < 2; i++) {
        const char *value = nh_request_path_value(r, names[i], &len);
        text(w, " ");
        if (value) text(w, value);
    }
    text(w, " ");
    text(w, nh_request_path(r, &len));
}

/* The handlers that stand before others. */
static nh_result compose(nh_error **err) {
    nh_mux *inner = nh_mux_new();
    nh_handler *forms = nh_handler_new(form, NULL, NULL), *files = nh_file_server(root ? root : "");
    nh_handler *sites = nh_mux_handler(inner);
    nh_handler *made[] = {nh_strip_prefix("/files", files), nh_strip_prefix("/sites/s", sites),
                          nh_allow_query_semicolons(forms)};
    nh_cross_origin *same = nh_cross_origin_new();
    nh_handler *plain = nh_handler_new(hello, NULL, NULL), *guarded = nh_cross_origin_handler(same, plain);
    static const char *const patterns[] = {"/files/", "/sites/{site}/", "/semicolons/"};
    nh_result res = nh_mux_handle(inner, "GET /a/{x}", site, NULL, NULL, err);
    for (int i = root ? 0 : 1; i < 3 && res == NH_OK; i++)
        res = nh_server_handle_handler(the_server, patterns[i], made[i], err);
    if (res == NH_OK) res = nh_cross_origin_add_trusted_origin(same, "https://trusted.example", err);
    if (res == NH_OK) res = nh_cross_origin_add_bypass_pattern(same, "POST /guarded/open/{x}", err);
    if (res == NH_OK) res = nh_server_handle_handler(the_server, "/guarded/", guarded, err);
    for (int i = 0; i < 3; i++)
        nh_handler_free(made[i]);
    nh_handler_free(guarded);
    nh_handler_free(plain);
    nh_cross_origin_free(same);
    nh_handler_free(files);
    nh_handler_free(sites);
    nh_handler_free(forms);
    nh_mux_free(inner);
    return res;
}

/* ---- the program */

static const struct {
    const char *pattern;
    nh_handler_fn handler;
} routes[] = {
    {"/hello", hello},
    {"/plaintext", plaintext},
    {"/json", json},
    {"/echo", echo},
    {"/limit", limit},
    {"/sink", sink},
    {"/headers", headers},
    {"/seen", seen_route},
    {"/reset", reset_route},
    {"/big", big},
    {"/bytes", bytes},
    {"/slow", slow},
    {"/sleep", slow},
    {"/panic", panic_route},
    {"/redirect", redirect},
    {"/trailers", trailers},
    {"/tree/", tree},
    {"/sethdr", sethdr},
    {"/file/", file},
    {"/content", content},
    {"/to/", to},
    {"/form", form},
    {"/url/", url},
};

static const char usage[] =
    "usage: nh-serve [--listen HOST:PORT] [--tls CERT KEY] [--h2c] [--only-http2] [--shards N] "
    "[--max-handlers N] "
    "[--max-header-bytes N]\n"
    "                [--read-header-timeout MS] [--read-timeout MS] [--write-timeout MS] [--idle-timeout "
    "MS]\n"
    "                [--lame-duck MS] [--no-seen] [--describe] [--root DIR]\n"
    "Serves test routes until SIGINT or SIGTERM. PORT 0 takes any free port; the first line printed names "
    "it.\n"
    "--tls serves https with a certificate and a key in PEM. --root serves the files beneath DIR at "
    "/files/.\n--lame-duck goes on accepting for MS after the signal. --no-seen keeps no record for /seen. "
    "--describe keeps all that handlers see of each request, for /described. "
    "--h2c takes HTTP/2 in the clear too; --only-http2 takes nothing else, there and over TLS.\n";

static int set(const char *option, const char *value) {
    char *end;
    long long n = strtoll(value, &end, 10);
    if (*end || end == value || n < -1) return 0;
    nh_server *s = the_server;
    nh_result r = NH_ERR_INVALID;
    if (!strcmp(option, "--shards"))
        r = nh_server_set_shards(s, (size_t)n);
    else if (!strcmp(option, "--max-handlers"))
        r = nh_server_set_max_handlers(s, (size_t)n);
    else if (!strcmp(option, "--max-header-bytes"))
        r = nh_server_set_max_header_bytes(s, (size_t)n);
    else if (!strcmp(option, "--read-header-timeout"))
        r = nh_server_set_read_header_timeout(s, n);
    else if (!strcmp(option, "--read-timeout"))
        r = nh_server_set_read_timeout(s, n);
    else if (!strcmp(option, "--write-timeout"))
        r = nh_server_set_write_timeout(s, n);
    else if (!strcmp(option, "--idle-timeout"))
        r = nh_server_set_idle_timeout(s, n);
    else if (!strcmp(option, "--lame-duck"))
        r = nh_server_set_lame_duck(s, n);
    return r == NH_OK;
}

static nh_result listen_on(const char *listen, const char *cert, const char *key, nh_error **err) {
    if (!cert) return nh_server_listen(the_server, listen, err);
    nh_tls_config *tls = nh_tls_config_new();
    nh_result r = nh_tls_config_set_certificate_files(tls, cert, key, err);
    if (r == NH_OK) r = nh_server_listen_tls(the_server, listen, tls, err);
    nh_tls_config_free(tls);
    return r;
}

static int serve(const char *listen, const char *cert, const char *key, int keep_seen) {
    nh_error *err = NULL;
    char addr[64];
    size_t len;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (nh_server_handle(the_server, routes[i].pattern, routes[i].handler, NULL, NULL, &err) != NH_OK)
            return die(routes[i].pattern, err);
    if (described.on &&
        nh_server_handle(the_server, "/described", described_route, NULL, NULL, &err) != NH_OK)
        return die("/described", err);
    if (compose(&err) != NH_OK) return die("routes", err);
    if (keep_seen && nh_server_set_request_hook(the_server, note_seen, NULL, NULL, &err) != NH_OK)
        return die("hook", err);
    if (listen_on(listen, cert, key, &err) != NH_OK) return die("listen", err);
    if (nh_server_addr(the_server, 0, addr, sizeof addr, &len) != NH_OK) return die("address", NULL);
    struct sigaction act;
    memset(&act, 0, sizeof act);
    act.sa_handler = on_signal;
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    printf("listening on http%s://%s\n", cert ? "s" : "", addr);
    fflush(stdout);
    if (nh_server_run(the_server, &err) != NH_ERR_SERVER_CLOSED) return die("run", err);
    nh_error_free(err);
    return 0;
}

int main(int argc, char **argv) {
    const char *listen = "127.0.0.1:8080", *cert = NULL, *key = NULL;
    int keep_seen = 1;
    the_server = nh_server_new();
    if (!the_server) return die("nh_server_new", NULL);
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(a, "--help")) {
            fputs(usage, stdout);
            return 0;
        } else if (!strcmp(a, "--h2c")) {
            uint32_t all = NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2;
            if (nh_server_set_protocols(the_server, all) != NH_OK) return die(a, NULL);
        } else if (!strcmp(a, "--only-http2")) {
            uint32_t http2 = NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2;
            if (nh_server_set_protocols(the_server, http2) != NH_OK) return die(a, NULL);
        } else if (!strcmp(a, "--no-seen")) {
            keep_seen = 0;
        } else if (!strcmp(a, "--describe")) {
            described.on = 1;
        } else if (!strcmp(a, "--tls") && i + 2 < argc) {
            cert = argv[++i];
            key = argv[++i];
        } else if (!strcmp(a, "--root") && *v) {
            root = v;
            i++;
        } else if (!strcmp(a, "--listen") && *v) {
            listen = v;
            i++;
        } else if (set(a, v)) {
            i++;
        } else {
            fprintf(stderr, "nh-serve: bad argument: %s %s\n%s", a, v, usage);
            return 2;
        }
    }
    int status = serve(listen, cert, key, keep_seen);
    nh_server_free(the_server);
    free(seen.text);
    free(described.text);
    return status;
}
