// Threads' names: pthread_setname_np and its kin. The kernel's belong to its own threads; a greenlet has one of its
// own. The main one's is the process's, wherever it runs.

#include "patch/thread_name.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "greenlet/arch_x86_64.h"
#include "greenlet/tls_block.h"
#include "patch/raw_calls.h"
#include "patch/shim.h"
#include "patch/thread.h"

namespace evergreen::patch {
namespace {

using Name = std::array<char, 16>;  // the last is 0
constexpr std::size_t most = sizeof(Name) - 1;

int prctl_name(int option, const char* name) noexcept {
  return real.prctl(option, reinterpret_cast<unsigned long>(name), 0UL, 0UL, 0UL);
}

Name kernel_name() noexcept {
  Name name{};
  prctl_name(PR_GET_NAME, name.data());
  return name;
}

// In a child that a greenlet forked, that one.
bool has_process_name(const Thread& thread) noexcept {
  return thread.shares_block() || !is_made_up(thread_id_of(thread.block()));
}

bool on_first_kernel_thread() noexcept { return arch::kernel_thread_id() == getpid(); }

// Where the kernel thread is not the process's first.
void tell_process_name(const Name& name) noexcept {
  std::array<char, 64> path;
  std::snprintf(path.data(), path.size(), "/proc/self/task/%d/comm", getpid());
  const int fd = real.open(path.data(), O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return;
  static_cast<void>(real.write(fd, name.data(), std::strlen(name.data())));
  real.close(fd);
}

// Gives the kernel thread the greenlet's name for one call, so that the kernel itself says what becomes of the name,
// and of the memory that the program gave.
int with_name(Thread& thread, int option, const char* memory) noexcept {
  const Name carriers = kernel_name();
  prctl_name(PR_SET_NAME, thread.name.data());
  const int result = prctl_name(option, memory);
  const int error = errno;
  const Name now = kernel_name();
  if (has_process_name(thread) && on_first_kernel_thread()) {
    thread.name = now;
  } else {
    prctl_name(PR_SET_NAME, carriers.data());
    if (has_process_name(thread) && now != thread.name) tell_process_name(now);
    thread.name = now;
  }
  errno = error;
  return result;
}

void set(Thread& thread, const char* name) noexcept {
  thread.name.fill('\0');
  std::memcpy(thread.name.data(), name, std::strlen(name));
}

// Another's name; what libc answers where the kernel has no such thread.
int set_another(Thread& thread, const char* name) noexcept {
  if (thread.has_ended()) return ENOENT;
  set(thread, name);
  if (has_process_name(thread)) tell_process_name(thread.name);
  return 0;
}

}  // namespace

void learn_process_name() noexcept { main_thread().name = kernel_name(); }

void give_process_own_name() noexcept { prctl_name(PR_SET_NAME, Thread::running().name.data()); }

long raw_prctl(Arguments given) noexcept {
  return ::prctl(static_cast<int>(given[0]), given[1], given[2], given[3], given[4]);
}

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM int pthread_setname_np(pthread_t handle, const char* name) noexcept {
  Thread* thread = started() ? Thread::find(handle) : nullptr;
  if (std::strlen(name) > most) return ERANGE;
  if (thread == nullptr) return Thread::was_ours(handle) ? ENOENT : real.pthread_setname_np(handle, name);
  const KeepErrno keep;
  return keep(started() && core::current != nullptr && thread == &Thread::running()
                  ? with_name(*thread, PR_SET_NAME, name)
                  : set_another(*thread, name));
}

SHIM int pthread_getname_np(pthread_t handle, char* buffer, size_t size) noexcept {
  const Thread* thread = started() ? Thread::find(handle) : nullptr;
  if (size <= most) return ERANGE;
  if (thread == nullptr) return Thread::was_ours(handle) ? ENOENT : real.pthread_getname_np(handle, buffer, size);
  if (thread->has_ended()) return ENOENT;
  std::strcpy(buffer, thread->name.data());  // NOLINT(clang-analyzer-security.insecureAPI.strcpy): there is room
  return 0;
}

// Variadic in C; on x86-64 its arguments are passed like named ones.
SHIM int evergreen_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) asm("prctl");
SHIM int evergreen_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  const bool is_name = option == PR_SET_NAME || option == PR_GET_NAME;
  if (!is_name || !on_greenlet()) return real.prctl(option, a, b, c, d);
  const KeepErrno keep;
  return keep(with_name(Thread::running(), option, reinterpret_cast<const char*>(a)));
}
