// The floor for switch, spawn and idle: bare Boost.Context, no scheduler, no TLS blocks, no guard pages. Prints what
// the programs of the same names print for threads.
//
//     fibers switch|spawn|idle COUNT

#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/bench/measure.h"

namespace {

namespace context = boost::context;

constexpr size_t stack_size = 65536;

template <class Body>
context::fiber make_fiber(Body body) {
  return {std::allocator_arg, context::fixedsize_stack(stack_size), body};
}

context::fiber bounce(context::fiber&& back) {
  for (;;) back = std::move(back).resume();
}

void measure_switch(long count) {
  auto other = make_fiber(bounce);
  const double start = now_ns();
  for (long i = 0; i < count; ++i) other = std::move(other).resume();
  std::printf("ns=%.1f handovers=1.000\n", (now_ns() - start) / (2.0 * static_cast<double>(count)));
}

void measure_spawn(long count) {
  const double start = now_ns();
  for (long i = 0; i < count; ++i) make_fiber([](context::fiber&& back) { return std::move(back); }).resume();
  std::printf("ns=%.1f\n", (now_ns() - start) / static_cast<double>(count));
}

void measure_idle(long count) {
  std::vector<context::fiber> idle(static_cast<size_t>(count));
  const long rss = self_status("VmRSS:");
  const long page_tables = self_status("VmPTE:");
  for (auto& fiber : idle) fiber = make_fiber(bounce).resume();
  std::printf("threads=%ld kernel_threads=0 rss_kib=%ld page_tables_kib=%ld\n", count, self_status("VmRSS:") - rss,
              self_status("VmPTE:") - page_tables);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view question = argc == 3 ? argv[1] : "";
  const long count = argc == 3 ? std::atol(argv[2]) : 0;
  if (question == "switch") return measure_switch(count), EXIT_SUCCESS;
  if (question == "spawn") return measure_spawn(count), EXIT_SUCCESS;
  if (question == "idle") return measure_idle(count), EXIT_SUCCESS;
  std::fputs("Usage: fibers switch|spawn|idle COUNT\n", stderr);
  return 2;
}
