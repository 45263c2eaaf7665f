#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "hub/core/loop.h"

namespace evergreen::core {
namespace {

bool is_epoll(int fd) noexcept {
  std::array<char, 32> path, target{};
  std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(path.data(), target.data(), target.size() - 1);
  return size > 0 && std::strcmp(target.data(), "anon_inode:[eventpoll]") == 0;
}

// fdinfo of an epoll descriptor has a line "tfd: NUMBER events: ..." for each descriptor that it watches.
bool watches(int epoll, int watched) noexcept {
  std::array<char, 64> path;
  std::snprintf(path.data(), path.size(), "/proc/self/fdinfo/%d", epoll);
  std::FILE* info = std::fopen(path.data(), "re");
  if (info == nullptr) return false;
  bool found = false;
  std::array<char, 256> line;
  while (!found && std::fgets(line.data(), line.size(), info) != nullptr) {
    found = std::strncmp(line.data(), "tfd:", 4) == 0 && std::strtol(line.data() + 4, nullptr, 10) == watched;
  }
  std::fclose(info);
  return found;
}

}  // namespace

int find_epoll(int watched) noexcept {
  DIR* all = opendir("/proc/self/fd");
  if (all == nullptr) return -1;
  int found = -1;
  for (const dirent* one = readdir(all); one != nullptr && found < 0; one = readdir(all)) {
    const int fd = std::atoi(one->d_name);  // "." and "..": 0, which is looked at again then
    if (is_epoll(fd) && watches(fd, watched)) found = fd;
  }
  closedir(all);
  return found;
}

}  // namespace evergreen::core
