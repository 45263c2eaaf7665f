// What a Group, its greenlets' links and its maps share. Not for users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "evergreen/deadline.h"
#include "evergreen/detail/wait_list.h"
#include "evergreen/greenlet.h"
#include "evergreen/semaphore.h"

namespace evergreen::detail {

template <class Exception>
std::exception_ptr as_exception_ptr(Exception&& exception) {
  if constexpr (std::is_same_v<std::remove_cvref_t<Exception>, std::exception_ptr>) {
    return std::forward<Exception>(exception);
  } else {
    return std::make_exception_ptr(std::forward<Exception>(exception));
  }
}

// Lives as long as the Group, or one of its greenlets. Ready: it has none. Threads: any.
class GroupState final : public Waitable, public std::enable_shared_from_this<GroupState> {
 public:
  static constexpr std::size_t unlimited = SIZE_MAX;

  explicit GroupState(std::size_t size) : slots(size), size_(size) {}

  // A slot that has been acquired, and is the group's again unless a greenlet has got it.
  class Slot {
   public:
    Slot() noexcept = default;
    explicit Slot(GroupState& group) noexcept : group_(&group) {}
    Slot(Slot&& other) noexcept : group_(std::exchange(other.group_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (group_ != nullptr) group_->slots.release();
    }
    explicit operator bool() const noexcept { return group_ != nullptr; }
    void give_away() noexcept { group_ = nullptr; }

   private:
    GroupState* group_ = nullptr;
  };

  Slot take_slot(Deadline deadline);  // false: there was none
  void add(const AnyGreenlet& greenlet, Slot slot);
  void discard(const AnyGreenlet& greenlet);

  bool join(Deadline deadline, bool raise_error);
  bool kill(const std::exception_ptr& exception, Deadline deadline);
  bool kill_one(const AnyGreenlet& greenlet, const std::exception_ptr& exception, Deadline deadline);

  [[nodiscard]] bool contains(const AnyGreenlet& greenlet) const;
  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] std::vector<AnyGreenlet> greenlets() const;  // the oldest first
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  Semaphore slots;

 private:
  struct Member {
    AnyGreenlet greenlet;
    std::uint64_t link = 0;
    bool is_dying = false;  // it has been told
  };
  using Members = std::map<std::uint64_t, Member>;  // by id

  [[nodiscard]] bool is_ready() const noexcept override { return members_.empty(); }
  Members::node_type remove(std::uint64_t id);
  std::vector<AnyGreenlet> tell_of_death();

  const std::size_t size_;
  Members members_;
  std::uint64_t times_empty_ = 0;
};

}  // namespace evergreen::detail
