/* Takes uploaded files into a directory, part by part: ADDRESS DIR. Run: server / */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "nethttp.h"

static nh_server *server;
static const char *dir;

static void stop(int signal) {
    (void)signal;
    nh_server_request_stop(server);
}

static void page(nh_response_writer *w, nh_request *r, void *userdata) {
    (void)r, (void)userdata;
    static const char html[] = "<form method=post action=/upload enctype=multipart/form-data>"
                               "<input type=file name=file multiple><button>Send</button></form>\n";
    nh_respond(w, NH_STATUS_OK, "text/html; charset=utf-8", html, sizeof html - 1);
}

/* The name is the client's: no dotfile, and no file that is there already. */
static int create(const char *name) {
    char path[4096];
    if (*name == '.' || strchr(name, '/')) return -1;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path) return -1;
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
}

static void upload(nh_response_writer *w, nh_request *r, void *userdata) {
    char buf[65536];
    size_t n = 1;
    int32_t more = 1;
    int taken = 0;
    nh_error *err = NULL;
    nh_multipart_reader *parts = NULL;
    (void)userdata;
    nh_result result = nh_request_multipart_reader(r, &parts, &err);
    while (result == NH_OK && (result = nh_multipart_reader_next(parts, &more, &err)) == NH_OK && more) {
        const char *name = nh_multipart_reader_filename(parts);
        int fd = *name ? create(name) : -1;
        if (fd < 0) continue; /* a plain value, or a name that we do not take */
        for (n = 1; result == NH_OK && n > 0;) {
            result = nh_multipart_reader_read(parts, buf, sizeof buf, &n, &err);
            if (result == NH_OK && write(fd, buf, n) != (ssize_t)n) result = NH_ERR_IO;
        }
        close(fd);
        taken += result == NH_OK;
    }
    if (result == NH_OK) {
        snprintf(buf, sizeof buf, "%d taken\n", taken);
        nh_respond(w, NH_STATUS_OK, "text/plain", buf, strlen(buf));
    } else {
        nh_respond_error(w, err ? nh_error_message(err) : "cannot be written", NH_STATUS_BAD_REQUEST);
    }
    nh_error_free(err);
    nh_multipart_reader_free(parts);
}

int main(int argc, char **argv) {
    nh_error *err = NULL;
    int status = 1;
    dir = argc > 2 ? argv[2] : ".";
    server = nh_server_new();
    if (nh_server_handle(server, "GET /{$}", page, NULL, NULL, &err) == NH_OK &&
        nh_server_handle(server, "POST /upload", upload, NULL, NULL, &err) == NH_OK &&
        nh_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:8080", &err) == NH_OK) {
        printf("listening on http://127.0.0.1:%d\n", (int)nh_server_port(server, 0));
        fflush(stdout);
        signal(SIGINT, stop);
        signal(SIGTERM, stop);
        status = nh_server_run(server, &err) != NH_ERR_SERVER_CLOSED;
    }
    if (status) fprintf(stderr, "%s\n", nh_error_message(err));
    nh_error_free(err);
    nh_server_free(server);
    return status;
}
