#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "evergreen/deadline.h"
#include "evergreen/io.h"

namespace evergreen {
namespace detail {
class Child;
}

// What one of a child's three standard streams is.
class Stdio {
 public:
  // What a stream may be.
  enum Kind {
    inherit,    // the one of this process
    pipe,       // a pipe, whose other end the Process has
    null,       // /dev/null
    to_stdout,  // for stderr: the same as stdout
    descriptor  // a file that is open here
  };

  // Any but a descriptor; one, which must be open while the child is started, and stays the caller's.
  Stdio(Kind kind) noexcept : kind_(kind) {}                                      // NOLINT(*-explicit-*)
  Stdio(const Descriptor& file) noexcept : kind_(descriptor), fd_(file.get()) {}  // NOLINT(*-explicit-*)
  explicit Stdio(int fd) noexcept : kind_(descriptor), fd_(fd) {}

  // Which it is; the descriptor, or -1.
  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  Kind kind_;
  int fd_ = -1;
};

// How a child is to be started. Names and defaults are those of gevent.subprocess.Popen.
struct ProcessOptions {
  Stdio stdin = Stdio::inherit;                                // descriptor 0,
  Stdio stdout = Stdio::inherit;                               // 1,
  Stdio stderr = Stdio::inherit;                               // and 2
  std::string cwd = {};                                        // empty: this process's
  std::optional<std::map<std::string, std::string>> env = {};  // all of its environment; none: this process's
  bool start_new_session = false;                              // setsid(2)
  std::optional<pid_t> process_group = {};                     // setpgid(2); 0: one of its own
  bool close_fds = true;                                       // all but the three streams
};

// What the functions below throw when something is wrong with a child's end.
class SubprocessError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What a child has written into the pipes of its streams; empty where it has none.
struct ProcessOutput {
  std::string stdout = {};  // all that came
  std::string stderr = {};  // the same
};

// The deadline has passed, and the child still runs. Follows gevent.subprocess.TimeoutExpired.
class TimeoutExpired : public SubprocessError {
 public:
  // Process's own.
  TimeoutExpired(std::vector<std::string> arguments, ProcessOutput so_far);

  std::vector<std::string> args;  // the command
  ProcessOutput output;           // so far; it is not lost for a further communicate()
};

// A child has failed. Follows gevent.subprocess.CalledProcessError.
class CalledProcessError : public SubprocessError {
 public:
  // Process's own.
  CalledProcessError(std::vector<std::string> arguments, int code, ProcessOutput all);

  std::vector<std::string> args;  // the command
  int returncode;                 // as Process::wait() returns it
  ProcessOutput output;           // of its pipes
};

// A child process. Who waits for it parks: the others go on.
//
//     Process sort({"sort", "-n"}, {.stdin = Stdio::pipe, .stdout = Stdio::pipe});
//     std::string sorted = sort.communicate("3\n1\n2\n").stdout;
//     if (sort.wait(5s) != 0) ...
//
// By posix_spawn(3) and a pidfd: no handler of SIGCHLD, no signal sent to another process that has got its number.
// Whoever waits for just any child (wait(2), or SIGCHLD ignored) takes its status away: it counts as 0 then.
//
// A child that still runs when its Process is destroyed is killed by SIGKILL, so that what a greenlet has started ends
// when the greenlet is ended; detach() lets it go on.
//
// Threads: all members from any greenlet and any kernel thread, which is blocked then; communicate() from one at a
// time. The destructor where nobody else uses it. Fork: to the child it is not there: only getters may be called.
// Follows gevent.subprocess.Popen.
class Process {
 public:
  // Starts arguments[0], which is looked for in PATH. Throws std::system_error where that, or its directory, cannot be
  // found or run; std::invalid_argument without arguments.
  explicit Process(std::vector<std::string> arguments, const ProcessOptions& options = {});
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  // Its number, which no other process gets before it has been waited for; and its command.
  [[nodiscard]] pid_t pid() const noexcept;
  [[nodiscard]] const std::vector<std::string>& args() const noexcept;

  // Our ends of its pipes; empty where it has none.
  [[nodiscard]] Descriptor& stdin() noexcept;
  [[nodiscard]] Descriptor& stdout() noexcept;
  [[nodiscard]] Descriptor& stderr() noexcept;

  // Whether it has ended, without waiting: its exit status, or the negative number of the signal that ended it.
  std::optional<int> poll();
  [[nodiscard]] std::optional<int> returncode() const;  // what poll() or wait() have found

  // Waits for its end. Throws TimeoutExpired when `deadline` has passed first, and what ends the running greenlet. A
  // child that fills a pipe which nobody reads never ends: communicate() reads.
  int wait(Deadline deadline = Deadline::never());

  // Writes `input` to its stdin, closes that, reads what it writes, and waits for its end: all at once, so that neither
  // side blocks the other. A child that does not read all of its input is no error. When it throws (TimeoutExpired, or
  // what ends the running greenlet) nothing is lost: a further call, whose input is not used, goes on.
  ProcessOutput communicate(std::string_view input = {}, Deadline deadline = Deadline::never());

  // Do nothing if it has ended.
  void send_signal(int signal);
  void terminate();  // SIGTERM
  void kill();       // SIGKILL

  // Lets it go on when this is destroyed.
  void detach() noexcept;

 private:
  std::shared_ptr<detail::Child> child_;
};

// A child that has ended.
struct CompletedProcess {
  std::vector<std::string> args;  // the command
  int returncode;                 // as Process::wait() returns it
  ProcessOutput output;           // of its pipes

  // Throws CalledProcessError if it has failed.
  void check_returncode() const;
};

// Runs a command to its end. At the deadline the child is killed, and TimeoutExpired thrown; likewise it is killed when
// the running greenlet is. `input` is for a stdin that is a pipe, as it is where there is any. gevent.subprocess.run.
CompletedProcess run(std::vector<std::string> arguments, ProcessOptions options = {}, std::string_view input = {},
                     Deadline deadline = Deadline::never());

// What it writes to stdout. Throws CalledProcessError if it fails. gevent.subprocess.check_output.
std::string check_output(std::vector<std::string> arguments, ProcessOptions options = {}, std::string_view input = {},
                         Deadline deadline = Deadline::never());

// Its return code. gevent.subprocess.call.
int call(std::vector<std::string> arguments, const ProcessOptions& options = {}, Deadline deadline = Deadline::never());

// Throws CalledProcessError if it fails. gevent.subprocess.check_call.
void check_call(std::vector<std::string> arguments, const ProcessOptions& options = {},
                Deadline deadline = Deadline::never());

}  // namespace evergreen
