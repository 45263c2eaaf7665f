// Numbers that depend on the seed alone.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fuzz {

class Random {
 public:
  // The numbers of call `index` do not depend on the calls before it.
  Random(std::uint64_t seed, std::uint64_t index) noexcept : state_(seed * 0x9E3779B97F4A7C15 + index) {
    state_ = next() ^ (index << 32);
  }

  std::uint64_t next() noexcept {  // splitmix64
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

  std::size_t below(std::size_t limit) noexcept { return next() % limit; }
  bool percent(unsigned chance) noexcept { return below(100) < chance; }

 private:
  std::uint64_t state_;
};

}  // namespace fuzz
