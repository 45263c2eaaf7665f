// What most calls take: descriptors, buffers, lengths, paths.
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "tests/fuzz/choice.h"
#include "tests/fuzz/kernel.h"
#include "tests/fuzz/kinds.h"
#include "tests/fuzz/memory.h"
#include "tests/fuzz/world.h"

namespace fuzz {

void Call::add(long value, const std::string& words) {
  arguments[static_cast<std::size_t>(count++)] = value;
  text += (text.empty() ? "" : ", ") + words;
}

void Call::note_volatile(void* at, std::size_t size, Volatile::What what) {
  while (size > 0 && look(at, size) == nullptr) --size;  // as much as is mapped
  char* bytes = look(at, size);
  if (size == 0 || bytes == nullptr) return;
  Volatile& noted = volatiles[static_cast<std::size_t>(volatile_count++ % 4)];
  noted.at = bytes;
  noted.size = size;
  noted.what = what;
  std::memcpy(noted.before, bytes, std::min(size, sizeof noted.before));
}

// A time that is left must be less than it was; how much, nobody can tell.
static void steady_time(const Call::Volatile& noted) {
  if (noted.size < 16) return;
  long before[2], after[2];
  std::memcpy(before, noted.before, sizeof before);
  std::memcpy(after, noted.at, sizeof after);
  if (std::memcmp(before, after, sizeof before) == 0) return;
  const bool less = after[0] < before[0] || (after[0] == before[0] && after[1] < before[1]);
  const long name[2] = {less ? -1111 : -2222, 0};
  std::memcpy(noted.at, name, sizeof name);
}

static void steady_information(const Call::Volatile& noted) {  // siginfo_t of waitid: pid and uid
  int words[8];
  if (noted.size < sizeof words) return;
  std::memcpy(words, noted.at, sizeof words);
  words[4] = static_cast<int>(name_child(words[4]));
  std::memcpy(noted.at, words, sizeof words);
}

void Call::steady_volatiles() {
  for (int i = 0; i < std::min(volatile_count, 4); ++i) {
    const Volatile& noted = volatiles[static_cast<std::size_t>(i)];
    switch (noted.what) {
      case Volatile::time_left:
        steady_time(noted);
        break;
      case Volatile::inet_address:  // the kernel chose the port
        if (noted.size < 4) break;
        if (static_cast<char*>(noted.at)[0] == 2 && static_cast<char*>(noted.at)[1] == 0) {
          std::memset(static_cast<char*>(noted.at) + 2, 0, 2);
        }
        if (static_cast<char*>(noted.at)[0] == 1) std::memset(static_cast<char*>(noted.at) + 2, 0, noted.size - 2);
        break;
      case Volatile::child_information:
        steady_information(noted);
        break;
      default:
        std::memset(noted.at, 0, noted.size);
    }
  }
}

namespace kinds {

static void add_descriptor(Call& call, const Descriptor& chosen) {
  call.add(chosen.fd, chosen.name);
  call.name_descriptor(chosen.fd);
}

void fd(Call& call) { add_descriptor(call, any_descriptor(call.random)); }
void socket_fd(Call& call) { add_descriptor(call, any_descriptor(call.random, Sort::socket)); }
void epoll_fd(Call& call) { add_descriptor(call, any_descriptor(call.random, Sort::epoll)); }
void folder_fd(Call& call) {
  if (call.random.percent(40)) return call.add(AT_FDCWD, "AT_FDCWD");
  add_descriptor(call, any_descriptor(call.random, Sort::directory));
}

// A number for a new descriptor: nobody else's, or that of an open one.
void fd_to(Call& call) {
  if (call.random.percent(40)) return fd(call);
  static constexpr Choice choices[] = {
      {0, "0"},      {131, "131"}, {132, "132"}, {2501, "2501"}, {-1, "-1"}, NAMED(INT_MIN), {1 << 20, "beyond_limit"},
      {3001, "3001"}};
  one_of(call, choices);
}

void fd_number(Call& call) {
  static constexpr Choice choices[] = {{0, "0"},     {3, "3"},     {20, "20"},     {60, "60"},       {61, "61"},
                                       {100, "100"}, {130, "130"}, {1000, "1000"}, {-1, "UINT_MAX"}, NAMED(INT_MAX)};
  one_of(call, choices);
}

// Where the call writes. The length that follows is chosen by itself.
void out(Call& call) {
  if (call.random.percent(15)) return call.add(address(large()), "large");
  if (call.random.percent(5)) return call.add(address(large_end(100).address), "large_end");
  const Pointer to = place(call.random, 1000);
  call.add(address(to.address), to.name);
}

void in(Call& call) { out(call); }

void len(Call& call) {
  static constexpr Choice choices[] = {
      {0, "0"},         {1, "1"},         {2, "2"},           {8, "8"},           {8, "8"},       {10, "10"},
      {64, "64"},       {100, "100"},     {101, "101"},       {500, "500"},       {1000, "1000"}, {1001, "1001"},
      {4096, "4096"},   {5000, "5000"},   {100000, "100000"}, {262144, "262144"}, NAMED(INT_MAX), {1L << 31, "2G"},
      NAMED(SSIZE_MAX), {-1, "SIZE_MAX"}, {-4096, "-4096"},   {3, "3"},           {16, "16"},     {7, "7"}};
  one_of(call, choices);
}

void zero(Call& call) { call.add(0, "0"); }

void offset(Call& call) {
  static constexpr Choice choices[] = {{0, "0"},        {1, "1"},        {10, "10"},      {999, "999"},
                                       {1000, "1000"},  {4096, "4K"},    {-1, "-1"},      {-5, "-5"},
                                       NAMED(LONG_MAX), NAMED(LONG_MIN), {1L << 40, "1T"}};
  one_of(call, choices);
}

void offset_pointer(Call& call) {
  if (call.random.percent(50)) return call.add(0, "NULL");
  static constexpr long values[] = {0, 0, 10, 999, 2000, -1, LONG_MAX};
  const long value = values[call.random.below(std::size(values))];
  const Pointer to = place(call.random, sizeof value);
  put(to, &value, sizeof value);
  call.add(address(to.address), "&" + number(value) + " " + to.name);
}

void mode(Call& call) {
  static constexpr Choice choices[] = {{0644, "0644"}, {0, "0"}, {0777, "0777"}, {-1, "-1"}, {01000000, "01000000"}};
  one_of(call, choices);
}

static void add_text(Call& call, const char* words) {
  const std::size_t size = std::strlen(words) + 1;
  const Pointer to = place(call.random, size);
  put(to, words, size);
  call.add(address(to.address), '"' + std::string(words).substr(0, 40) + "\" " + to.name);
}

void path(Call& call) {
  static const std::string too_long(5000, 'x'), long_name(300, 'n');
  if (call.random.percent(3)) {
    std::memcpy(large_end(too_long.size() + 1).address, too_long.c_str(), too_long.size() + 1);
    large();
    return call.add(address(large_end(too_long.size() + 1).address), "too_long");
  }
  if (call.random.percent(3)) return add_text(call, long_name.c_str());
  static constexpr const char* paths[] = {
      "file",      "file",          "new",  "new",       "new2",      "directory",
      "fifo",      "loop",          "link", "",          "none",      "none/none",
      "file/file", "directory/new", ".",    "/dev/null", "/dev/zero", "/proc/self/nothing",
      "/dev/tty"};
  add_text(call, paths[call.random.below(std::size(paths))]);
}

void text(Call& call) {
  static constexpr const char* texts[] = {"", "hello", "localhost", "%n%s"};
  add_text(call, texts[call.random.below(std::size(texts))]);
}

void pid(Call& call) {
  switch (call.random.below(6)) {
    case 0:
    case 1:
      return call.add(ended_child() > 0 ? ended_child() : -1, ended_child() > 0 ? "child" : "-1");
    case 2:
      return call.add(-1, "-1");
    case 3:
      return call.add(999999999, "nobody");
    case 4:
      return call.add(getpid(), "self");
    default:
      return call.add(INT_MIN, "INT_MIN");
  }
}

void out_int(Call& call) {
  const Pointer to = place(call.random, sizeof(int));
  call.add(address(to.address), to.name);
}

void out_well(Call& call) {
  const Pointer to = place_well(sizeof(int));
  call.add(address(to.address), to.name);
}

}  // namespace kinds
}  // namespace fuzz
