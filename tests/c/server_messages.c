/* What a server makes of unusual requests and responses, on the wire. */
#include "certs.h"
#include "frames.h"

/* ---- what handlers see and say */

static void fields(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char text[400];
    const char *length = nh_request_header_value(r, "Content-Length"),
               *host = nh_request_header_value(r, "Host");
    int n = snprintf(text, sizeof text, "length %s, host %s of %s", length ? length : "-", host ? host : "-",
                     nh_request_host(r));
    nh_response_writer_write(w, text, (size_t)n, NULL);
}

static void early_hints(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_set_header(w, "Link", "</a.css>");
    nh_response_writer_set_header(w, "Content-Length", "2");
    nh_response_writer_set_header(w, "Transfer-Encoding", "identity");
    CHECK_INT(nh_response_writer_write_header(w, 103), NH_OK);
    nh_response_writer_del_header(w, "Transfer-Encoding");
    nh_response_writer_write_str(w, "ok", NULL);
}

static void options(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_set_header(w, "Connection", "keep-alive, X-Hop");
    nh_response_writer_add_header(w, "Connection", "X-Other");
    nh_response_writer_set_header(w, "X-Hop", "1");
    nh_response_writer_write_str(w, "ok", NULL);
}

static void closing_options(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_set_header(w, "Connection", "X-Hop, close");
    nh_response_writer_write_str(w, "ok", NULL);
}

static void dateless(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    nh_response_writer_set_header(w, "Date", "");
    nh_response_writer_write_str(w, "ok", NULL);
}

/* ---- a body that is read while the response goes out */

static int short_reads, whole_reads;

static void echo(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char buf[16384];
    size_t n;
    nh_result res;
    while ((res = nh_request_body_read(r, buf, sizeof buf, &n, NULL)) == NH_OK && n > 0)
        nh_response_writer_write(w, buf, n, NULL);
    if (res == NH_OK) {
        add(&whole_reads);
        return;
    }
    CHECK_INT(res, NH_ERR_CLOSED);
    CHECK_ERR(NH_ERR_CLOSED, nh_request_body_read(r, buf, sizeof buf, &n, NULL));
    add(&short_reads);
    nh_response_writer_abort(w);
}

static void duplex(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    char one[1];
    size_t n;
    CHECK_INT(nh_response_writer_set_full_duplex(w), NH_OK);
    CHECK_INT(nh_response_writer_flush(w, NULL), NH_OK);
    CHECK_INT(nh_request_body_read(r, one, 1, &n, NULL), NH_OK);
    nh_response_writer_write(w, one, n, NULL);
}

/* ---- handlers that are slower than their write timeout */

static int write_results[2], times;

static void slow(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    pause_ms(brief_ms(100));
    nh_result first = nh_response_writer_write_str(w, "late", NULL);
    nh_result then = nh_response_writer_flush(w, NULL);
    write_results[0] = first == NH_OK ? then : first;
    add(&times);
}

static void own_timeout(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)userdata;
    size_t n;
    if (nh_request_query_value(r, "set", &n))
        CHECK_INT(nh_response_writer_set_write_timeout(w, brief_ms(30)), NH_OK);
    else
        pause_ms(brief_ms(100));
    nh_response_writer_write_str(w, "in time", NULL);
}

static int cut;

static void endless(nh_response_writer *w, nh_request *r, void *userdata) {
    static char some[1 << 16];
    (void)r, (void)userdata;
    while (nh_response_writer_write(w, some, sizeof some, NULL) == NH_OK) {
    }
    add(&cut);
}

static nh_server *serve(int64_t write_timeout) {
    nh_server *s = nh_server_new();
    CHECK_INT(
        nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_HTTP2 | NH_PROTOCOL_UNENCRYPTED_HTTP2),
        NH_OK);
    CHECK_INT(nh_server_set_write_timeout(s, write_timeout), NH_OK);
    CHECK_INT(nh_server_handle(s, "/fields", fields, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/hints", early_hints, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/options", options, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/closing", closing_options, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/dateless", dateless, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/echo", echo, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/duplex", duplex, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/slow", slow, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/endless", endless, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/own", own_timeout, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    return s;
}

static char text[200000];

static const char *talk(nh_server *s, const char *request) {
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, request);
    raw_finish(fd, text, sizeof text);
    return text;
}

#define END "Connection: close\r\n\r\n"

