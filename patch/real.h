// libc's own functions behind our hooks.
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <mqueue.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <pwd.h>
#include <resolv.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "patch/libc_private.h"

#undef p_type  // a macro of <resolv.h>, and a field of <elf.h>

namespace evergreen::patch {

// A function's type without attributes (noreturn), which clang takes for part of it; and without noexcept: a
// cancellation may unwind also what C++'s headers say throws nothing.
template <class R, class... A, bool silent>
auto plain(R (*)(A...) noexcept(silent)) -> R (*)(A...);
template <class R, class... A>
auto plain(R (*)(A..., ...)) -> R (*)(A..., ...);
template <class R, class... A>
auto plain(R (*)(A..., ...) noexcept) -> R (*)(A..., ...) noexcept;

// One pointer a hook, of the type that libc's header gives the function: no prototype is written twice.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // pthread_yield
struct Real {
#define HOOK(name, version, how, follows) decltype(plain(&::name)) name;
#define INSIDE(name, version, how, follows)
#define UNHOOKED(name, why)
#include "patch/hooks.def"
#undef HOOK
#undef INSIDE
#undef UNHOOKED
};
#pragma GCC diagnostic pop

// Complete at any time, for the calls of other libraries' constructors too: see real.cpp.
extern constinit Real real;

}  // namespace evergreen::patch
