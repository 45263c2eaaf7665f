// Library mode's monitor says who holds up the hub, because it must not take the hub away there.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "hub/core/backtrace.h"

namespace evergreen::core {

// One look at a greenlet whose turn lasts.
struct Blocked {
  std::uint64_t greenlet;           // its id
  std::uint64_t turn;               // Hub::turn(): the same in all looks at one turn
  std::size_t others;               // alive in its hub
  std::chrono::nanoseconds so_far;  // since the turn began
  pid_t carrier;                    // its kernel thread
  bool sleeps;                      // in the kernel; else it computes
};

// Writes one line to stderr about what `blocked` does now, at most once a second for each place:
//
//   evergreen: greenlet 7 has held up 42 others for 120 ms (3 times here, 310 ms in all), computing: fib at
//   server.c:31, handle at server.c:55, ...
//
// Call it once or more for a turn; the place may change meanwhile. Times are counted as far as they were reported here.
// Costs what take_backtrace() does, also where nothing is written. errno is not kept. Threads: the monitor.
void report_blocked(const Blocked& blocked) noexcept;

// The user's call that is to blame, with its callers, and before it the call into a library that it made, if any; no
// other calls of libraries. `place` is its function. Where no user's code is known (it may have left its stack to a
// tail call): the innermost three calls. Nothing
// of nothing, at place 0.
struct Blamed {
  std::string place;
  std::vector<Frame> frames;
};
Blamed blame(std::vector<Frame> frames);

// What has been seen so far, by place: a function.
class BlockedPlaces {
 public:
  using Clock = std::chrono::steady_clock;

  struct Place {
    std::uint64_t times = 0;  // turns
    std::chrono::nanoseconds in_all{0};
    std::uint64_t last_turn = 0;
    Clock::time_point last_report{};
    bool reported = false;
  };

  // Adds a look at a function that is to blame.
  const Place& note(const std::string& name, const Blocked& blocked);

  // Whether a line about it is due; notes that it is then written.
  bool is_due(const std::string& name, Clock::time_point now);

 private:
  std::map<std::string, Place> places_;
  std::uint64_t last_turn_ = 0;
  std::chrono::nanoseconds counted_{0};  // of last_turn_
};

// The line, without "evergreen: ". Leaves out callers that have no room in `room` bytes.
std::string blocked_line(const Blocked& blocked, const BlockedPlaces::Place& place, const std::vector<Frame>& frames,
                         std::size_t room);

}  // namespace evergreen::core
