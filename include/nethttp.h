/* Generated from src/ffi by tests/header; do not edit. */
/*
 * nethttp: HTTP for every program that can call C, with the semantics of Go's net/http.
 *
 * THE RULES
 *
 * Results. A function that can fail returns nh_result: NH_OK (0), or a negative NH_ERR_ code. A wrong argument
 * (NULL where something is needed, an unknown constant, an object in the wrong state) is a result, never a crash.
 * Every such function may also return NH_ERR_PANIC, which is a bug of the library that was caught, and those that
 * take a client, a server or what they made may return NH_ERR_FORKED, see below.
 *
 * Errors. A function whose last argument is nh_error **err tells there what happened: *err is set to NULL or to a
 * new nh_error that the caller owns. What was in *err before is neither read nor freed. err may be NULL. There is
 * no per-thread last error.
 *
 * Ownership. Each function says who owns what in five phrases:
 *     "the caller owns"                    free it with the function that is named
 *     "the library owns; borrowed until"   use it, do not free it, not beyond the event that is named
 *     "the library takes"                  do not use or free it any more, also if the call failed
 *     "the library copies"                 what was passed may change or go once the call has returned
 *     "nothing changes hands"
 * Every nh_x_free accepts NULL. Handles may be freed in any order.
 *
 * Outputs are set to NULL or 0 first and written on success only. New text is written to the caller's buffer:
 * (char *buf, size_t cap, size_t *len_out), where *len_out becomes the length of the whole text without its NUL.
 * If cap is not greater than that length the result is NH_ERR_TOO_LARGE, *len_out is set all the same and nothing
 * is written to buf; buf may then be NULL, so a first call with (NULL, 0, &len) measures.
 *
 * Text in is NUL-terminated; functions with names in _n take a length instead. Bytes in are (pointer, length), and
 * (NULL, 0) is legal. Text out is NUL-terminated and borrowed. Header values are bytes: 0x80 to 0xFF pass both ways.
 * Decoded text may hold NUL, so its getters give the length too. Flags are int32_t, 0 or 1. Durations are int64_t
 * milliseconds; NH_TIMEOUT_NONE (-1) is no limit.
 *
 * Threads. Each function names its threads. "Any thread, at the same time too" needs no lock. "One thread at a
 * time" means that calls on one object must not overlap; which thread makes them does not matter. "It may block:"
 * says what a function waits for; one without it waits for nothing but locks that are held for short.
 *
 * Callbacks come as fn, userdata, free_userdata. free_userdata may be NULL; it runs exactly once, also if the
 * registration fails, and never while the library holds a lock. A callback must return. A C++ exception that leaves it
 * aborts the process, and so does a thread exit on a thread of the program's, with a line on stderr that names the
 * callback's type. A thread of the library's that is exited in a callback is parked. longjmp out of a callback is
 * undefined behavior. A host that ends while the library runs calls nh_stop_callbacks first.
 *
 * Memory. Where a peer or the caller decides how much (a body that is read as a whole, a form, a multipart body) and it
 * cannot be had, the result is NH_ERR_NO_RESOURCES. Any other allocation that fails aborts the process.
 *
 * The process. The library has no global initialization, installs no signal handler, prints nothing but that line,
 * reads the environment only when a client's transport is made, and never raises SIGPIPE. Its threads start when first
 * needed and block all signals. After fork, handles that were made before answer NH_ERR_FORKED in the child, where
 * they may be freed; new ones work. Only functions that say so are safe in a signal handler.
 */
#ifndef NETHTTP_H
#define NETHTTP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ========================================================================================================
 * Handles: each is opaque, and named by the pointer to it
 * ======================================================================================================== */

/**
 * nh_error is an immutable description of a failure, owned by the caller and usable from any thread.
 */
typedef struct nh_error nh_error;

/**
 * nh_header holds the fields of a message, or its trailers, in the order of the wire. Go's http.Header.
 *
 * A header that a request, a response or a response writer gave out belongs to that object: do not free it.
 * Text that was borrowed from a header is good until the next change of that header or its owner's end.
 */
typedef struct nh_header nh_header;

/**
 * nh_values holds keys and values, which may contain any byte, NUL too. Keys are looked up with regard to case.
 *
 * Text that was borrowed is good until the next change of these values or their end.
 */
typedef struct nh_values nh_values;

/**
 * nh_url is a parsed URL, immutable. Go's url.URL.
 *
 * Text is borrowed from it until nh_url_free. Decoded parts (path, fragment, user name, password) may hold NUL,
 * so their getters require len_out and give NULL without it.
 */
typedef struct nh_url nh_url;

/**
 * nh_request is a request: one to be sent, made by nh_request_new, or one that a server received.
 */
typedef struct nh_request nh_request;

/**
 * nh_trace_event is one step of an exchange, as an nh_trace_fn is told it.
 */
typedef struct nh_trace_event nh_trace_event;

/**
 * nh_response is an answer: Go's Response. It must be freed, which closes its body.
 */
typedef struct nh_response nh_response;

/**
 * nh_client sends requests and keeps their connections for the next ones. Make one and share it: Go's Client with
 * a Transport of its own.
 */
typedef struct nh_client nh_client;

/**
 * nh_multipart is a form with files, built part by part and then given to a request: Go's multipart.Writer. Files are
 * read while they are sent.
 */
typedef struct nh_multipart nh_multipart;

/**
 * nh_cookie is one cookie, immutable. Go's http.Cookie.
 *
 * Text is borrowed from it until its end: nh_cookie_free, or that of the object that lends it.
 */
typedef struct nh_cookie nh_cookie;

/**
 * nh_jar keeps cookies; one may serve several clients. Go's cookiejar.Jar, with at most 50 cookies of 4 KiB for a
 * domain and 3000 in all; beyond that the longest unused go.
 */
typedef struct nh_jar nh_jar;

/**
 * nh_tls_config holds settings for TLS: Go's tls.Config. It is copied when it is given to a client or a server, so
 * that later changes do not show there.
 */
typedef struct nh_tls_config nh_tls_config;

/**
 * nh_http2_config has what a program chooses for HTTP/2 (RFC 9113), for servers and for clients: Go's HTTP2Config.
 * What is not set keeps the default of the side that it is given to. It is copied where it is given: a change
 * afterwards does not count there.
 */
typedef struct nh_http2_config nh_http2_config;

/**
 * nh_handler answers requests: Go's http.Handler. It is counted: who is given one keeps it for as long as it is
 * needed, and the program frees its own at any time.
 */
typedef struct nh_handler nh_handler;

/**
 * nh_mux holds patterns and their handlers; it may serve several servers at once.
 */
typedef struct nh_mux nh_mux;

/**
 * nh_server listens on addresses and answers requests by the handlers of its mux.
 */
typedef struct nh_server nh_server;

/**
 * nh_access is an exchange that has ended, as nh_access_fn sees it.
 */
typedef struct nh_access nh_access;

/**
 * nh_server_conn is a connection of a server's, as nh_conn_state_fn sees it.
 */
typedef struct nh_server_conn nh_server_conn;

/**
 * nh_response_writer is a response while its handler writes it. The first write, or the handler's return,
 * sends the header with status 200 unless nh_response_writer_write_header chose another.
 */
typedef struct nh_response_writer nh_response_writer;

/**
 * nh_cross_origin decides which requests come from another origin by a browser and would change something: Go's
 * CrossOriginProtection. GET, HEAD and OPTIONS always pass, so they must change nothing. Others pass if
 * Sec-Fetch-Site is "same-origin" or "none"; without that field, if there is no Origin or its host is the
 * request's; or if their origin is trusted or they match a bypass pattern.
 */
typedef struct nh_cross_origin nh_cross_origin;

/**
 * nh_file is where an nh_open_fn says what it found.
 */
typedef struct nh_file nh_file;

/**
 * nh_file_system is a tree of files: Go's http.FileSystem and fs.FS. It is counted: who is given one keeps it for as
 * long as it is needed, and the program frees its own at any time.
 */
typedef struct nh_file_system nh_file_system;

/**
 * nh_multipart_file is a file of a form, in memory or on disk: Go's multipart.FileHeader. It belongs to its form.
 */
typedef struct nh_multipart_file nh_multipart_file;

/**
 * nh_multipart_form holds a whole multipart form: Go's multipart.Form.
 */
typedef struct nh_multipart_form nh_multipart_form;

/**
 * nh_multipart_reader gives the parts of a received request one after the other: Go's multipart.Reader.
 */
typedef struct nh_multipart_reader nh_multipart_reader;

/**
 * nh_cancel_token fires once and ends every request that was given it: before it starts, while it waits, and
 * while its response's body is read.
 */
typedef struct nh_cancel_token nh_cancel_token;

/**
 * nh_transport makes single exchanges over pooled connections: Go's Transport. Each client has one; several may
 * share one. What nh_client_set_ functions say of connections, TLS, proxies and limits is set on the client's
 * transport, and so counts for all clients that share it.
 */
typedef struct nh_transport nh_transport;

/**
 * nh_client_conn is one connection to a server, outside a transport's pool: Go's ClientConn. It is never replaced. It
 * has one slot: a request takes it, and it comes back when the answer's body has been read or closed.
 */
typedef struct nh_client_conn nh_client_conn;

/**
 * nh_conn is a connection that is the program's: after a switch of protocols, a CONNECT, or for a protocol that was
 * agreed on by ALPN. Go's net.Conn, with what was read ahead in it. Under TLS it is read and written in the clear.
 */
typedef struct nh_conn nh_conn;

/**
 * nh_reader reads messages from a stream of the program's, and holds what was read ahead: Go's bufio.Reader.
 */
typedef struct nh_reader nh_reader;

/* ========================================================================================================
 * Results: what a call that can fail returns
 * ======================================================================================================== */

/** NH_TIMEOUT_NONE is the duration that means no limit; durations are milliseconds in int64_t. */
#define NH_TIMEOUT_NONE (-1)

/** nh_result is what functions that can fail return: NH_OK, or one of the negative NH_ERR_ codes. */
typedef int32_t nh_result;

/** NH_OK: the call did what its documentation says. */
#define NH_OK 0
/** NH_ERR_INVALID: an argument is NULL, out of range or malformed. */
#define NH_ERR_INVALID (-1)
/** NH_ERR_STATE: the object is not in a state in which the call is allowed. */
#define NH_ERR_STATE (-2)
/** NH_ERR_UNSUPPORTED: this build or this object cannot do what was asked. */
#define NH_ERR_UNSUPPORTED (-3)
/** NH_ERR_NO_RESOURCES: memory, threads or descriptors are exhausted. */
#define NH_ERR_NO_RESOURCES (-4)
/** NH_ERR_PANIC: a bug in the library was caught at the border. */
#define NH_ERR_PANIC (-5)
/** NH_ERR_FORKED: the handle was made before a fork and is dead in the child. */
#define NH_ERR_FORKED (-6)
/** NH_ERR_WOULD_DEADLOCK: the call would wait for the thread that makes it. */
#define NH_ERR_WOULD_DEADLOCK (-7)
/** NH_ERR_BUSY: the object is in use by another call. */
#define NH_ERR_BUSY (-8)
/** NH_ERR_NOT_FOUND: nothing is there under that name or index. */
#define NH_ERR_NOT_FOUND (-9)
/** NH_ERR_TIMEOUT: a deadline passed. */
#define NH_ERR_TIMEOUT (-20)
/** NH_ERR_CANCELED: a cancel token fired. */
#define NH_ERR_CANCELED (-21)
/** NH_ERR_CLOSED: the object was closed while, or before, it was used. */
#define NH_ERR_CLOSED (-22)
/** NH_ERR_SERVER_CLOSED: nh_server_shutdown, _close or _request_stop ended the server. */
#define NH_ERR_SERVER_CLOSED (-23)
/** NH_ERR_DNS: the name could not be resolved. */
#define NH_ERR_DNS (-40)
/** NH_ERR_CONNECT: no address could be connected to, or bound. */
#define NH_ERR_CONNECT (-41)
/** NH_ERR_IO: a read or a write failed on an established connection. */
#define NH_ERR_IO (-42)
/** NH_ERR_UNEXPECTED_EOF: the peer ended the stream before the message was whole. */
#define NH_ERR_UNEXPECTED_EOF (-43)
/** NH_ERR_TLS: TLS failed. */
#define NH_ERR_TLS (-44)
/** NH_ERR_PROXY: the proxy refused or could not be spoken to. */
#define NH_ERR_PROXY (-45)
/** NH_ERR_PROTOCOL: the peer does not speak HTTP as RFC 9110 and RFC 9112 demand. */
#define NH_ERR_PROTOCOL (-60)
/** NH_ERR_TOO_LARGE: a configured limit was passed. */
#define NH_ERR_TOO_LARGE (-61)
/** NH_ERR_BODY_LENGTH: a body is longer or shorter than its declared length. */
#define NH_ERR_BODY_LENGTH (-62)
/** NH_ERR_BODY_NOT_ALLOWED: the status or the method allows no body. */
#define NH_ERR_BODY_NOT_ALLOWED (-63)
/** NH_ERR_REDIRECT: redirects were refused or did not end. */
#define NH_ERR_REDIRECT (-64)
/** NH_ERR_BODY_SPENT: a request body that was consumed cannot be sent again. */
#define NH_ERR_BODY_SPENT (-65)
/** NH_ERR_CROSS_ORIGIN: a browser sent the request for another site. */
#define NH_ERR_CROSS_ORIGIN (-66)
/** NH_ERR_ABORTED: a callback of the program asked to stop. */
#define NH_ERR_ABORTED (-80)

/**
 * nh_result_text returns a short description of a result code, such as "timeout" for NH_ERR_TIMEOUT.
 *
 * A value that is no result code gives "unknown result". What happened in one particular call is told by
 * its nh_error.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the process ends
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_result_text(nh_result result);

/* ========================================================================================================
 * Errors: what happened in one particular call
 * ======================================================================================================== */

/** NH_PHASE_NONE: the failure belongs to no phase of an exchange. */
#define NH_PHASE_NONE 0
/** NH_PHASE_PREPARE: the request was checked and built. */
#define NH_PHASE_PREPARE 1
/** NH_PHASE_POOL: the call waited for a connection of the pool. */
#define NH_PHASE_POOL 2
/** NH_PHASE_RESOLVE: the host's name was looked up. */
#define NH_PHASE_RESOLVE 3
/** NH_PHASE_CONNECT: a connection was being made. */
#define NH_PHASE_CONNECT 4
/** NH_PHASE_TLS: the TLS handshake went on. */
#define NH_PHASE_TLS 5
/** NH_PHASE_PROXY: the proxy was asked for a tunnel. */
#define NH_PHASE_PROXY 6
/** NH_PHASE_WRITE: the request's head or body was sent. */
#define NH_PHASE_WRITE 7
/** NH_PHASE_HEAD: the response's head was awaited or read. */
#define NH_PHASE_HEAD 8
/** NH_PHASE_BODY: the response's body was read. */
#define NH_PHASE_BODY 9
/** NH_PHASE_LISTEN: an address was bound. */
#define NH_PHASE_LISTEN 10
/** NH_PHASE_ACCEPT: a connection was accepted. */
#define NH_PHASE_ACCEPT 11

/**
 * nh_error_code returns the NH_ERR_ code of an error: the same that the failed call returned.
 *
 * NULL, which is what a call that succeeded leaves behind, gives NH_OK.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_error_code(const nh_error *e);

/**
 * nh_error_message returns one line that tells the whole chain in Go's words.
 *
 * For example: Get "http://localhost:1/": dial tcp 127.0.0.1:1: connect: connection refused.
 * It ends in no newline, holds no control characters and never a password. NULL gives the empty text.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_error_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_error_message(const nh_error *e);

/**
 * nh_error_op returns what was tried: the method as Go's url.Error has it ("Get"), or the empty text.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_error_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_error_op(const nh_error *e);

/**
 * nh_error_url returns the URL that the call was about with its password replaced, or the empty text.
 *
 * Go's url.Error.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_error_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_error_url(const nh_error *e);

/**
 * nh_error_phase returns the NH_PHASE_ number of what the call was doing when it failed.
 *
 * NULL gives NH_PHASE_NONE.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_error_phase(const nh_error *e);

/**
 * nh_error_errno returns the operating system's error number, or 0 if none is behind the failure.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_error_errno(const nh_error *e);

/**
 * nh_error_tls_alert returns the number of the TLS alert that the server has sent (RFC 8446, 6), or -1 if none is
 * behind the failure.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_error_tls_alert(const nh_error *e);

/**
 * nh_error_is_timeout returns 1 if a deadline or the operating system's own timeout is the cause, else 0.
 *
 * Go's net.Error.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_error_is_timeout(const nh_error *e);

/**
 * nh_error_is_temporary returns 1 if the same call may well succeed when it is made again, else 0.
 *
 * That holds for timeouts, connections that were reset and descriptors that ran out. Go's net.Error.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_error_is_temporary(const nh_error *e);

/**
 * nh_error_address_count returns how many addresses were tried, 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
size_t nh_error_address_count(const nh_error *e);

/**
 * nh_error_address_at returns an address that was tried, as "192.0.2.1:80" or "[2001:db8::1]:80".
 *
 * An index past the last one gives NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_error_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_error_address_at(const nh_error *e, size_t index);

/**
 * nh_error_cause returns the error one step further down the chain, or NULL at its end.
 *
 * Do not free it: it is part of the error it came from. Go's errors.Unwrap.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_error_free of the outermost error
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const nh_error *nh_error_cause(const nh_error *e);

/**
 * nh_error_free ends an error and all that was borrowed from it; NULL is fine.
 *
 * Errors: none
 * Ownership: e: the library takes
 * Threads: any thread
 * Since: 0.1.0
 */
void nh_error_free(nh_error *e);

/* ========================================================================================================
 * What HTTP/2 itself says of a failure
 * ======================================================================================================== */

/**
 * nh_error_http2_code is the HTTP/2 error code (RFC 9113, 7) that a stream was reset with or a connection ended with,
 * or -1 if none is behind the failure. Go's http2.StreamError, ConnectionError and GoAwayError.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int64_t nh_error_http2_code(const nh_error *e);

/**
 * nh_error_http2_stream is the number of the HTTP/2 stream that failed, or 0 if the whole connection did, or if HTTP/2
 * has nothing to say of the failure.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
uint32_t nh_error_http2_stream(const nh_error *e);

/**
 * nh_error_http2_last_stream is the last stream that the server has processed by its GOAWAY, or -1 if none came. Go's
 * GoAwayError.LastStreamID.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int64_t nh_error_http2_last_stream(const nh_error *e);

/**
 * nh_error_http2_debug is the text that the server's GOAWAY had, up to 1024 bytes of it, with what is no printable
 * ASCII escaped; the empty text if there was none. Go's GoAwayError.DebugData.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_error_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_error_http2_debug(const nh_error *e);

/* ========================================================================================================
 * Callbacks of the program: what is common to all of them
 * ======================================================================================================== */

/**
 * nh_free_fn ends what a callback's userdata points to.
 *
 * It runs exactly once for each registration, also for one that failed, on the thread that ends the last use,
 * and never while the library holds a lock. NULL is fine: nothing is called.
 */
typedef void (*nh_free_fn)(void *userdata);

/* ========================================================================================================
 * Version: what a program can ask about the library that it was linked or loaded with
 * ======================================================================================================== */

/** NH_VERSION_NUMBER is the version of this header: major * 1000000 + minor * 1000 + patch. */
#define NH_VERSION_NUMBER 1000
/** NH_ABI_VERSION counts incompatible changes of the binary interface; the SONAME's number is the same. */
#define NH_ABI_VERSION 0

/**
 * nh_version returns the version of the library that is loaded, such as "0.1.0".
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the process ends
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_version(void);

/**
 * nh_version_number returns the version of the library that is loaded as one number.
 *
 * It is major * 1000000 + minor * 1000 + patch; compare it with NH_VERSION_NUMBER, the header's.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_version_number(void);

/**
 * nh_abi_version returns the number of the binary interface; a program that loads the library at run time
 * compares it with the NH_ABI_VERSION that it was written for.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_abi_version(void);

/**
 * nh_has_feature returns 1 if this build has the named part, else 0; NULL and unknown names give 0.
 *
 * Names: "http1", "client", "server", "tls". Later versions add names and keep these.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_has_feature(const char *name);

/* ========================================================================================================
 * Status codes: what a response says about its request (RFC 9110, 15)
 * ======================================================================================================== */

/** NH_STATUS_CONTINUE: Continue (RFC 9110, 15.2.1). */
#define NH_STATUS_CONTINUE 100
/** NH_STATUS_SWITCHING_PROTOCOLS: Switching Protocols (RFC 9110, 15.2.2). */
#define NH_STATUS_SWITCHING_PROTOCOLS 101
/** NH_STATUS_PROCESSING: Processing (RFC 2518, 10.1). */
#define NH_STATUS_PROCESSING 102
/** NH_STATUS_EARLY_HINTS: Early Hints (RFC 8297). */
#define NH_STATUS_EARLY_HINTS 103
/** NH_STATUS_OK: OK (RFC 9110, 15.3.1). */
#define NH_STATUS_OK 200
/** NH_STATUS_CREATED: Created (RFC 9110, 15.3.2). */
#define NH_STATUS_CREATED 201
/** NH_STATUS_ACCEPTED: Accepted (RFC 9110, 15.3.3). */
#define NH_STATUS_ACCEPTED 202
/** NH_STATUS_NON_AUTHORITATIVE_INFO: Non-Authoritative Information (RFC 9110, 15.3.4). */
#define NH_STATUS_NON_AUTHORITATIVE_INFO 203
/** NH_STATUS_NO_CONTENT: No Content (RFC 9110, 15.3.5). */
#define NH_STATUS_NO_CONTENT 204
/** NH_STATUS_RESET_CONTENT: Reset Content (RFC 9110, 15.3.6). */
#define NH_STATUS_RESET_CONTENT 205
/** NH_STATUS_PARTIAL_CONTENT: Partial Content (RFC 9110, 15.3.7). */
#define NH_STATUS_PARTIAL_CONTENT 206
/** NH_STATUS_MULTI_STATUS: Multi-Status (RFC 4918, 11.1). */
#define NH_STATUS_MULTI_STATUS 207
/** NH_STATUS_ALREADY_REPORTED: Already Reported (RFC 5842, 7.1). */
#define NH_STATUS_ALREADY_REPORTED 208
/** NH_STATUS_IM_USED: IM Used (RFC 3229, 10.4.1). */
#define NH_STATUS_IM_USED 226
/** NH_STATUS_MULTIPLE_CHOICES: Multiple Choices (RFC 9110, 15.4.1). */
#define NH_STATUS_MULTIPLE_CHOICES 300
/** NH_STATUS_MOVED_PERMANENTLY: Moved Permanently (RFC 9110, 15.4.2). */
#define NH_STATUS_MOVED_PERMANENTLY 301
/** NH_STATUS_FOUND: Found (RFC 9110, 15.4.3). */
#define NH_STATUS_FOUND 302
/** NH_STATUS_SEE_OTHER: See Other (RFC 9110, 15.4.4). */
#define NH_STATUS_SEE_OTHER 303
/** NH_STATUS_NOT_MODIFIED: Not Modified (RFC 9110, 15.4.5). */
#define NH_STATUS_NOT_MODIFIED 304
/** NH_STATUS_USE_PROXY: Use Proxy (RFC 9110, 15.4.6). */
#define NH_STATUS_USE_PROXY 305
/** NH_STATUS_TEMPORARY_REDIRECT: Temporary Redirect (RFC 9110, 15.4.8). */
#define NH_STATUS_TEMPORARY_REDIRECT 307
/** NH_STATUS_PERMANENT_REDIRECT: Permanent Redirect (RFC 9110, 15.4.9). */
#define NH_STATUS_PERMANENT_REDIRECT 308
/** NH_STATUS_BAD_REQUEST: Bad Request (RFC 9110, 15.5.1). */
#define NH_STATUS_BAD_REQUEST 400
/** NH_STATUS_UNAUTHORIZED: Unauthorized (RFC 9110, 15.5.2). */
#define NH_STATUS_UNAUTHORIZED 401
/** NH_STATUS_PAYMENT_REQUIRED: Payment Required (RFC 9110, 15.5.3). */
#define NH_STATUS_PAYMENT_REQUIRED 402
/** NH_STATUS_FORBIDDEN: Forbidden (RFC 9110, 15.5.4). */
#define NH_STATUS_FORBIDDEN 403
/** NH_STATUS_NOT_FOUND: Not Found (RFC 9110, 15.5.5). */
#define NH_STATUS_NOT_FOUND 404
/** NH_STATUS_METHOD_NOT_ALLOWED: Method Not Allowed (RFC 9110, 15.5.6). */
#define NH_STATUS_METHOD_NOT_ALLOWED 405
/** NH_STATUS_NOT_ACCEPTABLE: Not Acceptable (RFC 9110, 15.5.7). */
#define NH_STATUS_NOT_ACCEPTABLE 406
/** NH_STATUS_PROXY_AUTH_REQUIRED: Proxy Authentication Required (RFC 9110, 15.5.8). */
#define NH_STATUS_PROXY_AUTH_REQUIRED 407
/** NH_STATUS_REQUEST_TIMEOUT: Request Timeout (RFC 9110, 15.5.9). */
#define NH_STATUS_REQUEST_TIMEOUT 408
/** NH_STATUS_CONFLICT: Conflict (RFC 9110, 15.5.10). */
#define NH_STATUS_CONFLICT 409
/** NH_STATUS_GONE: Gone (RFC 9110, 15.5.11). */
#define NH_STATUS_GONE 410
/** NH_STATUS_LENGTH_REQUIRED: Length Required (RFC 9110, 15.5.12). */
#define NH_STATUS_LENGTH_REQUIRED 411
/** NH_STATUS_PRECONDITION_FAILED: Precondition Failed (RFC 9110, 15.5.13). */
#define NH_STATUS_PRECONDITION_FAILED 412
/** NH_STATUS_REQUEST_ENTITY_TOO_LARGE: Request Entity Too Large (RFC 9110, 15.5.14). */
#define NH_STATUS_REQUEST_ENTITY_TOO_LARGE 413
/** NH_STATUS_REQUEST_URI_TOO_LONG: Request URI Too Long (RFC 9110, 15.5.15). */
#define NH_STATUS_REQUEST_URI_TOO_LONG 414
/** NH_STATUS_UNSUPPORTED_MEDIA_TYPE: Unsupported Media Type (RFC 9110, 15.5.16). */
#define NH_STATUS_UNSUPPORTED_MEDIA_TYPE 415
/** NH_STATUS_REQUESTED_RANGE_NOT_SATISFIABLE: Requested Range Not Satisfiable (RFC 9110, 15.5.17). */
#define NH_STATUS_REQUESTED_RANGE_NOT_SATISFIABLE 416
/** NH_STATUS_EXPECTATION_FAILED: Expectation Failed (RFC 9110, 15.5.18). */
#define NH_STATUS_EXPECTATION_FAILED 417
/** NH_STATUS_TEAPOT: I'm a teapot (RFC 9110, 15.5.19 (Unused)). */
#define NH_STATUS_TEAPOT 418
/** NH_STATUS_MISDIRECTED_REQUEST: Misdirected Request (RFC 9110, 15.5.20). */
#define NH_STATUS_MISDIRECTED_REQUEST 421
/** NH_STATUS_UNPROCESSABLE_ENTITY: Unprocessable Entity (RFC 9110, 15.5.21). */
#define NH_STATUS_UNPROCESSABLE_ENTITY 422
/** NH_STATUS_LOCKED: Locked (RFC 4918, 11.3). */
#define NH_STATUS_LOCKED 423
/** NH_STATUS_FAILED_DEPENDENCY: Failed Dependency (RFC 4918, 11.4). */
#define NH_STATUS_FAILED_DEPENDENCY 424
/** NH_STATUS_TOO_EARLY: Too Early (RFC 8470, 5.2.). */
#define NH_STATUS_TOO_EARLY 425
/** NH_STATUS_UPGRADE_REQUIRED: Upgrade Required (RFC 9110, 15.5.22). */
#define NH_STATUS_UPGRADE_REQUIRED 426
/** NH_STATUS_PRECONDITION_REQUIRED: Precondition Required (RFC 6585, 3). */
#define NH_STATUS_PRECONDITION_REQUIRED 428
/** NH_STATUS_TOO_MANY_REQUESTS: Too Many Requests (RFC 6585, 4). */
#define NH_STATUS_TOO_MANY_REQUESTS 429
/** NH_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE: Request Header Fields Too Large (RFC 6585, 5). */
#define NH_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE 431
/** NH_STATUS_UNAVAILABLE_FOR_LEGAL_REASONS: Unavailable For Legal Reasons (RFC 7725, 3). */
#define NH_STATUS_UNAVAILABLE_FOR_LEGAL_REASONS 451
/** NH_STATUS_INTERNAL_SERVER_ERROR: Internal Server Error (RFC 9110, 15.6.1). */
#define NH_STATUS_INTERNAL_SERVER_ERROR 500
/** NH_STATUS_NOT_IMPLEMENTED: Not Implemented (RFC 9110, 15.6.2). */
#define NH_STATUS_NOT_IMPLEMENTED 501
/** NH_STATUS_BAD_GATEWAY: Bad Gateway (RFC 9110, 15.6.3). */
#define NH_STATUS_BAD_GATEWAY 502
/** NH_STATUS_SERVICE_UNAVAILABLE: Service Unavailable (RFC 9110, 15.6.4). */
#define NH_STATUS_SERVICE_UNAVAILABLE 503
/** NH_STATUS_GATEWAY_TIMEOUT: Gateway Timeout (RFC 9110, 15.6.5). */
#define NH_STATUS_GATEWAY_TIMEOUT 504
/** NH_STATUS_HTTP_VERSION_NOT_SUPPORTED: HTTP Version Not Supported (RFC 9110, 15.6.6). */
#define NH_STATUS_HTTP_VERSION_NOT_SUPPORTED 505
/** NH_STATUS_VARIANT_ALSO_NEGOTIATES: Variant Also Negotiates (RFC 2295, 8.1). */
#define NH_STATUS_VARIANT_ALSO_NEGOTIATES 506
/** NH_STATUS_INSUFFICIENT_STORAGE: Insufficient Storage (RFC 4918, 11.5). */
#define NH_STATUS_INSUFFICIENT_STORAGE 507
/** NH_STATUS_LOOP_DETECTED: Loop Detected (RFC 5842, 7.2). */
#define NH_STATUS_LOOP_DETECTED 508
/** NH_STATUS_NOT_EXTENDED: Not Extended (RFC 2774, 7). */
#define NH_STATUS_NOT_EXTENDED 510
/** NH_STATUS_NETWORK_AUTHENTICATION_REQUIRED: Network Authentication Required (RFC 6585, 6). */
#define NH_STATUS_NETWORK_AUTHENTICATION_REQUIRED 511

/**
 * nh_status_text returns the reason phrase of a status code, such as "Not Found" for 404.
 *
 * A code without one, registered or not, gives the empty text, never NULL.
 * Go's StatusText; RFC 9110, 15.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the process ends
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_status_text(int32_t code);

/* ========================================================================================================
 * Header fields: looked up without regard to case, kept in order and with duplicates
 * ======================================================================================================== */

/**
 * nh_header_new makes an empty header.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_header_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_header *nh_header_new(void);

/**
 * nh_header_clone makes a header with the same fields; NULL gives NULL. Go's Header.Clone.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_header_free
 * Threads: any thread, at the same time too, while nobody changes h
 * Since: 0.1.0
 */
nh_header *nh_header_clone(const nh_header *h);

/**
 * nh_header_free ends a header that the caller owns; NULL is fine.
 *
 * Errors: none
 * Ownership: h: the library takes
 * Threads: any thread
 * Since: 0.1.0
 */
void nh_header_free(nh_header *h);

/**
 * nh_header_get returns the first value under a name: NULL if there is none, "" if it is empty.
 *
 * The case of the name does not matter. Go's Header.Get.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the next change of h or the end of its owner
 * Threads: any thread, at the same time too, while nobody changes h
 * Since: 0.1.0
 */
const char *nh_header_get(const nh_header *h, const char *name);

/**
 * nh_header_get_n is nh_header_get with the length of the name, and tells the length of the value.
 *
 * len_out may be NULL; it becomes 0 where the result is NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the next change of h or the end of its owner
 * Threads: any thread, at the same time too, while nobody changes h
 * Since: 0.1.0
 */
const char *nh_header_get_n(const nh_header *h, const char *name, size_t name_len, size_t *len_out);

