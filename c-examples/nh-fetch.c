/* nh-fetch METHOD URL [options]: fetches a URL and prints the body, or with --json one line a response.
 * Exit status: 0 a response came, 1 none did or its body broke, 2 wrong usage. */
#include "nethttp.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_HEADERS 256

/* ---- options */

static struct {
    const char *method, *url, *data, *out, *jar, *cacert, *cert, *key, *proxy;
    const char *headers[MAX_HEADERS];
    uint32_t protocols;
    int header_count, json, verbose, insecure;
    long long body_size, timeout, repeat, max_redirects;
} opt = {.body_size = -1, .timeout = -1, .repeat = 1, .max_redirects = 10};

static nh_cancel_token *interrupt;

static void on_signal(int sig) {
    (void)sig;
    nh_cancel_token_fire(interrupt);
}

static void usage(void) {
    fputs(
        "usage: nh-fetch METHOD URL [-H 'K: V']... [-d BODY|@FILE] [--body-size N] [-o FILE] [--timeout MS]\n"
        "                [--max-redirects N] [--no-redirect] [--proxy URL] [--cacert FILE] [--insecure]\n"
        "                [--cert FILE] [--key FILE] [--http1|--http2] [--jar[=FILE]] [--repeat N] [--json] "
        "[-v]\n",
        stderr);
    exit(2);
}

static long long number(const char *text) {
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || end == text || *end || n < 0) usage();
    return n;
}

static void parse(int argc, char **argv) {
    int at = 0;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
#define VALUE (i + 1 < argc ? argv[++i] : (usage(), ""))
        if (!strcmp(a, "-H")) {
            if (opt.header_count == MAX_HEADERS) usage();
            opt.headers[opt.header_count++] = VALUE;
        } else if (!strcmp(a, "-d")) {
            opt.data = VALUE;
        } else if (!strcmp(a, "--body-size")) {
            opt.body_size = number(VALUE);
        } else if (!strcmp(a, "-o")) {
            opt.out = VALUE;
        } else if (!strcmp(a, "--timeout")) {
            opt.timeout = number(VALUE);
        } else if (!strcmp(a, "--repeat")) {
            opt.repeat = number(VALUE);
        } else if (!strcmp(a, "--json")) {
            opt.json = 1;
        } else if (!strcmp(a, "-v")) {
            opt.verbose = 1;
        } else if (!strcmp(a, "--no-redirect")) {
            opt.max_redirects = NH_REDIRECTS_OFF;
        } else if (!strcmp(a, "--max-redirects")) {
            opt.max_redirects = number(VALUE);
            if (opt.max_redirects > INT32_MAX) usage();
        } else if (!strcmp(a, "--jar")) {
            opt.jar = "";
        } else if (!strncmp(a, "--jar=", 6)) {
            opt.jar = a + 6;
        } else if (!strcmp(a, "--http1")) {
            opt.protocols = NH_PROTOCOL_HTTP1;
        } else if (!strcmp(a, "--cacert")) {
            opt.cacert = VALUE;
        } else if (!strcmp(a, "--cert")) {
            opt.cert = VALUE;
        } else if (!strcmp(a, "--key")) {
            opt.key = VALUE;
        } else if (!strcmp(a, "--proxy")) {
            opt.proxy = VALUE;
        } else if (!strcmp(a, "--insecure")) {
            opt.insecure = 1;
        } else if (!strcmp(a, "--http2")) {
            opt.protocols = NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2;
        } else if (a[0] == '-' && a[1]) {
            usage();
        } else if (at == 0) {
            opt.method = a, at++;
        } else if (at == 1) {
            opt.url = a, at++;
        } else {
            usage();
        }
    }
    if (at != 2) usage();
}

/* ---- SHA-256 (FIPS 180-4) */

struct sha256 {
    uint32_t h[8];
    uint64_t len;
    unsigned char block[64];
};

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#define ROTR(x, n) ((x) >> (n) | (x) << (32 - (n)))

static void sha256_init(struct sha256 *s) {
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(s->h, start, sizeof start);
    s->len = 0;
}

