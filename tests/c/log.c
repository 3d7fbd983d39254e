/* The log and the thread settings: refusals, and userdata that is freed exactly once. */
#include "check.h"
#include "nethttp.h"
#include "serve.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int freed;

static void line(int32_t level, const char *text, void *userdata) {
    (void)level;
    (void)userdata;
    CHECK(text != NULL);
}

static void hook(void *userdata) { (void)userdata; }

static void count_free(void *userdata) { ++*(int *)userdata; }

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char seen[16384];
static int starts, stops, hooks_freed;

static void record(int32_t level, const char *text, void *userdata) {
    (void)userdata;
    CHECK(level >= NH_LOG_ERROR && level <= NH_LOG_DEBUG);
    pthread_mutex_lock(&lock);
    CHECK(strlen(seen) + strlen(text) + 2 < sizeof seen);
    strcat(strcat(seen, text), "\n");
    pthread_mutex_unlock(&lock);
}

static void count_start(void *userdata) {
    CHECK(userdata == &starts);
    __atomic_fetch_add(&starts, 1, __ATOMIC_SEQ_CST);
}

static void count_stop(void *userdata) {
    CHECK(userdata == &starts);
    __atomic_fetch_add(&stops, 1, __ATOMIC_SEQ_CST);
}

static void hooks_end(void *userdata) {
    CHECK(userdata == &starts);
    __atomic_fetch_add(&hooks_freed, 1, __ATOMIC_SEQ_CST);
}

static void hello(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r;
    (void)userdata;
    CHECK_INT(nh_respond(w, 200, "text/plain", "hello", 5), NH_OK);
}

/* What becomes of a client's connections, each told once. */
static void connections(void) {
    static const char *const lines[] = {" made\n", " reused\n", " ended\n"};
    nh_server *server = nh_server_new();
    nh_client *client = nh_client_new();
    nh_response *response = NULL;
    const void *data;
    size_t len;
    char base[64];
    seen[0] = 0;
    CHECK_INT(nh_set_log(NH_LOG_INFO, record, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_handle(server, "/hello", hello, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(server, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(server, NULL), NH_OK);
    snprintf(base, sizeof base, "nethttp: connection to 127.0.0.1:%d", (int)nh_server_port(server, 0));
    for (int i = 0; i < 2; i++) {
        CHECK_INT(nh_client_get(client, url_of(server, "/hello"), &response, NULL), NH_OK);
        CHECK_INT(nh_response_body_read_all(response, 100, &data, &len, NULL), NH_OK);
        nh_response_free(response);
    }
    CHECK_ERR(NH_ERR_CONNECT, nh_client_get(client, "http://user:word@127.0.0.1:1/", &response, NULL));
    nh_client_free(client);
    nh_server_free(server);
    CHECK_INT(nh_set_log(NH_LOG_INFO, NULL, NULL, NULL), NH_OK);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char line[96];
        snprintf(line, sizeof line, "%s%s", base, lines[i]);
        char *at = strstr(seen, line);
        CHECK(at != NULL && strstr(at + 1, line) == NULL);
    }
    CHECK(strstr(seen, "nethttp: connection to 127.0.0.1:1 failed: ") != NULL);
    CHECK(strstr(seen, "word") == NULL);
}

/* One exchange: its heads are logged without secrets, and each library thread runs both hooks. */
static void exchange(void) {
    static const char *const lines[] = {"> GET /hello HTTP/1.1\n",
                                        "< GET /hello HTTP/1.1\n",
                                        "> Authorization: ***\n",
                                        "< HTTP/1.1 200 OK\n",
                                        "> HTTP/1.1 200 OK\n",
                                        "< Content-Length: 5\n",
                                        "nethttp: connection from 127.0.0.1:",
                                        " accepted\n",
                                        " ended\n"};
    nh_server *server;
    nh_client *client;
    nh_request *request = NULL;
    nh_response *response = NULL;
    size_t i;
    int tries;
    CHECK_INT(nh_set_log(NH_LOG_DEBUG, record, NULL, NULL), NH_OK);
    CHECK_INT(nh_set_thread_hooks(count_start, count_stop, &starts, hooks_end), NH_OK);
    server = nh_server_new();
    client = nh_client_new();
    CHECK_INT(nh_server_handle(server, "/hello", hello, NULL, NULL, NULL), NH_OK);
    CHECK_INT(nh_server_listen(server, "127.0.0.1:0", NULL), NH_OK);
    CHECK_INT(nh_server_start(server, NULL), NH_OK);
    CHECK_INT(nh_request_new("", url_of(server, "/hello"), &request, NULL), NH_OK);
    CHECK_INT(nh_request_set_header(request, "Authorization", "Basic QTpC"), NH_OK);
    CHECK_INT(nh_client_do(client, request, &response, NULL), NH_OK);
    nh_response_free(response);
    nh_request_free(request);
    nh_client_free(client);
    nh_server_free(server);
    CHECK_INT(nh_set_log(NH_LOG_DEBUG, NULL, NULL, NULL), NH_OK);
    for (i = 0; i < sizeof lines / sizeof *lines; i++)
        CHECK(strstr(seen, lines[i]) != NULL);
    CHECK(strstr(seen, "QTpC") == NULL);

    CHECK_INT(nh_set_thread_hooks(NULL, NULL, NULL, NULL), NH_OK);
    for (tries = 0; tries < 1500 && !__atomic_load_n(&hooks_freed, __ATOMIC_SEQ_CST); tries++)
        usleep(10000);
    CHECK_INT(hooks_freed, 1);
    CHECK(starts >= 3);
    CHECK_INT(stops, starts);
}

static void leave(void *userdata) { pthread_exit(userdata); }

static void *refuse(void *unused) {
    (void)unused;
    CHECK_ERR(NH_ERR_INVALID, nh_set_log(0, line, NULL, leave));
    return NULL;
}

/* A thread exit out of a callback ends the process, and not half of the library's frames. */
static void thread_exit_aborts(void) {
    int status = 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};
        pthread_t thread;
        setrlimit(RLIMIT_CORE, &none);
        CHECK(pthread_create(&thread, NULL, refuse, NULL) == 0);
        pthread_join(thread, NULL);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGABRT);
}

