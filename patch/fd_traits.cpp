// Knowing a descriptor's kind and flags without asking costs one load. It is right because every change that the
// program can make through libc passes here: close, dup2, fcntl, ioctl, setsockopt, accept. Flags and timeouts belong
// to the open file, which several numbers may share: once the program has duplicated any descriptor, one change voids
// all records. What another process does to a shared open file can't be seen. So what is not a socket is asked for
// O_NONBLOCK each time; so are descriptors 0 to 2, which are inherited, and all sockets once the process has forked or
// passed one on.

#include "patch/fd_traits.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <new>

#include "patch/shim.h"

namespace evergreen::patch {
namespace {

// A record is one word, so that any kernel thread reads it whole: epoch | drained | timeouts | nonblocking | kind.
using Word = std::uint64_t;
constexpr Word kind_mask = 7, nonblocking_bit = 8, timeouts_bit = 16, drained_bit = 32;
constexpr int epoch_shift = 32;

constexpr int chunk_size = 1024, limit = core::descriptor_limit;
using Chunk = std::array<std::atomic<Word>, chunk_size>;

constinit std::array<std::atomic<Chunk*>, limit / chunk_size> chunks{};
constinit std::atomic<std::uint32_t> epoch{1};
constinit std::atomic<bool> duplicates{false}, shared{false};

std::atomic<Word>* find(int fd) noexcept {
  if (fd < 0 || fd >= limit) return nullptr;
  Chunk* chunk = chunks[static_cast<std::size_t>(fd / chunk_size)].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : &(*chunk)[static_cast<std::size_t>(fd % chunk_size)];
}

std::atomic<Word>* find_or_make(int fd) noexcept {
  if (auto* word = find(fd)) return word;
  if (fd < 0 || fd >= limit) return nullptr;
  auto& slot = chunks[static_cast<std::size_t>(fd / chunk_size)];
  Chunk* fresh = new (std::nothrow) Chunk{};
  Chunk* none = nullptr;
  if (fresh != nullptr && !slot.compare_exchange_strong(none, fresh)) delete fresh;
  return find(fd);
}

Word pack(const FdTraits& traits) noexcept {
  return static_cast<Word>(traits.kind) | (traits.nonblocking ? nonblocking_bit : 0) |
         (traits.timeouts ? timeouts_bit : 0) | (traits.drained ? drained_bit : 0) |
         Word{epoch.load(std::memory_order_relaxed)} << epoch_shift;
}

FdTraits unpack(Word word) noexcept {
  return {static_cast<FdKind>(word & kind_mask), (word & nonblocking_bit) != 0, (word & timeouts_bit) != 0,
          (word & drained_bit) != 0};
}

bool has_timeout(int fd, int option) noexcept {
  timeval length{};
  socklen_t size = sizeof length;
  return getsockopt(fd, SOL_SOCKET, option, &length, &size) == 0 && (length.tv_sec != 0 || length.tv_usec != 0);
}

FdTraits ask_socket(int fd) noexcept {
  FdTraits traits;
  int type = 0;
  socklen_t size = sizeof type;
  getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
  traits.kind = type == SOCK_STREAM ? FdKind::stream : FdKind::messages;
  traits.nonblocking = is_nonblocking(fd);
  traits.timeouts = has_timeout(fd, SO_RCVTIMEO) || has_timeout(fd, SO_SNDTIMEO);
  return traits;
}

FdTraits ask(int fd) noexcept {
  FdTraits traits;
  struct stat status {};
  if (fstat(fd, &status) != 0) return traits;
  if (S_ISSOCK(status.st_mode)) return ask_socket(fd);
  const bool waits = !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) && !S_ISBLK(status.st_mode);
  traits.kind = waits ? FdKind::nowait : FdKind::never_waits;
  return traits;
}

// Not remembered is the one answer with which a call would block all greenlets if it were stale: some functions of libc
// open and close descriptors where we don't see it.
FdTraits ask_and_remember(int fd, std::atomic<Word>* word) noexcept {
  const int saved = errno;
  const FdTraits traits = ask(fd);
  errno = saved;
  const bool remember = traits.kind != FdKind::unknown && traits.kind != FdKind::never_waits;
  if (word != nullptr) word->store(remember ? pack(traits) : 0, std::memory_order_relaxed);
  return traits;
}

// Sets and clears bits of a record that is still what it was.
void change(int fd, Word set, Word clear) noexcept {
  auto* word = find(fd);
  if (word == nullptr) return;
  Word seen = word->load(std::memory_order_relaxed);
  if ((seen & kind_mask) != 0) word->compare_exchange_strong(seen, (seen & ~clear) | set, std::memory_order_relaxed);
}

}  // namespace

