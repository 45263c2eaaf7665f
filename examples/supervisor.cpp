// Keeps commands running: what they write is shown line by line, one that ends is started again, after a pause that
// grows while it does not last. SIGTERM ends them all: by SIGTERM, or a second later by SIGKILL.
//
//     supervisor COMMAND...
#include <evergreen/evergreen.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using evergreen::Process, evergreen::Stdio;

namespace {

constexpr std::chrono::milliseconds shortest_pause = 10ms, longest_pause = 5s, lasts = 10s;

void say(const std::string& name, std::string_view text) { std::cout << name << ": " << text << std::endl; }

void end_gently(Process& process) {
  process.terminate();
  try {
    process.wait(1s);
  } catch (const evergreen::TimeoutExpired&) {
    process.kill();
    process.wait();
  }
}

// From its start to its end; whoever is killed meanwhile takes it along.
void run_once(const std::string& name, const std::string& command) {
  Process process({"sh", "-c", "exec " + command}, {.stdout = Stdio::pipe, .stderr = Stdio::to_stdout});
  say(name, "started as " + std::to_string(process.pid()));
  try {
    evergreen::LineReader output(process.stdout());
    for (std::string_view line : output.lines()) say(name, line);
    const int code = process.wait();
    say(name, code < 0 ? "ended by signal " + std::to_string(-code) : "ended with " + std::to_string(code));
  } catch (const evergreen::GreenletExit&) {
    end_gently(process);
    say(name, "stopped");
    throw;
  }
}

void supervise(const std::string& name, const std::string& command) {
  for (auto pause = shortest_pause;; pause = std::min(2 * pause, longest_pause)) {
    const auto began = std::chrono::steady_clock::now();
    run_once(name, command);
    if (std::chrono::steady_clock::now() - began >= lasts) pause = shortest_pause;
    evergreen::sleep(pause);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<evergreen::Greenlet<void>> supervisors;
  for (int i = 1; i < argc; ++i) supervisors.push_back(evergreen::spawn(supervise, std::to_string(i), argv[i]));

  evergreen::signal(SIGTERM, [&] { evergreen::killall(supervisors); });
  evergreen::joinall(supervisors);
  std::cout << "all stopped" << std::endl;
}
