// For tests of sockets.
#pragma once

#include <string>
#include <system_error>

namespace evergreen::test {

struct Failure {
  std::error_code code;
  std::string what;
};

// The std::system_error that f() throws; no error if it throws none.
Failure error_of(const auto& f) {
  try {
    f();
  } catch (const std::system_error& error) {
    return {error.code(), error.what()};
  }
  return {};
}

// `size` bytes that show where a piece is missing or twice.
inline std::string numbers(std::size_t size) {
  std::string data;
  for (int i = 0; data.size() < size; ++i) data += std::to_string(i) + ' ';
  data.resize(size);
  return data;
}

}  // namespace evergreen::test
