#pragma once

#include <exception>
#include <functional>
#include <utility>

#include "evergreen/deadline.h"
#include "evergreen/greenlet.h"

namespace evergreen {

// What to do with an exception that has ended a greenlet. GreenletExit is none.
using ErrorHandler = std::function<void(const AnyGreenlet& greenlet, const std::exception_ptr& error)>;

// The default: a line on stderr with the greenlet's name, the exception's type and its text. gevent: print_exception.
void print_exception(const AnyGreenlet& greenlet, const std::exception_ptr& error);

// The process's event loop with its greenlets. It runs whenever the main greenlet, or another one, waits.
//
//     get_hub();                                   // on the main thread, before the others use it
//     library.on_message([](Message message) {     // called by some kernel thread
//       get_hub().spawn_from_thread(handle, std::move(message));
//     });
//     get_hub().run();                             // until nothing is left to do
//
// Inside another program's loop, which waits for a descriptor and a deadline:
//
//     Hub& hub = get_hub();
//     pollfd ready{hub.fd(), POLLIN, 0};
//     for (;;) {
//       while (hub.step()) {
//       }
//       poll(&ready, 1, milliseconds_until(hub.deadline()));
//     }
//
// Threads: spawn_from_thread() and set_error_handler() from anywhere; the rest from the main greenlet only, and throws
// std::logic_error elsewhere. Fork: the child has a hub of its own, with the greenlet that forked alone; fd() must be
// asked for again.
// Follows gevent.hub.Hub.
class Hub {
 public:
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // spawn() in other words: also callers that are no greenlets may do so. gevent: loop.run_callback_threadsafe.
  template <class F, class... Arguments>
  auto spawn_from_thread(F&& f, Arguments&&... arguments) {
    return spawn(std::forward<F>(f), std::forward<Arguments>(arguments)...);
  }

  // Waits until no other greenlet is alive, or none of those that are can ever go on; or until `deadline` has passed,
  // and returns false then. Watchers of signals are not waited for. gevent: Hub.join, gevent.wait().
  bool join(Deadline deadline = Deadline::never());
  void run() { join(); }

  // Lets all greenlets run that are ready now, looks at descriptors and deadlines once, without waiting, and returns
  // whether some are ready then. For debugging, and for other loops.
  bool step();

  // Becomes readable when step() has something to do: for other loops to wait for. The hub's own; not to be read or
  // closed. Throws std::system_error.
  int fd();

  // Until when another loop may wait for fd(): now, if step() has something to do already (it must be asked after all
  // that the loop has called: that may have spawned a greenlet, or woken one).
  [[nodiscard]] Deadline deadline() const;

  // Calls `handler` instead of print_exception(), in the greenlet that the exception ends; with an empty one
  // print_exception() again. Returns the former one. gevent: Hub.handle_error.
  ErrorHandler set_error_handler(ErrorHandler handler);

 private:
  friend Hub& get_hub();
  Hub() = default;
};

// The hub, which the first call starts, on the main thread. Throws std::logic_error on others if there is none yet.
// gevent.get_hub.
Hub& get_hub();

// Waits until no other greenlet is ready to run: for work that has time. Several who wait so take turns. Throws what
// ends this greenlet. gevent.idle.
void idle();

}  // namespace evergreen
