#include "tests/fuzz/child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <resolv.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "tests/fuzz/calls.h"
#include "tests/fuzz/kernel.h"
#include "tests/fuzz/memory.h"
#include "tests/fuzz/threads.h"
#include "tests/fuzz/world.h"

namespace fuzz {
namespace {

struct Job {
  Board& board;
  const Options& options;
  std::uint64_t first, end;
};

std::atomic<int> signals{0};
std::atomic<bool> holds{false};
std::array<std::atomic<int>, 8> peers{};  // of the descriptors that the call has
std::atomic<int> peer_count{0};
std::atomic<bool> has_returned{false};

void drain(int fd) {
  char bytes[4096];
  for (int n = 0; n < 100 && kernel(SYS_read, fd, address(bytes), sizeof bytes) > 0; ++n) {
  }
}

// Does what may end the call that waits: a peer writes, and then reads whatever comes; or it is closed.
void end_call(Random random) {
  char text[64];
  std::memset(text, 'e', sizeof text);
  const bool closes = random.percent(20);
  for (int i = 0; i < peer_count.load(); ++i) {
    const int peer = peers[static_cast<std::size_t>(i)].load();
    if (closes) {
      kernel(SYS_close, peer);
    } else {
      kernel(SYS_fcntl, peer, F_SETFL, O_NONBLOCK | kernel(SYS_fcntl, peer, F_GETFL));
      kernel(SYS_write, peer, address(text), sizeof text);
    }
  }
  for (int round = 0; round < 20 && !closes && !has_returned.load(); ++round) {
    for (int i = 0; i < peer_count.load(); ++i) drain(peers[static_cast<std::size_t>(i)].load());
    usleep(1000);
  }
}

// The other thread: when the fuzzer says that a call waits, ends it.
void attend(const Job& job) {
  hold_locks();
  holds.store(true);
  for (;;) {
    usleep(2000);
    if (job.board.phase() != Board::waits) continue;
    const std::uint64_t call = job.board.call();
    end_call(Random(job.options.seed + 1, call));
    job.board.change(call, Board::waits, Board::attended);
  }
}

// The resolver asks a port of this machine at which nobody listens, so that it fails at once.
void ask_nobody() {
  res_init();
  _res.nscount = 1;
  _res.nsaddr_list[0].sin_family = AF_INET;
  _res.nsaddr_list[0].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  _res.nsaddr_list[0].sin_port = htons(9);
  _res.retrans = 1;
  _res.retry = 1;
}

int peer_of(int fd) {
  for (const Descriptor& descriptor : all_descriptors()) {
    if (descriptor.fd == fd) return descriptor.peer;
  }
  return -1;
}

void note_peers(const Call& call) {
  const std::span<const int> named(call.named.data(), static_cast<std::size_t>(std::min(call.named_count, 8)));
  int count = 0;
  for (const int fd : named) {
    const int peer = peer_of(fd);
    // One that the call itself has must stay: natively nobody learns of its end.
    if (peer >= 0 && std::find(named.begin(), named.end(), peer) == named.end())
      peers[static_cast<std::size_t>(count++)].store(peer);
  }
  peer_count.store(count);
}

long make(const Row& row, const Call& call) {
  const auto& a = call.arguments;
  if (call.is_raw) return find_function("syscall")(row.number, a[0], a[1], a[2], a[3], a[4], a[5], 0);
  return find_function(row.name)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
}

void append(Board& board, const std::string& line) {
  const std::size_t used = board.used.load();
  if (used + line.size() > sizeof board.text) return;
  std::memcpy(board.text + used, line.data(), line.size());
  board.used.store(used + line.size());
}

std::string report(const Row& row, const Call& call, long result, int error, bool verbose) {
  std::string world;
  const std::uint64_t descriptors = hash_world(verbose ? &world : nullptr), memory = hash_memory();
  const bool any_errno = row.result == Result::Error && result != 0;  // what it is then is nobody's business
  char line[200];
  std::snprintf(line, sizeof line, " errno %s signals %d memory %08x descriptors %08x\n",
                any_errno                           ? "any"
                : error == 7777                     ? "kept"
                : strerrorname_np(error) != nullptr ? strerrorname_np(error)
                                                    : "?",
                signals.load(), static_cast<unsigned>(memory), static_cast<unsigned>(descriptors));
  return call.text + ") = " + words_of_result(row, result) + line + world;
}

// Returns whether the child may go on.
bool make_call(const Job& job, std::uint64_t index) {
  Board& board = job.board;
  Call call(Random(job.options.seed, index));
  const Row& row = any_row(call.random);
  call.is_raw = row.is_raw || (row.number != none && call.random.percent(25));
  refill_memory();
  choose_arguments(row, call);
  note_peers(call);
  const std::string name =
      std::to_string(index) + ' ' + (call.is_raw && !row.is_raw ? "syscall:" : "") + row.name + '(';
  std::snprintf(board.words, sizeof board.words, "%s%s)", name.c_str(), call.text.c_str());
  board.is_last.store(row.is_last);
  signals.store(0);
  has_returned.store(false);
  board.state.store(index * 4 + Board::calling);
  errno = 7777;
  const long result = make(row, call);
  const int error = errno;
  has_returned.store(true);
  if (!board.change(index, Board::calling, Board::between)) {
    while (!board.change(index, Board::attended, Board::between)) usleep(500);  // the other thread is at it
    for (int i = 0; i < peer_count.load(); ++i) drain(peers[static_cast<std::size_t>(i)].load());  // how far it came
  }
  call.steady_volatiles();
  const bool is_end = job.options.only_last && index + 1 == job.end;
  const std::string line = report(row, call, result, error, job.options.verbose && is_end);
  if (!job.options.only_last || is_end) append(board, name + line);
  return !row.is_last;
}

void make_calls(const Job& job) {
  ask_nobody();
  while (!holds.load()) sched_yield();
  for (std::uint64_t index = job.first; index < job.end; ++index) {
    if (!make_call(job, index)) break;
  }
  kernel(SYS_exit_group, 0);
}

void be_quiet() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) {
    if (fd != 2 || getenv("FUZZ_STDERR") == nullptr) dup2(null, fd);
  }
  close_range(3, ~0U, 0);
  struct sigaction count {};
  count.sa_handler = [](int) { signals.fetch_add(1); };
  count.sa_flags = SA_RESTART;
  for (const int number : {SIGPIPE, SIGUSR1}) sigaction(number, &count, nullptr);
  for (const int number : {SIGIO, SIGURG, SIGXFSZ, SIGHUP, SIGCHLD})
    signal(number, number == SIGCHLD ? SIG_DFL : SIG_IGN);
}

}  // namespace

void run_child(Board& board, const Options& options, std::uint64_t first, std::uint64_t end) {
  static Job job{board, options, first, end};
  const std::uint64_t batch = first / calls_per_child;
  be_quiet();
  make_locks();
  make_world(batch % 4 == 0);
  const bool main_calls = batch % 2 == 0;
  const auto attend_in_thread = [](void*) -> void* {
    attend(job);
    return nullptr;
  };
  const auto call_in_thread = [](void*) -> void* {
    make_calls(job);
    return nullptr;
  };
  pthread_t thread;
  set_other_thread(pthread_self());
  if (pthread_create(&thread, nullptr, main_calls ? +attend_in_thread : +call_in_thread, nullptr) != 0) _exit(99);
  if (main_calls) {
    set_other_thread(thread);
    make_calls(job);
  } else {
    attend(job);
  }
  _exit(99);
}

}  // namespace fuzz
