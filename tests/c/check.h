/* CHECK and its kin for the C tests: a failed check names its place and ends the program with 1. */
#ifndef NETHTTP_TEST_CHECK_H
#define NETHTTP_TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(cond)                                                                                          \
    do {                                                                                                     \
        if (!(cond)) {                                                                                       \
            fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, #cond);                         \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

#define CHECK_INT(got, want)                                                                                 \
    do {                                                                                                     \
        long long check_got_ = (long long)(got), check_want_ = (long long)(want);                            \
        if (check_got_ != check_want_) {                                                                     \
            fprintf(stderr, "%s:%d: %s is %lld, want %lld\n", __FILE__, __LINE__, #got, check_got_,          \
                    check_want_);                                                                            \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

/* CHECK_ERR: the call must fail with this code. tests/header/docs.rs looks for CHECK_ERR(CODE, function(
 * as text. */
#define CHECK_ERR(code, call) CHECK_INT(call, code)

/* Either text may be NULL; NULL equals NULL only. */
#define CHECK_STR(got, want)                                                                                 \
    do {                                                                                                     \
        const char *check_got_ = (got), *check_want_ = (want);                                               \
        if ((check_got_ == NULL) != (check_want_ == NULL) ||                                                 \
            (check_got_ != NULL && strcmp(check_got_, check_want_) != 0)) {                                  \
            fprintf(stderr, "%s:%d: %s is \"%s\", want \"%s\"\n", __FILE__, __LINE__, #got,                  \
                    check_got_ ? check_got_ : "(null)", check_want_ ? check_want_ : "(null)");               \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

/* SKIP ends the test as skipped: CTest shows it, and it fails where NH_REQUIRE_ALL is set. */
#define SKIP(reason)                                                                                         \
    do {                                                                                                     \
        printf("SKIP: %s\n", reason);                                                                        \
        exit(getenv("NH_REQUIRE_ALL") && *getenv("NH_REQUIRE_ALL") == '1' ? 1 : 77);                         \
    } while (0)

#endif
