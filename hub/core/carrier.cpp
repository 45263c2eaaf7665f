#include "hub/core/carrier.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "greenlet/overflow.h"
#include "greenlet/spin_lock.h"
#include "greenlet/tls_block.h"
#include "hub/core/hub.h"
#include "hub/core/provoke.h"
#include "hub/core/settings.h"
#include "hub/core/signal_masks.h"
#include "hub/core/spawn.h"

namespace evergreen::core {
namespace {

constexpr std::size_t idle_stack_size = 64 << 10;
constexpr timespec idle_time{5, 0};  // after which a spare ends

struct State {
  SpinLock lock;         // guards the rest
  List<Carrier> spares;  // the one that has waited for the shortest time first
  List<Carrier> ended;   // their threads are gone; kept, since the monitor may still look at one
  std::size_t carriers = 0;
};

// Never destroyed: carriers run until the process is gone.
State& state() {
  static auto* const instance = new State;
  return *instance;
}

constinit std::atomic<std::size_t> threads_now{1}, threads_peak{1};

Carrier* reuse() noexcept {
  const std::lock_guard guard(state().lock);
  return state().ended.pop_front();
}

}  // namespace

int Carriers::make_thread(void* (*entry)(void*), void* argument, std::size_t stack_size) noexcept {
  pthread_attr_t attributes;
  pthread_t handle;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, stack_size + tls_block_size());  // glibc takes the block out of it
  const int error = pthread_create(&handle, &attributes, entry, argument);
  pthread_attr_destroy(&attributes);
  if (error != 0) return error;
  const std::size_t now = threads_now.fetch_add(1) + 1;
  std::size_t peak = threads_peak.load();
  while (peak < now && !threads_peak.compare_exchange_weak(peak, now)) {
  }
  return 0;
}

std::size_t Carriers::threads() noexcept { return threads_now.load(); }
std::size_t Carriers::peak() noexcept { return threads_peak.load(); }

Carrier& Carriers::adopt_this_thread(Mode mode) {
  auto* carrier = new Carrier;
  carrier->may_end_ = false;
  carrier->thread_ = static_cast<pid_t>(syscall(SYS_gettid));
  carrier->status_fd_ = carrier->open_status();  // while no other thread minds
  carrier->learn_signal_mask();
  carrier->kernel_thread_.begin();
  if (mode == Mode::threads) carrier->make_idle_greenlet();
  const std::lock_guard guard(state().lock);
  ++state().carriers;
  return *carrier;
}

void Carrier::make_idle_greenlet() {
  const Place place = take_place(idle_stack_size);
  void* memory = place.stack->reserve(sizeof(RawGreenlet), alignof(RawGreenlet));
  const auto size = static_cast<std::size_t>(place.stack->high() - place.low);
  idle_ = new (memory) RawGreenlet(place.low, size, place.block, idle_entry);
  in_block(place.block, my_carrier) = this;
  in_block(place.block, in_runtime) = true;
}

Carrier* Carriers::take() noexcept {
  {
    const std::lock_guard guard(state().lock);
    if (Carrier* spare = state().spares.pop_front()) return spare;
    if (state().carriers >= settings().carriers) return nullptr;
    ++state().carriers;
  }
  Carrier* carrier = reuse();
  if (carrier == nullptr) carrier = new (std::nothrow) Carrier;
  if (carrier != nullptr && make_thread(Carrier::thread_main, carrier, idle_stack_size) == 0) return carrier;
  const std::lock_guard guard(state().lock);
  if (carrier != nullptr) state().ended.push_front(*carrier);
  --state().carriers;
  return nullptr;
}

void Carriers::put_back(Carrier& carrier) noexcept {
  const std::lock_guard guard(state().lock);
  state().spares.push_front(carrier);
}

void Carriers::call(Carrier& carrier, Hub& hub) noexcept {
  carrier.called_to_ = &hub;
  carrier.called_.store(1, std::memory_order_release);
  syscall(SYS_futex, &carrier.called_, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, nullptr, nullptr, 0);
}

// A half: the rest is for re-takes.
bool Carriers::plenty() noexcept {
  const std::lock_guard guard(state().lock);
  return state().carriers <= settings().carriers / 2;
}

Carrier& Carriers::restart_after_fork(Mode mode) {
  new (&state()) State;
  forget_kernel_threads();
  threads_now = threads_peak = 1;
  return adopt_this_thread(mode);
}

