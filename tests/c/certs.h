/* Certificates for the C tests, made by openssl in a directory that ends with the test. */
#ifndef NETHTTP_TEST_CERTS_H
#define NETHTTP_TEST_CERTS_H

#include "check.h"

#include <unistd.h>

static char certs_dir[] = "/tmp/nethttp-certs-XXXXXX";

static inline const char *in_dir(const char *name) {
    static _Thread_local char paths[16][256];
    static _Thread_local int next;
    char *p = paths[next++ % 16];
    snprintf(p, sizeof paths[0], "%s/%s", certs_dir, name);
    return p;
}

static inline void certs_remove(void) {
    char command[300];
    snprintf(command, sizeof command, "rm -rf %s", certs_dir);
    (void)!system(command);
}

static inline void certs_begin(void) {
    if (system("openssl version >/dev/null 2>&1") != 0) SKIP("no openssl in PATH");
    CHECK(mkdtemp(certs_dir) != NULL);
    atexit(certs_remove);
}

static inline void openssl(const char *arguments) {
    char command[1200];
    snprintf(command, sizeof command, "cd %s && openssl %s 2>/dev/null", certs_dir, arguments);
    CHECK_INT(system(command), 0);
}

/* NAME.pem, which signs itself, and NAME.key, for the given names: "DNS:a.example,IP:127.0.0.1". */
static inline void certs_make(const char *name, const char *san) {
    char arguments[512];
    snprintf(arguments, sizeof arguments,
             "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=%s -addext "
             "subjectAltName=%s -keyout %s.key -out %s.pem",
             name, san, name, name);
    openssl(arguments);
}

#endif
