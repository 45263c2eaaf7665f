#include "tests/support/guest.h"

#include <utility>

#include "hub/core/spawn.h"
#include "hub/core/wait_fd.h"
#include "tests/support/process.h"

namespace evergreen::test {
namespace {

int alive = 0;

class Guest : public core::HubGreenlet {
 public:
  Guest(core::Hub& hub, const core::Place& place, std::function<void()> body)
      : HubGreenlet(hub, place, entry), body_(std::move(body)) {
    when_dead_ = [](RawGreenlet& raw) noexcept { core::bury(static_cast<Guest&>(raw)); };
  }

 private:
  static RawGreenlet& entry(RawGreenlet& raw) {
    auto& self = static_cast<Guest&>(raw);
    core::begin_user_code(self);
    self.body_();
    --alive;
    core::end_user_code();
    return self.home->leave_for_ever(self);
  }

  std::function<void()> body_;
};

}  // namespace

core::Hub& start_library_mode() {
  require_glibc();
  struct Main : core::HubGreenlet {};
  return core::Hub::start(*new Main, core::Mode::library);
}

void spawn(core::Hub& hub, std::function<void()> body) {
  ++alive;
  hub.adopt(core::make_greenlet<Guest>(hub, core::take_shared_place(64 << 10), std::move(body)));
}

void sleep_for(std::chrono::nanoseconds length) { core::sleep_until(Deadline::in(length), "test"); }

void join_all() {
  while (alive != 0) sleep_for(std::chrono::milliseconds(1));
}

}  // namespace evergreen::test
