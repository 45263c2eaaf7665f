#include "evergreen/run_info.h"

#include <stdexcept>

#include "hub/core/hubs.h"
#include "hub/core/library.h"
#include "hub/core/park.h"
#include "hub/fiber.h"

namespace evergreen {

std::vector<RunInfo> run_info() {
  core::Hub& hub = core::library_hub();
  if (core::current == nullptr || core::current->home != &hub) {
    throw std::logic_error("run_info() is for greenlets of the library");
  }
  std::vector<RunInfo> infos;
  for (Fiber::Sight& one : Fiber::all()) infos.push_back({AnyGreenlet(std::move(one.state)), one.waits_for});
  return infos;
}

std::vector<std::string> format_run_info() {
  const AnyGreenlet me = getcurrent();
  std::vector<std::string> lines;
  for (const RunInfo& info : run_info()) {
    const char* state = info.greenlet == me ? "runs" : info.waits_for != nullptr ? info.waits_for : "ready";
    lines.push_back(info.greenlet.name() + ": " + state);
  }
  return lines;
}

void print_run_info(std::FILE* to) {
  for (const std::string& line : format_run_info()) std::fprintf(to, "%s\n", line.c_str());
}

}  // namespace evergreen
