/* nh_trace: the steps of an exchange, in order, told on the caller's thread. */
#include "nethttp.h"
#include "origin.h"

static nh_client *c;

/* ---- what was told, as one line: a letter an event */

static struct {
    char steps[512];
    size_t n;
    pthread_t thread;
    int64_t last;
    int64_t idle;
    int32_t reused, refuse;
    char dns[64], connect[64], fields[512], link[64], error[256], put[128];
} seen;
static int freed;

static void free_seen(void *p) { freed += p == &seen; }

static nh_result told(const nh_trace_event *e, void *p) {
    static const char letters[] = ".gGp1ciDdNnTtfhwW";
    CHECK(p == &seen);
    CHECK(pthread_equal(pthread_self(), seen.thread));
    int32_t kind = nh_trace_event_kind(e);
    CHECK(kind >= NH_TRACE_GET_CONN && kind <= NH_TRACE_WROTE_REQUEST);
    CHECK(nh_trace_event_time(e) >= 0);
    if (seen.n + 1 < sizeof seen.steps && kind != NH_TRACE_WROTE_FIELD) seen.steps[seen.n++] = letters[kind];
    const char *address = nh_trace_event_address(e);
    const nh_error *error = nh_trace_event_error(e);
    if (error) snprintf(seen.error, sizeof seen.error, "%s", nh_error_message(error));
    CHECK_INT(nh_trace_event_tls_version(e), 0);
    CHECK(!nh_trace_event_tls_alpn(e) && !nh_trace_event_tls_cipher_suite(e));
    CHECK_INT(nh_trace_event_tls_resumed(e), 0);
    switch (kind) {
    case NH_TRACE_GET_CONN:
    case NH_TRACE_CONNECT_START:
        CHECK(address && strchr(address, ':'));
        break;
    case NH_TRACE_CONNECT_DONE:
        snprintf(seen.connect, sizeof seen.connect, "%s", address);
        break;
    case NH_TRACE_GOT_CONN:
        CHECK(address);
        seen.reused = nh_trace_event_reused(e);
        seen.idle = nh_trace_event_idle_time(e);
        break;
    case NH_TRACE_DNS_START:
        snprintf(seen.dns, sizeof seen.dns, "%s", address);
        break;
    case NH_TRACE_DNS_DONE:
        for (size_t i = 0; i < nh_trace_event_address_count(e); i++)
            CHECK(nh_trace_event_address_at(e, i));
        CHECK(!nh_trace_event_address_at(e, nh_trace_event_address_count(e)));
        break;
    case NH_TRACE_WROTE_FIELD:
        strncat(seen.fields, nh_trace_event_name(e), 99);
        strcat(seen.fields, "=");
        strncat(seen.fields, nh_trace_event_value(e), 99);
        strcat(seen.fields, ";");
        break;
    case NH_TRACE_INFORMATIONAL:
        if (nh_trace_event_status(e) == 103)
            snprintf(seen.link, sizeof seen.link, "%s", nh_header_get(nh_trace_event_header(e), "Link"));
        if (seen.refuse) return NH_ERR_STATE;
        break;
    case NH_TRACE_PUT_IDLE_CONN:
        snprintf(seen.put, sizeof seen.put, "%s", error ? nh_error_message(error) : "kept");
        break;
    default:
        CHECK(!address && !nh_trace_event_header(e) && !nh_trace_event_status(e));
        break;
    }
    return NH_OK;
}

/* ---- an origin: /hints answers 103, 100 and 200; /flood a hundred heads of 1xx; /expect waits for nothing
 */

static void *conn(void *arg) {
    int fd = (int)(intptr_t)arg;
    char head[8192], junk[64];
    while (origin_head(fd, head, sizeof head)) {
        const char *path = strchr(head, ' ') + 1;
        if (!strncmp(path, "/hints", 6))
            origin_send(fd, "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n");
        if (!strncmp(path, "/flood", 6))
            for (int i = 0; i < 100; i++)
                origin_send(fd,
                            "HTTP/1.1 102 Processing\r\nX: 0123456789012345678901234567890123456789\r\n\r\n");
        if (strstr(head, "100-continue")) {
            origin_send(fd, "HTTP/1.1 100 Continue\r\n\r\n");
            CHECK_INT(recv(fd, junk, 4, MSG_WAITALL), 4);
        }
        if (!strncmp(path, "/go", 3))
            origin_send(fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
        else
            origin_send(fd, ORIGIN_OK);
    }
    close(fd);
    return NULL;
}

static nh_request *traced(const char *method, const char *url) {
    nh_request *r = NULL;
    memset(&seen, 0, sizeof seen);
    seen.thread = pthread_self();
    CHECK_INT(nh_request_new(method, url, &r, NULL), NH_OK);
    CHECK_INT(nh_request_set_trace(r, told, &seen, free_seen), NH_OK);
    return r;
}

static void fetch(nh_request *r) {
    nh_response *res = NULL;
    const void *data;
    size_t n;
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_OK);
    CHECK_INT(nh_response_body_read_all(res, 100, &data, &n, NULL), NH_OK);
    nh_response_free(res);
    nh_request_free(r);
}

