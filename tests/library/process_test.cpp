// gevent.subprocess: what its documentation promises.
#include "evergreen/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "evergreen/hub.h"
#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

// A child that is there until it is told to go.
Process start_cat() { return Process({"cat"}, {.stdin = Stdio::pipe, .stdout = Stdio::pipe}); }

bool is_gone(pid_t pid) { return ::kill(pid, 0) != 0 && errno == ESRCH; }

void await_gone(pid_t pid) {
  while (!is_gone(pid)) sleep(1ms);
}

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "a child's exit status is its return code", "[process]") {
  CHECK(call({"true"}) == 0);
  CHECK(call({"sh", "-c", "exit 7"}) == 7);
  CHECK(call({"sh", "-c", "kill -TERM $$"}) == -SIGTERM);
}

TEST_CASE_METHOD(LibraryFixture, "the others go on while one waits for a child", "[process]") {
  Process cat = start_cat();
  int code = -1;
  const auto waiter = spawn([&] { code = cat.wait(); });
  sleep(1ms);
  CHECK_FALSE(waiter.dead());
  CHECK(cat.poll() == std::nullopt);
  CHECK(cat.returncode() == std::nullopt);
  cat.stdin().close();
  waiter.join();
  CHECK(code == 0);
  CHECK(cat.poll() == 0);
  CHECK(cat.returncode() == 0);
  CHECK(is_gone(cat.pid()));
}

TEST_CASE_METHOD(LibraryFixture, "several wait for one child, from threads too", "[process]") {
  Process cat = start_cat();
  int ended = 0, in_thread = -1;
  for (int i = 0; i < 3; ++i) spawn([&] { ended += cat.wait() == 0 ? 1 : 0; });
  std::thread thread([&] { in_thread = cat.wait(); });
  sleep(1ms);
  cat.stdin().close();
  cat.wait();
  thread.join();
  settle();
  CHECK(ended == 3);
  CHECK(in_thread == 0);
}

TEST_CASE_METHOD(LibraryFixture, "wait throws TimeoutExpired, and the child goes on", "[process]") {
  Process cat = start_cat();
  CHECK_THROWS_AS(cat.wait(1ms), TimeoutExpired);
  try {
    cat.wait(Deadline::now());
  } catch (const TimeoutExpired& expired) {
    CHECK(expired.args == std::vector<std::string>{"cat"});
    CHECK(expired.what() == std::string("'cat' has not ended in time"));
  }
  CHECK_FALSE(is_gone(cat.pid()));
  cat.kill();
  CHECK(cat.wait() == -SIGKILL);
}

TEST_CASE_METHOD(LibraryFixture, "kill and a timeout end the wait for a child, not the child", "[process]") {
  Process cat = start_cat();
  const auto waiter = spawn([&] { cat.wait(); });
  sleep(0);
  waiter.kill();
  CHECK(waiter.dead());
  {
    Timeout timeout(1ms);
    CHECK_THROWS_AS(cat.wait(), Timeout);
  }
  CHECK(cat.poll() == std::nullopt);
  cat.terminate();
  CHECK(cat.wait() == -SIGTERM);
}

TEST_CASE_METHOD(LibraryFixture, "signals are sent to a child that runs, and to nobody later", "[process]") {
  Process shell({"sh", "-c", "trap 'exit 3' USR1; echo ready; while :; do sleep 0.01; done"}, {.stdout = Stdio::pipe});
  const std::string ready = shell.stdout().read(100);
  CHECK(ready == "ready\n");
  shell.send_signal(SIGUSR1);
  CHECK(shell.wait() == 3);
  shell.kill();
  shell.terminate();
  CHECK(shell.returncode() == 3);
}

TEST_CASE_METHOD(LibraryFixture, "a program that cannot be run is an error at once", "[process]") {
  try {
    Process process({"/no/such/program"});
    FAIL("it was started");
  } catch (const std::system_error& error) {
    CHECK(error.code() == std::errc::no_such_file_or_directory);
    CHECK(std::string(error.what()).find("/no/such/program") != std::string::npos);
  }
  CHECK_THROWS_AS(Process({"/etc/passwd"}), std::system_error);
  CHECK_THROWS_AS(Process({"true"}, {.cwd = "/no/such/directory"}), std::system_error);
  CHECK_THROWS_AS(Process(std::vector<std::string>{}), std::invalid_argument);
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1);  // and leaves no child
}

