#include "hub/core/blocked_report.h"

#include <algorithm>
#include <exception>

#include "greenlet/fatal.h"

namespace evergreen::core {
namespace {

constexpr std::chrono::seconds between_reports(1);
constexpr std::size_t most_places = 4096;  // code that is made at run time may have any number
constexpr std::size_t room_of_report = 480;
constexpr std::size_t longest_name = 80;

std::string length(std::chrono::nanoseconds time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  if (ms < 1000) return std::to_string(ms) + " ms";
  return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
}

std::string shortened(Frame frame) {
  if (frame.name.size() > longest_name) frame.name = frame.name.substr(0, longest_name - 3) + "...";
  return frame.text();
}

void report_or_throw(const Blocked& blocked) {
  static auto* const places = new BlockedPlaces;  // never destroyed: the monitor runs until the process is gone
  const std::vector<Frame> frames = blamed(take_backtrace(blocked.carrier));
  const auto users = std::find_if(frames.begin(), frames.end(), [](const Frame& f) { return !f.is_ours_or_libcs(); });
  const std::uint64_t function = users != frames.end() ? users->function : 0;
  const BlockedPlaces::Place& place = places->note(function, blocked);
  if (!places->is_due(function, BlockedPlaces::Clock::now())) return;
  report("%s", blocked_line(blocked, place, frames, room_of_report).c_str());
}

}  // namespace

std::vector<Frame> blamed(std::vector<Frame> frames) {
  const auto users = std::find_if(frames.begin(), frames.end(), [](const Frame& f) { return !f.is_ours_or_libcs(); });
  if (users == frames.end()) return {};
  frames.erase(frames.begin(), users == frames.begin() ? users : users - 1);
  return frames;
}

const BlockedPlaces::Place& BlockedPlaces::note(std::uint64_t function, const Blocked& blocked) {
  if (places_.size() >= most_places && !places_.contains(function)) places_.clear();
  Place& place = places_[function];
  if (place.times == 0 || place.last_turn != blocked.turn) ++place.times;
  place.last_turn = blocked.turn;
  if (last_turn_ != blocked.turn) counted_ = std::chrono::nanoseconds(0);
  last_turn_ = blocked.turn;
  place.in_all += std::max(blocked.so_far - counted_, std::chrono::nanoseconds(0));
  counted_ = std::max(counted_, blocked.so_far);
  return place;
}

bool BlockedPlaces::is_due(std::uint64_t function, Clock::time_point now) {
  Place& place = places_[function];
  if (place.reported && now - place.last_report < between_reports) return false;
  place.reported = true;
  place.last_report = now;
  return true;
}

std::string blocked_line(const Blocked& blocked, const BlockedPlaces::Place& place, const std::vector<Frame>& frames,
                         std::size_t room) {
  std::string line = "greenlet " + std::to_string(blocked.greenlet) + " has held up " + std::to_string(blocked.others) +
                     (blocked.others == 1 ? " other" : " others") + " for " + length(blocked.so_far);
  if (place.times > 1) {
    line += " (" + std::to_string(place.times) + " times here, " + length(place.in_all) + " in all)";
  }
  line += blocked.sleeps ? ", blocked" : ", computing";
  const char* separator = ": ";
  for (const Frame& frame : frames) {
    const std::string text = shortened(frame);
    if (line.size() + text.size() + sizeof ", ..." > room) return line + ", ...";
    line += separator + text;
    separator = ", ";
  }
  return line;
}

void report_blocked(const Blocked& blocked) noexcept {
  try {
    report_or_throw(blocked);
  } catch (const std::exception& error) {  // memory is short
    report("greenlet %zu holds up the others; no more is known: %s", static_cast<std::size_t>(blocked.greenlet),
           error.what());
  }
}

}  // namespace evergreen::core
