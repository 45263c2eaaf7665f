// Knowing a descriptor's kind and flags without asking costs one load. It is right because every change that the
// program can make through libc passes here: close, dup2, fcntl, ioctl, setsockopt, accept. Flags and options belong
// to the open file, which several numbers may share: once the program has duplicated any descriptor, one change voids
// all records. What another process does to a shared open file can't be seen. So what is not a socket is asked for
// O_NONBLOCK each time; so are sockets, before each wait, but those that this process has made since it last forked or
// passed a descriptor on: of these no other process has the open file.

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

// A record is one word, so that any kernel thread reads it whole: epoch | made | low_water | drained | timeouts |
// nonblocking | kind. `made` is the value that `shares` had when this process made the open file; 0: not known to be
// made here.
using Word = std::uint64_t;
constexpr Word kind_mask = 7, nonblocking_bit = 8, timeouts_bit = 16, drained_bit = 32, low_water_bit = 64;
constexpr int made_shift = 8, epoch_shift = 32;
constexpr Word made_mask = 0xffffff;

constexpr int chunk_size = 1024, limit = core::descriptor_limit;
using Chunk = std::array<std::atomic<Word>, chunk_size>;

constinit std::array<std::atomic<Chunk*>, limit / chunk_size> chunks{};
constinit std::atomic<std::uint32_t> epoch{1};
constinit std::atomic<std::uint32_t> shares{1};  // how often descriptors came to be shared
constinit std::atomic<bool> duplicates{false};

std::atomic<Word>* find(int fd) noexcept {
  if (fd < 0 || fd >= limit) return nullptr;
  Chunk* chunk = chunks[static_cast<std::size_t>(fd / chunk_size)].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : &(*chunk)[static_cast<std::size_t>(fd % chunk_size)];
}

std::atomic<Word>* find_or_make(int fd) noexcept {
  if (auto* word = find(fd)) return word;
  if (fd < 0 || fd >= limit) return nullptr;
  auto& slot = chunks[static_cast<std::size_t>(fd / chunk_size)];
  // No malloc: socket and close may be called in signal handlers.
  void* const fresh = real.mmap(nullptr, sizeof(Chunk), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Chunk* none = nullptr;
  if (fresh != MAP_FAILED && !slot.compare_exchange_strong(none, new (fresh) Chunk{}))
    real.munmap(fresh, sizeof(Chunk));
  return find(fd);
}

Word pack(const FdTraits& traits) noexcept {
  return static_cast<Word>(traits.kind) | (traits.nonblocking ? nonblocking_bit : 0) |
         (traits.timeouts ? timeouts_bit : 0) | (traits.low_water ? low_water_bit : 0) |
         (traits.drained ? drained_bit : 0) | Word{epoch.load(std::memory_order_relaxed)} << epoch_shift;
}

FdTraits unpack(Word word) noexcept {
  return {static_cast<FdKind>(word & kind_mask), (word & nonblocking_bit) != 0, (word & timeouts_bit) != 0,
          (word & low_water_bit) != 0, (word & drained_bit) != 0};
}

Word made_now() noexcept { return (shares.load(std::memory_order_relaxed) & made_mask) << made_shift; }

Word made_of(Word word) noexcept { return word & made_mask << made_shift; }

bool has_timeout(int fd, int option) noexcept {
  timeval length{};
  socklen_t size = sizeof length;
  return getsockopt(fd, SOL_SOCKET, option, &length, &size) == 0 && (length.tv_sec != 0 || length.tv_usec != 0);
}

int ask_low_water_mark(int fd) noexcept {
  int bytes = 1;
  socklen_t size = sizeof bytes;
  getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, &size);
  return bytes;
}

FdTraits ask_socket(int fd) noexcept {
  FdTraits traits;
  int type = 0;
  socklen_t size = sizeof type;
  getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
  traits.kind = type == SOCK_STREAM ? FdKind::stream : FdKind::messages;
  traits.nonblocking = is_nonblocking(fd);
  traits.timeouts = has_timeout(fd, SO_RCVTIMEO) || has_timeout(fd, SO_SNDTIMEO);
  traits.low_water = ask_low_water_mark(fd) > 1;
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
  if (word == nullptr) return traits;
  const Word made = made_of(word->load(std::memory_order_relaxed));
  word->store(remember ? pack(traits) | made : 0, std::memory_order_relaxed);
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
    if (seen >> epoch_shift == epoch.load(std::memory_order_relaxed)) return unpack(seen);
  }
  return ask_and_remember(fd, word);
}

FdTraits traits_before_wait(int fd, const FdTraits& known) noexcept {
  return !known.is_socket() || is_private(fd) ? known : ask_and_remember(fd, find_or_make(fd));
}

Maker::Maker() noexcept : made_(made_now()) {}

void Maker::note_made(int fd) const noexcept {
  if (fd < 0) return;
  note_new(fd);
  if (auto* word = find_or_make(fd)) word->store(made_, std::memory_order_relaxed);
}

// 0 is no count, also after all 2^24 were used.
void note_shared() noexcept {
  if (((shares.fetch_add(1, std::memory_order_relaxed) + 1) & made_mask) == 0) shares.fetch_add(1);
}

bool is_private(int fd) noexcept {
  const auto* word = find(fd);
  return word != nullptr && made_of(word->load(std::memory_order_relaxed)) == made_now();
}

void set_drained(int fd, bool drained) noexcept { change(fd, drained ? drained_bit : 0, drained_bit); }

void set_poll_first(int fd) noexcept { change(fd, static_cast<Word>(FdKind::poll_first), kind_mask); }

void Maker::note_accepted(int fd, int listener, bool nonblocking) const noexcept {
  note_new(fd);
  auto* word = find_or_make(fd);
  if (word == nullptr) return;
  FdTraits traits = traits_of(listener);
  traits.nonblocking = nonblocking;
  traits.drained = false;
  word->store(traits.is_socket() ? pack(traits) | made_ : 0, std::memory_order_relaxed);
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
  } else if (auto* word = find(fd)) {
    word->fetch_and(made_mask << made_shift, std::memory_order_relaxed);
  }
}

mode_t type_of_file(int fd) noexcept {
  struct stat status {};
  return fstat(fd, &status) == 0 ? status.st_mode & S_IFMT : 0;
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

std::size_t low_water_mark(int fd, const FdTraits& traits) noexcept {
  return traits.low_water ? static_cast<std::size_t>(std::max(ask_low_water_mark(fd), 1)) : 1;
}

void note_duplicate(int fd) noexcept {
  if (fd < 0) return;
  duplicates.store(true, std::memory_order_relaxed);
  forget_traits(fd);
}

}  // namespace evergreen::patch
