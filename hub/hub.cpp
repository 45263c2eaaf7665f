#include "evergreen/hub.h"

#include <stdexcept>

#include "hub/core/end.h"
#include "hub/core/hubs.h"
#include "hub/core/library.h"
#include "hub/core/park.h"

namespace evergreen {
namespace {

core::HubGreenlet& main_greenlet() {
  core::library_hub();
  if (core::current != &core::Hubs::main_greenlet()) throw std::logic_error("only the main greenlet may do that");
  return *core::current;
}

// Waits once or, where handlers of signals have run, several times.
template <class Wait>
bool wait_heeding_end(core::HubGreenlet& self, Wait wait) {
  for (;;) {
    core::Wake how;
    {
      const core::Runtime runtime;  // at its end the handlers run
      how = wait();
    }
    if (how == core::Wake::ended) core::throw_end(self);
    if (how != core::Wake::signalled) return how == core::Wake::woken;
  }
}

}  // namespace

Hub& get_hub() {
  static Hub hub;
  core::library_hub();
  return hub;
}

bool Hub::join(Deadline deadline) {
  core::HubGreenlet& self = main_greenlet();
  return wait_heeding_end(self, [&] { return self.home->wait_until_alone(self, deadline); });
}

bool Hub::step() {
  core::HubGreenlet& self = main_greenlet();
  const bool more = self.home->step(self);
  if (core::must_end(self)) core::throw_end(self);
  return more;
}

int Hub::fd() {
  core::HubGreenlet& self = main_greenlet();
  return self.home->embed(self);
}

Deadline Hub::deadline() const { return main_greenlet().home->may_wait_until(); }

void idle() {
  core::Hub& hub = core::library_hub();
  core::HubGreenlet& self = core::current_or_thread();
  if (self.home != &hub) return sleep(0);
  wait_heeding_end(self, [&] { return hub.wait_until_idle(self, Deadline::never()); });
}

}  // namespace evergreen
