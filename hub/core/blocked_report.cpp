#include "hub/core/blocked_report.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "greenlet/fatal.h"
#include "hub/core/libdw.h"

namespace evergreen::core {
namespace {

constexpr std::chrono::seconds between_reports(1);
constexpr std::size_t most_places = 4096;    // code that is made at run time may have any number
constexpr std::size_t room_of_report = 470;  // of report()'s 512
constexpr std::size_t longest_name = 80;
constexpr std::size_t enough_of_libraries = 3;

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
  const Blamed blamed = blame(take_backtrace(blocked.carrier));
  const BlockedPlaces::Place& place = places->note(blamed.place, blocked);
  if (!places->is_due(blamed.place, BlockedPlaces::Clock::now())) return;
  static const bool has_libdw = libdw() != nullptr;
  report("%s%s", blocked_line(blocked, place, blamed.frames, room_of_report).c_str(),
         has_libdw ? "" : "; install libdw1");
}

}  // namespace

Blamed blame(std::vector<Frame> frames) {
  if (frames.empty()) return {};
  Blamed blamed;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (frames[i].is_ours_or_libcs()) continue;
    if (blamed.frames.empty()) {
      blamed.place = frames[i].place();
      if (i != 0) blamed.frames.push_back(frames[i - 1]);
    }
    blamed.frames.push_back(std::move(frames[i]));
  }
  if (!blamed.frames.empty()) return blamed;
  frames.resize(std::min(frames.size(), enough_of_libraries));
  return {frames[0].place(), std::move(frames)};
}

const BlockedPlaces::Place& BlockedPlaces::note(const std::string& name, const Blocked& blocked) {
  if (places_.size() >= most_places && !places_.contains(name)) places_.clear();
  Place& place = places_[name];
  if (place.times == 0 || place.last_turn != blocked.turn) ++place.times;
  place.last_turn = blocked.turn;
  if (last_turn_ != blocked.turn) counted_ = std::chrono::nanoseconds(0);
  last_turn_ = blocked.turn;
  place.in_all += std::max(blocked.so_far - counted_, std::chrono::nanoseconds(0));
  counted_ = std::max(counted_, blocked.so_far);
  return place;
}

bool BlockedPlaces::is_due(const std::string& name, Clock::time_point now) {
  Place& place = places_[name];
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
  for (std::size_t i = 0; i < frames.size();) {
    std::string text = shortened(frames[i]);
    std::size_t times = 1;
    for (++i; i < frames.size() && shortened(frames[i]) == text; ++i) ++times;
    if (times > 1) text += " (" + std::to_string(times) + " calls)";
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
