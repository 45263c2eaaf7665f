// libc's syscall(): what blocks, and what gives a descriptor's number another meaning, goes the way of libc's function
// for the same call; everything else goes to the kernel.

#include <sys/syscall.h>

#include <array>
#include <cstdarg>
#include <iterator>
#include <utility>

#include "patch/raw_calls.h"
#include "patch/raw_signals.h"
#include "patch/thread_id.h"
#include "patch/uncancelled.h"

namespace evergreen::patch {
namespace {

constexpr std::pair<long, Handler> handled[] = {
    {SYS_futex, raw_futex},
    // Descriptors
    {SYS_read, same<read>},
    {SYS_readv, same<readv>},
    {SYS_write, same<write>},
    {SYS_writev, same<writev>},
    {SYS_pread64, same<pread64>},
    {SYS_pwrite64, same<pwrite64>},
    {SYS_preadv, same<preadv>},
    {SYS_pwritev, same<pwritev>},
    {SYS_preadv2, raw_preadv2},
    {SYS_pwritev2, raw_pwritev2},
    {SYS_sendfile, same<sendfile>},
    {SYS_splice, same<splice>},
    {SYS_tee, same<tee>},
    {SYS_vmsplice, same<vmsplice>},
    {SYS_copy_file_range, same<copy_file_range>},
    {SYS_recvfrom, same<recvfrom>},
    {SYS_recvmsg, same<recvmsg>},
    {SYS_sendto, same<sendto>},
    {SYS_sendmsg, same<sendmsg>},
    {SYS_recvmmsg, same<recvmmsg>},
    {SYS_sendmmsg, same<sendmmsg>},
    {SYS_accept, same<accept>},
    {SYS_accept4, same<accept4>},
    {SYS_connect, same<connect>},
    {SYS_close, same<close>},
    {SYS_close_range, same<close_range>},
    {SYS_dup, same<dup>},
    {SYS_dup2, same<dup2>},
    {SYS_dup3, same<dup3>},
    {SYS_fcntl, raw_fcntl},
    {SYS_ioctl, raw_ioctl},
    {SYS_setsockopt, same<setsockopt>},
    {SYS_socket, makes_descriptor<SYS_socket>},
    {SYS_socketpair, same<socketpair>},
    {SYS_pipe, same<pipe>},
    {SYS_pipe2, same<pipe2>},
    {SYS_eventfd, makes_descriptor<SYS_eventfd>},
    {SYS_eventfd2, makes_descriptor<SYS_eventfd2>},
    {SYS_timerfd_create, makes_descriptor<SYS_timerfd_create>},
    {SYS_signalfd, raw_signalfd<SYS_signalfd>},
    {SYS_signalfd4, raw_signalfd<SYS_signalfd4>},
    {SYS_inotify_init, makes_descriptor<SYS_inotify_init>},
    {SYS_inotify_init1, makes_descriptor<SYS_inotify_init1>},
    {SYS_fanotify_init, makes_descriptor<SYS_fanotify_init>},
    {SYS_memfd_create, makes_descriptor<SYS_memfd_create>},
    {SYS_pidfd_open, makes_descriptor<SYS_pidfd_open>},
    {SYS_pidfd_getfd, same<pidfd_getfd>},
    {SYS_epoll_create, makes_descriptor<SYS_epoll_create>},
    {SYS_epoll_create1, makes_descriptor<SYS_epoll_create1>},
    {SYS_mq_open, makes_descriptor<SYS_mq_open>},
    {SYS_openat2, makes_descriptor<SYS_openat2>},
    {SYS_open_by_handle_at, makes_descriptor<SYS_open_by_handle_at>},
    {SYS_perf_event_open, makes_descriptor<SYS_perf_event_open>},
    {SYS_userfaultfd, makes_descriptor<SYS_userfaultfd>},
    {SYS_io_uring_setup, makes_descriptor<SYS_io_uring_setup>},
    {SYS_poll, same<poll>},
    {SYS_ppoll, raw_ppoll},
    {SYS_select, raw_select},
    {SYS_pselect6, raw_pselect},
    {SYS_epoll_wait, same<epoll_wait>},
    {SYS_epoll_pwait, raw_epoll_pwait},
    {SYS_epoll_pwait2, raw_epoll_pwait2},
    // Files
    {SYS_open, raw_open},
    {SYS_openat, raw_openat},
    {SYS_creat, same<creat>},
    {SYS_flock, same<flock>},
    {SYS_fsync, same<fsync>},
    {SYS_fdatasync, same<fdatasync>},
    {SYS_sync_file_range, same<sync_file_range>},
    {SYS_syncfs, same<syncfs>},
    {SYS_sync, raw_sync},
    {SYS_msync, same<msync>},
    // Message queues, semaphores
    {SYS_mq_timedsend, same<mq_timedsend>},
    {SYS_mq_timedreceive, same<mq_timedreceive>},
    {SYS_msgsnd, same<msgsnd>},
    {SYS_msgrcv, same<msgrcv>},
    {SYS_semop, same<semop>},
    {SYS_semtimedop, same<semtimedop>},
    // Children, signals
    {SYS_fork, raw_fork},
    {SYS_clone, raw_clone},
    {SYS_clone3, raw_clone3},
    {SYS_wait4, same<wait4>},
    {SYS_waitid, raw_waitid},
    {SYS_rt_sigtimedwait, raw_sigtimedwait},
    {SYS_rt_sigsuspend, raw_sigsuspend},
    {SYS_rt_sigprocmask, raw_sigprocmask},
    {SYS_rt_sigpending, raw_sigpending},
    {SYS_kill, same<::kill>},
    {SYS_rt_sigqueueinfo, raw_sigqueueinfo},
    {SYS_pause, same<pause>},
    // Time
    {SYS_nanosleep, same<nanosleep>},
    {SYS_clock_gettime, same<clock_gettime>},
    {SYS_clock_nanosleep, raw_clock_nanosleep},
    {SYS_sched_yield, same<sched_yield>},
    // Threads
    {SYS_gettid, same<gettid>},
    {SYS_tgkill, same<tgkill>},
    {SYS_tkill, raw_tkill},
    {SYS_rt_tgsigqueueinfo, raw_tgsigqueueinfo},
    {SYS_prctl, raw_prctl},
    {SYS_sched_getaffinity, raw_sched_getaffinity},
    {SYS_sched_setaffinity, same<sched_setaffinity>},
    {SYS_sched_getscheduler, same<sched_getscheduler>},
    {SYS_sched_setscheduler, same<sched_setscheduler>},
    {SYS_sched_getparam, same<sched_getparam>},
    {SYS_sched_setparam, same<sched_setparam>},
    {SYS_sched_rr_get_interval, same<sched_rr_get_interval>},
    {SYS_getpriority, raw_getpriority},
    {SYS_setpriority, same<setpriority>},
    // Memory that other processes may reach
    {SYS_mmap, same<mmap>},
    {SYS_munmap, same<munmap>},
    {SYS_mremap, raw_mremap},
    {SYS_shmat, same<shmat>},
    {SYS_shmdt, same<shmdt>},
};

// By number; nullptr for the kernel's.
constexpr auto handlers = [] {
  std::array<Handler, 512> by_number{};
  for (const auto& [number, handler] : handled) by_number[static_cast<std::size_t>(number)] = handler;
  return by_number;
}();

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// What libc's own does: six arguments are fetched, whatever was given. A real va_list, not six named parameters: the
// seventh word is on the caller's stack, and a tail call would write it back there, where it may be a variable that
// another thread has changed meanwhile.
SHIM long syscall(long number, ...) noexcept {
  std::va_list rest;
  va_start(rest, number);
  const long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long), d = va_arg(rest, long),
             e = va_arg(rest, long), f = va_arg(rest, long);
  va_end(rest);
  const bool ours = started() && !core::in_runtime && number >= 0 && number < std::ssize(handlers);  // not hub code's
  if (const Handler handler = ours ? handlers[static_cast<std::size_t>(number)] : nullptr) {
    const Uncancelled scope;  // libc's functions for these calls are cancellation points; this one is none
    return handler({a, b, c, d, e, f});
  }
  return real.syscall(number, a, b, c, d, e, f);
}
