#pragma once

#include <sys/socket.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "evergreen/deadline.h"

namespace evergreen {

// Where a socket is, or shall be: of IPv4, IPv6 or a Unix domain socket.
//
//     Address a("127.0.0.1:80"), b("[::1]:80"), c(":80"), d("unix:/run/app.sock"), e("unix:@abstract");
//     for (const Address& one : Address::resolve("example.org:80")) print(one.to_string());
//
// Threads: a value, usable anywhere.
class Address {
 public:
  Address() noexcept = default;  // none: of a Unix domain socket without a name

  // From text, without asking any name server: as above, and as to_string() writes it. Without a host it is all of
  // IPv4's, without a port it is 0, which for bind() is any that is free. Throws std::invalid_argument.
  template <class Text>
  requires(std::convertible_to<const Text&, std::string_view>) Address(const Text& text)  // NOLINT(*-explicit-*)
      : Address(parse(text)) {}
  Address(std::string_view numeric_host, std::uint16_t port);

  // As the kernel has it.
  Address(const sockaddr* address, socklen_t size) noexcept;
  [[nodiscard]] const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t size() const noexcept { return size_; }

  // The addresses of "host:port" or of a host, in the order in which they should be tried: IPv6 and IPv4 in turn. The
  // port may be a service's name. Text that the constructor takes is one address. Asks by getaddrinfo(3), on another
  // kernel thread. Throws std::system_error of resolver_category(), IoTimeout, and what ends the running greenlet.
  // gevent.socket.getaddrinfo.
  static std::vector<Address> resolve(std::string_view host_and_port, Deadline deadline = Deadline::never());
  static std::vector<Address> resolve(std::string_view host, std::uint16_t port, Deadline deadline = Deadline::never());

  [[nodiscard]] int family() const noexcept { return storage_.ss_family; }  // AF_INET, AF_INET6, AF_UNIX
  [[nodiscard]] std::string host() const;                                   // "127.0.0.1", "::1"; "" of AF_UNIX
  [[nodiscard]] std::uint16_t port() const noexcept;                        // 0 of AF_UNIX
  [[nodiscard]] std::string path() const;                                   // of AF_UNIX; "@name" if abstract
  [[nodiscard]] std::string to_string() const;                              // "127.0.0.1:80", "[::1]:80", "unix:path"

  friend bool operator==(const Address& a, const Address& b) noexcept;

 private:
  static Address parse(std::string_view text);
  static Address of_path(std::string_view path);

  sockaddr_storage storage_{AF_UNIX, {}, 0};
  socklen_t size_ = sizeof(sa_family_t);
};

// Of what getaddrinfo(3) says: EAI_NONAME, EAI_AGAIN, ...
const std::error_category& resolver_category() noexcept;

}  // namespace evergreen
