// Users and groups of the process. The kernel keeps them for each thread; libc changes all that are on its list
// (greenlet/kernel_thread.h), the caller by its own call. Which kernel thread that is it takes from the caller's TLS
// block: right for all greenlets (they are on no list, so the one they run on is told like the others) but the main one
// where another carrier drives it. Then the main kernel thread would be left out; so another greenlet makes the call.

#include <grp.h>
#include <unistd.h>

#include "greenlet/arch_x86_64.h"
#include "patch/shim.h"
#include "patch/thread.h"

namespace evergreen::patch {
namespace {

template <class Call>
int for_all_threads(Call call) {
  struct Job {
    Call& call;
    int result, error;
  } job{call, -1, errno};
  const auto run = [](void* argument) -> void* {
    Job& job = *static_cast<Job*>(argument);
    errno = job.error;
    job.result = job.call();
    job.error = errno;
    return nullptr;
  };
  const bool elsewhere =
      started() && on_greenlet() && &Thread::running() == &main_thread() && arch::kernel_thread_id() != getpid();
  pthread_t helper;
  if (!elsewhere || ::pthread_create(&helper, nullptr, run, &job) != 0) return call();
  ::pthread_join(helper, nullptr);
  errno = job.error;
  return job.result;
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen::patch;

SHIM int setuid(uid_t user) noexcept {
  return for_all_threads([=] { return real.setuid(user); });
}

SHIM int setgid(gid_t group) noexcept {
  return for_all_threads([=] { return real.setgid(group); });
}

SHIM int seteuid(uid_t user) noexcept {
  return for_all_threads([=] { return real.seteuid(user); });
}

SHIM int setegid(gid_t group) noexcept {
  return for_all_threads([=] { return real.setegid(group); });
}

SHIM int setreuid(uid_t user, uid_t effective) noexcept {
  return for_all_threads([=] { return real.setreuid(user, effective); });
}

SHIM int setregid(gid_t group, gid_t effective) noexcept {
  return for_all_threads([=] { return real.setregid(group, effective); });
}

SHIM int setresuid(uid_t user, uid_t effective, uid_t saved) noexcept {
  return for_all_threads([=] { return real.setresuid(user, effective, saved); });
}

SHIM int setresgid(gid_t group, gid_t effective, gid_t saved) noexcept {
  return for_all_threads([=] { return real.setresgid(group, effective, saved); });
}

SHIM int setgroups(size_t count, const gid_t* groups) noexcept {
  return for_all_threads([=] { return real.setgroups(count, groups); });
}

SHIM int initgroups(const char* user, gid_t group) {
  return for_all_threads([=] { return real.initgroups(user, group); });
}
