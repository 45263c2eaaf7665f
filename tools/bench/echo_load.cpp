// The load generator: options in, one line of key=value pairs when all connections stand, one at the end. Exit status 1
// where anything went wrong with any connection.

#include <getopt.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "tools/bench/listener.h"
#include "tools/bench/load.h"

namespace {

using namespace bench;

constexpr char help[] =
    "Usage: echo_load --port PORT [--connections N] [--size BYTES] [--hold] [--warmup SECONDS]\n"
    "                 [--seconds SECONDS | --requests N] [--server PID]\n";

constexpr option known[] = {{"port", required_argument, nullptr, 'p'},
                            {"connections", required_argument, nullptr, 'c'},
                            {"size", required_argument, nullptr, 'b'},
                            {"hold", no_argument, nullptr, 'h'},
                            {"warmup", required_argument, nullptr, 'w'},
                            {"seconds", required_argument, nullptr, 's'},
                            {"requests", required_argument, nullptr, 'r'},
                            {"server", required_argument, nullptr, 'P'},
                            {}};

LoadOptions parse_options(int argc, char** argv) {
  LoadOptions options;
  for (int key; (key = getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    switch (key) {
      case 'p':
        options.port = static_cast<uint16_t>(std::atoi(optarg));
        break;
      case 'c':
        options.connections = static_cast<unsigned>(std::atoi(optarg));
        break;
      case 'b':
        options.size = static_cast<size_t>(std::atoll(optarg));
        break;
      case 'h':
        options.hold = true;
        break;
      case 'w':
        options.warmup = std::atof(optarg);
        break;
      case 's':
        options.seconds = std::atof(optarg);
        break;
      case 'r':
        options.requests = static_cast<uint64_t>(std::atoll(optarg));
        options.seconds = std::numeric_limits<double>::infinity();
        break;
      case 'P':
        options.server = static_cast<pid_t>(std::atoi(optarg));
        break;
      default:
        options.port = 0, optind = argc;
    }
  }
  if (options.port == 0 || options.connections == 0 || options.size == 0 || optind != argc) {
    std::fputs(help, stderr);
    std::exit(2);
  }
  return options;
}

float percentile(std::vector<float>& values, double part) {
  if (values.empty()) return 0;
  const auto nth = values.begin() + static_cast<ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

void print(const LoadOptions& options, LoadResult& result) {
  const auto requests = static_cast<double>(result.latencies.size());
  std::printf("connections=%u size=%zu requests=%.0f seconds=%.3f requests_per_s=%.0f", options.connections,
              options.size, requests, result.seconds, result.seconds > 0 ? requests / result.seconds : 0);
  std::printf(" p50_us=%.1f", percentile(result.latencies, 0.5));
  std::printf(" p99_us=%.1f", percentile(result.latencies, 0.99));
  std::printf(" max_us=%.1f", percentile(result.latencies, 1));
  if (options.server != 0 && requests > 0) {
    std::printf(" server_cpu_us=%.3f", result.server_cpu_seconds * 1e6 / requests);  // a request
    std::printf(" server_threads=%ld server_rss_kib=%ld server_page_tables_kib=%ld", result.server_threads,
                result.server_rss_kib, result.server_page_tables_kib);
  }
  std::printf(" verified=%" PRIu64 " errors=%" PRIu64 "\n", result.verified, result.errors);
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse_options(argc, argv);
  raise_descriptor_limit();
  auto result = Load(options).run([&](const LoadResult& so_far) {
    std::printf("connected=%" PRIu64 " connect_seconds=%.3f\n", options.connections - so_far.errors,
                so_far.connect_seconds);
    std::fflush(stdout);
  });
  print(options, result);
  return result.errors == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
