// Where kernel threads and the calls that they run for greenlets meet.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace evergreen::test {

// Opens for good when `needed` have come. Blocks the kernel thread. Threads: any.
class Gate {
 public:
  explicit Gate(int needed) : missing_(needed) {}

  // Returns whether it opened within half a minute.
  bool pass() {
    std::unique_lock guard(mutex_);
    if (--missing_ <= 0) opened_.notify_all();
    return opened_.wait_for(guard, std::chrono::seconds(30), [this] { return missing_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  int missing_;
};

}  // namespace evergreen::test
