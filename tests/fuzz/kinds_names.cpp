// What calls take that ask for names.
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <cstring>

#include "tests/fuzz/choice.h"
#include "tests/fuzz/kernel.h"
#include "tests/fuzz/kinds.h"
#include "tests/fuzz/memory.h"

namespace fuzz::kinds {
namespace {

void add_text(Call& call, const char* words) {
  const std::size_t size = std::strlen(words) + 1;
  const Pointer to = call.random.percent(8) ? place(call.random, size) : place_well(size);
  put(to, words, size);
  call.add(address(to.address), '"' + std::string(words).substr(0, 30) + "\" " + to.name);
}

}  // namespace

void host(Call& call) {
  static const std::string long_label(64, 'l'), long_name(300, 'n');
  static const char* const hosts[] = {
      "localhost", "127.0.0.1", "::1",    "",           "1.2.3", "999.1.1.1", "none.invalid",     "localhost",
      ".",         "a..b",      "0x7f.1", "fe80::1%lo", "-",     "a b",       long_label.c_str(), long_name.c_str()};
  add_text(call, hosts[call.random.below(std::size(hosts))]);
}

void service(Call& call) {
  static const char* const services[] = {"80", "http", "", "none", "99999", "-1", "0"};
  if (call.random.percent(30)) return call.add(0, "NULL");
  add_text(call, services[call.random.below(std::size(services))]);
}

void hints(Call& call) {
  if (call.random.percent(30)) return call.add(0, "NULL");
  static constexpr int flags[] = {0, AI_NUMERICHOST, AI_PASSIVE, AI_CANONNAME, AI_ADDRCONFIG, AI_NUMERICSERV, -1};
  static constexpr int families[] = {AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX, 999};
  static constexpr int types[] = {0, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, 99};
  addrinfo wanted{};
  wanted.ai_flags = flags[call.random.below(7)];
  wanted.ai_family = families[call.random.below(5)];
  wanted.ai_socktype = types[call.random.below(5)];
  const Pointer to = place_well(sizeof wanted);
  put(to, &wanted, sizeof wanted);
  call.add(address(to.address),
           "hints " + number(wanted.ai_flags) + " " + number(wanted.ai_family) + " " + number(wanted.ai_socktype));
}

void pointer_out(Call& call) {
  const Pointer to = place_well(sizeof(void*));
  call.add(address(to.address), to.name);
}

void name_flags(Call& call) {
  static constexpr Choice choices[] = {NAMED(NI_NUMERICHOST), NAMED(NI_NUMERICSERV), NAMED(NI_NAMEREQD),
                                       NAMED(NI_DGRAM), NAMED(NI_NOFQDN)};
  some_of(call, choices);
}

void name_family(Call& call) {
  static constexpr Choice choices[] = {NAMED(AF_INET), NAMED(AF_INET6), NAMED(AF_INET),
                                       NAMED(AF_UNIX), {-1, "-1"},      {0, "0"}};
  one_of(call, choices);
}

void record(Call& call) {
  static constexpr Choice choices[] = {
      {ns_t_a, "A"}, {ns_t_aaaa, "AAAA"}, {ns_t_any, "ANY"}, {-1, "-1"}, {70000, "70000"}};
  one_of(call, choices);
}

void record_class(Call& call) {
  static constexpr Choice choices[] = {{ns_c_in, "IN"}, {ns_c_in, "IN"}, {0, "0"}, {-1, "-1"}, {70000, "70000"}};
  one_of(call, choices);
}

void entry_out(Call& call) {
  const Pointer to = place_well(sizeof(hostent));
  call.add(address(to.address), to.name);
}

void buffer_and_size(Call& call) {
  static constexpr Choice sizes[] = {{1000, "1000"}, {1000, "1000"}, {0, "0"}, {1, "1"}, {20, "20"}, {100, "100"}};
  const Pointer to = place_well(1000);
  call.add(address(to.address), to.name);
  one_of(call, sizes);
}

void binary_address(Call& call) {
  const in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
  const std::uint32_t loopback4 = htonl(INADDR_LOOPBACK);
  char bytes[16]{};
  const bool longer = call.random.percent(40);
  std::memcpy(bytes, longer ? static_cast<const void*>(&loopback) : &loopback4, longer ? 16 : 4);
  const Pointer to = place_well(sizeof bytes);
  put(to, bytes, sizeof bytes);
  call.add(address(to.address), longer ? "::1" : "127.0.0.1");
  static constexpr Choice sizes[] = {{4, "4"}, {16, "16"}, {4, "4"}, {0, "0"}, {3, "3"}, {100, "100"}, {-1, "-1"}};
  one_of(call, sizes);
}

void user_name(Call& call) {
  static const char* const names[] = {"root", "nobody", "", "no such user", "daemon"};
  add_text(call, names[call.random.below(std::size(names))]);
}

void name_address_and_size(Call& call) {
  sockaddr_in chosen{};
  chosen.sin_family = static_cast<sa_family_t>(call.random.percent(80) ? AF_INET : 999);
  chosen.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  chosen.sin_port = htons(80);
  const Pointer to = place_well(sizeof chosen);
  put(to, &chosen, sizeof chosen);
  call.add(address(to.address), "127.0.0.1:80 family " + number(chosen.sin_family));
  static constexpr Choice sizes[] = {{16, "16"}, {16, "16"}, {16, "16"}, {0, "0"}, {2, "2"}, {128, "128"}, {-1, "-1"}};
  one_of(call, sizes);
}

void port(Call& call) {
  static const Choice choices[] = {{htons(80), "80"}, {htons(22), "22"}, {0, "0"}, {-1, "-1"}, {INT_MAX, "INT_MAX"}};
  one_of(call, choices);
}

void protocol_name(Call& call) {
  static const char* const names[] = {"tcp", "udp", "", "none"};
  if (call.random.percent(30)) return call.add(0, "NULL");
  add_text(call, names[call.random.below(std::size(names))]);
}

void service_name(Call& call) {
  static const char* const names[] = {"http", "ssh", "", "none", "tcp", "loopback", "icmp"};
  add_text(call, names[call.random.below(std::size(names))]);
}

void count_inout(Call& call) {
  static constexpr int counts[] = {0, 1, 10, -1, INT_MIN};
  const int count = counts[call.random.below(5)];
  const Pointer to = place_well(sizeof count);
  put(to, &count, sizeof count);
  call.add(address(to.address), "&" + number(count));
}

void resolver(Call& call) { call.add(address(&_res), "&_res"); }

}  // namespace fuzz::kinds
