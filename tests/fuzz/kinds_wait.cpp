// What calls take that wait for several descriptors, or for a time.
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

#include <cstring>

#include "tests/fuzz/choice.h"
#include "tests/fuzz/kernel.h"
#include "tests/fuzz/kinds.h"
#include "tests/fuzz/memory.h"
#include "tests/fuzz/world.h"

namespace fuzz::kinds {
namespace {

template <class Time>
Pointer put_time(Call& call, const Time& time) {
  const Pointer to = place(call.random, sizeof time);
  put(to, &time, sizeof time);
  long words[2];
  std::memcpy(words, &time, sizeof words);
  call.add(address(to.address), "{" + number(words[0]) + ", " + number(words[1]) + "} " + to.name);
  return to;
}

// Short or absurd, so that it is sure whether the call comes back.
timespec any_length(Random& random) {
  static constexpr timespec usual[] = {{0, 0}, {0, 1}, {0, 1000000}, {0, 300000}};
  static constexpr timespec odd[] = {{-1, 0},         {0, -1},        {0, 1000000000},       {0, LONG_MAX},
                                     {LONG_MIN, 0},   {5, LONG_MIN},  {LONG_MAX, 999999999}, {LONG_MAX, 0},
                                     {4000000000, 1}, {9300000000, 0}};
  return random.percent(60) ? usual[random.below(std::size(usual))] : odd[random.below(std::size(odd))];
}

}  // namespace

void pollfds_and_count(Call& call) {
  pollfd list[4];
  std::string words = "[";
  for (pollfd& entry : list) {
    static constexpr short events[] = {
        POLLIN, POLLOUT, POLLIN | POLLOUT, POLLPRI, 0, POLLRDHUP, POLLIN | POLLRDHUP, -1, POLLRDNORM | POLLWRBAND};
    const Descriptor chosen = call.random.percent(70) ? any_descriptor(call.random) : Descriptor{-1, -1, "-1"};
    entry = {chosen.fd, events[call.random.below(std::size(events))],
             static_cast<short>(call.random.percent(50) ? -1 : 0)};
    call.name_descriptor(chosen.fd);
    words += std::string(chosen.name) + " " + number(entry.events) + ", ";
  }
  const Pointer to = place(call.random, sizeof list);
  put(to, list, sizeof list);
  call.add(address(to.address), words + "] " + to.name);
  static constexpr Choice counts[] = {{4, "4"},         {4, "4"},         {2, "2"},
                                      {1, "1"},         {0, "0"},         {-1, "-1"},
                                      {20000, "20000"}, {20001, "20001"}, {INT_MAX, "INT_MAX"},
                                      {1L << 32, "4G"}};
  one_of(call, counts);
}

void milliseconds(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, {1, "1"},   {1, "1"},       {2, "2"},
                                       {1, "1"}, {-1, "-1"}, NAMED(INT_MIN), NAMED(INT_MAX)};
  one_of(call, choices);
}

void length(Call& call) {
  if (call.random.percent(10)) return call.add(0, "NULL");
  const timespec time = any_length(call.random);
  const Pointer to = put_time(call, time);
  if (call.is_raw) call.note_volatile(to.address, sizeof time, Call::Volatile::time_left);
}

// What the call changes, whoever makes it, or nobody does.
void length_inout(Call& call) {
  if (call.random.percent(50)) return call.add(0, "NULL");
  const ::timespec time = any_length(call.random);
  const Pointer to = put_time(call, time);
  call.note_volatile(to.address, sizeof time, Call::Volatile::time_left);
}

void length_kept(Call& call) {
  if (call.random.percent(10)) return call.add(0, "NULL");
  put_time(call, any_length(call.random));
}

void mask_of_one(Call& call) {
  sigset_t set{};
  sigemptyset(&set);
  if (call.random.percent(50)) sigaddset(&set, SIGRTMIN);
  const Pointer to = place(call.random, sizeof set);
  put(to, &set, sizeof set);
  call.add(address(to.address), std::string("mask ") + to.name);
}

void epoll_operation(Call& call) {
  static constexpr Choice choices[] = {NAMED(EPOLL_CTL_ADD),
                                       NAMED(EPOLL_CTL_MOD),
                                       NAMED(EPOLL_CTL_DEL),
                                       NAMED(EPOLL_CTL_ADD),
                                       {0, "0"},
                                       {-1, "-1"},
                                       {99, "99"}};
  one_of(call, choices);
}

void epoll_event_in(Call& call) {
  static constexpr unsigned events[] = {EPOLLIN, EPOLLOUT | EPOLLET,     EPOLLIN | EPOLLEXCLUSIVE,
                                        0,       EPOLLIN | EPOLLONESHOT, ~0U};
  epoll_event event{};
  event.events = events[call.random.below(6)];
  event.data.u64 = 5;
  const Pointer to = place(call.random, sizeof event);
  put(to, &event, sizeof event);
  call.add(address(to.address), "events " + number(event.events) + " " + to.name);
}

void length_left(Call& call) {
  const Pointer to = call.random.percent(50) ? Pointer{nullptr, "NULL"} : place(call.random, sizeof(timespec));
  call.add(address(to.address), to.name);
}

