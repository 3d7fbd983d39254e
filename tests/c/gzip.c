/* Gzip that is undone, switched off, limited and broken. */
#include "nethttp.h"
#include "origin.h"

/* "hello, gzip\n" by gzip -9n */
static const unsigned char HELLO[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb,
                                      0x48, 0xcd, 0xc9, 0xc9, 0xd7, 0x51, 0x48, 0xaf, 0xca, 0x2c, 0xe0,
                                      0x02, 0x00, 0x86, 0x1f, 0x82, 0xa4, 0x0c, 0x00, 0x00, 0x00};

static nh_client *c;

/* The path says how much of the body is sent. */
static void *conn(void *arg) {
    int fd = (int)(intptr_t)arg, most;
    char head[8192], answer[256];
    while (origin_head(fd, head, sizeof head)) {
        if (sscanf(head, "%*s /%d", &most) != 1) most = (int)sizeof HELLO;
        int plain = strstr(head, "Accept-Encoding: gzip") == NULL;
        int len = plain ? 12 : most;
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n",
                 plain ? "" : "Content-Encoding: gzip\r\n", len);
        origin_send(fd, answer);
        send(fd, plain ? (const void *)"hello, gzip\n" : HELLO, (size_t)len, MSG_NOSIGNAL);
    }
    close(fd);
    return NULL;
}

static nh_response *fetch(int most) {
    char path[16];
    nh_response *res = NULL;
    snprintf(path, sizeof path, "/%d", most);
    CHECK_INT(nh_client_get(c, origin_url(path), &res, NULL), NH_OK);
    return res;
}

int main(void) {
    nh_response *res;
    const void *data;
    size_t n;
    char buf[64];
    origin_serve(conn);

    c = nh_client_new();
    res = fetch((int)sizeof HELLO);
    CHECK_INT(nh_response_uncompressed(res), 1);
    CHECK_INT(nh_response_content_length(res), -1);
    CHECK_STR(nh_header_get(nh_response_header(res), "Content-Encoding"), NULL);
    CHECK_STR(nh_header_get(nh_response_header(res), "Content-Length"), NULL);
    CHECK_INT(nh_response_body_read_all(res, 100, &data, &n, NULL), NH_OK);
    CHECK_STR(data, "hello, gzip\n");
    nh_response_free(res);

    res = fetch((int)sizeof HELLO - 4);
    CHECK_INT(nh_response_body_read(res, buf, sizeof buf, &n, NULL), NH_OK);
    CHECK_INT(n, 12);
    CHECK_ERR(NH_ERR_UNEXPECTED_EOF, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
    nh_response_free(res);

    CHECK_INT(nh_client_set_max_decompressed_bytes(c, 5), NH_OK);
    res = fetch((int)sizeof HELLO);
    CHECK_INT(nh_response_body_read(res, buf, sizeof buf, &n, NULL), NH_OK);
    CHECK_INT(n, 5);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_response_body_read(res, buf, sizeof buf, &n, NULL));
    nh_response_free(res);
    CHECK_INT(nh_client_set_max_decompressed_bytes(c, 0), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_max_decompressed_bytes(NULL, 0));

    CHECK_INT(nh_client_set_compression(c, 0), NH_OK);
    res = fetch(0);
    CHECK_INT(nh_response_uncompressed(res), 0);
    CHECK_INT(nh_response_content_length(res), 12);
    nh_response_free(res);
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_compression(c, 2));
    CHECK_ERR(NH_ERR_INVALID, nh_client_set_compression(NULL, 1));
    CHECK_INT(nh_response_uncompressed(NULL), 0);
    nh_client_free(c);
    return 0;
}
