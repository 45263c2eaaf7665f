// What calls on sockets take.
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cstring>

#include "tests/fuzz/choice.h"
#include "tests/fuzz/kernel.h"
#include "tests/fuzz/kinds.h"
#include "tests/fuzz/memory.h"

namespace fuzz::kinds {
namespace {

struct Address {
  sockaddr_storage bytes;
  socklen_t size;
  const char* name;
};

Address inet(const char* name, in_addr_t host, int port) {
  Address result{{}, sizeof(sockaddr_in), name};
  auto* in = reinterpret_cast<sockaddr_in*>(&result.bytes);
  in->sin_family = AF_INET;
  in->sin_addr.s_addr = htonl(host);
  in->sin_port = htons(static_cast<std::uint16_t>(port));
  return result;
}

Address local(const char* name, const char* path) {
  Address result{{}, sizeof(sockaddr_un), name};
  auto* un = reinterpret_cast<sockaddr_un*>(&result.bytes);
  un->sun_family = AF_UNIX;
  std::strncpy(un->sun_path, path, sizeof un->sun_path - 1);
  return result;
}

Address of_family(const char* name, int family) {
  Address result{{}, sizeof(sockaddr_in), name};
  result.bytes.ss_family = static_cast<sa_family_t>(family);
  return result;
}

Address any_address(Random& random) {
  switch (random.below(9)) {
    case 0:
    case 1:
      return inet("loopback:9", INADDR_LOOPBACK, 9);  // refused
    case 2:
      return inet("loopback:0", INADDR_LOOPBACK, 0);
    case 3:
      return inet("broadcast", INADDR_BROADCAST, 9);
    case 4:
      return local("path file", "file");
    case 5:
      return local("path none", "none");
    case 6:
      return of_family("AF_UNSPEC", AF_UNSPEC);
    case 7:
      return of_family("AF_NETLINK", AF_NETLINK);
    default:
      return of_family("family 999", 999);
  }
}

socklen_t any_size(Random& random, socklen_t right) {
  static constexpr int wrong[] = {0, 1, 2, 3, 8, 110, 128, 129, -1, INT_MAX, INT_MIN};
  return random.percent(75) ? right : static_cast<socklen_t>(wrong[random.below(std::size(wrong))]);
}

constexpr Choice flags_of_messages[] = {
    NAMED(MSG_DONTWAIT), NAMED(MSG_PEEK),    NAMED(MSG_WAITALL), NAMED(MSG_OOB),          NAMED(MSG_NOSIGNAL),
    NAMED(MSG_TRUNC),    NAMED(MSG_MORE),    NAMED(MSG_EOR),     NAMED(MSG_CMSG_CLOEXEC), NAMED(MSG_ERRQUEUE),
    NAMED(MSG_DONTWAIT), NAMED(MSG_CONFIRM), NAMED(MSG_CTRUNC),  NAMED(MSG_DONTROUTE)};

// The parts of a message, and what control data it has or has room for.
msghdr any_message(Call& call, std::string& words) {
  iovec parts[2];
  for (iovec& part : parts) {
    const Pointer to = place(call.random, 100);
    static constexpr std::size_t sizes[] = {0, 10, 10, 100, 5000, SIZE_MAX};
    part = {to.address, sizes[call.random.below(call.random.percent(90) ? 4 : 6)]};
    words += std::string(to.name) + " " + number(static_cast<long>(part.iov_len)) + ", ";
  }
  const Pointer list = place(call.random, sizeof parts);
  put(list, parts, sizeof parts);
  msghdr message{};
  message.msg_iov = reinterpret_cast<iovec*>(list.address);
  static constexpr std::size_t counts[] = {1, 2, 2, 0, 3, 1024, 1025, SIZE_MAX};
  message.msg_iovlen = counts[call.random.below(call.random.percent(85) ? 3 : 8)];
  words += std::string("list ") + list.name + " " + number(static_cast<long>(message.msg_iovlen));
  if (call.random.percent(30)) {
    const Address chosen = any_address(call.random);
    const Pointer name = place(call.random, sizeof chosen.bytes);
    put(name, &chosen.bytes, chosen.size);
    message.msg_name = name.address;
    message.msg_namelen = any_size(call.random, chosen.size);
    call.note_volatile(name.address, sizeof chosen.bytes, Call::Volatile::inet_address);
    words +=
        std::string(", name ") + chosen.name + " " + name.name + " " + number(static_cast<int>(message.msg_namelen));
  }
  if (call.random.percent(20)) {
    const Pointer control = place(call.random, 64);
    const std::size_t sizes_of_control[] = {64, 64, 0, 1, 15, SIZE_MAX, INT_MAX};
    message.msg_control = control.address;
    message.msg_controllen = sizes_of_control[call.random.below(7)];
    const cmsghdr header{call.random.percent(50) ? CMSG_LEN(4) : 5, SOL_SOCKET, SCM_RIGHTS};
    const int sent[] = {call.random.percent(70) ? 0 : -1};
    char bytes[64]{};
    std::memcpy(bytes, &header, sizeof header);
    std::memcpy(bytes + CMSG_LEN(0), sent, sizeof sent);
    put(control, bytes, sizeof bytes);
    words += std::string(", control ") + control.name + " " + number(static_cast<long>(message.msg_controllen));
  }
  return message;
}

}  // namespace

void message(Call& call) {
  std::string words = "{";
  const msghdr made = any_message(call, words);
  const Pointer to = place(call.random, sizeof made);
  put(to, &made, sizeof made);
  call.add(address(to.address), words + "} " + to.name);
}

void messages(Call& call) {
  std::string words = "{";
  mmsghdr made[2]{};
  made[0].msg_hdr = any_message(call, words);
  words += "; ";
  made[1].msg_hdr = any_message(call, words);
  const Pointer to = place(call.random, sizeof made);
  put(to, made, sizeof made);
  call.add(address(to.address), words + "} " + to.name);
}

void message_count(Call& call) {
  static constexpr Choice choices[] = {{2, "2"}, {1, "1"},   {1, "1"},       {2, "2"},      {0, "0"},
                                       {3, "3"}, {-1, "-1"}, {1025, "1025"}, NAMED(INT_MAX)};
  one_of(call, choices);
}

void message_flags(Call& call) { some_of(call, flags_of_messages); }

void address_and_size(Call& call) {
  const Address chosen = any_address(call.random);
  if (call.random.percent(25)) {
    call.add(0, "NULL");
  } else {
    const Pointer to = place(call.random, sizeof chosen.bytes);
    put(to, &chosen.bytes, chosen.size);
    call.add(address(to.address), std::string(chosen.name) + " " + to.name);
  }
  const socklen_t size = any_size(call.random, chosen.size);
  call.add(static_cast<int>(size), number(static_cast<int>(size)));
}

void address_out_and_size(Call& call) {
  const Pointer to = call.random.percent(30) ? Pointer{nullptr, "NULL"} : place(call.random, sizeof(sockaddr_storage));
  call.note_volatile(to.address, sizeof(sockaddr_storage), Call::Volatile::inet_address);
  call.add(address(to.address), to.name);
  const socklen_t size = any_size(call.random, 128);
  const Pointer size_at = to.address == nullptr && call.random.percent(70) ? to : place(call.random, sizeof size);
  put(size_at, &size, sizeof size);
  call.add(address(size_at.address), "&" + number(static_cast<int>(size)) + " " + size_at.name);
}

void accept_flags(Call& call) {
  static constexpr Choice choices[] = {NAMED(SOCK_NONBLOCK), NAMED(SOCK_CLOEXEC)};
  some_of(call, choices);
}

void option(Call& call) {
  static constexpr Choice levels[] = {NAMED(SOL_SOCKET),  NAMED(SOL_SOCKET), NAMED(SOL_SOCKET), NAMED(SOL_SOCKET),
                                      NAMED(IPPROTO_TCP), {-1, "-1"},        {9999, "9999"}};
  static constexpr Choice options[] = {NAMED(SO_RCVTIMEO), NAMED(SO_SNDTIMEO),  NAMED(SO_RCVTIMEO),  NAMED(SO_SNDTIMEO),
                                       NAMED(SO_RCVLOWAT), NAMED(SO_OOBINLINE), NAMED(SO_REUSEADDR), NAMED(SO_ERROR),
                                       {-1, "-1"},         {9999, "9999"}};
  one_of(call, levels);
  one_of(call, options);
}

void option_value_and_size(Call& call) {
  static constexpr timeval values[] = {{0, 1000},    {0, 0},        {0, -1}, {-1, 0},
                                       {0, 1000000}, {LONG_MAX, 0}, {1, 0},  {0, 2000}};
  const timeval value = values[call.random.below(std::size(values))];
  const Pointer to = place(call.random, sizeof value);
  put(to, &value, sizeof value);
  call.add(address(to.address), "{" + number(value.tv_sec) + ", " + number(value.tv_usec) + "} " + to.name);
  const socklen_t size = any_size(call.random, sizeof value);
  call.add(static_cast<int>(size), number(static_cast<int>(size)));
}

void family(Call& call) {
  static constexpr Choice choices[] = {NAMED(AF_UNIX), NAMED(AF_INET), NAMED(AF_UNIX),
                                       {-1, "-1"},     {999, "999"},   {0, "0"}};
  one_of(call, choices);
}

void type(Call& call) {
  static constexpr Choice choices[] = {NAMED(SOCK_STREAM),
                                       NAMED(SOCK_DGRAM),
                                       NAMED(SOCK_SEQPACKET),
                                       NAMED(SOCK_STREAM | SOCK_NONBLOCK),
                                       NAMED(SOCK_STREAM | SOCK_CLOEXEC),
                                       {-1, "-1"},
                                       {99, "99"}};
  one_of(call, choices);
}

void protocol(Call& call) {
  static constexpr Choice choices[] = {{0, "0"}, {0, "0"}, {0, "0"}, {6, "6"}, {-1, "-1"}, {9999, "9999"}};
  one_of(call, choices);
}

}  // namespace fuzz::kinds
