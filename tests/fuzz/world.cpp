#include "tests/fuzz/world.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/fuzz/kernel.h"
#include "tests/fuzz/memory.h"

namespace fuzz {
namespace {

std::array<Descriptor, 160> world;
int count = 0;
pid_t child = -1;

int must(long result) {
  if (result < 0) {
    std::perror("fuzz: cannot make the descriptors");
    std::abort();
  }
  return static_cast<int>(result);
}

void add(int fd, int peer, const char* name) { world[static_cast<std::size_t>(count++)] = {fd, peer, name}; }

void set_nonblocking(int fd) { must(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)); }

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
    return server;
  };
  make("tcp_empty", "tcp_empty_peer");
  give(make("tcp_some", "tcp_some_peer"), 100);
  set_nonblocking(make("tcp_nonblock_peer", "tcp_nonblock"));
  close(make("tcp_eof", "(closed)"));
  const int reset = make("tcp_reset", "(closed)");
  const linger at_once{1, 0};
  must(setsockopt(reset, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
  close(reset);
  const int caller = inet_socket(SOCK_STREAM);
  add(listener, caller, "tcp_listener");
  add(caller, -1, "tcp_new");
  const int busy = inet_socket(SOCK_STREAM | SOCK_NONBLOCK);
  const sockaddr_in busy_address = bind_somewhere(busy);
  must(listen(busy, 8));
  add(busy, -1, "tcp_listener_nonblock");
  add(connected_to(busy_address, SOCK_STREAM), -1, "tcp_waiting");
  add(inet_socket(SOCK_STREAM | SOCK_NONBLOCK), -1, "tcp_new_nonblock");
}

void add_other_sockets() {
  const int bound = inet_socket(SOCK_DGRAM);
  const sockaddr_in address = bind_somewhere(bound);
  const int sender = connected_to(address, SOCK_DGRAM);
  give(sender, 20);
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
  world[static_cast<std::size_t>(count - 1)].peer = world[static_cast<std::size_t>(count - 1)].fd;
  add(must(eventfd(5, EFD_SEMAPHORE)), -1, "eventfd_5");
  const int full = must(eventfd(0, EFD_NONBLOCK));
  const std::uint64_t most = ~std::uint64_t{1};
  must(write(full, &most, sizeof most));
  add(full, -1, "eventfd_full_nonblock");
  add(must(timerfd_create(CLOCK_MONOTONIC, 0)), -1, "timer_idle");
  const int timer = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  const itimerspec soon{{0, 0}, {0, 1}};
  must(timerfd_settime(timer, 0, &soon, nullptr));
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

int numbered(const char* name) {
  for (int i = 0; i < count; ++i) {
    if (std::strcmp(world[static_cast<std::size_t>(i)].name, name) == 0) return world[static_cast<std::size_t>(i)].fd;
  }
  std::abort();
}

void add_epolls() {
  add(must(epoll_create1(0)), -1, "epoll_bare");
  const auto make = [](const char* name, const char* watched, unsigned events) {
    const int epoll = must(epoll_create1(0)), fd = numbered(watched);
    epoll_event event{};
    event.events = events;
    event.data.u64 = 77;
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    int peer = -1;
    for (const Descriptor& other : world) {
      if (other.fd == fd) peer = other.peer;
    }
    add(epoll, peer, name);
  };
  make("epoll_idle", "unix_empty", EPOLLIN);
  make("epoll_ready", "unix_some", EPOLLIN);
  make("epoll_once", "pipe_some_r", EPOLLIN | EPOLLONESHOT);
  make("epoll_of_epoll", "epoll_ready", EPOLLIN);
}

void add_words(std::string* words, int fd, long flags, long access, long place, long ready, int events) {
  char line[120];
  std::snprintf(line, sizeof line, "    %d %s: close-on-exec %ld, flags %#lo, at %ld, to read %ld, events %#x\n", fd,
                name_of(fd), flags, access, place, ready, static_cast<unsigned>(events));
  *words += line;
}

}  // namespace

void make_folder() {
  kernel(SYS_umask, 022);
  std::system("rm -rf ./* 2>/dev/null");  // the parent's, who runs alone
  must(mkdir("directory", 0755));
  must(mkfifo("fifo", 0644));
  must(symlink("loop", "loop"));
  must(symlink("file", "link"));
}

void make_world(bool with_child) {
  count = 0;
  for (const char* name : {"new", "new2", "directory/new"}) unlink(name);
  const int file = must(open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));
  give(file, 1000);
  close(file);
  add_files();
  add_pipes();
  add_pairs();
  add_tcp();
  add_other_sockets();
  add_event_descriptors();
  add_message_queues();
  add_epolls();
  empty_queues();
  child = -1;
  if (!with_child) return;
  child = vfork();
  if (child == 0) _exit(3);
  siginfo_t information;
  must(waitid(P_PID, static_cast<id_t>(child), &information, WEXITED | WNOWAIT));
}

