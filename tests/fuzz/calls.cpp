#include "tests/fuzz/calls.h"

#include <dlfcn.h>
#include <sys/syscall.h>

#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "tests/fuzz/kernel.h"
#include "tests/fuzz/kinds.h"
#include "tests/fuzz/memory.h"
#include "tests/fuzz/world.h"

namespace fuzz {
namespace kinds {

// In here, where a kind's name hides what libc calls so.
constexpr Row table[] = {
#define ROW(name, result, number, raw, rare, last, ...) {name, Result::result, number, {__VA_ARGS__}, raw, rare, last},
#define CALL(name, result, number, ...) ROW(#name, result, number, false, false, false, __VA_ARGS__)
#define RARE(name, result, number, ...) ROW(#name, result, number, false, true, false, __VA_ARGS__)
#define LAST(name, result, number, ...) ROW(#name, result, number, false, true, true, __VA_ARGS__)
#define RAW(name, number, ...) ROW("syscall:" #name, Long, number, true, false, false, __VA_ARGS__)
#define UNFUZZED(name, why)
#include "tests/fuzz/calls.def"
#undef CALL
#undef RARE
#undef LAST
#undef RAW
#undef UNFUZZED
};

}  // namespace kinds

namespace {

constexpr std::string_view unfuzzed[] = {
#define CALL(...)
#define RARE(...)
#define LAST(...)
#define RAW(...)
#define UNFUZZED(name, why) #name,
#include "tests/fuzz/calls.def"
#undef CALL
#undef RARE
#undef LAST
#undef RAW
#undef UNFUZZED
};

bool is_fuzzed(std::string_view name) {
  for (const Row& row : rows()) {
    if (row.name == name) return true;
  }
  return false;
}

bool is_unfuzzed(std::string_view name) {
  for (const std::string_view other : unfuzzed) {
    if (other == name) return true;
  }
  return false;
}

std::vector<const Row*> rows_that(bool are_rare) {
  std::vector<const Row*> result;
  for (const Row& row : rows()) {
    if (row.is_rare == are_rare) result.push_back(&row);
  }
  return result;
}

}  // namespace

std::span<const Row> rows() { return kinds::table; }

const Row& any_row(Random& random) {
  static const std::vector<const Row*> usual = rows_that(false), rare = rows_that(true);
  const auto& from = random.percent(2) ? rare : usual;
  return *from[random.below(from.size())];
}

void choose_arguments(const Row& row, Call& call) {
  for (const Kind kind : row.kinds) {
    if (kind != nullptr) kind(call);
  }
}

Function find_function(const char* name) {
  void* found = dlsym(RTLD_DEFAULT, name);
  if (found == nullptr) found = dlvsym(RTLD_DEFAULT, name, "GLIBC_2.2.5");
  return reinterpret_cast<Function>(found);
}

std::string words_of_result(const Row& row, long result) {
  char text[40];
  const auto words = [&](const char* format, long value) -> std::string {
    std::snprintf(text, sizeof text, format, value);
    return text;
  };
  switch (row.result) {
    case Result::Int:
    case Result::Error:
      return words("%ld", static_cast<int>(result));
    case Result::Child:
      return words("%ld", name_child(static_cast<pid_t>(result)));
    case Result::Long:
      return words("%ld", result);
    case Result::Nothing:
      return "nothing";
    case Result::Pointer:
      return result == 0 || result == -1 ? words("%ld", result) : "some";
    case Result::Some:
      return result > 0 ? "some" : words("%ld", result);
    case Result::Map: {
      const long offset = result - address(map_area());
      if (offset >= 0 && offset < static_cast<long>(map_size)) return words("map+%ld", offset);
      return result == -1 ? "-1" : "some";
    }
  }
  return "";
}

bool check_rows(std::span<char*> hooked) {
  bool sound = true;
  const auto complain = [&](std::string_view name, const char* what) {
    std::printf("FAILED: %.*s %s\n", static_cast<int>(name.size()), name.data(), what);
    sound = false;
  };
  for (const std::string_view name : hooked) {
    if (!is_fuzzed(name) && !is_unfuzzed(name)) complain(name, "is hooked, and has no row in tests/fuzz/calls.def");
    if (is_fuzzed(name) && is_unfuzzed(name)) complain(name, "is both fuzzed and UNFUZZED");
  }
  for (const Row& row : rows()) {
    if (!row.is_raw && find_function(row.name) == nullptr) complain(row.name, "is not in libc");
  }
  if (sound) std::printf("%zu calls for %zu hooks\n", rows().size(), hooked.size());
  return sound;
}

}  // namespace fuzz