void* Carrier::thread_main(void* argument) {
  auto* self = static_cast<Carrier*>(argument);
  const AlternateStack for_overflows;
  in_runtime = true;  // whatever a signal handler calls here goes straight to libc
  my_carrier = self;
  self->thread_ = static_cast<pid_t>(syscall(SYS_gettid));
  self->learn_signal_mask();
  self->kernel_thread_.begin();
  struct OwnStack : RawGreenlet {
  } idle;
  self->idle_ = &idle;
  self->run(false);
  self->kernel_thread_.end();
  if (self->status_fd_ >= 0) close(self->status_fd_.exchange(-1));
  if (self->kick_fd_ >= 0) close(std::exchange(self->kick_fd_, -1));
  threads_now.fetch_sub(1);
  const std::lock_guard guard(state().lock);
  state().ended.push_front(*self);
  return nullptr;
}

RawGreenlet& Carrier::idle_entry(RawGreenlet&) {
  enter_tls_block();
  Carrier& self = *my_carrier;
  self.run(true);
  __builtin_unreachable();  // may_end_ is false
}

// On the idle stack. `is_spare`: nobody has taken us yet.
void Carrier::run(bool is_spare) noexcept {
  for (;; is_spare = true) {
    if (passenger_ != nullptr) {
      HubGreenlet& passenger = *std::exchange(passenger_, nullptr);
      provoke();
      passenger.home->push_foreign(passenger);
    }
    if (!wait_for_offer(is_spare)) return;
    provoke();
    const std::optional<Offer> offer = called_to_->offers.take();
    if (offer && called_to_->take_turn(offer->turn)) called_to_->drive(*this, *idle_, offer->why);
  }
}

// Whoever waits here must not be whom a signal reaches that all greenlets block.
bool Carrier::wait_for_offer(bool is_spare) noexcept {
  set_signal_mask(all_signals);
  if (is_spare) Carriers::put_back(*this);
  while (called_.load(std::memory_order_acquire) == 0) {
    const long result =
        syscall(SYS_futex, &called_, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, may_end_ ? &idle_time : nullptr, nullptr, 0);
    if (result == 0 || errno != ETIMEDOUT) continue;
    const std::lock_guard guard(state().lock);
    if (!is_linked()) continue;  // somebody has just taken us, and will call
    unlink();
    --state().carriers;
    return false;
  }
  called_.store(0, std::memory_order_relaxed);
  return true;
}

void Carrier::change_signal_mask(std::uint64_t mask) noexcept {
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask);
  note_signal_mask(mask);
}

void Carrier::learn_signal_mask() noexcept {
  std::uint64_t mask = 0;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &mask, sizeof mask);
  note_signal_mask(mask & all_signals);
}

// At a high number: the program may count on the lowest one to be free. For a moment it is not, so all carriers but the
// first wait until the monitor needs it.
int Carrier::open_status() const noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread_);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  int high = -1;
  for (const int least : {4000, 900, 0}) {  // at least as a descriptor that is known to be ours
    if (high < 0) high = fcntl(fd, F_DUPFD_CLOEXEC, least);
  }
  if (high >= 0) close(fd);
  return high >= 0 ? high : fd;
}

// The letter after the name in parentheses, which may itself hold anything: proc_pid_stat(5).
Carrier::Activity Carrier::activity() noexcept {
  if (status_fd_ < 0) status_fd_ = open_status();
  char text[256];
  const ssize_t size = pread(status_fd_, text, sizeof text - 1, 0);
  if (size <= 0) return Activity::unknown;
  text[size] = '\0';
  const char* name_end = std::strrchr(text, ')');
  if (name_end == nullptr || name_end[1] == '\0') return Activity::unknown;
  return name_end[2] == 'R' ? Activity::runs : Activity::sleeps;
}

std::chrono::nanoseconds Carrier::cpu_time() const noexcept {
  // The clock of one thread: clock_getres(2), "clockid_t of a thread" as glibc's pthread_getcpuclockid makes it.
  const auto clock = static_cast<clockid_t>(~static_cast<unsigned>(thread_) << 3 | 6U);
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

int Carrier::kick_fd() noexcept {
  if (kick_fd_ < 0) kick_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return kick_fd_;
}

void Carrier::kick() noexcept { eventfd_write(kick_fd_, 1); }

void Carrier::take_kick() noexcept {
  eventfd_t count;
  eventfd_read(kick_fd_, &count);
}

void Carrier::send_home(HubGreenlet& self) noexcept {
  passenger_ = &self;
  RawGreenlet::switch_to(self, *idle_);
}

}  // namespace evergreen::core