/**
 * nh_header_value returns the value at an index among those under one name, or NULL past the last.
 *
 * Go's Header.Values.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the next change of h or the end of its owner
 * Threads: any thread, at the same time too, while nobody changes h
 * Since: 0.1.0
 */
const char *nh_header_value(const nh_header *h, const char *name, size_t index);

/**
 * nh_header_has returns 1 if there is a field of that name, else 0.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too, while nobody changes h
 * Since: 0.1.0
 */
int32_t nh_header_has(const nh_header *h, const char *name);

/**
 * nh_header_count returns the number of fields, duplicates included; 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too, while nobody changes h
 * Since: 0.1.0
 */
size_t nh_header_count(const nh_header *h);

/**
 * nh_header_name_at returns the name of the field at an index in the order of the wire, or NULL past the last.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the next change of h or the end of its owner
 * Threads: any thread, at the same time too, while nobody changes h
 * Since: 0.1.0
 */
const char *nh_header_name_at(const nh_header *h,
                              size_t index);

/**
 * nh_header_value_at returns the value of the field at an index in the order of the wire, or NULL past the last.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the next change of h or the end of its owner
 * Threads: any thread, at the same time too, while nobody changes h
 * Since: 0.1.0
 */
const char *nh_header_value_at(const nh_header *h,
                               size_t index);

/**
 * nh_header_set replaces all fields of a name by one, at the place of the first, or appends it. Go's Header.Set.
 *
 * The spelling of the name is kept. Values are any bytes but control characters other than tab.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, or the value holds CR, LF or another
 * control character)
 * Ownership: name, value: the library copies
 * Threads: one thread at a time
 * Since: 0.1.0
 */
nh_result nh_header_set(nh_header *h,
                        const char *name,
                        const char *value);

/**
 * nh_header_set_n is nh_header_set with lengths.
 *
 * Errors: NH_ERR_INVALID (as nh_header_set)
 * Ownership: name, value: the library copies
 * Threads: one thread at a time
 * Since: 0.1.0
 */
nh_result nh_header_set_n(nh_header *h,
                          const char *name,
                          size_t name_len,
                          const char *value,
                          size_t value_len);

/**
 * nh_header_add appends a field, whatever is there already. Go's Header.Add.
 *
 * The spelling of the name is kept. Values are any bytes but control characters other than tab.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, or the value holds CR, LF or another
 * control character)
 * Ownership: name, value: the library copies
 * Threads: one thread at a time
 * Since: 0.1.0
 */
nh_result nh_header_add(nh_header *h, const char *name, const char *value);

/**
 * nh_header_add_n is nh_header_add with lengths.
 *
 * Errors: NH_ERR_INVALID (as nh_header_add)
 * Ownership: name, value: the library copies
 * Threads: one thread at a time
 * Since: 0.1.0
 */
nh_result nh_header_add_n(nh_header *h,
                          const char *name,
                          size_t name_len,
                          const char *value,
                          size_t value_len);

/**
 * nh_header_del removes all fields of a name; that there are none is NH_OK too. Go's Header.Del.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL)
 * Ownership: nothing changes hands
 * Threads: one thread at a time
 * Since: 0.1.0
 */
nh_result nh_header_del(nh_header *h, const char *name);

/**
 * nh_header_write writes all fields as they go over the wire: "Name: value" and CR LF for each.
 *
 * The empty line that ends a head is not written. Order is kept where Go's Header.Write sorts.
 *
 * Errors: NH_ERR_INVALID (h or len_out is NULL), NH_ERR_TOO_LARGE (cap is not above *len_out)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too, while nobody changes h
 * Since: 0.1.0
 */
nh_result nh_header_write(const nh_header *h, char *buf, size_t cap, size_t *len_out);

/**
 * nh_header_canonical_name writes a name as Go spells it: "accept-encoding" becomes "Accept-Encoding".
 *
 * A name that is no token is written as it is. Go's CanonicalHeaderKey.
 *
 * Errors: NH_ERR_INVALID (name or len_out is NULL), NH_ERR_TOO_LARGE (cap is not above *len_out)
 * Ownership: name: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_header_canonical_name(const char *name, char *buf, size_t cap, size_t *len_out);

/* ========================================================================================================
 * Values: the decoded keys and values of a query or a form
 * ======================================================================================================== */

/**
 * nh_values_new makes an empty set of values.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_values_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_values *nh_values_new(void);

/**
 * nh_values_parse decodes a query or an urlencoded form: "a=1&b=x+y".
 *
 * One malformed pair makes the whole fail; nh_url_query keeps the others. Go's url.ParseQuery.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, an escape is malformed, or a bare semicolon stands in it),
 * NH_ERR_TOO_LARGE (more than 10000 pairs), NH_ERR_NO_RESOURCES (there is no memory for it)
 * Ownership: query: the library copies; *out: the caller owns, ends it by nh_values_free; *err: the caller
 * owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_values_parse(const char *query, nh_values **out, nh_error **err);

/**
 * nh_values_parse_n is nh_values_parse with the length of the query, such as a body that was read.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, an escape is malformed, or a bare semicolon stands in it),
 * NH_ERR_TOO_LARGE (more than 10000 pairs), NH_ERR_NO_RESOURCES (there is no memory for it)
 * Ownership: query: the library copies; *out: the caller owns, ends it by nh_values_free; *err: the caller
 * owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_values_parse_n(const char *query, size_t len, nh_values **out, nh_error **err);

/**
 * nh_values_clone makes a copy; NULL gives NULL. Go's Values.Clone.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_values_free
 * Threads: any thread, at the same time too, while nobody changes v
 * Since: 0.1.0
 */
nh_values *nh_values_clone(const nh_values *v);

/**
 * nh_values_free ends values that the caller owns; NULL is fine.
 *
 * Errors: none
 * Ownership: v: the library takes
 * Threads: any thread
 * Since: 0.1.0
 */
void nh_values_free(nh_values *v);

/**
 * nh_values_get returns the first value under a key and its length; NULL and 0 if there is none.
 *
 * len_out is required, since values may hold NUL: without it the result is NULL. Go's Values.Get.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the next change of v or nh_values_free
 * Threads: any thread, at the same time too, while nobody changes v
 * Since: 0.1.0
 */
const char *nh_values_get(const nh_values *v, const char *key, size_t *len_out);

/**
 * nh_values_value returns the value at an index among those under one key, and its length.
 *
 * Past the last it is NULL and 0, and also if len_out is NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the next change of v or nh_values_free
 * Threads: any thread, at the same time too, while nobody changes v
 * Since: 0.1.0
 */
const char *nh_values_value(const nh_values *v, const char *key, size_t index, size_t *len_out);

/**
 * nh_values_has returns 1 if there is a value under the key, else 0. Go's Values.Has.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too, while nobody changes v
 * Since: 0.1.0
 */
int32_t nh_values_has(const nh_values *v, const char *key);

/**
 * nh_values_count returns the number of pairs; 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too, while nobody changes v
 * Since: 0.1.0
 */
size_t nh_values_count(const nh_values *v);

/**
 * nh_values_key_at returns the key of the pair at an index, in the order of the text, and its length.
 *
 * Past the last it is NULL and 0, and also if len_out is NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the next change of v or nh_values_free
 * Threads: any thread, at the same time too, while nobody changes v
 * Since: 0.1.0
 */
const char *nh_values_key_at(const nh_values *v, size_t index, size_t *len_out);

/**
 * nh_values_value_at returns the value of the pair at an index, in the order of the text, and its length.
 *
 * Past the last it is NULL and 0, and also if len_out is NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the next change of v or nh_values_free
 * Threads: any thread, at the same time too, while nobody changes v
 * Since: 0.1.0
 */
const char *nh_values_value_at(const nh_values *v, size_t index, size_t *len_out);

/**
 * nh_values_set replaces all values under a key by one. Go's Values.Set.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL)
 * Ownership: key, value: the library copies
 * Threads: one thread at a time
 * Since: 0.1.0
 */
nh_result nh_values_set(nh_values *v, const char *key, const char *value);

/**
 * nh_values_set_n is nh_values_set for bytes with lengths, NULs among them.
 *
 * Errors: NH_ERR_INVALID (v is NULL, or a pointer is NULL whose length is not 0)
 * Ownership: key, value: the library copies
 * Threads: one thread at a time
 * Since: 0.1.0
 */
nh_result nh_values_set_n(nh_values *v, const char *key, size_t key_len, const char *value, size_t value_len);

/**
 * nh_values_add appends a value under a key. Go's Values.Add.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL)
 * Ownership: key, value: the library copies
 * Threads: one thread at a time
 * Since: 0.1.0
 */
nh_result nh_values_add(nh_values *v, const char *key, const char *value);

/**
 * nh_values_add_n is nh_values_add for bytes with lengths, NULs among them.
 *
 * Errors: NH_ERR_INVALID (v is NULL, or a pointer is NULL whose length is not 0)
 * Ownership: key, value: the library copies
 * Threads: one thread at a time
 * Since: 0.1.0
 */
nh_result nh_values_add_n(nh_values *v, const char *key, size_t key_len, const char *value, size_t value_len);

/**
 * nh_values_del removes all values under a key; that there are none is NH_OK too. Go's Values.Del.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL)
 * Ownership: nothing changes hands
 * Threads: one thread at a time
 * Since: 0.1.0
 */
nh_result nh_values_del(nh_values *v, const char *key);

/**
 * nh_values_encode writes "key=value&..." sorted by key; values of one key keep their order.
 *
 * Go's Values.Encode.
 *
 * Errors: NH_ERR_INVALID (v or len_out is NULL), NH_ERR_TOO_LARGE (cap is not above *len_out)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too, while nobody changes v
 * Since: 0.1.0
 */
nh_result nh_values_encode(const nh_values *v, char *buf, size_t cap, size_t *len_out);

/* ========================================================================================================
 * URLs: parsed with the rules of Go's net/url, and never changed once they are made
 * ======================================================================================================== */

/**
 * nh_url_parse reads an absolute or a relative URL.
 *
 * Nothing is repaired: what Go refuses is refused, with Go's words in *err and without the password. Go's url.Parse.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, or text is no URL)
 * Ownership: text: the library copies; *out: the caller owns, ends it by nh_url_free; *err: the caller
 * owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_url_parse(const char *text,
                       nh_url **out,
                       nh_error **err);

/**
 * nh_url_parse_request_uri reads an absolute URL or an absolute path as it came in a request.
 *
 * "#" is no delimiter there. Go's url.ParseRequestURI.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, or text is no URL)
 * Ownership: text: the library copies; *out: the caller owns, ends it by nh_url_free; *err: the caller
 * owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_url_parse_request_uri(const char *text, nh_url **out, nh_error **err);

/**
 * nh_url_resolve reads a reference in the context of a base URL: "../b" against "http://h/a/c".
 *
 * An absolute reference stays itself. Go's URL.Parse and ResolveReference; RFC 3986, 5.2.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, or reference is no URL)
 * Ownership: reference: the library copies; *out: the caller owns, ends it by nh_url_free; *err: the
 * caller owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_url_resolve(const nh_url *base, const char *reference, nh_url **out, nh_error **err);

/**
 * nh_url_join_path adds one or more escaped path elements and cleans the path.
 *
 * No ".", ".." or doubled "/" is left, and nothing climbs above the root. Go's URL.JoinPath.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, or an escape is malformed)
 * Ownership: path: the library copies; *out: the caller owns, ends it by nh_url_free; *err: the caller
 * owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_url_join_path(const nh_url *base, const char *path, nh_url **out, nh_error **err);

/**
 * nh_url_clone makes a copy; NULL gives NULL.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_url *nh_url_clone(const nh_url *u);

/**
 * nh_url_free ends a URL and all that was borrowed from it; NULL is fine.
 *
 * Errors: none
 * Ownership: u: the library takes
 * Threads: any thread
 * Since: 0.1.0
 */
void nh_url_free(nh_url *u);

/**
 * nh_url_text returns the whole URL. Go's URL.String.
 *
 * NULL gives NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_text(const nh_url *u);

/**
 * nh_url_redacted returns the whole URL with the password replaced by "xxxxx". Go's URL.Redacted.
 *
 * NULL gives NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_redacted(const nh_url *u);

/**
 * nh_url_scheme returns the scheme in lower case; "" if the URL is relative.
 *
 * NULL gives NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_scheme(const nh_url *u);

/**
 * nh_url_opaque returns what follows the scheme of a URL without slashes, such as "mailto:"; else "".
 *
 * NULL gives NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_opaque(const nh_url *u);

/**
 * nh_url_host returns "host" or "host:port", brackets of IPv6 included; "" if there is none.
 *
 * NULL gives NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_host(const nh_url *u);

/**
 * nh_url_hostname returns the host without port and brackets. Go's URL.Hostname.
 *
 * NULL gives NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_hostname(const nh_url *u);

/**
 * nh_url_port returns the digits of the port; "" if there are none. Go's URL.Port.
 *
 * NULL gives NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_port(const nh_url *u);

/**
 * nh_url_escaped_path returns the path as it was given if it is a valid encoding, else encoded. Go's URL.EscapedPath.
 *
 * NULL gives NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_escaped_path(const nh_url *u);

/**
 * nh_url_raw_query returns what follows "?", as it was given; "" if there is none.
 *
 * NULL gives NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_raw_query(const nh_url *u);

/**
 * nh_url_request_uri returns the target of a request line: path and query. Go's URL.RequestURI.
 *
 * NULL gives NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_request_uri(const nh_url *u);

/**
 * nh_url_path returns the decoded path, and its length.
 *
 * NULL and 0 if u or len_out is NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_path(const nh_url *u, size_t *len_out);

/**
 * nh_url_fragment returns the decoded text behind "#"; "" if there is none, and its length.
 *
 * NULL and 0 if u or len_out is NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_fragment(const nh_url *u, size_t *len_out);

/**
 * nh_url_username returns the decoded user name; "" if there is none, and its length.
 *
 * NULL and 0 if u or len_out is NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_username(const nh_url *u, size_t *len_out);

/**
 * nh_url_password returns the decoded password; NULL if there is no colon in the user information, and its length.
 *
 * NULL and 0 if u or len_out is NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until nh_url_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_url_password(const nh_url *u,
                            size_t *len_out);

/**
 * nh_url_is_abs returns 1 if the URL has a scheme, else 0. Go's URL.IsAbs.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_url_is_abs(const nh_url *u);

/**
 * nh_url_query decodes the query and leaves malformed pairs out; NULL gives NULL.
 *
 * More than 10000 pairs give none. Go's URL.Query.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_values_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_values *nh_url_query(const nh_url *u);

/* ========================================================================================================
 * Escaping for URLs and HTML
 * ======================================================================================================== */

/**
 * nh_query_escape escapes text for a key or a value of a query: a space becomes "+".
 *
 * Go's url.QueryEscape; RFC 3986, 2.1.
 *
 * Errors: NH_ERR_INVALID (len_out is NULL, or text is NULL and len is not 0),
 * NH_ERR_TOO_LARGE (cap is not above *len_out)
 * Ownership: text: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_query_escape(const char *text, size_t len, char *buf, size_t cap, size_t *len_out);

/**
 * nh_path_escape escapes text for one segment of a path: "/" and "?" are escaped too.
 *
 * Go's url.PathEscape; RFC 3986, 2.1.
 *
 * Errors: NH_ERR_INVALID (len_out is NULL, or text is NULL and len is not 0),
 * NH_ERR_TOO_LARGE (cap is not above *len_out)
 * Ownership: text: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_path_escape(const char *text, size_t len, char *buf, size_t cap, size_t *len_out);

/**
 * nh_html_escape escapes text so that it is safe inside HTML and its quoted attributes.
 *
 * Escapes <, >, &, single and double quotes. Go's html.EscapeString.
 *
 * Errors: NH_ERR_INVALID (len_out is NULL, or text is NULL and len is not 0),
 * NH_ERR_TOO_LARGE (cap is not above *len_out)
 * Ownership: text: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_html_escape(const char *text, size_t len, char *buf, size_t cap, size_t *len_out);

/**
 * nh_query_unescape undoes nh_query_escape: "%XX" becomes a byte and "+" a space.
 *
 * The result may hold NUL: use the length. Go's url.QueryUnescape.
 *
 * Errors: NH_ERR_INVALID (len_out is NULL, text is NULL and len is not 0, or "%" stands without two hex digits),
 * NH_ERR_TOO_LARGE (cap is not above *len_out)
 * Ownership: text: the library copies; *err: the caller owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_query_unescape(const char *text,
                            size_t len,
                            char *buf,
                            size_t cap,
                            size_t *len_out,
                            nh_error **err);

/**
 * nh_path_unescape undoes nh_path_escape: "%XX" becomes a byte, "+" stays.
 *
 * The result may hold NUL: use the length. Go's url.PathUnescape.
 *
 * Errors: NH_ERR_INVALID (len_out is NULL, text is NULL and len is not 0, or "%" stands without two hex digits),
 * NH_ERR_TOO_LARGE (cap is not above *len_out)
 * Ownership: text: the library copies; *err: the caller owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_path_unescape(const char *text,
                           size_t len,
                           char *buf,
                           size_t cap,
                           size_t *len_out,
                           nh_error **err);

/* ========================================================================================================
 * Dates of HTTP (RFC 9110, 5.6.7)
 * ======================================================================================================== */

/**
 * nh_date_format writes a time as HTTP has it, such as "Sun, 06 Nov 1994 08:49:37 GMT": 29 bytes and a NUL.
 *
 * unix_seconds counts from 1970-01-01 00:00:00 UTC and may be negative. Go's TimeFormat.
 *
 * Errors: NH_ERR_INVALID (len_out is NULL, or the year is not 0 to 9999), NH_ERR_TOO_LARGE (cap is below 30)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_date_format(int64_t unix_seconds, char *buf, size_t cap, size_t *len_out);

/**
 * nh_date_parse reads a date in one of the three forms of HTTP: IMF-fixdate, RFC 850 and asctime.
 *
 * *unix_seconds_out counts from 1970-01-01 00:00:00 UTC; earlier dates are refused. Go's ParseTime.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, or text is no such date)
 * Ownership: text: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_date_parse(const char *text, int64_t *unix_seconds_out);

/* ========================================================================================================
 * Basic authentication (RFC 7617)
 * ======================================================================================================== */

/**
 * nh_basic_auth_make writes the value of an Authorization field for a user name and a password.
 *
 * Go's Request.SetBasicAuth.
 *
 * Errors: NH_ERR_INVALID (username, password or len_out is NULL, or the name holds a colon),
 * NH_ERR_TOO_LARGE (cap is not above *len_out)
 * Ownership: username, password: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_basic_auth_make(const char *username,
                             const char *password,
                             char *buf,
                             size_t cap,
                             size_t *len_out);

/**
 * nh_basic_auth_parse reads user name and password from the value of an Authorization field.
 *
 * Both are decoded bytes and may hold NUL: use the lengths. Go's Request.BasicAuth.
 *
 * Errors: NH_ERR_INVALID (a pointer other than the buffers is NULL), NH_ERR_NOT_FOUND (the value is of another
 * scheme or malformed), NH_ERR_TOO_LARGE (a buffer is too small; both lengths are set)
 * Ownership: value: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_basic_auth_parse(const char *value,
                              char *username_buf,
                              size_t username_cap,
                              size_t *username_len_out,
                              char *password_buf,
                              size_t password_cap,
                              size_t *password_len_out);

/* ========================================================================================================
 * Media types of content
 * ======================================================================================================== */

/**
 * nh_detect_content_type tells the media type of content by its first 512 bytes, such as "image/png" or
 * "text/html; charset=utf-8"; "application/octet-stream" where none fits better. Go's DetectContentType.
 *
 * A response writer does this for bodies whose handler has set no Content-Type. NULL with a length gives NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the program ends
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_detect_content_type(const void *data,
                                   size_t len);

/* ========================================================================================================
 * Requests: what a program builds to send, and what it may ask of any request
 * ======================================================================================================== */

/**
 * nh_request_new makes a request of a method ("" is GET) and an absolute URL: Go's NewRequest.
 *
 * The URL is checked here; a scheme that cannot be sent is refused by nh_client_do.
 *
 * Errors: NH_ERR_INVALID (method, url or out is NULL, the method is no token, the URL is malformed)
 * Ownership: *out: the caller owns; method and url: the library copies
 * Threads: any thread
 * Since: 0.1.0
 */
nh_result nh_request_new(const char *method, const char *url, nh_request **out, nh_error **err);

/**
 * nh_request_free ends a request that the caller owns. A body that an unread response still sends is kept until
 * that is closed. NULL is fine; so is a request that a server's handler got, for which nothing happens.
 *
 * Errors: none
 * Ownership: r: the library takes
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
void nh_request_free(nh_request *r);

/**
 * nh_request_set_method changes the method; "" is GET.
 *
 * Errors: NH_ERR_INVALID (r or method is NULL, or it is no token), NH_ERR_BUSY (r is being sent)
 * Ownership: method: the library copies
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_method(nh_request *r, const char *method);

/**
 * nh_request_set_url changes where the request goes.
 *
 * Errors: NH_ERR_INVALID (r or url is NULL, or the URL is malformed), NH_ERR_BUSY (r is being sent)
 * Ownership: url: the library copies
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_url(nh_request *r, const char *url, nh_error **err);

/**
 * nh_request_set_header sets a field to one value, in place of all that it had: Go's Header.Set.
 *
 * Host, Content-Length, Transfer-Encoding and Trailer are made from the request's other parts and are not sent
 * from the header.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, name is no token, value has control bytes), NH_ERR_BUSY (r is
 * being sent)
 * Ownership: name and value: the library copies
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_header(nh_request *r,
                                const char *name,
                                const char *value);

/**
 * nh_request_add_header adds a field to those that are there: Go's Header.Add.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, name is no token, value has control bytes), NH_ERR_BUSY (r is
 * being sent)
 * Ownership: name and value: the library copies
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_add_header(nh_request *r, const char *name, const char *value);

/**
 * nh_request_header lends the header for reading and changing. NULL for NULL, and while r is being sent.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the request is freed
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_header *nh_request_header(nh_request *r);

/**
 * nh_request_set_trailer adds a field that is sent behind a body of unknown length (RFC 9110, 6.5).
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, name is no token or may not be in a trailer, value has control
 * bytes), NH_ERR_BUSY (r is being sent)
 * Ownership: name and value: the library copies
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_trailer(nh_request *r, const char *name, const char *value);

/**
 * nh_request_set_host sets what the Host field says; "" is what the URL says.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_BUSY (r is being sent)
 * Ownership: host: the library copies
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_host(nh_request *r, const char *host);

/**
 * nh_request_set_close asks with 1 that the connection ends after this exchange; 0 is the default.
 *
 * Errors: NH_ERR_INVALID (r is NULL, or on is not 0 or 1), NH_ERR_BUSY (r is being sent)
 * Ownership: nothing changes hands
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_close(nh_request *r, int32_t on);

/**
 * nh_request_set_timeout bounds the whole exchange, reading the body included, in milliseconds; in place of what
 * nh_client_set_timeout says. NH_TIMEOUT_NONE, the default, leaves it to the client.
 *
 * Errors: NH_ERR_INVALID (r is NULL, or ms is negative and not -1), NH_ERR_BUSY (r is being sent)
 * Ownership: nothing changes hands
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_timeout(nh_request *r,
                                 int64_t ms);

/**
 * nh_request_set_cancel has the token end the request, and the reading of its response's body, when it fires.
 *
 * NULL takes the token away.
 *
 * Errors: NH_ERR_INVALID (r is NULL), NH_ERR_BUSY (r is being sent)
 * Ownership: nothing changes hands
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_cancel(nh_request *r, const nh_cancel_token *t);

/* ========================================================================================================
 * Bodies of requests: bytes, files, callbacks
 * ======================================================================================================== */

/**
 * nh_body_read_fn gives the next piece of a request's body: it writes at most cap bytes to buf and their number to
 * *n_out. NH_OK with 0 bytes ends the body; any other result aborts the request and is told in its error, as does NH_OK
 * that leaves *n_out as it was.
 *
 * It is called only on the thread that is inside nh_client_do, or inside nh_response_body_read or
 * nh_response_body_close of the request's response. It may block, and may call functions of the library, but none
 * on this request or its response.
 */
typedef nh_result (*nh_body_read_fn)(void *userdata, void *buf, size_t cap, size_t *n_out);

/**
 * nh_body_rewind_fn goes back to the body's first byte, so that it can be sent again. NH_OK if that worked.
 *
 * It is called on the thread that is inside nh_client_do, and may block.
 */
typedef nh_result (*nh_body_rewind_fn)(void *userdata);

/**
 * nh_request_set_body gives the request a body of bytes. (NULL, 0) takes the body away.
 *
 * Errors: NH_ERR_INVALID (r is NULL, or data is NULL and len is not 0), NH_ERR_BUSY (r is being sent)
 * Ownership: data: the library copies
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_body(nh_request *r, const void *data, size_t len);

/**
 * nh_request_set_body_borrowed gives the request a body of bytes that are not copied.
 *
 * They must stay as they are until free_userdata(userdata) is called: when the body is replaced or the request
 * freed, and no response is left that may still send it. It is called exactly once, also if this call fails.
 *
 * Errors: NH_ERR_INVALID (r is NULL, or data is NULL and len is not 0), NH_ERR_BUSY (r is being sent)
 * Ownership: data: the caller owns; userdata: the library takes, and ends it by free_userdata
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_body_borrowed(nh_request *r,
                                       const void *data,
                                       size_t len,
                                       void *userdata,
                                       nh_free_fn free_userdata);

/**
 * nh_request_set_body_file gives the request the content of a file, which is opened now and read while it is
 * sent. What is no regular file is sent with unknown length.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, or path is a directory), NH_ERR_IO (the file cannot be opened),
 * NH_ERR_BUSY (r is being sent)
 * Ownership: path: the library copies
 * Threads: one thread at a time per request. It may block: the file system.
 * Since: 0.1.0
 */
nh_result nh_request_set_body_file(nh_request *r,
                                   const char *path,
                                   nh_error **err);

/**
 * nh_request_set_body_fd gives the request what can be read from a descriptor, from where it stands. The
 * descriptor is duplicated: the caller may close its own at once, but both share one position.
 *
 * Errors: NH_ERR_INVALID (r is NULL, or fd is negative or a directory), NH_ERR_IO (fd is not open), NH_ERR_BUSY (r
 * is being sent)
 * Ownership: fd: the caller owns
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_body_fd(nh_request *r,
                                 ptrdiff_t fd,
                                 nh_error **err);

/**
 * nh_request_set_body_callback gives the request a body that the program makes while it is sent.
 *
 * length is in bytes, or -1 for an unknown one, which is sent chunked; a body of another length than declared is an
 * error. rewind may be NULL: then the body can be sent once only. free_userdata is called exactly once, also if
 * this call fails.
 *
 * Errors: NH_ERR_INVALID (r or read is NULL, or length is below -1), NH_ERR_BUSY (r is being sent)
 * Ownership: userdata: the library takes, and ends it by free_userdata
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_body_callback(nh_request *r,
                                       int64_t length,
                                       nh_body_read_fn read,
                                       nh_body_rewind_fn rewind,
                                       void *userdata,
                                       nh_free_fn free_userdata);

/* ========================================================================================================
 * Copies of requests, to send them elsewhere or once more
 * ======================================================================================================== */

/**
 * nh_request_clone copies a request that is to be sent. A body of bytes is shared, not copied; one of a file or a
 * callback is shared too, so only one of the two requests can send it at a time.
 *
 * Errors: NH_ERR_INVALID (r or out is NULL, or r was received by a server), NH_ERR_BUSY (r is being sent)
 * Ownership: *out: the caller owns
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_clone(nh_request *r,
                           nh_request **out,
                           nh_error **err);

/**
 * nh_request_clone_outbound makes a request to be sent from one that a server received: method, header and host
 * are copied, fields that belong to the connection and the body are not. url is where it goes.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, or the URL is malformed)
 * Ownership: *out: the caller owns; url: the library copies
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_clone_outbound(const nh_request *r,
                                    const char *url,
                                    nh_request **out,
                                    nh_error **err);

/* ========================================================================================================
 * What a received request came by: both ends of its connection, and what TLS has agreed on
 * ======================================================================================================== */

/**
 * nh_request_remote_addr writes the peer's address as "127.0.0.1:4711" to buf, with its NUL; *len_out is
 * its length without it, also when cap is too small. A Unix socket's is its path, or "@" if it has no name, as those
 * of clients.
 *
 * Errors: NH_ERR_INVALID (r or len_out is NULL), NH_ERR_TOO_LARGE (buf is NULL or cap too small),
 * NH_ERR_STATE (r was not received)
 * Ownership: the library copies to buf.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
nh_result nh_request_remote_addr(const nh_request *r,
                                 char *buf,
                                 size_t cap,
                                 size_t *len_out);

/**
 * nh_request_local_addr writes the address that the peer is connected to, as nh_request_remote_addr does with the
 * peer's own. Follows Go's LocalAddrContextKey.
 *
 * Errors: NH_ERR_INVALID (r or len_out is NULL), NH_ERR_TOO_LARGE (buf is NULL or cap too small),
 * NH_ERR_STATE (r was not received, or its connection is gone)
 * Ownership: the library copies to buf.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
nh_result nh_request_local_addr(const nh_request *r,
                                char *buf,
                                size_t cap,
                                size_t *len_out);

/**
 * nh_request_tls_version is NH_TLS_1_2 or NH_TLS_1_3, or 0 if the request came without TLS. Follows Go's Request.TLS.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
int32_t nh_request_tls_version(const nh_request *r);

/**
 * nh_request_tls_cipher_suite is the suite's name, such as "TLS_AES_128_GCM_SHA256". NULL without TLS.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const char *nh_request_tls_cipher_suite(const nh_request *r);

/**
 * nh_request_tls_alpn is the protocol that was agreed on by ALPN, such as "http/1.1". NULL if none was, and without
 * TLS.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const char *nh_request_tls_alpn(const nh_request *r);

/**
 * nh_request_tls_server_name is the name that the client asked for in its handshake, in small letters; "" if it asked
 * for none. NULL without TLS.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const char *nh_request_tls_server_name(const nh_request *r);

/**
 * nh_request_tls_resumed is 1 if the connection's session went on from an earlier one, else 0.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
int32_t nh_request_tls_resumed(const nh_request *r);

/**
 * nh_request_tls_peer_certificate_count is how many certificates the client has shown. 0 without TLS.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
size_t nh_request_tls_peer_certificate_count(const nh_request *r);

/**
 * nh_request_tls_peer_certificate_at is a certificate that the client has shown, in DER, its own at 0; *len_out, which
 * must not be NULL, is its length. NULL past the last.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const void *nh_request_tls_peer_certificate_at(const nh_request *r,
                                               size_t index,
                                               size_t *len_out);

/* ========================================================================================================
 * What may be asked of any request, sent or received: Go's fields of Request
 * ======================================================================================================== */

/**
 * nh_request_url is the URL that was given to nh_request_new. For a received request it is Go's
 * Request.URL.String(): "/path?query", the whole URL if the request line has one, "*" of OPTIONS, "//host:port" of
 * CONNECT. Inside nh_strip_prefix and nh_allow_query_semicolons it is what these make of it. NULL for NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the URL changes or the request ends
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
const char *nh_request_url(const nh_request *r);

/**
 * nh_request_proto_major is the 1 of "HTTP/1.0"; 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
int32_t nh_request_proto_major(const nh_request *r);

/**
 * nh_request_proto_minor is the 0 of "HTTP/1.0"; 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
int32_t nh_request_proto_minor(const nh_request *r);

/**
 * nh_request_transfer_encoding is "chunked" if the body is, else NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the program ends
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
const char *nh_request_transfer_encoding(const nh_request *r);

/**
 * nh_request_close is 1 if the connection ends after this exchange, else 0.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
int32_t nh_request_close(const nh_request *r);

/**
 * nh_request_trailer is the trailer: what nh_request_set_trailer set, or what was received, whole once the body
 * was read to its end. NULL for NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the request ends
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
const nh_header *nh_request_trailer(const nh_request *r);

/* ========================================================================================================
 * Clients that go away while their request is served
 * ======================================================================================================== */

/**
 * nh_gone_fn is called when the client has gone: it has closed its side, or the connection broke. It runs on a thread
 * of the server's for such calls, and should be brief, since others wait behind it. It must not touch the request or
 * its writer, which are another thread's.
 */
typedef void (*nh_gone_fn)(void *userdata);

