// The turns of one hub that are offered to spare carriers: the latest of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

namespace evergreen::core {

// Why a hub goes to another carrier.
enum class Handover : std::uint8_t {
  fresh,       // it has no carrier yet
  slow_call,   // its greenlet said that it would block
  overdue,     // its greenlet does not come back
  thread_like  // likewise, again and again: it is to stay solo
};

// A turn of the hub, for whichever carrier still finds it lasting.
struct Offer {
  std::uint64_t turn;
  Handover why;
};

// A carrier that is called takes what the box holds when it arrives, which may be newer than what it was called for. So
// of several slow calls in a row, before anybody could arrive, only the first calls a carrier.
//
// Threads: any. Whoever empties the box looks at the turn that it took; whoever finds the box full leaves its offer
// there by one exchange. So each offer is looked at, or is older than one that is.
class OfferBox {
 public:
  // Whether somebody is on the way. Not if whoever called was stopped half-way, by a signal handler that does not come
  // back: the monitor therefore calls a carrier for each offer of its own.
  [[nodiscard]] bool is_full() const noexcept { return word_.load() != 0; }

  // Puts in an offer, unless there is a newer one. With `only_if_full` nobody has been called for it: then it returns
  // false if nobody is on the way. Otherwise the caller calls a carrier next.
  bool put(const Offer& offer, bool only_if_full) noexcept {
    const std::uint64_t mine = offer.turn << why_bits | static_cast<std::uint64_t>(offer.why);
    std::uint64_t seen = word_.load();
    do {
      if (seen == 0 && only_if_full) return false;
      if (seen >> why_bits > offer.turn) return true;
    } while (!word_.compare_exchange_weak(seen, mine));
    return true;
  }

  // Empties it.
  std::optional<Offer> take() noexcept {
    const std::uint64_t word = word_.exchange(0);
    if (word == 0) return std::nullopt;
    return Offer{word >> why_bits, static_cast<Handover>(word & ((1U << why_bits) - 1))};
  }

 private:
  static constexpr int why_bits = 2;  // no turn is 0 (Hub::begin_turn), so 0 is the empty box

  std::atomic<std::uint64_t> word_{0};
};

}  // namespace evergreen::core
