#pragma once

#include <stdexcept>
#include <string>

namespace evergreen {

// All greenlets wait, and nothing can ever wake one: thrown in the main greenlet, which would block forever. what()
// has a line for each greenlet, with what it waits for.
//
//     Event never_set;
//     never_set.wait();   // LoopExit: would block forever ... main: Event::wait
//
// "Nothing": no deadline, no descriptor that a greenlet waits for, no offload() under way, no signal(), no handler of
// signals that the program has installed, and no kernel thread but the library's own idle ones. So it is never thrown
// while one of these may still come; and where the kernel threads cannot be counted (no /proc) it never is.
//
// Some 20 ms after the last greenlet has run. Follows gevent.exceptions.LoopExit.
class LoopExit : public std::runtime_error {
 public:
  // The library's own.
  explicit LoopExit(const std::string& what) : std::runtime_error(what) {}
};

}  // namespace evergreen