/**
 * nh_request_set_gone_callback has fn called, once, if the client goes away before the exchange has ended; at once if
 * it has gone already. fn NULL takes it away, as nh_request_cancel_token does. When the exchange has ended fn is not
 * called any more, and a call that goes on is waited for.
 *
 * A client that closes its sending side alone, to wait for the answer, counts as gone, as in Go. Under TLS it is the
 * end of the connection beneath that is told.
 *
 * Errors: NH_ERR_INVALID (r is NULL), NH_ERR_STATE (r was not received by a server), NH_ERR_UNSUPPORTED (r came from an
 * nh_reader), NH_ERR_NO_RESOURCES (there is no descriptor or thread left)
 * Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_gone_callback(nh_request *r,
                                       nh_gone_fn gone_fn,
                                       void *userdata,
                                       nh_free_fn free_userdata,
                                       nh_error **err);

/**
 * nh_request_cancel_token gives a token that fires when the client goes away: for the requests that a handler makes on
 * its behalf, by nh_request_set_cancel. It takes the place of nh_request_set_gone_callback. Go's Request.Context.
 *
 * Errors: NH_ERR_INVALID (r or out is NULL), NH_ERR_STATE (r was not received by a server), NH_ERR_UNSUPPORTED (r came
 * from an nh_reader), NH_ERR_NO_RESOURCES (there is no descriptor or thread left)
 * Ownership: *out: the caller owns, and ends it by nh_cancel_token_free
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_cancel_token(nh_request *r,
                                  nh_cancel_token **out,
                                  nh_error **err);

/* ========================================================================================================
 * Progress of a request's body and of its answer's
 * ======================================================================================================== */

/**
 * nh_progress_fn is told how many bytes of the request's body were sent and how many of the answer's were read, and
 * how many there are in all, -1 if that is not known. Any answer but NH_OK ends the exchange with NH_ERR_ABORTED.
 *
 * It is called once in 100 ms at most, and at the end of each body, on the thread that is inside nh_client_do or
 * reads the answer. What was handed to the system counts as sent; what gzip makes of an answer counts as read, and
 * its whole is unknown. A body that is sent again, for a redirect or on another connection, counts anew.
 */
typedef nh_result (*nh_progress_fn)(int64_t sent,
                                    int64_t to_send,
                                    int64_t received,
                                    int64_t to_receive,
                                    void *userdata);

/**
 * nh_request_set_progress has a callback told how far the request and its answer are. fn NULL takes it away.
 *
 * free_userdata is called exactly once: when the callback is replaced or the request freed, and no response is left
 * that may still call it, or at once if this call fails.
 *
 * Errors: NH_ERR_INVALID (r is NULL), NH_ERR_BUSY (r is being sent)
 * Ownership: userdata: the library takes, and ends it by free_userdata
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_progress(nh_request *r,
                                  nh_progress_fn callback,
                                  void *userdata,
                                  nh_free_fn free_userdata);

/* ========================================================================================================
 * The target that a request is sent with, where it is not its URL's
 * ======================================================================================================== */

/**
 * nh_request_set_target sets what the request line says in place of the URL's path and query: "*" for OPTIONS, or an
 * absolute target, as Go's URL.Opaque. The URL says where the request goes. nh_request_set_url, and a redirect, take
 * it back.
 *
 * HTTP/2 sends "*", a path, or the path of an absolute target with the URL's host; other targets fail there with
 * NH_ERR_INVALID, as does "*" with another method when it is sent.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, or the target is empty or has a space or a control character),
 * NH_ERR_BUSY (r is being sent)
 * Ownership: target: the library copies
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_target(nh_request *r,
                                const char *target);

/* ========================================================================================================
 * nh_trace_event: the steps of an exchange, told to the program as they happen
 * ======================================================================================================== */

/** NH_TRACE_GET_CONN: a connection is wanted; nh_trace_event_address is where to. Go's GetConn. */
#define NH_TRACE_GET_CONN 1
/** NH_TRACE_GOT_CONN: there is one; see nh_trace_event_reused, _was_idle, _idle_time. Go's GotConn. */
#define NH_TRACE_GOT_CONN 2

/**
 * NH_TRACE_PUT_IDLE_CONN: the connection went back to the pool, or not (nh_trace_event_error):
 * with the last byte of the body, so before nh_client_do returns if all of that came with the head. Go's PutIdleConn.
 */
#define NH_TRACE_PUT_IDLE_CONN 3

/** NH_TRACE_FIRST_BYTE: the answer's first byte came. Go's GotFirstResponseByte. */
#define NH_TRACE_FIRST_BYTE 4
/** NH_TRACE_CONTINUE: the server wants the body (100 Continue). Go's Got100Continue. */
#define NH_TRACE_CONTINUE 5

/**
 * NH_TRACE_INFORMATIONAL: an answer of 1xx other than 101; nh_trace_event_status and _header have it. Go's
 * Got1xxResponse.
 */
#define NH_TRACE_INFORMATIONAL 6

/** NH_TRACE_DNS_START: the name in nh_trace_event_address is looked up. Go's DNSStart. */
#define NH_TRACE_DNS_START 7
/** NH_TRACE_DNS_DONE: nh_trace_event_address_at has what was found, nh_trace_event_error why nothing. Go's DNSDone. */
#define NH_TRACE_DNS_DONE 8
/** NH_TRACE_CONNECT_START: connecting to nh_trace_event_address; several may go on at once. Go's ConnectStart. */
#define NH_TRACE_CONNECT_START 9
/** NH_TRACE_CONNECT_DONE: connected to nh_trace_event_address, or not (nh_trace_event_error). Go's ConnectDone. */
#define NH_TRACE_CONNECT_DONE 10
/** NH_TRACE_TLS_START: the handshake with the server begins. Go's TLSHandshakeStart. */
#define NH_TRACE_TLS_START 11

/**
 * NH_TRACE_TLS_DONE: nh_trace_event_tls_version and its like have what was agreed on, or nh_trace_event_error why
 * nothing was. Go's TLSHandshakeDone.
 */
#define NH_TRACE_TLS_DONE 12

/** NH_TRACE_WROTE_FIELD: a header field, nh_trace_event_name and _value, went out. Go's WroteHeaderField. */
#define NH_TRACE_WROTE_FIELD 13
/** NH_TRACE_WROTE_HEADERS: the request's head went out. Go's WroteHeaders. */
#define NH_TRACE_WROTE_HEADERS 14
/** NH_TRACE_WAIT_CONTINUE: the body waits for 100 Continue. Go's Wait100Continue. */
#define NH_TRACE_WAIT_CONTINUE 15
/** NH_TRACE_WROTE_REQUEST: the request went out whole, or not (nh_trace_event_error). Go's WroteRequest. */
#define NH_TRACE_WROTE_REQUEST 16

/**
 * nh_trace_fn is told a step of an exchange. The event is borrowed until it returns.
 *
 * It is called on the thread that is inside nh_client_do, or that reads or closes the answer; what a dial has done on a
 * thread of the pool's is told there too, with the times at which it was done, as soon as the caller wakes for it, and
 * before NH_TRACE_GOT_CONN. A dial whose request went on with another connection is not told of any more. It may
 * block, and must not call functions on the request or the response.
 *
 * The result counts after NH_TRACE_INFORMATIONAL alone: any but NH_OK ends the exchange with NH_ERR_ABORTED.
 */
typedef nh_result (*nh_trace_fn)(const nh_trace_event *e, void *userdata);

/**
 * nh_request_set_trace has a function told each step of the exchanges that send this request: those of redirects
 * too, and again where it is sent on another connection. fn NULL takes it away. Go's httptrace.WithClientTrace.
 *
 * With a trace the informational answers of a server count against no limit together, each for itself does: the
 * function can end the exchange.
 *
 * Errors: NH_ERR_INVALID (r is NULL), NH_ERR_BUSY (r is being sent)
 * Ownership: userdata: the library takes, also on failure, and ends it by free_userdata, when no request and no
 * response is left that could call fn
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_trace(nh_request *r,
                               nh_trace_fn trace_fn,
                               void *userdata,
                               nh_free_fn free_userdata);

/**
 * nh_trace_event_kind is an NH_TRACE_ number; 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
int32_t nh_trace_event_kind(const nh_trace_event *e);

/**
 * nh_trace_event_time is when it happened, in microseconds since this hop of the exchange began; -1 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
int64_t nh_trace_event_time(const nh_trace_event *e);

/**
 * nh_trace_event_address is the host and port of NH_TRACE_GET_CONN, the peer's address of NH_TRACE_GOT_CONN and
 * NH_TRACE_CONNECT_START and _DONE, and the name of NH_TRACE_DNS_START; NULL in other events.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the callback returns
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
const char *nh_trace_event_address(const nh_trace_event *e);

/**
 * nh_trace_event_address_count is how many addresses NH_TRACE_DNS_DONE has found.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
size_t nh_trace_event_address_count(const nh_trace_event *e);

/**
 * nh_trace_event_address_at is the i-th address that NH_TRACE_DNS_DONE has found, counted from 0, without a port; NULL
 * beyond the last.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the callback returns
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
const char *nh_trace_event_address_at(const nh_trace_event *e,
                                      size_t i);

/**
 * nh_trace_event_reused is 1 if the connection of NH_TRACE_GOT_CONN has served another request before, else 0.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
int32_t nh_trace_event_reused(const nh_trace_event *e);

/**
 * nh_trace_event_idle_time is how long the connection of NH_TRACE_GOT_CONN had been idle, in microseconds; -1 if it was
 * not: it is new, or came straight from another request.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
int64_t nh_trace_event_idle_time(const nh_trace_event *e);

/**
 * nh_trace_event_status is the status code of NH_TRACE_INFORMATIONAL, 0 in other events.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
int32_t nh_trace_event_status(const nh_trace_event *e);

/**
 * nh_trace_event_header is the header of NH_TRACE_INFORMATIONAL, NULL in other events.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the callback returns
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
const nh_header *nh_trace_event_header(const nh_trace_event *e);

/**
 * nh_trace_event_name is the field's name of NH_TRACE_WROTE_FIELD, NULL in other events.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the callback returns
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
const char *nh_trace_event_name(const nh_trace_event *e);

/**
 * nh_trace_event_value is the field's value of NH_TRACE_WROTE_FIELD, NULL in other events. It is what was sent:
 * credentials too.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the callback returns
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
const char *nh_trace_event_value(const nh_trace_event *e);

/**
 * nh_trace_event_tls_version is NH_TLS_1_2 or NH_TLS_1_3 after NH_TRACE_TLS_DONE without an error, else 0.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
int32_t nh_trace_event_tls_version(const nh_trace_event *e);

/**
 * nh_trace_event_tls_cipher_suite is the suite's name after NH_TRACE_TLS_DONE without an error, else NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the callback returns
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
const char *nh_trace_event_tls_cipher_suite(const nh_trace_event *e);

/**
 * nh_trace_event_tls_alpn is the protocol that NH_TRACE_TLS_DONE has agreed on by ALPN, "" if none, else NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the callback returns
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
const char *nh_trace_event_tls_alpn(const nh_trace_event *e);

/**
 * nh_trace_event_tls_resumed is 1 if NH_TRACE_TLS_DONE has resumed a session, else 0.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
int32_t nh_trace_event_tls_resumed(const nh_trace_event *e);

/**
 * nh_trace_event_error is why the step failed, NULL if it did not.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the callback returns
 * Threads: the thread of the callback
 * Since: 0.1.0
 */
const nh_error *nh_trace_event_error(const nh_trace_event *e);

/* ========================================================================================================
 * What a program attaches to a request on its way through handlers
 * ======================================================================================================== */

/**
 * nh_request_set_value attaches a value to a request by a name, to be read back by whoever serves it further down, or
 * answers it later. One of the same name is replaced. NULL takes it away. Go's context values.
 *
 * free_value is called when the value is replaced, or the exchange has ended.
 *
 * Errors: NH_ERR_INVALID (r or key is NULL, key is empty, or r was not received by a server)
 * Ownership: key: the library copies; value: the library takes, also on failure, and ends it by free_value
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_value(nh_request *r,
                               const char *key,
                               void *value,
                               nh_free_fn free_value);

/**
 * nh_request_value is what was attached to a request by that name, or else to its server; NULL if nothing was.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the value is replaced or the exchange has ended
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
void *nh_request_value(const nh_request *r,
                       const char *key);

/**
 * nh_server_set_base_value attaches a value to all requests of a server by a name, as nh_request_set_value does to one;
 * one of the same name is replaced. Set it before the server starts. Go's BaseContext.
 *
 * Errors: NH_ERR_INVALID (s or key is NULL, or key is empty), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s
 * was made before a fork)
 * Ownership: key: the library copies; value: the library takes, also on failure, and ends it by free_value
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_server_set_base_value(nh_server *s,
                                   const char *key,
                                   void *value,
                                   nh_free_fn free_value);

/**
 * nh_request_conn_id is the number of the connection that a request came by, the same that nh_server_conn_id tells, so
 * that a program can keep something for each connection and end it with NH_CONN_STATE_CLOSED; 0 where
 * nh_server_set_conn_state_callback was not called. Go's ConnContext.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
uint64_t nh_request_conn_id(const nh_request *r);

/* ========================================================================================================
 * Requests written to any stream
 * ======================================================================================================== */

/**
 * nh_write_fn takes the next bytes of a message, all of them. NH_OK goes on; any other result ends the writing.
 *
 * It is called only on the thread that is inside the function that writes, may block, and may call functions of the
 * library, but none on the message that is being written.
 */
typedef nh_result (*nh_write_fn)(void *userdata, const void *data, size_t len);

/**
 * nh_request_write writes a request that is to be sent as it goes over the wire, its body included. Go's
 * Request.Write. nh_read_request reads it at the other end.
 *
 * Errors: NH_ERR_INVALID (r or fn is NULL, or the request cannot be sent), NH_ERR_BUSY (r is being sent),
 * NH_ERR_BODY_SPENT (its body was sent and cannot be rewound), NH_ERR_BODY_LENGTH (its body is not as long as
 * declared), NH_ERR_ABORTED (its body's callback asked to stop), NH_ERR_IO (fn failed), NH_ERR_FORKED (r was made
 * before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread. It may block: fn, and where the body comes from.
 * Since: 0.1.0
 */
nh_result nh_request_write(nh_request *r,
                           nh_write_fn write_fn,
                           void *userdata,
                           nh_error **err);

/**
 * nh_request_write_proxy is nh_request_write for a proxy, which is told the whole URL: Go's Request.WriteProxy.
 *
 * Errors: NH_ERR_INVALID (r or fn is NULL, or the request cannot be sent), and those of nh_request_write
 * Ownership: nothing changes hands
 * Threads: any thread. It may block: fn, and where the body comes from.
 * Since: 0.1.0
 */
nh_result nh_request_write_proxy(nh_request *r,
                                 nh_write_fn write_fn,
                                 void *userdata,
                                 nh_error **err);

/* ========================================================================================================
 * Responses: what was answered
 * ======================================================================================================== */

/**
 * nh_response_status_code is the status, such as 200. 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
int32_t nh_response_status_code(const nh_response *r);

/**
 * nh_response_status is the status with its text as it was received, such as "200 OK". NULL for NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the response is freed
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
const char *nh_response_status(const nh_response *r);

/**
 * nh_response_proto is the version as the server sent it, such as "HTTP/1.1", "HTTP/1.0" or "HTTP/2.0". NULL for NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the program ends
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
const char *nh_response_proto(const nh_response *r);

/**
 * nh_response_proto_major is the 1 of "HTTP/1.0". 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
int32_t nh_response_proto_major(const nh_response *r);

/**
 * nh_response_proto_minor is the 0 of "HTTP/1.0". 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
int32_t nh_response_proto_minor(const nh_response *r);

/**
 * nh_response_header is the header, without Transfer-Encoding and Trailer, which the library has dealt with. NULL
 * for NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the response is freed
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
const nh_header *nh_response_header(const nh_response *r);

/**
 * nh_response_trailer is what came behind a chunked body, whole once the body was read to its end, empty before.
 * NULL for NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the response is freed
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
const nh_header *nh_response_trailer(const nh_response *r);

/**
 * nh_response_content_length is the body's length in bytes, -1 if it is unknown; in an answer to HEAD what GET
 * would have. -1 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
int64_t nh_response_content_length(const nh_response *r);

/**
 * nh_response_transfer_encoding is "chunked" if the body came so, else NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the program ends
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
const char *nh_response_transfer_encoding(const nh_response *r);

/**
 * nh_response_uncompressed is 1 if the body came in gzip, which the library asked for and undoes, else 0. Go's
 * Response.Uncompressed.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
int32_t nh_response_uncompressed(const nh_response *r);

/**
 * nh_response_close is 1 if the server ends the connection after this answer, else 0.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
int32_t nh_response_close(const nh_response *r);

/**
 * nh_response_request is the request as it was sent to get this answer, without its body: after redirects the last
 * one. Later changes of the caller's request do not show. NULL for NULL, and where nh_read_response was told of none.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the response is freed
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
const nh_request *nh_response_request(const nh_response *r);

/**
 * nh_response_remote_addr is the server's address and port, such as "127.0.0.1:80". NULL for NULL, and for a
 * response from nh_read_response.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the response is freed
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
const char *nh_response_remote_addr(const nh_response *r);

/**
 * nh_response_local_addr is this side's address and port. NULL for NULL, and for a response from
 * nh_read_response.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the response is freed
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
const char *nh_response_local_addr(const nh_response *r);

/**
 * nh_response_free closes the body and ends the response with all that was borrowed from it. NULL is fine.
 *
 * Errors: none
 * Ownership: r: the library takes
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
void nh_response_free(nh_response *r);

/* ========================================================================================================
 * A response's body, by pull
 * ======================================================================================================== */

/**
 * nh_response_body_read reads what is there of the body, at least one byte, at most cap, waiting if there is
 * nothing. NH_OK with 0 bytes is the end. After an error all reads fail with it.
 *
 * The connection returns to the client's pool with the last byte.
 *
 * Errors: NH_ERR_INVALID (an argument but err is NULL, or cap is 0), NH_ERR_UNEXPECTED_EOF (the body was cut),
 * NH_ERR_PROTOCOL (its framing or its gzip is broken), NH_ERR_TOO_LARGE (its framing or trailer is, or what gzip makes
 * of it), NH_ERR_IO,
 * NH_ERR_TIMEOUT, NH_ERR_CANCELED, NH_ERR_CLOSED (after nh_response_body_close), NH_ERR_ABORTED (the request's
 * body, which is still being sent, has failed), NH_ERR_BODY_LENGTH (likewise), NH_ERR_NO_RESOURCES (no
 * memory for what has come), NH_ERR_FORKED
 * Ownership: buf: the caller owns
 * Threads: one thread at a time per response. It may block: the peer, up to the client's timeouts.
 * Since: 0.1.0
 */
nh_result nh_response_body_read(nh_response *r,
                                void *buf,
                                size_t cap,
                                size_t *n_out,
                                nh_error **err);

/**
 * nh_response_body_read_all reads the rest of the body, at most max bytes, and lends it, with a NUL behind it.
 *
 * A longer body is NH_ERR_TOO_LARGE, and its connection is dropped.
 *
 * Errors: NH_ERR_INVALID (r, data_out or len_out is NULL), NH_ERR_TOO_LARGE (the body is longer than max),
 * NH_ERR_NO_RESOURCES (there is no memory for it; its connection is dropped), and those of nh_response_body_read
 * Ownership: *data_out: the library owns; borrowed until the next call for this response
 * Threads: one thread at a time per response. It may block: the peer, up to the client's timeouts.
 * Since: 0.1.0
 */
nh_result nh_response_body_read_all(nh_response *r,
                                    size_t max,
                                    const void **data_out,
                                    size_t *len_out,
                                    nh_error **err);

/**
 * nh_response_body_save writes the rest of the body to a file, which is created or emptied first. *n_out, which may
 * be NULL, is how many bytes were written, also where the call failed.
 *
 * Errors: NH_ERR_INVALID (r or path is NULL), NH_ERR_IO (the file cannot be written), and those of
 * nh_response_body_read
 * Ownership: path: the library copies
 * Threads: one thread at a time per response. It may block: the peer, up to the client's timeouts, and the file.
 * Since: 0.1.0
 */
nh_result nh_response_body_save(nh_response *r,
                                const char *path,
                                uint64_t *n_out,
                                nh_error **err);

/**
 * nh_response_body_close ends the exchange: Go's Body.Close. A small rest of the body is read so that the connection
 * can be used again, for 50 ms at most; else the connection is closed. Reads fail with NH_ERR_CLOSED from then on.
 * NULL is fine.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
void nh_response_body_close(nh_response *r);

/* ========================================================================================================
 * What comes after a switch of protocols
 * ======================================================================================================== */

/**
 * nh_response_take_conn takes the connection of a response after which another protocol is spoken there: 101 Switching
 * Protocols, or a 2xx to CONNECT. What came behind the head is read first. The body is closed from then on. Go's
 * io.ReadWriteCloser in Response.Body.
 *
 * Errors: NH_ERR_INVALID (r or out is NULL), NH_ERR_STATE (the response is no such one, its connection was taken, or
 * its body closed), NH_ERR_NO_RESOURCES (there is no descriptor left), NH_ERR_FORKED (r was made before a fork)
 * Ownership: *out: the caller owns, and ends it by nh_conn_free
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
nh_result nh_response_take_conn(nh_response *r,
                                nh_conn **out,
                                nh_error **err);

/* ========================================================================================================
 * Responses that a program makes, for its round-trippers
 * ======================================================================================================== */

/**
 * nh_response_new makes a response with an empty header and body, for a round-tripper to answer.
 *
 * Errors: NH_ERR_INVALID (out is NULL, or the status is not 200 to 999)
 * Ownership: *out: the caller owns, and ends it by nh_response_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_response_new(int32_t code, nh_response **out);

/**
 * nh_response_set_header replaces all fields of that name by one.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, the value has control bytes), NH_ERR_FORKED (r
 * was made before a fork)
 * Ownership: name and value: the library copies
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
nh_result nh_response_set_header(nh_response *r,
                                 const char *name,
                                 const char *value);

/**
 * nh_response_add_header adds a field beside those of the same name.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, the value has control bytes), NH_ERR_FORKED (r
 * was made before a fork)
 * Ownership: name and value: the library copies
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
nh_result nh_response_add_header(nh_response *r,
                                 const char *name,
                                 const char *value);

/**
 * nh_response_set_body puts bytes in the place of the body; what was there is closed.
 *
 * Errors: NH_ERR_INVALID (r is NULL, or data is NULL and len is not 0), NH_ERR_FORKED (r was made before a fork)
 * Ownership: data: the library copies
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
nh_result nh_response_set_body(nh_response *r,
                               const void *data,
                               size_t len);

/* ========================================================================================================
 * Where the time of an exchange went, and over what it went
 * ======================================================================================================== */

/** NH_TIMING_POOL: from the start until there was a connection, with all of a dial that it waited for. */
#define NH_TIMING_POOL 1
/** NH_TIMING_DNS: how long the name's lookup took; -1 if the connection was there already. */
#define NH_TIMING_DNS 2
/** NH_TIMING_CONNECT: how long connecting took; -1 if the connection was there already. */
#define NH_TIMING_CONNECT 3
/** NH_TIMING_TLS: how long the TLS handshake with the server took; -1 without one. */
#define NH_TIMING_TLS 4
/** NH_TIMING_SENT: from the start until the request was written, or as much of it as went before the answer came. */
#define NH_TIMING_SENT 5
/** NH_TIMING_FIRST_BYTE: from the start until the answer's first byte. */
#define NH_TIMING_FIRST_BYTE 6
/** NH_TIMING_TOTAL: from the start until the body's end was read; -1 before. */
#define NH_TIMING_TOTAL 7

/**
 * nh_response_timing tells in microseconds what an NH_TIMING_ number stands for. After redirects it is that of the last
 * exchange. -1 where there is nothing to tell, for an unknown number, and for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
int64_t nh_response_timing(const nh_response *r,
                           int32_t what);

/**
 * nh_response_reused is 1 if the request went over a connection that was there already, 0 if one was made for it,
 * and for NULL. Go's GotConnInfo.Reused.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
int32_t nh_response_reused(const nh_response *r);

/**
 * nh_response_http2_stream is the number of the stream of HTTP/2 that the response came on, 0 if it came by another
 * version, or over no connection, and for NULL. After redirects it is that of the last exchange.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
uint32_t nh_response_http2_stream(const nh_response *r);

/* ========================================================================================================
 * What TLS has agreed on for a response's connection; all of it absent without TLS
 * ======================================================================================================== */

/**
 * nh_response_tls_version is NH_TLS_1_2 or NH_TLS_1_3, or 0 if the response came without TLS.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
int32_t nh_response_tls_version(const nh_response *r);

/**
 * nh_response_tls_cipher_suite is the suite's name, such as "TLS_AES_128_GCM_SHA256". NULL without TLS.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the response is freed
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
const char *nh_response_tls_cipher_suite(const nh_response *r);

/**
 * nh_response_tls_alpn is the protocol that was agreed on by ALPN, such as "http/1.1". NULL if none was, and without
 * TLS.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the response is freed
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
const char *nh_response_tls_alpn(const nh_response *r);

/**
 * nh_response_tls_server_name is the name that the certificate was checked for. NULL without TLS.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the response is freed
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
const char *nh_response_tls_server_name(const nh_response *r);

/**
 * nh_response_tls_resumed is 1 if the connection's session went on from an earlier one, else 0.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
int32_t nh_response_tls_resumed(const nh_response *r);

/**
 * nh_response_tls_peer_certificate_count is how many certificates the server has shown. 0 without TLS.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
size_t nh_response_tls_peer_certificate_count(const nh_response *r);

/**
 * nh_response_tls_peer_certificate_at is a certificate that the server has shown, in DER, its own at 0; *len_out,
 * which must not be NULL, is its length. NULL past the last.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the response is freed
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
const void *nh_response_tls_peer_certificate_at(const nh_response *r,
                                                size_t index,
                                                size_t *len_out);

/* ========================================================================================================
 * Responses written to any stream
 * ======================================================================================================== */

/**
 * nh_response_write writes a response as it goes over the wire, and reads its body to the end for that. Go's
 * Response.Write. nh_read_response reads it at the other end. What answers a HEAD (nh_response_request) has no body.
 *
 * The body is framed as it was: by its length, or by chunks with the trailer behind them; without either the end of
 * the stream ends it, and Connection: close says so.
 *
 * Errors: NH_ERR_INVALID (r or fn is NULL), NH_ERR_BODY_LENGTH (the body is not as long as declared), NH_ERR_CLOSED (it
 * was closed), NH_ERR_IO (fn failed), NH_ERR_FORKED (r was made before a fork), and those of nh_response_body_read
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response. It may block: fn, and where the body comes from.
 * Since: 0.1.0
 */
nh_result nh_response_write(nh_response *r,
                            nh_write_fn write_fn,
                            void *userdata,
                            nh_error **err);

/* ========================================================================================================
 * Clients: send requests over pooled connections
 * ======================================================================================================== */

/**
 * nh_client_new makes a client with the library's defaults. It starts no thread and opens nothing.
 *
 * Errors: none
 * Ownership: result: the caller owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_client *nh_client_new(void);

/**
 * nh_client_free closes the idle connections and ends the client; responses that are still open may be read on.
 * It waits for the client's own threads, which takes milliseconds. NULL is fine, and so is nh_default_client(),
 * for which nothing happens.
 *
 * Errors: none
 * Ownership: c: the library takes
 * Threads: any thread, once, while no other call uses the client. It may block: the program's own dials.
 * Since: 0.1.0
 */
void nh_client_free(nh_client *c);

/**
 * nh_default_client is a client that all parts of a program may share: Go's DefaultClient. It is made on first use
 * and never freed.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the program ends
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_client *nh_default_client(void);

/**
 * nh_client_do sends a request and answers when the head of the response is there: Go's Client.Do.
 *
 * A status of 400 or 500 is no error. The response must be freed; its body is read by nh_response_body_read. The
 * request is unchanged and may be sent again. A connection that went stale in the pool is replaced without notice
 * where sending again is safe.
 *
 * Redirects are followed: 301, 302 and 303 by GET (HEAD stays HEAD) without a body, 307 and 308 by the same method and
 * body; where that was a callback's that cannot rewind, the redirect itself is the answer. Authorization and Cookie
 * go to the same host and those beneath it only. Timeout and token count for all of it. Where a redirect is refused,
 * *out is the answer that asked for it, its body closed: the one case in which *out is set beside an error.
 *
 * Errors: NH_ERR_INVALID (an argument but err is NULL, or the request cannot be sent), NH_ERR_BUSY (another thread
 * sends it), NH_ERR_BODY_SPENT (its body was sent and cannot be rewound), NH_ERR_BODY_LENGTH (its body is not as
 * long as declared), NH_ERR_ABORTED (its body's callback asked to stop), NH_ERR_DNS, NH_ERR_CONNECT, NH_ERR_PROXY,
 * NH_ERR_TLS, NH_ERR_IO, NH_ERR_UNEXPECTED_EOF, NH_ERR_PROTOCOL, NH_ERR_TOO_LARGE (the response's head),
 * NH_ERR_REDIRECT (too many, refused, or to what is no URL), NH_ERR_TIMEOUT, NH_ERR_CANCELED,
 * NH_ERR_NO_RESOURCES (no thread or descriptor is left), NH_ERR_FORKED
 * Ownership: *out: the caller owns; r: the caller owns
 * Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_client_do(nh_client *c,
                       nh_request *r,
                       nh_response **out,
                       nh_error **err);

/**
 * nh_get fetches a URL with the default client: Go's Get.
 *
 * Errors: NH_ERR_INVALID (url or out is NULL, or the URL is malformed), and those of nh_client_do
 * Ownership: *out: the caller owns; url: the library copies
 * Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_get(const char *url,
                 nh_response **out,
                 nh_error **err);

/**
 * nh_head asks for a URL's head with the default client: Go's Head.
 *
 * Errors: NH_ERR_INVALID (url or out is NULL, or the URL is malformed), and those of nh_client_do
 * Ownership: *out: the caller owns; url: the library copies
 * Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_head(const char *url,
                  nh_response **out,
                  nh_error **err);

/**
 * nh_post sends bytes to a URL with the default client: Go's Post. content_type may be NULL.
 *
 * Errors: NH_ERR_INVALID (url or out is NULL, data is NULL and len is not 0, the URL or the type is malformed),
 * and those of nh_client_do
 * Ownership: *out: the caller owns; url, content_type and data: the library copies
 * Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_post(const char *url,
                  const char *content_type,
                  const void *data,
                  size_t len,
                  nh_response **out,
                  nh_error **err);

/**
 * nh_client_close_idle closes the connections that wait for a request; those in use are pooled again afterwards.
 * Go's CloseIdleConnections.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_close_idle(nh_client *c);

/**
 * nh_client_idle_count is how many connections wait for a request now. 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
size_t nh_client_idle_count(const nh_client *c);

/**
 * nh_client_dialed_count is how many connections were made so far. 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
size_t nh_client_dialed_count(const nh_client *c);

/**
 * nh_client_reused_count is how many requests so far went over a connection that was there. 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
size_t nh_client_reused_count(const nh_client *c);

/* ========================================================================================================
 * Connections of the program's own making
 * ======================================================================================================== */

/**
 * nh_dial_fn makes a connection: it sets *fd_out to a connected stream socket, which the library takes, and answers
 * NH_OK; or it answers an NH_ERR_ code, or one of its own, which ends the dial. host has no brackets. It should give up
 * after timeout_ms, NH_TIMEOUT_NONE for never: nh_client_free waits for it.
 *
 * A dial belongs to the pool: it runs on one of its threads, several at the same time, and may block; the request that
 * it was begun for may have got another connection, or have ended, meanwhile. It must not call functions on the client.
 */
typedef nh_result (*nh_dial_fn)(const char *host,
                                int32_t port,
                                int64_t timeout_ms,
                                ptrdiff_t *fd_out,
                                void *userdata);

/**
 * nh_client_set_dial has a function make the connections of the client's transport: to servers, and to proxies. fn
 * NULL goes back to the library's own way. Go's Transport.DialContext.
 *
 * It counts for the requests to come: idle connections are closed, and connections in use serve nobody afterwards.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_dial(nh_client *c,
                             nh_dial_fn dial_fn,
                             void *userdata,
                             nh_free_fn free_userdata);

/**
 * nh_client_set_dial_tls has a function make the connections for https URLs, where there is no proxy, with TLS of its
 * own: what is written to the socket is what the server is to read, such as one end of a socketpair at whose other end
 * the program encrypts. The client's TLS settings and its handshake's timeout do not count there. fn NULL goes back to
 * the library's own way. Go's Transport.DialTLSContext.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_dial_tls(nh_client *c,
                                 nh_dial_fn dial_fn,
                                 void *userdata,
                                 nh_free_fn free_userdata);

/* ========================================================================================================
 * Proxies of a client
 * ======================================================================================================== */

