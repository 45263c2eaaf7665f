// Random arguments, each of a kind: mostly sound, often at a border, at times absurd.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tests/fuzz/random.h"

namespace fuzz {

// A call in the making.
struct Call {
  explicit Call(const Random& numbers) : random(numbers) {}

  Random random;
  std::array<long, 8> arguments{};
  int count = 0;               // of the arguments
  std::string text;            // the arguments, for people
  std::array<int, 8> named{};  // the descriptors among them
  int named_count = 0;
  bool is_raw = false;  // by syscall(): the kernel's own interface

  // What differs from run to run after the call, and is brought to one form.
  struct Volatile {
    void* at = nullptr;
    std::size_t size = 0;
    char before[16]{};
    enum What { time_left, inet_address, erased, child_information, long_text } what = erased;
  };
  std::array<Volatile, 4> volatiles{};
  int volatile_count = 0;

  void add(long value, const std::string& words);
  void name_descriptor(int fd) { named[static_cast<std::size_t>(named_count++ % 8)] = fd; }
  void note_volatile(void* at, std::size_t size, Volatile::What what);
  void steady_volatiles();
};

// Appends one argument to the call.
using Kind = void (*)(Call&);

}  // namespace fuzz
