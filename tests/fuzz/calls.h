// The table of calls (calls.def).
#pragma once

#include <array>
#include <span>

#include "tests/fuzz/arguments.h"

namespace fuzz {

enum class Result { Int, Long, Nothing, Pointer, Map, Child, Error, Some };

struct Row {
  const char* name;
  Result result;
  long number;  // of the system call; none
  std::array<Kind, 8> kinds;
  bool is_raw;  // by number only
  bool is_rare;
  bool is_last;
};

constexpr long none = -1;

std::span<const Row> rows();
const Row& any_row(Random& random);

// Appends the arguments to the call, whose is_raw is set.
void choose_arguments(const Row& row, Call& call);

// libc's function, or the shim that stands in for it.
using Function = long (*)(long, long, long, long, long, long, long, long);
Function find_function(const char* name);

// "same as ..." for people; steady from run to run.
std::string words_of_result(const Row& row, long result);

// Prints each of the hooked symbols that calls.def forgets, and each of calls.def that libc does not have.
bool check_rows(std::span<char*> hooked);

}  // namespace fuzz
