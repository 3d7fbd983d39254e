/* Takes all CPUs away, for up to a quarter of a second at a time, as a busy host takes them from a virtual
 * machine: threads of a higher priority spin on each. No signal is sent, so no system call is interrupted.
 * Runs until it is killed. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t until;

static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void prior(int priority) {
    struct sched_param p = {.sched_priority = priority};
    if (sched_setscheduler(0, SCHED_FIFO, &p) != 0) {
        perror("stall: SCHED_FIFO");
        exit(1);
    }
}

static void *spin(void *cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((int)(intptr_t)cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
    prior(1);
    for (;;)
        if (now_us() >= atomic_load(&until)) usleep(1000);
    return NULL;
}

int main(void) {
    static const int ms[] = {20, 60, 120, 250};
    cpu_set_t mine;
    if (sched_getaffinity(0, sizeof mine, &mine) != 0) return 1;
    prior(2);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        pthread_t t;
        if (CPU_ISSET(cpu, &mine) && pthread_create(&t, NULL, spin, (void *)(intptr_t)cpu) != 0) return 1;
    }
    srand((unsigned)getpid());
    puts("stalling");
    fflush(stdout);
    for (;;) {
        int stall = ms[rand() % 4];
        usleep((useconds_t)(2000 + rand() % 100000));
        atomic_store(&until, now_us() + stall * 1000);
        usleep((useconds_t)stall * 1000);
    }
}
