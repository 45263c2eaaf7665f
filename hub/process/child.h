// A child process, as all who have to do with it share it.
#pragma once

#include <unistd.h>

#include "evergreen/detail/wait_list.h"
#include "evergreen/greenlet.h"
#include "hub/process/launch.h"

namespace evergreen::detail {

class Child : public std::enable_shared_from_this<Child> {
 public:
  Child(std::vector<std::string> arguments, const ProcessOptions& options);

  std::optional<int> poll();
  [[nodiscard]] std::optional<int> returncode() const;
  bool wait(Deadline deadline);
  void send_signal(int signal);
  ProcessOutput communicate(std::string_view input, Deadline deadline);

  // Nobody has a handle of it any more.
  void abandon(bool kill) noexcept;

  const std::vector<std::string> args;
  Launched launched;
  bool detached = false;

 private:
  void begin_to_communicate(std::string_view input);
  void pump(Descriptor& from, std::string& into);
  [[nodiscard]] ProcessOutput output_so_far() const { return output_; }

  const pid_t owner_ = getpid();
  mutable WaitList lock_;  // nobody waits in it
  std::optional<int> returncode_;
  bool communicates_ = false;
  std::vector<AnyGreenlet> pumps_;
  ProcessOutput output_;
  std::exception_ptr error_;  // of a pump
};

}  // namespace evergreen::detail
