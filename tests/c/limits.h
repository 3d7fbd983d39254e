/* What a test takes from its own process, to see what becomes of the library. */
#ifndef NETHTTP_TEST_LIMITS_H
#define NETHTTP_TEST_LIMITS_H

#include "check.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

/* Leaves room for `more` bytes beyond what the process has now; `old` is what was allowed before. What malloc
 * keeps of what was freed goes first, and large pieces are not kept from now on: they would be room besides.
 */
static inline void leave_memory(struct rlimit *old, size_t more) {
    unsigned long pages = 0;
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    malloc_trim(0);
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f != NULL && fscanf(f, "%lu", &pages) == 1);
    fclose(f);
    CHECK_INT(getrlimit(RLIMIT_AS, old), 0);
    struct rlimit less = *old;
    less.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    CHECK_INT(setrlimit(RLIMIT_AS, &less), 0);
}

#endif
