// Calls that block the kernel thread, as no descriptor tells when they would return: another carrier goes on with the
// hub meanwhile (core::SlowCall).
#pragma once

#include <netdb.h>

#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "evergreen/detail/outcome.h"
#include "hub/core/slow_call.h"
#include "hub/core/thread_pool.h"
#include "patch/shim.h"

namespace evergreen::patch {

// For greenlets that share a TLS block, which must stay on their kernel thread: another makes the call. It is waited
// for in any case, as it writes to its caller's memory.
template <class Call>
class PoolCall final : public core::Job {
 public:
  explicit PoolCall(Call& call) : call_(call), error_(errno), resolver_error_(h_errno) {}

  void run() noexcept override {
    exchange_errors();
    outcome_.set_by(call_);
    exchange_errors();
  }
  auto take() noexcept {
    exchange_errors();
    return outcome_.get();
  }

 private:
  void exchange_errors() noexcept {
    std::swap(errno, error_);
    std::swap(h_errno, resolver_error_);
  }

  Call& call_;
  int error_, resolver_error_;
  detail::Outcome<std::invoke_result_t<Call&>> outcome_;
};

template <class Call>
auto called_on_pool(Call call) {
  auto* const mine = new (std::nothrow) PoolCall<Call>(call);
  std::unique_ptr<core::Job> job(mine);
  if (job == nullptr) return call();
  try {
    core::ThreadPool::common().run(job, "offload", Deadline::never(), core::Hears::nothing);
  } catch (const std::exception&) {  // no thread for it
    return call();
  }
  return mine->take();
}

// Returns what call() does, which nearly always blocks; errno is call()'s.
template <class Call>
auto offloaded(Call call) {
  if (!on_greenlet()) return call();
  if (core::current->shares_block()) return called_on_pool(call);
  const core::SlowCall slow;
  return call();
}

// The same for a call that is quick most of the time; `site` learns how long it takes.
template <class Call>
auto offloaded(core::CallSite& site, Call call) {
  if (!on_greenlet()) return call();
  if (core::current->shares_block() && site.is_slow()) return called_on_pool(call);
  const core::SlowCall slow(site);
  return call();
}

// libc's call on what may block without a way to wait for it: a file on a slow disk, a FUSE or network file system.
// `caller` is the place in the program that makes it.
template <class Call, class... Arguments>
auto slowly(const void* caller, Call call, Arguments... arguments) {
  return offloaded(core::call_site(caller), [=] { return call(arguments...); });
}

// For a greenlet's call that takes a lock on a file. attempt() does not wait, and fails with EAGAIN or EACCES where
// call() would have to. Returns what they return; errno as one call() would leave it.
template <class Attempt, class Call>
int try_then_offload(Attempt attempt, Call call) {
  const KeepErrno keep;
  const int result = attempt();
  if (result >= 0 || (errno != EAGAIN && errno != EACCES)) return keep(result);
  return keep(offloaded(call));
}

}  // namespace evergreen::patch
