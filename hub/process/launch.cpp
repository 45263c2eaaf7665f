#include "hub/process/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace evergreen {
namespace {

void check(int error, const std::string& what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

int checked(int result, const char* what) {
  if (result < 0) check(errno, what);
  return result;
}

// Which of our descriptors becomes each of the child's streams.
class Streams {
 public:
  explicit Streams(const ProcessOptions& options) {
    add(STDIN_FILENO, options.stdin);
    add(STDOUT_FILENO, options.stdout);
    add(STDERR_FILENO, options.stderr);
  }

  void put_in_place(posix_spawn_file_actions_t& actions) const {
    for (int stream = 0; stream < 3; ++stream) {
      if (sources_[stream] >= 0) check(posix_spawn_file_actions_adddup2(&actions, sources_[stream], stream), "dup2");
    }
    if (stderr_is_stdout_) check(posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO), "dup2");
  }

  std::array<Descriptor, 3> take_our_ends() { return std::move(ours_); }

 private:
  void add(int stream, const Stdio& wanted) {
    const auto index = static_cast<std::size_t>(stream);
    switch (wanted.kind()) {
      case Stdio::inherit:
        return;
      case Stdio::to_stdout:
        if (stream != STDERR_FILENO) throw std::invalid_argument("Stdio::to_stdout is for stderr only");
        stderr_is_stdout_ = true;
        return;
      case Stdio::pipe:
        theirs_[index] = make_pipe(stream);
        break;
      case Stdio::null:
        theirs_[index] = Descriptor(checked(open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null"));
        break;
      case Stdio::descriptor:
        sources_[index] = wanted.fd();
        break;
    }
    if (theirs_[index]) sources_[index] = theirs_[index].get();
    if (sources_[index] >= 3 || sources_[index] == stream) return;
    // Another stream may take its number before it is its turn.
    theirs_[index] = Descriptor(checked(fcntl(sources_[index], F_DUPFD_CLOEXEC, 3), "a stream of a child"));
    sources_[index] = theirs_[index].get();
  }

  Descriptor make_pipe(int stream) {
    int ends[2];
    checked(pipe2(ends, O_CLOEXEC), "pipe");
    Descriptor read_end(ends[0]), write_end(ends[1]);
    Descriptor& ours = ours_[static_cast<std::size_t>(stream)];
    ours = std::move(stream == STDIN_FILENO ? write_end : read_end);
    return std::move(stream == STDIN_FILENO ? read_end : write_end);
  }

  std::array<int, 3> sources_{-1, -1, -1};  // -1: inherited
  std::array<Descriptor, 3> theirs_, ours_;
  bool stderr_is_stdout_ = false;
};

class Actions {
 public:
  Actions(const ProcessOptions& options, const Streams& streams) {
    check(posix_spawn_file_actions_init(&actions_), "posix_spawn");
    try {
      streams.put_in_place(actions_);
      if (options.close_fds) check(posix_spawn_file_actions_addclosefrom_np(&actions_, 3), "posix_spawn");
      if (!options.cwd.empty()) {
        check(posix_spawn_file_actions_addchdir_np(&actions_, options.cwd.c_str()), options.cwd);
      }
    } catch (...) {
      posix_spawn_file_actions_destroy(&actions_);
      throw;
    }
  }
  ~Actions() { posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;

  [[nodiscard]] const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class Attributes {
 public:
  explicit Attributes(const ProcessOptions& options) {
    check(posix_spawnattr_init(&attributes_), "posix_spawn");
    sigset_t broken_pipe;  // ignored by many programs that start others, which do not expect that
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes_, &broken_pipe);
    int flags = POSIX_SPAWN_SETSIGDEF;
    if (options.start_new_session) flags |= POSIX_SPAWN_SETSID;
    if (options.process_group) {
      flags |= POSIX_SPAWN_SETPGROUP;
      posix_spawnattr_setpgroup(&attributes_, *options.process_group);
    }
    posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  [[nodiscard]] const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Descriptor open_pidfd(pid_t pid) {
  const auto fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd >= 0) return Descriptor(fd);
  const int error = errno;
  ::kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  throw std::system_error(error, std::generic_category(), "pidfd_open");
}

}  // namespace

Launched launch(const std::vector<std::string>& arguments, const ProcessOptions& options) {
  if (arguments.empty()) throw std::invalid_argument("a process needs the name of its program");
  Streams streams(options);
  const Actions actions(options, streams);
  const Attributes attributes(options);
  std::vector<std::string> variables;
  if (options.env) {
    for (const auto& [name, value] : *options.env) variables.push_back(name + '=' + value);
  }
  pid_t pid = 0;
  check(posix_spawnp(&pid, arguments[0].c_str(), actions.get(), attributes.get(), pointers_to(arguments).data(),
                     options.env ? pointers_to(variables).data() : environ),
        arguments[0]);
  Descriptor pidfd = open_pidfd(pid);
  return {pid, std::move(pidfd), streams.take_our_ends()};
}

}  // namespace evergreen
