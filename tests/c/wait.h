/* How a test waits for what other threads do. */
#ifndef NETHTTP_TEST_WAIT_H
#define NETHTTP_TEST_WAIT_H

#include "check.h"

#include <time.h>

static inline void pause_ms(int ms) {
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* A time in milliseconds that must pass before something is given up, and that what is not given up keeps
 * well within: ten times as long where a tool makes everything slow, which NH_SLOW tells. */
static inline int brief_ms(int ms) { return getenv("NH_SLOW") ? 10 * ms : ms; }

static inline int current(const int *counter) { return __atomic_load_n(counter, __ATOMIC_SEQ_CST); }

static inline void add(int *counter) { __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST); }

/* Waits until a counter has come to a value; half a minute without it is a failure. */
static inline void await(const int *counter, int want) {
    for (int i = 0; i < 6000 && current(counter) < want; i++)
        pause_ms(5);
    CHECK_INT(current(counter), want);
}

/* The same for a counter that may be beyond it by then. */
static inline void await_past(const int *counter, int want) {
    for (int i = 0; i < 6000 && current(counter) < want; i++)
        pause_ms(5);
    CHECK(current(counter) >= want);
}

#endif
