/* A preloaded library that counts the library's calls of one kind and has the n-th one fail: NH_FAULT is
 * KIND:N:ERRNO, such as socket:3:EMFILE. Calls count from fault_begin to fault_end, and only those out of
 * libnethttp, so that a program's own calls do not shift them; memory besides only in threads that said
 * fault_memory(1), and from 64 KiB on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum { LARGE = 64 << 10 };

static uintptr_t from, to;
static int wanted, counted, error, armed, fired, gai;
static char kind[32];
static _Thread_local int memory;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int find(struct dl_phdr_info *info, size_t size, void *p) {
    (void)size, (void)p;
    if (!strstr(info->dlpi_name, "libnethttp.so")) return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
            from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            to = from + info->dlpi_phdr[i].p_memsz;
        }
    return 1;
}

__attribute__((constructor)) static void begin(void) {
    const char *fault = getenv("NH_FAULT"), *n = fault ? strchr(fault, ':') : NULL,
               *e = n ? strchr(n + 1, ':') : NULL;
    if (!e || (size_t)(n - fault) >= sizeof kind) return;
    memcpy(kind, fault, (size_t)(n - fault));
    wanted = atoi(n + 1);
    error = !strcmp(e, ":ENOMEM") ? ENOMEM : !strcmp(e, ":EAGAIN") ? EAGAIN : EMFILE;
    gai = error == ENOMEM ? EAI_MEMORY : error == EAGAIN ? EAI_AGAIN : EAI_SYSTEM;
    dl_iterate_phdr(find, NULL);
}

void fault_begin(void) { __atomic_store_n(&armed, 1, __ATOMIC_SEQ_CST); }
void fault_memory(int on) { memory = on; }

/* Whether the failure has come about. */
int fault_end(void) {
    __atomic_store_n(&armed, 0, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&fired, __ATOMIC_SEQ_CST);
}

static int fails(const char *what, void *caller) {
    if (!__atomic_load_n(&armed, __ATOMIC_SEQ_CST) || strcmp(what, kind)) return 0;
    if ((uintptr_t)caller < from || (uintptr_t)caller >= to) return 0;
    if (__atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST) != wanted) return 0;
    __atomic_store_n(&fired, 1, __ATOMIC_SEQ_CST);
    errno = error;
    return 1;
}

#define FAILS(what) fails(what, __builtin_return_address(0))

int socket(int domain, int type, int protocol) {
    return FAILS("socket") ? -1 : NEXT(socket)(domain, type, protocol);
}
int accept4(int fd, struct sockaddr *a, socklen_t *n, int flags) {
    return FAILS("accept4") ? -1 : NEXT(accept4)(fd, a, n, flags);
}
/* Taking a descriptor out cannot fail for want of anything. */
int epoll_ctl(int ep, int op, int fd, struct epoll_event *e) {
    return op != EPOLL_CTL_DEL && FAILS("epoll_ctl") ? -1 : NEXT(epoll_ctl)(ep, op, fd, e);
}
int epoll_create1(int flags) { return FAILS("epoll_create1") ? -1 : NEXT(epoll_create1)(flags); }
int eventfd(unsigned int count, int flags) { return FAILS("eventfd") ? -1 : NEXT(eventfd)(count, flags); }
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **out) {
    return FAILS("getaddrinfo") ? gai : NEXT(getaddrinfo)(host, port, hints, out);
}
int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *p) {
    return FAILS("pthread_create") ? error : NEXT(pthread_create)(t, a, run, p);
}

static int mode_of(int flags, va_list *rest) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(*rest, int) : 0;
}
#define OPEN(name, parameters, ...)                                                                          \
    int name parameters {                                                                                    \
        va_list rest;                                                                                        \
        va_start(rest, flags);                                                                               \
        int mode = mode_of(flags, &rest);                                                                    \
        va_end(rest);                                                                                        \
        return FAILS("open") ? -1 : NEXT(name)(__VA_ARGS__, flags, mode);                                    \
    }
OPEN(open, (const char *path, int flags, ...), path)
OPEN(open64, (const char *path, int flags, ...), path)
OPEN(openat, (int at, const char *path, int flags, ...), at, path)
OPEN(openat64, (int at, const char *path, int flags, ...), at, path)

/* dlsym may allocate: the C library's own names, which need none. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t each);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n) { return memory && n > LARGE && FAILS("malloc") ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t each) {
    return memory && n > LARGE / (each ? each : 1) && FAILS("malloc") ? NULL : __libc_calloc(n, each);
}
void *realloc(void *p, size_t n) {
    return memory && n > LARGE && FAILS("malloc") ? NULL : __libc_realloc(p, n);
}
