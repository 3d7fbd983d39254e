/* Where connections come from: Unix sockets, IPv6, descriptors and accept functions of the program's. */
#include "limits.h"
#include "nethttp.h"
#include "certs.h"
#include "check.h"
#include "noted.h"
#include "serve.h"

#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

static void ends(nh_response_writer *w, nh_request *r, void *userdata) {
    char remote[128], local[128], text[300];
    size_t len;
    (void)userdata;
    CHECK_INT(nh_request_remote_addr(r, remote, sizeof remote, &len), NH_OK);
    CHECK_ERR(NH_ERR_TOO_LARGE, nh_request_local_addr(r, NULL, 0, &len));
    CHECK_ERR(NH_ERR_INVALID, nh_request_local_addr(r, local, sizeof local, NULL));
    CHECK_INT(nh_request_local_addr(r, local, sizeof local, &len), NH_OK);
    CHECK_INT(strlen(local), len);
    snprintf(text, sizeof text, "%s at %s", remote, local);
    nh_response_writer_write_str(w, text, NULL);
}

static nh_server *server(void) {
    nh_server *s = nh_server_new();
    CHECK_INT(nh_server_handle(s, "/ends", ends, NULL, NULL, NULL), NH_OK);
    return s;
}

static const char *addr(nh_server *s, size_t index) {
    static char text[200];
    size_t len;
    CHECK_INT(nh_server_addr(s, index, text, sizeof text, &len), NH_OK);
    return text;
}

static const char *const request = "GET /ends HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/* Sends the request and gives the whole answer; ends the connection. */
static const char *ask(int fd) {
    static char text[1000];
    struct timeval limit = {20, 0};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    raw_send(fd, request);
    raw_finish(fd, text, sizeof text);
    return text;
}

static void has(const char *text, const char *part) {
    if (!strstr(text, part)) fprintf(stderr, "no \"%s\" in \"%s\"\n", part, text);
    CHECK(strstr(text, part) != NULL);
}

static int unix_connect(const char *name) {
    struct sockaddr_un a;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memset(&a, 0, sizeof a);
    a.sun_family = AF_UNIX;
    snprintf(a.sun_path, sizeof a.sun_path, "%s", name);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + (name[0] != '@'));
    if (name[0] == '@') a.sun_path[0] = 0;
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&a, len) == 0);
    return fd;
}

static int is_closed(int fd) { return fcntl(fd, F_GETFD) < 0; }

/* ---- the tests */

