#include "evergreen/line_reader.h"

#include <algorithm>
#include <array>

#include "evergreen/io.h"

namespace evergreen {
namespace {

constexpr std::size_t largest_kept = 1 << 20;

std::string too_long(const char* what, std::size_t limit) {
  return std::string(what) + " is longer than " + std::to_string(limit) + " bytes";
}

}  // namespace

namespace detail {

std::string_view ReadBuffer::take(std::size_t size) noexcept {
  const std::string_view taken = data().substr(0, size);
  begin_ += taken.size();
  return taken;
}

bool ReadBuffer::fill(const Source& source) {
  std::array<char, 8192> piece;  // not in bytes_: while source() waits they are as others expect them
  const std::size_t got = source(piece);
  bytes_.erase(0, begin_);
  begin_ = 0;
  if (bytes_.empty() && bytes_.capacity() > largest_kept) bytes_.shrink_to_fit();
  bytes_.append(piece.data(), got);
  return got != 0;
}

void ReadBuffer::put_back(std::string_view data) { bytes_.insert(begin_, data); }

std::optional<std::string_view> ReadBuffer::read_line(const Source& source, std::size_t limit) {
  for (std::size_t looked = 0;;) {
    const std::size_t newline = data().find('\n', looked);
    const bool has_end = newline != std::string_view::npos;
    const std::size_t size = has_end ? newline : data().size();
    const std::size_t content = size - (size != 0 && data()[size - 1] == '\r' ? 1 : 0);
    if (content > limit) throw LineTooLong(too_long("a line", limit));
    if (has_end) return take(newline + 1).substr(0, content);
    looked = size;
    if (fill(source)) continue;
    if (data().empty()) return std::nullopt;
    return take(size);
  }
}

std::size_t ReadBuffer::find(const Source& source, std::string_view delimiter, std::size_t limit) {
  for (std::size_t looked = 0;;) {
    const std::size_t place = data().find(delimiter, looked);
    const bool is_there = place != std::string_view::npos;
    if ((is_there ? place + delimiter.size() : data().size()) > limit) {
      throw LineTooLong(too_long("what is read up to a delimiter", limit));
    }
    if (is_there) return place + delimiter.size();
    looked = data().size() - std::min(data().size(), delimiter.size() - 1);
    if (!fill(source)) throw EndOfStream("read_until: the stream ended before the delimiter");
  }
}

}  // namespace detail

std::optional<std::string_view> LineReader::next(Deadline deadline) {
  return buffer_.read_line([&](std::span<char> into) { return from_.read(into, deadline); }, limit_);
}

Lines LineReader::lines() {
  return Lines([this] { return next(); });
}

}  // namespace evergreen