/**
 * nh_proxy_fn chooses the proxy for a request: it writes the proxy's URL, with a NUL behind it, to proxy, which has
 * room for cap bytes and is empty before; left empty, the request goes without one. url is the request's URL with
 * its password replaced. NH_OK, or a result that ends the request with NH_ERR_ABORTED.
 *
 * It is called on the thread that is inside nh_client_do, on several at the same time, and may block. It must not
 * call functions on the client.
 */
typedef nh_result (*nh_proxy_fn)(void *userdata, const char *url, char *proxy, size_t cap);

/**
 * nh_client_set_proxy sends the requests to come by way of a proxy, such as "http://user:password@host:3128"; NULL
 * is none, whatever the environment says. Go's ProxyURL.
 *
 * Schemes are http, https (TLS to the proxy), socks5 and socks5h, which are the same: the proxy resolves names.
 * https URLs go through a tunnel, so that the proxy does not see what is in it; http URLs are the proxy's to read.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the URL is malformed or of another scheme), NH_ERR_FORKED (c was made before
 * a fork)
 * Ownership: url: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_proxy(nh_client *c,
                              const char *url,
                              nh_error **err);

/**
 * nh_client_set_proxy_from_environment sends the requests to come by way of the proxies that HTTP_PROXY, HTTPS_PROXY
 * and NO_PROXY name, or these in lower case where the others are not set: the default. Go's ProxyFromEnvironment.
 *
 * The variables are read here, and before that when the client is made. NO_PROXY is a list with commas of names
 * (with what is below them), names with a dot in front (what is below them alone), addresses, networks such as
 * 10.0.0.0/8, each with a port if it is meant alone, or * for all. localhost and loopback addresses have no proxy.
 * Where REQUEST_METHOD is set, in a CGI program, HTTP_PROXY is refused: a request could have set it.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, while no other changes the environment
 * Since: 0.1.0
 */
nh_result nh_client_set_proxy_from_environment(nh_client *c);

/**
 * nh_client_set_proxy_callback lets the program choose a proxy for each request; fn NULL is no proxy. Go's
 * Transport.Proxy.
 *
 * free_userdata is called exactly once, when the callback was replaced or the client freed, also if this call fails.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: userdata: the library takes, and ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_proxy_callback(nh_client *c,
                                       nh_proxy_fn choose,
                                       void *userdata,
                                       nh_free_fn free_userdata);

/**
 * nh_client_add_proxy_header adds a field to what proxies are asked for tunnels with (CONNECT); servers do not see
 * it. Go's ProxyConnectHeader.
 *
 * It counts for tunnels that are made from then on: idle connections are closed, and tunnels in use serve nobody
 * afterwards.
 *
 * Errors: NH_ERR_INVALID (c, name or value is NULL, or the field is malformed), NH_ERR_FORKED (c was made before a
 * fork)
 * Ownership: name and value: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_add_proxy_header(nh_client *c,
                                     const char *name,
                                     const char *value);

/* ========================================================================================================
 * Redirects: how many are followed, and a callback that decides
 * ======================================================================================================== */

/** NH_REDIRECTS_OFF hands every redirect to the program as it is: for nh_client_set_max_redirects. */
#define NH_REDIRECTS_OFF (-1)

/**
 * nh_redirect_fn decides about a redirect: Go's CheckRedirect. next is the request that would be sent, and may be
 * changed; via are the requests that led to it, the first one first. All are borrowed until it returns.
 *
 * NH_OK follows, NH_REDIRECT_USE_LAST makes the redirect the answer, and anything else ends nh_client_do with
 * NH_ERR_REDIRECT. It runs on the thread that is inside nh_client_do, and may block and call every function of the
 * library, but those that send or free next and via.
 */
typedef nh_result (*nh_redirect_fn)(nh_request *next,
                                    const nh_request *const *via,
                                    size_t via_count,
                                    void *userdata);

/**
 * NH_REDIRECT_USE_LAST is what a redirect callback answers to have the redirect itself as the answer, its body
 * unread. Go's ErrUseLastResponse.
 */
#define NH_REDIRECT_USE_LAST 1

/**
 * nh_client_set_max_redirects says which redirect in a row is one too many, 10 by default as in Go: the tenth is
 * NH_ERR_REDIRECT, "stopped after 10 redirects". NH_REDIRECTS_OFF: none is followed, and a redirect is an answer like
 * any other. It takes the place of a callback.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or n is below -1), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_max_redirects(nh_client *c,
                                      int32_t n);

/**
 * nh_client_set_redirect_callback has the program decide about each redirect, alone: there is no other limit then,
 * so look at via_count. fn NULL goes back to the limit of 10. Go's CheckRedirect.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: userdata: the library takes, and ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_redirect_callback(nh_client *c,
                                          nh_redirect_fn callback,
                                          void *userdata,
                                          nh_free_fn free_userdata);

/**
 * nh_response_location is where the Location field leads, resolved against the request's URL where that is known:
 * Go's Response.Location.
 *
 * Errors: NH_ERR_INVALID (r or out is NULL, or the field holds no URL), NH_ERR_NOT_FOUND (there is no such field)
 * Ownership: *out: the caller owns, ends it by nh_url_free; *err: the caller owns
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
nh_result nh_response_location(const nh_response *r,
                               nh_url **out,
                               nh_error **err);

/**
 * nh_request_redirect_status is the status of the redirect that led to this request, for the requests of an
 * nh_redirect_fn and of nh_response_request; 0 if none did, and for NULL. Go's Request.Response.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
int32_t nh_request_redirect_status(const nh_request *r);

/**
 * nh_request_redirect_header is the header of the redirect that led to this request; NULL if none did, and for NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the request is freed
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
const nh_header *nh_request_redirect_header(const nh_request *r);

/* ========================================================================================================
 * What can be set on a client
 * ======================================================================================================== */

/**
 * nh_client_use_go_defaults sets all limits and timeouts to those of Go's DefaultClient: no timeout but 30 s for a
 * dial, two idle connections per host, response heads of up to 10 MiB, no bound for what gzip makes of a body; over
 * HTTP/2 no pings, and no bound for writes. A redirect to another port or scheme of a host carries Authorization,
 * Cookie and their like.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_use_go_defaults(nh_client *c);

/**
 * nh_client_set_dial_timeout bounds resolving and connecting together, in milliseconds; 30000 by default,
 * NH_TIMEOUT_NONE for no bound. Go's Dialer.Timeout.
 *
 * It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_dial_timeout(nh_client *c, int64_t ms);

/**
 * nh_client_set_response_head_timeout bounds the time from the request's last byte to the end of the
 * response's head, in milliseconds; 60000 by default, NH_TIMEOUT_NONE for no bound. Go's
 * ResponseHeaderTimeout.
 *
 * It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_response_head_timeout(nh_client *c, int64_t ms);

/**
 * nh_client_set_body_timeout bounds the time between two bytes of a body, sent or received, in milliseconds;
 * 60000 by default, NH_TIMEOUT_NONE for no bound. Any byte starts it anew, so a long download is not cut.
 *
 * It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_body_timeout(nh_client *c, int64_t ms);

/**
 * nh_client_set_expect_continue_timeout sets how long a request with "Expect: 100-continue" waits for a word
 * before its body is sent, in milliseconds; 1000 by default, 0 is not at all. Go's ExpectContinueTimeout.
 *
 * It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_expect_continue_timeout(nh_client *c, int64_t ms);

/**
 * nh_client_set_timeout bounds a whole exchange, reading the body included, in milliseconds; NH_TIMEOUT_NONE
 * by default. Go's Client.Timeout.
 *
 * It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_timeout(nh_client *c, int64_t ms);

/**
 * nh_client_set_idle_timeout sets how long an idle connection is kept, in milliseconds; 90000 by default,
 * NH_TIMEOUT_NONE for ever. Go's IdleConnTimeout.
 *
 * It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_idle_timeout(nh_client *c, int64_t ms);

/**
 * nh_client_set_max_idle bounds the idle connections of all hosts together; 100 by default, 0 is no bound.
 * Go's MaxIdleConns.
 *
 * It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_max_idle(nh_client *c, size_t n);

/**
 * nh_client_set_max_idle_per_host bounds the idle connections of one host; 32 by default, 0 keeps none. Go's
 * MaxIdleConnsPerHost, whose default is 2.
 *
 * It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_max_idle_per_host(nh_client *c, size_t n);

/**
 * nh_client_set_max_conns_per_host bounds the connections of one host, those being made and in use included;
 * 0, the default, is no bound. Requests beyond it wait in line. Go's MaxConnsPerHost.
 *
 * It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_max_conns_per_host(nh_client *c, size_t n);

/**
 * nh_client_set_max_response_head_bytes bounds a response's head, informational ones before it included, in
 * bytes: 1 to 1073741824, 1048576 by default. Go's MaxResponseHeaderBytes, whose default is 10 MiB.
 *
 * It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_max_response_head_bytes(nh_client *c, size_t n);

/**
 * nh_client_set_keep_alives says with 0 that each connection serves one request; 1 is the default. Go's
 * DisableKeepAlives.
 *
 * It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_keep_alives(nh_client *c, int32_t on);

/**
 * nh_client_set_compression says with 0 that gzip is not asked for; 1 is the default. Go's DisableCompression.
 *
 * Gzip is asked for where a request has neither Accept-Encoding nor Range and is not HEAD. An answer in gzip is then
 * undone while it is read: its Content-Encoding and Content-Length are removed, its length is -1, and
 * nh_response_uncompressed is 1. It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_compression(nh_client *c,
                                    int32_t on);

/**
 * nh_client_set_max_decompressed_bytes bounds what a body in gzip becomes when it is undone: 1 GiB by default, 0 is no
 * bound, as in Go. The reads give that much and then fail with NH_ERR_TOO_LARGE. It does not count for bodies that were
 * not compressed, nor where the program asked for gzip itself.
 *
 * It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_max_decompressed_bytes(nh_client *c,
                                               uint64_t n);

/**
 * nh_client_set_buffer_sizes says how many bytes a connection receives at once, where it is not known how much comes,
 * and how many of a body it takes from its source and sends at once: 512 bytes to 16 MiB; 0 is the default, 4 KiB and
 * 64 KiB. A response whose length is known is read straight to where it goes, whatever the size here. Go's
 * ReadBufferSize and WriteBufferSize.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or a size out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_buffer_sizes(nh_client *c,
                                     size_t read,
                                     size_t write);

/* ========================================================================================================
 * Whole requests in one call, on a client of the program's
 * ======================================================================================================== */

/**
 * nh_client_get fetches a URL: Go's Client.Get.
 *
 * Errors: NH_ERR_INVALID (an argument but err is NULL, or the URL is malformed), and those of nh_client_do
 * Ownership: *out: the caller owns; url: the library copies
 * Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_client_get(nh_client *c,
                        const char *url,
                        nh_response **out,
                        nh_error **err);

/**
 * nh_client_head asks for a URL's head: Go's Client.Head.
 *
 * Errors: NH_ERR_INVALID (an argument but err is NULL, or the URL is malformed), and those of nh_client_do
 * Ownership: *out: the caller owns; url: the library copies
 * Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_client_head(nh_client *c,
                         const char *url,
                         nh_response **out,
                         nh_error **err);

/**
 * nh_client_post sends bytes to a URL: Go's Client.Post. content_type may be NULL.
 *
 * Errors: NH_ERR_INVALID (c, url or out is NULL, data is NULL and len is not 0, the URL or the type is malformed),
 * and those of nh_client_do
 * Ownership: *out: the caller owns; url, content_type and data: the library copies
 * Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_client_post(nh_client *c,
                         const char *url,
                         const char *content_type,
                         const void *data,
                         size_t len,
                         nh_response **out,
                         nh_error **err);

/**
 * nh_client_post_form sends keys and values as application/x-www-form-urlencoded: Go's Client.PostForm.
 *
 * Errors: NH_ERR_INVALID (an argument but err is NULL, or the URL is malformed), and those of nh_client_do
 * Ownership: *out: the caller owns; url and values: the library copies
 * Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_client_post_form(nh_client *c,
                              const char *url,
                              const nh_values *values,
                              nh_response **out,
                              nh_error **err);

/**
 * nh_post_form sends keys and values with the default client: Go's PostForm.
 *
 * Errors: NH_ERR_INVALID (an argument but err is NULL, or the URL is malformed), and those of nh_client_do
 * Ownership: *out: the caller owns; url and values: the library copies
 * Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_post_form(const char *url,
                       const nh_values *values,
                       nh_response **out,
                       nh_error **err);

/* ========================================================================================================
 * TLS of a client
 * ======================================================================================================== */

/**
 * nh_client_set_tls_config gives a client TLS settings, which are copied; NULL gives it the library's defaults back.
 * Go's TLSClientConfig.
 *
 * It counts for requests that are sent from then on: idle connections are closed, and those in use serve nobody
 * afterwards. Sessions are resumed within one client and one call of this function only.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: config: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_tls_config(nh_client *c,
                                   const nh_tls_config *config);

/**
 * nh_client_set_tls_handshake_timeout bounds a TLS handshake, in milliseconds; 10000 by default, NH_TIMEOUT_NONE for
 * no bound. Go's TLSHandshakeTimeout.
 *
 * It counts for requests that are sent from then on.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_tls_handshake_timeout(nh_client *c,
                                              int64_t ms);

/* ========================================================================================================
 * How proxies are asked for tunnels, and what they answer
 * ======================================================================================================== */

/**
 * nh_tunnel_ask_fn may change the fields with which a proxy is asked for a tunnel to server ("host:port"), such as a
 * token that is fetched for it; those of nh_client_add_proxy_header are there already. They are borrowed until it
 * returns. NH_OK, or a result that ends the dial. Go's GetProxyConnectHeader.
 *
 * It runs on a thread of the pool's, several at the same time, and may block. It must not call functions on the client.
 */
typedef nh_result (*nh_tunnel_ask_fn)(const char *server, nh_header *fields, void *userdata);

/**
 * nh_tunnel_answer_fn is told a proxy's final answer before the library judges it: NH_OK, or a result that ends the
 * dial. The header is borrowed until it returns. Go's OnProxyConnectResponse. It runs as nh_tunnel_ask_fn does.
 */
typedef nh_result (*nh_tunnel_answer_fn)(const char *server,
                                         int32_t status,
                                         const nh_header *header,
                                         void *userdata);

/**
 * nh_client_set_tunnel_callbacks has functions called when a proxy is asked for a tunnel, and when it has answered.
 * Either may be NULL; both take away what was set.
 *
 * It counts for tunnels that are made from then on: idle connections are closed, and tunnels in use serve nobody
 * afterwards.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_tunnel_callbacks(nh_client *c,
                                         nh_tunnel_ask_fn ask,
                                         nh_tunnel_answer_fn answer,
                                         void *userdata,
                                         nh_free_fn free_userdata);

/* ========================================================================================================
 * Forms to be sent: urlencoded, or multipart with files
 * ======================================================================================================== */

/**
 * nh_request_set_form gives the request keys and values as its body, and the Content-Type of a form. The method stays
 * what it is: POST, as a rule.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_BUSY (r is being sent)
 * Ownership: values: the library copies
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_form(nh_request *r,
                              const nh_values *values);

/**
 * nh_multipart_new makes a form without parts, and with a boundary that nobody can guess.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_multipart_free or gives it to a request
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_multipart *nh_multipart_new(void);

/**
 * nh_multipart_free ends a form that was given to no request; NULL is fine.
 *
 * Errors: none
 * Ownership: m: the library takes
 * Threads: any thread, once
 * Since: 0.1.0
 */
void nh_multipart_free(nh_multipart *m);

/**
 * nh_multipart_boundary is the line between the parts, without its dashes. NULL for NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the form ends or its boundary changes
 * Threads: one thread at a time per form
 * Since: 0.1.0
 */
const char *nh_multipart_boundary(const nh_multipart *m);

/**
 * nh_multipart_set_boundary sets another boundary, before the first part: 1 to 70 of the characters of RFC 2046,
 * 5.1.1. Contents must not hold it.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, there are parts already, or it is no boundary)
 * Ownership: boundary: the library copies
 * Threads: one thread at a time per form
 * Since: 0.1.0
 */
nh_result nh_multipart_set_boundary(nh_multipart *m,
                                    const char *boundary);

/**
 * nh_multipart_length is how many bytes the whole form has with the parts it has now, or -1 if the length of one is
 * unknown. -1 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per form
 * Since: 0.1.0
 */
int64_t nh_multipart_length(const nh_multipart *m);

/**
 * nh_multipart_add_field adds a field with a value of len bytes: Go's Writer.WriteField. Quotes, backslashes and line
 * ends in the name are escaped as Go does.
 *
 * Errors: NH_ERR_INVALID (m or name is NULL, or value is NULL and len is not 0)
 * Ownership: name, value: the library copies
 * Threads: one thread at a time per form
 * Since: 0.1.0
 */
nh_result nh_multipart_add_field(nh_multipart *m,
                                 const char *name,
                                 const void *value,
                                 size_t len);

/**
 * nh_multipart_add_file adds a file, which is opened now and read while it is sent. filename is what the server is
 * told, NULL for the path's last part; content_type NULL is application/octet-stream. Go's Writer.CreateFormFile.
 *
 * Errors: NH_ERR_INVALID (m, name or path is NULL, path is a directory, or the type is malformed), NH_ERR_IO (the
 * file cannot be opened)
 * Ownership: name, path, filename, content_type: the library copies; *err: the caller owns
 * Threads: one thread at a time per form. It may block: the file system.
 * Since: 0.1.0
 */
nh_result nh_multipart_add_file(nh_multipart *m,
                                const char *name,
                                const char *path,
                                const char *filename,
                                const char *content_type,
                                nh_error **err);

/**
 * nh_multipart_add_fd adds what can be read from a descriptor, from where it stands, as a file. The descriptor is
 * duplicated; both share one position. content_type NULL is application/octet-stream.
 *
 * Errors: NH_ERR_INVALID (m, name or filename is NULL, fd is negative or a directory, or the type is malformed),
 * NH_ERR_IO (fd is not open)
 * Ownership: fd: the caller owns; name, filename, content_type: the library copies; *err: the caller owns
 * Threads: one thread at a time per form
 * Since: 0.1.0
 */
nh_result nh_multipart_add_fd(nh_multipart *m,
                              const char *name,
                              ptrdiff_t fd,
                              const char *filename,
                              const char *content_type,
                              nh_error **err);

/**
 * nh_multipart_add_callback adds what the program makes while it is sent as a file. length is in bytes, or -1: then
 * the form's is unknown. rewind may be NULL: then the form can be sent once only. free_userdata is called exactly
 * once, also if this call fails.
 *
 * Errors: NH_ERR_INVALID (m, name, filename or read is NULL, length is below -1, or the type is malformed)
 * Ownership: name, filename, content_type: the library copies; userdata: the library takes, and ends it by
 * free_userdata
 * Threads: one thread at a time per form
 * Since: 0.1.0
 */
nh_result nh_multipart_add_callback(nh_multipart *m,
                                    const char *name,
                                    const char *filename,
                                    const char *content_type,
                                    int64_t length,
                                    nh_body_read_fn read,
                                    nh_body_rewind_fn rewind,
                                    void *userdata,
                                    nh_free_fn free_userdata);

/**
 * nh_multipart_add_part adds bytes under a header of the program's own: Go's Writer.CreatePart. h NULL is an empty
 * header.
 *
 * Errors: NH_ERR_INVALID (m is NULL, or data is NULL and len is not 0)
 * Ownership: h, data: the library copies
 * Threads: one thread at a time per form
 * Since: 0.1.0
 */
nh_result nh_multipart_add_part(nh_multipart *m,
                                const nh_header *h,
                                const void *data,
                                size_t len);

/**
 * nh_request_set_multipart gives the request a form as its body, and its Content-Type. The length is declared where
 * that of each part is known, else the body is chunked. It can be sent again, for a redirect too, where each part
 * can.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_BUSY (r is being sent)
 * Ownership: m: the library takes
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_set_multipart(nh_request *r,
                                   nh_multipart *m);

/* ========================================================================================================
 * Cookies: made, read from messages, and put into requests
 * ======================================================================================================== */

/** NH_SAME_SITE_UNSET: a cookie has no SameSite attribute. */
#define NH_SAME_SITE_UNSET 0
/** NH_SAME_SITE_DEFAULT: the attribute says what nobody knows. */
#define NH_SAME_SITE_DEFAULT 1
/** NH_SAME_SITE_LAX: SameSite=Lax. */
#define NH_SAME_SITE_LAX 2
/** NH_SAME_SITE_STRICT: SameSite=Strict. */
#define NH_SAME_SITE_STRICT 3
/** NH_SAME_SITE_NONE: SameSite=None. */
#define NH_SAME_SITE_NONE 4

/**
 * nh_cookie_new makes a cookie of a name and a value, to be sent by nh_request_add_cookie.
 *
 * Errors: NH_ERR_INVALID (an argument but err is NULL, name is no token, or value has a byte that no cookie has)
 * Ownership: *out: the caller owns, ends it by nh_cookie_free; name, value: the library copies; *err: the caller
 * owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_cookie_new(const char *name,
                        const char *value,
                        nh_cookie **out,
                        nh_error **err);

/**
 * nh_cookie_parse_set reads the value of a Set-Cookie field: Go's ParseSetCookie. Attributes that nobody knows, or
 * that make no sense, are passed over.
 *
 * Errors: NH_ERR_INVALID (an argument but err is NULL, or line does not begin with a name and a value)
 * Ownership: *out: the caller owns, ends it by nh_cookie_free; line: the library copies; *err: the caller owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_cookie_parse_set(const char *line,
                              nh_cookie **out,
                              nh_error **err);

/**
 * nh_cookie_free ends a cookie that the caller owns; NULL is fine.
 *
 * Errors: none
 * Ownership: c: the library takes
 * Threads: any thread, once
 * Since: 0.1.0
 */
void nh_cookie_free(nh_cookie *c);

/**
 * nh_cookie_name is the name. NULL for NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the cookie ends
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_cookie_name(const nh_cookie *c);

/**
 * nh_cookie_value is the value, without the quotes that may have stood around it. NULL for NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the cookie ends
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_cookie_value(const nh_cookie *c);

/**
 * nh_cookie_path is the Path attribute, "" if there is none. NULL for NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the cookie ends
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_cookie_path(const nh_cookie *c);

/**
 * nh_cookie_domain is the Domain attribute as it was sent, "" if there is none; of a jar's cookie its domain. NULL
 * for NULL.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the cookie ends
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_cookie_domain(const nh_cookie *c);

/**
 * nh_cookie_expires is the Expires attribute in Unix seconds, at least 0, or -1 if there is none; of a jar's cookie
 * when it ends, -1 with the session.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int64_t nh_cookie_expires(const nh_cookie *c);

/**
 * nh_cookie_max_age is the Max-Age attribute in seconds, 0 for what ends at once, or -1 if there is none.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int64_t nh_cookie_max_age(const nh_cookie *c);

/**
 * nh_cookie_is_secure is 1 if the cookie has the attribute Secure, else 0.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_cookie_is_secure(const nh_cookie *c);

/**
 * nh_cookie_is_http_only is 1 if the cookie has the attribute HttpOnly, else 0.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_cookie_is_http_only(const nh_cookie *c);

/**
 * nh_cookie_is_partitioned is 1 if the cookie has the attribute Partitioned, else 0.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_cookie_is_partitioned(const nh_cookie *c);

/**
 * nh_cookie_is_host_only is 1 for a jar's cookie that goes to the very host of nh_cookie_domain and to none beneath
 * it, else 0.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_cookie_is_host_only(const nh_cookie *c);

/**
 * nh_cookie_same_site is the SameSite attribute, one of the NH_SAME_SITE constants.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_cookie_same_site(const nh_cookie *c);

/**
 * nh_cookie_text writes the cookie as the value of a Set-Cookie field: Go's Cookie.String.
 *
 * Errors: NH_ERR_INVALID (c or len_out is NULL), NH_ERR_TOO_LARGE (cap is not above *len_out)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_cookie_text(const nh_cookie *c, char *buf, size_t cap, size_t *len_out);

/**
 * nh_response_cookie_count is how many well-formed Set-Cookie fields a response has: Go's Response.Cookies. More than
 * 3000 fields count as none, as in Go. 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
size_t nh_response_cookie_count(const nh_response *r);

/**
 * nh_response_cookie_at is a cookie that a response sets, by its index in their order; NULL past the last.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the response is freed
 * Threads: one thread at a time per response
 * Since: 0.1.0
 */
const nh_cookie *nh_response_cookie_at(const nh_response *r, size_t index);

/**
 * nh_request_cookie gives the first cookie of a name out of a request's Cookie fields: Go's Request.Cookie.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_NOT_FOUND (there is none of that name)
 * Ownership: *out: the caller owns, ends it by nh_cookie_free
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_cookie(const nh_request *r, const char *name, nh_cookie **out);

/**
 * nh_request_cookie_at gives a well-formed cookie of a request by its index in their order: Go's Request.Cookies.
 *
 * Errors: NH_ERR_INVALID (r or out is NULL), NH_ERR_NOT_FOUND (there are not so many)
 * Ownership: *out: the caller owns, ends it by nh_cookie_free
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_cookie_at(const nh_request *r,
                               size_t index,
                               nh_cookie **out);

/**
 * nh_request_add_cookie puts a cookie's name and value behind those of the Cookie field: Go's Request.AddCookie.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_BUSY (r is being sent)
 * Ownership: c: the library copies
 * Threads: one thread at a time per request
 * Since: 0.1.0
 */
nh_result nh_request_add_cookie(nh_request *r,
                                const nh_cookie *c);

/* ========================================================================================================
 * Cookie jars: kept for a client, by RFC 6265bis and the public suffix list
 * ======================================================================================================== */

/** nh_cookie_fn is shown a cookie, which is borrowed until it returns. */
typedef void (*nh_cookie_fn)(const nh_cookie *c, void *userdata);

/**
 * nh_jar_new makes an empty jar.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_jar_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_jar *nh_jar_new(void);

/**
 * nh_jar_free ends this handle; clients that have the jar keep it. NULL is fine.
 *
 * Errors: none
 * Ownership: j: the library takes
 * Threads: any thread, once
 * Since: 0.1.0
 */
void nh_jar_free(nh_jar *j);

/**
 * nh_client_set_jar has a client send the jar's cookies and put into it those that are set, also by redirects. NULL,
 * the default: no jar. A cookie that the program put into a request is left out once a redirect has set one of that
 * name. Go's Client.Jar.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_jar(nh_client *c,
                            const nh_jar *j);

/**
 * nh_jar_set_cookies has the jar judge, and keep or drop, count cookies that url has set: Go's Jar.SetCookies.
 *
 * Errors: NH_ERR_INVALID (j or url is NULL, cookies is NULL and count is not 0, one of them is NULL, or the URL is
 * malformed or not of http or https)
 * Ownership: url, cookies: the library copies; *err: the caller owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_jar_set_cookies(const nh_jar *j,
                             const char *url,
                             const nh_cookie *const *cookies,
                             size_t count,
                             nh_error **err);

/**
 * nh_jar_cookies writes the value of the Cookie field that goes to url; "" if there is none. Go's Jar.Cookies.
 *
 * Errors: NH_ERR_INVALID (j, url or len_out is NULL, or the URL is malformed or not of http or https),
 * NH_ERR_TOO_LARGE (cap is not above *len_out)
 * Ownership: url: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_jar_cookies(const nh_jar *j,
                         const char *url,
                         char *buf,
                         size_t cap,
                         size_t *len_out);

/**
 * nh_jar_count is how many cookies the jar keeps, those included that have ended and are not yet removed. 0 for NULL,
 * and for a jar of the program's own.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
size_t nh_jar_count(const nh_jar *j);

/**
 * nh_jar_each shows all cookies that have not ended, as they were when the call began, by domain. The callback runs
 * on this thread, and may change the jar.
 *
 * Errors: NH_ERR_INVALID (j or callback is NULL), NH_ERR_UNSUPPORTED (the program keeps this jar's cookies)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_jar_each(const nh_jar *j,
                      nh_cookie_fn callback,
                      void *userdata);

/**
 * nh_jar_clear removes all cookies.
 *
 * Errors: NH_ERR_INVALID (j is NULL), NH_ERR_UNSUPPORTED (the program keeps this jar's cookies)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_jar_clear(nh_jar *j);

/**
 * nh_jar_load adds the cookies of a file in the Netscape format, as curl, Python's MozillaCookieJar and extensions of
 * browsers write it. Lines that are none, and cookies that have ended, are passed over.
 *
 * Errors: NH_ERR_INVALID (j or path is NULL, or the file has lines and no cookie), NH_ERR_IO (the file cannot be
 * read), NH_ERR_TOO_LARGE (it has over 32 MiB), NH_ERR_UNSUPPORTED (the program keeps this jar's cookies)
 * Ownership: path: the library copies; *err: the caller owns
 * Threads: any thread, at the same time too. It may block: the file system.
 * Since: 0.1.0
 */
nh_result nh_jar_load(nh_jar *j,
                      const char *path,
                      nh_error **err);

/**
 * nh_jar_save writes the cookies to a file in the Netscape format, which only its owner may read. It replaces the
 * file at once: no reader sees half of it, and a failure leaves the old one. Cookies that end with the session are
 * written with with_session 1, not with 0.
 *
 * Errors: NH_ERR_INVALID (j or path is NULL, or with_session is not 0 or 1), NH_ERR_IO (the file cannot be written),
 * NH_ERR_UNSUPPORTED (the program keeps this jar's cookies)
 * Ownership: path: the library copies; *err: the caller owns
 * Threads: any thread, at the same time too. It may block: the file system.
 * Since: 0.1.0
 */
nh_result nh_jar_save(const nh_jar *j,
                      const char *path,
                      int32_t with_session,
                      nh_error **err);

/* ========================================================================================================
 * Jars whose cookies the program keeps
 * ======================================================================================================== */

/**
 * nh_jar_get_fn writes the value of the Cookie field for a URL to buf, without a NUL, and its length to *len_out; 0
 * is no field. Where cap is too small it sets *len_out all the same and answers NH_ERR_TOO_LARGE: it is then called
 * once more, with room for that much, up to 256 KiB. Any other answer but NH_OK is no field.
 *
 * It runs on the threads that are inside nh_client_do, at the same time too.
 */
typedef nh_result (*nh_jar_get_fn)(const char *url, char *buf, size_t cap, size_t *len_out, void *userdata);

/**
 * nh_jar_set_fn is given the cookies that a URL has set, as they were sent: which of them it keeps, and for whom, is
 * its affair. They are borrowed until it returns. It runs on the threads that are inside nh_client_do, at the same
 * time too.
 */
typedef void (*nh_jar_set_fn)(const char *url, const nh_cookie *const *cookies, size_t count, void *userdata);

/**
 * nh_jar_new_with_callbacks makes a jar whose cookies the program keeps: Go's interface CookieJar. free_userdata is
 * called when the last client and handle that has the jar is gone, or at once if this call fails.
 *
 * Errors: NH_ERR_INVALID (get, set or out is NULL)
 * Ownership: *out: the caller owns, ends it by nh_jar_free; userdata: the library takes, and ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_jar_new_with_callbacks(nh_jar_get_fn get,
                                    nh_jar_set_fn set,
                                    void *userdata,
                                    nh_free_fn free_userdata,
                                    nh_jar **out);

/* ========================================================================================================
 * TLS settings: whom a program trusts, and who it is
 * ======================================================================================================== */

/** NH_TLS_1_2 is TLS 1.2. */
#define NH_TLS_1_2 771
/** NH_TLS_1_3 is TLS 1.3. */
#define NH_TLS_1_3 772

/**
 * nh_tls_verify_fn has the last word on the peer's certificate: NH_OK accepts it, any other result refuses it.
 *
 * certificates are count blocks of DER with the given lengths, the peer's own first; verdict is what the library
 * itself says: NH_OK or NH_ERR_TLS. All of it is borrowed until the function returns. It is not called when a
 * session is resumed that was accepted before.
 *
 * It is called on a thread of the library's that makes the connection, for several connections at the same time,
 * and may block; the handshake's time goes on. It must not call functions on the client.
 */
typedef nh_result (*nh_tls_verify_fn)(void *userdata,
                                      const char *server_name,
                                      const void *const *certificates,
                                      const size_t *lengths,
                                      size_t count,
                                      nh_result verdict);

