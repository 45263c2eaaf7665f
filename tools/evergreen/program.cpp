#include "tools/evergreen/program.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string_view>
#include <vector>

#include "tools/evergreen/elf_look.h"
#include "tools/evergreen/refusal.h"

namespace evergreen {
namespace {

using namespace std::string_literals;

constexpr size_t executed_max = 8;       // files looked at for one program: the kernel follows no more scripts
constexpr size_t script_line_max = 256;  // the kernel reads no more
constexpr std::string_view blanks = " \t";

// Never unmapped: exec does that.
std::string_view map_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (fd < 0 || fstat(fd, &status) != 0) {
    throw Refusal{"cannot be read and so not looked at ("s + std::strerror(errno) + "); make it readable"};
  }
  const auto size = static_cast<size_t>(status.st_size);
  void* bytes = size == 0 ? nullptr : mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (bytes == MAP_FAILED) throw Refusal{"cannot be mapped ("s + std::strerror(errno) + "); copy it"};
  close(fd);
  return {static_cast<const char*>(bytes), size};
}

// Set-id bits and capabilities make the loader ignore our LD_PRELOAD (AT_SECURE) only where they
// change who the process is: root runs most of them just so.
void check_privileges(const std::string& path, const struct stat& status) {
  struct statvfs mount {};
  const bool no_suid_mount = statvfs(path.c_str(), &mount) == 0 && (mount.f_flag & ST_NOSUID) != 0;
  if (no_suid_mount || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) return;

  const bool other_user = (status.st_mode & S_ISUID) != 0 && status.st_uid != getuid();
  const bool set_group = (status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
  if (other_user || (set_group && status.st_gid != getgid())) {
    throw Refusal{"setuid or setgid, so the loader ignores LD_PRELOAD; run it as its owner and group"};
  }
  if (getuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) > 0) {
    throw Refusal{"has file capabilities, so the loader ignores LD_PRELOAD; run a copy without them"};
  }
}

struct stat check_file(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    if (missing) throw Refusal{"no such file; check its name", not_found};
    throw Refusal{std::strerror(errno) + "; check its path"s};
  }
  if (S_ISDIR(status.st_mode)) throw Refusal{"a directory; name a program in it"};
  if (!S_ISREG(status.st_mode)) throw Refusal{"not a regular file; name a program"};
  if (faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) != 0) {
    throw Refusal{"not executable; chmod +x it, or name its interpreter first"};
  }
  return status;
}

// Cuts the first word off.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const auto word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

// The program that env, with the one argument that the kernel makes of the rest of a #! line, runs; or nothing where
// env itself will say what is wrong.
std::string_view env_target(std::string_view argument) {
  argument.remove_prefix(std::min(argument.find_first_not_of(blanks), argument.size()));
  if (!argument.starts_with("-S")) return argument;
  argument.remove_prefix(2);
  auto word = take_word(argument);
  while (word.find('=') != word.npos) word = take_word(argument);
  return word.starts_with('-') ? std::string_view() : word;
}

// The paths of what the kernel, and then env, will execute in the script's place.
std::vector<std::string> interpreters(std::string_view script) {
  auto line = script.substr(2, script_line_max);
  line = line.substr(0, line.find('\n'));
  line = line.substr(0, line.find_last_not_of(blanks) + 1);
  const std::string interpreter(take_word(line));
  if (interpreter.empty()) throw Refusal{"a script whose #! line names nothing; write its interpreter there"};
  if (!interpreter.ends_with("/env")) return {interpreter};

  const std::string target(env_target(line));
  if (target.empty()) return {interpreter};
  const auto path = find_program(target);
  if (!path) throw Refusal{"its interpreter " + target + " is not on PATH; install it", not_found};
  return {interpreter, *path};
}

std::string_view look_at_file(const std::string& path) {
  const auto status = check_file(path);
  const auto file = map_file(path);
  if (file.starts_with("#!")) return file;
  if (!file.starts_with(elf_magic)) {
    throw Refusal{"neither an ELF program nor a script with #!; name its interpreter first"};
  }
  check_privileges(path, status);
  look_at_elf(file);
  return file;
}

}  // namespace

std::optional<std::string> find_program(const std::string& name) {
  if (name.find('/') != name.npos) return name;
  const char* variable = getenv("PATH");
  std::string_view folders = variable != nullptr ? variable : "/bin:/usr/bin";
  std::optional<std::string> not_executable;
  for (bool last = name.empty(); !last;) {
    const auto end = folders.find(':');
    const auto folder = folders.substr(0, end);
    const auto path = folder.empty() ? name : std::string(folder) + "/" + name;
    struct stat status {};
    if (stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      if (faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0) return path;
      if (!not_executable) not_executable = path;
    }
    last = end == folders.npos;
    if (!last) folders.remove_prefix(end + 1);
  }
  return not_executable;
}

void look_at_program(const std::string& path) {
  std::vector<std::string> paths = {path};
  for (size_t i = 0; i < paths.size(); ++i) {
    try {
      if (i == executed_max) throw Refusal{"a script of too many scripts; name the last one"};
      const auto file = look_at_file(paths[i]);
      if (file.starts_with("#!")) std::ranges::copy(interpreters(file), std::back_inserter(paths));
    } catch (Refusal& refusal) {
      if (i > 0) refusal.why = "its interpreter " + paths[i] + ": " + refusal.why;
      throw;
    }
  }
}

}  // namespace evergreen
