#pragma once

namespace evergreen::test {

// Calls of epoll_ctl in this process so far: the test program has an epoll_ctl of its own, which libev calls.
long epoll_ctl_calls();

}  // namespace evergreen::test