/**
 * nh_tls_config_new makes settings with the library's defaults: the system's roots, TLS 1.2 or 1.3, no certificate
 * of the program's own. It never returns NULL.
 *
 * Errors: none
 * Ownership: result: the caller owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_tls_config *nh_tls_config_new(void);

/**
 * nh_tls_config_clone makes a copy; NULL gives NULL. Go's Config.Clone.
 *
 * Errors: none
 * Ownership: result: the caller owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_tls_config *nh_tls_config_clone(const nh_tls_config *c);

/**
 * nh_tls_config_free ends settings; clients that were given them keep their copies. NULL is fine.
 *
 * Errors: none
 * Ownership: c: the library takes
 * Threads: any thread, once, while no other call uses the settings
 * Since: 0.1.0
 */
void nh_tls_config_free(nh_tls_config *c);

/**
 * nh_tls_config_add_roots_file trusts the certificates of a PEM file, beside the system's: see
 * nh_tls_config_set_system_roots. Go's RootCAs.
 *
 * Authorities among them vouch for others, within what their own certificates say: dates, path length, use of the key,
 * purposes and names. Any other certificate is trusted when a server presents it as its own, and vouches for nobody.
 * Malformed certificates are skipped if there is a good one.
 *
 * Errors: NH_ERR_INVALID (c or path is NULL, or the file holds no certificate in PEM), NH_ERR_IO (it cannot be read)
 * Ownership: path: the library copies
 * Threads: any thread, at the same time too. It may block: the file system.
 * Since: 0.1.0
 */
nh_result nh_tls_config_add_roots_file(nh_tls_config *c,
                                       const char *path,
                                       nh_error **err);

/**
 * nh_tls_config_add_roots_pem is nh_tls_config_add_roots_file for certificates in memory.
 *
 * Errors: NH_ERR_INVALID (c or pem is NULL, or there is no certificate in PEM)
 * Ownership: pem: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_tls_config_add_roots_pem(nh_tls_config *c, const void *pem, size_t len, nh_error **err);

/**
 * nh_tls_config_set_system_roots says with 0 that only the roots that were added are trusted, and with 1, the
 * default, the system's too. Where the system has none, Mozilla's roots, which come with the library, take their
 * place.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_tls_config_set_system_roots(nh_tls_config *c,
                                         int32_t on);

/**
 * nh_tls_config_set_certificate_files gives a server its certificate, or a client one of its own, for servers that ask
 * for one: a PEM file with the certificate and what it was signed with, and a PEM file with its key. Go's
 * Certificates; nh_tls_config_add_certificate_files gives a server more of them.
 *
 * Errors: NH_ERR_INVALID (c or a path is NULL, a file holds no certificate or key in PEM, or the two do not belong
 * together), NH_ERR_IO (one cannot be read)
 * Ownership: certificate_path and key_path: the library copies
 * Threads: any thread, at the same time too. It may block: the file system.
 * Since: 0.1.0
 */
nh_result nh_tls_config_set_certificate_files(nh_tls_config *c,
                                              const char *certificate_path,
                                              const char *key_path,
                                              nh_error **err);

/**
 * nh_tls_config_set_certificate_pem is nh_tls_config_set_certificate_files for PEM in memory.
 *
 * Errors: NH_ERR_INVALID (c, certificate or key is NULL, one is not in PEM, or the two do not belong together)
 * Ownership: certificate and key: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_tls_config_set_certificate_pem(nh_tls_config *c,
                                            const void *certificate,
                                            size_t certificate_len,
                                            const void *key,
                                            size_t key_len,
                                            nh_error **err);

/**
 * nh_tls_config_set_insecure accepts with 1 any certificate of any server, so that anybody on the way can read and
 * change all: for tests only. 0 is the default. Go's InsecureSkipVerify.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_tls_config_set_insecure(nh_tls_config *c,
                                     int32_t on);

/**
 * nh_tls_config_set_server_name is the name that is asked for and checked, in place of the URL's host; NULL is that
 * host again. Go's ServerName.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or name is empty or no text)
 * Ownership: name: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_tls_config_set_server_name(nh_tls_config *c,
                                        const char *name);

/**
 * nh_tls_config_set_min_version is the lowest version that is spoken: NH_TLS_1_2, the default, or NH_TLS_1_3. Go's
 * MinVersion.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or version is neither)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_tls_config_set_min_version(nh_tls_config *c,
                                        int32_t version);

/**
 * nh_tls_config_set_alpn offers these protocols to the server, or takes them from clients (RFC 7301), the one that
 * is liked best first, and a count of 0 is none. Without this call a client offers what nh_client_set_protocols
 * says, and a server takes what nh_server_set_protocols says: "h2" and "http/1.1" by default. A server that speaks
 * HTTP/2 over TLS puts "h2" in front of a list that has others and not it. Go's NextProtos.
 *
 * Errors: NH_ERR_INVALID (c, protocols or one of them is NULL, or one is empty or longer than 255 bytes)
 * Ownership: protocols: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_tls_config_set_alpn(nh_tls_config *c,
                                 const char *const *protocols,
                                 size_t count);

/**
 * nh_tls_config_set_verify lets the program have the last word on servers' certificates, or in a server on those of
 * clients, if any are asked for: see nh_tls_config_set_client_auth. fn NULL takes that back.
 * Go's VerifyPeerCertificate.
 *
 * free_userdata is called exactly once, when the settings and all copies of them are gone, also if this call fails.
 *
 * Errors: NH_ERR_INVALID (c is NULL)
 * Ownership: userdata: the library takes, and ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_tls_config_set_verify(nh_tls_config *c,
                                   nh_tls_verify_fn verify,
                                   void *userdata,
                                   nh_free_fn free_userdata);

/* ========================================================================================================
 * TLS settings of servers: further certificates, clients' certificates, session tickets
 * ======================================================================================================== */

/** NH_CLIENT_AUTH_NONE: clients are asked for no certificate. Go's NoClientCert. */
#define NH_CLIENT_AUTH_NONE 0
/** NH_CLIENT_AUTH_REQUEST: they are asked for one; it need not come, and is not verified. Go's RequestClientCert. */
#define NH_CLIENT_AUTH_REQUEST 1
/** NH_CLIENT_AUTH_REQUIRE_ANY: one must come, and is not verified. Go's RequireAnyClientCert. */
#define NH_CLIENT_AUTH_REQUIRE_ANY 2
/** NH_CLIENT_AUTH_VERIFY_IF_GIVEN: one that comes is verified. Go's VerifyClientCertIfGiven. */
#define NH_CLIENT_AUTH_VERIFY_IF_GIVEN 3
/** NH_CLIENT_AUTH_REQUIRE_AND_VERIFY: one must come, and is verified. Go's RequireAndVerifyClientCert. */
#define NH_CLIENT_AUTH_REQUIRE_AND_VERIFY 4

/**
 * nh_tls_config_add_certificate_files gives a server one more certificate, as nh_tls_config_set_certificate_files gave
 * it the first: a PEM file with the certificate and what it was signed with, and a PEM file with its key.
 *
 * A client is shown the first certificate whose names match the one that it asks for, wildcards included, and whose
 * key it can check; one that asks for another name or for none, the first of all. Go's Config.Certificates.
 *
 * Errors: NH_ERR_INVALID (c or a path is NULL, a file holds no certificate or key in PEM, or the two do not belong
 * together), NH_ERR_IO (one cannot be read)
 * Ownership: certificate_path and key_path: the library copies
 * Threads: any thread, at the same time too. It may block: the file system.
 * Since: 0.1.0
 */
nh_result nh_tls_config_add_certificate_files(nh_tls_config *c,
                                              const char *certificate_path,
                                              const char *key_path,
                                              nh_error **err);

/**
 * nh_tls_config_add_certificate_pem is nh_tls_config_add_certificate_files for PEM in memory.
 *
 * Errors: NH_ERR_INVALID (c, certificate or key is NULL, one is not in PEM, or the two do not belong together)
 * Ownership: certificate and key: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_tls_config_add_certificate_pem(nh_tls_config *c,
                                            const void *certificate,
                                            size_t certificate_len,
                                            const void *key,
                                            size_t key_len,
                                            nh_error **err);

/**
 * nh_tls_config_set_client_auth says what a server asks of its clients: an NH_CLIENT_AUTH_ constant, at first
 * NH_CLIENT_AUTH_NONE. Go's ClientAuth.
 *
 * Certificates are verified by the roots of nh_tls_config_add_client_roots_file; a function that was set by
 * nh_tls_config_set_verify has the last word on each that comes, its server_name is "" then, and connections that
 * wait for it hold up nobody else.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or auth is no such constant)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_tls_config_set_client_auth(nh_tls_config *c,
                                        int32_t auth);

/**
 * nh_tls_config_add_client_roots_file lets the certificates of a PEM file vouch for a server's clients, by the rules of
 * nh_tls_config_add_roots_file. The system's
 * never do. Go's ClientCAs.
 *
 * A certificate among them that a client presents as its own is trusted as well.
 *
 * Errors: NH_ERR_INVALID (c or path is NULL, or the file holds no certificate in PEM), NH_ERR_IO (it cannot be read)
 * Ownership: path: the library copies
 * Threads: any thread, at the same time too. It may block: the file system.
 * Since: 0.1.0
 */
nh_result nh_tls_config_add_client_roots_file(nh_tls_config *c,
                                              const char *path,
                                              nh_error **err);

/**
 * nh_tls_config_add_client_roots_pem is nh_tls_config_add_client_roots_file for certificates in memory.
 *
 * Errors: NH_ERR_INVALID (c or pem is NULL, or there is no certificate in PEM)
 * Ownership: pem: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_tls_config_add_client_roots_pem(nh_tls_config *c, const void *pem, size_t len, nh_error **err);

/**
 * nh_tls_config_set_session_tickets says with 0 that a server gives out no tickets, so that each connection shakes
 * hands in full, and with 1, the default, that it does. Tickets count for one listener until its settings change;
 * their keys are the library's and change by themselves. Go's SessionTicketsDisabled.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_tls_config_set_session_tickets(nh_tls_config *c,
                                            int32_t on);

/* ========================================================================================================
 * The versions of HTTP that clients and servers speak: Go's Protocols
 * ======================================================================================================== */

/** NH_PROTOCOL_HTTP1: HTTP/1.0 and HTTP/1.1, in the clear and over TLS. */
#define NH_PROTOCOL_HTTP1 1
/** NH_PROTOCOL_HTTP2: HTTP/2 under TLS, where both sides agree on it by ALPN. */
#define NH_PROTOCOL_HTTP2 2
/** NH_PROTOCOL_UNENCRYPTED_HTTP2: HTTP/2 without TLS ("h2c"), by prior knowledge (RFC 9113, 3.3). */
#define NH_PROTOCOL_UNENCRYPTED_HTTP2 4

/**
 * nh_client_set_protocols chooses what the client's transport speaks, by NH_PROTOCOL_ bits; HTTP1 and HTTP2 by default.
 * Connections that are there carry no more requests. Go's Transport.Protocols.
 *
 * Over TLS the server chooses between HTTP/1.1 and HTTP/2; with NH_PROTOCOL_HTTP2 alone one that does not take it is an
 * error. Without TLS HTTP/1.1 is spoken, unless NH_PROTOCOL_UNENCRYPTED_HTTP2 is there and NH_PROTOCOL_HTTP1 is not. A
 * list of nh_tls_config_set_alpn is offered as it is, but for "h2" where NH_PROTOCOL_HTTP2 is not set. A proxy that
 * forwards requests is always spoken to in HTTP/1.1, and so is a server by a request with an Upgrade field.
 *
 * Errors: NH_ERR_INVALID (c is NULL, protocols is 0 or has unknown bits), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_protocols(nh_client *c,
                                  uint32_t protocols);

/**
 * nh_client_set_http2 gives the client's transport a configuration for HTTP/2; NULL goes back to the defaults.
 * Connections that are there carry no more requests. Go's Transport.HTTP2.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: config: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_http2(nh_client *c,
                              const nh_http2_config *config);

/* ========================================================================================================
 * What can be chosen for HTTP/2, on either side
 * ======================================================================================================== */

/**
 * nh_http2_error_fn is told of each error of HTTP/2, for a metric: kind is made of lower-case letters, digits and
 * underscores, is NUL-terminated and borrowed for the call.
 *
 * It runs on the thread that met the error, a library thread or a caller's of a client, and on several
 * at the same time. It must not block, and may call no function of the library.
 */
typedef void (*nh_http2_error_fn)(void *userdata, const char *kind);

/**
 * nh_http2_config_new makes a configuration in which nothing is set.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_http2_config_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_http2_config *nh_http2_config_new(void);

/**
 * nh_http2_config_free ends a configuration; NULL is fine. Servers and clients that were given it keep what they
 * copied.
 *
 * Errors: none
 * Ownership: c: the library takes
 * Threads: any thread, once, while no other call uses c
 * Since: 0.1.0
 */
void nh_http2_config_free(nh_http2_config *c);

/**
 * nh_http2_config_set_max_concurrent_streams sets how many requests of a client may be open on one connection at a
 * time: 1 to 2147483647; 250 by default. It counts for servers only; a client that opens more has them refused by
 * REFUSED_STREAM. Go's MaxConcurrentStreams.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_max_concurrent_streams(nh_http2_config *c,
                                                     uint32_t n);

/**
 * nh_http2_config_set_max_decoder_header_table_size sets the largest table that the peer may use to compress its
 * header fields (RFC 7541), in bytes: 1 to 4194304; 4096 by default. Go's MaxDecoderHeaderTableSize.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_max_decoder_header_table_size(nh_http2_config *c,
                                                            uint32_t bytes);

/**
 * nh_http2_config_set_max_encoder_header_table_size sets the largest table that is used to compress header fields,
 * in bytes: 1 to 4194304; 4096 by default. No more is used than the peer permits. Go's MaxEncoderHeaderTableSize.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_max_encoder_header_table_size(nh_http2_config *c,
                                                            uint32_t bytes);

/**
 * nh_http2_config_set_max_read_frame_size sets the largest frame that the peer may send, in bytes of its payload:
 * 16384 to 16777215; 16384 by default, since data is passed on before its frame is whole. Go's MaxReadFrameSize.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_max_read_frame_size(nh_http2_config *c,
                                                  uint32_t bytes);

/**
 * nh_http2_config_set_max_receive_buffer_per_connection sets how many bytes of all bodies of one connection may
 * have come without being read: 65535 to 2147483647; by default 1 MiB for servers and 1 GiB for clients, as in Go.
 * It is the flow-control window (RFC 9113, 5.2). Go's MaxReceiveBufferPerConnection.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_max_receive_buffer_per_connection(nh_http2_config *c,
                                                                uint32_t bytes);

/**
 * nh_http2_config_set_max_receive_buffer_per_stream sets how many bytes of one body may have come without being
 * read: 1 to 2147483647; by default 1 MiB for servers and 4 MiB for clients, as in Go. Go's
 * MaxReceiveBufferPerStream.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_max_receive_buffer_per_stream(nh_http2_config *c,
                                                            uint32_t bytes);

/**
 * nh_http2_config_set_strict_max_concurrent_requests makes requests wait, if on is 1, when a connection has as
 * many open as its server permits, rather than have another connection dialed; 0 by default. It counts for clients
 * only. Go's StrictMaxConcurrentRequests.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_strict_max_concurrent_requests(nh_http2_config *c,
                                                             int32_t on);

/**
 * nh_http2_config_set_permit_prohibited_cipher_suites is Go's PermitProhibitedCipherSuites, for settings that are
 * carried over. It changes nothing: the library's own TLS has none of the cipher suites that RFC 9113 (appendix A)
 * prohibits, and what the program's own TLS uses is not looked at.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_permit_prohibited_cipher_suites(nh_http2_config *c,
                                                              int32_t on);

/**
 * nh_http2_config_set_client_priority says with 0 that the answers to a client take turns as equals; with 1, the
 * default, those go first that the client calls more urgent (RFC 9218). It counts for servers only. Go's
 * DisableClientPriority.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_client_priority(nh_http2_config *c,
                                              int32_t on);

/**
 * nh_http2_config_set_extended_connect lets clients open streams by CONNECT with a :protocol (RFC 8441), if on is
 * 1; 0 by default. It counts for servers only. Go's GODEBUG=http2xconnect=1.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_extended_connect(nh_http2_config *c,
                                               int32_t on);

/**
 * nh_http2_config_set_send_ping_timeout sets after how long without a frame of the peer's a ping asks whether it
 * is still there, in milliseconds; NH_TIMEOUT_NONE: never. By default never for servers, as in Go, and 15000 for
 * clients with requests under way, so that a dead connection is found. Go's SendPingTimeout.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_send_ping_timeout(nh_http2_config *c,
                                                int64_t ms);

/**
 * nh_http2_config_set_write_byte_timeout sets how long nothing of what is to be sent may get away before the
 * connection ends, in milliseconds; NH_TIMEOUT_NONE: for ever. By default 30000 for servers and 60000 for clients.
 * Go's WriteByteTimeout.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_write_byte_timeout(nh_http2_config *c,
                                                 int64_t ms);

/**
 * nh_http2_config_set_ping_timeout sets how long a ping's answer may take before the connection ends, in
 * milliseconds: at least 1; 15000 by default. Go's PingTimeout.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_ping_timeout(nh_http2_config *c, int64_t ms);

/**
 * nh_http2_config_set_count_error has error_fn called for each error of HTTP/2, with userdata; NULL ends that.
 * Go's CountError.
 *
 * Errors: NH_ERR_INVALID (c is NULL)
 * Ownership: userdata: the library takes, and ends it by free_userdata when c and all that copied it are gone
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_http2_config_set_count_error(nh_http2_config *c,
                                          nh_http2_error_fn error_fn,
                                          void *userdata,
                                          nh_free_fn free_userdata);

/* ========================================================================================================
 * Handlers as values: made of functions and of muxes, called by other handlers, put behind patterns
 * ======================================================================================================== */

/**
 * nh_handler_fn answers a request. It runs on a library thread, any number of them at once, and may block;
 * other connections do not notice. w and r are borrowed until it returns. It may call every function
 * but nh_server_run, nh_server_wait and nh_server_shutdown of its own server. It must return normally: an
 * exception or longjmp out of it ends the process.
 */
typedef void (*nh_handler_fn)(nh_response_writer *w, nh_request *r, void *userdata);

/**
 * nh_handler_result_fn answers a request, and tells whether it could: it is nh_handler_fn for languages whose
 * exceptions must not become a good answer. What is not NH_OK ends the exchange: by 500 Internal Server Error if
 * nothing was written, else as nh_response_writer_abort does, so that no client takes a part for the whole. A detached
 * response is left to whoever has it.
 */
typedef nh_result (*nh_handler_result_fn)(nh_response_writer *w, nh_request *r, void *userdata);

/**
 * nh_handler_new makes a handler of a function; NULL if fn is NULL.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_handler_free; userdata: the library takes, also on failure
 * Threads: any thread
 * Since: 0.1.0
 */
nh_handler *nh_handler_new(nh_handler_fn handler_fn,
                           void *userdata,
                           nh_free_fn free_userdata);

/**
 * nh_handler_new_result makes a handler of a function that tells whether it could answer; NULL if fn is NULL.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_handler_free; userdata: the library takes, also on failure
 * Threads: any thread
 * Since: 0.1.0
 */
nh_handler *nh_handler_new_result(nh_handler_result_fn handler_fn,
                                  void *userdata,
                                  nh_free_fn free_userdata);

/**
 * nh_handler_free gives up the program's share of a handler; NULL is fine. Its userdata is freed with the last
 * share.
 *
 * Errors: none
 * Ownership: h: the library takes
 * Threads: any thread
 * Since: 0.1.0
 */
void nh_handler_free(nh_handler *h);

/**
 * nh_handler_serve has a handler answer a request: how a handler calls the next one. w may be a writer of
 * nh_response_writer_wrap.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL)
 * Ownership: nothing changes hands
 * Threads: that of the handler that was given w and r. It may block: the handler.
 * Since: 0.1.0
 */
nh_result nh_handler_serve(nh_handler *h, nh_response_writer *w, nh_request *r);

/**
 * nh_mux_handler is a mux as a handler, for another mux, a server or middleware; NULL for NULL. Patterns may be
 * added to the mux later on.
 *
 * A mux beneath another looks at the whole path, without what nh_strip_prefix has taken away; pattern and path
 * values are then its own. A mux must not stand beneath itself.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_handler_free
 * Threads: any thread
 * Since: 0.1.0
 */
nh_handler *nh_mux_handler(nh_mux *m);

/**
 * nh_mux_handle_handler registers a handler for a pattern: see nh_mux_handle.
 *
 * Errors: NH_ERR_INVALID (m, pattern or h is NULL, the pattern is malformed or conflicts with another)
 * Ownership: nothing changes hands: the mux has a share of its own in h; *err: the caller owns
 * Threads: any thread, also while the mux is served
 * Since: 0.1.0
 */
nh_result nh_mux_handle_handler(nh_mux *m, const char *pattern, nh_handler *h, nh_error **err);

/**
 * nh_server_handle_handler registers a handler with the server's mux: see nh_mux_handle.
 *
 * Errors: NH_ERR_INVALID (s, pattern or h is NULL, the pattern is malformed or conflicts with another),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands: the mux has a share of its own in h; *err: the caller owns
 * Threads: any thread, also while the server runs
 * Since: 0.1.0
 */
nh_result nh_server_handle_handler(nh_server *s, const char *pattern, nh_handler *h, nh_error **err);

/**
 * nh_server_set_handler has a handler answer all requests in the place of the server's mux, but for OPTIONS *:
 * Go's Server.Handler. The server learns of it as a whole whether it blocks; of a nh_mux_handler it learns that
 * of each pattern. Set it before the server starts.
 *
 * Errors: NH_ERR_INVALID (s or h is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made
 * before a fork)
 * Ownership: nothing changes hands: the server has a share of its own in h; *err: the caller owns
 * Threads: any thread
 * Since: 0.1.0
 */
nh_result nh_server_set_handler(nh_server *s,
                                nh_handler *h,
                                nh_error **err);

/**
 * nh_mux_match finds who would answer a request, without serving it: Go's ServeMux.Handler. r may also be one of
 * nh_request_new or nh_read_request; it is not changed, and gets no path values.
 *
 * The pattern goes to buf, with its NUL; *len_out is its length without it, also when cap is too small. It is ""
 * where the mux would answer by itself, but for redirects, where it is the pattern that they lead to.
 * *handler_out, which may be NULL if it is not wanted, is the pattern's handler or one that gives the mux's own
 * answer.
 *
 * Errors: NH_ERR_INVALID (m, r or len_out is NULL), NH_ERR_TOO_LARGE (buf is NULL or cap too small)
 * Ownership: *handler_out: the caller owns, ends it by nh_handler_free; buf: the library copies to it
 * Threads: any thread; one at a time for r
 * Since: 0.1.0
 */
nh_result nh_mux_match(nh_mux *m,
                       const nh_request *r,
                       nh_handler **handler_out,
                       char *buf,
                       size_t cap,
                       size_t *len_out);

/* ========================================================================================================
 * nh_mux: patterns and their handlers
 * ======================================================================================================== */

/**
 * nh_mux_new makes a mux without patterns.
 *
 * Errors: none
 * Ownership: the caller owns the result; nh_mux_free releases it.
 * Threads: any thread.
 * Since: 0.1.0
 */
nh_mux *nh_mux_new(void);

/**
 * nh_mux_free releases a mux; NULL is fine. Servers that use it keep what they need of it.
 *
 * Errors: none
 * Ownership: the library takes m.
 * Threads: any thread; no other call may use m at the same time.
 * Since: 0.1.0
 */
void nh_mux_free(nh_mux *m);

/**
 * nh_mux_handle registers a handler for a pattern: "[METHOD ][HOST]/[PATH]", Go's ServeMux.Handle.
 *
 * The path's segments are literals or wildcards: "{name}" is any one segment, "{name...}" at the end all that
 * follow, a slash at the end the same without a name, "{$}" at the end the slash alone. What a wildcard stood for is
 * told by nh_request_path_value. Without a method a pattern is for all; GET is for HEAD too. Of the patterns that
 * match a request the most specific answers it: one with the host before one without, then a literal before a
 * wildcard and one with the method before one without. Two patterns of which neither is more specific cannot both be
 * registered; the error names a path that both match.
 *
 * Unclean paths, and "/tree" where only "/tree/" is registered, are redirected (307). A path that is registered for
 * other methods only is answered 405 with Allow. Patterns may be added while the mux is served.
 *
 * Errors: NH_ERR_INVALID (m, pattern or fn is NULL, the pattern is malformed or conflicts with another)
 * Ownership: the library takes userdata, also on failure; free_userdata may be NULL.
 * Threads: any thread.
 * Since: 0.1.0
 */
nh_result nh_mux_handle(nh_mux *m,
                        const char *pattern,
                        nh_handler_fn handler_fn,
                        void *userdata,
                        nh_free_fn free_userdata,
                        nh_error **err);

/**
 * nh_default_mux is the process's own mux (Go's DefaultServeMux), made on first use; nothing uses it
 * unless it is named.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until the process ends.
 * Threads: any thread.
 * Since: 0.1.0
 */
nh_mux *nh_default_mux(void);

/* ========================================================================================================
 * nh_server: it listens, serves and ends
 * ======================================================================================================== */

/**
 * nh_server_new makes a server with a mux of its own and safe defaults: 10 s for a request's head, 120 s
 * idle, 30 s without progress in a body or an answer, 1 MiB of head.
 *
 * Errors: none
 * Ownership: the caller owns the result; nh_server_free releases it.
 * Threads: any thread.
 * Since: 0.1.0
 */
nh_server *nh_server_new(void);

/**
 * nh_server_new_with_mux makes a server that serves m; NULL is the default mux.
 *
 * Errors: none
 * Ownership: the caller owns the result; nh_server_free releases it. m may be freed at any time.
 * Threads: any thread.
 * Since: 0.1.0
 */
nh_server *nh_server_new_with_mux(nh_mux *m);

/**
 * nh_server_handle registers a handler with the server's mux: see nh_mux_handle.
 *
 * Errors: NH_ERR_INVALID (s, pattern or fn is NULL, the pattern is malformed or conflicts with another),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: the library takes userdata, also on failure; free_userdata may be NULL.
 * Threads: any thread, also while the server runs.
 * Since: 0.1.0
 */
nh_result nh_server_handle(nh_server *s,
                           const char *pattern,
                           nh_handler_fn handler_fn,
                           void *userdata,
                           nh_free_fn free_userdata,
                           nh_error **err);

/**
 * nh_server_set_request_hook has fn called with each request before its handler, those included that the mux
 * answers itself. It is for counting and logging, and is not to write or to read the body. Set it before the
 * server starts.
 *
 * Errors: NH_ERR_INVALID (s or fn is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was
 * made before a fork)
 * Ownership: the library takes userdata, also on failure; free_userdata may be NULL.
 * Threads: any thread; fn runs on the thread of the handler
 * Since: 0.1.0
 */
nh_result nh_server_set_request_hook(nh_server *s,
                                     nh_handler_fn hook_fn,
                                     void *userdata,
                                     nh_free_fn free_userdata,
                                     nh_error **err);

/**
 * nh_server_set_blocking says whether the handler of a pattern blocks: 1 it does and always runs off the
 * event loops, 0 it does not, -1 (the default) the server finds out. A wrong 0 is corrected at each call,
 * at a cost.
 *
 * Errors: NH_ERR_INVALID (s or pattern is NULL, blocks is none of the three), NH_ERR_NOT_FOUND (no such
 * pattern), NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread.
 * Since: 0.1.0
 */
nh_result nh_server_set_blocking(nh_server *s, const char *pattern, int32_t blocks);

/**
 * nh_server_listen binds "host:port" and begins to queue connections; they are accepted once the server
 * runs. An empty host is all addresses, port 0 any free port: nh_server_port tells it. May be called
 * several times.
 *
 * Errors: NH_ERR_INVALID (s or addr is NULL, addr is malformed), NH_ERR_DNS (the host is unknown),
 * NH_ERR_CONNECT (the address cannot be bound), NH_ERR_SERVER_CLOSED (the server was stopped),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, also while the server runs. It may block: the lookup of the host's name.
 * Since: 0.1.0
 */
nh_result nh_server_listen(nh_server *s, const char *addr, nh_error **err);

/**
 * nh_server_port is the port of the index-th listener, counted from 0 over all functions that listen; 0 if there is
 * none.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: any thread.
 * Since: 0.1.0
 */
int32_t nh_server_port(const nh_server *s,
                       size_t index);

/**
 * nh_server_addr writes the address of the index-th listener, counted as for nh_server_port, as "127.0.0.1:8080",
 * "[::1]:8080", "/run/a.sock" or "@name" to buf, with its NUL; *len_out is its length without it, also when cap is
 * too small. The listener of nh_server_listen_callback has none.
 *
 * Errors: NH_ERR_INVALID (s or len_out is NULL), NH_ERR_NOT_FOUND (no such listener, or it has no address),
 * NH_ERR_TOO_LARGE (buf is NULL or cap too small), NH_ERR_FORKED (s was made before a fork)
 * Ownership: the library copies to buf.
 * Threads: any thread.
 * Since: 0.1.0
 */
nh_result nh_server_addr(const nh_server *s,
                         size_t index,
                         char *buf,
                         size_t cap,
                         size_t *len_out);

/**
 * nh_server_start begins to serve on library threads and returns.
 *
 * Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server listens nowhere, or has started),
 * NH_ERR_SERVER_CLOSED (it was stopped), NH_ERR_NO_RESOURCES (threads cannot be made), NH_ERR_FORKED (s
 * was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread.
 * Since: 0.1.0
 */
nh_result nh_server_start(nh_server *s, nh_error **err);

/**
 * nh_server_run serves until the server is stopped and its last connection has ended. It starts the server
 * unless nh_server_start did. It never returns NH_OK: NH_ERR_SERVER_CLOSED is the good end (Go's
 * ErrServerClosed).
 *
 * Errors: NH_ERR_SERVER_CLOSED (the server was stopped), NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the
 * server listens nowhere), NH_ERR_NO_RESOURCES (threads cannot be made), NH_ERR_WOULD_DEADLOCK (called in
 * a handler of s), NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread but the server's own. It may block: the server, until it has ended.
 * Since: 0.1.0
 */
nh_result nh_server_run(nh_server *s, nh_error **err);

/**
 * nh_listen_and_serve is Go's ListenAndServe: binds addr, serves m (NULL: the default mux) and blocks.
 * There is no way to stop it: programs that want to end in order use an nh_server.
 *
 * Errors: NH_ERR_INVALID (addr is NULL or malformed), NH_ERR_DNS (the host is unknown), NH_ERR_CONNECT
 * (the address cannot be bound), NH_ERR_NO_RESOURCES (threads cannot be made)
 * Ownership: nothing changes hands.
 * Threads: any thread. It may block: the server, until it has ended.
 * Since: 0.1.0
 */
nh_result nh_listen_and_serve(const char *addr, nh_mux *m, nh_error **err);

/**
 * nh_server_connections is how many connections are open now.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: any thread.
 * Since: 0.1.0
 */
size_t nh_server_connections(const nh_server *s);

/* ========================================================================================================
 * What handlers ask of a request's fields and answer by: credentials, cookies, the whole query
 * ======================================================================================================== */

/**
 * nh_request_basic_auth gives the user name and the password of a request's Authorization field: Go's
 * Request.BasicAuth. Both may hold NUL: use the lengths.
 *
 * Errors: NH_ERR_INVALID (a pointer other than the buffers is NULL), NH_ERR_NOT_FOUND (there are no such
 * credentials), NH_ERR_TOO_LARGE (a buffer is too small; both lengths are set)
 * Ownership: username_buf, password_buf: the library copies to them
 * Threads: one thread at a time for r
 * Since: 0.1.0
 */
nh_result nh_request_basic_auth(const nh_request *r,
                                char *username_buf,
                                size_t username_cap,
                                size_t *username_len_out,
                                char *password_buf,
                                size_t password_cap,
                                size_t *password_len_out);

/**
 * nh_request_query is the decoded query of a request, sent or received, malformed pairs left out: Go's
 * URL.Query. NULL for NULL.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_values_free
 * Threads: one thread at a time for r
 * Since: 0.1.0
 */
nh_values *nh_request_query(const nh_request *r);

/**
 * nh_response_writer_set_cookie adds a Set-Cookie field: Go's SetCookie.
 *
 * Errors: NH_ERR_INVALID (w or c is NULL)
 * Ownership: c: the library copies
 * Threads: one thread at a time for w
 * Since: 0.1.0
 */
