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
