/* user_mode.c: preloaded into a client of one thread, it tells what passes between its calls to the kernel
 * for bytes of a socket: ns in all, and how many gaps that was. A gap of more than 8 us is none of a
 * request's: the thread lost the processor, or was starting. For bench/user_mode.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

static const uint64_t longest_ns = 8000;
static uint64_t left_at, gaps, sum;
static double ns_per_tick = 1;

static uint64_t clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The processor's own counter, where there is one: the clock takes as long as a tenth of what is measured. */
static uint64_t ticks(void) {
#if defined(__x86_64__)
    return __rdtsc();
#else
    return clock_ns();
#endif
}

static struct {
    ssize_t (*send)(int, const void *, size_t, int);
    ssize_t (*sendmsg)(int, const struct msghdr *, int);
    ssize_t (*recv)(int, void *, size_t, int);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*read)(int, void *, size_t);
} next;

__attribute__((constructor)) static void begin(void) {
    *(void **)&next.send = dlsym(RTLD_NEXT, "send");
    *(void **)&next.sendmsg = dlsym(RTLD_NEXT, "sendmsg");
    *(void **)&next.recv = dlsym(RTLD_NEXT, "recv");
    *(void **)&next.write = dlsym(RTLD_NEXT, "write");
    *(void **)&next.read = dlsym(RTLD_NEXT, "read");
    uint64_t began_ns = clock_ns(), began = ticks();
    while (clock_ns() - began_ns < 10000000)
        continue;
    ns_per_tick = (double)(clock_ns() - began_ns) / (double)(ticks() - began);
}

__attribute__((destructor)) static void end(void) {
    fprintf(stderr, "%.0f %llu\n", (double)sum * ns_per_tick, (unsigned long long)gaps);
}

static void enter(void) {
    uint64_t gap = ticks() - left_at;
    if (left_at && (double)gap * ns_per_tick < (double)longest_ns) {
        sum += gap;
        gaps++;
    }
}

static ssize_t leave(ssize_t n) {
    left_at = ticks();
    return n;
}

ssize_t send(int fd, const void *buf, size_t n, int flags) {
    enter();
    return leave(next.send(fd, buf, n, flags));
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags) {
    enter();
    return leave(next.sendmsg(fd, msg, flags));
}

ssize_t recv(int fd, void *buf, size_t n, int flags) {
    enter();
    return leave(next.recv(fd, buf, n, flags));
}

ssize_t write(int fd, const void *buf, size_t n) {
    enter();
    return leave(next.write(fd, buf, n));
}

ssize_t read(int fd, void *buf, size_t n) {
    enter();
    return leave(next.read(fd, buf, n));
}