static void unix_sockets(void) {
    char path[200], want[300], name[100], command[600], line[300] = "";
    char too_long[200];
    struct stat st;
    nh_server *s = server(), *other = server();
    nh_tls_config *t = nh_tls_config_new();
    nh_error *err = NULL;
    FILE *f;
    snprintf(path, sizeof path, "%s", in_dir("a.sock"));
    snprintf(name, sizeof name, "@nethttp-test-%d", (int)getpid());
    memset(too_long, 'a', sizeof too_long);
    too_long[199] = 0;
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_unix(s, "", NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_unix(s, too_long, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_unix(s, path, t, NULL));
    CHECK_INT(nh_server_listen_unix(s, path, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen_unix(s, name, NULL, NULL), NH_OK);
    CHECK_INT(nh_tls_config_set_certificate_files(t, in_dir("a.pem"), in_dir("a.key"), NULL), NH_OK);
    CHECK_INT(nh_server_listen_unix(s, in_dir("tls.sock"), t, NULL), NH_OK);
    CHECK_STR(addr(s, 0), path);
    CHECK_STR(addr(s, 1), name);
    CHECK_INT(nh_server_port(s, 0), 0);
    CHECK_ERR(NH_ERR_CONNECT, nh_server_listen_unix(other, path, NULL, &err));
    has(nh_error_message(err), "a.sock: bind: address already in use");
    nh_error_free(err);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    snprintf(want, sizeof want, "@ at %s", path);
    has(ask(unix_connect(path)), want);
    snprintf(want, sizeof want, "@ at %s", name);
    has(ask(unix_connect(name)), want);
    snprintf(
        command, sizeof command,
        "printf 'GET /ends HTTP/1.0\\r\\nHost: a\\r\\n\\r\\n' | openssl s_client -quiet -unix %s 2>/dev/null",
        in_dir("tls.sock"));
    CHECK((f = popen(command, "r")) != NULL);
    while (!strstr(line, "@ at ") && fgets(line, sizeof line, f)) {
    }
    has(line, "tls.sock");
    pclose(f);
    CHECK_INT(nh_server_shutdown(s, NH_TIMEOUT_NONE, NULL), NH_OK);
    nh_server_free(s);
    CHECK(stat(path, &st) < 0);
    /* A file that took its place is not the server's. */
    CHECK_INT(nh_server_listen_unix(other, path, NULL, NULL), NH_OK);
    CHECK(unlink(path) == 0 && (f = fopen(path, "w")) != NULL && fclose(f) == 0);
    CHECK_INT(nh_server_close(other), NH_OK);
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_listen_unix(other, name, NULL, NULL));
    nh_server_free(other);
    CHECK(stat(path, &st) == 0);
    nh_tls_config_free(t);
}

static void addresses(void) {
    nh_server *s = server();
    char text[200];
    struct sockaddr_in6 to;
    int fd;
    CHECK_INT(nh_server_listen(s, ":0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    /* A socket of both families has peers of the family that they are of. */
    has(ask(raw_connect(nh_server_port(s, 0))), "127.0.0.1:");
    CHECK(strstr(ask(raw_connect(nh_server_port(s, 0))), "ffff") == NULL);
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen(s, "::1:0", NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen(s, "[::1]", NULL));
    if (nh_server_listen(s, "[::1]:0", NULL) == NH_OK) {
        snprintf(text, sizeof text, "[::1]:%d", (int)nh_server_port(s, 1));
        CHECK_STR(addr(s, 1), text);
        CHECK_INT(nh_server_listen(s, "[::1%lo]:0", NULL), NH_OK);
        for (size_t i = 1; i < 3; i++) {
            memset(&to, 0, sizeof to);
            to.sin6_family = AF_INET6;
            to.sin6_port = htons((uint16_t)nh_server_port(s, i));
            to.sin6_addr = in6addr_loopback;
            fd = socket(AF_INET6, SOCK_STREAM, 0);
            CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
            has(ask(fd), " at [::1");
        }
    }
    nh_server_free(s);
}

static int listening_socket(void) {
    struct sockaddr_in a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 10) == 0);
    return fd;
}

static void descriptors(void) {
    nh_server *s = server();
    nh_tls_config *empty = nh_tls_config_new();
    int pipes[2], pair[2], fd;
    CHECK(pipe(pipes) == 0);
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_fd(s, pipes[0], NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_serve_fd(s, pipes[1], NULL, NULL));
    CHECK(is_closed(pipes[0]) && is_closed(pipes[1]));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_fd(s, -1, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_serve_fd(s, (intptr_t)1 << 40, NULL, NULL));
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_fd(s, fd, NULL, NULL));
    CHECK(is_closed(fd));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_fd(s, fd, NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_serve_fd(s, socket(AF_INET, SOCK_STREAM, 0), NULL, NULL));
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_fd(s, listening_socket(), empty, NULL));
    nh_tls_config_free(empty);

    /* A connection alone is enough to start for. */
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_INT(nh_server_serve_fd(s, pair[0], NULL, NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    has(ask(pair[1]), "\r\n\r\n@ at @");
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_INT(nh_server_serve_fd(s, pair[0], NULL, NULL), NH_OK);
    has(ask(pair[1]), "\r\n\r\n@ at @");
    CHECK_INT(nh_server_listen_fd(s, listening_socket(), NULL, NULL), NH_OK);
    has(ask(raw_connect(nh_server_port(s, 0))), addr(s, 0));
    /* One that waits is ended with the others. */
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_INT(nh_server_serve_fd(s, pair[0], NULL, NULL), NH_OK);
    CHECK_INT(nh_server_close(s), NH_OK);
    CHECK_INT(recv(pair[1], pipes, 1, 0), 0);
    close(pair[1]);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_serve_fd(s, pair[0], NULL, NULL));
    CHECK_ERR(NH_ERR_SERVER_CLOSED, nh_server_listen_fd(s, listening_socket(), NULL, NULL));
    CHECK(is_closed(pair[0]));
    close(pair[1]);
    nh_server_free(s);

    /* And what nobody ever started is closed too. */
    s = server();
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_INT(nh_server_serve_fd(s, pair[0], NULL, NULL), NH_OK);
    nh_server_free(s);
    CHECK(is_closed(pair[0]));
    close(pair[1]);
}

