// Who could still wake a greenlet: deadlines, descriptors and other kernel threads' messages the hub knows itself.
// What is left is asked of the kernel: are there threads that are not ours, or handlers of signals that are not? A
// handler that only sets a flag could not wake anybody, but one that posts a semaphore could, and we can't tell.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "evergreen/loop_exit.h"
#include "greenlet/annotate.h"
#include "hub/core/carrier.h"
#include "hub/core/hubs.h"
#include "hub/core/thread_pool.h"
#include "hub/fiber.h"

namespace evergreen {
namespace {

struct ProcessStatus {
  unsigned long threads;
  unsigned long long caught_signals;  // bit 0: signal 1
};

std::optional<ProcessStatus> read_status() noexcept {
  std::array<char, 4096> text{};
  const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  const ssize_t size = fd < 0 ? -1 : read(fd, text.data(), text.size() - 1);
  if (fd >= 0) close(fd);
  if (size <= 0) return std::nullopt;
  const char* threads = std::strstr(text.data(), "\nThreads:");
  const char* caught = std::strstr(text.data(), "\nSigCgt:");
  if (threads == nullptr || caught == nullptr) return std::nullopt;
  return ProcessStatus{std::strtoul(threads + 9, nullptr, 10), std::strtoull(caught + 8, nullptr, 16)};
}

// Faults come from the code that runs, and libc's own two signals wake nobody.
unsigned long long harmless_signals() noexcept {
  unsigned long long set = 0;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, 32, 33})
    set |= 1ULL << (signal - 1);
  return set;
}

bool nobody_else_can_wake_us() noexcept {
  for (unsigned i = 1; i < core::Hubs::count(); ++i) {
    if (core::Hubs::at(i).alive() != 0) return false;
  }
  const std::size_t idle = annotate::own_threads + core::Carriers::threads() + core::ThreadPool::idle_threads();
  const auto status = read_status();
  return status && status->threads == idle && (status->caught_signals & ~harmless_signals()) == 0;
}

std::string describe(const std::vector<Fiber::Sight>& all) {
  std::string text = "would block forever: all greenlets wait, and nothing can wake one";
  for (const Fiber::Sight& one : all) text.append("\n  ").append(one.state->name()).append(": ").append(one.waits_for);
  return text;
}

bool all_are_stuck(const std::vector<Fiber::Sight>& all, core::Hub& hub) noexcept {
  if (all.size() != hub.alive()) return false;  // threads of the patch live here too
  for (const Fiber::Sight& one : all) {
    if (!one.hears_all || one.waits_for == nullptr) return false;  // sigwait, for example
  }
  return true;
}

}  // namespace

bool core::end_deadlock(Hub& hub) noexcept {
  try {
    if (!nobody_else_can_wake_us() || !hub.nothing_is_due()) return false;  // a thread that is gone may have woken us
    const std::vector<Fiber::Sight> all = Fiber::all();
    if (!all_are_stuck(all, hub)) return false;
    if (!hub.give_up_waiting_alone()) all.front().state->end_by(std::make_exception_ptr(LoopExit(describe(all))));
    return true;
  } catch (const std::exception&) {  // short of memory
    return false;
  }
}

}  // namespace evergreen
