/* Hosts that end while the library calls back: what becomes of the thread, and of the process. */
#include "serve.h"
#include "wait.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static int served, read_calls;

static void hello(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    add(&served);
    nh_respond(w, 200, "text/plain", "hello", 5);
}

static void exits(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)w, (void)r, (void)userdata;
    add(&served);
    pthread_exit(NULL);
}

static nh_server *serve(void) {
    nh_server *s = nh_server_new();
    CHECK_INT(nh_server_handle(s, "/hello", hello, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(s, "/exits", exits, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(s, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(s, NULL), NH_OK);
    return s;
}

/* Not _exit: what the parked threads hold is no leak, and a leak checker does not follow here. */
static void end_well(void) {
    execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
    _exit(1);
}

static int says_hello(nh_server *s) {
    char text[1000];
    int fd = raw_connect(nh_server_port(s, 0));
    raw_send(fd, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    raw_finish(fd, text, sizeof text);
    return strstr(text, "hello") != NULL;
}

/* A thread of the library's that is ended in a handler is parked; the server goes on without it. */
static void library_thread_exits(void) {
    nh_server *s = serve();
    for (int i = 0; i < 3; i++) {
        raw_send(raw_connect(nh_server_port(s, 0)), "GET /exits HTTP/1.1\r\nHost: a\r\n\r\n");
        await(&served, 2 * i + 1);
        CHECK(says_hello(s));
    }
    end_well();
}

static nh_result read_and_exit(void *userdata, void *buf, size_t cap, size_t *n_out) {
    (void)userdata, (void)buf, (void)cap, (void)n_out;
    add(&read_calls);
    pthread_exit(NULL);
}

static void *upload(void *s) {
    nh_client *client = nh_client_new();
    nh_request *request = NULL;
    nh_response *response = NULL;
    CHECK_INT(nh_request_new("POST", url_of(s, "/hello"), &request, NULL), NH_OK);
    CHECK_INT(nh_request_set_body_callback(request, -1, read_and_exit, NULL, NULL, NULL), NH_OK);
    nh_client_do(client, request, &response, NULL);
    return NULL;
}

static void program_thread_exits(void) {
    pthread_t t;
    CHECK_INT(pthread_create(&t, NULL, upload, serve()), 0);
    pthread_join(t, NULL);
    end_well();
}

/* From nh_stop_callbacks on no thread of the library's calls back; the program's own calls do as before. */
static nh_result nothing(void *userdata, void *buf, size_t cap, size_t *n_out) {
    (void)userdata, (void)buf, (void)cap;
    add(&read_calls);
    *n_out = 0;
    return NH_OK;
}

static void callbacks_stopped(void) {
    nh_server *s = serve();
    char buf[100];
    struct timeval moment = {0, 50000};
    CHECK(says_hello(s));
    nh_stop_callbacks();
    int fd = raw_connect(nh_server_port(s, 0));
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment) == 0);
    raw_send(fd, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(recv(fd, buf, sizeof buf, 0) < 0);
    CHECK_INT(current(&served), 1);
    nh_request *request = NULL;
    nh_response *response = NULL;
    nh_client *client = nh_client_new();
    CHECK_INT(nh_client_set_timeout(client, brief_ms(50)), NH_OK);
    CHECK_INT(nh_request_new("POST", url_of(s, "/hello"), &request, NULL), NH_OK);
    CHECK_INT(nh_request_set_body_callback(request, -1, nothing, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_client_do(client, request, &response, NULL), NH_ERR_TIMEOUT);
    CHECK_INT(current(&read_calls), 1);
    end_well();
}

/* Runs it in a child; what that has written to stderr. */
static const char *in_child(void (*f)(void), int *status) {
    static char said[4096];
    int pipes[2];
    size_t len = 0;
    CHECK(pipe(pipes) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK(dup2(pipes[1], 2) == 2);
        close(pipes[0]);
        close(pipes[1]);
        f();
    }
    close(pipes[1]);
    for (ssize_t n; (n = read(pipes[0], said + len, sizeof said - 1 - len)) > 0; len += (size_t)n) {
    }
    said[len] = 0;
    close(pipes[0]);
    CHECK(waitpid(pid, status, 0) == pid);
    return said;
}

int main(void) {
    int status;
    const char *said = in_child(library_thread_exits, &status);
    printf("%s\n", said);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    said = in_child(program_thread_exits, &status);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(strstr(said, "nh_body_read_fn") && strchr(said, '\n') == said + strlen(said) - 1);
    said = in_child(callbacks_stopped, &status);
    printf("%s\n", said);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
}
