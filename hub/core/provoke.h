// Delays at the steps of the protocols in runtime.h and park.h, for the tests that want every interleaving.
#pragma once

namespace evergreen::core {

#ifdef EVERGREEN_PROVOKE
// meson setup -Dprovoke=true: mostly nothing, now and then a yield of the CPU, seldom a pause of some microseconds.
void provoke() noexcept;
inline constexpr bool provoking = true;
#else
inline void provoke() noexcept {}
inline constexpr bool provoking = false;
#endif

}  // namespace evergreen::core
