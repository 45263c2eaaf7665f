// A child of the fuzzer: it makes the calls, and may die of one.
#pragma once

#include <atomic>
#include <cstdint>

namespace fuzz {

constexpr int calls_per_child = 50;

// Shared by a child and the fuzzer that watches it.
struct Board {
  enum Phase : std::uint64_t { between, calling, waits, attended };
  std::atomic<std::uint64_t> state;  // the number of the call that is or was made last, * 4, and its phase
  std::atomic<bool> is_last;         // after this one the child ends by itself, and a new one goes on
  char words[6000];                  // of that call, with its arguments
  std::atomic<std::size_t> used;     // of the text below: lines about the calls that are done
  char text[1 << 20];

  [[nodiscard]] std::uint64_t call() const noexcept { return state.load() / 4; }
  [[nodiscard]] Phase phase() const noexcept { return static_cast<Phase>(state.load() % 4); }
  static constexpr std::uint64_t no_call = ~std::uint64_t{0} / 4;

  // calling -> waits   by the fuzzer     waits -> attended   by the child's other thread
  // calling -> between, attended -> between   by the one that called
  bool change(std::uint64_t call, Phase from, Phase to) noexcept {
    std::uint64_t expected = call * 4 + from;
    return state.compare_exchange_strong(expected, call * 4 + to);
  }
};

struct Options {
  std::uint64_t seed = 1, from = 0, count = 1000;
  bool verbose = false;  // say all about the last call
  bool only_last = false;
  bool alone = false;  // in a world of its own
};

// Makes the calls from `first` up to `end`, and does not return.
[[noreturn]] void run_child(Board& board, const Options& options, std::uint64_t first, std::uint64_t end);

}  // namespace fuzz
