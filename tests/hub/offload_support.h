// What the tests of offload() share.
#pragma once

#include <atomic>
#include <thread>
#include <utility>

#include "evergreen/greenlet_exit.h"
#include "evergreen/offload.h"
#include "evergreen/timeout.h"
#include "hub/core/thread_pool.h"

namespace evergreen::test {

inline constexpr Deadline never = Deadline::never();

// Counts itself, and remembers on which thread the last one died.
struct Token {
  static inline std::atomic<int> alive = 0;
  static inline std::atomic<std::thread::id> died_on{};

  Token() { ++alive; }
  Token(const Token&) = delete;
  Token(Token&& other) noexcept : empty(other.empty) {
    ++alive;
    other.empty = true;
  }
  ~Token() {
    if (!empty) died_on = std::this_thread::get_id();
    --alive;
  }

  bool empty = false;
};

enum class End { result, timeout, exit };

template <class F>
End end_of(core::ThreadPool& pool, F f, Deadline deadline) {
  try {
    detail::offload_to(pool, std::move(f), deadline);
    return End::result;
  } catch (const Timeout&) {
    return End::timeout;
  } catch (const GreenletExit&) {
    return End::exit;
  }
}

}  // namespace evergreen::test
