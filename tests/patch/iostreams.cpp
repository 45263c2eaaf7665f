// std::cin and std::cout, which are stdio's streams or descriptors of their own: others run while they wait.
#include <fstream>
#include <iostream>
#include <string>

#include "tests/support/case.h"
extern "C" {
#include "tests/support/sockets.h"
}

namespace {

void read_words(void*) {
  std::string word, line;
  int number = 0;
  CHECK(std::cin >> number >> word);
  CHECK_EQ(number, 17);
  CHECK_TEXT(word.c_str(), "words");
  CHECK(std::getline(std::cin, line));
  CHECK_TEXT(line.c_str(), " and the rest");
}

void write_words(void* ends) {
  constexpr char text[] = "17 words and the rest\n";
  CHECK_EQ(write(static_cast<int*>(ends)[kWriteEnd], text, sizeof text - 1), sizeof text - 1);
}

void print_large(void*) { CHECK(std::cout.write(reinterpret_cast<const char*>(large), kLarge).flush()); }

// As standard input or output, which are the program's own again at the end.
void meet_through(int standard, int end, void (*block)(void*), void (*other)(void*)) {
  int ends[2];
  open_pipe(ends);
  fflush(stdout);
  const int before = dup(standard);
  CHECK_EQ(dup2(ends[end], standard), standard);
  meet(block, other, ends);
  CHECK_EQ(dup2(before, standard), standard);
  close(before);
  close_both(ends);
}

}  // namespace

CASE(cin) { meet_through(0, kReadEnd, read_words, write_words); }
CASE(cout) { meet_through(1, kWriteEnd, print_large, drain_large); }

CASE(a_file_stream) {
  int ends[2];
  open_pipe(ends);
  std::ifstream input("/proc/self/fd/" + std::to_string(ends[kReadEnd]));
  CHECK(input.is_open());
  const pthread_t writer = start(
      [](void* argument) -> void* {
        write_words(argument);
        return nullptr;
      },
      ends);
  std::string line;
  CHECK(std::getline(input, line));
  CHECK_TEXT(line.c_str(), "17 words and the rest");
  join(writer);
  close_both(ends);
}

CASE(cin_and_cout_without_stdio) {
  std::ios::sync_with_stdio(false);
  meet_through(0, kReadEnd, read_words, write_words);
  meet_through(1, kWriteEnd, print_large, drain_large);
}
