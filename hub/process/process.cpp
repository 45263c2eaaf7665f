#include "evergreen/process.h"

#include <signal.h>

#include <cstring>
#include <utility>

#include "hub/process/child.h"

namespace evergreen {
namespace {

std::string describe(const std::vector<std::string>& arguments) {
  std::string text = "'";
  for (const std::string& one : arguments) text.append(text.size() > 1 ? " " : "").append(one);
  return text + "'";
}

std::string describe_end(int code) {
  if (code >= 0) return "returned " + std::to_string(code);
  const char* const name = sigabbrev_np(-code);
  return "was ended by " + (name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(-code));
}

}  // namespace

TimeoutExpired::TimeoutExpired(std::vector<std::string> arguments, ProcessOutput so_far)
    : SubprocessError(describe(arguments) + " has not ended in time"),
      args(std::move(arguments)),
      output(std::move(so_far)) {}

CalledProcessError::CalledProcessError(std::vector<std::string> arguments, int code, ProcessOutput all)
    : SubprocessError(describe(arguments) + ' ' + describe_end(code)),
      args(std::move(arguments)),
      returncode(code),
      output(std::move(all)) {}

Process::Process(std::vector<std::string> arguments, const ProcessOptions& options)
    : child_(std::make_shared<detail::Child>(std::move(arguments), options)) {}

Process::Process(Process&& other) noexcept = default;

Process& Process::operator=(Process&& other) noexcept {
  const Process old(std::move(*this));
  child_ = std::move(other.child_);
  return *this;
}

Process::~Process() {
  if (child_ != nullptr) child_->abandon(!child_->detached);
}

pid_t Process::pid() const noexcept { return child_->launched.pid; }
const std::vector<std::string>& Process::args() const noexcept { return child_->args; }
Descriptor& Process::stdin() noexcept { return child_->launched.pipes[0]; }
Descriptor& Process::stdout() noexcept { return child_->launched.pipes[1]; }
Descriptor& Process::stderr() noexcept { return child_->launched.pipes[2]; }
std::optional<int> Process::poll() { return child_->poll(); }
std::optional<int> Process::returncode() const { return child_->returncode(); }
void Process::send_signal(int signal) { child_->send_signal(signal); }
void Process::terminate() { send_signal(SIGTERM); }
void Process::kill() { send_signal(SIGKILL); }
void Process::detach() noexcept { child_->detached = true; }

int Process::wait(Deadline deadline) {
  if (!child_->wait(deadline)) throw TimeoutExpired(args(), {});
  return *returncode();
}

ProcessOutput Process::communicate(std::string_view input, Deadline deadline) {
  return child_->communicate(input, deadline);
}

void CompletedProcess::check_returncode() const {
  if (returncode != 0) throw CalledProcessError(args, returncode, output);
}

CompletedProcess run(std::vector<std::string> arguments, ProcessOptions options, std::string_view input,
                     Deadline deadline) {
  if (!input.empty()) options.stdin = Stdio::pipe;
  Process process(std::move(arguments), options);
  ProcessOutput output = process.communicate(input, deadline);
  return {process.args(), *process.returncode(), std::move(output)};
}

std::string check_output(std::vector<std::string> arguments, ProcessOptions options, std::string_view input,
                         Deadline deadline) {
  options.stdout = Stdio::pipe;
  CompletedProcess completed = run(std::move(arguments), std::move(options), input, deadline);
  completed.check_returncode();
  return std::move(completed.output.stdout);
}

int call(std::vector<std::string> arguments, const ProcessOptions& options, Deadline deadline) {
  return Process(std::move(arguments), options).wait(deadline);
}

void check_call(std::vector<std::string> arguments, const ProcessOptions& options, Deadline deadline) {
  Process process(std::move(arguments), options);
  if (const int code = process.wait(deadline); code != 0) throw CalledProcessError(process.args(), code, {});
}

}  // namespace evergreen
