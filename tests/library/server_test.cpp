#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

#include "evergreen/datagram_server.h"
#include "evergreen/pool.h"
#include "evergreen/stream_server.h"
#include "tests/library/fixture.h"
#include "tests/library/sockets.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

void echo(Socket& socket) {
  for (std::string_view line : socket.lines()) socket.send_all(std::string(line) + "\n");
}

std::string ask(Socket& socket, std::string_view question) {
  socket.send_all(std::string(question) + "\n");
  return std::string(socket.read_line().value_or("the end"));
}

// No more descriptors for this process, as long as it lives.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    const int next = fcntl(0, F_DUPFD, 0);
    close(next);
    none.rlim_cur = static_cast<rlim_t>(next);
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoMoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "a server handles each connection in a greenlet of its own", "[server]") {
  StreamServer server("127.0.0.1:0", echo);
  CHECK_FALSE(server.started());
  server.start();
  server.start();
  CHECK(server.started());
  CHECK(server.address().port() != 0);
  Socket a = create_connection(server.address()), b = create_connection(server.address());
  const std::string from_b = ask(b, "b"), from_a = ask(a, "a");
  CHECK(from_a == "a");
  CHECK(from_b == "b");
  CHECK(server.active() == 2);
  a.close();
  b.close();
  const bool all_dead = server.stop(10s);
  CHECK(all_dead);
  CHECK_FALSE(server.started());
  CHECK(server.active() == 0);
}

TEST_CASE_METHOD(LibraryFixture, "the handler may take the socket, by value or not, and the address", "[server]") {
  std::vector<Address> peers;
  StreamServer with_address("127.0.0.1:0", [&](Socket socket, const Address& peer) {
    peers.push_back(peer);
    socket.send_all("1\n");
  });
  StreamServer by_value("127.0.0.1:0", [](Socket socket) { socket.send_all("2\n"); });
  StreamServer movable_only("127.0.0.1:0", [text = std::make_unique<std::string>("3\n")](Socket& socket, Address) {
    socket.send_all(*text);
  });
  std::string got;
  for (StreamServer* server : {&with_address, &by_value, &movable_only}) {
    server->start();
    Socket client = create_connection(server->address());
    got += client.recv_exactly(2);
    const std::string end = client.recv(1);
    CHECK(end.empty());
    if (server == &with_address) CHECK(peers == std::vector<Address>{client.local_address()});
    server->stop();
  }
  CHECK(got == "1\n2\n3\n");
}

TEST_CASE_METHOD(LibraryFixture, "an exception in a handler ends that connection alone", "[server]") {
  StreamServer server("127.0.0.1:0", [](Socket& socket) {
    for (std::string_view line : socket.lines()) {
      if (line == "throw") throw std::runtime_error("as asked");
      socket.send_all(std::string(line) + "\n");
    }
  });
  server.start();
  Socket a = create_connection(server.address()), b = create_connection(server.address());
  const std::string from_a = ask(a, "a"), end_of_b = ask(b, "throw"), again = ask(a, "a");
  CHECK(from_a == "a");
  CHECK(end_of_b == "the end");
  CHECK(again == "a");
  a.close();
  server.stop(10s);
}

TEST_CASE_METHOD(LibraryFixture, "while the pool is full nothing is accepted", "[server]") {
  for (const std::size_t size : {1UL, 2UL}) {
    StreamServer server("127.0.0.1:0", echo, {.spawn = size == 1 ? Spawn::none() : Spawn::pool(size)});
    server.start();
    std::vector<Socket> clients;
    for (std::size_t i = 0; i < size; ++i) {
      clients.push_back(create_connection(server.address()));
      const std::string answer = ask(clients.back(), "x");
      CHECK(answer == "x");
    }
    Socket late = create_connection(server.address());
    late.send_all("late\n");
    CHECK_THROWS_AS(late.recv(1, 5ms), IoTimeout);
    CHECK(server.active() == size);
    clients.pop_back();
    const std::string answer(late.read_line().value());
    CHECK(answer == "late");
    late.close();
    clients.clear();
    server.stop(10s);
  }
}

TEST_CASE_METHOD(LibraryFixture, "handlers run in a pool that others use too, and wait for its room", "[server]") {
  Pool pool(2);
  StreamServer server("127.0.0.1:0", echo, {.spawn = Spawn::pool(pool)});
  server.start();
  Event done;
  auto other = pool.spawn([&] { done.wait(); });
  Socket first = create_connection(server.address());
  const std::string of_first = ask(first, "first");
  CHECK(of_first == "first");
  CHECK(server.full());
  CHECK(server.active() == 1);
  Socket second = create_connection(server.address());
  second.send_all("second\n");
  CHECK_THROWS_AS(second.recv(1, 5ms), IoTimeout);
  done.set();
  const std::string of_second(second.read_line().value());
  CHECK(of_second == "second");
  auto late = spawn([&] { pool.spawn([] {}); });  // takes the room that the server waits for
  Socket third = create_connection(server.address());
  settle();
  server.stop(2ms);
  bool got_nothing = false;  // the end, or a reset where it had not been accepted yet
  try {
    got_nothing = third.recv(1).empty();
  } catch (const std::system_error& error) {
    got_nothing = error.code() == std::errc::connection_reset;
  }
  CHECK(got_nothing);
  late.get();
  pool.join();
}

