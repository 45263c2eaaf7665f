// The handler of a signal notes the signal, and makes an eventfd readable: async-signal-safe, whatever it interrupts.
// One greenlet of the library waits for that, as long as there are watchers. The eventfd stays open for ever: a handler
// may be about to write to it on another kernel thread when the last watcher goes.
#include "evergreen/signal.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <system_error>
#include <vector>

#include "evergreen/greenlet.h"
#include "evergreen/io.h"
#include "hub/core/library.h"

namespace evergreen {
namespace {

constinit std::atomic<int> event{-1};
constinit std::array<std::atomic<bool>, NSIG> has_come{};

struct Watcher {
  int number;
  std::uint64_t id;
  std::shared_ptr<const std::function<void()>> f;
};

struct Watchers {
  std::mutex lock;  // never held across a wait
  std::vector<Watcher> all;
  std::array<struct sigaction, NSIG> before{};
  std::uint64_t last_id = 0;
  AnyGreenlet server;  // while there are any
};
Watchers* watchers = nullptr;

void on_signal(int number) {
  const int saved = errno;
  has_come[static_cast<std::size_t>(number)].store(true);
  const std::uint64_t one = 1;
  syscall(SYS_write, event.load(), &one, sizeof one);
  errno = saved;
}

bool is_watched(int number) {
  return std::any_of(watchers->all.begin(), watchers->all.end(),
                     [=](const Watcher& one) { return one.number == number; });
}

// What was the parent's stays where it is.
void restart_after_fork() {
  if (watchers == nullptr) return;
  for (int number = 1; number < NSIG; ++number) {
    if (is_watched(number)) sigaction(number, &watchers->before[static_cast<std::size_t>(number)], nullptr);
  }
  close(event.exchange(-1));
  watchers = nullptr;
}

Watchers& get_watchers() {
  static std::mutex making;
  const std::lock_guard guard(making);
  if (watchers != nullptr) return *watchers;
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "signal: eventfd");
  event.store(fd);
  watchers = new Watchers;
  static const int forks = pthread_atfork(nullptr, nullptr, restart_after_fork);
  static_cast<void>(forks);
  return *watchers;
}

std::vector<Watcher> take_due() {
  std::vector<Watcher> due;
  const std::lock_guard guard(watchers->lock);
  for (int number = 1; number < NSIG; ++number) {
    if (!has_come[static_cast<std::size_t>(number)].exchange(false)) continue;
    std::copy_if(watchers->all.begin(), watchers->all.end(), std::back_inserter(due),
                 [=](const Watcher& one) { return one.number == number; });
  }
  return due;
}

bool is_still_there(const Watcher& wanted) {
  const std::lock_guard guard(watchers->lock);
  return std::any_of(watchers->all.begin(), watchers->all.end(),
                     [&](const Watcher& one) { return one.id == wanted.id; });
}

// Nobody waits for its end, as it may never come.
class Service {
 public:
  Service() : hub_(core::library_hub()) { hub_.count_service(+1); }
  ~Service() { hub_.count_service(-1); }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

 private:
  core::Hub& hub_;
};

void serve() {
  const Service service;
  for (const int fd = event.load();;) {
    wait_readable(fd);
    eventfd_t count;
    eventfd_read(fd, &count);  // before the notes are taken: a signal that comes in between makes it readable again
    for (const Watcher& one : take_due()) {
      spawn([one] {
        if (is_still_there(one)) (*one.f)();
      });
    }
  }
}

void install(int number) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  auto& before = watchers->before[static_cast<std::size_t>(number)];
  if (sigaction(number, &action, &before) != 0) throw std::system_error(errno, std::generic_category(), "signal");
}

}  // namespace

SignalWatcher watch_signal(int number, std::function<void()> f) {
  if (number < 1 || number >= NSIG) throw std::system_error(EINVAL, std::generic_category(), "signal");
  Watchers& all = get_watchers();
  auto shared = std::make_shared<const std::function<void()>>(std::move(f));
  const std::lock_guard guard(all.lock);
  const std::uint64_t id = all.last_id + 1;
  all.all.reserve(all.all.size() + 1);
  if (all.all.empty()) {
    all.server = spawn(serve);
    all.server.set_name("signals");
  }
  try {
    if (!is_watched(number)) install(number);
  } catch (...) {
    if (all.all.empty()) all.server.kill(Deadline::now());
    throw;
  }
  all.all.push_back({number, ++all.last_id, std::move(shared)});
  return {number, id};
}

void SignalWatcher::cancel() const {
  if (id_ == 0 || watchers == nullptr) return;
  std::vector<Watcher> gone;  // destroyed outside of the lock, as what the function holds is the user's
  const std::lock_guard guard(watchers->lock);
  auto& all = watchers->all;
  const auto mine = std::find_if(all.begin(), all.end(), [this](const Watcher& one) { return one.id == id_; });
  if (mine == all.end()) return;
  gone.push_back(std::move(*mine));
  all.erase(mine);
  if (!is_watched(number_)) {
    sigaction(number_, &watchers->before[static_cast<std::size_t>(number_)], nullptr);
    has_come[static_cast<std::size_t>(number_)].store(false);
  }
  if (all.empty()) watchers->server.kill(Deadline::now());
}

}  // namespace evergreen
