// A C++ program: handles in unique_ptr, a lambda as a handler, the static archive beside libstdc++.
#include <csignal>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include "nethttp.h"

template <typename T, void (*Free)(T *)> struct Deleter {
    void operator()(T *p) const { Free(p); }
};
template <typename T, void (*Free)(T *)> using Handle = std::unique_ptr<T, Deleter<T, Free>>;
using Server = Handle<nh_server, nh_server_free>;
using Client = Handle<nh_client, nh_client_free>;
using Request = Handle<nh_request, nh_request_free>;
using Response = Handle<nh_response, nh_response_free>;
using Error = Handle<nh_error, nh_error_free>;

// Throws what went wrong; calls take `Check()` as their error place and give their result to it at once.
class Check {
    nh_error *err = nullptr;

  public:
    operator nh_error **() { return &err; }
    void operator=(nh_result result) {
        Error owned(err);
        err = nullptr;
        if (result != NH_OK) throw std::runtime_error(owned ? nh_error_message(owned.get()) : "failed");
    }
};

static std::string get(nh_client *client, const std::string &url) {
    Check check;
    nh_request *r = nullptr;
    check = nh_request_new("GET", url.c_str(), &r, check);
    Request request(r);
    nh_response *answer = nullptr;
    check = nh_client_do(client, request.get(), &answer, check);
    Response response(answer);
    std::string body;
    char buf[256];
    for (size_t n = 1; n > 0; body.append(buf, n))
        check = nh_response_body_read(response.get(), buf, sizeof buf, &n, check);
    return body;
}

// An exception that leaves a callback ends the process, with one line that names the callback and the rule.
static void throws_out_of_a_callback() {
    int pipes[2], status;
    if (pipe(pipes) != 0) throw std::runtime_error("pipe");
    pid_t child = fork();
    if (child == 0) {
        dup2(pipes[1], 2);
        close(pipes[1]);
        Check check;
        Server server(nh_server_new());
        auto handler = [](nh_response_writer *, nh_request *, void *) { throw std::runtime_error("thrown"); };
        check = nh_server_handle(server.get(), "/", handler, nullptr, nullptr, check);
        check = nh_server_listen(server.get(), "127.0.0.1:0", check);
        check = nh_server_start(server.get(), check);
        Client client(nh_client_new());
        get(client.get(), "http://127.0.0.1:" + std::to_string(nh_server_port(server.get(), 0)) + "/");
        _exit(0);
    }
    close(pipes[1]);
    std::string said;
    char buf[256];
    for (ssize_t n; (n = read(pipes[0], buf, sizeof buf)) > 0;)
        said.append(buf, static_cast<size_t>(n));
    close(pipes[0]);
    waitpid(child, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        throw std::runtime_error("the process has not ended so");
    if (said.find("C++ exception") == std::string::npos || said.find("nh_handler_fn") == std::string::npos ||
        said.find('\n') != said.size() - 1)
        throw std::runtime_error("the line is: " + said);
}

int main() try {
    throws_out_of_a_callback();
    Check check;
    Server server(nh_server_new());
    auto *greeting = new std::string("hello, C++");
    auto handler = [](nh_response_writer *w, nh_request *, void *userdata) {
        auto &text = *static_cast<std::string *>(userdata);
        nh_respond(w, NH_STATUS_OK, "text/plain", text.data(), text.size());
    };
    auto release = [](void *userdata) { delete static_cast<std::string *>(userdata); };
    check = nh_server_handle(server.get(), "/hello", handler, greeting, release, check);
    check = nh_server_listen(server.get(), "127.0.0.1:0", check);
    check = nh_server_start(server.get(), check);

    Client client(nh_client_new());
    auto url = "http://127.0.0.1:" + std::to_string(nh_server_port(server.get(), 0)) + "/hello";
    auto body = get(client.get(), url);
    if (body != "hello, C++") throw std::runtime_error("wrong body: " + body);
    std::cout << "nethttp " << nh_version() << ": " << body << "\n";
    check = nh_server_shutdown(server.get(), 5000, check);
} catch (const std::exception &e) {
    std::cerr << e.what() << "\n";
    return 1;
}
