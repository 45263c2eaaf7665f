// Functions that libc exports and no header declares: what -D_FORTIFY_SOURCE calls, and older second names.
#pragma once

#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

extern "C" {
// NOLINTBEGIN(readability-identifier-naming)
[[noreturn]] void __chk_fail() noexcept;
void _IO_list_lock();
void _IO_list_unlock();
void __pthread_register_cancel(__pthread_unwind_buf_t* buffer);
void __pthread_unregister_cancel(__pthread_unwind_buf_t* buffer);
ssize_t __read_chk(int fd, void* buffer, size_t size, size_t buffer_size);
ssize_t __pread_chk(int fd, void* buffer, size_t size, off_t offset, size_t buffer_size);
ssize_t __pread64_chk(int fd, void* buffer, size_t size, off64_t offset, size_t buffer_size);
ssize_t __pread64(int fd, void* buffer, size_t size, off64_t offset);
ssize_t __pwrite64(int fd, const void* buffer, size_t size, off64_t offset);
ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t buffer_size, int flags);
ssize_t __recvfrom_chk(int fd, void* buffer, size_t size, size_t buffer_size, int flags, sockaddr* address,
                       socklen_t* address_size);
int __poll_chk(pollfd* fds, nfds_t count, int timeout, size_t fds_size);
int __ppoll_chk(pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask, size_t fds_size);
mqd_t __mq_open_2(const char* name, int flags) noexcept;
int __open_2(const char* path, int flags);
int __open64_2(const char* path, int flags);
int __openat_2(int directory, const char* path, int flags);
int __openat64_2(int directory, const char* path, int flags);

ssize_t __read(int fd, void* buffer, size_t size);
ssize_t __write(int fd, const void* buffer, size_t size);
ssize_t __send(int fd, const void* buffer, size_t size, int flags);
int __connect(int fd, const sockaddr* address, socklen_t size);
int __close(int fd);
int __pipe(int* ends) noexcept;
// Their header declares them for C only.
int pidfd_open(pid_t process, unsigned flags) noexcept;
int pidfd_getfd(int process, int fd, unsigned flags) noexcept;
pid_t __vfork() noexcept;
int __clone(int (*run)(void*), void* stack, int flags, void* argument, ...) noexcept;
pid_t __wait(int* status);
pid_t __waitpid(pid_t child, int* status, int options);
int __dup2(int from, int to);
int __fcntl(int fd, int command, ...);
int __open(const char* path, int flags, ...);
int __open64(const char* path, int flags, ...);
int __poll(pollfd* fds, nfds_t count, int timeout);
int __select(int count, fd_set* read, fd_set* write, fd_set* except, timeval* timeout);
int __nanosleep(const timespec* length, timespec* remaining);
int __sigsuspend(const sigset_t* mask);
int __sigaction(int signal, const struct sigaction* wanted, struct sigaction* before) noexcept;
sighandler_t bsd_signal(int signal, sighandler_t handler) noexcept;
sighandler_t __sysv_signal(int signal, sighandler_t handler) noexcept;
[[noreturn]] void __longjmp_chk(struct __jmp_buf_tag* target, int value) noexcept;
int __sched_yield() noexcept;
int __sched_getscheduler(pid_t id) noexcept;
int __sched_setscheduler(pid_t id, int policy, const sched_param* parameters) noexcept;
int __sched_getparam(pid_t id, sched_param* parameters) noexcept;
int __pthread_once(pthread_once_t* control, void (*routine)());
int __pthread_mutex_lock(pthread_mutex_t* mutex) noexcept;
int __pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept;
int __pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept;
int __pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept;
int __pthread_rwlock_tryrdlock(pthread_rwlock_t* lock) noexcept;
int __pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept;
int __pthread_rwlock_unlock(pthread_rwlock_t* lock) noexcept;
int __res_query(const char* name, int query_class, int type, unsigned char* answer, int size) noexcept;
int __res_search(const char* name, int query_class, int type, unsigned char* answer, int size) noexcept;
int __res_querydomain(const char* name, const char* domain, int query_class, int type, unsigned char* answer,
                      int size) noexcept;
int __res_send(const unsigned char* query, int query_size, unsigned char* answer, int size) noexcept;
int __res_nquery(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                 int size) noexcept;
int __res_nsearch(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                  int size) noexcept;
int __res_nquerydomain(res_state state, const char* name, const char* domain, int query_class, int type,
                       unsigned char* answer, int size) noexcept;
int __res_nsend(res_state state, const unsigned char* query, int query_size, unsigned char* answer, int size) noexcept;
// NOLINTEND(readability-identifier-naming)
}
