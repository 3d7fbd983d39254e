/* The types and flags of HTTP/2's frames (RFC 9113, 6). */
#ifndef NETHTTP_TEST_FRAME_TYPES_H
#define NETHTTP_TEST_FRAME_TYPES_H

enum {
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION
};
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8 };

#endif
