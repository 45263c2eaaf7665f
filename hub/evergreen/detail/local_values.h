// What a greenlet has in its locals. Not for users.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace evergreen::detail {

// Its own greenlet's alone.
class LocalValues {
 public:
  using Destroy = void (*)(void* value) noexcept;

  LocalValues() noexcept = default;
  ~LocalValues() { clear(); }
  LocalValues(const LocalValues&) = delete;
  LocalValues& operator=(const LocalValues&) = delete;

  [[nodiscard]] void* find(std::uint64_t local) const noexcept;  // nullptr: there is none
  void reserve() { entries_.reserve(entries_.size() + 1); }
  void add(std::uint64_t local, void* value, Destroy destroy) noexcept;  // after reserve()
  void remove(std::uint64_t local) noexcept;
  void clear() noexcept;  // the newest first, and what their destructors make

 private:
  struct Entry {
    std::uint64_t local;
    void* value;
    Destroy destroy;
  };
  std::vector<Entry> entries_;
};

LocalValues& local_values();  // the running greenlet's
std::uint64_t next_local() noexcept;

}  // namespace evergreen::detail
