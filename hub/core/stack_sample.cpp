#include "hub/core/stack_sample.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "evergreen/deadline.h"

namespace evergreen::core {
namespace {

constexpr std::size_t page = 4096;
constexpr std::uint64_t red_zone = 128;
constexpr auto patience = std::chrono::milliseconds(200);

// One request at a time, from the sampler to the handler.
enum Step : std::uint32_t { none, asked, copying, done };
constinit std::atomic<std::uint32_t> step{none};
constinit std::atomic<pid_t> asked_thread{0};
constinit StackSample* asked_sample = nullptr;
struct sigaction of_program {};

void copy_stack(StackSample& sample) noexcept {
  for (const std::uint64_t below : {red_zone, std::uint64_t{0}}) {  // the red zone may reach into a guard page
    sample.low = sample.registers[StackSample::rsp] - below;
    sample.size = read_memory(sample.low, sample.bytes.data(), sample.bytes.size());
    if (sample.size != 0) return;
  }
}

void copy_registers(const ucontext_t& from, StackSample& to) noexcept {
  constexpr std::array<int, StackSample::count> order{REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                                      REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                                      REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  to.known = 0;
  for (unsigned i = 0; i < order.size(); ++i) {
    to.set(static_cast<StackSample::Register>(i), static_cast<std::uint64_t>(from.uc_mcontext.gregs[order[i]]));
  }
}

bool is_for_us(const siginfo_t& info) noexcept {
  if (info.si_code != SI_TKILL || info.si_pid != static_cast<pid_t>(syscall(SYS_getpid))) return false;
  if (asked_thread.load() != static_cast<pid_t>(syscall(SYS_gettid))) return false;
  std::uint32_t seen = asked;
  return step.compare_exchange_strong(seen, copying);
}

void hand_to_program(int number, siginfo_t* info, void* context) noexcept {
  if ((of_program.sa_flags & SA_SIGINFO) != 0) {
    of_program.sa_sigaction(number, info, context);
  } else if (of_program.sa_handler != SIG_DFL && of_program.sa_handler != SIG_IGN) {
    of_program.sa_handler(number);
  }
}

void on_signal(int number, siginfo_t* info, void* context) {
  const int saved = errno;
  if (is_for_us(*info)) {
    copy_registers(*static_cast<ucontext_t*>(context), *asked_sample);
    copy_stack(*asked_sample);
    step.store(done);
    syscall(SYS_futex, &step, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, nullptr, nullptr, 0);
    errno = saved;
  } else {
    errno = saved;
    hand_to_program(number, info, context);
  }
}

// SIGURG is ours in its scope.
class Handler {
 public:
  Handler() noexcept {
    struct sigaction ours {};
    sigaction(SIGURG, nullptr, &of_program);
    ours.sa_sigaction = on_signal;
    ours.sa_mask = of_program.sa_mask;
    ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigaction(SIGURG, &ours, nullptr);
  }
  ~Handler() {
    struct sigaction now {};
    sigaction(SIGURG, nullptr, &now);
    if (now.sa_sigaction == on_signal) sigaction(SIGURG, &of_program, nullptr);  // else the program has set its own
  }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
};

bool await(Deadline deadline) noexcept {
  const timespec until = deadline.kernel_time();
  for (std::uint32_t now; (now = step.load()) != done;) {
    std::uint32_t seen = asked;
    // A copy that has begun is waited for: it is written to our memory.
    if (now == asked && deadline.has_passed() && step.compare_exchange_strong(seen, none)) return false;
    syscall(SYS_futex, &step, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, now, now == asked ? &until : nullptr, nullptr,
            FUTEX_BITSET_MATCH_ANY);
  }
  step.store(none);
  return true;
}

bool sample_running(pid_t thread, StackSample& sample) noexcept {
  const Handler handler;
  asked_sample = &sample;
  asked_thread.store(thread);
  step.store(asked);
  if (syscall(SYS_tgkill, getpid(), thread, SIGURG) == 0) return await(Deadline::in(patience));
  step.store(none);
  return false;
}

// proc_pid_syscall(5): "running", or a number, six arguments, stack pointer and program counter; without the arguments
// if the thread sleeps, but not in a system call.
struct SyscallLine {
  std::array<char, 256> text{};

  explicit SyscallLine(pid_t thread) noexcept {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/syscall", thread);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (pread(fd, text.data(), text.size() - 1, 0) < 0) text[0] = '\0';
    close(fd);
  }
  [[nodiscard]] bool is_running() const noexcept { return std::strncmp(text.data(), "running", 7) == 0; }
  [[nodiscard]] bool parse(StackSample& sample) const noexcept {
    const char* last = std::strrchr(text.data(), ' ');
    if (last == nullptr) return false;
    const char* before = last;
    while (before > text.data() && *--before != ' ') {
    }
    std::uint64_t sp = 0, pc = 0;
    if (std::sscanf(before, " 0x%" SCNx64 " 0x%" SCNx64, &sp, &pc) != 2) return false;
    sample.known = 0;
    sample.set(StackSample::rsp, sp);
    sample.set(StackSample::pc, pc);
    return true;
  }
  bool operator==(const SyscallLine&) const = default;
};

}  // namespace

std::size_t read_memory(std::uint64_t address, void* to, std::size_t size) noexcept {
  // The manual promises whole elements only: one for each page, so that all up to the first hole is read.
  std::array<iovec, StackSample::room / page + 1> pages{};
  std::size_t count = 0, listed = 0;
  for (; listed < size && count < pages.size(); ++count) {
    const std::uint64_t from = address + listed;
    pages[count] = {reinterpret_cast<void*>(from), std::min(size - listed, page - from % page)};
    listed += pages[count].iov_len;
  }
  const iovec whole{to, listed};
  const long got = syscall(SYS_process_vm_readv, syscall(SYS_getpid), &whole, 1UL, pages.data(), count, 0UL);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

bool StackSample::read(std::uint64_t address, std::uint64_t& word) const noexcept {
  if (address < low || size < sizeof word || address - low > size - sizeof word) return false;
  std::memcpy(&word, bytes.data() + (address - low), sizeof word);
  return true;
}

bool sample_stack(pid_t thread, StackSample& sample) noexcept {
  sample.known = 0;
  sample.size = 0;
  constexpr int tries = 3;  // it may wake up while we copy
  for (int i = 0; i < tries; ++i) {
    const SyscallLine before(thread);
    if (before.is_running()) return sample_running(thread, sample);
    if (!before.parse(sample)) return false;
    copy_stack(sample);
    if (before == SyscallLine(thread)) return true;
  }
  return false;
}

}  // namespace evergreen::core
