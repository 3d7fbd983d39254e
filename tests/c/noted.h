/* What callbacks of other threads have said, for the test's own thread to wait for. */
#ifndef NETHTTP_TEST_NOTED_H
#define NETHTTP_TEST_NOTED_H

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    char text[4096];
} noted = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, ""};

/* Adds a text; what is older goes when there is no room. */
static inline void note(const char *text) {
    pthread_mutex_lock(&noted.lock);
    if (strlen(noted.text) + strlen(text) >= sizeof noted.text) noted.text[0] = 0;
    size_t len = strlen(noted.text);
    snprintf(noted.text + len, sizeof noted.text - len, "%s", text);
    pthread_cond_broadcast(&noted.more);
    pthread_mutex_unlock(&noted.lock);
}

/* An nh_error_log_fn. */
static inline void note_line(const char *line, void *userdata) {
    char text[1024];
    (void)userdata;
    snprintf(text, sizeof text, "%s\n", line);
    note(text);
}

/* Waits for a text, and for another one behind it in the same line; forgets all that was noted. */
static inline void noted_wait_both(const char *begin, const char *end) {
    pthread_mutex_lock(&noted.lock);
    for (int found = 0; !found;) {
        for (const char *at = strstr(noted.text, begin); at && !found; at = strstr(at + 1, begin)) {
            const char *behind = strstr(at, end);
            found = behind && (size_t)(behind - at) <= strcspn(at, "\n");
        }
        if (!found) pthread_cond_wait(&noted.more, &noted.lock);
    }
    noted.text[0] = 0;
    pthread_mutex_unlock(&noted.lock);
}

static inline void noted_wait(const char *text) { noted_wait_both(text, text); }

#endif
