#pragma once

namespace evergreen::core {

// Whether the running greenlet may go on on one kernel thread while another one takes its hub (see runtime.h): it has a
// TLS block of its own, and a second carrier is allowed. Then a call that blocks is best made in place, in a SlowCall.
// False on plain kernel threads, in hub code, and for greenlets of library mode, which share their carrier's block.
[[nodiscard]] bool can_migrate() noexcept;

}  // namespace evergreen::core
