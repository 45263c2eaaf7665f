// What calls on locks and threads take. Only objects that are sound: anything else is undefined.
#include <dlfcn.h>
#include <limits.h>
#include <linux/futex.h>

#include <cstring>

#include "tests/fuzz/choice.h"
#include "tests/fuzz/kernel.h"
#include "tests/fuzz/kinds.h"
#include "tests/fuzz/memory.h"
#include "tests/fuzz/threads.h"

namespace fuzz::kinds {

static void add(Call& call, const Choice& chosen) { call.add(chosen.value, chosen.name); }

void thread(Call& call) {
  if (call.random.percent(50)) return self(call);
  call.add(static_cast<long>(other_thread()), "other");
}

void self(Call& call) { call.add(static_cast<long>(pthread_self()), "self"); }
void mutex(Call& call) { add(call, any_mutex(call.random)); }
void checked_mutex(Call& call) { add(call, any_checked_mutex(call.random)); }
void held_mutex(Call& call) { call.add(address(own_mutex()), "own"); }
void rwlock(Call& call) { add(call, any_rwlock(call.random)); }
void semaphore(Call& call) { add(call, any_semaphore(call.random)); }
void condition(Call& call) { call.add(address(fuzz::condition()), "condition"); }
void barrier(Call& call) { call.add(address(barrier_of_one()), "barrier of one"); }

void futex_word(Call& call) {
  const int word = 7;
  const Pointer to = place(call.random, sizeof word);
  put(to, &word, sizeof word);
  call.add(address(to.address), to.name);
}

void futex_operation(Call& call) {
  static constexpr Choice operations[] = {NAMED(FUTEX_WAIT),
                                          NAMED(FUTEX_WAKE),
                                          NAMED(FUTEX_REQUEUE),
                                          NAMED(FUTEX_CMP_REQUEUE),
                                          NAMED(FUTEX_WAKE_OP),
                                          NAMED(FUTEX_WAIT_BITSET),
                                          NAMED(FUTEX_WAKE_BITSET),
                                          {77, "77"},
                                          {-1, "-1"},
                                          NAMED(FUTEX_WAIT | FUTEX_CLOCK_REALTIME),
                                          NAMED(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME),
                                          NAMED(FUTEX_WAKE | FUTEX_CLOCK_REALTIME),
                                          NAMED(FUTEX_FD),
                                          NAMED(FUTEX_WAIT),
                                          NAMED(FUTEX_WAIT_BITSET)};
  const Choice& chosen = operations[call.random.below(std::size(operations))];
  const bool own = call.random.percent(60);
  call.add(chosen.value | (own ? FUTEX_PRIVATE_FLAG : 0), std::string(chosen.name) + (own ? "|PRIVATE" : ""));
}

void futex_value(Call& call) {
  static constexpr Choice values[] = {{7, "7"}, {0, "0"}, {1, "1"}, {-1, "-1"}, NAMED(INT_MAX)};
  one_of(call, values);
}

void library(Call& call) {
  static const char* const names[] = {"", "none.so", "./file", "libc.so.6", "directory", "./loop"};
  if (call.random.percent(20)) return call.add(0, "NULL");
  const char* chosen = names[call.random.below(std::size(names))];
  const Pointer to = place_well(32);
  put(to, chosen, std::strlen(chosen) + 1);
  call.add(address(to.address), chosen);
}

void load_mode(Call& call) {
  static constexpr Choice modes[] = {
      NAMED(RTLD_NOW), NAMED(RTLD_LAZY), {0, "0"}, {-1, "-1"}, NAMED(RTLD_NOLOAD | RTLD_NOW), {0x1000, "0x1000"}};
  one_of(call, modes);
}

}  // namespace fuzz::kinds
