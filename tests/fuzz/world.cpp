#include "tests/fuzz/world.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/fuzz/kernel.h"
#include "tests/fuzz/memory.h"

namespace fuzz {
namespace {

pid_t child = -1;

void add_words(std::string* words, int fd, long flags, long access, long place, long ready, int events) {
  char line[120];
  std::snprintf(line, sizeof line, "    %d %s: close-on-exec %ld, flags %#lo, at %ld, to read %ld, events %#x\n", fd,
                name_of(fd), flags, access, place, ready, static_cast<unsigned>(events));
  *words += line;
}

}  // namespace

int must(long result) {
  if (result < 0) {
    std::perror("fuzz: cannot make the descriptors");
    std::abort();
  }
  return static_cast<int>(result);
}

void make_folder() {
  kernel(SYS_umask, 022);
  std::system("rm -rf ./* 2>/dev/null");  // the parent's, who runs alone
  must(mkdir("directory", 0755));
  must(mkfifo("fifo", 0644));
  must(symlink("loop", "loop"));
  must(symlink("file", "link"));
}

void make_world(bool with_child) {
  for (const char* name : {"new", "new2", "directory/new"}) unlink(name);
  const int file = must(open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));
  must(write(file, std::string(1000, 'g').data(), 1000));
  close(file);
  make_descriptors();
  empty_queues();
  child = -1;
  if (!with_child) return;
  child = vfork();
  if (child == 0) _exit(3);
  siginfo_t information;
  must(waitid(P_PID, static_cast<id_t>(child), &information, WEXITED | WNOWAIT));
}

const Descriptor& any_descriptor(Random& random, Sort sort) {
  static constexpr Descriptor bad[] = {
      {-1, -1, "-1"},         {2147483647, -1, "INT_MAX"},   {2500, -1, "closed"},
      {-100, -1, "AT_FDCWD"}, {1 << 20, -1, "beyond_limit"}, {3000, -1, "closed_high"}};
  if (random.percent(8)) return bad[random.below(std::size(bad))];
  const auto all = all_descriptors();
  const bool narrow = sort != Sort::any && random.percent(80);
  for (;;) {
    const Descriptor& chosen = all[random.below(all.size())];
    if (!narrow) return chosen;
    const std::string_view name = chosen.name;
    const auto begins = [&](const char* with) { return name.starts_with(with); };
    switch (sort) {
      case Sort::epoll:
        if (begins("epoll")) return chosen;
        break;
      case Sort::queue:
        if (begins("queue")) return chosen;
        break;
      case Sort::directory:
        if (begins("folder")) return chosen;
        break;
      default:
        if (begins("unix") || begins("tcp") || begins("dgram") || begins("seq") || begins("udp") || begins("netlink"))
          return chosen;
    }
  }
}

const char* name_of(int fd) {
  for (const Descriptor& descriptor : all_descriptors()) {
    if (descriptor.fd == fd) return descriptor.name;
  }
  return "?";
}

pid_t ended_child() { return child; }

pid_t name_child(pid_t pid) { return pid == child && pid > 0 ? 7'000'001 : pid == getpid() ? 7'000'002 : pid; }

std::uint64_t hash_world(std::string* words) {
  constexpr int most = 136;
  static pollfd polled[most];
  for (int fd = 0; fd < most; ++fd) polled[fd] = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
  kernel(SYS_poll, address(polled), most, 0);
  std::uint64_t hash = 1;
  for (int fd = 0; fd < most; ++fd) {
    if (polled[fd].revents == POLLNVAL && kernel(SYS_fcntl, fd, F_GETFD) < 0) continue;
    int ready = 0;
    termios settings;
    long facts[] = {fd,
                    kernel(SYS_fcntl, fd, F_GETFD),
                    kernel(SYS_fcntl, fd, F_GETFL),
                    kernel(SYS_lseek, fd, 0, SEEK_CUR),
                    kernel(SYS_ioctl, fd, FIONREAD, address(&ready)),
                    ready,
                    polled[fd].revents};
    const bool comes_later = facts[4] == 0 && kernel(SYS_ioctl, fd, TCGETS, address(&settings)) == 0;  // a terminal
    if (comes_later) facts[5] = facts[6] = 0;
    hash = hash_bytes(facts, sizeof facts, hash);
    if (words != nullptr) add_words(words, fd, facts[1], facts[2], facts[3], ready, polled[fd].revents);
  }
  return hash;
}

}  // namespace fuzz
