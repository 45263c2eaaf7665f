// What wait() and iwait() are made of. Not for users.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "evergreen/deadline.h"
#include "evergreen/detail/wait_list.h"

namespace evergreen::detail {

// Observes several objects from its construction on, and gives them in the order in which they become ready. Takes
// nothing from them: by the time when one is given, another greenlet may have taken what made it ready.
//
// Threads: one greenlet, or plain kernel thread, at a time. The objects live as long as it, or until they are given.
class WaitAny {
 public:
  explicit WaitAny(std::vector<std::shared_ptr<const Waitable>> objects);
  ~WaitAny();
  WaitAny(const WaitAny&) = delete;
  WaitAny& operator=(const WaitAny&) = delete;

  // Waits for the next one, or until `deadline` has passed; returns its place in the vector, or nullopt. Throws what
  // ends the running greenlet. Precondition: not all have been given.
  std::optional<std::size_t> next(Deadline deadline);

 private:
  struct Entry final : Observer {
    void hear() noexcept override { owner->add_ready(*this); }

    WaitAny* owner = nullptr;
    std::shared_ptr<const Waitable> object;  // nullptr: it has been given
    Entry* next_ready = nullptr;
  };

  void add_ready(Entry& entry) noexcept;
  Entry* take_ready(Deadline deadline);

  WaitList waiters_;
  Entry* first_ready_ = nullptr;  // guarded by waiters_
  Entry* last_ready_ = nullptr;
  std::vector<Entry> entries_;
};

}  // namespace evergreen::detail
