#pragma once

#include <exception>

namespace evergreen {

// A deadline has passed before the call under it had its result. gevent.Timeout.
//
//     try {
//       rows = offload(query, Deadline::in(2s));
//     } catch (const Timeout& timeout) {
//       log(timeout.what());  // "offload: timed out"
//     }
//
// Threads: a value. `what` is a literal: it is kept by address.
class Timeout : public std::exception {
 public:
  explicit Timeout(const char* what = "timed out") noexcept : what_(what) {}
  [[nodiscard]] const char* what() const noexcept override { return what_; }

 private:
  const char* what_;
};

}  // namespace evergreen
