/* SPDX-License-Identifier: MIT */
/*
 * Included before each source of the library when it is compiled for the
 * schedule explorer: what it asks of the kernel and of the C library, where
 * that is a point of the schedule, has to be simulated, or must be undone after
 * a run, goes to kernel.c and memory.c instead.
 */
#ifndef ZIPC_SCHEDULE_HOOKS_H
#define ZIPC_SCHEDULE_HOOKS_H

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* A change of 16 bytes is a point of the schedule too. */
#define ZIPC_CELL_BUILTIN 1

long schedule_syscall(long number, ...);
int schedule_fcntl(int fd, int command, struct flock *lock);
int schedule_flock(int fd, int operation);
int schedule_close(int fd);
int schedule_fallocate(int fd, int mode, off_t offset, off_t size);
void *schedule_mmap(void *at, size_t size, int protection, int flags, int fd,
		    off_t offset);
int schedule_munmap(void *at, size_t size);
ssize_t schedule_readlink(const char *path, char *text, size_t size);
int schedule_clock_gettime(clockid_t clock, struct timespec *now);
int schedule_nanosleep(const struct timespec *nap, struct timespec *left);
int schedule_sched_yield(void);
long schedule_sysconf(int name);
void schedule_pause(void);
void *schedule_malloc(size_t size);
void *schedule_calloc(size_t count, size_t size);
void schedule_free(void *at);
void *schedule_memcpy(void *to, const void *from, size_t size);
void *schedule_memset(void *to, int byte, size_t size);

#define syscall schedule_syscall
#define fcntl schedule_fcntl
#define flock(fd, operation) schedule_flock(fd, operation)
#define close schedule_close
#define fallocate schedule_fallocate
#define mmap schedule_mmap
#define munmap schedule_munmap
#define readlink schedule_readlink
#define clock_gettime schedule_clock_gettime
#define nanosleep schedule_nanosleep
#define sched_yield schedule_sched_yield
#define sysconf schedule_sysconf
#define __builtin_ia32_pause schedule_pause
#define malloc schedule_malloc
#define calloc schedule_calloc
#define free schedule_free
#define memcpy schedule_memcpy
#define memset schedule_memset

#endif
