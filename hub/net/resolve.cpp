#include <netdb.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "evergreen/address.h"
#include "evergreen/io.h"
#include "evergreen/offload.h"
#include "evergreen/timeout.h"

namespace evergreen {
namespace {

class ResolverCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "resolver"; }
  [[nodiscard]] std::string message(int error) const override { return gai_strerror(error); }
};

using Found = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

std::optional<Address> literal(std::string_view text) {
  try {
    return Address(text);
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

// On a kernel thread that may block.
Found ask(const std::string& host, const std::string& service) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* first = nullptr;
  const int error = getaddrinfo(host.c_str(), service.empty() ? nullptr : service.c_str(), &hints, &first);
  if (error == EAI_SYSTEM) throw std::system_error(errno, std::generic_category(), "getaddrinfo: " + host);
  if (error != 0) throw std::system_error(error, resolver_category(), "getaddrinfo: " + host);
  return {first, freeaddrinfo};
}

// The first one's family and the other in turn, each in the resolver's order: a family that does not work here costs
// one attempt, not all of its.
std::vector<Address> in_turn(const addrinfo* first) {
  std::vector<Address> mine, others, all;
  for (const addrinfo* one = first; one != nullptr; one = one->ai_next) {
    (one->ai_family == first->ai_family ? mine : others).emplace_back(one->ai_addr, one->ai_addrlen);
  }
  for (std::size_t i = 0; i < std::max(mine.size(), others.size()); ++i) {
    if (i < mine.size()) all.push_back(mine[i]);
    if (i < others.size()) all.push_back(others[i]);
  }
  return all;
}

std::vector<Address> look_up(std::string host, std::string service, Deadline deadline) {
  try {
    return in_turn(
        offload([host = std::move(host), service = std::move(service)] { return ask(host, service); }, deadline).get());
  } catch (const Timeout& timeout) {
    if (timeout.is(timeout)) throw;  // a scope's, and not the call's own
    throw IoTimeout("getaddrinfo");
  }
}

}  // namespace

const std::error_category& resolver_category() noexcept {
  static const ResolverCategory category;
  return category;
}

std::vector<Address> Address::resolve(std::string_view host_and_port, Deadline deadline) {
  if (const auto address = literal(host_and_port)) return {*address};
  const std::size_t colon = host_and_port.rfind(':');
  const std::string_view service = colon == std::string_view::npos ? "" : host_and_port.substr(colon + 1);
  return look_up(std::string(host_and_port.substr(0, colon)), std::string(service), deadline);
}

std::vector<Address> Address::resolve(std::string_view host, std::uint16_t port, Deadline deadline) {
  try {
    return {Address(host, port)};
  } catch (const std::invalid_argument&) {
    return look_up(std::string(host), std::to_string(port), deadline);
  }
}

}  // namespace evergreen
