#include "tests/fuzz/memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "tests/fuzz/kernel.h"

namespace fuzz {
namespace {

// Nothing else lies within a gigabyte.
constexpr long base = 0x100'0000'0000;
constexpr long good_at = base, edge_at = base + 0x10000, sealed_at = base + 0x20000, sealed_alias_at = base + 0x30000,
               large_at = base + 0x100000, map_at = base + 0x800000;
constexpr std::size_t good_size = 6 * page, edge_size = page, sealed_size = page;

std::size_t used = 0;  // of the good area, by the objects of this call
bool large_is_dirty = true;

char* at(long where) { return reinterpret_cast<char*>(where); }

void map(long where, std::size_t size, int protection, int flags, int fd) {
  const long got = kernel(SYS_mmap, where, static_cast<long>(size), protection, flags | MAP_FIXED_NOREPLACE, fd, 0);
  if (got != where) std::abort();
}

void fill(long where, std::size_t size, unsigned char first) {
  auto* bytes = reinterpret_cast<unsigned char*>(where);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<unsigned char>(first + i % 101);
}

// A word that is an address outside of our memory differs from run to run.
std::uint64_t steady(std::uint64_t word) {
  const bool heap = word >= 0x5500'0000'0000 && word < 0x5700'0000'0000;
  const bool mapped = word >= 0x7000'0000'0000 && word < 0x8000'0000'0000;
  return heap || mapped ? 0x55AA : word;
}

std::uint64_t hash_words(long where, std::size_t size, std::uint64_t hash) {
  const auto* words = reinterpret_cast<const std::uint64_t*>(where);
  for (std::size_t i = 0; i < size / sizeof *words; ++i)
    hash = (hash ^ steady(words[i])) * 0x9FB21C651E98DF25, hash ^= hash >> 29;
  return hash;
}

}  // namespace

void map_memory() {
  constexpr int own = MAP_PRIVATE | MAP_ANONYMOUS, both = PROT_READ | PROT_WRITE;
  map(good_at, good_size, both, own, -1);
  map(edge_at, edge_size, both, own, -1);
  map(large_at, large_size, both, own, -1);
  map(map_at, map_size, both, own, -1);
  const int fd = static_cast<int>(kernel(SYS_memfd_create, address("sealed"), 0));
  kernel(SYS_ftruncate, fd, sealed_size);
  map(sealed_at, sealed_size, PROT_READ, MAP_SHARED, fd);
  map(sealed_alias_at, sealed_size, both, MAP_SHARED, fd);
  kernel(SYS_close, fd);
}

void refill_memory() {
  fill(good_at, good_size, 1);
  fill(edge_at, edge_size, 2);
  fill(sealed_alias_at, sealed_size, 3);
  if (large_is_dirty) fill(large_at, large_size, 5);
  large_is_dirty = false;
  used = 0;
}

Pointer place_well(std::size_t size) {
  char* result = at(good_at) + used;
  used += (size + 15) / 16 * 16 + 16;
  if (used > good_size) std::abort();
  return {result, "good"};
}

Pointer large_end(std::size_t size) { return {at(large_at) + large_size - size, "large_end"}; }

Pointer place(Random& random, std::size_t size) {
  if (!random.percent(22)) return place_well(size);
  switch (random.below(10)) {
    case 0:
    case 1:
      return {nullptr, "NULL"};
    case 2:
      return {at(1), "1"};
    case 3:
      return {at(edge_at + static_cast<long>(edge_size) + 64), "unmapped"};
    case 4:
      return {at(static_cast<long>(0xFFFF'8000'0000'0000)), "kernel"};
    case 5:
      return {at(static_cast<long>(0x8000'0000'0000'0000)), "non_canonical"};
    case 6:
      return {at(edge_at + static_cast<long>(edge_size - size)), "edge"};
    case 7:
      return {at(edge_at + static_cast<long>(edge_size - size / 2)), "over_edge"};
    default:
      return {at(sealed_at + 64), "read_only"};
  }
}

char* look(const void* where, std::size_t size) {
  const long from = address(where), to = from + static_cast<long>(size);
  const auto inside = [&](long area, std::size_t area_size) {
    return from >= area && to <= area + static_cast<long>(area_size) && to >= from;
  };
  if (inside(good_at, good_size) || inside(edge_at, edge_size) || inside(large_at, large_size)) return at(from);
  return inside(sealed_at, sealed_size) ? at(from - sealed_at + sealed_alias_at) : nullptr;
}

void put(Pointer to, const void* data, std::size_t size) {
  for (; size > 0; --size) {
    if (char* bytes = look(to.address, size)) {
      std::memcpy(bytes, data, size);
      return;
    }
  }
}

char* large() {
  large_is_dirty = true;
  return at(large_at);
}

char* map_area() { return at(map_at); }

std::uint64_t hash_memory() {
  std::uint64_t hash = hash_words(good_at, good_size, 1);
  hash = hash_words(edge_at, edge_size, hash);
  hash = hash_words(sealed_alias_at, sealed_size, hash);
  return large_is_dirty ? hash_words(large_at, large_size, hash) : hash;
}

std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t hash) {
  for (std::size_t i = 0; i < size; ++i) hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001B3;
  return hash;
}

}  // namespace fuzz
