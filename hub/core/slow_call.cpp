#include "hub/core/slow_call.h"

#include "hub/core/settings.h"

namespace evergreen::core {

SlowCall::SlowCall() noexcept : site_(nullptr) {}
SlowCall::SlowCall(CallSite& site) noexcept : site_(&site) {}
SlowCall::~SlowCall() = default;

// Nothing is offered yet; but a monitor that may make carriers takes the hub after some milliseconds.
bool SlowCall::offered() const noexcept { return settings().carriers > 1; }

}  // namespace evergreen::core