nh_result nh_response_writer_set_cookie(nh_response_writer *w, const nh_cookie *c);

/* ========================================================================================================
 * Where a server's connections come from: TLS, Unix sockets, and descriptors of the program's
 * ======================================================================================================== */

/**
 * nh_accept_fn waits for a connection and puts a connected stream socket to *fd_out, which is the library's from then
 * on. Any result but NH_OK ends its listener, and is logged unless the server stops.
 *
 * It runs on a thread of its own, and blocks as long as it likes; the library cannot wake it. When the server is to
 * end, the program has it return another result, by closing what it waits on for example: nh_server_free waits for
 * that. It must not call nh_server_run, nh_server_shutdown or nh_server_free of its server.
 */
typedef nh_result (*nh_accept_fn)(void *userdata, ptrdiff_t *fd_out);

/**
 * nh_server_listen_tls is nh_server_listen for https: connections are to begin with TLS 1.2 or 1.3, as tls says,
 * which must have a certificate. Go's ListenAndServeTLS.
 *
 * Of the protocols of nh_tls_config_set_alpn, "http/1.1" unless that was called, and "h2" before them unless
 * nh_server_set_protocols leaves it out or that list is empty, a client that names some must know one. A handshake
 * may take as long as the shortest of the times of nh_server_set_read_header_timeout,
 * nh_server_set_read_timeout and nh_server_set_write_timeout: 10 s by default. Failures go to
 * nh_server_set_error_log. A client that speaks plain HTTP is answered 400.
 *
 * Errors: NH_ERR_INVALID (s, addr or tls is NULL, addr is malformed, tls has no certificate, or is to verify clients
 * and has no roots for them), NH_ERR_DNS (the host is unknown), NH_ERR_CONNECT (the address cannot be bound),
 * NH_ERR_SERVER_CLOSED (the server was stopped), NH_ERR_FORKED (s was made before a fork)
 * Ownership: tls: the library copies.
 * Threads: any thread, also while the server runs. It may block: the lookup of the host's name.
 * Since: 0.1.0
 */
nh_result nh_server_listen_tls(nh_server *s,
                               const char *addr,
                               const nh_tls_config *tls,
                               nh_error **err);

/**
 * nh_server_set_tls_config gives the index-th listener, counted from 0, other TLS settings while it serves: new
 * certificates, for one. Handshakes that begin from now on use them; connections that are there go on as they are.
 * Sessions of before are not resumed.
 *
 * Errors: NH_ERR_INVALID (s or tls is NULL, tls has no certificate, or is to verify clients and has no roots for
 * them), NH_ERR_NOT_FOUND (no such listener), NH_ERR_STATE (that listener speaks no TLS), NH_ERR_FORKED (s was made
 * before a fork)
 * Ownership: tls: the library copies.
 * Threads: any thread, also while the server runs.
 * Since: 0.1.0
 */
nh_result nh_server_set_tls_config(nh_server *s,
                                   size_t index,
                                   const nh_tls_config *tls,
                                   nh_error **err);

/**
 * nh_server_listen_unix listens on a Unix socket: a path, or an abstract name, which begins with '@' and is no file.
 * tls may be NULL, for none. The file is removed when the server has stopped accepting, as Go does. One that is there
 * already, even if nobody listens on it any more, is NH_ERR_CONNECT: the program knows whether to remove it.
 *
 * Errors: NH_ERR_INVALID (s or path is NULL, path is empty or too long, tls as for nh_server_listen_tls),
 * NH_ERR_CONNECT (the path cannot be bound), NH_ERR_SERVER_CLOSED (the server was stopped), NH_ERR_FORKED (s was made
 * before a fork)
 * Ownership: path and tls: the library copies.
 * Threads: any thread, also while the server runs. It may block: the file system.
 * Since: 0.1.0
 */
nh_result nh_server_listen_unix(nh_server *s,
                                const char *path,
                                const nh_tls_config *tls,
                                nh_error **err);

/**
 * nh_server_listen_fd listens with a socket of the program's, bound and listening, as systemd's socket activation or a
 * parent process hands them over. tls may be NULL, for none. The socket becomes nonblocking. Go's Serve.
 *
 * Errors: NH_ERR_INVALID (s is NULL, fd is no stream socket that listens, tls as for nh_server_listen_tls),
 * NH_ERR_SERVER_CLOSED (the server was stopped), NH_ERR_FORKED (s was made before a fork)
 * Ownership: fd: the library takes, and closes it, also on failure. tls: the library copies.
 * Threads: any thread, also while the server runs.
 * Since: 0.1.0
 */
nh_result nh_server_listen_fd(nh_server *s,
                              ptrdiff_t fd,
                              const nh_tls_config *tls,
                              nh_error **err);

/**
 * nh_server_serve_fd serves one connection that the program has made: a connected stream socket, such as an end of
 * a socketpair. tls may be NULL, for none. Before the start it waits for that.
 *
 * Errors: NH_ERR_INVALID (s is NULL, fd is no connected stream socket, tls as for nh_server_listen_tls),
 * NH_ERR_SERVER_CLOSED (the server was stopped), NH_ERR_FORKED (s was made before a fork)
 * Ownership: fd: the library takes, and closes it, also on failure. tls: the library copies.
 * Threads: any thread, also while the server runs.
 * Since: 0.1.0
 */
nh_result nh_server_serve_fd(nh_server *s,
                             ptrdiff_t fd,
                             const nh_tls_config *tls,
                             nh_error **err);

/**
 * nh_server_listen_callback lets the program accept connections: see nh_accept_fn. tls may be NULL, for none. It counts
 * as a listener, without an address. Go's Serve with a Listener of the program's own.
 *
 * Errors: NH_ERR_INVALID (s or accept_fn is NULL, tls as for nh_server_listen_tls), NH_ERR_NO_RESOURCES (the thread
 * cannot be made), NH_ERR_SERVER_CLOSED (the server was stopped), NH_ERR_FORKED (s was made before a fork)
 * Ownership: userdata: the library takes, also on failure; free_userdata may be NULL. tls: the library copies.
 * Threads: any thread, also while the server runs.
 * Since: 0.1.0
 */
nh_result nh_server_listen_callback(nh_server *s,
                                    nh_accept_fn accept_fn,
                                    void *userdata,
                                    nh_free_fn free_userdata,
                                    const nh_tls_config *tls,
                                    nh_error **err);

/* ========================================================================================================
 * Which protocols a server speaks
 * ======================================================================================================== */

/**
 * nh_server_set_protocols says which protocols a server speaks: NH_PROTOCOL_ bits. Default: NH_PROTOCOL_HTTP1 |
 * NH_PROTOCOL_HTTP2. Go's Server.Protocols.
 *
 * Over TLS a client chooses by ALPN; HTTP/2 is offered first. In the clear a connection that begins with the preface
 * of HTTP/2 speaks that, where NH_PROTOCOL_UNENCRYPTED_HTTP2 is set. Connections of protocols that are not spoken end
 * without an answer.
 *
 * Errors: NH_ERR_INVALID (s is NULL, protocols is 0 or has an unknown bit), NH_ERR_STATE (the server has started),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_protocols(nh_server *s,
                                  uint32_t protocols);

/**
 * nh_server_set_http2 gives a server a configuration for HTTP/2; NULL goes back to the defaults. Go's Server.HTTP2.
 *
 * Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made before
 * a fork)
 * Ownership: config: the library copies
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_http2(nh_server *s,
                              const nh_http2_config *config);

/* ========================================================================================================
 * Requests that a program's own threads ask for, in the place of callbacks
 * ======================================================================================================== */

/**
 * nh_server_handle_pull keeps the requests of a pattern for nh_server_next, in the place of a callback. Both kinds may
 * be registered with one server. 16,384 requests may wait; more are answered 503.
 *
 * Errors: NH_ERR_INVALID (s or pattern is NULL, the pattern is malformed or conflicts with another), NH_ERR_FORKED (s
 * was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, also while the server runs
 * Since: 0.1.0
 */
nh_result nh_server_handle_pull(nh_server *s,
                                const char *pattern,
                                nh_error **err);

/**
 * nh_server_next waits for a request of a pattern of nh_server_handle_pull, for at most timeout_ms milliseconds
 * (NH_TIMEOUT_NONE: for ever), and gives it to the caller, to be answered from any thread. Those that came one after
 * the other are given in that order; those that came at the same time, even on one connection, in any.
 *
 * Errors: NH_ERR_INVALID (s, w_out or r_out is NULL, or timeout_ms is negative and not NH_TIMEOUT_NONE),
 * NH_ERR_TIMEOUT (none came in time), NH_ERR_SERVER_CLOSED (the server has stopped: none will come), NH_ERR_FORKED (s
 * was made before a fork)
 * Ownership: *w_out and *r_out: the caller owns, and ends both by nh_response_writer_free, see
 * nh_response_writer_detach
 * Threads: any thread, at the same time too. It may block: requests, up to timeout_ms.
 * Since: 0.1.0
 */
nh_result nh_server_next(nh_server *s,
                         int64_t timeout_ms,
                         nh_response_writer **w_out,
                         nh_request **r_out,
                         nh_error **err);

/* ========================================================================================================
 * nh_request as a handler sees it: what was received
 * ======================================================================================================== */

/**
 * nh_request_method is the method, "GET" for example.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const char *nh_request_method(const nh_request *r);

/**
 * nh_request_uri is the request-target as it was received (RFC 9112, 3.2; Go's RequestURI); "" in a
 * request to be sent.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const char *nh_request_uri(const nh_request *r);

/**
 * nh_request_host is the authority that the request is for: the target's in absolute form, else the Host
 * field's value.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const char *nh_request_host(const nh_request *r);

/**
 * nh_request_raw_query is what stands behind the target's first question mark, as it was received; "" if
 * there is none.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const char *nh_request_raw_query(const nh_request *r);

/**
 * nh_request_path is the target's path, unescaped. It may hold any byte, NUL too: *len_out is its length.
 * NULL if r or len_out is NULL.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const char *nh_request_path(nh_request *r, size_t *len_out);

/**
 * nh_request_query_value is the first value of a query parameter, unescaped; NULL if there is none. It may
 * hold any byte, NUL too: *len_out is its length. Follows Go's URL.Query().Get, pairs that are malformed
 * left out.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const char *nh_request_query_value(nh_request *r, const char *name, size_t *len_out);

/**
 * nh_request_pattern is the mux pattern that the request matched, such as "GET /files/{name}"; "" if the mux answered
 * by itself, and in a request to be sent. Go's Request.Pattern.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const char *nh_request_pattern(const nh_request *r);

/**
 * nh_request_path_value is what a wildcard of the pattern stands for, unescaped, or what nh_request_set_path_value
 * has set; NULL if there is no wildcard of that name. It may hold any byte, NUL too: *len_out is its length. Go's
 * Request.PathValue.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const char *nh_request_path_value(nh_request *r,
                                  const char *name,
                                  size_t *len_out);

/**
 * nh_request_set_path_value sets what nh_request_path_value answers for a name: for routers of the program's own.
 * Go's Request.SetPathValue.
 *
 * Errors: NH_ERR_INVALID (r or name is NULL, or value is NULL and len is not 0)
 * Ownership: the library copies name and value.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
nh_result nh_request_set_path_value(nh_request *r,
                                    const char *name,
                                    const void *value,
                                    size_t len);

/**
 * nh_request_header_value is the first value of a header field, its name in any case; NULL if it is
 * absent, "" if it is empty.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r's header changes or r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const char *nh_request_header_value(const nh_request *r, const char *name);

/**
 * nh_request_header_count is the number of header fields.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
size_t nh_request_header_count(const nh_request *r);

/**
 * nh_request_header_at gives the index-th header field, in the order of the wire.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_NOT_FOUND (index is nh_request_header_count or
 * more)
 * Ownership: the library owns; borrowed until r's header changes or r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
nh_result nh_request_header_at(const nh_request *r,
                               size_t index,
                               const char **name_out,
                               const char **value_out);

/**
 * nh_request_trailer_value is the first value of a trailer field; NULL if it is absent, or the body was
 * not read to its end yet.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until r ends.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
const char *nh_request_trailer_value(const nh_request *r, const char *name);

/**
 * nh_request_content_length is the body's length in bytes, -1 if it is unknown (chunked), 0 if there is
 * none or r is NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
int64_t nh_request_content_length(const nh_request *r);

/**
 * nh_request_proto is the protocol version, major times 10 plus minor: 11 is HTTP/1.1, 10 is HTTP/1.0; 0
 * if r is NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
int32_t nh_request_proto(const nh_request *r);

/**
 * nh_request_body_read reads up to cap bytes of a received request's body and waits for them if it must.
 * The end is NH_OK with *n_out 0; data comes before its error; an error stays. The first read sends 100
 * Continue to a client that waits for it.
 *
 * Errors: NH_ERR_INVALID (r, buf or n_out is NULL, cap is 0), NH_ERR_STATE (r was not received),
 * NH_ERR_UNEXPECTED_EOF (the peer ended the body early), NH_ERR_PROTOCOL (its framing is broken),
 * NH_ERR_TOO_LARGE (it is longer than the limit), NH_ERR_TIMEOUT (nothing came in time), NH_ERR_IO (the
 * connection broke), NH_ERR_NO_RESOURCES (there is no memory for what has come)
 * Ownership: the library copies to buf.
 * Threads: one thread at a time for r; beside one that writes the response. It may block: the peer, up to the read
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_request_body_read(nh_request *r,
                               void *buf,
                               size_t cap,
                               size_t *n_out,
                               nh_error **err);

/**
 * nh_request_set_body_limit bounds the rest of this request's body to n bytes: reading more fails with
 * NH_ERR_TOO_LARGE, and the connection ends with the answer. Follows Go's MaxBytesReader.
 *
 * Errors: NH_ERR_INVALID (r is NULL, n is negative), NH_ERR_STATE (r was not received)
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
nh_result nh_request_set_body_limit(nh_request *r, int64_t n);

/**
 * nh_request_set_read_timeout bounds the rest of the reading of this body, in milliseconds from now;
 * NH_TIMEOUT_NONE lifts the bound. Follows Go's ResponseController.SetReadDeadline.
 *
 * Errors: NH_ERR_INVALID (r is NULL, the time is below -1), NH_ERR_STATE (r was not received),
 * NH_ERR_UNSUPPORTED (r came from nh_read_request)
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
nh_result nh_request_set_read_timeout(nh_request *r, int64_t timeout_ms);

/**
 * nh_request_is_client_gone is 1 if the peer has closed its side or the connection broke, 0 if not: a long
 * handler asks it to stop work that nobody waits for.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for r; beside one that writes the response.
 * Since: 0.1.0
 */
int32_t nh_request_is_client_gone(const nh_request *r);

/* ========================================================================================================
 * The settings of nh_server: typed setters, before the start where they do not say otherwise
 * ======================================================================================================== */

/**
 * nh_server_set_read_header_timeout bounds the time from the first byte of a request's head, on a new
 * connection from its start, to the head's end. In milliseconds; 0 is no time at all, NH_TIMEOUT_NONE no
 * limit. Default: 10000 (10 s). Follows Go's ReadHeaderTimeout.
 *
 * Errors: NH_ERR_INVALID (s is NULL, the time is below -1), NH_ERR_STATE (the server has started),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_read_header_timeout(nh_server *s, int64_t timeout_ms);

/**
 * nh_server_set_read_timeout bounds the time from the first byte of a request's head to its body's end. In
 * milliseconds; 0 is no time at all, NH_TIMEOUT_NONE no limit. Default: NH_TIMEOUT_NONE. Follows Go's
 * ReadTimeout.
 *
 * Errors: NH_ERR_INVALID (s is NULL, the time is below -1), NH_ERR_STATE (the server has started),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_read_timeout(nh_server *s, int64_t timeout_ms);

/**
 * nh_server_set_write_timeout bounds the time from the end of a request's head to its answer's end. In
 * milliseconds; 0 is no time at all, NH_TIMEOUT_NONE no limit. Default: NH_TIMEOUT_NONE. Follows Go's
 * WriteTimeout.
 *
 * Errors: NH_ERR_INVALID (s is NULL, the time is below -1), NH_ERR_STATE (the server has started),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_write_timeout(nh_server *s, int64_t timeout_ms);

/**
 * nh_server_set_idle_timeout bounds the time between an answer and the next request's first byte. In
 * milliseconds; 0 is no time at all, NH_TIMEOUT_NONE no limit. Default: 120000 (2 min). Follows Go's
 * IdleTimeout.
 *
 * Errors: NH_ERR_INVALID (s is NULL, the time is below -1), NH_ERR_STATE (the server has started),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_idle_timeout(nh_server *s, int64_t timeout_ms);

/**
 * nh_server_set_read_progress_timeout bounds the time from byte to byte of a request's body; any byte
 * starts it anew. In milliseconds; 0 is no time at all, NH_TIMEOUT_NONE no limit. Default: 30000 (30 s).
 * Follows no setting of Go's.
 *
 * Errors: NH_ERR_INVALID (s is NULL, the time is below -1), NH_ERR_STATE (the server has started),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_read_progress_timeout(nh_server *s, int64_t timeout_ms);

/**
 * nh_server_set_write_progress_timeout bounds the time from byte to byte of an answer that the peer does
 * not take; any byte starts it anew. In milliseconds; 0 is no time at all, NH_TIMEOUT_NONE no limit.
 * Default: 30000 (30 s). Follows no setting of Go's.
 *
 * Errors: NH_ERR_INVALID (s is NULL, the time is below -1), NH_ERR_STATE (the server has started),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_write_progress_timeout(nh_server *s, int64_t timeout_ms);

/**
 * nh_server_set_min_rate bounds how slow a peer may be while handlers are short. While more than half of the handlers
 * that may run at once do (nh_server_set_max_handlers), a handler that waits for a request's body, or for a peer to
 * take its response, fails with NH_ERR_TIMEOUT once the peer has moved less than bytes_per_second over the last
 * grace_ms of such waits; its connection is closed, over HTTP/2 its stream is reset. Time in which nobody waits does
 * not count, so a response may be as slow as its handler. bytes_per_second 0 is no minimum; grace_ms is 1 to 86400000
 * (one day). Default: 240 bytes a second over 5000 ms. Go has no such setting.
 *
 * Errors: NH_ERR_INVALID (s is NULL, grace_ms is out of range), NH_ERR_STATE (the server has started), NH_ERR_FORKED
 * (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_min_rate(nh_server *s,
                                 uint64_t bytes_per_second,
                                 int64_t grace_ms);

/**
 * nh_server_set_shards sets how many event loops the server has; 0, the default, is one for each CPU that
 * the process may use. At most 1024.
 *
 * Errors: NH_ERR_INVALID (s is NULL, n is out of range), NH_ERR_STATE (the server has started),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_shards(nh_server *s, size_t n);

/**
 * nh_server_set_max_handlers sets how many handlers may run off the event loops at once; more wait. 1 to
 * 65536, default 4096.
 *
 * Errors: NH_ERR_INVALID (s is NULL, n is out of range), NH_ERR_STATE (the server has started),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_max_handlers(nh_server *s, size_t n);

/**
 * nh_server_set_max_queue sets how many requests may wait for a handler thread; more are answered 503 at
 * once. At most 1048576, default 16384.
 *
 * Errors: NH_ERR_INVALID (s is NULL, n is out of range), NH_ERR_STATE (the server has started),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_max_queue(nh_server *s, size_t n);

/**
 * nh_server_set_max_header_bytes sets how long a request's head may be; 4 KiB of slack are added. A longer
 * one is answered 431. 1 to 67108864 (64 MiB), default 1048576 (1 MiB). Follows Go's MaxHeaderBytes.
 *
 * Errors: NH_ERR_INVALID (s is NULL, n is out of range), NH_ERR_STATE (the server has started),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_max_header_bytes(nh_server *s, size_t n);

/**
 * nh_server_set_max_header_fields sets how many fields a request's head may have. One with more is answered 431. 1 to
 * 65536, default 500, as in Go.
 *
 * Errors: NH_ERR_INVALID (s is NULL, n is out of range), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was
 * made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_max_header_fields(nh_server *s,
                                          size_t n);

/**
 * nh_server_set_queue_timeout sets how many milliseconds a request may wait for a handler thread before it
 * is answered 503. Not NH_TIMEOUT_NONE: handlers that wait for each other must end. Default: 10000 (10 s).
 *
 * Errors: NH_ERR_INVALID (s is NULL, the time is negative), NH_ERR_STATE (the server has started),
 * NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_queue_timeout(nh_server *s, int64_t timeout_ms);

/**
 * nh_server_set_max_body_bytes sets how long a request's body may be; reading beyond fails with
 * NH_ERR_TOO_LARGE. -1, the default, is no limit. nh_request_set_body_limit sets it for one request.
 *
 * Errors: NH_ERR_INVALID (s is NULL, n is below -1), NH_ERR_STATE (the server has started), NH_ERR_FORKED
 * (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_max_body_bytes(nh_server *s, int64_t n);

/**
 * nh_server_set_max_connections sets how many connections may be open at once; 0, the default, is no limit. One more
 * is answered 503 with Retry-After: 1 and Connection: close, and closed; where TLS is spoken, and where very many
 * come, it is closed without an answer.
 *
 * Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_max_connections(nh_server *s,
                                        size_t n);

/**
 * nh_server_set_keep_alive says whether connections serve more than one request: 1, the default, or 0. While the
 * server serves, 0 ends idle connections at once, and each answer that begins from then on is its connection's last:
 * Connection: close, and over HTTP/2 a GOAWAY. 1 takes that back, but for connections that were told so. Follows Go's
 * Server.SetKeepAlivesEnabled.
 *
 * Errors: NH_ERR_INVALID (s is NULL, on is neither), NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, also while the server serves.
 * Since: 0.1.0
 */
nh_result nh_server_set_keep_alive(nh_server *s,
                                   int32_t on);

/**
 * nh_server_set_general_options says whether the server answers OPTIONS * itself, 1, the default, or leaves it to its
 * handler, 0: Go's Server.DisableGeneralOptionsHandler. A mux answers it 400.
 *
 * Errors: NH_ERR_INVALID (s is NULL, on is neither 0 nor 1), NH_ERR_STATE (the server has started), NH_ERR_FORKED
 * (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_general_options(nh_server *s,
                                        int32_t on);

/**
 * nh_server_set_lame_duck sets how long a server that was told to stop goes on to accept and to serve: each answer
 * then says Connection: close, so that clients leave by themselves, and no request meets a connection that is
 * just being closed. Only afterwards idle connections are ended. In milliseconds; 0, the default, is no such
 * period. It counts into the time of nh_server_shutdown; nh_server_close does not wait for it.
 *
 * Errors: NH_ERR_INVALID (s is NULL, the time is negative), NH_ERR_STATE (the server has started), NH_ERR_FORKED
 * (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_lame_duck(nh_server *s,
                                  int64_t duration_ms);

/**
 * nh_server_set_reuse_port lets other sockets listen on the same addresses if they ask for that too (SO_REUSEPORT),
 * as several processes of one program do: 1, or 0, the default. It hides that a port is in use, and connections
 * that wait to be accepted are lost when their listener closes. It counts for later calls of nh_server_listen.
 *
 * Errors: NH_ERR_INVALID (s is NULL, on is neither), NH_ERR_STATE (the server has started), NH_ERR_FORKED
 * (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_reuse_port(nh_server *s,
                                   int32_t on);

/**
 * nh_server_use_go_defaults sets all times to what Go's zero Server has: no limits.
 *
 * Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made
 * before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_use_go_defaults(nh_server *s);

/* ========================================================================================================
 * What happens when a server stops
 * ======================================================================================================== */

/**
 * nh_shutdown_fn is called when a server begins to stop. It runs on a thread of its own, after those that were
 * registered before it, may block, and may call every function of its server. Where no thread can
 * be had it runs inside the call that waits for the server's end, nh_server_free at the latest.
 */
typedef void (*nh_shutdown_fn)(void *userdata);

/**
 * nh_server_on_shutdown has fn called, once, when the server begins to stop, by whatever: to say goodbye on connections
 * that were hijacked, to end streams of events. nh_server_free waits for it. Go's RegisterOnShutdown.
 *
 * Errors: NH_ERR_INVALID (s or fn is NULL), NH_ERR_SERVER_CLOSED (the server stops already), NH_ERR_FORKED (s was made
 * before a fork)
 * Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_server_on_shutdown(nh_server *s,
                                nh_shutdown_fn shutdown_fn,
                                void *userdata,
                                nh_free_fn free_userdata);

/* ========================================================================================================
 * What a program may watch of its server: connections, errors, and exchanges that have ended
 * ======================================================================================================== */

/** NH_CONN_STATE_NEW: a connection was accepted. Go's StateNew. */
#define NH_CONN_STATE_NEW 0
/** NH_CONN_STATE_ACTIVE: the first byte of a request has come. Go's StateActive. */
#define NH_CONN_STATE_ACTIVE 1
/** NH_CONN_STATE_IDLE: all requests are answered, and it waits for another. Go's StateIdle. */
#define NH_CONN_STATE_IDLE 2
/** NH_CONN_STATE_HIJACKED: it is the program's own; its end is not told. Go's StateHijacked. */
#define NH_CONN_STATE_HIJACKED 3
/** NH_CONN_STATE_CLOSED: it has ended. Go's StateClosed. */
#define NH_CONN_STATE_CLOSED 4

/**
 * nh_conn_state_fn is told that a connection is in another state, an NH_CONN_STATE_ constant. c is borrowed until it
 * returns.
 *
 * It runs on the server's event loops, for several connections at the same time, one call after the other for each. It
 * must not block, and may call no function of the library but the getters of c.
 */
typedef void (*nh_conn_state_fn)(const nh_server_conn *c, int32_t state, void *userdata);

/**
 * nh_error_log_fn receives a line of a server's error log, without a newline, borrowed until it returns.
 *
 * It runs on any thread of the server's, at the same time too, event loops included. It should not block, and may call
 * no function on the server.
 */
typedef void (*nh_error_log_fn)(const char *line, void *userdata);

/**
 * nh_access_fn is told of an exchange that has ended. a is borrowed until it returns.
 *
 * It runs where the exchange's handler has run, before the answer's last bytes have left, and may block as that may; it
 * may call no function of the library but the getters of a.
 */
typedef void (*nh_access_fn)(const nh_access *a, void *userdata);

/**
 * nh_conn_state_text is a state's name: "new", "active", "idle", "hijacked", "closed", or "" for what is none. Go's
 * ConnState.String.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the process ends
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_conn_state_text(int32_t state);

/**
 * nh_server_set_conn_state_callback has fn called when a connection changes its state; fn NULL takes that back. Go's
 * ConnState.
 *
 * Connections that are refused for nh_server_set_max_connections are not told of.
 *
 * Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made before a fork)
 * Ownership: userdata: the library takes, also on failure; free_userdata may be NULL.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_conn_state_callback(nh_server *s,
                                            nh_conn_state_fn fn,
                                            void *userdata,
                                            nh_free_fn free_userdata);

/**
 * nh_server_set_error_log sends what goes wrong without a caller to a function instead of to nh_set_log's: accept
 * errors, failed handshakes, a status that is written twice. fn NULL takes that back. Go's ErrorLog.
 *
 * Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made before a fork)
 * Ownership: userdata: the library takes, also on failure; free_userdata may be NULL.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_error_log(nh_server *s,
                                  nh_error_log_fn fn,
                                  void *userdata,
                                  nh_free_fn free_userdata);

/**
 * nh_server_set_access_log has fn called once for each exchange, after its end; fn NULL takes that back. What was
 * refused before any handler could see it, such as a malformed head, is no exchange.
 *
 * Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made before a fork)
 * Ownership: userdata: the library takes, also on failure; free_userdata may be NULL.
 * Threads: any thread, before the server starts.
 * Since: 0.1.0
 */
nh_result nh_server_set_access_log(nh_server *s,
                                   nh_access_fn fn,
                                   void *userdata,
                                   nh_free_fn free_userdata);

/**
 * nh_server_conn_id is a number that no other connection of the process has or had. 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: the thread of the callback.
 * Since: 0.1.0
 */
uint64_t nh_server_conn_id(const nh_server_conn *c);

/**
 * nh_server_conn_remote_addr writes the peer's address to buf: see nh_request_remote_addr.
 *
 * Errors: NH_ERR_INVALID (c or len_out is NULL), NH_ERR_TOO_LARGE (buf is NULL or cap too small)
 * Ownership: the library copies to buf.
 * Threads: the thread of the callback.
 * Since: 0.1.0
 */
nh_result nh_server_conn_remote_addr(const nh_server_conn *c, char *buf, size_t cap, size_t *len_out);

/**
 * nh_access_method is the request's method. NULL for NULL.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until the callback returns.
 * Threads: the thread of the callback.
 * Since: 0.1.0
 */
const char *nh_access_method(const nh_access *a);

/**
 * nh_access_target is the request-target as it was received. NULL for NULL.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until the callback returns.
 * Threads: the thread of the callback.
 * Since: 0.1.0
 */
const char *nh_access_target(const nh_access *a);

/**
 * nh_access_host is the authority that the request was for. NULL for NULL.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until the callback returns.
 * Threads: the thread of the callback.
 * Since: 0.1.0
 */
const char *nh_access_host(const nh_access *a);

/**
 * nh_access_status is the answer's status; 0 if the exchange was aborted before there was one.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: the thread of the callback.
 * Since: 0.1.0
 */
int32_t nh_access_status(const nh_access *a);

/**
 * nh_access_bytes is how many bytes of a body the handler has written.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: the thread of the callback.
 * Since: 0.1.0
 */
uint64_t nh_access_bytes(const nh_access *a);

/**
 * nh_access_duration_us is the time from the end of the request's head to the end of the exchange, in microseconds.
 * What a request has waited for a thread is not in it.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: the thread of the callback.
 * Since: 0.1.0
 */
int64_t nh_access_duration_us(const nh_access *a);

/**
 * nh_access_remote_addr writes the peer's address to buf: see nh_request_remote_addr.
 *
 * Errors: NH_ERR_INVALID (a or len_out is NULL), NH_ERR_TOO_LARGE (buf is NULL or cap too small)
 * Ownership: the library copies to buf.
 * Threads: the thread of the callback.
 * Since: 0.1.0
 */
nh_result nh_access_remote_addr(const nh_access *a, char *buf, size_t cap, size_t *len_out);

/* ========================================================================================================
 * The end of an nh_server: asked for, waited for, and released
 * ======================================================================================================== */

/**
 * nh_server_wait waits until a server that was started has been stopped and its last connection has ended, at most
 * timeout_ms milliseconds (NH_TIMEOUT_NONE: as long as it takes). It is nh_server_run for a program, or a language,
 * that has to look at its own signals now and then. It never returns NH_OK: NH_ERR_SERVER_CLOSED is the good end.
 *
 * Errors: NH_ERR_TIMEOUT (the server still runs), NH_ERR_SERVER_CLOSED (it was stopped, and has ended), NH_ERR_INVALID
 * (s is NULL, or timeout_ms is below -1), NH_ERR_STATE (s has not started), NH_ERR_WOULD_DEADLOCK (called in a handler
 * of s), NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread but the server's own, at the same time too. It may block: the server's end, up to timeout_ms.
 * Since: 0.1.0
 */
nh_result nh_server_wait(nh_server *s,
                         int64_t timeout_ms,
                         nh_error **err);

/**
 * nh_server_shutdown stops accepting, ends idle connections, lets busy ones end after their answer, and
 * waits for the last of them, at most timeout_ms milliseconds (NH_TIMEOUT_NONE: as long as it takes).
 * Follows Go's Server.Shutdown.
 *
 * Errors: NH_ERR_TIMEOUT (connections were still active; they go on), NH_ERR_INVALID (s is NULL, the time
 * is below -1), NH_ERR_WOULD_DEADLOCK (called in a handler of s), NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread but the server's own. It may block: running handlers, up to timeout_ms.
 * Since: 0.1.0
 */
nh_result nh_server_shutdown(nh_server *s, int64_t timeout_ms, nh_error **err);

/**
 * nh_server_request_stop begins what nh_server_shutdown does and returns at once; nh_server_run returns
 * when the last connection has ended. It is async-signal-safe: a handler of SIGINT or SIGTERM may call it.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: any thread, and signal handlers; s must not be freed meanwhile.
 * Since: 0.1.0
 */
void nh_server_request_stop(nh_server *s);