void timeval_left(Call& call) {
  if (call.random.percent(10)) return call.add(0, "NULL");
  const timespec time = any_length(call.random);
  timeval value{time.tv_sec, time.tv_nsec / 1000};
  if (call.random.percent(10)) value.tv_usec = 3000000;
  if (value.tv_usec == 3000000 && value.tv_sec == 0) value.tv_sec = 100000;
  const Pointer to = put_time(call, value);
  call.note_volatile(to.address, sizeof value, Call::Volatile::time_left);
}

void mask(Call& call) {
  if (call.random.percent(60)) return call.add(0, "NULL");
  sigset_t set{};
  sigemptyset(&set);
  if (call.random.percent(50)) sigaddset(&set, SIGUSR1);
  const Pointer to = place(call.random, sizeof set);
  put(to, &set, sizeof set);
  call.add(address(to.address), std::string("mask ") + to.name);
}

void mask_size(Call& call) {
  static constexpr Choice choices[] = {{8, "8"}, {8, "8"}, {8, "8"},     {8, "8"},
                                       {0, "0"}, {7, "7"}, {128, "128"}, {-1, "-1"}};
  one_of(call, choices);
}

// The sixth argument of pselect6.
void mask_and_size(Call& call) {
  if (call.random.percent(40)) return call.add(0, "NULL");
  sigset_t set{};
  sigemptyset(&set);
  const Pointer set_at = place(call.random, sizeof set);
  put(set_at, &set, sizeof set);
  static constexpr long sizes[] = {8, 8, 8, 0, 128};
  const long words[2] = {call.random.percent(50) ? address(set_at.address) : 0, sizes[call.random.below(5)]};
  const Pointer to = place(call.random, sizeof words);
  put(to, words, sizeof words);
  call.add(address(to.address),
           std::string("{mask ") + (words[0] == 0 ? "NULL" : set_at.name) + " " + number(words[1]) + "} " + to.name);
}

void select_count(Call& call) {
  static constexpr Choice choices[] = {{128, "128"}, {128, "128"},   {64, "64"},     {20, "20"},     {0, "0"},
                                       {-1, "-1"},   {1024, "1024"}, NAMED(INT_MAX), NAMED(INT_MIN), {1, "1"}};
  one_of(call, choices);
}

void set(Call& call) {
  if (call.random.percent(40)) return call.add(0, "NULL");
  // Longer than any table of descriptors: how much of it the kernel reads depends on that table's size.
  ::fd_set padded[5]{};
  ::fd_set& set = padded[0];
  std::string words = "{";
  for (int n = 0; n < 2; ++n) {
    const Descriptor& chosen = any_descriptor(call.random);
    if (chosen.fd < 0 || chosen.fd >= FD_SETSIZE) continue;
    FD_SET(chosen.fd, &set);
    call.name_descriptor(chosen.fd);
    words += std::string(chosen.name) + " ";
  }
  const Pointer to = place(call.random, sizeof padded);
  put(to, padded, sizeof padded);
  call.add(address(to.address), words + "} " + to.name);
}

void epoll_events(Call& call) {
  const Pointer to = place(call.random, 4 * sizeof(epoll_event));
  call.add(address(to.address), to.name);
}

void max_events(Call& call) {
  static constexpr Choice choices[] = {{4, "4"},   {1, "1"},       {4, "4"},       {0, "0"},
                                       {-1, "-1"}, {1000, "1000"}, NAMED(INT_MAX), NAMED(INT_MIN)};
  one_of(call, choices);
}

void seconds(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, {0, "0"}, {0, "0"}, {-1, "UINT_MAX"}, NAMED(INT_MAX)};
  one_of(call, choices);
}

void microseconds(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, {1, "1"}, {1000, "1000"}, {100, "100"}, {-1, "UINT_MAX"}};
  one_of(call, choices);
}

void sleep_flags(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, {0, "0"},  NAMED(TIMER_ABSTIME), NAMED(TIMER_ABSTIME),
                                       {2, "2"}, {-1, "-1"}};
  one_of(call, choices);
}

void clock_time(Call& call) {
  if (call.random.percent(4)) return call.add(0, "NULL");
  put_time(call, any_length(call.random));
}

// A point in time that has passed, will never come, or is none.
void deadline(Call& call) {
  const timespec time = any_length(call.random);
  const Pointer to = place_well(sizeof time);
  put(to, &time, sizeof time);
  call.add(address(to.address), "{" + number(time.tv_sec) + ", " + number(time.tv_nsec) + "}");
}

// glibc's joins spin for ever at nanoseconds that are none.
void valid_deadline(Call& call) {
  static constexpr ::timespec times[] = {{0, 0}, {-1, 0}, {5, 1}, {LONG_MIN, 0}, {LONG_MAX, 999999999}};
  const ::timespec time = times[call.random.below(call.random.percent(90) ? 4 : 5)];
  const Pointer to = place_well(sizeof time);
  put(to, &time, sizeof time);
  call.add(address(to.address), "{" + number(time.tv_sec) + ", " + number(time.tv_nsec) + "}");
}

void lock_clock(Call& call) {
  static constexpr Choice choices[] = {NAMED(CLOCK_REALTIME),
                                       NAMED(CLOCK_MONOTONIC),
                                       NAMED(CLOCK_MONOTONIC),
                                       NAMED(CLOCK_BOOTTIME),
                                       {-1, "-1"},
                                       {99, "99"}};
  one_of(call, choices);
}

}  // namespace fuzz::kinds