/* ---- accept functions: what is to be accepted comes by a pipe, whose end ends the listener */

struct source {
    int from;
    nh_result last;
    int frees;
};

static nh_result from_pipe(void *userdata, intptr_t *fd_out) {
    struct source *src = userdata;
    int fd;
    CHECK_INT(*fd_out, -1);
    if (read(src->from, &fd, sizeof fd) != sizeof fd) return src->last;
    *fd_out = fd;
    return NH_OK;
}

static void count_free(void *userdata) { ((struct source *)userdata)->frees++; }

/* A thread whose stack finds no room cannot be made. */
static void no_room_for_a_stack(nh_server *s, struct source *src) {
    struct rlimit old;
    leave_memory(&old, 256u << 20);
    CHECK_INT(nh_set_thread_stack_size(1 << 30), NH_OK);
    CHECK_ERR(NH_ERR_NO_RESOURCES, nh_server_listen_callback(s, from_pipe, src, count_free, NULL, NULL));
    CHECK_INT(nh_set_thread_stack_size(0), NH_OK);
    CHECK_INT(setrlimit(RLIMIT_AS, &old), 0);
}

static void accept_functions(void) {
    nh_server *s = server();
    int pipes[2], pair[2];
    struct source good = {-1, NH_ERR_CLOSED, 0}, bad = {-1, NH_ERR_IO, 0}, refused = {-1, NH_OK, 0};
    CHECK_INT(nh_server_set_error_log(s, note_line, NULL, NULL), NH_OK);
    CHECK_INT(pipe(pipes), 0);
    good.from = pipes[0];
    CHECK_INT(nh_server_listen_callback(s, from_pipe, &good, count_free, NULL, NULL), NH_OK);
    CHECK_ERR(NH_ERR_INVALID, nh_server_listen_callback(s, NULL, &refused, count_free, NULL, NULL));
    CHECK_ERR(NH_ERR_NOT_FOUND, nh_server_addr(s, 0, (char[64]){0}, 64, &(size_t){0}));
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        CHECK_INT(write(pipes[1], &pair[0], sizeof(int)), sizeof(int));
        has(ask(pair[1]), "\r\n\r\n@ at @");
    }
    /* No connection: told, and no reason to end. */
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(write(pipes[1], &pair[0], sizeof(int)), sizeof(int));
    noted_wait("http: Accept error: nethttp: the descriptor is no connected stream socket");
    CHECK_INT(nh_server_listen_callback(s, from_pipe, &bad, NULL, NULL, NULL), NH_OK);
    noted_wait("http: Accept error: the program's function ended with result -42");
    no_room_for_a_stack(s, &refused);
    CHECK_INT(refused.frees, 2);
    CHECK_INT(nh_server_close(s), NH_OK);
    CHECK_ERR(NH_ERR_SERVER_CLOSED,
              nh_server_listen_callback(s, from_pipe, &refused, count_free, NULL, NULL));
    CHECK_INT(refused.frees, 3);
    CHECK_INT(good.frees, 0);
    close(pipes[1]);
    nh_server_free(s);
    CHECK_INT(good.frees, 1);
    close(pipes[0]);
}

int main(void) {
    nh_request *r = NULL;
    char text[64];
    size_t len;
    certs_begin();
    certs_make("a", "DNS:a.example");
    CHECK_INT(nh_request_new("GET", "http://a.example/", &r, NULL), NH_OK);
    CHECK_ERR(NH_ERR_STATE, nh_request_local_addr(r, text, sizeof text, &len));
    nh_request_free(r);
    unix_sockets();
    addresses();
    descriptors();
    accept_functions();
    return 0;
}
