// Fibonacci hashing, for small tables that are keyed by addresses.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evergreen::core {

// A number below 2^bits. The high bits of the product depend on all bits of the address, so its alignment costs no
// places. 1 <= bits <= 63.
inline std::size_t address_hash(const void* address, unsigned bits) noexcept {
  return reinterpret_cast<std::uintptr_t>(address) * 0x9e3779b97f4a7c15U >> (64 - bits);
}

}  // namespace evergreen::core
