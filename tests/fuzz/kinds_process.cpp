// What calls take that deal with processes, threads, users, locks and mappings.
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "tests/fuzz/choice.h"
#include "tests/fuzz/kernel.h"
#include "tests/fuzz/kinds.h"
#include "tests/fuzz/memory.h"
#include "tests/fuzz/world.h"

namespace fuzz::kinds {
namespace {

Pointer add_place(Call& call, std::size_t size) {
  const Pointer to = place(call.random, size);
  call.add(address(to.address), to.name);
  return to;
}

template <class Object>
void add_object(Call& call, const Object& object, const std::string& words) {
  const Pointer to = place(call.random, sizeof object);
  put(to, &object, sizeof object);
  call.add(address(to.address), words + " " + to.name);
}

}  // namespace

void wait_options(Call& call) {
  static constexpr Choice choices[] = {NAMED(WNOHANG), NAMED(WUNTRACED),         NAMED(WCONTINUED), NAMED(WEXITED),
                                       NAMED(WNOWAIT), NAMED(WEXITED | WNOHANG), NAMED(WSTOPPED),   NAMED(WEXITED)};
  some_of(call, choices);
}

void status_out(Call& call) {
  if (call.random.percent(30)) return call.add(0, "NULL");
  add_place(call, sizeof(int));
}

void usage_out(Call& call) {
  if (call.random.percent(50)) return call.add(0, "NULL");
  const Pointer to = add_place(call, sizeof(rusage));
  call.note_volatile(to.address, sizeof(rusage), Call::Volatile::erased);
}

void id_type_and_id(Call& call) {
  static constexpr Choice types[] = {NAMED(P_PID),   NAMED(P_PID), NAMED(P_ALL), NAMED(P_PGID),
                                     NAMED(P_PIDFD), {-1, "-1"},   {77, "77"}};
  const long type = one_of(call, types);
  if (type == P_PIDFD) {
    fd(call);
  } else {
    pid(call);
  }
}

void information_out(Call& call) {
  if (call.random.percent(30)) return call.add(0, "NULL");
  const Pointer to = add_place(call, sizeof(siginfo_t));
  call.note_volatile(to.address, sizeof(siginfo_t), Call::Volatile::child_information);
}

void command_line(Call& call) {
  static constexpr Choice commands[] = {{0, "exit 3"}, {0, ":"}, {0, ""}, {0, "kill -9 $$"}};
  if (call.random.percent(40)) return call.add(0, "NULL");
  const char* chosen = commands[call.random.below(std::size(commands))].name;
  const Pointer to = place_well(32);
  put(to, chosen, std::strlen(chosen) + 1);
  call.add(address(to.address), chosen);
}

void own_process(Call& call) {
  if (call.random.percent(60)) return call.add(getpid(), "getpid()");
  thread_id(call);
}

void thread_id(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, {-1, "-1"}, {999999999, "nobody"}, NAMED(INT_MIN)};
  if (call.random.percent(50)) return call.add(gettid(), "gettid()");
  one_of(call, choices);
}

void signal(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, NAMED(SIGUSR1), {-1, "-1"}, {65, "65"}, {999, "999"}, NAMED(SIGUSR1)};
  one_of(call, choices);
}

void user(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, {-1, "-1"}, {1234, "1234"}, {-2, "-2"}, NAMED(INT_MAX)};
  one_of(call, choices);
}

void id_count(Call& call) {
  static constexpr Choice choices[] = {{0, "0"},         {3, "3"},         {65536, "65536"},
                                       {65537, "65537"}, {-1, "SIZE_MAX"}, {1L << 32, "4G"}};
  one_of(call, choices);
}

void id_list(Call& call) {
  const gid_t groups[] = {1, 2, 3};
  add_object(call, groups, "[1, 2, 3]");
}

void cpu_size(Call& call) {
  static constexpr Choice choices[] = {{128, "128"},   {128, "128"},     {8, "8"},   {0, "0"}, {7, "7"},
                                       {1024, "1024"}, {-1, "SIZE_MAX"}, {12, "12"}, {1, "1"}, {16, "16"}};
  one_of(call, choices);
}

