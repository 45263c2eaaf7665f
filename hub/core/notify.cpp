#include "hub/core/notify.h"

#include "hub/core/carrier.h"
#include "hub/core/park.h"
#include "hub/core/provoke.h"
#include "hub/core/runtime.h"
#include "hub/core/spawn.h"

namespace evergreen::core {

constinit thread_local std::atomic<bool> has_notice{false};
constinit OnNotice on_notice = nullptr;

void take_notice() {
  has_notice.store(false);
  provoke();
  if (on_notice != nullptr) on_notice();
}

void notify(HubGreenlet& target, void (*kick)(pid_t thread, int signal), int signal) noexcept {
  in_block(target.block(), has_notice).store(true);
  provoke();
  if (&target == current) return;
  const std::uint32_t seen = target.parking.load();
  unpark(target, Wake::signalled);
  if ((seen & ~std::uint32_t{HubGreenlet::marks}) == HubGreenlet::parked) return;
  // It may run, on the carrier that it was last seen on; not if that one runs us.
  const Carrier* carrier = in_block(target.block(), my_carrier);
  if (carrier != nullptr && carrier != my_carrier) kick(carrier->thread(), signal);
}

}  // namespace evergreen::core