/**
 * nh_server_close ends all listeners and connections at once. It does not wait for handlers: their next
 * read or write fails. Follows Go's Server.Close.
 *
 * Errors: NH_ERR_INVALID (s is NULL), NH_ERR_FORKED (s was made before a fork)
 * Ownership: nothing changes hands.
 * Threads: any thread, also in a handler.
 * Since: 0.1.0
 */
nh_result nh_server_close(nh_server *s);

/**
 * nh_server_free ends the server at once, waits for its threads and releases it; NULL is fine. For an end that lets
 * answers finish, call nh_server_shutdown first.
 *
 * Blocks until the last handler has returned; nh_server_free_timeout does not wait for one that never does. On a thread
 * of the server's own (in a handler, or in any other function that it calls) it does not block: another thread does the
 * waiting and the releasing, and the functions of s that are given userdata are called until that is done.
 *
 * Errors: none
 * Ownership: the library takes s.
 * Threads: any thread; no other call may use s at the same time. It may block: running handlers.
 * Since: 0.1.0
 */
void nh_server_free(nh_server *s);

/**
 * nh_server_free_timeout is nh_server_free for a program that cannot wait for a handler that does not return. It ends
 * the server at once and waits at most timeout_ms milliseconds (NH_TIMEOUT_NONE: as long as it takes) for its threads.
 * What is not over by then a thread of the library does when it is: it frees the userdata of the server's functions,
 * which may run until then. On a thread of the server's own, which is one of those, nothing is waited for.
 *
 * Errors: NH_ERR_TIMEOUT (a handler still runs; s is released when it has returned), NH_ERR_INVALID (s is NULL, or
 * timeout_ms is below -1; s stays the caller's), NH_ERR_NO_RESOURCES (there is no thread to be had; s stays the
 * caller's), NH_ERR_FORKED (s was made before a fork; s is released)
 * Ownership: the library takes s, unless the result says that it stays the caller's.
 * Threads: any thread, the server's own too; no other call may use s at the same time. It may block: running
 * handlers, up to timeout_ms.
 * Since: 0.1.0
 */
nh_result nh_server_free_timeout(nh_server *s,
                                 int64_t timeout_ms,
                                 nh_error **err);

/* ========================================================================================================
 * nh_response_writer
 * ======================================================================================================== */

/**
 * nh_response_writer_set_header replaces all fields of that name by one. Changes count until the first
 * write.
 *
 * Without a Content-Type one is found by the body's first bytes, as nh_detect_content_type does; one that is
 * set to the empty text is not sent, and none is looked for.
 *
 * A name that begins with "Trailer:" is that of a trailer field, sent without being announced: Go's TrailerPrefix. It
 * may be set until the handler returns, as by nh_response_writer_set_trailer.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, the value has control bytes)
 * Ownership: the library copies name and value.
 * Threads: one thread at a time for w; beside one that reads the request's body.
 * Since: 0.1.0
 */
nh_result nh_response_writer_set_header(nh_response_writer *w,
                                        const char *name,
                                        const char *value);

/**
 * nh_response_writer_add_header adds a field beside those of the same name. Changes count until the first
 * write.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, the value has control bytes)
 * Ownership: the library copies name and value.
 * Threads: one thread at a time for w; beside one that reads the request's body.
 * Since: 0.1.0
 */
nh_result nh_response_writer_add_header(nh_response_writer *w, const char *name, const char *value);

/**
 * nh_response_writer_del_header removes all fields of that name; none is fine. Changes count until the
 * first write.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL)
 * Ownership: the library copies name and value.
 * Threads: one thread at a time for w; beside one that reads the request's body.
 * Since: 0.1.0
 */
nh_result nh_response_writer_del_header(nh_response_writer *w, const char *name);

/**
 * nh_response_writer_set_trailer sets a trailer field, sent behind a chunked body (RFC 9110, 6.5).
 * Announce it by a Trailer field before the first write; it may be set until the handler returns. Framing
 * fields are left out.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, the value has control bytes)
 * Ownership: the library copies name and value.
 * Threads: one thread at a time for w; beside one that reads the request's body.
 * Since: 0.1.0
 */
nh_result nh_response_writer_set_trailer(nh_response_writer *w, const char *name, const char *value);

/**
 * nh_response_writer_write_header settles the status (100 to 999 but 101) and the header. Informational
 * ones (1xx) go out at once and settle nothing. Follows Go's ResponseWriter.WriteHeader.
 *
 * Errors: NH_ERR_INVALID (w is NULL, the code is out of range), NH_ERR_STATE (the header was written
 * already), NH_ERR_IO (an informational response could not be sent)
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for w; beside one that reads the request's body. It may block: the peer, up to the
 * write timeouts.
 * Since: 0.1.0
 */
nh_result nh_response_writer_write_header(nh_response_writer *w,
                                          int32_t code);

/**
 * nh_response_writer_write adds len bytes to the body and returns when they are sent or buffered. A body
 * that is whole within 2048 bytes when the handler returns gets a Content-Length; a longer one without a
 * declared length is sent chunked. For HEAD bytes are counted and dropped. It blocks while the peer does
 * not read, up to the write timeouts.
 *
 * Errors: NH_ERR_INVALID (w is NULL, data is NULL and len is not 0), NH_ERR_BODY_NOT_ALLOWED (the status
 * has no body), NH_ERR_BODY_LENGTH (more than the declared Content-Length), NH_ERR_IO (the peer is gone),
 * NH_ERR_TIMEOUT (the peer does not read, or the time of a nh_timeout_handler is up)
 * Ownership: the library copies data.
 * Threads: one thread at a time for w; beside one that reads the request's body. It may block: the peer, up to the
 * write timeouts.
 * Since: 0.1.0
 */
nh_result nh_response_writer_write(nh_response_writer *w,
                                   const void *data,
                                   size_t len,
                                   nh_error **err);

/**
 * nh_response_writer_write_str is nh_response_writer_write for NUL-terminated text.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_BODY_NOT_ALLOWED (the status has no body),
 * NH_ERR_BODY_LENGTH (more than the declared Content-Length), NH_ERR_IO (the peer is gone), NH_ERR_TIMEOUT
 * (the peer does not read)
 * Ownership: the library copies text.
 * Threads: one thread at a time for w; beside one that reads the request's body. It may block: the peer, up to the
 * write timeouts.
 * Since: 0.1.0
 */
nh_result nh_response_writer_write_str(nh_response_writer *w,
                                       const char *text,
                                       nh_error **err);

/**
 * nh_response_writer_flush sends everything that was written so far, the header included (Go's Flusher).
 *
 * Errors: NH_ERR_INVALID (w is NULL), NH_ERR_IO (the peer is gone), NH_ERR_TIMEOUT (the peer does not
 * read), NH_ERR_UNSUPPORTED (w is that of a nh_timeout_handler)
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for w; beside one that reads the request's body. It may block: the peer, up to the
 * write timeouts.
 * Since: 0.1.0
 */
nh_result nh_response_writer_flush(nh_response_writer *w,
                                   nh_error **err);

/**
 * nh_response_writer_abort has the connection closed when the handler returns; what was not sent is lost,
 * so that the peer cannot take the answer for whole (Go's ErrAbortHandler).
 *
 * Errors: NH_ERR_INVALID (w is NULL)
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for w; beside one that reads the request's body.
 * Since: 0.1.0
 */
nh_result nh_response_writer_abort(nh_response_writer *w);

/**
 * nh_response_writer_set_full_duplex lets the handler write while it still reads the request's body.
 * Without it the rest of a small body (256 KiB) is read before the answer's header is sent, as in Go.
 *
 * Errors: NH_ERR_INVALID (w is NULL), NH_ERR_UNSUPPORTED (w is that of a nh_timeout_handler)
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for w; beside one that reads the request's body.
 * Since: 0.1.0
 */
nh_result nh_response_writer_set_full_duplex(nh_response_writer *w);

/**
 * nh_response_writer_set_write_timeout bounds the rest of this response, in milliseconds from now;
 * NH_TIMEOUT_NONE lifts the bound. Follows Go's ResponseController.SetWriteDeadline.
 *
 * Errors: NH_ERR_INVALID (w is NULL, the time is below -1), NH_ERR_UNSUPPORTED (w is that of a nh_timeout_handler)
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for w; beside one that reads the request's body.
 * Since: 0.1.0
 */
nh_result nh_response_writer_set_write_timeout(nh_response_writer *w,
                                               int64_t timeout_ms);

/**
 * nh_response_writer_status is the status that was written, 0 before.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for w; beside one that reads the request's body.
 * Since: 0.1.0
 */
int32_t nh_response_writer_status(nh_response_writer *w);

/**
 * nh_response_writer_written is how many body bytes were written.
 *
 * Errors: none
 * Ownership: nothing changes hands.
 * Threads: one thread at a time for w; beside one that reads the request's body.
 * Since: 0.1.0
 */
uint64_t nh_response_writer_written(nh_response_writer *w);

/**
 * nh_respond writes a whole answer: status, Content-Type and len bytes of body. A type of NULL is found by the
 * body's first bytes, "" is none.
 *
 * Errors: NH_ERR_INVALID (w is NULL, data is NULL and len is not 0, the code or the type is malformed),
 * NH_ERR_STATE (the header was written already), NH_ERR_BODY_NOT_ALLOWED (the status has no body),
 * NH_ERR_IO (the peer is gone), NH_ERR_TIMEOUT (the peer does not read)
 * Ownership: the library copies data.
 * Threads: one thread at a time for w; beside one that reads the request's body. It may block: the peer, up to the
 * write timeouts.
 * Since: 0.1.0
 */
nh_result nh_respond(nh_response_writer *w,
                     int32_t code,
                     const char *content_type,
                     const void *data,
                     size_t len);

/* ========================================================================================================
 * Answers that are given later, and connections that are taken over
 * ======================================================================================================== */

/**
 * nh_response_writer_detach has the response given later: the handler may return, and w and its request stay good, to
 * be used from any thread, one at a time, until nh_response_writer_free. Nothing is to be done with them in the handler
 * once it has told another thread of them.
 *
 * nh_response_writer_free ends the response, as the handler's return does otherwise; if nothing was written, it ends
 * the connection without an answer, so that a lost one does not hang. A shutdown waits for it. The connection's other
 * requests wait too. If the server is freed first, nothing more is sent, and w stays good until it is freed.
 *
 * Errors: NH_ERR_INVALID (w is NULL), NH_ERR_STATE (it is detached already, or has ended), NH_ERR_UNSUPPORTED (w wraps
 * another, which its maker ends, or has a time that nh_timeout_handler gave it)
 * Ownership: w and its request: the caller owns, and ends both by nh_response_writer_free
 * Threads: that of the handler
 * Since: 0.1.0
 */
nh_result nh_response_writer_detach(nh_response_writer *w);

/**
 * nh_response_writer_hijack takes the connection over: what was written is sent, and from then on its bytes are the
 * program's, those that came behind the request's head included. The writer and the request's body answer
 * NH_ERR_CLOSED. Go's Hijacker.
 *
 * The connection outlives the handler. nh_server_shutdown waits until it was freed; nh_server_on_shutdown tells when
 * to do so. Its timeouts are those of nh_conn_set_read_timeout and nh_conn_set_write_timeout.
 *
 * Errors: NH_ERR_INVALID (w or out is NULL), NH_ERR_STATE (the response has ended, or the client has sent more requests
 * behind this one, which asks for no other protocol), NH_ERR_BUSY (another thread reads the body), NH_ERR_CLOSED (it is
 * hijacked already), NH_ERR_NO_RESOURCES (there is no descriptor left), NH_ERR_UNSUPPORTED (w has a time that
 * nh_timeout_handler gave it), NH_ERR_IO (the connection is broken)
 * Ownership: *out: the caller owns, and ends it by nh_conn_free
 * Threads: that of the handler, or of who has the detached writer. It may block: the peer, up to the write timeouts.
 * Since: 0.1.0
 */
nh_result nh_response_writer_hijack(nh_response_writer *w,
                                    nh_conn **out,
                                    nh_error **err);

/* ========================================================================================================
 * Response writers of the program's own, for middleware that looks at what is written, or changes it
 * ======================================================================================================== */

/**
 * nh_wrap_write_header_fn is told the status that a handler writes, informational ones too. inner is the writer
 * beneath, to which it may hand it on. What it answers is what the handler's function answers.
 */
typedef nh_result (*nh_wrap_write_header_fn)(nh_response_writer *inner, int32_t code, void *userdata);

/**
 * nh_wrap_write_fn is given the bytes that a handler writes, borrowed until it returns. inner is the writer
 * beneath. What it answers is what the handler's function answers. If the handler wrote no status, none was
 * told: writing to inner sends 200.
 */
typedef nh_result (*nh_wrap_write_fn)(nh_response_writer *inner, const void *data, size_t len, void *userdata);

/**
 * nh_wrap_flush_fn is called where a handler flushes. inner is the writer beneath. What it answers is what the
 * handler's function answers.
 */
typedef nh_result (*nh_wrap_flush_fn)(nh_response_writer *inner, void *userdata);

/**
 * nh_response_writer_wrap makes a writer whose status, body and flushes go to functions of the program, for
 * nh_handler_serve. Each of the three may be NULL: what it would get goes to w. They may call all functions of w.
 *
 * The header and the trailer are w's. nh_response_writer_status and nh_response_writer_written of the result
 * count what was written to it. Everything else passes through to w: abort, full duplex, the write timeout.
 * Writers may be wrapped again.
 *
 * Errors: NH_ERR_INVALID (w or out is NULL)
 * Ownership: *out: the caller owns, ends it by nh_response_writer_free before the handler that was given w
 * returns; userdata: the library takes, also on failure
 * Threads: that of the handler that was given w; the functions run on the thread that writes
 * Since: 0.1.0
 */
nh_result nh_response_writer_wrap(nh_response_writer *w,
                                  nh_wrap_write_header_fn write_header_fn,
                                  nh_wrap_write_fn write_fn,
                                  nh_wrap_flush_fn flush_fn,
                                  void *userdata,
                                  nh_free_fn free_userdata,
                                  nh_response_writer **out);

/**
 * nh_response_writer_free ends a writer of nh_response_writer_wrap, or a response that nh_response_writer_detach or
 * nh_server_next gave to the caller: see there. NULL is fine, and a writer that a handler was given and has not
 * detached is left alone.
 *
 * Errors: none
 * Ownership: w: the library takes
 * Threads: that of the handler; for a detached one any thread. It may block: the peer, up to the write timeouts.
 * Since: 0.1.0
 */
void nh_response_writer_free(nh_response_writer *w);

/* ========================================================================================================
 * Answers and handlers that are ready: not found, errors, redirects, prefixes
 * ======================================================================================================== */

/**
 * nh_respond_error answers a status with a line of plain text: Go's http.Error.
 *
 * Errors: NH_ERR_INVALID (w or text is NULL, the code is out of range), NH_ERR_STATE (the header was written
 * already, and the text is added to the body), and those of nh_response_writer_write
 * Ownership: text: the library copies
 * Threads: one thread at a time for w. It may block: the peer, up to the write timeouts.
 * Since: 0.1.0
 */
nh_result nh_respond_error(nh_response_writer *w, const char *text, int32_t code);

/**
 * nh_not_found answers 404: Go's NotFound.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_STATE (the header was written already), and those of
 * nh_response_writer_write
 * Ownership: nothing changes hands
 * Threads: one thread at a time for w. It may block: the peer, up to the write timeouts.
 * Since: 0.1.0
 */
nh_result nh_not_found(nh_response_writer *w, nh_request *r);

/**
 * nh_redirect leads to a URL by a status of 3xx, with a short page where a browser shows one: Go's Redirect. A
 * relative URL is made absolute by the request's path, and cleaned. The URL must be trusted: it may lead
 * anywhere.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, the code is out of range, or url has control bytes), NH_ERR_STATE
 * (the header was written already), and those of nh_response_writer_write
 * Ownership: url: the library copies
 * Threads: one thread at a time for w and r. It may block: the peer, up to the write timeouts.
 * Since: 0.1.0
 */
nh_result nh_redirect(nh_response_writer *w,
                      nh_request *r,
                      const char *url,
                      int32_t code);

/**
 * nh_not_found_handler makes a handler that answers 404: Go's NotFoundHandler.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_handler_free
 * Threads: any thread
 * Since: 0.1.0
 */
nh_handler *nh_not_found_handler(void);

/**
 * nh_redirect_handler makes a handler that does what nh_redirect does; NULL if url is NULL or has control bytes,
 * or the code is out of range. Go's RedirectHandler.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_handler_free; url: the library copies
 * Threads: any thread
 * Since: 0.1.0
 */
nh_handler *nh_redirect_handler(const char *url,
                                int32_t code);

/**
 * nh_strip_prefix makes a handler that takes a prefix away from the request's path and calls h; a path without
 * it is not found. NULL if an argument is NULL. Go's StripPrefix.
 *
 * nh_request_path and the muxes and file servers behind it see the rest, nh_request_uri what was sent. "/files"
 * before a file server leaves "/a" of "/files/a".
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_handler_free; prefix: the library copies; it has a share of
 * its own in h
 * Threads: any thread
 * Since: 0.1.0
 */
nh_handler *nh_strip_prefix(const char *prefix,
                            nh_handler *h);

/**
 * nh_allow_query_semicolons makes a handler that has h see semicolons in a query as ampersands; without it they
 * make a query malformed. NULL for NULL. Go's AllowQuerySemicolons.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_handler_free; it has a share of its own in h
 * Threads: any thread
 * Since: 0.1.0
 */
nh_handler *nh_allow_query_semicolons(nh_handler *h);

/* ========================================================================================================
 * Handlers that bound or refuse what the next one is asked: its time, a body's size, who asks
 * ======================================================================================================== */

/**
 * nh_basic_auth_fn answers 1 if a user name and a password are good, else 0. Both are NUL-terminated and may
 * hold NUL besides. Compare passwords in constant time, or the time that it takes tells how much of one is
 * right. It runs on the threads of handlers, any number of them at once, and may block.
 */
typedef int32_t (*nh_basic_auth_fn)(const char *username,
                                    size_t username_len,
                                    const char *password,
                                    size_t password_len,
                                    void *userdata);

/**
 * nh_timeout_handler makes a handler that gives h a time, in milliseconds: Go's TimeoutHandler. What h writes is
 * gathered and sent when it returns. If its time is up before, the client is answered 503 at once, with body, or
 * a page of the library's own if that is NULL or "".
 *
 * h is not ended: it goes on with its w and r until it returns, its writes answer NH_ERR_TIMEOUT, and then its
 * connection is closed, but one of HTTP/2 is not. It should look for that, or at nh_request_is_client_gone. Its
 * writer cannot flush, and has no full duplex and no write timeout: NH_ERR_UNSUPPORTED. The 503 goes past writers
 * of nh_response_writer_wrap.
 *
 * NH_TIMEOUT_NONE is h without a bound. NULL if h is NULL or the time is below -1.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_handler_free; body: the library copies; it has a share of
 * its own in h
 * Threads: any thread
 * Since: 0.1.0
 */
nh_handler *nh_timeout_handler(nh_handler *h,
                               int64_t timeout_ms,
                               const char *body);

/**
 * nh_max_bytes_handler makes a handler that bounds the request's body to n bytes before it calls h: Go's
 * MaxBytesHandler. Reading more is NH_ERR_TOO_LARGE, and the connection ends with the answer. NULL if h is NULL
 * or n negative.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_handler_free; it has a share of its own in h
 * Threads: any thread
 * Since: 0.1.0
 */
nh_handler *nh_max_bytes_handler(nh_handler *h,
                                 int64_t n);

/**
 * nh_basic_auth_handler makes a handler that calls h for requests whose user name and password fn takes, and
 * answers 401 to others, with a challenge for realm (RFC 7617). NULL if h, realm or fn is NULL, or realm has
 * control bytes.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_handler_free; realm: the library copies; userdata: the
 * library takes, also on failure; the result has a share of its own in h
 * Threads: any thread
 * Since: 0.1.0
 */
nh_handler *nh_basic_auth_handler(nh_handler *h,
                                  const char *realm,
                                  nh_basic_auth_fn check_fn,
                                  void *userdata,
                                  nh_free_fn free_userdata);

/* ========================================================================================================
 * Protection from requests that browsers send for other sites (CSRF)
 * ======================================================================================================== */

/**
 * nh_cross_origin_new makes a protection that trusts no other origin.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_cross_origin_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_cross_origin *nh_cross_origin_new(void);

/**
 * nh_cross_origin_free gives up the program's share of a protection; NULL is fine. Handlers made of it go on.
 *
 * Errors: none
 * Ownership: p: the library takes
 * Threads: any thread, once, while no other call uses p
 * Since: 0.1.0
 */
void nh_cross_origin_free(nh_cross_origin *p);

/**
 * nh_cross_origin_add_trusted_origin lets requests pass whose Origin is exactly this one: "scheme://host[:port]".
 * Go's AddTrustedOrigin.
 *
 * Errors: NH_ERR_INVALID (p or origin is NULL, or origin is no origin)
 * Ownership: origin: the library copies; *err: the caller owns
 * Threads: any thread, at the same time too, also while p is used
 * Since: 0.1.0
 */
nh_result nh_cross_origin_add_trusted_origin(nh_cross_origin *p,
                                             const char *origin,
                                             nh_error **err);

/**
 * nh_cross_origin_add_bypass_pattern lets all requests pass that a pattern of nh_mux_handle matches: for routes
 * that have a protection of their own. Go's AddInsecureBypassPattern.
 *
 * Errors: NH_ERR_INVALID (p or pattern is NULL, the pattern is malformed or conflicts with another)
 * Ownership: pattern: the library copies; *err: the caller owns
 * Threads: any thread, at the same time too, also while p is used
 * Since: 0.1.0
 */
nh_result nh_cross_origin_add_bypass_pattern(nh_cross_origin *p,
                                             const char *pattern,
                                             nh_error **err);

/**
 * nh_cross_origin_set_deny_handler has h answer what is refused; NULL goes back to 403 with a line of text. Go's
 * SetDenyHandler.
 *
 * Errors: NH_ERR_INVALID (p is NULL)
 * Ownership: nothing changes hands: p has a share of its own in h
 * Threads: any thread, at the same time too, also while p is used
 * Since: 0.1.0
 */
nh_result nh_cross_origin_set_deny_handler(nh_cross_origin *p,
                                           nh_handler *h);

/**
 * nh_cross_origin_check tells whether a request passes, and answers nothing: for handlers of the program's own. Go's
 * Check.
 *
 * Errors: NH_ERR_CROSS_ORIGIN (it is to be refused), NH_ERR_INVALID (p or r is NULL)
 * Ownership: nothing changes hands; *err: the caller owns
 * Threads: any thread, at the same time too; one thread at a time for r
 * Since: 0.1.0
 */
nh_result nh_cross_origin_check(nh_cross_origin *p,
                                const nh_request *r,
                                nh_error **err);

/**
 * nh_cross_origin_handler makes a handler that calls h for requests that pass, and the deny handler for others: Go's
 * CrossOriginProtection.Handler. NULL if p or h is NULL.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_handler_free; it has shares of its own in p and h
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_handler *nh_cross_origin_handler(nh_cross_origin *p,
                                    nh_handler *h);

/* ========================================================================================================
 * Files and other content, served whole, in ranges or not at all, as the request's conditions say
 * ======================================================================================================== */

/**
 * nh_read_at_fn gives bytes of a content: it writes at most cap bytes of what stands at offset to buf and their
 * number to *n_out; 0 is the content's end. Any result but NH_OK ends the answer, and its connection if that was
 * begun; so does NH_OK that leaves *n_out as it was.
 */
typedef nh_result (*nh_read_at_fn)(void *userdata, uint64_t offset, void *buf, size_t cap, size_t *n_out);

/**
 * nh_file_server makes a handler that answers with the files beneath a directory, by the request's path: Go's
 * FileServer of a Dir. NULL for NULL; "" is the current directory.
 *
 * Directories are shown by their index.html, or else listed; a path of a directory without a slash at its end is
 * redirected to one with it, and ".../index.html" to its directory. Ranges, conditions and HEAD are those of
 * nh_serve_content, times those of the files. The media type is found by the extension, or else by the content.
 *
 * No path leads out of the directory, but a symbolic link in it is followed wherever it leads, and files that
 * begin with a dot are served, as by Go: do not serve what others may write to. What is neither a file nor a
 * directory is forbidden. nh_strip_prefix takes away what stands before the paths.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_handler_free; root: the library copies
 * Threads: any thread
 * Since: 0.1.0
 */
nh_handler *nh_file_server(const char *root);

/**
 * nh_serve_file answers with one file, or with a directory as nh_file_server does: Go's ServeFile. path is the
 * program's and may lead anywhere; a request whose own path has a ".." is answered 400 all the same, since path
 * may have been made of it, and one whose path ends in "/index.html" is redirected.
 *
 * What cannot be opened is answered 404, 403 or 500, and NH_OK.
 *
 * Errors: NH_ERR_INVALID (w, r or path is NULL), NH_ERR_STATE (the header was written already), and those of
 * nh_response_writer_write
 * Ownership: path: the library copies; *err: the caller owns
 * Threads: that of the handler that was given w and r. It may block: the file system, and the peer, up to the write
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_serve_file(nh_response_writer *w,
                        nh_request *r,
                        const char *path,
                        nh_error **err);

/**
 * nh_serve_content answers with size bytes that a function gives, whole or in the ranges that the request asks
 * for, or not at all if its conditions say so: Go's ServeContent.
 *
 * mtime, in Unix seconds, is the Last-Modified of the answer; 0 is unknown. An ETag that was set by
 * nh_response_writer_set_header counts for If-Match, If-None-Match and If-Range. Without a Content-Type one is
 * found by name's extension, or by the content; name may be "" and is not sent. Errors (412, 416) are answered,
 * and NH_OK, without the ETag, Last-Modified, Cache-Control and Content-Encoding that were set.
 *
 * Errors: NH_ERR_INVALID (an argument but userdata, free_userdata and err is NULL, size is negative),
 * NH_ERR_STATE (the header was written already), NH_ERR_IO (read_fn failed, or the peer is gone),
 * NH_ERR_ABORTED (read_fn answered NH_OK and left *n_out as it was),
 * NH_ERR_UNEXPECTED_EOF (read_fn had less than size), and those of nh_response_writer_write
 * Ownership: name: the library copies; userdata: the library takes, also on failure, and frees it before it
 * returns; *err: the caller owns
 * Threads: that of the handler that was given w and r, on which read_fn runs. It may block: read_fn, and the peer, up
 * to the write timeouts.
 * Since: 0.1.0
 */
nh_result nh_serve_content(nh_response_writer *w,
                           nh_request *r,
                           const char *name,
                           int64_t mtime,
                           int64_t size,
                           nh_read_at_fn read_fn,
                           void *userdata,
                           nh_free_fn free_userdata,
                           nh_error **err);

/**
 * nh_response_writer_send_fd adds len bytes of a file, from offset on, to the body. Where the length was
 * declared by a Content-Length field and the connection takes bytes as they are, they go out without a copy;
 * else they are read and written. The descriptor's own offset does not move.
 *
 * Errors: NH_ERR_INVALID (w is NULL, fd is none, offset is negative), NH_ERR_UNEXPECTED_EOF (the file has ended),
 * NH_ERR_IO (the file cannot be read at an offset, or the peer is gone), and those of nh_response_writer_write
 * Ownership: nothing changes hands: fd stays open; *err: the caller owns
 * Threads: one thread at a time for w; beside one that reads the request's body. It may block: the peer, up to the
 * write timeouts.
 * Since: 0.1.0
 */
nh_result nh_response_writer_send_fd(nh_response_writer *w,
                                     ptrdiff_t fd,
                                     int64_t offset,
                                     uint64_t len,
                                     nh_error **err);

/* ========================================================================================================
 * File systems: trees of files that servers and clients answer from, of the system's or of the program's own
 * ======================================================================================================== */

/**
 * nh_open_fn finds what has a name in a tree, and says so by nh_file_set_bytes, nh_file_set_content or
 * nh_file_set_directory. name has segments with a slash between two, none of them "", "." or "..", and may have any
 * other byte but NUL; "." is the root. name and f are borrowed until it returns.
 *
 * NH_OK; NH_ERR_NOT_FOUND where there is nothing, which is answered 404; any other result is answered 500. NH_OK
 * without one of the three calls is something that is not served, which is answered 403. It runs on the threads that
 * serve, or are inside nh_client_do, any number of them at once, and may block. It must not call other functions
 * of the library than those of f.
 */
typedef nh_result (*nh_open_fn)(void *userdata, const char *name, nh_file *f);

/**
 * nh_file_system_dir is the tree beneath a directory of the system; "" is the current one. NULL for NULL. What
 * nh_file_server says of paths and links holds. Go's http.Dir.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_file_system_free; root: the library copies
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_file_system *nh_file_system_dir(const char *root);

/**
 * nh_file_system_new is a tree of the program's own, such as files within the program, an archive or a database. NULL
 * if open_fn is NULL. Go's http.FS.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_file_system_free; userdata: the library takes, also on failure,
 * and ends it by free_userdata when the tree and all that was given it are gone
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_file_system *nh_file_system_new(nh_open_fn open_fn,
                                   void *userdata,
                                   nh_free_fn free_userdata);

/**
 * nh_file_system_free gives up the program's share of a tree; NULL is fine. Handlers and transports that were given
 * it go on.
 *
 * Errors: none
 * Ownership: fs: the library takes
 * Threads: any thread, once, while no other call uses fs
 * Since: 0.1.0
 */
void nh_file_system_free(nh_file_system *fs);

/**
 * nh_file_set_bytes says that a name is a file of these bytes, which are not copied: they must stay as they are until
 * free_userdata(userdata) is called, when the file was sent; bytes of a constant need none.
 *
 * mtime, in Unix seconds, is when it was changed last; 0 is unknown.
 *
 * Errors: NH_ERR_INVALID (f is NULL, or data is NULL and len is not 0)
 * Ownership: data: the caller owns; userdata: the library takes, also on failure, and ends it by free_userdata
 * Threads: that of the nh_open_fn that was given f
 * Since: 0.1.0
 */
nh_result nh_file_set_bytes(nh_file *f,
                            int64_t mtime,
                            const void *data,
                            size_t len,
                            void *userdata,
                            nh_free_fn free_userdata);

/**
 * nh_file_set_content says that a name is a file of size bytes that a function gives, as for nh_serve_content.
 * read_fn runs on the thread that serves, or that reads the client's response.
 *
 * mtime, in Unix seconds, is when it was changed last; 0 is unknown.
 *
 * Errors: NH_ERR_INVALID (f or read_fn is NULL, or size is negative)
 * Ownership: userdata: the library takes, also on failure, and ends it by free_userdata when the file was sent
 * Threads: that of the nh_open_fn that was given f
 * Since: 0.1.0
 */
nh_result nh_file_set_content(nh_file *f,
                              int64_t mtime,
                              int64_t size,
                              nh_read_at_fn read_fn,
                              void *userdata,
                              nh_free_fn free_userdata);

/**
 * nh_file_set_directory says that a name is a directory; nh_file_add_entry adds what is in it. It is served by its
 * index.html, which is asked for by its own name, or else as a list.
 *
 * mtime, in Unix seconds, is when it was changed last; 0 is unknown.
 *
 * Errors: NH_ERR_INVALID (f is NULL)
 * Ownership: nothing changes hands
 * Threads: that of the nh_open_fn that was given f
 * Since: 0.1.0
 */
nh_result nh_file_set_directory(nh_file *f,
                                int64_t mtime);

/**
 * nh_file_add_entry adds a name to a directory's list; is_directory is 1 for a directory, else 0. Their order does not
 * matter.
 *
 * Errors: NH_ERR_INVALID (f or name is NULL, name is "" or has a slash, is_directory is neither 0 nor 1), NH_ERR_STATE
 * (f is no directory)
 * Ownership: name: the library copies
 * Threads: that of the nh_open_fn that was given f
 * Since: 0.1.0
 */
nh_result nh_file_add_entry(nh_file *f,
                            const char *name,
                            int32_t is_directory);

