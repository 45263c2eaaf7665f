// Who waits and who closes: each writes its own part of the descriptor's word and then reads the other's, so at least
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

using Word = std::uint64_t;

// The lower half: a bit for each hub that has a watcher. The upper half counts those who close: there may be several,
// as the number is free, and may have an owner again who closes it, before the first one has come to its end.
constexpr Word closer = Word{1} << 32;
static_assert(Hubs::limit <= 32);

// Zero pages until they are used: eight bytes a number. (An array of atomics would be too much for clang's constinit.)
constinit std::array<Word, descriptor_limit> words{};
constinit std::atomic<int> end{0};  // no word from here on was ever written

bool in_range(int fd) noexcept { return fd >= 0 && fd < descriptor_limit; }

std::atomic_ref<Word> word_of(int fd) noexcept { return std::atomic_ref(words[static_cast<std::size_t>(fd)]); }

void note_use(int fd) noexcept {
  int seen = end.load(std::memory_order_relaxed);
  while (seen <= fd && !end.compare_exchange_weak(seen, fd + 1, std::memory_order_relaxed)) {
  }
}

void begin_closing(int fd) noexcept {
  if (in_runtime || !in_range(fd)) return;
  note_use(fd);
  const Word watchers = word_of(fd).fetch_add(closer) % closer;
  provoke();
  if (watchers == 0 && !any_solo_waits()) return;
  if (getpid() != Hubs::process()) return;  // a vfork child runs in our memory, and closes its own copy only
  interrupt_solo_waits(fd);
  for (unsigned i = 0; i < Hubs::count(); ++i) {
    if ((watchers >> i & 1) != 0) Hubs::at(i).forget(fd);
  }
}

void end_closing(int fd) noexcept {
  if (!in_runtime && is_closing(fd)) word_of(fd).fetch_sub(closer);  // a forked child has forgotten all closers
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

bool may_be_waited_for(int fd) noexcept {
  return in_range(fd) && (any_solo_waits() || word_of(fd).load(std::memory_order_relaxed) % closer != 0);
}

bool is_closing(int fd) noexcept { return in_range(fd) && word_of(fd).load() >= closer; }

bool watch(int fd, unsigned hub) noexcept {
  const std::atomic_ref<Word> word = word_of(fd);
  Word seen = word.load();
  if ((seen >> hub & 1) == 0) {
    note_use(fd);
    seen = word.fetch_or(Word{1} << hub);
  }
  return seen < closer;
}

void unwatch(int fd, unsigned hub) noexcept { word_of(fd).fetch_and(~(Word{1} << hub)); }

void forget_watches() noexcept {
  for (int fd = 0; fd < end.load(); ++fd) word_of(fd).store(0);
}

}  // namespace evergreen::core
