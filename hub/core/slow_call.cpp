#include "hub/core/slow_call.h"

namespace evergreen::core {

SlowCall::SlowCall() noexcept : site_(nullptr) {}
SlowCall::SlowCall(CallSite& site) noexcept : site_(&site) {}
SlowCall::~SlowCall() = default;

}  // namespace evergreen::core
