// A child of the fuzzer: it makes the calls, and may die of one.
#pragma once

#include <atomic>
#include <cstdint>

namespace fuzz {

constexpr int calls_per_child = 50;

// Shared by a child and the fuzzer that watches it.
struct Board {
  std::atomic<std::uint64_t> call;   // the number of the one that is being made; also when it is at its end
  std::atomic<bool> is_calling;
  std::atomic<bool> is_last;         // the child ends by itself: a new one goes on
  std::atomic<std::uint64_t> stuck;  // the fuzzer's word that this call waits; + 1
  std::atomic<std::uint64_t> ended;  // the child's, that it has done what could end it; + 1
  char words[6000];                  // of that call, with its arguments
  std::atomic<std::size_t> used;     // of the text below: lines about the calls that are done
  char text[1 << 20];
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
