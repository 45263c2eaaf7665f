#include "hub/process/child.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <system_error>

#include "hub/core/library.h"

namespace evergreen::detail {

Child::Child(std::vector<std::string> arguments, const ProcessOptions& options)
    : args(std::move(arguments)), launched(launch(args, options)) {}

std::optional<int> Child::returncode() const {
  const WaitList::Guard guard(lock_);
  return returncode_;
}

// Under the lock: once it is reaped, its number may be another's.
std::optional<int> Child::poll() {
  const WaitList::Guard guard(lock_);
  if (returncode_) return returncode_;
  siginfo_t info{};
  const int result = waitid(P_PIDFD, static_cast<id_t>(launched.pidfd.get()), &info, WEXITED | WNOHANG);
  if (result == 0 && info.si_pid == 0) return std::nullopt;
  if (result != 0 && errno != ECHILD) return std::nullopt;
  returncode_ = result != 0 ? 0 : info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
  return returncode_;
}

bool Child::wait(Deadline deadline) {
  while (!poll()) {
    if (!wait_readable(launched.pidfd.get(), deadline)) return false;
  }
  return true;
}

void Child::send_signal(int signal) {
  if (poll()) return;
  if (syscall(SYS_pidfd_send_signal, launched.pidfd.get(), signal, nullptr, 0) == 0 || errno == ESRCH) return;
  throw std::system_error(errno, std::generic_category(), "send_signal");
}

// Its exceptions are communicate()'s.
void Child::pump(Descriptor& from, std::string& into) {
  try {
    for (std::string part = from.read(65536); !part.empty(); part = from.read(65536)) into += part;
    from.close();
  } catch (const std::exception&) {
    error_ = std::current_exception();
  }
}

void Child::begin_to_communicate(std::string_view input) {
  communicates_ = true;
  const auto self = shared_from_this();
  auto& [in, out, err] = launched.pipes;
  if (in) {
    pumps_.push_back(spawn([self, &in = in, data = std::string(input)] {
      try {
        in.write_all(data);
      } catch (const std::system_error& error) {
        if (error.code() != std::errc::broken_pipe) self->error_ = std::current_exception();
      }
      in.close();
    }));
  }
  if (out) pumps_.push_back(spawn([self, &out = out] { self->pump(out, self->output_.stdout); }));
  if (err) pumps_.push_back(spawn([self, &err = err] { self->pump(err, self->output_.stderr); }));
}

ProcessOutput Child::communicate(std::string_view input, Deadline deadline) {
  if (!communicates_) begin_to_communicate(input);
  for (const AnyGreenlet& pump : pumps_) {
    if (!pump.join(deadline)) throw TimeoutExpired(args, output_so_far());
  }
  if (error_ != nullptr) std::rethrow_exception(error_);
  if (!wait(deadline)) throw TimeoutExpired(args, output_so_far());
  return std::move(output_);
}

void Child::abandon(bool kill) noexcept {
  if (getpid() != owner_) return;  // a forked child's copy
  try {
    for (const AnyGreenlet& pump : pumps_) pump.kill(Deadline::now());
    if (poll()) return;
    if (kill) send_signal(SIGKILL);
    if (poll()) return;
    spawn([self = shared_from_this()] {  // else it would stay a zombie
      core::Hub& hub = core::library_hub();
      hub.count_service(+1);
      self->wait(Deadline::never());
      hub.count_service(-1);
    });
  } catch (const std::exception&) {  // short of memory: a zombie until this process ends
  }
}

}  // namespace evergreen::detail