FdTraits traits_of(int fd) noexcept {
  auto* word = find_or_make(fd);
  if (word != nullptr) {
    const Word seen = word->load(std::memory_order_relaxed);
    const FdTraits known = unpack(seen);
    const bool inherited_socket = known.is_socket() && fd <= STDERR_FILENO;
    if (seen >> epoch_shift == epoch.load(std::memory_order_relaxed) && !inherited_socket) return known;
  }
  return ask_and_remember(fd, word);
}

FdTraits traits_before_wait(int fd, const FdTraits& known) noexcept {
  return shared.load(std::memory_order_relaxed) ? ask_and_remember(fd, find_or_make(fd)) : known;
}

void note_shared() noexcept { shared.store(true, std::memory_order_relaxed); }

void set_drained(int fd, bool drained) noexcept { change(fd, drained ? drained_bit : 0, drained_bit); }

void set_poll_first(int fd) noexcept { change(fd, static_cast<Word>(FdKind::poll_first), kind_mask); }

void note_accepted(int fd, int listener, bool nonblocking) noexcept {
  note_new(fd);
  auto* word = find_or_make(fd);
  if (word == nullptr) return;
  FdTraits traits = traits_of(listener);
  traits.nonblocking = nonblocking;
  traits.drained = false;
  word->store(traits.is_socket() ? pack(traits) : 0, std::memory_order_relaxed);
}

void forget_traits(int fd) noexcept {
  if (auto* word = find(fd)) word->store(0, std::memory_order_relaxed);
}

void forget_traits_range(unsigned first, unsigned last) noexcept {
  last = std::min<unsigned>(last, limit - 1);
  for (unsigned fd = first; fd <= last && fd < limit; ++fd) {
    // What was never asked for has no record: whole chunks of numbers are passed over.
    if (find(static_cast<int>(fd)) == nullptr) {
      fd = fd / chunk_size * chunk_size + chunk_size - 1;
    } else {
      forget_traits(static_cast<int>(fd));
    }
  }
}

void note_gone(int fd) noexcept {
  note_gone_around(fd, [] { return 0; });
}

void note_new(int fd) noexcept {
  if (fd < 0 || !started()) return;
  core::may_be_waited_for(fd) ? note_gone(fd) : forget_traits(fd);
}

void note_received(const msghdr& message) noexcept {
  constexpr int pidfd = 4;  // SCM_PIDFD, which Debian 12's header has not
  auto* headers = const_cast<msghdr*>(&message);
  for (cmsghdr* header = CMSG_FIRSTHDR(headers); header != nullptr; header = CMSG_NXTHDR(headers, header)) {
    const bool descriptors = header->cmsg_type == SCM_RIGHTS || header->cmsg_type == pidfd;
    if (header->cmsg_level != SOL_SOCKET || !descriptors || header->cmsg_len < CMSG_LEN(0)) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      note_new(fd);
    }
  }
}

void note_changed(int fd) noexcept {
  if (duplicates.load(std::memory_order_relaxed)) {
    epoch.fetch_add(1, std::memory_order_relaxed);
  } else {
    forget_traits(fd);
  }
}

bool is_nonblocking(int fd) noexcept {
  const int flags = real.fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

Deadline socket_deadline(int fd, const FdTraits& traits, int option) noexcept {
  if (!traits.timeouts) return Deadline::never();
  timeval length{};
  socklen_t size = sizeof length;
  if (getsockopt(fd, SOL_SOCKET, option, &length, &size) != 0) return Deadline::never();
  if (length.tv_sec == 0 && length.tv_usec == 0) return Deadline::never();
  return Deadline::in(std::chrono::seconds(length.tv_sec) + std::chrono::microseconds(length.tv_usec));
}

void note_duplicate(int fd) noexcept {
  if (fd < 0) return;
  duplicates.store(true, std::memory_order_relaxed);
  forget_traits(fd);
}

}  // namespace evergreen::patch