static void sha256_block(struct sha256 *s, const unsigned char *p) {
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 |
               p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (ROTR(a, 7) ^ ROTR(a, 18) ^ a >> 3) + w[i - 7] +
               (ROTR(b, 17) ^ ROTR(b, 19) ^ b >> 10);
    }
    memcpy(v, s->h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t e = v[4], a = v[0];
        uint32_t t1 =
            v[7] + (ROTR(e, 6) ^ ROTR(e, 11) ^ ROTR(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + K[i] + w[i];
        uint32_t t2 = (ROTR(a, 2) ^ ROTR(a, 13) ^ ROTR(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        s->h[i] += v[i];
}

static void sha256_add(struct sha256 *s, const void *data, size_t n) {
    const unsigned char *p = data;
    while (n > 0) {
        size_t at = (size_t)(s->len % 64), some = 64 - at < n ? 64 - at : n;
        memcpy(s->block + at, p, some);
        s->len += some, p += some, n -= some;
        if (s->len % 64 == 0) sha256_block(s, s->block);
    }
}

static void sha256_hex(struct sha256 *s, char hex[65]) {
    uint64_t bits = s->len * 8;
    unsigned char end[8];
    for (int i = 0; i < 8; i++)
        end[i] = (unsigned char)(bits >> (56 - 8 * i));
    sha256_add(s, "\x80", 1);
    while (s->len % 64 != 56)
        sha256_add(s, "", 1);
    sha256_add(s, end, 8);
    for (int i = 0; i < 8; i++)
        snprintf(hex + 8 * i, 9, "%08x", (unsigned)s->h[i]);
}

/* ---- JSON */

/* Bytes that are not UTF-8 are taken for Latin-1: the line is always valid. */
static void json_text(const char *text) {
    const unsigned char *p = (const unsigned char *)text;
    putchar('"');
    while (*p) {
        int more = *p >= 0xf0 && *p <= 0xf4  ? 3
                   : *p >= 0xe0 && *p < 0xf0 ? 2
                   : *p >= 0xc2 && *p < 0xe0 ? 1
                                             : 0;
        int good = more > 0;
        for (int i = 1; i <= more && good; i++)
            good = p[i] >= 0x80 && p[i] <= 0xbf;
        if (good && ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
                     (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f)))
            good = 0;
        if (good) {
            fwrite(p, 1, (size_t)more + 1, stdout);
            p += more + 1;
            continue;
        }
        if (*p == '"' || *p == '\\')
            printf("\\%c", *p);
        else if (*p < 0x20 || *p >= 0x7f)
            printf("\\u%04x", *p);
        else
            putchar(*p);
        p++;
    }
    putchar('"');
}

static const char *kind(const nh_error *e) {
    switch (e ? nh_error_code(e) : NH_OK) {
    case NH_OK:
        return "";
    case NH_ERR_TIMEOUT:
        return "timeout";
    case NH_ERR_REDIRECT:
        return "redirect";
    case NH_ERR_TLS:
        return "tls";
    case NH_ERR_PROXY:
        return "proxy";
    case NH_ERR_DNS:
        return "dns";
    case NH_ERR_CONNECT:
        return "connect";
    case NH_ERR_IO:
    case NH_ERR_UNEXPECTED_EOF:
        return "eof";
    case NH_ERR_TOO_LARGE:
        return "too_large";
    case NH_ERR_PROTOCOL:
        return "protocol";
    case NH_ERR_CANCELED:
        return "canceled";
    default:
        return nh_error_is_timeout(e) ? "timeout" : "invalid_request";
    }
}

static void print_json(const nh_response *res, uint64_t len, struct sha256 *sum, const char *error,
                       const char *kind) {
    char hex[65];
    const nh_header *h = nh_response_header(res);
    sha256_hex(sum, hex);
    printf("{\"status\":%d,\"proto\":", (int)nh_response_status_code(res));
    json_text(res ? nh_response_proto(res) : "");
    printf(",\"headers\":[");
    for (size_t i = 0; i < nh_header_count(h); i++) {
        printf(i ? ",[" : "[");
        json_text(nh_header_name_at(h, i));
        putchar(',');
        json_text(nh_header_value_at(h, i));
        putchar(']');
    }
    printf("],\"body_len\":%llu,\"body_sha256\":\"%s\",\"url\":", (unsigned long long)len, hex);
    json_text(res ? nh_request_url(nh_response_request(res)) : opt.url);
    printf(",\"error\":");
    if (error)
        json_text(error);
    else
        printf("null");
    printf(",\"error_kind\":\"%s\"}\n", kind);
    fflush(stdout);
}

/* ---- the exchange */

struct filler {
    long long whole, left;
};

static nh_result fill(void *userdata, void *buf, size_t cap, size_t *n_out) {
    struct filler *f = userdata;
    size_t n = (long long)cap < f->left ? cap : (size_t)f->left;
    memset(buf, 'x', n);
    f->left -= (long long)n;
    *n_out = n;
    return NH_OK;
}

static nh_result refill(void *userdata) {
    struct filler *f = userdata;
    f->left = f->whole;
    return NH_OK;
}

/* Why a header of the command line was refused; nothing is sent then. */
static char refused[160];

static nh_result set_headers(nh_request *r) {
    for (int i = 0; i < opt.header_count; i++) {
        char *line = strdup(opt.headers[i]), *colon = line ? strchr(line, ':') : NULL;
        if (!colon) usage();
        *colon++ = 0;
        colon += strspn(colon, " \t");
        nh_result code = strcmp(line, "Host") && strcmp(line, "host") ? nh_request_add_header(r, line, colon)
                                                                      : nh_request_set_host(r, colon);
        if (code != NH_OK) snprintf(refused, sizeof refused, "header %.80s: %s", line, nh_result_text(code));
        free(line);
        if (code != NH_OK) return code;
    }
    return NH_OK;
}

static nh_result build(nh_request **r, struct filler *filler, nh_error **err) {
    nh_result code = nh_request_new(opt.method, opt.url, r, err);
    if (code == NH_OK) code = set_headers(*r);
    if (code == NH_OK && opt.data && opt.data[0] == '@')
        code = nh_request_set_body_file(*r, opt.data + 1, err);
    else if (code == NH_OK && opt.data)
        code = nh_request_set_body(*r, opt.data, strlen(opt.data));
    if (code == NH_OK && opt.body_size >= 0) {
        filler->whole = filler->left = opt.body_size;
        code = nh_request_set_body_callback(*r, opt.body_size, fill, refill, filler, NULL);
    }
    if (code == NH_OK && opt.timeout >= 0) code = nh_request_set_timeout(*r, opt.timeout);
    if (code == NH_OK) code = nh_request_set_cancel(*r, interrupt);
    return code;
}

/* --cacert takes the place of the system's roots; the key may be in the certificate's file, as curl has it.
 */
static nh_result set_up(nh_client *client, nh_error **err) {
    if (opt.protocols && nh_client_set_protocols(client, opt.protocols) != NH_OK) return NH_ERR_INVALID;
    if (opt.proxy && nh_client_set_proxy(client, opt.proxy, err) != NH_OK) return NH_ERR_INVALID;
    if (!opt.cacert && !opt.cert && !opt.insecure) return NH_OK;
    nh_tls_config *tls = nh_tls_config_new();
    nh_result code = nh_tls_config_set_insecure(tls, opt.insecure);
    if (code == NH_OK && opt.cacert) code = nh_tls_config_add_roots_file(tls, opt.cacert, err);
    if (code == NH_OK && opt.cacert) code = nh_tls_config_set_system_roots(tls, 0);
    if (code == NH_OK && opt.cert)
        code = nh_tls_config_set_certificate_files(tls, opt.cert, opt.key ? opt.key : opt.cert, err);
    if (code == NH_OK) code = nh_client_set_tls_config(client, tls);
    nh_tls_config_free(tls);
    return code;
}

static void progress(uint64_t len, int64_t whole) {
    if (!opt.out || !isatty(STDERR_FILENO)) return;
    if (whole > 0) {
        int done = (int)(len * 40 / (uint64_t)whole);
        fprintf(stderr, "\r[%.*s%*s] %3d%%", done, "########################################", 40 - done, "",
                (int)(len * 100 / (uint64_t)whole));
        if (len == (uint64_t)whole) fputc('\n', stderr);
    } else {
        fprintf(stderr, "\r%llu bytes", (unsigned long long)len);
    }
}

/* A jar that starts empty, or with what its file has; one that is not there yet has nothing. */
static int open_jar(nh_client *client, nh_jar **jar) {
    nh_error *err = NULL;
    if (!opt.jar) return 0;
    *jar = nh_jar_new();
    nh_client_set_jar(client, *jar);
    if (!*opt.jar || access(opt.jar, F_OK) != 0) return 0;
    if (nh_jar_load(*jar, opt.jar, &err) == NH_OK) return 0;
    fprintf(stderr, "nh-fetch: %s\n", nh_error_message(err));
    nh_error_free(err);
    return 1;
}

static int close_jar(nh_jar *jar) {
    nh_error *err = NULL;
    int failed = jar && *opt.jar && nh_jar_save(jar, opt.jar, 1, &err) != NH_OK;
    if (failed) fprintf(stderr, "nh-fetch: %s\n", nh_error_message(err));
    nh_error_free(err);
    nh_jar_free(jar);
    return failed;
}

/* The heads on the wire, as the library logs them. */
static void show_line(int32_t level, const char *line, void *userdata) {
    (void)level;
    (void)userdata;
    fprintf(stderr, "%s\n", line);
}

/* Reads the body to the file or to standard output; with --json alone it is only counted and summed. */
static nh_result body(nh_response *res, FILE *to, uint64_t *len, struct sha256 *sum, nh_error **err) {
    static char buf[64 * 1024];
    for (;;) {
        size_t n;
        nh_result code = nh_response_body_read(res, buf, sizeof buf, &n, err);
        if (code != NH_OK || n == 0) return code;
        *len += n;
        if (opt.json) sha256_add(sum, buf, n);
        if (to && fwrite(buf, 1, n, to) != n) {
            perror("nh-fetch: write");
            exit(1);
        }
        progress(*len, nh_response_content_length(res));
    }
}

static int exchange(nh_client *client, nh_request *r) {
    nh_response *res = NULL;
    nh_error *err = NULL;
    struct sha256 sum;
    uint64_t len = 0;
    sha256_init(&sum);
    nh_result code = nh_client_do(client, r, &res, &err);
    if (code == NH_OK) {
        FILE *to = opt.out ? fopen(opt.out, "wb") : opt.json ? NULL : stdout;
        if (opt.out && !to) {
            perror(opt.out);
            exit(1);
        }
        code = body(res, to, &len, &sum, &err);
        if (to && (to == stdout ? fflush(to) : fclose(to)) != 0) {
            perror("nh-fetch: write");
            exit(1);
        }
    }
    if (opt.json)
        print_json(res, len, &sum, err ? nh_error_message(err) : NULL, kind(err));
    else if (err)
        fprintf(stderr, "nh-fetch: %s\n", nh_error_message(err));
    int result = code == NH_ERR_UNSUPPORTED ? 2 : code != NH_OK;
    nh_error_free(err);
    nh_response_free(res);
    return result;
}

int main(int argc, char **argv) {
    struct sigaction action;
    struct filler filler;
    nh_request *r = NULL;
    nh_error *err = NULL;
    int result = 0;
    parse(argc, argv);
    interrupt = nh_cancel_token_new();
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (opt.verbose) nh_set_log(NH_LOG_DEBUG, show_line, NULL, NULL);
    nh_client *client = nh_client_new();
    nh_jar *jar = NULL;
    nh_client_set_max_redirects(client, (int32_t)opt.max_redirects);
    if (open_jar(client, &jar)) return 1;
    if (set_up(client, &err) != NH_OK || build(&r, &filler, &err) != NH_OK) {
        struct sha256 sum;
        sha256_init(&sum);
        const char *text = err ? nh_error_message(err) : *refused ? refused : "invalid request";
        if (opt.json)
            print_json(NULL, 0, &sum, text, err ? kind(err) : "invalid_request");
        else
            fprintf(stderr, "nh-fetch: %s\n", text);
        result = *refused ? 2 : 1;
        nh_request_free(r);
        r = NULL;
    }
    for (long long i = 0; r && i < opt.repeat && !nh_cancel_token_is_fired(interrupt); i++) {
        int failed = exchange(client, r);
        if (failed) result = failed;
    }
    if (close_jar(jar)) result = 1;
    nh_error_free(err);
    nh_request_free(r);
    nh_client_free(client);
    nh_cancel_token_free(interrupt);
    return result;
}
