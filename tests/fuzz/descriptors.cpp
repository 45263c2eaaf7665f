// What the world is made of: descriptors of all sorts, each in a state of its own.
#include <fcntl.h>
#include <linux/netlink.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/fuzz/world.h"

namespace fuzz {
namespace {

std::array<Descriptor, 160> world;
std::size_t count = 0;

void add(int fd, int peer, const char* name) { world[count++] = {fd, peer, name}; }

void set_nonblocking(int fd) { must(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)); }

// What comes by way of the network comes by and by.
void await_event(int fd, short event) {
  pollfd state{fd, event, 0};
  must(poll(&state, 1, -1));
}

void give(int fd, std::size_t size) {
  char text[4096];
  std::memset(text, 'g', sizeof text);
  must(write(fd, text, size));
}

void fill(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  set_nonblocking(fd);
  char text[4096];
  std::memset(text, 'f', sizeof text);
  while (write(fd, text, sizeof text) > 0) {
  }
  must(fcntl(fd, F_SETFL, flags));
}

void add_pipes() {
  const auto make = [](const char* read_name, const char* write_name, int flags) {
    int ends[2];
    must(pipe2(ends, flags));
    add(ends[0], ends[1], read_name);
    add(ends[1], ends[0], write_name);
    return std::array{ends[0], ends[1]};
  };
  make("pipe_empty_r", "pipe_empty_w", 0);
  give(make("pipe_some_r", "pipe_some_w", 0)[1], 100);
  fill(make("pipe_full_r", "pipe_full_w", 0)[1]);
  make("pipe_nonblock_r", "pipe_nonblock_w", O_NONBLOCK);
  fill(make("pipe_nonblock_full_r", "pipe_nonblock_full_w", O_NONBLOCK)[1]);
  close(make("pipe_eof_r", "(closed)", 0)[1]);
  close(make("(closed)", "pipe_broken_w", 0)[0]);
  give(make("packets_r", "packets_w", O_DIRECT)[1], 30);
}

std::array<int, 2> add_pair(int type, const char* name, const char* peer_name) {
  int ends[2];
  must(socketpair(AF_UNIX, type, 0, ends));
  add(ends[0], ends[1], name);
  add(ends[1], ends[0], peer_name);
  return {ends[0], ends[1]};
}

void add_pairs() {
  add_pair(SOCK_STREAM, "unix_empty", "unix_empty_peer");
  give(add_pair(SOCK_STREAM, "unix_some", "unix_some_peer")[1], 100);
  fill(add_pair(SOCK_STREAM, "unix_full", "unix_full_peer")[0]);
  add_pair(SOCK_STREAM | SOCK_NONBLOCK, "unix_nonblock", "unix_nonblock_peer");
  close(add_pair(SOCK_STREAM, "unix_gone", "(closed)")[1]);
  shutdown(add_pair(SOCK_STREAM, "unix_shut_read", "unix_shut_read_peer")[0], SHUT_RD);
  shutdown(add_pair(SOCK_STREAM, "unix_shut_write", "unix_shut_write_peer")[0], SHUT_WR);
  add_pair(SOCK_DGRAM, "dgram_empty", "dgram_empty_peer");
  const auto datagrams = add_pair(SOCK_DGRAM, "dgram_some", "dgram_some_peer");
  give(datagrams[1], 10);
  must(send(datagrams[1], "", 0, 0));
  give(datagrams[1], 50);
  fill(add_pair(SOCK_DGRAM, "dgram_full", "dgram_full_peer")[0]);
  add_pair(SOCK_SEQPACKET, "seq_empty", "seq_empty_peer");
  give(add_pair(SOCK_SEQPACKET, "seq_some", "seq_some_peer")[1], 40);
  close(add_pair(SOCK_SEQPACKET | SOCK_NONBLOCK, "seq_gone", "(closed)")[1]);
}

int inet_socket(int type) { return must(socket(AF_INET, type, 0)); }

sockaddr_in bind_somewhere(int fd) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
  socklen_t size = sizeof address;
  must(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size));
  return address;
}

