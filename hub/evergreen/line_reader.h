#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "evergreen/deadline.h"

namespace evergreen {

class Descriptor;

// The other end has closed the stream where more was needed. What came is still there to be read.
class EndOfStream : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// No end of a line, or no delimiter, within the limit. What came is still there to be read.
class LineTooLong : public std::length_error {
 public:
  using std::length_error::length_error;
};

// Of bytes in a line, without its end.
inline constexpr std::size_t default_line_limit = 65536;

namespace detail {

// What has been read of a stream, and not yet taken by the user.
class ReadBuffer {
 public:
  // Reads some more of the stream; returns 0 at its end.
  using Source = std::function<std::size_t(std::span<char> into)>;

  [[nodiscard]] std::string_view data() const noexcept { return std::string_view(bytes_).substr(begin_); }
  [[nodiscard]] std::string_view take(std::size_t size) noexcept;  // valid until the next fill()

  // Returns false at the end of the stream. Throws as `source`; what is there stays.
  bool fill(const Source& source);

  // In front of what is there.
  void put_back(std::string_view data);

  // The next line without its end; nullopt at the end of the stream. Throws LineTooLong.
  std::optional<std::string_view> read_line(const Source& source, std::size_t limit);

  // The size of what is there up to the end of `delimiter`. Throws LineTooLong, EndOfStream.
  std::size_t find(const Source& source, std::string_view delimiter, std::size_t limit);

 private:
  std::string bytes_;
  std::size_t begin_ = 0;  // what is before is taken
};

}  // namespace detail

// Lines of a stream, to be iterated over once.
//
//     for (std::string_view line : socket.lines()) print(line);
//
// Each line is without its end (\n or \r\n), and valid until the next one is asked for. A last line without an end is
// one, too. The iteration throws LineTooLong, IoTimeout, std::system_error, and what ends the greenlet: partial lines
// survive all of these, and another iteration goes on with them.
class Lines {
 public:
  using Next = std::function<std::optional<std::string_view>()>;  // nullopt: the end

  class Iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(const Next& next) : next_(&next), line_(next()) {}
    std::string_view operator*() const { return *line_; }
    Iterator& operator++() {
      line_ = (*next_)();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) { return !iterator.line_.has_value(); }

   private:
    const Next* next_;
    std::optional<std::string_view> line_;
  };

  // What `next` returns, one after another.
  explicit Lines(Next next) : next_(std::move(next)) {}
  [[nodiscard]] Iterator begin() const { return Iterator(next_); }  // reads the first line
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  Next next_;
};

// Reads a pipe, or another Descriptor, line by line. (A Socket does so by itself.)
//
//     LineReader errors(process.stderr());
//     for (std::string_view line : errors.lines()) log(line);
//
// It reads ahead: what it holds is lost to others who read the descriptor, which must outlive it.
// Threads: as Descriptor; one greenlet at a time.
class LineReader {
 public:
  // Of a stream whose lines have at most `limit` bytes.
  explicit LineReader(Descriptor& from, std::size_t limit = default_line_limit) noexcept : from_(from), limit_(limit) {}

  // The next line, as Lines has it; nullopt at the end. Throws as Lines does.
  std::optional<std::string_view> next(Deadline deadline = Deadline::never());
  [[nodiscard]] Lines lines();

 private:
  Descriptor& from_;
  std::size_t limit_;
  detail::ReadBuffer buffer_;
};

}  // namespace evergreen
