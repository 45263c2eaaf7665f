// The signal calls by number: sets as long as the kernel's, and threads by the numbers that gettid() gives.
#pragma once

#include "patch/raw_calls.h"

namespace evergreen::patch {

long raw_sigprocmask(Arguments given) noexcept;
long raw_sigpending(Arguments given) noexcept;
long raw_sigsuspend(Arguments given) noexcept;
long raw_sigtimedwait(Arguments given) noexcept;
long raw_sigqueueinfo(Arguments given) noexcept;
long raw_tkill(Arguments given) noexcept;
long raw_tgsigqueueinfo(Arguments given) noexcept;

}  // namespace evergreen::patch