static void all_steps(void) {
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", origin_port);
    fetch(traced("GET", origin_url("/ok")));
    /* New: asked, connected, got, head and request written, first byte, put back. */
    CHECK_STR(seen.steps, "gNnGhW1p");
    CHECK_STR(seen.connect, address);
    CHECK_STR(seen.put, "kept");
    CHECK(!seen.reused && seen.idle == -1);
    CHECK(strstr(seen.fields, "Host=127.0.0.1:") && strstr(seen.fields, ";User-Agent=nethttp/"));
    CHECK_INT(freed, 1);

    fetch(traced("GET", origin_url("/ok")));
    CHECK_STR(seen.steps, "gGhW1p");
    CHECK(seen.reused && seen.idle >= 0);

    /* A redirect is two hops. */
    fetch(traced("GET", origin_url("/go")));
    CHECK_STR(seen.steps, "gGhW1pgGhW1p");

    /* A name is looked up. */
    char url[64];
    snprintf(url, sizeof url, "http://localhost:%d/ok", origin_port);
    nh_request *r = traced("GET", url);
    fetch(r);
    CHECK_STR(seen.dns, "localhost");
    CHECK(!strncmp(seen.steps, "gDdN", 4));
    CHECK(strstr(seen.steps, "GhW1p"));

    /* A connection that is not kept says why. */
    CHECK_INT(nh_client_set_max_idle_per_host(c, 0), NH_OK);
    fetch(traced("GET", origin_url("/ok")));
    CHECK_STR(seen.put, "http: putIdleConn: too many idle connections for host");
    CHECK_INT(nh_client_set_max_idle_per_host(c, 32), NH_OK);
}

static void informational(void) {
    nh_response *res = NULL;
    nh_error *err = NULL;
    nh_request *r = traced("PUT", origin_url("/hints"));
    CHECK_INT(nh_request_set_header(r, "Expect", "100-continue"), NH_OK);
    CHECK_INT(nh_request_set_body(r, "body", 4), NH_OK);
    fetch(r);
    CHECK(strstr(seen.steps, "hw1ici"));
    CHECK(strstr(seen.steps, "ciW") && strstr(seen.steps, "Wp"));
    CHECK_STR(seen.link, "</style.css>");

    /* Each counts for itself against the limit, and not all together. */
    CHECK_INT(nh_client_set_max_response_head_bytes(c, 1000), NH_OK);
    CHECK_INT(nh_client_get(c, origin_url("/flood"), &res, &err), NH_ERR_TOO_LARGE);
    nh_error_free(err);
    fetch(traced("GET", origin_url("/flood")));
    CHECK(strstr(seen.steps, "iiiiiiiiiiiiiiiiiiiiiiii"));
    CHECK_INT(nh_client_set_max_response_head_bytes(c, 1 << 20), NH_OK);

    r = traced("GET", origin_url("/hints"));
    seen.refuse = 1;
    CHECK_ERR(NH_ERR_ABORTED, nh_client_do(c, r, &res, &err));
    CHECK(strstr(nh_error_message(err), "the trace callback answered -2"));
    nh_error_free(err);
    nh_request_free(r);
}

static void failures(void) {
    nh_response *res = NULL;
    char url[64];
    /* Port 1 of loopback refuses. */
    snprintf(url, sizeof url, "http://127.0.0.1:1/");
    nh_request *r = traced("GET", url);
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_ERR_CONNECT);
    CHECK_STR(seen.steps, "gNn");
    CHECK_STR(seen.error, "dial tcp 127.0.0.1:1: connect: connection refused");
    nh_request_free(r);

    r = traced("GET", "http://no-such-host.invalid/");
    CHECK_INT(nh_client_do(c, r, &res, NULL), NH_ERR_DNS);
    CHECK_STR(seen.steps, "gDd");
    CHECK(strstr(seen.error, "lookup no-such-host.invalid"));
    nh_request_free(r);
}

static void arguments(void) {
    nh_request *r = traced("GET", origin_url("/ok"));
    int before = freed;
    CHECK_INT(nh_request_set_trace(r, NULL, NULL, NULL), NH_OK);
    CHECK_INT(freed, before + 1);
    CHECK_ERR(NH_ERR_INVALID, nh_request_set_trace(NULL, told, &seen, free_seen));
    CHECK_INT(freed, before + 2);
    nh_request_free(r);
}

/* Busy: changed inside its own exchange, by the trace itself. */
static nh_request *its_own;
static int tried;

static nh_result meddle(const nh_trace_event *e, void *p) {
    if (nh_trace_event_kind(e) == NH_TRACE_GET_CONN) {
        CHECK_ERR(NH_ERR_BUSY, nh_request_set_trace(its_own, NULL, p, NULL));
        tried++;
    }
    return NH_OK;
}

static void busy(void) {
    CHECK_INT(nh_request_new("GET", origin_url("/ok"), &its_own, NULL), NH_OK);
    CHECK_INT(nh_request_set_trace(its_own, meddle, NULL, NULL), NH_OK);
    fetch(its_own);
    CHECK_INT(tried, 1);
}

int main(void) {
    origin_serve(conn);
    c = nh_client_new();
    all_steps();
    informational();
    failures();
    arguments();
    busy();
    nh_client_free(c);
    return 0;
}
