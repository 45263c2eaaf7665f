// Who waits and who closes: each writes its own bit of the descriptor's word and then reads the other's, so at least
// one of them sees the other.
#include "hub/core/closing.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include "hub/core/hub.h"
#include "hub/core/hubs.h"
#include "hub/core/provoke.h"
#include "hub/core/solo.h"

namespace evergreen::core {
namespace {

constexpr std::uint32_t closing = 1U << 31;
static_assert(Hubs::limit < 31);

// A bit for each hub that has a watcher, and `closing`. Zero pages until they are used: four bytes a number.
constinit std::array<std::atomic<std::uint32_t>, descriptor_limit> words{};
constinit std::atomic<int> end{0};  // no word from here on was ever written

bool in_range(int fd) noexcept { return fd >= 0 && fd < descriptor_limit; }

std::atomic<std::uint32_t>& word_of(int fd) noexcept { return words[static_cast<std::size_t>(fd)]; }

void note_use(int fd) noexcept {
  int seen = end.load(std::memory_order_relaxed);
  while (seen <= fd && !end.compare_exchange_weak(seen, fd + 1, std::memory_order_relaxed)) {
  }
}

void begin_closing(int fd) noexcept {
  if (in_runtime || !in_range(fd)) return;
  note_use(fd);
  const std::uint32_t watchers = word_of(fd).fetch_or(closing) & ~closing;
  provoke();
  if (watchers == 0 && !any_solo_waits()) return;
  if (getpid() != Hubs::process()) return;  // a vfork child runs in our memory, and closes its own copy only
  interrupt_solo_waits(fd);
  for (unsigned i = 0; i < Hubs::count(); ++i) {
    if ((watchers >> i & 1) != 0) Hubs::at(i).forget(fd);
  }
}

void end_closing(int fd) noexcept {
  if (!in_runtime && in_range(fd)) word_of(fd).fetch_and(~closing);
}

}  // namespace

Closing::Closing(int fd) noexcept : fd_(fd) {
  const int saved = errno;
  begin_closing(fd);
  errno = saved;
}

Closing::~Closing() { end_closing(fd_); }

ClosingRange::ClosingRange(unsigned first, unsigned last) noexcept {
  const int saved = errno;
  const int used = end.load(std::memory_order_relaxed);  // nobody waits for a larger number
  first_ = static_cast<int>(std::min(first, static_cast<unsigned>(used)));
  end_ = last < static_cast<unsigned>(used) ? static_cast<int>(last) + 1 : used;
  for (int fd = first_; fd < end_; ++fd) begin_closing(fd);
  errno = saved;
}

ClosingRange::~ClosingRange() {
  for (int fd = first_; fd < end_; ++fd) end_closing(fd);
}

bool is_closing(int fd) noexcept { return in_range(fd) && (word_of(fd).load() & closing) != 0; }

bool watch(int fd, unsigned hub) noexcept {
  auto& word = word_of(fd);
  std::uint32_t seen = word.load();
  if ((seen >> hub & 1) == 0) {
    note_use(fd);
    seen = word.fetch_or(1U << hub);
  }
  return (seen & closing) == 0;
}

void unwatch(int fd, unsigned hub) noexcept { word_of(fd).fetch_and(~(1U << hub)); }

void forget_watches() noexcept {
  for (int fd = 0; fd < end.load(); ++fd) word_of(fd).store(0);
}

}  // namespace evergreen::core
