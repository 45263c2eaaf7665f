// The memory that calls are given: at the same addresses in both runs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/fuzz/random.h"

namespace fuzz {

struct Pointer {
  char* address;
  const char* name;
};

constexpr std::size_t page = 4096;
constexpr std::size_t large_size = 64 * page;  // what large() has
constexpr std::size_t map_size = 8 * page;     // what map_area() has

// Once, before the children are forked.
void map_memory();

// Before each call: every byte has its known value again.
void refill_memory();

// For an object of `size` bytes (at most half a page): mostly good, at times at the edge of what is mapped, over it,
// read-only or no address at all. The good ones of one call do not overlap.
Pointer place(Random& random, std::size_t size);
Pointer place_well(std::size_t size);
Pointer large_end(std::size_t size);  // ends where the large area does

// Copies into what place() gave as much as is mapped, through the protection.
void put(Pointer to, const void* data, std::size_t size);
// The bytes at `at` through the protection, where all are mapped; else nullptr.
char* look(const void* at, std::size_t size);

char* large();
char* map_area();

// Of all but the map area. Addresses that differ from run to run count as one and the same.
std::uint64_t hash_memory();
std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t hash = 0xCBF29CE484222325);

}  // namespace fuzz
