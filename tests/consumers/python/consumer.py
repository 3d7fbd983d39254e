"""nethttp from Python by ctypes: a server whose handler is a Python function, and a client that asks it."""

import ctypes
import os
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_size_t, c_void_p

lib = ctypes.CDLL(os.environ["NETHTTP_LIBRARY"])
HANDLER = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)
OUT = POINTER(c_void_p)


def bind(name, result, *arguments):
    function = getattr(lib, name)
    function.restype, function.argtypes = result, arguments
    return function


def checked(name, *arguments):
    """A call whose last argument is nh_error **: it raises what went wrong."""
    function = bind(name, c_int32, *arguments, OUT)

    def call(*values):
        err = c_void_p()
        if function(*values, byref(err)) != 0:
            text = error_message(err).decode()
            error_free(err)
            raise OSError(f"{name}: {text}")

    return call


version = bind("nh_version", c_char_p)
error_message, error_free = bind("nh_error_message", c_char_p, c_void_p), bind("nh_error_free", None, c_void_p)
server_new, server_free = bind("nh_server_new", c_void_p), bind("nh_server_free", None, c_void_p)
server_port = bind("nh_server_port", c_int32, c_void_p, c_size_t)
server_handle = checked("nh_server_handle", c_void_p, c_char_p, HANDLER, c_void_p, c_void_p)
server_listen, server_start = checked("nh_server_listen", c_void_p, c_char_p), checked("nh_server_start", c_void_p)
server_shutdown = checked("nh_server_shutdown", c_void_p, c_int64)
respond = bind("nh_respond", c_int32, c_void_p, c_int32, c_char_p, c_char_p, c_size_t)
request_uri = bind("nh_request_uri", c_char_p, c_void_p)
client_new, client_free = bind("nh_client_new", c_void_p), bind("nh_client_free", None, c_void_p)
request_new = checked("nh_request_new", c_char_p, c_char_p, OUT)
request_free, response_free = bind("nh_request_free", None, c_void_p), bind("nh_response_free", None, c_void_p)
client_do = checked("nh_client_do", c_void_p, c_void_p, OUT)
response_status = bind("nh_response_status_code", c_int32, c_void_p)
body_read = checked("nh_response_body_read", c_void_p, c_char_p, c_size_t, POINTER(c_size_t))


@HANDLER  # kept alive by its name for as long as the server is
def hello(w, r, userdata):
    body = b"hello from Python, you asked for " + request_uri(r)
    respond(w, 200, b"text/plain", body, len(body))


def get(client, url):
    request, response, n, body = c_void_p(), c_void_p(), c_size_t(1), b""
    request_new(b"GET", url.encode(), byref(request))
    client_do(client, request, byref(response))
    buf = ctypes.create_string_buffer(256)
    while n.value:
        body_read(response, buf, len(buf), byref(n))
        body += buf.raw[: n.value]
    status = response_status(response)
    response_free(response), request_free(request)
    return status, body.decode()


server, client = server_new(), client_new()
server_handle(server, b"/hello", hello, None, None)
server_listen(server, b"127.0.0.1:0")
server_start(server)
for i in range(3):
    answer = get(client, f"http://127.0.0.1:{server_port(server, 0)}/hello?n={i}")
    assert answer == (200, f"hello from Python, you asked for /hello?n={i}"), answer
client_free(client)
server_shutdown(server, 5000)
server_free(server)
print("nethttp", version().decode() + ":", answer[1])
