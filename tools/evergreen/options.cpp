#include "tools/evergreen/options.h"

#include <getopt.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tools/evergreen/refusal.h"

namespace evergreen {
namespace {

using namespace std::string_literals;

constexpr uint64_t stack_size_min = uint64_t{16} << 10;
constexpr uint64_t stack_size_max = uint64_t{1} << 40;  // of 2^47 bytes of addresses

constexpr unsigned hubs_max = 30;

constexpr char help[] =
    "Usage: evergreen [--stats] [--hubs N] [--stack-size SIZE] PROGRAM [ARGS...]\n"
    "\n"
    "Runs PROGRAM with its threads as greenlets: its blocking calls let the others go on.\n"
    "\n"
    "  --stats            print one line of counters on stderr when the program exits\n"
    "  --hubs N           event loops that threads are dealt to, 1 to 30; 1 unless given\n"
    "  --stack-size SIZE  stack of a thread that asks for none: bytes, or with K, M or G;\n"
    "                     at least 16K\n"
    "  --help, --version  print this, or the version\n"
    "\n"
    "The exit status is PROGRAM's; 127 where there is no such program, 126 where it cannot be\n"
    "executed, 2 where it cannot run under evergreen, with one line that says why.\n";

[[noreturn]] void print_and_exit(const char* text) {
  std::fputs(text, stdout);
  std::exit(EXIT_SUCCESS);
}

uint64_t parse_size(std::string_view text) {
  const auto bad = [&](const char* why) { return Refusal{"--stack-size " + std::string(text) + ": " + why}; };
  uint64_t size = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, size);
  if (error == std::errc::result_out_of_range) throw bad("too large; give a smaller one");
  const auto suffix = static_cast<size_t>(end - rest);
  const auto power = suffix == 0 ? 0 : " KMG"s.find(*rest);
  if (error != std::errc() || suffix > 1 || power == std::string::npos || (suffix == 1 && power == 0)) {
    throw bad("not a size; give bytes, or a number with K, M or G");
  }
  const auto shift = 10 * power;
  if (size > stack_size_max >> shift) throw bad("too large; give a smaller one");
  if (size << shift < stack_size_min) throw bad("too small; give at least 16K");
  return size << shift;
}

unsigned parse_hubs(std::string_view text) {
  unsigned hubs = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), hubs);
  if (error != std::errc() || rest != text.data() + text.size() || hubs < 1 || hubs > hubs_max) {
    throw Refusal{"--hubs " + std::string(text) + ": not a number of hubs; give 1 to " + std::to_string(hubs_max)};
  }
  return hubs;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  static constexpr option known[] = {{"stats", no_argument, nullptr, 's'},
                                     {"hubs", required_argument, nullptr, 'n'},
                                     {"stack-size", required_argument, nullptr, 'z'},
                                     {"help", no_argument, nullptr, 'h'},
                                     {"version", no_argument, nullptr, 'v'},
                                     {}};
  opterr = 0;  // we say it ourselves
  Options options;
  for (;;) {
    const int tried = optind;
    switch (getopt_long(argc, argv, "+:", known, nullptr)) {
      case 's':
        options.stats = true;
        break;
      case 'n':
        options.hubs = parse_hubs(optarg);
        break;
      case 'z':
        options.stack_size = parse_size(optarg);
        break;
      case 'h':
        print_and_exit(help);
      case 'v':
        print_and_exit("evergreen " EVERGREEN_VERSION "\n");
      case ':':
        throw Refusal{argv[tried] + ": needs a value; see evergreen --help"s};
      case '?':
        throw Refusal{argv[tried] + ": no such option; see evergreen --help"s};
      default:
        if (optind == argc) throw Refusal{"no program given; see evergreen --help"};
        options.command = argv + optind;
        return options;
    }
  }
}

}  // namespace evergreen