TEST_CASE_METHOD(LibraryFixture, "communicate moves more than pipes hold, both ways at once", "[process]") {
  std::string data;
  for (int i = 0; data.size() < 3'000'000; ++i) data += std::to_string(i) + '\n';
  Process tee({"sh", "-c", "tee /dev/stderr"}, {.stdin = Stdio::pipe, .stdout = Stdio::pipe, .stderr = Stdio::pipe});
  const ProcessOutput output = tee.communicate(data);
  CHECK(output.stdout == data);
  CHECK(output.stderr == data);
  CHECK(tee.returncode() == 0);
}

TEST_CASE_METHOD(LibraryFixture, "a child that does not read its input is no error", "[process]") {
  const ProcessOutput output =
      Process({"sh", "-c", "exec <&-; echo bye"}, {.stdin = Stdio::pipe, .stdout = Stdio::pipe})
          .communicate(std::string(1'000'000, 'x'));
  CHECK(output.stdout == "bye\n");
}

TEST_CASE_METHOD(LibraryFixture, "after TimeoutExpired communicate goes on, and nothing is lost", "[process]") {
  Process shell({"sh", "-c", "echo first; read line; echo second"}, {.stdin = Stdio::pipe, .stdout = Stdio::pipe});
  Descriptor stays_open(dup(shell.stdin().get()));
  std::string so_far;
  while (so_far.empty()) {
    try {
      shell.communicate({}, 5ms);
    } catch (const TimeoutExpired& expired) {
      so_far = expired.output.stdout;
    }
  }
  CHECK(so_far == "first\n");
  stays_open.write_all("go\n");
  const ProcessOutput output = shell.communicate();
  CHECK(output.stdout == "first\nsecond\n");
}

TEST_CASE_METHOD(LibraryFixture, "streams go where they are told", "[process]") {
  CHECK(check_output({"sh", "-c", "echo out; echo err >&2"}, {.stderr = Stdio::to_stdout}) == "out\nerr\n");
  CHECK(check_output({"cat"}, {.stdin = Stdio::null}).empty());
  CHECK(run({"echo", "hello"}, {.stdout = Stdio::null}).output.stdout.empty());
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  Descriptor from(ends[0]);
  {
    const Descriptor to(ends[1]);
    check_call({"echo", "into a descriptor"}, {.stdout = to});
    CHECK(to.get() >= 0);  // still ours
  }
  const std::string all = from.read_all();
  CHECK(all == "into a descriptor\n");
}