TEST_CASE_METHOD(LibraryFixture, "stop waits for handlers until the deadline, and kills them then", "[server]") {
  bool finished = false, unwound = false;
  Event go;
  StreamServer server("127.0.0.1:0", [&](Socket& socket) {
    struct Mark {
      bool& mark;
      ~Mark() { mark = true; }
    };
    if (ask(socket, "?") == "patient") {
      go.wait();
      socket.send_all("done\n");
      finished = true;
    } else {
      const Mark mark{unwound};
      sleep(1h);
    }
  });
  server.start();
  Socket patient = create_connection(server.address());
  patient.read_line();
  patient.send_all("patient\n");
  settle();
  auto stopping = spawn([&] { return server.stop(1h); });
  settle();
  CHECK_FALSE(stopping.dead());
  CHECK(error_of([&] { create_connection(server.address()); }).code == std::errc::connection_refused);
  go.set();
  const bool all_ended = stopping.get();
  CHECK(all_ended);
  CHECK(finished);

  server.start();
  Socket endless = create_connection(server.address());
  endless.read_line();
  endless.send_all("endless\n");
  settle();
  const bool killed = server.stop(2ms);
  CHECK(killed);
  CHECK(unwound);
  const std::string end = endless.recv(1);
  CHECK(end.empty());
}

TEST_CASE_METHOD(LibraryFixture, "serve_forever returns when a handler stops the server", "[server]") {
  StreamServer* to_stop = nullptr;
  StreamServer server("127.0.0.1:0", [&](Socket& socket) {
    socket.read_line();
    to_stop->stop();
    socket.send_all("stopped\n");
  });
  to_stop = &server;
  auto serving = spawn([&] { server.serve_forever(); });
  settle();
  Socket client = create_connection(server.address());
  const std::string answer = ask(client, "stop");
  serving.get();
  CHECK(answer == "stopped");
}

TEST_CASE_METHOD(LibraryFixture, "who kills serve_forever stops the server", "[server]") {
  StreamServer server("127.0.0.1:0", echo);
  auto serving = spawn([&] { server.serve_forever(); });
  settle();
  CHECK(server.started());
  const Address address = server.address();
  serving.kill();
  CHECK_FALSE(server.started());
  CHECK(error_of([&] { create_connection(address); }).code == std::errc::connection_refused);
}

TEST_CASE_METHOD(LibraryFixture, "a server that is destroyed stops, and kills its handlers", "[server]") {
  Socket client;
  {
    StreamServer server("127.0.0.1:0", echo);
    server.start();
    client = create_connection(server.address());
    const std::string answer = ask(client, "x");
    CHECK(answer == "x");
  }
  const std::string end = client.recv(1);
  CHECK(end.empty());
}

TEST_CASE_METHOD(LibraryFixture, "a server takes a listener that exists, and does not bind again", "[server]") {
  Socket listener = create_server("[::1]:0");
  const Address address = listener.local_address();
  StreamServer server(std::move(listener), echo);
  CHECK(server.address() == address);
  server.start();
  Socket client = create_connection(address);
  const std::string answer = ask(client, "x");
  CHECK(answer == "x");
  client.close();
  server.stop();
}

TEST_CASE_METHOD(LibraryFixture, "an address that cannot be bound is an error of start", "[server]") {
  Socket taken = create_server("127.0.0.1:0");
  StreamServer server(taken.local_address(), echo);
  CHECK(error_of([&] { server.start(); }).code == std::errc::address_in_use);
  CHECK_FALSE(server.started());
}

TEST_CASE_METHOD(LibraryFixture, "several servers share one port if they reuse it", "[server]") {
  StreamServer first("127.0.0.1:0", echo, {.reuse_port = true});
  first.start();
  StreamServer second(first.address(), echo, {.reuse_port = true});
  second.start();
  std::vector<Socket> clients;
  for (int i = 0; i < 1000 && (first.active() == 0 || second.active() == 0); ++i) {
    clients.push_back(create_connection(first.address()));
    const std::string answer = ask(clients.back(), "x");
    CHECK(answer == "x");
  }
  CHECK(first.active() > 0);
  CHECK(second.active() > 0);
  clients.clear();
  first.stop(10s);
  second.stop(10s);
}

TEST_CASE_METHOD(LibraryFixture, "without descriptors for connections the server waits, and goes on", "[server]") {
  StreamServer server("127.0.0.1:0", echo, {.min_delay = 1ms, .max_delay = 4ms});
  server.start();
  Socket client(AF_INET);
  {
    const NoMoreDescriptors scope;
    client.connect(server.address());
    client.send_all("x\n");
    CHECK_THROWS_AS(client.recv(1, 20ms), IoTimeout);
    CHECK(server.started());
  }
  const std::string answer(client.read_line().value());
  CHECK(answer == "x");
  client.close();
  server.stop();
}

TEST_CASE_METHOD(LibraryFixture, "a listener that becomes unusable ends the server", "[server]") {
  Socket listener = create_server("127.0.0.1:0");
  const int fd = listener.fd();
  StreamServer server(std::move(listener), echo);
  auto serving = spawn([&] { server.serve_forever(); });
  settle();
  shutdown(fd, SHUT_RD);
  serving.get();
  CHECK_FALSE(server.started());
}

TEST_CASE_METHOD(LibraryFixture, "datagrams are handled, and answered from the server's socket", "[server]") {
  DatagramServer* answering = nullptr;
  DatagramServer server("127.0.0.1:0", [&](const std::string& data, const Address& from) {
    if (data == "throw") throw std::runtime_error("as asked");
    answering->sendto("got " + data, from);
  });
  answering = &server;
  server.start();
  Socket client(AF_INET, Socket::Type::datagram);
  client.connect(server.address());
  client.send("throw");
  client.send("one");
  const std::string answer = client.recv(100);
  CHECK(answer == "got one");
  server.stop();
  CHECK_FALSE(server.started());
}
