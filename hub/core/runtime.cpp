#include "hub/core/runtime.h"

#include <utility>

#include "greenlet/tls_block.h"
#include "hub/core/carrier.h"
#include "hub/core/cpu_time.h"
#include "hub/core/hub.h"
#include "hub/core/park.h"
#include "hub/core/provoke.h"

namespace evergreen::core {

constinit thread_local bool in_runtime = false;
constinit thread_local Hub* running_hub = nullptr;
constinit thread_local std::uint64_t my_turn = 0;
constinit thread_local Carrier* my_carrier = nullptr;

// A greenlet goes on, on the carrier that drives its hub now.
void board(HubGreenlet& self) noexcept {
  my_carrier = running_hub->carrier();
  begin_cpu_time(self);
  // Whoever had the block before may have left what it blocks.
  if (self.shares_block() && self.signal_mask != my_carrier->signal_mask()) has_notice.store(true);
  my_carrier->set_signal_mask(self.signal_mask);
}

void enter_hub() noexcept {
  Hub& home = *current->home;
  provoke();
  if (home.take_turn(my_turn)) {
    running_hub = &home;
  } else {
    my_turn = 0;  // re-taken
  }
}

// From the store on another kernel thread may own the hub: what follows touches this stack and block only.
void leave_hub() noexcept {
  my_turn = std::exchange(running_hub, nullptr)->begin_turn(current);
  provoke();
}

void go_home() noexcept {
  end_cpu_time(*current);
  my_carrier->send_home(*current);
  current->solo.store(false, std::memory_order_relaxed);
  running_hub = current->home;
  board(*current);
}

void begin_user_code(HubGreenlet& self) {
  current = &self;
  if (self.shares_block()) enter_shared_block();
  board(self);
  leave_hub();
  in_runtime = false;
  if (has_notice.load()) take_notice();
}

void end_user_code() noexcept {
  in_runtime = true;
  if (my_turn != 0) enter_hub();
  if (running_hub == nullptr) go_home();
}

}  // namespace evergreen::core
