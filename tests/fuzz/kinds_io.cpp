// What calls on descriptors and files take.
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "tests/fuzz/choice.h"
#include "tests/fuzz/kernel.h"
#include "tests/fuzz/kinds.h"
#include "tests/fuzz/memory.h"

namespace fuzz::kinds {

static constexpr Choice clocks[] = {NAMED(CLOCK_REALTIME),
                                    NAMED(CLOCK_MONOTONIC),
                                    NAMED(CLOCK_BOOTTIME),
                                    NAMED(CLOCK_TAI),
                                    NAMED(CLOCK_THREAD_CPUTIME_ID),
                                    NAMED(CLOCK_MONOTONIC_RAW),
                                    NAMED(CLOCK_MONOTONIC_COARSE),
                                    {-1, "-1"},
                                    {-2, "-2"},
                                    {99, "99"},
                                    {INT_MIN, "INT_MIN"},
                                    NAMED(CLOCK_REALTIME),
                                    NAMED(CLOCK_MONOTONIC)};

void iov(Call& call) {
  iovec list[3];
  std::string words = "[";
  for (iovec& part : list) {
    static constexpr std::size_t sizes[] = {0, 1, 10, 10, 40, 100, 400, 5000, 200000, SSIZE_MAX, SIZE_MAX};
    const std::size_t size = sizes[call.random.below(call.random.percent(70) ? 7 : std::size(sizes))];
    const Pointer to = call.random.percent(10) ? Pointer{large(), "large"} : place(call.random, 400);
    part = {to.address, size};
    words += std::string(&part == list ? "" : ", ") + to.name + " " + number(static_cast<long>(size));
  }
  const Pointer to = place(call.random, sizeof list);
  put(to, list, sizeof list);
  call.add(address(to.address), words + "] " + to.name);
}

void iov_count(Call& call) {
  static constexpr Choice choices[] = {{3, "3"},       {3, "3"},       {2, "2"},       {1, "1"},
                                       {1, "1"},       {0, "0"},       {-1, "-1"},     {4, "4"},
                                       {1024, "1024"}, {1025, "1025"}, NAMED(INT_MAX), NAMED(INT_MIN)};
  one_of(call, choices);
}

void rw_flags(Call& call) {
  static constexpr Choice choices[] = {NAMED(RWF_NOWAIT), NAMED(RWF_HIPRI), NAMED(RWF_DSYNC), NAMED(RWF_APPEND)};
  some_of(call, choices);
}

void open_flags(Call& call) {
  static constexpr Choice access[] = {NAMED(O_RDONLY), NAMED(O_WRONLY), NAMED(O_RDWR), NAMED(O_ACCMODE)};
  static constexpr Choice more[] = {NAMED(O_CREAT),     NAMED(O_EXCL),    NAMED(O_TRUNC),    NAMED(O_APPEND),
                                    NAMED(O_NONBLOCK),  NAMED(O_CLOEXEC), NAMED(O_PATH),     NAMED(O_NOFOLLOW),
                                    NAMED(O_DIRECTORY), NAMED(O_TMPFILE), NAMED(O_NONBLOCK), NAMED(O_CREAT),
                                    NAMED(O_NOATIME)};
  const Choice& first = access[call.random.below(std::size(access))];
  some_of(call, more);
  call.arguments[static_cast<std::size_t>(call.count - 1)] |= first.value | O_NOCTTY;
  call.text += std::string("|") + first.name;
}

void lock_operation(Call& call) {
  static constexpr Choice choices[] = {
      NAMED(LOCK_SH), NAMED(LOCK_EX),           NAMED(LOCK_UN), NAMED(LOCK_SH | LOCK_NB), NAMED(LOCK_EX | LOCK_NB),
      {0, "0"},       NAMED(LOCK_SH | LOCK_EX), {-1, "-1"},     NAMED(LOCK_NB),           {64, "64"}};
  one_of(call, choices);
}

void lock_command(Call& call) {
  static constexpr Choice choices[] = {NAMED(F_LOCK), NAMED(F_TLOCK), NAMED(F_ULOCK),
                                       NAMED(F_TEST), {-1, "-1"},     {77, "77"}};
  one_of(call, choices);
}

static void add_file_lock(Call& call) {
  static constexpr short types[] = {F_RDLCK, F_WRLCK, F_UNLCK, 77};
  static constexpr off_t starts[] = {0, 10, -1, LONG_MAX};
  struct flock lock {};
  lock.l_type = types[call.random.below(4)];
  lock.l_whence = static_cast<short>(call.random.percent(90) ? SEEK_SET : 9);
  lock.l_start = starts[call.random.below(call.random.percent(70) ? 2 : 4)];
  lock.l_len = static_cast<off_t>(call.random.below(3)) * 10;
  lock.l_pid = call.random.percent(10) ? 5 : 0;
  const Pointer to = place(call.random, sizeof lock);
  put(to, &lock, sizeof lock);
  call.add(address(to.address), "lock type " + number(lock.l_type) + " at " + number(lock.l_start) + " " + to.name);
}

void command_and_argument(Call& call) {
  static constexpr Choice flags[] = {NAMED(O_NONBLOCK), NAMED(O_APPEND), NAMED(O_NONBLOCK), NAMED(O_DIRECT)};
  static constexpr Choice sizes[] = {{4096, "4K"}, {65536, "64K"}, {0, "0"}, {-1, "-1"}, {1 << 30, "1G"}};
  static constexpr Choice commands[] = {
      NAMED(F_DUPFD),      NAMED(F_DUPFD_CLOEXEC), NAMED(F_GETFD),      NAMED(F_SETFD),      NAMED(F_GETFL),
      NAMED(F_SETFL),      NAMED(F_GETLK),         NAMED(F_SETLK),      NAMED(F_SETLKW),     NAMED(F_OFD_SETLK),
      NAMED(F_OFD_SETLKW), NAMED(F_OFD_GETLK),     NAMED(F_GETPIPE_SZ), NAMED(F_SETPIPE_SZ), NAMED(F_GET_SEALS),
      NAMED(F_SETFL),      NAMED(F_GETSIG),        {9999, "9999"},      {-1, "-1"},          NAMED(F_GETOWN)};
  switch (one_of(call, commands)) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      return fd_to(call);
    case F_SETFD:
      return call.add(static_cast<long>(call.random.below(3)), "close-on-exec?");
    case F_SETFL:
      return some_of(call, flags);
    case F_SETPIPE_SZ:
      one_of(call, sizes);
      return;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
    case F_OFD_GETLK:
      return add_file_lock(call);
    default:
      return call.add(0, "0");
  }
}

