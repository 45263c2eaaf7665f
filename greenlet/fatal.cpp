#include "greenlet/fatal.h"

#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "greenlet/arch_x86_64.h"

namespace evergreen {
namespace {

void write_line(const char* format, std::va_list arguments) noexcept {
  const int saved = errno;
  char line[512];
  int length = std::snprintf(line, sizeof line, "evergreen: ");
  length += std::vsnprintf(line + length, sizeof line - static_cast<std::size_t>(length) - 1, format, arguments);
  if (length > static_cast<int>(sizeof line) - 2) length = static_cast<int>(sizeof line) - 2;
  line[length++] = '\n';
  arch::write_by_system_call(STDERR_FILENO, line, static_cast<std::size_t>(length));
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
