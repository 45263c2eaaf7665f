// Library mode: greenlets that share their kernel thread's TLS block. A program of its own, because a process has one
// first hub, and that of the unit tests runs threads. Ends with status 0 if all holds.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <regex>
#include <stdexcept>
#include <string>
#include <utility>

#include "hub/core/can_migrate.h"
#include "hub/core/hub.h"
#include "hub/core/hubs.h"
#include "hub/core/park.h"
#include "hub/core/spawn.h"
#include "hub/core/wait_fd.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace std::chrono_literals;

namespace {

void check(bool holds, const char* what) {
  if (holds) return;
  std::printf("FAILED: %s\n", what);
  std::exit(EXIT_FAILURE);
}

int alive = 0;

class Guest : public core::HubGreenlet {
 public:
  Guest(core::Hub& hub, const core::Place& place, std::function<void()> body)
      : HubGreenlet(hub, place, entry), body_(std::move(body)) {
    when_dead_ = [](RawGreenlet& raw) noexcept { core::bury(static_cast<Guest&>(raw)); };
  }

 private:
  static RawGreenlet& entry(RawGreenlet& raw) {
    auto& self = static_cast<Guest&>(raw);
    core::begin_user_code(self);
    self.body_();
    --alive;
    core::end_user_code();
    return self.home->leave_for_ever(self);
  }

  std::function<void()> body_;
};

void spawn(core::Hub& hub, std::function<void()> body) {
  ++alive;
  hub.adopt(core::make_greenlet<Guest>(hub, core::take_shared_place(64 << 10, core::current->block()), std::move(body)));
}

void sleep_for(std::chrono::nanoseconds length) { core::sleep_until(Deadline::in(length), "test"); }

void join_all() {
  while (alive != 0) sleep_for(1ms);
}

thread_local int shared_by_all = 0;

// errno and exceptions in flight are a greenlet's own; the kernel thread's variables are not.
void what_follows_a_greenlet(core::Hub& hub) {
  core::HubGreenlet* const main = core::current;
  for (int id = 1; id <= 3; ++id) {
    spawn(hub, [id, self = static_cast<core::HubGreenlet*>(nullptr)]() mutable {
      self = core::current;
      ++shared_by_all;
      errno = id;
      try {
        throw id;
      } catch (int caught) {
        for (int i = 0; i < 10; ++i) core::yield();
        sleep_for(1ms);
        check(caught == id && std::current_exception() != nullptr, "an exception is the greenlet's own");
      }
      check(errno == id, "errno is the greenlet's own");
      check(core::current == self, "a greenlet knows who it is");
      check(!core::can_migrate(), "it stays on its kernel thread");
    });
  }
  join_all();
  check(core::current == main, "so does the main one");
  check(shared_by_all == 3, "thread_local is the kernel thread's");
}

void descriptors(core::Hub& hub) {
  int ends[2];
  check(pipe(ends) == 0, "pipe");
  char byte = 0;
  spawn(hub, [&] {
    check(core::wait_fd(ends[0], core::Direction::read, "test", Deadline::in(20s)) == core::Wake::woken, "woken");
    check(read(ends[0], &byte, 1) == 1, "read");
  });
  core::yield();
  check(write(ends[1], "x", 1) == 1, "write");
  join_all();
  check(byte == 'x', "the byte arrived");
}

volatile unsigned long sink;

bool is_reported() {
  struct stat errors {};
  return fstat(STDERR_FILENO, &errors) == 0 && errors.st_size != 0;
}

// For 300 ms at least, and until somebody has complained.
[[gnu::noinline]] void hold_up_the_others() {
  const Deadline enough = Deadline::in(300ms), too_long = Deadline::in(30s);
  while (!enough.has_passed() || !(is_reported() || too_long.has_passed())) {
    for (int i = 0; i < 100'000; ++i) sink = sink + 1;
  }
  sink = sink + 1;
}

// The hub stays where it is, and the one who held it up is named.
int hold_up(core::Hub& hub) {
  const pid_t thread = gettid();
  spawn(hub, [] { hold_up_the_others(); });
  for (int i = 0; i < 10; ++i) sleep_for(1ms);
  join_all();
  return gettid() == thread && core::Hubs::statistics().retakes == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

// What `body` writes to stderr, which is a file meanwhile.
std::string errors_of(const std::function<void()>& body) {
  std::FILE* file = std::tmpfile();
  const int kept = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  body();
  dup2(kept, STDERR_FILENO);
  std::string text(4096, '\0');
  text.resize(static_cast<std::size_t>(pread(fileno(file), text.data(), text.size(), 0)));
  return text;
}

}  // namespace

int main() {
  test::require_glibc();
  struct Main : core::HubGreenlet {};
  core::Hub& hub = core::Hub::start(*new Main, core::Mode::library);
  what_follows_a_greenlet(hub);
  descriptors(hub);
  int status = EXIT_FAILURE;
  const std::string errors = errors_of([&] { status = hold_up(hub); });
  check(status == EXIT_SUCCESS, "the hub was not taken");
  std::fputs(errors.c_str(), stdout);
  check(std::regex_search(errors, std::regex("evergreen: greenlet \\d+ has held up 1 other.*hold_up_the_others")),
        "the one who held up the others is named");
  return EXIT_SUCCESS;
}
