// Greenlets from lambdas in library mode, for test programs of their own: a process has one first hub, and that of the
// unit tests runs threads.
#pragma once

#include <chrono>
#include <functional>

#include "hub/core/hub.h"

namespace evergreen::test {

// The hub of the process, on the calling kernel thread, whose stack becomes the main greenlet's.
core::Hub& start_library_mode();

void spawn(core::Hub& hub, std::function<void()> body);

// Until all that were spawned have ended.
void join_all();

void sleep_for(std::chrono::nanoseconds length);

}  // namespace evergreen::test
