#include "patch/signal_timer.h"

#include <array>
#include <atomic>

#include "greenlet/static_tls.h"
#include "greenlet/tls_block.h"
#include "hub/core/hubs.h"
#include "patch/shim.h"
#include "patch/signals.h"
#include "patch/thread.h"
#include "patch/thread_id.h"

namespace evergreen::patch {
namespace {

// Which timers are for which greenlet, by the numbers that gettid() gives. Handlers read it.
struct Entry {
  static constexpr pid_t free = 0, busy = -1;

  std::atomic<pid_t> thread{free};
  std::atomic<int> timer{0};  // the kernel's id
};

constinit std::array<Entry, 1024> entries{};
constinit std::atomic<unsigned> entry_count{0};

Entry* take_entry() noexcept {
  for (Entry& entry : entries) {
    pid_t expected = Entry::free;
    if (entry.thread.compare_exchange_strong(expected, Entry::busy)) {
      entry_count.fetch_add(1);
      return &entry;
    }
  }
  return nullptr;
}

void give_back(Entry& entry) noexcept {
  entry.thread.store(Entry::free);
  entry_count.fetch_sub(1);
}

// libc's handle of a timer without SIGEV_THREAD is the kernel's id.
int id_of(timer_t timer) noexcept { return static_cast<int>(reinterpret_cast<std::intptr_t>(timer)); }

Entry* find(int timer) noexcept {
  if (entry_count.load() == 0) return nullptr;
  for (Entry& entry : entries) {
    if (entry.thread.load() > 0 && entry.timer.load() == timer) return &entry;
  }
  return nullptr;
}

// The main thread's id is its pid: the kernel has a thread of that number, which drives any greenlet.
bool is_ours(pid_t thread) noexcept { return thread > 0 && (thread == getpid() || greenlet_of(thread) != nullptr); }

}  // namespace

bool pass_on_timer_signal(const siginfo_t& information) noexcept {
  if (information.si_code != SI_TIMER) return false;
  const Entry* entry = find(information.si_timerid);
  if (entry == nullptr) return false;
  const core::Runtime runtime;
  send_to_live(entry->thread.load(), information);
  return true;
}

void forget_timers() noexcept {
  for (Entry& entry : entries) entry.thread = Entry::free;
  entry_count = 0;
}

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM int timer_create(clockid_t clock, sigevent* event, timer_t* timer) noexcept {
  if (event == nullptr || event->sigev_notify != SIGEV_THREAD_ID || !is_ours(event->_sigev_un._tid)) {
    return real.timer_create(clock, event, timer);
  }
  Entry* entry = take_entry();
  if (entry == nullptr) return fail(EAGAIN);
  sigevent of_process = *event;
  of_process.sigev_notify = SIGEV_SIGNAL;
  const int result = real.timer_create(clock, &of_process, timer);
  if (result != 0) {
    give_back(*entry);
    return result;
  }
  entry->timer = id_of(*timer);
  entry->thread = event->_sigev_un._tid;
  return 0;
}

SHIM int timer_delete(timer_t timer) noexcept {
  Entry* entry = find(id_of(timer));
  const int result = real.timer_delete(timer);
  if (result == 0 && entry != nullptr) give_back(*entry);
  return result;
}