int main(void) {
    thread_exit_aborts();
    exchange();
    connections();

    CHECK_INT(nh_set_log(NH_LOG_DEBUG, line, &freed, count_free), NH_OK);
    CHECK_INT(freed, 0);
    /* Replacing frees the old one, a refusal frees the new one and changes nothing. */
    CHECK_INT(nh_set_log(NH_LOG_ERROR, line, &freed, count_free), NH_OK);
    CHECK_INT(freed, 1);
    CHECK_ERR(NH_ERR_INVALID, nh_set_log(0, line, &freed, count_free));
    CHECK_INT(freed, 2);
    CHECK_ERR(NH_ERR_INVALID, nh_set_log(5, line, NULL, NULL));
    CHECK_INT(nh_set_log(NH_LOG_ERROR, NULL, &freed, count_free), NH_OK);
    CHECK_INT(freed, 4);
    CHECK_INT(nh_set_log(NH_LOG_ERROR, NULL, NULL, NULL), NH_OK);

    freed = 0;
    CHECK_INT(nh_set_thread_hooks(hook, NULL, &freed, count_free), NH_OK);
    CHECK_INT(freed, 0);
    CHECK_INT(nh_set_thread_hooks(NULL, hook, NULL, NULL), NH_OK);
    CHECK_INT(freed, 1);
    CHECK_INT(nh_set_thread_hooks(NULL, NULL, &freed, count_free), NH_OK);
    CHECK_INT(freed, 2);

    CHECK_ERR(NH_ERR_INVALID, nh_set_thread_stack_size(1));
    CHECK_ERR(NH_ERR_INVALID, nh_set_thread_stack_size((size_t)-1));
    CHECK_INT(nh_set_thread_stack_size(1 << 20), NH_OK);
    CHECK_INT(nh_set_thread_stack_size(0), NH_OK);
    return 0;
}
