#pragma once

namespace evergreen {

// Writes "evergreen: " and the printf-like text as one line to stderr. Allocates nothing; async-signal-safe for the
// conversions %s %d %u %zu %p.
[[gnu::format(printf, 1, 2)]] void report(const char* format, ...) noexcept;

// The same, then abort(): for states from which no result could be trusted.
[[noreturn, gnu::format(printf, 1, 2)]] void fatal(const char* format, ...) noexcept;

}  // namespace evergreen