const Descriptor& any_descriptor(Random& random, Sort sort) {
  static constexpr Descriptor bad[] = {
      {-1, -1, "-1"},         {2147483647, -1, "INT_MAX"},   {2500, -1, "closed"},
      {-100, -1, "AT_FDCWD"}, {1 << 20, -1, "beyond_limit"}, {3000, -1, "closed_high"}};
  if (random.percent(8)) return bad[random.below(std::size(bad))];
  const bool narrow = sort != Sort::any && random.percent(80);
  for (;;) {
    const Descriptor& chosen = world[random.below(static_cast<std::size_t>(count))];
    if (!narrow) return chosen;
    const std::string_view name = chosen.name;
    const auto begins = [&](const char* with) { return name.starts_with(with); };
    switch (sort) {
      case Sort::epoll:
        if (begins("epoll")) return chosen;
        break;
      case Sort::queue:
        if (begins("queue")) return chosen;
        break;
      case Sort::directory:
        if (begins("folder")) return chosen;
        break;
      default:
        if (begins("unix") || begins("tcp") || begins("dgram") || begins("seq") || begins("udp") || begins("netlink"))
          return chosen;
    }
  }
}

std::span<const Descriptor> all_descriptors() { return {world.data(), static_cast<std::size_t>(count)}; }

const char* name_of(int fd) {
  for (int i = 0; i < count; ++i) {
    if (world[static_cast<std::size_t>(i)].fd == fd) return world[static_cast<std::size_t>(i)].name;
  }
  return "?";
}

pid_t ended_child() { return child; }

pid_t name_child(pid_t pid) { return pid == child && pid > 0 ? 7'000'001 : pid == getpid() ? 7'000'002 : pid; }

std::uint64_t hash_world(std::string* words) {
  constexpr int most = 136;
  static pollfd polled[most];
  for (int fd = 0; fd < most; ++fd) polled[fd] = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
  kernel(SYS_poll, address(polled), most, 0);
  std::uint64_t hash = 1;
  for (int fd = 0; fd < most; ++fd) {
    if (polled[fd].revents == POLLNVAL && kernel(SYS_fcntl, fd, F_GETFD) < 0) continue;
    int ready = 0;
    termios settings;
    long facts[] = {fd,
                    kernel(SYS_fcntl, fd, F_GETFD),
                    kernel(SYS_fcntl, fd, F_GETFL),
                    kernel(SYS_lseek, fd, 0, SEEK_CUR),
                    kernel(SYS_ioctl, fd, FIONREAD, address(&ready)),
                    ready,
                    polled[fd].revents};
    const bool comes_later = facts[4] == 0 && kernel(SYS_ioctl, fd, TCGETS, address(&settings)) == 0;  // a terminal
    if (comes_later) facts[5] = facts[6] = 0;
    hash = hash_bytes(facts, sizeof facts, hash);
    if (words != nullptr) add_words(words, fd, facts[1], facts[2], facts[3], ready, polled[fd].revents);
  }
  return hash;
}

}  // namespace fuzz
