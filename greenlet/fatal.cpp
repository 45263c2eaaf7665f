#include "greenlet/fatal.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace evergreen {
namespace {

void write_line(const char* format, std::va_list arguments) noexcept {
  const int saved = errno;
  char line[512];
  int length = std::snprintf(line, sizeof line, "evergreen: ");
  length += std::vsnprintf(line + length, sizeof line - static_cast<std::size_t>(length) - 1, format, arguments);
  if (length > static_cast<int>(sizeof line) - 2) length = static_cast<int>(sizeof line) - 2;
  line[length++] = '\n';
  // By system call: write(2) is a shim in a preloaded program, and a report must never park.
  [[maybe_unused]] const long written = syscall(SYS_write, STDERR_FILENO, line, length);
  errno = saved;
}

}  // namespace

void report(const char* format, ...) noexcept {
  std::va_list arguments;
  va_start(arguments, format);
  write_line(format, arguments);
  va_end(arguments);
}

void fatal(const char* format, ...) noexcept {
  std::va_list arguments;
  va_start(arguments, format);
  write_line(format, arguments);
  va_end(arguments);
  std::abort();
}

}  // namespace evergreen
