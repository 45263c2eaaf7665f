// What libc's resolver keeps for each thread: the name servers, its sockets (_res of <resolv.h>).
#pragma once

#include <resolv.h>

namespace evergreen {

// A fresh one for the running TLS block, while this object lives; without, all blocks would share the main thread's.
// To be made and destroyed on a greenlet's own stack, around all of its code; after check_glibc().
class ResolverState {
 public:
  ResolverState() noexcept;
  // Closes the sockets that libc has kept, as a thread's end does.
  ~ResolverState();
  ResolverState(const ResolverState&) = delete;
  ResolverState& operator=(const ResolverState&) = delete;

 private:
  struct __res_state state_ {};
  struct __res_state* const before_;
};

}  // namespace evergreen
