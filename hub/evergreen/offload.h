#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include "evergreen/deadline.h"
#include "evergreen/detail/call.h"

namespace evergreen {

// Runs f() on a kernel thread that may block, and parks this greenlet meanwhile: the others go on. Returns what f()
// returns (void, references and move-only types too), or throws what it throws.
//
//     auto rows = offload([&] { return PQexec(connection, sql); });
//
// When `deadline` has passed first it throws Timeout; when this greenlet is killed, or a Timeout of its own passes, what
// that gives. A call that has not begun by then is never made. One that has begun goes on to its end, and then f and its
// result are destroyed on the thread that made it: so with a deadline, or in greenlets that may be ended, f must own
// what it uses.
//
// f runs on another kernel thread, so thread-local variables are that one's. It must not end its thread. Of a pool of
// EVERGREEN_OFFLOAD_THREADS, so up to that many calls at once; the others wait their turn, in order. Without a deadline
// f runs in place where that is as good: in a preloaded program's threads, whose hub goes on without them, and in f of
// another offload(), which would else wait for threads that wait for it.
//
// Threads: any greenlet; any kernel thread, which then just waits. Fork: the child can offload.
// Follows gevent.threadpool.
template <class F>
std::invoke_result_t<F> offload(F f, Deadline deadline = Deadline::never()) {
  if (const detail::BlockingInPlace in_place(deadline); in_place.is_good()) return std::invoke(std::move(f));
  return detail::offload_to(detail::common_pool(), std::move(f), deadline);
}

}  // namespace evergreen