int connected_to(const sockaddr_in& address, int type) {
  const int fd = inet_socket(type);
  must(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  return fd;
}

void add_tcp() {
  const int listener = inet_socket(SOCK_STREAM);
  const sockaddr_in address = bind_somewhere(listener);
  must(listen(listener, 8));
  const auto make = [&](const char* name, const char* peer_name) {
    const int client = connected_to(address, SOCK_STREAM), server = must(accept(listener, nullptr, nullptr));
    add(client, server, name);
    add(server, client, peer_name);
    return std::array{client, server};
  };
  make("tcp_empty", "tcp_empty_peer");
  const auto some = make("tcp_some", "tcp_some_peer");
  give(some[1], 100);
  await_event(some[0], POLLIN);
  set_nonblocking(make("tcp_nonblock_peer", "tcp_nonblock")[1]);
  const auto eof = make("tcp_eof", "(closed)"), reset = make("tcp_reset", "(closed)");
  close(eof[1]);
  await_event(eof[0], POLLRDHUP);
  const linger at_once{1, 0};
  must(setsockopt(reset[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
  close(reset[1]);
  await_event(reset[0], POLLIN);
  const int caller = inet_socket(SOCK_STREAM);
  add(listener, caller, "tcp_listener");
  add(caller, -1, "tcp_new");
  const int busy = inet_socket(SOCK_STREAM | SOCK_NONBLOCK);
  const sockaddr_in busy_address = bind_somewhere(busy);
  must(listen(busy, 8));
  add(busy, -1, "tcp_listener_nonblock");
  add(connected_to(busy_address, SOCK_STREAM), -1, "tcp_waiting");
  await_event(busy, POLLIN);
  add(inet_socket(SOCK_STREAM | SOCK_NONBLOCK), -1, "tcp_new_nonblock");
}

void add_other_sockets() {
  const int bound = inet_socket(SOCK_DGRAM);
  const sockaddr_in address = bind_somewhere(bound);
  const int sender = connected_to(address, SOCK_DGRAM);
  give(sender, 20);
  await_event(bound, POLLIN);
  add(bound, sender, "udp_some");
  add(sender, -1, "udp_connected");
  add(inet_socket(SOCK_DGRAM), -1, "udp_new");
  add(must(socket(AF_UNIX, SOCK_STREAM, 0)), -1, "unix_new");
  const int listener = must(socket(AF_UNIX, SOCK_STREAM, 0)), caller = must(socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un name{AF_UNIX, {}};
  const socklen_t size = offsetof(sockaddr_un, sun_path);  // a name of the kernel's choice
  must(bind(listener, reinterpret_cast<sockaddr*>(&name), size));
  must(listen(listener, 3));
  sockaddr_un chosen{};
  socklen_t chosen_size = sizeof chosen;
  must(getsockname(listener, reinterpret_cast<sockaddr*>(&chosen), &chosen_size));
  must(connect(caller, reinterpret_cast<sockaddr*>(&chosen), chosen_size));
  add(listener, caller, "unix_listener");
  add(caller, -1, "unix_waiting");
  add(must(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)), -1, "netlink");
}

void add_files() {
  const int file = must(open("file", O_RDWR));
  add(file, -1, "file");
  add(must(open("file", O_RDONLY)), -1, "file_r");
  add(must(open("file", O_WRONLY | O_APPEND)), -1, "file_append");
  add(must(open("file", O_PATH)), -1, "file_path");
  add(must(open(".", O_RDONLY | O_DIRECTORY)), -1, "folder");
  add(must(open("/dev/null", O_RDWR)), -1, "dev_null");
  add(must(open("/dev/zero", O_RDWR)), -1, "dev_zero");
  const int memory = must(memfd_create("fuzz", MFD_ALLOW_SEALING));
  give(memory, 500);
  add(memory, -1, "memfd");
  const int master = must(posix_openpt(O_RDWR | O_NOCTTY));
  must(grantpt(master));
  must(unlockpt(master));
  const int slave = must(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
  termios settings;
  must(tcgetattr(slave, &settings));
  cfmakeraw(&settings);
  must(tcsetattr(slave, TCSANOW, &settings));
  give(master, 4);
  for (int ready = 0; ready < 4;) must(ioctl(slave, FIONREAD, &ready));  // the kernel brings it there by and by
  add(master, slave, "pty");
  add(slave, master, "tty");
}

void add_event_descriptors() {
  add(must(eventfd(0, 0)), -1, "eventfd_0");
  world[count - 1].peer = world[count - 1].fd;  // its own
  add(must(eventfd(5, EFD_SEMAPHORE)), -1, "eventfd_5");
  const int full = must(eventfd(0, EFD_NONBLOCK));
  const std::uint64_t most = ~std::uint64_t{1};
  must(write(full, &most, sizeof most));
  add(full, -1, "eventfd_full_nonblock");
  add(must(timerfd_create(CLOCK_MONOTONIC, 0)), -1, "timer_idle");
  const int timer = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  const itimerspec soon{{0, 0}, {0, 1}};
  must(timerfd_settime(timer, 0, &soon, nullptr));
  await_event(timer, POLLIN);
  add(timer, -1, "timer_expired");
  sigset_t set{};
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  add(must(signalfd(-1, &set, 0)), -1, "signalfd");
  add(must(inotify_init1(0)), -1, "inotify");
  add(static_cast<int>(must(syscall(SYS_pidfd_open, getpid(), 0))), -1, "pidfd");
}

void add_message_queues() {
  const std::string name = "/fuzz-" + std::to_string(getpid());
  const auto make = [&](const char* words, int flags) {
    mq_attr attributes{};
    attributes.mq_maxmsg = 2;
    attributes.mq_msgsize = 64;
    const int queue = must(mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | flags, 0600, &attributes));
    must(mq_unlink(name.c_str()));
    add(queue, -1, words);
    return queue;
  };
  make("queue_empty", 0);
  must(mq_send(make("queue_some", 0), "hello", 5, 3));
  const int full = make("queue_full_nonblock", O_NONBLOCK);
  must(mq_send(full, "hello", 5, 3));
  must(mq_send(full, "world", 5, 1));
}

const Descriptor& named(const char* name) {
  for (const Descriptor& descriptor : all_descriptors()) {
    if (std::strcmp(descriptor.name, name) == 0) return descriptor;
  }
  std::abort();
}

void add_epolls() {
  add(must(epoll_create1(0)), -1, "epoll_bare");
  const auto make = [](const char* name, const char* watched, unsigned events) {
    const Descriptor& other = named(watched);
    const int epoll = must(epoll_create1(0));
    epoll_event event{};
    event.events = events;
    event.data.u64 = 77;
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, other.fd, &event));
    add(epoll, other.peer, name);
  };
  make("epoll_idle", "unix_empty", EPOLLIN);
  make("epoll_ready", "unix_some", EPOLLIN);
  make("epoll_once", "pipe_some_r", EPOLLIN | EPOLLONESHOT);
  make("epoll_of_epoll", "epoll_ready", EPOLLIN);
}

}  // namespace

void make_descriptors() {
  count = 0;
  add_files();
  add_pipes();
  add_pairs();
  add_tcp();
  add_other_sockets();
  add_event_descriptors();
  add_message_queues();
  add_epolls();
}

std::span<const Descriptor> all_descriptors() { return {world.data(), count}; }

}  // namespace fuzz