/**
 * nh_file_server_fs makes a handler that answers with the files of a tree, by the request's path, as nh_file_server
 * does with those of a directory. NULL for NULL. Go's FileServerFS.
 *
 * Errors: none
 * Ownership: result: the caller owns, ends it by nh_handler_free; it has a share of its own in fs
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_handler *nh_file_server_fs(const nh_file_system *fs);

/**
 * nh_serve_file_fs answers with one file or directory of a tree, as nh_serve_file does. Go's ServeFileFS.
 *
 * Errors: NH_ERR_INVALID (w, r, fs or name is NULL), NH_ERR_STATE (the header was written already), and those of
 * nh_response_writer_write
 * Ownership: name: the library copies; *err: the caller owns
 * Threads: that of the handler that was given w and r. It may block: the file system, and the peer, up to the write
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_serve_file_fs(nh_response_writer *w,
                           nh_request *r,
                           const nh_file_system *fs,
                           const char *name,
                           nh_error **err);

/**
 * nh_transport_register_file_system answers the requests to URLs of a scheme, such as "file", from a tree, by their
 * path: what nh_file_server_fs would answer, as HTTP/1.0. The host and the request's body do not count. Go's
 * RegisterProtocol of a NewFileTransport.
 *
 * Errors: NH_ERR_INVALID (t, scheme or fs is NULL, or the scheme is registered already), NH_ERR_FORKED (t was made
 * before a fork)
 * Ownership: nothing changes hands: t has a share of its own in fs; *err: the caller owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_transport_register_file_system(nh_transport *t,
                                            const char *scheme,
                                            const nh_file_system *fs,
                                            nh_error **err);

/* ========================================================================================================
 * Forms: what a handler was sent in the query and in an urlencoded body
 * ======================================================================================================== */

/**
 * nh_request_parse_form decodes a received request's query and, of POST, PUT and PATCH with the type
 * application/x-www-form-urlencoded, its body.
 *
 * *form_out has the body's pairs first and then the query's: Go's Request.Form. *post_out, which may be NULL if
 * it is not wanted, has the body's only: Go's PostForm. The body is read to its end, so a second call finds the
 * query only. max is how many bytes of body are taken; 0 is 10 MiB, as in Go. A body of another type is not read.
 *
 * Errors: NH_ERR_INVALID (r or form_out is NULL, Content-Type is malformed, or a pair is), NH_ERR_STATE (r was not
 * received), NH_ERR_TOO_LARGE (the body is longer than max, or there are more than 10000 pairs), NH_ERR_NO_RESOURCES
 * (there is no memory for it), and those of nh_request_body_read
 * Ownership: *form_out, *post_out: the caller owns, ends them by nh_values_free; *err: the caller owns
 * Threads: one thread at a time for r; beside one that writes the response. It may block: the peer, up to the read
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_request_parse_form(nh_request *r,
                                size_t max,
                                nh_values **form_out,
                                nh_values **post_out,
                                nh_error **err);

/* ========================================================================================================
 * Multipart forms as handlers receive them: part by part, or whole with large files on disk
 * ======================================================================================================== */

/**
 * nh_request_multipart_reader begins to read a received request's multipart body (multipart/form-data,
 * multipart/mixed) part by part, without gathering anything: Go's Request.MultipartReader.
 *
 * Errors: NH_ERR_INVALID (r or out is NULL, Content-Type is not multipart or has no boundary), NH_ERR_STATE (r
 * was not received, or its parts were asked for already)
 * Ownership: *out: the caller owns, ends it by nh_multipart_reader_free before r ends; *err: the caller owns
 * Threads: one thread at a time for r; beside one that writes the response
 * Since: 0.1.0
 */
nh_result nh_request_multipart_reader(nh_request *r,
                                      nh_multipart_reader **out,
                                      nh_error **err);

/**
 * nh_multipart_reader_free ends a reader; NULL is fine. What was not read of the body is treated as any unread
 * body.
 *
 * Errors: none
 * Ownership: m: the library takes
 * Threads: one thread at a time
 * Since: 0.1.0
 */
void nh_multipart_reader_free(nh_multipart_reader *m);

/**
 * nh_multipart_reader_next goes on to the next part, past what was not read of the one before. *more_out is 1 if
 * there is one, 0 behind the last.
 *
 * A part's header has at most 10 MiB and 10000 fields.
 *
 * Errors: NH_ERR_INVALID (m or more_out is NULL), NH_ERR_PROTOCOL (the body is malformed), NH_ERR_TOO_LARGE (a
 * header is), NH_ERR_UNEXPECTED_EOF (the body ends before its last boundary), and those of nh_request_body_read
 * Ownership: *err: the caller owns
 * Threads: one thread at a time for the request. It may block: the peer, up to the read timeouts.
 * Since: 0.1.0
 */
nh_result nh_multipart_reader_next(nh_multipart_reader *m,
                                   int32_t *more_out,
                                   nh_error **err);

/**
 * nh_multipart_reader_name is the current part's form name, "" if it has none; NULL before the first part and
 * behind the last.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until the next part
 * Threads: one thread at a time
 * Since: 0.1.0
 */
const char *nh_multipart_reader_name(const nh_multipart_reader *m);

/**
 * nh_multipart_reader_filename is the last segment of the current part's file name, "" if it has none; NULL
 * before the first part and behind the last. The name is the client's: it may be ".." or begin with a dot.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until the next part
 * Threads: one thread at a time
 * Since: 0.1.0
 */
const char *nh_multipart_reader_filename(const nh_multipart_reader *m);

/**
 * nh_multipart_reader_header is the current part's header; NULL before the first part and behind the last.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until the next part
 * Threads: one thread at a time
 * Since: 0.1.0
 */
const nh_header *nh_multipart_reader_header(const nh_multipart_reader *m);

/**
 * nh_multipart_reader_read reads up to cap bytes of the current part's content. The end is NH_OK with *n_out 0.
 *
 * Errors: NH_ERR_INVALID (m, buf or n_out is NULL, cap is 0), NH_ERR_UNEXPECTED_EOF (the body ends within the
 * part), and those of nh_request_body_read
 * Ownership: buf: the library copies to it; *err: the caller owns
 * Threads: one thread at a time for the request. It may block: the peer, up to the read timeouts.
 * Since: 0.1.0
 */
nh_result nh_multipart_reader_read(nh_multipart_reader *m,
                                   void *buf,
                                   size_t cap,
                                   size_t *n_out,
                                   nh_error **err);

/**
 * nh_request_parse_multipart reads a received request's whole multipart/form-data: Go's ParseMultipartForm.
 * Files stay in memory up to max_memory bytes in all; what is more goes to a temporary file without a name,
 * which is gone with the form or with the process. Values and headers may take 10 MiB besides, in at most 1000
 * parts. The query's values are those of nh_request_query.
 *
 * Errors: NH_ERR_INVALID (r or out is NULL, Content-Type is not multipart/form-data or has no boundary),
 * NH_ERR_STATE (r was not received, or its parts were asked for already), NH_ERR_PROTOCOL (the body is
 * malformed), NH_ERR_TOO_LARGE (a limit was passed), NH_ERR_UNEXPECTED_EOF (the body ends before its last
 * boundary), NH_ERR_NO_RESOURCES (there is no memory for it), and those of nh_request_body_read
 * Ownership: *out: the caller owns, ends it by nh_multipart_form_free; *err: the caller owns
 * Threads: one thread at a time for r; beside one that writes the response. It may block: the peer, up to the read
 * timeouts, and the file system.
 * Since: 0.1.0
 */
nh_result nh_request_parse_multipart(nh_request *r,
                                     size_t max_memory,
                                     nh_multipart_form **out,
                                     nh_error **err);

/**
 * nh_multipart_form_free ends a form and removes what it has on disk; NULL is fine.
 *
 * Errors: none
 * Ownership: f: the library takes
 * Threads: any thread
 * Since: 0.1.0
 */
void nh_multipart_form_free(nh_multipart_form *f);

/**
 * nh_multipart_form_values are the parts that are no files. NULL for NULL.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until nh_multipart_form_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const nh_values *nh_multipart_form_values(const nh_multipart_form *f);

/**
 * nh_multipart_form_file is the first file under a form name: Go's FormFile; NULL if there is none.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until nh_multipart_form_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const nh_multipart_file *nh_multipart_form_file(const nh_multipart_form *f, const char *name);

/**
 * nh_multipart_form_file_at is a file by its index in the order of the body; NULL past the last.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until nh_multipart_form_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const nh_multipart_file *nh_multipart_form_file_at(const nh_multipart_form *f, size_t index);

/**
 * nh_multipart_file_name is a file's form name. NULL for NULL.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until nh_multipart_form_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_multipart_file_name(const nh_multipart_file *f);

/**
 * nh_multipart_file_filename is the last segment of a file's own name: see nh_multipart_reader_filename. NULL
 * for NULL.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until nh_multipart_form_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_multipart_file_filename(const nh_multipart_file *f);

/**
 * nh_multipart_file_header is the header of a file's part. NULL for NULL.
 *
 * Errors: none
 * Ownership: the library owns; borrowed until nh_multipart_form_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const nh_header *nh_multipart_file_header(const nh_multipart_file *f);

/**
 * nh_multipart_file_size is a file's length in bytes. 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
uint64_t nh_multipart_file_size(const nh_multipart_file *f);

/**
 * nh_multipart_file_read_at reads up to cap bytes of a file from an offset on. NH_OK with *n_out 0 is the end.
 *
 * Errors: NH_ERR_INVALID (f, buf or n_out is NULL, or cap is 0)
 * Ownership: buf: the library copies to it; *err: the caller owns
 * Threads: any thread, at the same time too. It may block: the file system.
 * Since: 0.1.0
 */
nh_result nh_multipart_file_read_at(const nh_multipart_file *f,
                                    uint64_t offset,
                                    void *buf,
                                    size_t cap,
                                    size_t *n_out,
                                    nh_error **err);

/* ========================================================================================================
 * Cancel tokens
 * ======================================================================================================== */

/**
 * nh_cancel_token_new makes a token. It never returns NULL.
 *
 * Errors: none
 * Ownership: result: the caller owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_cancel_token *nh_cancel_token_new(void);

/**
 * nh_cancel_token_retain makes another handle of the same token; each handle is freed on its own.
 *
 * NULL gives NULL.
 *
 * Errors: none
 * Ownership: result: the caller owns
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_cancel_token *nh_cancel_token_retain(const nh_cancel_token *t);

/**
 * nh_cancel_token_fire ends all that runs under the token with NH_ERR_CANCELED, now and from now on.
 *
 * It may be called from a signal handler; firing again does nothing. A request that was answered already is not
 * affected but for the reads of its body.
 *
 * Errors: NH_ERR_INVALID (t is NULL), NH_ERR_FORKED (the token was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_cancel_token_fire(const nh_cancel_token *t);

/**
 * nh_cancel_token_is_fired returns 1 if the token has fired, else 0; 0 for NULL.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_cancel_token_is_fired(const nh_cancel_token *t);

/**
 * nh_cancel_token_free ends this handle; requests and responses that use the token keep it. NULL is fine.
 *
 * Errors: none
 * Ownership: t: the library takes
 * Threads: any thread, once
 * Since: 0.1.0
 */
void nh_cancel_token_free(nh_cancel_token *t);

/* ========================================================================================================
 * Transports: the connections of one client, or of several
 * ======================================================================================================== */

/**
 * nh_transport_new makes a transport with the library's defaults, for nh_client_new_with_transport.
 *
 * Errors: none
 * Ownership: result: the caller owns, and ends it by nh_transport_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_transport *nh_transport_new(void);

/**
 * nh_transport_clone makes a transport with the same settings and registered schemes, and no connections: Go's
 * Transport.Clone.
 *
 * Errors: NH_ERR_INVALID (t or out is NULL), NH_ERR_FORKED (t was made before a fork)
 * Ownership: *out: the caller owns, and ends it by nh_transport_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_transport_clone(nh_transport *t,
                             nh_transport **out);

/**
 * nh_transport_free gives a transport up; NULL is fine. Its idle connections close, and its threads end, with the last
 * of its clients.
 *
 * Errors: none
 * Ownership: t: the library takes
 * Threads: any thread, once, while no other call uses t
 * Since: 0.1.0
 */
void nh_transport_free(nh_transport *t);

/**
 * nh_transport_close_idle closes the connections that wait for a request: Go's CloseIdleConnections.
 *
 * Errors: NH_ERR_INVALID (t is NULL), NH_ERR_FORKED (t was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_transport_close_idle(nh_transport *t);

/**
 * nh_transport_round_trip sends a request and answers what came, without redirects, cookies or a client's settings:
 * Go's Transport.RoundTrip. Of a client's timeouts the request's own counts; a round-tripper forwards by this.
 *
 * Errors: NH_ERR_INVALID (an argument but err is NULL, or the request cannot be sent), NH_ERR_FORKED (t was made
 * before a fork), and those of nh_client_do that one exchange can have
 * Ownership: *out: the caller owns; r: the caller owns
 * Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_transport_round_trip(nh_transport *t,
                                  nh_request *r,
                                  nh_response **out,
                                  nh_error **err);

/**
 * nh_client_new_with_transport makes a client over a transport that other clients may use too: each has its own
 * jar, redirect policy and timeout. NULL gives NULL.
 *
 * Errors: none
 * Ownership: result: the caller owns; t: the caller owns, and may free it at any time
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_client *nh_client_new_with_transport(nh_transport *t);

/**
 * nh_client_transport is a client's transport, to share it. NULL for NULL.
 *
 * Errors: none
 * Ownership: result: the caller owns, and ends it by nh_transport_free
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_transport *nh_client_transport(nh_client *c);

/* ========================================================================================================
 * Single connections, for a program with a pool of its own
 * ======================================================================================================== */

/**
 * nh_client_conn_fn is told that a request has ended, or the connection has: nh_client_conn_available, _in_flight and
 * _check may answer otherwise than before. It may be told when nothing has changed. It runs on the thread that ended
 * it: one that reads or closes a response, one that closes the connection, or one of the pool's, which looks after
 * idle connections. It must not wait, and may call functions on the connection but nh_client_conn_free.
 */
typedef void (*nh_client_conn_fn)(void *userdata);

/**
 * nh_client_conn_new connects to a server, by the transport's settings, proxy and callbacks. scheme is "http" or
 * "https", address is "host:port"; the transport may be freed before the connection. Go's Transport.NewClientConn.
 *
 * Errors: NH_ERR_INVALID (an argument but err is NULL, or the scheme or address is none), NH_ERR_DNS, NH_ERR_CONNECT,
 * NH_ERR_PROXY, NH_ERR_TLS, NH_ERR_TIMEOUT, NH_ERR_FORKED (t was made before a fork)
 * Ownership: *out: the caller owns, and ends it by nh_client_conn_free
 * Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_client_conn_new(nh_transport *t,
                             const char *scheme,
                             const char *address,
                             nh_client_conn **out,
                             nh_error **err);

/**
 * nh_client_conn_free closes the connection and releases it; NULL is fine. A response that is still open fails.
 *
 * Errors: none
 * Ownership: c: the library takes
 * Threads: any thread, while no other call uses the connection
 * Since: 0.1.0
 */
void nh_client_conn_free(nh_client_conn *c);

/**
 * nh_client_conn_round_trip sends a request over the connection, whatever host its URL names, and answers when the head
 * of the response is there. It uses the slot that nh_client_conn_reserve has kept, or else a free one. There are no
 * redirects, no cookies, and no second try.
 *
 * Errors: NH_ERR_INVALID (an argument but err is NULL, or the request cannot be sent), NH_ERR_BUSY (the slot is taken,
 * or r is being sent), NH_ERR_CLOSED (the connection has ended), and those of nh_transport_round_trip
 * Ownership: *out: the caller owns, and ends it by nh_response_free
 * Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_client_conn_round_trip(nh_client_conn *c,
                                    nh_request *r,
                                    nh_response **out,
                                    nh_error **err);

/**
 * nh_client_conn_reserve keeps the slot, or over HTTP/2 one of them, for the caller's next request.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_BUSY (the slot is taken), NH_ERR_CLOSED (the connection has ended),
 * NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_conn_reserve(nh_client_conn *c);

/**
 * nh_client_conn_release gives back a slot that was reserved and not used.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_conn_release(nh_client_conn *c);

/**
 * nh_client_conn_available is how many requests could begin now: 1 or 0, or over HTTP/2 as many as the server permits.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
size_t nh_client_conn_available(const nh_client_conn *c);

/**
 * nh_client_conn_in_flight is how many requests are under way, or reserved.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
size_t nh_client_conn_in_flight(const nh_client_conn *c);

/**
 * nh_client_conn_check is NH_OK while the connection can carry requests, now or later. Go's ClientConn.Err.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_CLOSED (the connection has ended), NH_ERR_FORKED (c was made before a
 * fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_conn_check(const nh_client_conn *c);

/**
 * nh_client_conn_close ends the connection at once, and with it the exchange that uses it.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_conn_close(nh_client_conn *c);

/**
 * nh_client_conn_set_state_callback has a function told of changes; fn NULL takes it away. Go's SetStateHook.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_conn_set_state_callback(nh_client_conn *c,
                                            nh_client_conn_fn state_fn,
                                            void *userdata,
                                            nh_free_fn free_userdata);

/* ========================================================================================================
 * Round-trippers: functions of the program that answer requests in a transport's place
 * ======================================================================================================== */

/**
 * nh_round_trip_fn makes one exchange in the place of a transport: Go's RoundTripper. r is a copy of the request that
 * is to be sent; it may be changed, and is borrowed until the function returns. Redirects and cookies are not
 * its business.
 *
 * NH_OK with a response in *out, which the library takes; or NH_ROUND_TRIP_SKIP; or an error, with an nh_error of
 * another call in *err, which the library takes, or NULL there. It runs on the thread that is inside nh_client_do,
 * any number of them at once, may block, and may call every function of the library.
 */
typedef nh_result (*nh_round_trip_fn)(nh_request *r, nh_response **out, nh_error **err, void *userdata);

/** NH_ROUND_TRIP_SKIP is what a round-tripper answers to leave a request to the transport. Go's ErrSkipAltProtocol. */
#define NH_ROUND_TRIP_SKIP 2

/**
 * nh_client_set_round_tripper has a function answer this client's requests: to log, to sign, to test without a
 * network. It may forward to nh_transport_round_trip. fn NULL goes back to the transport alone. Go's
 * Client.Transport.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
 * Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_round_tripper(nh_client *c,
                                      nh_round_trip_fn round_trip_fn,
                                      void *userdata,
                                      nh_free_fn free_userdata);

/**
 * nh_transport_register_protocol has a function answer the requests to URLs of a scheme, such as "file" or "https".
 * Go's RegisterProtocol. NH_ROUND_TRIP_SKIP leaves a request of "http" or "https" to the transport itself.
 *
 * Errors: NH_ERR_INVALID (t, scheme or fn is NULL, or the scheme is registered already), NH_ERR_FORKED (t was made
 * before a fork)
 * Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_transport_register_protocol(nh_transport *t,
                                         const char *scheme,
                                         nh_round_trip_fn round_trip_fn,
                                         void *userdata,
                                         nh_free_fn free_userdata,
                                         nh_error **err);

/* ========================================================================================================
 * Connections that were handed over: bytes both ways
 * ======================================================================================================== */

/**
 * nh_conn_read waits for bytes and reads what is there, at most cap. NH_OK with 0 bytes is the end.
 *
 * Errors: NH_ERR_INVALID (c, buf or n_out is NULL, or cap is 0), NH_ERR_TIMEOUT (nothing came in time),
 * NH_ERR_CLOSED (nh_conn_close was called), NH_ERR_UNEXPECTED_EOF (under TLS, the end was not the peer's word),
 * NH_ERR_TLS (a record is broken, or the peer sent an alert), NH_ERR_IO (the connection broke), NH_ERR_FORKED (c was
 * made before a fork)
 * Ownership: buf: the caller owns
 * Threads: one reading thread at a time, beside one that writes. It may block: the peer, up to the connection's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_conn_read(nh_conn *c,
                       void *buf,
                       size_t cap,
                       size_t *n_out,
                       nh_error **err);

/**
 * nh_conn_write sends all of the bytes; it waits while the peer does not take them.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or data is NULL and len is not 0), NH_ERR_TIMEOUT (not all was sent in time),
 * NH_ERR_CLOSED (nh_conn_close was called), NH_ERR_IO (the connection broke), NH_ERR_FORKED (c was made before a fork)
 * Ownership: data: nothing changes hands
 * Threads: one writing thread at a time, beside one that reads. It may block: the peer, up to the connection's
 * timeouts.
 * Since: 0.1.0
 */
nh_result nh_conn_write(nh_conn *c,
                        const void *data,
                        size_t len,
                        nh_error **err);

/**
 * nh_conn_close_write tells the peer that no more bytes come; reading goes on. Go's CloseWrite.
 *
 * Errors: NH_ERR_INVALID (c is NULL), NH_ERR_CLOSED (nh_conn_close was called), NH_ERR_IO (the connection broke),
 * NH_ERR_FORKED (c was made before a fork)
 * Ownership: nothing changes hands
 * Threads: as nh_conn_write. It may block: the peer, up to the connection's timeouts.
 * Since: 0.1.0
 */
nh_result nh_conn_close_write(nh_conn *c,
                              nh_error **err);

/**
 * nh_conn_close ends the connection at once: a thread that reads or writes it gets NH_ERR_CLOSED. The handle is still
 * to be freed. Again, or for NULL, it does nothing.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
void nh_conn_close(nh_conn *c);

/**
 * nh_conn_free closes the connection and releases it; NULL is fine.
 *
 * Errors: none
 * Ownership: c: the library takes
 * Threads: any thread, while no other call uses the connection
 * Since: 0.1.0
 */
void nh_conn_free(nh_conn *c);

/**
 * nh_conn_set_read_timeout bounds how many milliseconds each read to come waits; NH_TIMEOUT_NONE, the default, is for
 * ever.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or ms is negative and not NH_TIMEOUT_NONE), NH_ERR_FORKED (c was made before a
 * fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_conn_set_read_timeout(nh_conn *c,
                                   int64_t ms);

/**
 * nh_conn_set_write_timeout bounds how many milliseconds each write to come takes; NH_TIMEOUT_NONE, the default, is for
 * ever.
 *
 * Errors: NH_ERR_INVALID (c is NULL, or ms is negative and not NH_TIMEOUT_NONE), NH_ERR_FORKED (c was made before a
 * fork)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_conn_set_write_timeout(nh_conn *c,
                                    int64_t ms);

/**
 * nh_conn_fd is the connection's socket, to wait on it; -1 for NULL. It stays the library's: what was read ahead, and
 * all that TLS keeps, is not to be had from it.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the connection is freed
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
ptrdiff_t nh_conn_fd(const nh_conn *c);

/**
 * nh_conn_remote_addr is the peer's address and port. NULL for NULL, and where the socket is none of TCP.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the connection is freed
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_conn_remote_addr(const nh_conn *c);

/**
 * nh_conn_local_addr is this side's address and port. NULL for NULL, and where the socket is none of TCP.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the connection is freed
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_conn_local_addr(const nh_conn *c);

/**
 * nh_conn_tls_version is NH_TLS_1_2 or NH_TLS_1_3, or 0 without TLS.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
int32_t nh_conn_tls_version(const nh_conn *c);

/**
 * nh_conn_tls_alpn is the protocol that was agreed on by ALPN. NULL if none was, and without TLS.
 *
 * Errors: none
 * Ownership: result: the library owns; borrowed until the connection is freed
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
const char *nh_conn_tls_alpn(const nh_conn *c);

/* ========================================================================================================
 * Protocols of the program's own
 * ======================================================================================================== */

/**
 * nh_protocol_fn takes over a connection on which its protocol was agreed to by ALPN: it sets *fn_out to who makes the
 * exchanges with this server from then on, with *userdata_out and *free_out, and answers NH_OK. Any number of requests
 * call that function at the same time; when it answers NH_ROUND_TRIP_SKIP, no more requests are given to it, and
 * another connection is made, three times at most. *free_out is called once, after the last exchange.
 * Any other answer ends the dial.
 *
 * It runs on a thread of the pool's, and must not call functions on the client.
 */
typedef nh_result (*nh_protocol_fn)(const char *authority,
                                    nh_conn *conn,
                                    nh_round_trip_fn *fn_out,
                                    void **userdata_out,
                                    nh_free_fn *free_out,
                                    void *userdata);

/**
 * nh_client_set_protocol has a function take over the connections of the client's transport on which a protocol was
 * agreed to by ALPN; the program offers it by nh_tls_config_set_alpn. "http/1.1" is the library's own. fn NULL takes
 * the function away. Go's Transport.TLSNextProto.
 *
 * Errors: NH_ERR_INVALID (c or alpn is NULL, or alpn is empty, longer than 255 bytes or "http/1.1"), NH_ERR_FORKED (c
 * was made before a fork)
 * Ownership: alpn: the library copies; userdata: the library takes, also on failure, and ends it by free_userdata; the
 * connection that fn is given: the caller owns, and ends it by nh_conn_free, also where fn answers an error
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_client_set_protocol(nh_client *c,
                                 const char *alpn,
                                 nh_protocol_fn protocol_fn,
                                 void *userdata,
                                 nh_free_fn free_userdata);

/* ========================================================================================================
 * nh_reader: messages from any stream
 * ======================================================================================================== */

/**
 * nh_read_fn gives a stream's next bytes: it writes at most cap bytes to buf and their number to *n_out. NH_OK with 0
 * bytes is the stream's end; any other result is its failure, which is NH_ERR_IO to whoever reads, and stays. NH_OK
 * that leaves *n_out as it was is a failure too, NH_ERR_ABORTED.
 *
 * It is called only on the thread that is inside a function that reads from its nh_reader: nh_read_request,
 * nh_read_response, nh_request_body_read and nh_response_body_read. It may block, and may call functions of the
 * library, but none that reads from the same nh_reader.
 */
typedef nh_result (*nh_read_fn)(void *userdata, void *buf, size_t cap, size_t *n_out);

/**
 * nh_reader_new makes a reader of a stream.
 *
 * Errors: NH_ERR_INVALID (fn or out is NULL)
 * Ownership: *out: the caller owns, and ends it by nh_reader_free; userdata: the library takes, also on failure, and
 * ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_reader_new(nh_read_fn read_fn,
                        void *userdata,
                        nh_free_fn free_userdata,
                        nh_reader **out);

/**
 * nh_reader_free ends a reader; NULL is fine. Messages that were read from it keep the stream until they are freed.
 *
 * Errors: none
 * Ownership: r: the library takes
 * Threads: any thread, while no other call uses the reader
 * Since: 0.1.0
 */
void nh_reader_free(nh_reader *r);

/**
 * nh_reader_set_max_head_bytes bounds the heads to come. Default: 1 MiB. 0 is the default.
 *
 * Errors: NH_ERR_INVALID (r is NULL), NH_ERR_BUSY (r is being read)
 * Ownership: nothing changes hands
 * Threads: any thread
 * Since: 0.1.0
 */
nh_result nh_reader_set_max_head_bytes(nh_reader *r, size_t n);

/**
 * nh_reader_buffered moves bytes that were read ahead to buf, at most cap, without reading on: what follows a message
 * after a switch of protocols. NH_OK with 0 bytes: there are none left.
 *
 * Errors: NH_ERR_INVALID (an argument is NULL, or cap is 0), NH_ERR_BUSY (r is being read)
 * Ownership: buf: the caller owns
 * Threads: any thread
 * Since: 0.1.0
 */
nh_result nh_reader_buffered(nh_reader *r,
                             void *buf,
                             size_t cap,
                             size_t *n_out);

/**
 * nh_read_request reads the next request's head, as strictly as a server: Go's ReadRequest. The body is read by
 * nh_request_body_read, to its end before the next message is read.
 *
 * A stream that ends before a first byte gives NH_ERR_UNEXPECTED_EOF with the message "EOF".
 *
 * Errors: NH_ERR_INVALID (r or out is NULL), NH_ERR_UNEXPECTED_EOF (the stream has ended), NH_ERR_PROTOCOL (it is no
 * request), NH_ERR_TOO_LARGE (the head is), NH_ERR_STATE (the body of the message before was not read to its end),
 * NH_ERR_BUSY (r is being read), NH_ERR_IO (the stream's function failed)
 * Ownership: *out: the caller owns, and ends it by nh_request_free
 * Threads: any thread; one at a time per reader. It may block: the reader's function.
 * Since: 0.1.0
 */
nh_result nh_read_request(nh_reader *r,
                          nh_request **out,
                          nh_error **err);

/**
 * nh_read_response reads the next response's head: Go's ReadResponse. The body is read by nh_response_body_read, to
 * its end before the next message is read. Informational responses (1xx) are given like others.
 *
 * request is what the response answers, which decides about a body after HEAD and CONNECT; NULL is a GET.
 *
 * Errors: NH_ERR_INVALID (r or out is NULL), NH_ERR_UNEXPECTED_EOF (the stream has ended), NH_ERR_PROTOCOL (it is no
 * response), NH_ERR_TOO_LARGE (the head is), NH_ERR_STATE (the body of the message before was not read to its end),
 * NH_ERR_BUSY (r is being read), NH_ERR_IO (the stream's function failed)
 * Ownership: *out: the caller owns, and ends it by nh_response_free; request: the library copies
 * Threads: any thread; one at a time per reader. It may block: the reader's function.
 * Since: 0.1.0
 */
nh_result nh_read_response(nh_reader *r,
                           const nh_request *request,
                           nh_response **out,
                           nh_error **err);

/* ========================================================================================================
 * Log: lines about what has no caller to be returned to
 * ======================================================================================================== */

/** NH_LOG_ERROR: something failed that a person should know of, such as accept errors. */
#define NH_LOG_ERROR 1
/** NH_LOG_WARN: something was refused or ended early, such as a malformed request. */
#define NH_LOG_WARN 2
/** NH_LOG_INFO: what the library does: connections made, reused and closed. */
#define NH_LOG_INFO 3

/**
 * NH_LOG_DEBUG: the heads on the wire, "> " before each line that is sent and "< " before those received;
 * values of Authorization, Proxy-Authorization, Cookie and Set-Cookie are left out.
 */
#define NH_LOG_DEBUG 4

/**
 * nh_log_fn receives a line of the log, without a newline; level is an NH_LOG_ number.
 *
 * It runs on any thread, the program's and the library's, at the same time too. It should not block and may
 * call no function of the library but getters of values. The line is borrowed until it returns.
 */
typedef void (*nh_log_fn)(int32_t level, const char *line, void *userdata);

/**
 * nh_set_log sends the log of the whole process to a function; without one, the default, there is no log.
 *
 * Lines with a level above max_level (NH_LOG_ERROR to NH_LOG_DEBUG) are not made. fn NULL ends the log. The
 * function that was set before is called no more once the calls inside it have returned; then its
 * free_userdata runs.
 *
 * Errors: NH_ERR_INVALID (max_level is no NH_LOG_ number)
 * Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_set_log(int32_t max_level, nh_log_fn fn, void *userdata, nh_free_fn free_userdata);

/* ========================================================================================================
 * The library's threads: how large their stacks are, and what the program runs in each of them
 * ======================================================================================================== */

/**
 * nh_thread_hook_fn runs on a library thread at its start or its end: it attaches the thread to a virtual
 * machine, or detaches it.
 *
 * It may block, and may call no function of the library.
 */
typedef void (*nh_thread_hook_fn)(void *userdata);

/**
 * nh_set_thread_hooks sets what each library thread that starts from now on runs first and last.
 *
 * Either function may be NULL; both NULL ends the hooks. A thread runs the stop of the hooks whose start it ran.
 * Threads that run already are not affected, so set hooks before the first client or server is made.
 * free_userdata runs when these hooks were replaced and their last thread has ended.
 *
 * Errors: none
 * Ownership: userdata: the library takes, and ends it by free_userdata
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_set_thread_hooks(nh_thread_hook_fn start,
                              nh_thread_hook_fn stop,
                              void *userdata,
                              nh_free_fn free_userdata);

/**
 * nh_stop_callbacks keeps the library's threads from calling back into the program from now on: each that would do so
 * stays where it is, for ever. It is for a host that is about to end while servers or clients of the process still run,
 * such as a language whose functions must not be called any more: call it there, by atexit or what the host has in
 * its place. Calls that the library makes on a thread of the program's own, inside a function that this thread has
 * called, are made as before. There is no way back.
 *
 * Nothing is waited for: a callback that runs already goes on. Without this call, a host that ends a thread of the
 * library's inside a callback (pthread_exit) finds the thread parked too; on a thread of the program's own that ends
 * the process.
 *
 * Errors: none
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
void nh_stop_callbacks(void);

/**
 * nh_set_thread_stack_size sets the stack of library threads that start from now on, in bytes.
 *
 * 0 is the default, 8 MiB. Callbacks of servers run on these stacks. Pages that are never touched cost no memory.
 *
 * Errors: NH_ERR_INVALID (less than 256 KiB, or more than 1 GiB)
 * Ownership: nothing changes hands
 * Threads: any thread, at the same time too
 * Since: 0.1.0
 */
nh_result nh_set_thread_stack_size(size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