void cpu_mask(Call& call) {
  std::array<unsigned char, 128> bits{};
  static constexpr unsigned char first[] = {0xFF, 0, 0xFF};
  bits[0] = first[call.random.below(3)];
  if (call.random.percent(30)) bits[127] = 0x80;
  add_object(call, bits, "cpus " + number(bits[0]));
}

// Realtime policies only with a priority that none has: they would keep the machine busy.
void policy(Call& call) {
  static constexpr Choice choices[] = {NAMED(SCHED_OTHER), NAMED(SCHED_OTHER), {99, "99"},
                                       {-1, "-1"},         NAMED(INT_MIN),     {4, "4"}};
  one_of(call, choices);
}

void parameters(Call& call) {
  static constexpr int priorities[] = {0, 0, -1, 100, INT_MAX, 1};
  const sched_param chosen{priorities[call.random.below(6)]};
  add_object(call, chosen, "priority " + number(chosen.sched_priority));
}

void which(Call& call) {
  static constexpr Choice choices[] = {
      NAMED(PRIO_PROCESS), NAMED(PRIO_PROCESS), NAMED(PRIO_USER), {-1, "-1"}, {77, "77"}};
  one_of(call, choices);
}

void who(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, {-1, "-1"}, {999999999, "nobody"}, NAMED(INT_MIN)};
  one_of(call, choices);
}

void nice_value(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, {0, "0"}};
  one_of(call, choices);
}

void interval_out(Call& call) {
  const Pointer to = add_place(call, sizeof(timespec));
  call.note_volatile(to.address, sizeof(timespec), Call::Volatile::erased);
}

void map_address(Call& call) {
  static constexpr Choice choices[] = {
      {0, "0"}, {0, "0"},    {static_cast<long>(page), "page"}, {static_cast<long>(3 * page), "3 pages"},
      {1, "1"}, {100, "100"}};
  const Choice& chosen = choices[call.random.below(std::size(choices))];
  call.add(address(map_area()) + chosen.value, std::string("map+") + chosen.name);
}

void map_length(Call& call) {
  static constexpr Choice choices[] = {{4096, "4096"}, {4096, "4096"},   {1, "1"},         {8192, "8192"},  {0, "0"},
                                       {5000, "5000"}, {-1, "SIZE_MAX"}, {-4096, "-4096"}, {1L << 62, "4E"}};
  one_of(call, choices);
}

void protection(Call& call) {
  static constexpr Choice choices[] = {
      NAMED(PROT_READ), NAMED(PROT_READ | PROT_WRITE), NAMED(PROT_NONE), {-1, "-1"}, {1000, "1000"}};
  one_of(call, choices);
}

void map_flags(Call& call) {
  static constexpr Choice choices[] = {NAMED(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED),
                                       NAMED(MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED),
                                       NAMED(MAP_PRIVATE | MAP_FIXED),
                                       NAMED(MAP_SHARED | MAP_FIXED),
                                       {0, "0"},
                                       NAMED(MAP_FIXED),
                                       NAMED(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE),
                                       NAMED(MAP_SHARED_VALIDATE | MAP_FIXED)};
  one_of(call, choices);
}

void msync_flags(Call& call) {
  static constexpr Choice choices[] = {NAMED(MS_SYNC), NAMED(MS_ASYNC), NAMED(MS_INVALIDATE), NAMED(MS_SYNC | MS_ASYNC),
                                       {0, "0"},       {-1, "-1"}};
  one_of(call, choices);
}

void remap_flags(Call& call) {
  static constexpr Choice choices[] = {{0, "0"},   {0, "0"},  NAMED(MREMAP_FIXED), NAMED(MREMAP_MAYMOVE | MREMAP_FIXED),
                                       {-1, "-1"}, {64, "64"}};
  one_of(call, choices);
}

void segment(Call& call) {
  static constexpr Choice choices[] = {{-1, "-1"}, NAMED(INT_MAX), NAMED(INT_MIN), {0x7F000001, "0x7F000001"}};
  one_of(call, choices);
}

}  // namespace fuzz::kinds