static void heads(nh_server *s) {
    const char *got = talk(s, "POST /fields HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n"
                              "Transfer-Encoding: chunked\r\n" END "3\r\nabc\r\n0\r\n\r\n");
    CHECK(strstr(got, "length -, host a of a"));
    got = talk(s, "GET http://real.example/fields HTTP/1.1\r\nHost: spoof.example\r\n" END);
    CHECK(strstr(got, "host real.example of real.example"));
    got = talk(s, "GET /hints HTTP/1.1\r\nHost: a\r\n" END);
    const char *then = strstr(got, "\r\n\r\n");
    CHECK(then && !strncmp(got, "HTTP/1.1 103 ", 13) && strstr(got, "Link: </a.css>"));
    CHECK(!strstr(got, "Transfer-Encoding") && strstr(got, "Content-Length: 2") > then);
    got = talk(s, "GET /options HTTP/1.1\r\nHost: a\r\n\r\nGET /closing HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(strstr(got, "Connection: X-Hop, X-Other\r\n") && strstr(got, "Connection: close, X-Hop\r\n"));
    got = talk(s, "GET /options HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /closing HTTP/1.0\r\n\r\n");
    CHECK(strstr(got, "Connection: keep-alive, X-Hop, X-Other\r\n"));
    got = talk(s, "GET /dateless HTTP/1.1\r\nHost: a\r\n" END);
    CHECK(strstr(got, "\r\n\r\nok") && !strstr(got, "Date:"));
}

/* 100,000 bytes in one piece of known length, or in chunks; the handler answers while it reads. */
static void read_and_write(nh_server *s) {
    static char body[120000];
    for (int chunked = 0; chunked < 2; chunked++) {
        size_t at = 0, left = 100000;
        int before = current(&short_reads);
        at += (size_t)sprintf(body, "POST /echo HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n",
                              chunked ? "Transfer-Encoding: chunked" : "Content-Length: 100000");
        while (left > 0) {
            size_t n = chunked && left > 5000 ? 5000 : left;
            if (chunked) at += (size_t)sprintf(body + at, "%zx\r\n", n);
            memset(body + at, 'x', n);
            at += n;
            left -= n;
            if (chunked) at += (size_t)sprintf(body + at, "\r\n");
        }
        at += (size_t)sprintf(body + at, "%s", chunked ? "0\r\n\r\n" : "");
        int fd = raw_connect(nh_server_port(s, 0));
        for (size_t sent = 0; sent < at;) {
            ssize_t n = send(fd, body + sent, at - sent, MSG_NOSIGNAL);
            CHECK(n > 0);
            sent += (size_t)n;
        }
        raw_finish(fd, text, sizeof text);
        await(&short_reads, before + 1);
    }
    /* What was read to its end before the first byte went out is whole. */
    const char *got = talk(s, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" END "hello");
    CHECK(strstr(got, "200 OK") && strstr(got, "hello"));
    got = talk(s, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" END
                  "5\r\nhello\r\n0\r\n\r\n");
    CHECK(strstr(got, "200 OK") && strstr(got, "hello"));
    CHECK_INT(current(&whole_reads), 2);
}

/* One byte of the body is left unread, and the connection goes on. */
static void full_duplex(nh_server *s) {
    const char *got = talk(s, "POST /duplex HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
                              "GET /fields HTTP/1.1\r\nHost: a\r\n" END);
    CHECK(strstr(got, "length -, host a of a"));
}

static void write_timeouts(void) {
    nh_server *s = serve(brief_ms(30));
    int before = current(&times);
    const char *got = talk(s, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    await(&times, before + 1);
    CHECK(!strstr(got, "late") && write_results[0] == NH_ERR_TIMEOUT);
    int fd = h2_connect(s, 65535);
    ask(fd, 1, "GET", "/slow", END_STREAM, NULL);
    CHECK(strstr(answer(fd, 1), "reset 2"));
    await(&times, before + 2);
    CHECK(write_results[0] != NH_OK);
    close(fd);
    nh_server_free(s);
    /* A client that opens its windows wide and reads nothing is cut with its streams, once the socket is
     * full. */
    s = serve(500);
    fd = h2_connect(s, 0x7fffffff);
    frame_word(fd, WINDOW_UPDATE, 0, 0x7fffffff - 65535);
    for (unsigned id = 1; id < 20; id += 2)
        ask(fd, id, "GET", "/endless", END_STREAM, NULL);
    await(&cut, 10);
    for (int i = 0; i < 6000 && nh_server_connections(s) > 0 && !getenv("NH_SLOW"); i++)
        pause_ms(5);
    CHECK(nh_server_connections(s) == 0 || getenv("NH_SLOW")); /* too slow to fill it in time */
    close(fd);
    nh_server_free(s);
    /* One that a handler has set is over with its exchange. */
    s = serve(NH_TIMEOUT_NONE);
    got = talk(s, "GET /own?set=1 HTTP/1.1\r\nHost: a\r\n\r\nGET /own HTTP/1.1\r\nHost: a\r\n" END);
    CHECK(strstr(strstr(got, "in time") + 1, "in time"));
    nh_server_free(s);
}

/* ---- how many fields a head may have, by either protocol */

static void field_limits(void) {
    const char *five[] = {"a", "1", "b", "2", "c", "3", "d", "4", "e", "5", NULL};
    for (int most = 5; most <= 6; most++) {
        nh_server *s = nh_server_new();
        CHECK_INT(nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
        CHECK_INT(nh_server_set_max_header_fields(s, (size_t)most), NH_OK);
        CHECK_INT(nh_server_handle(s, "/fields", fields, NULL, NULL, NULL), NH_OK);
        CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
        CHECK_INT(nh_server_start(s, NULL), NH_OK);
        const char *got = talk(
            s,
            "GET /fields HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nConnection: close\r\n\r\n");
        CHECK(!strncmp(got, most == 6 ? "HTTP/1.1 200" : "HTTP/1.1 431", 12));
        int fd = h2_connect(s, 65535);
        ask(fd, 1, "GET", "/fields", END_STREAM, five + (most == 6 ? 0 : 2));
        CHECK(!strncmp(answer(fd, 1), "200", 3));
        close(fd);
        fd = h2_connect(s, 65535);
        const char *more[] = {"a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6", "g", "7", NULL};
        ask(fd, 1, "GET", "/fields", END_STREAM, more);
        CHECK(strncmp(answer(fd, 1), "200", 3) != 0);
        close(fd);
        nh_server_free(s);
    }
}

/* ---- handlers that tell whether they could answer: an exception of a language's is no good answer */

static nh_result may_fail(nh_response_writer *w, nh_request *r, void *userdata) {
    size_t n;
    const char *how = nh_request_query_value(r, "how", &n);
    (void)userdata;
    nh_response_writer_set_header(w, "Content-Length", "9");
    if (!strcmp(how, "before")) return NH_ERR_ABORTED;
    if (!strcmp(how, "well")) return nh_response_writer_write_str(w, "very well", NULL);
    nh_response_writer_write_str(w, "half ", NULL);
    if (!strcmp(how, "flushed")) nh_response_writer_flush(w, NULL);
    return NH_ERR_ABORTED;
}

static void results(void) {
    nh_server *s = nh_server_new();
    nh_handler *h = nh_handler_new_result(may_fail, NULL, NULL);
    CHECK_INT(nh_server_set_protocols(s, NH_PROTOCOL_HTTP1 | NH_PROTOCOL_UNENCRYPTED_HTTP2), NH_OK);
    CHECK_INT(nh_server_handle_handler(s, "/", h, NULL), NH_OK);
    nh_handler_free(h);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    CHECK(strstr(talk(s, "GET /?how=well HTTP/1.1\r\nHost: a\r\n" END), "very well"));
    const char *got = talk(s, "GET /?how=before HTTP/1.1\r\nHost: a\r\n" END);
    CHECK(!strncmp(got, "HTTP/1.1 500", 12) && strstr(got, "\r\n\r\nInternal Server Error\n"));
    CHECK(!strstr(got, "Content-Length: 9\r\n"));
    CHECK_STR(talk(s, "GET /?how=half HTTP/1.1\r\nHost: a\r\n" END), "");
    got = talk(s, "GET /?how=flushed HTTP/1.1\r\nHost: a\r\n" END);
    CHECK(strstr(got, "Content-Length: 9") && strstr(got, "\r\n\r\nhalf "));
    int fd = h2_connect(s, 65535);
    ask(fd, 1, "GET", "/?how=before", END_STREAM, NULL);
    CHECK(!strncmp(answer(fd, 1), "500", 3));
    ask(fd, 3, "GET", "/?how=half", END_STREAM, NULL);
    CHECK(strstr(answer(fd, 3), "reset 2"));
    close(fd);
    nh_server_free(s);
}

/* ---- a protocol that ALPN has agreed on and nobody speaks (RFC 7301, 3.2) */

static void other_protocol(void) {
    const char *names[] = {"spdy/1", "http/1.1"};
    nh_tls_config *tls = nh_tls_config_new();
    nh_server *s = nh_server_new();
    certs_make("a", "IP:127.0.0.1");
    CHECK_INT(nh_tls_config_set_certificate_files(tls, in_dir("a.pem"), in_dir("a.key"), NULL), NH_OK);
    CHECK_INT(nh_tls_config_set_alpn(tls, names, 2), NH_OK);
    CHECK_INT(nh_server_handle(s, "/fields", fields, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen_tls(s, "127.0.0.1:0", tls, NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    for (int i = 0; i < 2; i++) {
        char command[400], out[4000];
        snprintf(command, sizeof command,
                 "printf 'GET /fields HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n' | openssl "
                 "s_client -quiet "
                 "-ign_eof -alpn %s -connect 127.0.0.1:%d 2>/dev/null",
                 names[i], nh_server_port(s, 0));
        FILE *f = popen(command, "r");
        CHECK(f);
        out[fread(out, 1, sizeof out - 1, f)] = 0;
        pclose(f);
        CHECK((strstr(out, "host a of a") != NULL) == i);
    }
    nh_server_free(s);
    nh_tls_config_free(tls);
}

int main(void) {
    certs_begin();
    nh_server *s = serve(NH_TIMEOUT_NONE);
    heads(s);
    read_and_write(s);
    full_duplex(s);
    nh_server_free(s);
    write_timeouts();
    field_limits();
    results();
    other_protocol();
    return 0;
}
