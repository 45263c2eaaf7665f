#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "evergreen/greenlet.h"

namespace evergreen {

// One greenlet of the library, and what it is at.
struct RunInfo {
  AnyGreenlet greenlet;   // its handle
  const char* waits_for;  // the call: "Event::wait"; nullptr where it is ready to run, or runs
};

// All that are alive, the main greenlet first, the others in the order in which they were spawned. Throws
// std::logic_error on any kernel thread but the library's.
std::vector<RunInfo> run_info();

// A line for each: "main: runs", "Greenlet-7: Queue::get". gevent.util.format_run_info.
std::vector<std::string> format_run_info();

// Prints those lines. gevent.util.print_run_info.
void print_run_info(std::FILE* to = stderr);

}  // namespace evergreen
