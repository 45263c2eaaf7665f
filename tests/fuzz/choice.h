// One of several named values.
#pragma once

#include <cstdio>
#include <iterator>

#include "tests/fuzz/arguments.h"

namespace fuzz {

struct Choice {
  long value;
  const char* name;
};
#define NAMED(value) \
  fuzz::Choice { static_cast<long>(value), #value }

inline std::string number(long value) {
  char text[32];
  std::snprintf(text, sizeof text, "%ld", value);
  return text;
}

template <std::size_t size>
long one_of(Call& call, const Choice (&choices)[size]) {
  const Choice& chosen = choices[call.random.below(size)];
  call.add(chosen.value, chosen.name);
  return chosen.value;
}

// None, one or two of the flags; seldom, bits that mean nothing.
template <std::size_t size>
void some_of(Call& call, const Choice (&choices)[size]) {
  if (call.random.percent(6)) {
    const auto bits = static_cast<int>(call.random.next());
    call.add(bits, "bits " + number(bits));
    return;
  }
  long bits = 0;
  std::string names;
  for (std::size_t n = call.random.below(3); n > 0; --n) {
    const Choice& chosen = choices[call.random.below(size)];
    bits |= chosen.value;
    names += (names.empty() ? "" : "|") + std::string(chosen.name);
  }
  call.add(bits, names.empty() ? "0" : names);
}

}  // namespace fuzz