TEST_CASE_METHOD(LibraryFixture, "streams may be exchanged", "[process]") {
  // stdout becomes what is our stderr, and the other way round: dup2 in the wrong order would lose one.
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  Descriptor from(ends[0]), to(ends[1]);
  const Descriptor saved(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  dup2(to.get(), STDERR_FILENO);
  const int code = call({"sh", "-c", "echo x"}, {.stdout = Stdio(STDERR_FILENO), .stderr = Stdio(STDOUT_FILENO)});
  dup2(saved.get(), STDERR_FILENO);
  to.close();
  const std::string all = from.read_all();
  CHECK(code == 0);
  CHECK(all == "x\n");
}

TEST_CASE_METHOD(LibraryFixture, "directory, environment and session are the child's", "[process]") {
  CHECK(check_output({"pwd"}, {.cwd = "/usr"}) == "/usr\n");
  CHECK(check_output({"/usr/bin/env"}, {.env = {{{"A", "1"}, {"B", "two words"}}}}) == "A=1\nB=two words\n");
  const std::string own = "ps -o sid= -p $$ 2>/dev/null || cut -d' ' -f6 /proc/$$/stat";
  const int session = std::stoi(check_output({"sh", "-c", own}, {.start_new_session = true}));
  CHECK(session != getsid(0));
  CHECK(std::stoi(check_output({"sh", "-c", own})) == getsid(0));
}

TEST_CASE_METHOD(LibraryFixture, "a child has no other descriptors, and SIGPIPE as usual", "[process]") {
  const Descriptor open_for_exec(dup(STDIN_FILENO));  // without FD_CLOEXEC
  const std::string number = std::to_string(open_for_exec.get());
  CHECK(check_output({"sh", "-c", "[ -e /proc/self/fd/" + number + " ] || echo closed"}) == "closed\n");
  CHECK(check_output({"sh", "-c", "[ -e /proc/self/fd/" + number + " ] && echo open"}, {.close_fds = false}) ==
        "open\n");
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  CHECK(call({"sh", "-c", "kill -PIPE $$; exit 1"}) == -SIGPIPE);
  ::signal(SIGPIPE, before);
}

TEST_CASE_METHOD(LibraryFixture, "a child that still runs when its Process dies is killed, and reaped", "[process]") {
  pid_t pid = 0;
  const auto owner = spawn([&] {
    Process cat = start_cat();
    pid = cat.pid();
    sleep(1h);
  });
  sleep(0);
  CHECK_FALSE(is_gone(pid));
  owner.kill();
  await_gone(pid);
  settle();
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE_METHOD(LibraryFixture, "nobody waits for a detached child, but it is reaped", "[process]") {
  Descriptor input;
  pid_t pid = 0;
  {
    Process cat = start_cat();
    input = std::move(cat.stdin());
    pid = cat.pid();
    cat.detach();
  }
  sleep(0);
  CHECK_FALSE(is_gone(pid));
  CHECK(get_hub().join());  // does not wait for it
  input.close();
  await_gone(pid);
  settle();
}

TEST_CASE_METHOD(LibraryFixture, "a Process can be moved; what it had is killed", "[process]") {
  Process process = start_cat();
  const pid_t first = process.pid();
  process = start_cat();
  await_gone(first);
  CHECK_FALSE(is_gone(process.pid()));
  Process other = std::move(process);
  other.stdin().close();
  CHECK(other.wait() == 0);
  settle();
}

TEST_CASE_METHOD(LibraryFixture, "run returns what there is, check_* throw for failures", "[process]") {
  const CompletedProcess completed =
      run({"sh", "-c", "cat; echo oops >&2; exit 2"}, {.stdout = Stdio::pipe, .stderr = Stdio::pipe}, "input");
  CHECK(completed.returncode == 2);
  CHECK(completed.output.stdout == "input");
  CHECK(completed.output.stderr == "oops\n");
  CHECK_THROWS_AS(completed.check_returncode(), CalledProcessError);
  CHECK_THROWS_AS(check_call({"false"}), CalledProcessError);
  CHECK_NOTHROW(check_call({"true"}));
  try {
    check_output({"sh", "-c", "echo partial; kill -KILL $$"});
    FAIL("no exception");
  } catch (const CalledProcessError& error) {
    CHECK(error.returncode == -SIGKILL);
    CHECK(error.output.stdout == "partial\n");
    CHECK(error.what() == std::string("'sh -c echo partial; kill -KILL $$' was ended by SIGKILL"));
  }
}

TEST_CASE_METHOD(LibraryFixture, "run kills the child at its deadline, and when its greenlet is killed", "[process]") {
  CHECK_THROWS_AS(run({"sleep", "1000"}, {}, {}, 5ms), TimeoutExpired);
  const auto runner = spawn([] { run({"sleep", "1000"}); });
  sleep(1ms);
  runner.kill();
  while (waitpid(-1, nullptr, WNOHANG) != -1) sleep(1ms);
  settle();
}

TEST_CASE_METHOD(LibraryFixture, "many children at once", "[process]") {
  int sum = 0;
  std::vector<Greenlet<void>> all;
  for (int i = 1; i <= 20; ++i) {
    all.push_back(spawn([&, i] { sum += std::stoi(check_output({"echo", std::to_string(i)})); }));
  }
  for (const auto& one : all) one.get();
  CHECK(sum == 210);
}