void request_and_argument(Call& call) {
  static constexpr Choice requests[] = {NAMED(FIONREAD), NAMED(FIONBIO),       NAMED(FIOCLEX), NAMED(FIONCLEX),
                                        NAMED(TCGETS),   NAMED(TIOCGWINSZ),    NAMED(FIONBIO), {0, "0"},
                                        {-1, "-1"},      {0x12345, "0x12345"}, NAMED(TIOCOUTQ)};
  const long request = one_of(call, requests);
  const int value = static_cast<int>(call.random.below(2));
  const Pointer to = place(call.random, 64);
  put(to, &value, sizeof value);
  call.add(address(to.address), "&" + number(value) + " " + to.name);
  if (request == TCGETS) call.note_volatile(to.address, 0, Call::Volatile::erased);
}

void range_flags(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, {0, "0"},  NAMED(CLOSE_RANGE_CLOEXEC), NAMED(CLOSE_RANGE_CLOEXEC),
                                       {8, "8"}, {-1, "-1"}};
  one_of(call, choices);
}

void pipe_flags(Call& call) {
  static constexpr Choice choices[] = {NAMED(O_NONBLOCK), NAMED(O_CLOEXEC), NAMED(O_DIRECT)};
  some_of(call, choices);
}

void ends_out(Call& call) {
  const Pointer to = place(call.random, 2 * sizeof(int));
  call.add(address(to.address), to.name);
}

void sync_flags(Call& call) {
  static constexpr Choice choices[] = {NAMED(SYNC_FILE_RANGE_WRITE), NAMED(SYNC_FILE_RANGE_WAIT_BEFORE),
                                       NAMED(SYNC_FILE_RANGE_WAIT_AFTER)};
  some_of(call, choices);
}

void splice_flags(Call& call) {
  static constexpr Choice choices[] = {NAMED(SPLICE_F_NONBLOCK), NAMED(SPLICE_F_MOVE), NAMED(SPLICE_F_MORE),
                                       NAMED(SPLICE_F_GIFT)};
  some_of(call, choices);
}

void small_count(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, {1, "1"}, {5, "5"}, {-1, "-1"}, NAMED(INT_MAX), NAMED(INT_MIN)};
  one_of(call, choices);
}

void create_flags(Call& call) {
  static constexpr Choice choices[] = {NAMED(EFD_NONBLOCK), NAMED(EFD_CLOEXEC), NAMED(EFD_SEMAPHORE)};
  some_of(call, choices);
}

void clock(Call& call) { one_of(call, clocks); }

void seals_flags(Call& call) {
  static constexpr Choice choices[] = {NAMED(MFD_CLOEXEC), NAMED(MFD_ALLOW_SEALING)};
  some_of(call, choices);
}

void event_value(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, {1, "1"}, {5, "5"}, {-2, "UINT64_MAX-1"}, {-1, "UINT64_MAX"}};
  one_of(call, choices);
}

void event_out(Call& call) {
  const Pointer to = place(call.random, 8);
  call.add(address(to.address), to.name);
}

void stream_mode(Call& call) {
  static constexpr Choice modes[] = {{0, "r"}, {0, "w"}, {0, "r+"}, {0, "a"},  {0, "rb"},
                                     {0, "x"}, {0, ""},  {0, "wx"}, {0, "re"}, {0, "z"}};
  const char* chosen = modes[call.random.below(std::size(modes))].name;
  const Pointer to = place_well(8);
  put(to, chosen, std::strlen(chosen) + 1);
  call.add(address(to.address), '"' + std::string(chosen) + '"');
}

// A stream of the call's own: any other would be undefined.
void stream(Call& call) {
  FILE* made = std::fopen("file", "r+");
  call.add(address(made), "stream");
}

}  // namespace fuzz::kinds
