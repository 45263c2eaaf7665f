// The greenlets of the library, as its own code sees them.
#pragma once

#include <memory>
#include <vector>

#include "evergreen/detail/greenlet_state.h"
#include "greenlet/list.h"
#include "hub/core/spawn.h"

namespace evergreen {

// A greenlet of the library, at the top of its stack. All that are alive are on one list.
class Fiber final : public core::HubGreenlet, public Link<Fiber> {
 public:
  Fiber(core::Hub& hub, const core::Place& place, std::shared_ptr<detail::GreenletState> state, Deadline begin);
  ~Fiber();

  // One of the moment.
  struct Sight {
    std::shared_ptr<detail::GreenletState> state;
    const char* waits_for = nullptr;  // nullptr: it is ready, or runs
    bool hears_all = false;           // it waits, and whoever ends it is heard
  };

  // The main greenlet first. On the library's kernel thread only: the others do not run meanwhile. Throws
  // std::bad_alloc.
  static std::vector<Sight> all();

 private:
  static RawGreenlet& entry(RawGreenlet& raw);

  const Deadline begin_;
};

}  // namespace evergreen
