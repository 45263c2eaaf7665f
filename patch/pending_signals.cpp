#include "patch/pending_signals.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <mutex>
#include <new>

#include "greenlet/spin_lock.h"
#include "hub/core/signal_masks.h"

namespace evergreen::patch {
namespace {

using core::signal_bit;

constexpr int first_realtime = 32;

// Not from the heap: a handler may have interrupted malloc. The kernel has a limit as well, RLIMIT_SIGPENDING.
struct Nodes {
  static constexpr std::size_t at_once = 1024, most = 128 * at_once;

  SpinLock lock;  // guards the rest, and all PendingSignals
  SignalNode* fresh = nullptr;
  std::size_t fresh_count = 0, made = 0;
  SignalNode* free = nullptr;
};

constinit Nodes nodes;

bool make_nodes() noexcept {
  if (nodes.made == Nodes::most) return false;
  constexpr std::size_t size = Nodes::at_once * sizeof(SignalNode);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  nodes.fresh = static_cast<SignalNode*>(memory);
  nodes.fresh_count = Nodes::at_once;
  nodes.made += Nodes::at_once;
  return true;
}

SignalNode* new_node() noexcept {
  if (SignalNode* node = nodes.free) {
    nodes.free = node->next;
    return node;
  }
  if (nodes.fresh_count == 0 && !make_nodes()) return nullptr;
  --nodes.fresh_count;
  return nodes.fresh++;
}

void free_node(SignalNode& node) noexcept {
  node.next = nodes.free;
  nodes.free = &node;
}

}  // namespace

void PendingSignals::lock() noexcept { nodes.lock.lock(); }
void PendingSignals::unlock() noexcept { nodes.lock.unlock(); }

// A timer has one signal pending at most: timer_getoverrun(2). Precondition: the lock is held.
bool PendingSignals::adds_to_overrun(const siginfo_t& information) noexcept {
  if (information.si_code != SI_TIMER) return false;
  for (SignalNode* node = first_; node != nullptr; node = node->next) {
    siginfo_t& other = node->information;
    if (other.si_code != SI_TIMER || other.si_timerid != information.si_timerid) continue;
    other.si_overrun += information.si_overrun + 1;
    return true;
  }
  return false;
}

PendingSignals::Added PendingSignals::add(const siginfo_t& information, const std::uint64_t& mask,
                                          bool has_handler) noexcept {
  const std::lock_guard guard(nodes.lock);
  const std::uint64_t bit = signal_bit(information.si_signo);
  if (is_closed_ || adds_to_overrun(information)) return Added::blocked;
  if ((set_ & bit) == 0 || information.si_signo > first_realtime) {
    SignalNode* node = new_node();
    if (node == nullptr) return Added::no_room;
    node->information = information;
    node->is_caught = has_handler && (mask & bit) == 0;
    node->next = nullptr;
    SignalNode** end = &first_;
    while (*end != nullptr) end = &(*end)->next;
    *end = node;
    set_ |= bit;
  }
  return (mask & ~awaited_ & bit) == 0 ? Added::to_be_told : Added::blocked;
}

// Precondition: the lock is held.
SignalNode* PendingSignals::unlink_first(std::uint64_t set) noexcept {
  const std::uint64_t wanted = set_ & set;
  if (wanted == 0) return nullptr;
  const int lowest = __builtin_ctzll(wanted) + 1;
  SignalNode** link = &first_;
  while ((*link)->information.si_signo != lowest) link = &(*link)->next;
  SignalNode* node = *link;
  *link = node->next;
  bool more = false;
  for (const SignalNode* other = *link; other != nullptr; other = other->next) {
    more |= other->information.si_signo == lowest;
  }
  if (!more) set_ &= ~signal_bit(lowest);
  return node;
}

bool PendingSignals::take(std::uint64_t set, SignalNode& copy) noexcept {
  const std::lock_guard guard(nodes.lock);
  SignalNode* node = unlink_first(set);
  if (node == nullptr) return false;
  copy = *node;
  free_node(*node);
  return true;
}

bool PendingSignals::take(std::uint64_t set, siginfo_t& information) noexcept {
  SignalNode node;
  if (!take(set, node)) return false;
  information = node.information;
  return true;
}

std::uint64_t PendingSignals::all() noexcept {
  return during([] {});
}

void PendingSignals::await(std::uint64_t set) noexcept {
  const std::lock_guard guard(nodes.lock);
  awaited_ = set;
}

void PendingSignals::discard(std::uint64_t set) noexcept {
  const std::lock_guard guard(nodes.lock);
  while (SignalNode* node = unlink_first(set)) free_node(*node);
}

void PendingSignals::clear() noexcept { discard(~std::uint64_t{0}); }

void PendingSignals::close() noexcept {
  clear();
  const std::lock_guard guard(nodes.lock);
  is_closed_ = true;
}

namespace {

struct Slot {
  enum State : int { free, busy, full };
  std::atomic<int> state{free};
  unsigned ticket = 0;
  siginfo_t information;
};

constinit std::array<Slot, 64> slots{};
constinit std::atomic<unsigned> tickets{0}, waiting{0};

}  // namespace

bool DeferredSignals::push(const siginfo_t& information) noexcept {
  for (Slot& slot : slots) {
    int expected = Slot::free;
    if (!slot.state.compare_exchange_strong(expected, Slot::busy)) continue;
    slot.ticket = tickets.fetch_add(1);
    slot.information = information;
    slot.state.store(Slot::full);
    waiting.fetch_add(1);
    return true;
  }
  return false;
}

bool DeferredSignals::pop(siginfo_t& information) noexcept {
  while (waiting.load() != 0) {
    Slot* oldest = nullptr;
    for (Slot& slot : slots) {
      if (slot.state.load() != Slot::full) continue;
      if (oldest == nullptr || static_cast<int>(slot.ticket - oldest->ticket) < 0) oldest = &slot;
    }
    if (oldest == nullptr) return false;  // somebody else has it
    int expected = Slot::full;
    if (!oldest->state.compare_exchange_strong(expected, Slot::busy)) continue;
    information = oldest->information;
    oldest->state.store(Slot::free);
    waiting.fetch_sub(1);
    return true;
  }
  return false;
}

void forget_deferred_signals() noexcept {
  if (tickets.load() == 0) return;  // the page need not be copied for the child
  for (Slot& slot : slots) slot.state = Slot::free;
  tickets = waiting = 0;
}

void forget_pending_signals() noexcept { new (&nodes) Nodes; }

}  // namespace evergreen::patch
