#include "hub/core/settings.h"

#include <cerrno>
#include <cstdlib>

#include "greenlet/fatal.h"

namespace evergreen::core {
namespace {

bool parse(const char* text, std::size_t& value) noexcept {
  if (*text < '0' || *text > '9') return false;
  char* end = nullptr;
  errno = 0;
  const unsigned long long number = std::strtoull(text, &end, 10);
  unsigned shift = 0;
  switch (*end) {
    case 'K':
    case 'k':
      shift = 10;
      break;
    case 'M':
    case 'm':
      shift = 20;
      break;
    case 'G':
    case 'g':
      shift = 30;
      break;
    default:
      break;
  }
  if (shift != 0) ++end;
  if (errno != 0 || *end != '\0' || number > (~0ULL >> shift)) return false;
  value = static_cast<std::size_t>(number << shift);
  return true;
}

void read(const char* variable, std::size_t& value) noexcept {
  const char* text = std::getenv(variable);
  if (text == nullptr || parse(text, value)) return;
  report("%s=%s is not a number; using %zu", variable, text, value);
}

}  // namespace

Settings read_settings() noexcept {
  const int saved = errno;
  Settings settings;
#define SETTING(field, variable, fallback, meaning) read(variable, settings.field);
#include "hub/core/settings.def"
#undef SETTING
  errno = saved;
  return settings;
}

const Settings& settings() noexcept {
  static const Settings once = read_settings();
  return once;
}

}  // namespace evergreen::core
