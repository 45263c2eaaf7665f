// fuzz [--seed S] [--from N] [--count N] [--only N [--alone]]
// fuzz --check SYMBOL...
//
// Makes calls with random arguments, in children that make some each, and prints a line for each call: what it was,
// what it returned, and what it did to memory and descriptors. Natively and under evergreen the lines are the same.
//
//   --only N   prints call N alone, with all that could be seen afterwards; the calls before it are made as ever
//   --alone    they are not
//   --check    tells whether the table of calls has all these
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <new>

#include "tests/fuzz/calls.h"
#include "tests/fuzz/child.h"
#include "tests/fuzz/memory.h"
#include "tests/fuzz/world.h"

namespace fuzz {
namespace {

constexpr int look_ms = 2;
constexpr int quiet_looks = 8;             // in a row, at which no thread of the child ran: its call waits
constexpr int all_looks = 5000 / look_ms;  // in the same call: it is stuck, whatever runs

// Whether all threads of the process sleep.
bool is_quiet(pid_t child) {
  char path[80];
  std::snprintf(path, sizeof path, "/proc/%d/task", child);
  DIR* tasks = opendir(path);
  if (tasks == nullptr) return false;
  bool quiet = true;
  while (const dirent* task = readdir(tasks)) {
    if (task->d_name[0] == '.') continue;
    char text[400]{};
    std::snprintf(path, sizeof path, "/proc/%d/task/%.20s/stat", child, task->d_name);
    const int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0) quiet = false;
    if (fd >= 0) close(fd);
    const char* after_name = strrchr(text, ')');
    if (after_name == nullptr || after_name[2] != 'S') quiet = false;
  }
  closedir(tasks);
  return quiet;
}

// Watches the child until it ends. A call that waits is ended by the child's other thread, or else the child is killed.
// Returns what wait said; `waits` whether it was killed for that.
int watch(Board& board, pid_t child, bool& waits) {
  const int end = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  pollfd ended{end, POLLIN, 0};
  std::uint64_t last = Board::no_call;
  for (int looks = 0, quiet = 0; poll(&ended, 1, look_ms) == 0; ++looks) {
    const std::uint64_t call = board.call();
    if (board.phase() == Board::between || call != last) {
      last = call;
      looks = quiet = 0;
      continue;
    }
    if (looks > 3 && is_quiet(child)) ++quiet;
    if (quiet >= quiet_looks && board.change(call, Board::calling, Board::waits)) quiet = 0;
    if ((quiet >= quiet_looks && board.phase() == Board::attended) || looks > all_looks) {
      waits = true;
      kill(child, SIGKILL);
      break;
    }
  }
  close(end);
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

void print_and_clear(Board& board) {
  fwrite(board.text, 1, board.used.load(), stdout);
  board.used.store(0);
}

void run_children(Board& board, const Options& options) {
  const std::uint64_t end = options.from + options.count;
  for (std::uint64_t next = options.from; next < end;) {
    const std::uint64_t batch_end = (next / calls_per_child + 1) * calls_per_child;
    board.state.store(Board::no_call * 4);
    board.is_last.store(false);
    fflush(stdout);
    const std::uint64_t child_end = batch_end < end ? batch_end : end;
    const pid_t child = fork();
    if (child == 0) run_child(board, options, next, child_end);
    bool waits = false;
    const int status = watch(board, child, waits);
    print_and_clear(board);
    const bool died = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    const std::uint64_t call = board.call();
    const bool died_in_call = died && board.phase() != Board::between;
    const bool is_end = call + 1 == end;
    if (died_in_call && (!options.only_last || is_end)) {
      const bool was_attended = board.phase() == Board::attended;
      if (waits) std::printf("%s waits%s\n", board.words, was_attended ? "" : ", and so does the other thread");
      if (!waits)
        std::printf("%s killed by signal %d, status %d\n", board.words, WTERMSIG(status), WEXITSTATUS(status));
    } else if (died && !died_in_call) {
      std::printf("%lu after %s: the child ended with status %#x\n", call, board.words, static_cast<unsigned>(status));
    }
    if (call == Board::no_call) {
      std::printf("no call was made\n");
      exit(1);
    }
    next = died || board.is_last.load() ? call + 1 : child_end;
  }
}

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = arguments[i];
    const auto value = [&] { return i + 1 < count ? strtoull(arguments[++i], nullptr, 0) : 0; };
    if (name == "--check") {
      exit(check_rows({arguments + i + 1, static_cast<std::size_t>(count - i - 1)}) ? 0 : 1);
    }
    if (name == "--seed") options.seed = value();
    if (name == "--from") options.from = value();
    if (name == "--count") options.count = value();
    if (name == "--alone") options.alone = true;
    if (name == "--only") {
      const std::uint64_t call = value();
      options.from = call / calls_per_child * calls_per_child;
      options.count = call + 1 - options.from;
      options.only_last = options.verbose = true;
    }
  }
  if (options.alone) {
    options.from += options.count - 1;
    options.count = 1;
  }
  return options;
}

}  // namespace
}  // namespace fuzz

int main(int count, char** arguments) {
  using namespace fuzz;
  const Options options = parse(count, arguments);
  const rlimit no_core{0, 0}, files{20000, 20000};
  setrlimit(RLIMIT_CORE, &no_core);
  setrlimit(RLIMIT_NOFILE, &files);
  void* shared = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* board = new (shared) Board{};
  char folder[] = "/dev/shm/fuzz-XXXXXX";
  if (mkdtemp(folder) == nullptr || chdir(folder) != 0) return 1;
  map_memory();
  make_folder();
  make_queues();
  run_children(*board, options);
  remove_queues();
  std::system("rm -rf ./*");
  rmdir(folder);
  return 0;
}
