#include "tests/support/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "greenlet/glibc_layout.h"
#include "hub/core/hub.h"

namespace evergreen::test {

void require_glibc() {
  static const char* const wrong = check_glibc();
  if (wrong != nullptr) throw std::runtime_error(wrong);
}

// A program, a library or its debug information.
static bool is_program(std::string_view file) {
  static const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  return file == self || file.find(".so") != file.npos || file.ends_with(".debug");
}

std::size_t open_descriptors() {
  DIR* directory = opendir("/proc/self/fd");
  std::size_t count = 0;
  while (const dirent* entry = readdir(directory)) {
    std::array<char, 256> target;
    const ssize_t size = readlinkat(dirfd(directory), entry->d_name, target.data(), target.size());
    if (size < 0) continue;  // ".", "..", or closed meanwhile by the monitor
    const std::string_view file(target.data(), static_cast<std::size_t>(size));
    // What it looks at, and keeps open, when a greenlet runs for long, as on a busy machine any may.
    const bool is_monitor = (file.find("/task/") != file.npos && file.ends_with("/stat")) || is_program(file);
    if (!is_monitor) ++count;
  }
  closedir(directory);
  return count - 1;  // its own
}

std::size_t mappings() {
  std::ifstream maps("/proc/self/maps");
  return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(maps), {}, '\n'));
}

void close_forgotten(int fd) {
  if (core::can_park()) {
    const core::Closing closing(fd);
  }
  close(fd);
}

namespace {

void check(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
}

[[noreturn]] void be_child(const std::function<int()>& body, int errors) {
  alarm(30);
  dup2(errors, STDERR_FILENO);
  // Catch2's handlers would report the crash that a test is about.
  for (int number : {SIGSEGV, SIGABRT, SIGTERM, SIGALRM}) ::signal(number, SIG_DFL);
  int code = 99;
  try {
    code = body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "threw %s\n", error.what());
  } catch (...) {  // Catch2's, from REQUIRE: its report goes nowhere
    std::fprintf(stderr, "threw\n");
  }
  _exit(code);
}

}  // namespace

ChildEnd in_child(const std::function<int()>& body) {
  DescriptorPair pipe = DescriptorPair::pipe();
  check(fcntl(pipe.reader, F_SETFL, 0), "fcntl");  // blocks, so that nothing else runs meanwhile
  const pid_t child = fork();
  check(child, "fork");
  if (child == 0) be_child(body, pipe.writer);
  close_forgotten(std::exchange(pipe.writer, -1));
  ChildEnd end{};
  std::array<char, 512> text;
  ssize_t size;
  while ((size = read(pipe.reader, text.data(), text.size())) > 0) {
    end.errors.append(text.data(), static_cast<std::size_t>(size));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  end.exited = WIFEXITED(status);
  end.code = end.exited ? WEXITSTATUS(status) : WTERMSIG(status);
  return end;
}

DescriptorPair DescriptorPair::pipe() {
  int ends[2];
  check(pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe");
  return {ends[0], ends[1]};
}

DescriptorPair DescriptorPair::sockets() {
  int ends[2];
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), "socketpair");
  return {ends[0], ends[1]};
}

DescriptorPair::DescriptorPair(DescriptorPair&& other) noexcept
    : reader(std::exchange(other.reader, -1)), writer(std::exchange(other.writer, -1)) {}

DescriptorPair::~DescriptorPair() {
  for (int fd : {reader, writer}) {
    if (fd >= 0) close_forgotten(fd);
  }
}

}  // namespace evergreen::test
