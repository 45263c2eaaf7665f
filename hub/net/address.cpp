#include "evergreen/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>
#include <stdexcept>

namespace evergreen {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::size_t path_begin = offsetof(sockaddr_un, sun_path);

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

[[noreturn]] void refuse(std::string_view text) {
  throw std::invalid_argument("no address of a socket: " + std::string(text));
}

}  // namespace

Address::Address(const sockaddr* address, socklen_t size) noexcept
    : storage_{}, size_(std::min<socklen_t>(size, sizeof storage_)) {
  std::memcpy(&storage_, address, size_);
}

Address::Address(std::string_view numeric_host, std::uint16_t port) {
  const std::size_t zone = numeric_host.find('%');
  const std::string host(numeric_host.substr(0, zone));
  sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
  sockaddr_in6 v6{
      .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_flowinfo = 0, .sin6_addr = {}, .sin6_scope_id = 0};
  if (host.empty() || inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    if (zone != std::string_view::npos) refuse(numeric_host);
    *this = Address(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
    return;
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) refuse(numeric_host);
  if (zone != std::string_view::npos) {
    v6.sin6_scope_id = if_nametoindex(std::string(numeric_host.substr(zone + 1)).c_str());
    if (v6.sin6_scope_id == 0) refuse(numeric_host);
  }
  *this = Address(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

Address Address::of_path(std::string_view path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const bool is_abstract = path.starts_with('@');
  if (path.empty() || path.size() + (is_abstract ? 0 : 1) > sizeof address.sun_path) refuse(path);
  std::copy(path.begin(), path.end(), address.sun_path);
  if (is_abstract) address.sun_path[0] = '\0';
  const std::size_t size = path_begin + path.size() + (is_abstract ? 0 : 1);
  return {reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)};
}

// "host:port", "[v6]:port", ":port", "v4", "v6", "unix:path".
Address Address::parse(std::string_view text) {
  if (text.starts_with(unix_prefix)) return of_path(text.substr(unix_prefix.size()));
  const std::size_t bracket = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  if (bracket != std::string_view::npos) {
    const std::string_view rest = text.substr(bracket + 1);
    const auto port = rest.empty() ? 0 : rest.starts_with(':') ? parse_port(rest.substr(1)) : std::nullopt;
    if (!port) refuse(text);
    return {text.substr(1, bracket - 1), *port};
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) return {text, 0};
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) refuse(text);
  return {text.substr(0, colon), *port};
}

std::string Address::host() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage_).sin_addr, text.data(), text.size());
  } else if (family() == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage_);
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    std::array<char, IF_NAMESIZE> zone{};
    if (v6.sin6_scope_id != 0 && if_indextoname(v6.sin6_scope_id, zone.data()) != nullptr) {
      return std::string(text.data()) + '%' + zone.data();
    }
  }
  return text.data();
}

std::uint16_t Address::port() const noexcept {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(storage_).sin6_port);
  return 0;
}

std::string Address::path() const {
  if (family() != AF_UNIX || size_ <= path_begin) return {};
  const char* begin = reinterpret_cast<const sockaddr_un&>(storage_).sun_path;
  const std::size_t most = size_ - path_begin;
  if (*begin == '\0') return '@' + std::string(begin + 1, most - 1);
  return {begin, strnlen(begin, most)};
}

std::string Address::to_string() const {
  if (family() == AF_UNIX) return std::string(unix_prefix) + path();
  const std::string port_text = std::to_string(port());
  return family() == AF_INET6 ? '[' + host() + "]:" + port_text : host() + ':' + port_text;
}

bool operator==(const Address& a, const Address& b) noexcept {
  return a.size_ == b.size_ && std::memcmp(&a.storage_, &b.storage_, a.size_) == 0;
}

}  // namespace evergreen
