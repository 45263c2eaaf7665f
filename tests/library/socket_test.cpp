#include "evergreen/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "tests/library/fixture.h"
#include "tests/library/sockets.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "a connection carries bytes both ways over IPv4, IPv6 and Unix sockets", "[socket]") {
  const std::string path = "unix:@evergreen-socket-test-" + std::to_string(getpid());
  for (const std::string& where : {std::string("127.0.0.1:0"), std::string("[::1]:0"), path}) {
    INFO(where);
    Socket listener = create_server(where);
    auto server = spawn([&] {
      auto [socket, peer] = listener.accept();
      const bool right = peer == socket.remote_address();
      socket.send_all("hello " + socket.recv(100));
      return right;
    });
    Socket client = create_connection(listener.local_address());
    client.send_all("there");
    const std::string answer = client.recv(100);
    CHECK(answer == "hello there");
    const std::string end = client.recv(100);
    CHECK(end.empty());
    const bool right_peer = server.get();
    CHECK(right_peer);
    CHECK(client.remote_address() == listener.local_address());
  }
}

TEST_CASE_METHOD(LibraryFixture, "a connection to a name is tried at each of its addresses", "[socket]") {
  Socket listener = create_server("127.0.0.1:0");
  auto server = spawn([&] { listener.accept().first.send_all("x"); });
  Socket client = create_connection("localhost", listener.local_address().port(), 10s);
  const std::string got = client.recv_exactly(1);
  CHECK(got == "x");
  server.get();
}

TEST_CASE_METHOD(LibraryFixture, "a refused connection is an error of the call", "[socket]") {
  const Address nobody = create_server("127.0.0.1:0").local_address();
  const auto error = error_of([&] { create_connection(nobody); });
  CHECK(error.code == std::errc::connection_refused);
  CHECK(error.what.starts_with("connect"));
  const auto by_name = error_of([&] { create_connection("localhost", nobody.port()); });
  CHECK(by_name.code == std::errc::connection_refused);
}

TEST_CASE_METHOD(LibraryFixture, "a connection that nobody accepts in time is given up", "[socket]") {
  Socket listener = create_server("unix:@evergreen-full-" + std::to_string(getpid()), 1);
  std::vector<Socket> waiting;
  bool timed_out = false;
  while (!timed_out) {
    Socket client(AF_UNIX);
    try {
      client.connect(listener.local_address(), 5ms);
      waiting.push_back(std::move(client));
    } catch (const IoTimeout&) {
      timed_out = true;
    }
  }
  auto late = spawn([&] { return create_connection(listener.local_address()); });
  settle();
  CHECK_FALSE(late.dead());
  for (std::size_t i = 0; i <= waiting.size(); ++i) listener.accept();
  const bool connected = late.get().fd() >= 0;
  CHECK(connected);
}

TEST_CASE_METHOD(LibraryFixture, "accept ends at its deadline and by kill, and accepts the next one then", "[socket]") {
  Socket listener = create_server("127.0.0.1:0");
  CHECK_THROWS_AS(listener.accept(2ms), IoTimeout);
  auto killed = spawn([&] { listener.accept(); });
  settle();
  killed.kill();
  CHECK(killed.successful());
  Socket client = create_connection(listener.local_address());
  auto [socket, peer] = listener.accept();
  CHECK(peer == client.local_address());
}

TEST_CASE_METHOD(LibraryFixture, "a deadline loses no data that comes later", "[socket]") {
  auto [a, b] = Socket::pair();
  CHECK_THROWS_AS(a.recv(10, 2ms), IoTimeout);
  CHECK_THROWS_AS(a.recv(10, Deadline::now()), IoTimeout);
  b.send_all("abc");
  const std::string got = a.recv(10, Deadline::now());
  CHECK(got == "abc");
}

TEST_CASE_METHOD(LibraryFixture, "a timeout of the socket limits each call that waits", "[socket]") {
  auto [a, b] = Socket::pair();
  a.set_timeout(2ms);
  CHECK(a.timeout() == 2ms);
  CHECK_THROWS_AS(a.recv(10), IoTimeout);
  CHECK_THROWS_AS(a.recv(10, 1h), IoTimeout);
  CHECK_THROWS_AS(a.send_all(std::string(10'000'000, 'x')), IoTimeout);
  a.set_timeout(std::nullopt);
  CHECK_FALSE(a.timeout().has_value());
  b.send_all("x");
  const std::string got = a.recv(10);
  CHECK(got == "x");
}

TEST_CASE_METHOD(LibraryFixture, "what came before recv_exactly or read_until was ended is kept", "[socket]") {
  auto [a, b] = Socket::pair();
  b.send_all("one ");
  CHECK_THROWS_AS(a.recv_exactly(13, 2ms), IoTimeout);
  b.send_all("two ");
  auto limited = spawn([&socket = a] {
    const Timeout timeout(2ms);
    socket.read_until("!");
  });
  CHECK_THROWS_AS(limited.get(), Timeout);
  auto killed = spawn([&socket = a] { socket.recv_exactly(13); });
  settle();
  killed.kill();
  b.send_all("three");
  const std::string all = a.recv_exactly(13);
  CHECK(all == "one two three");
}

TEST_CASE_METHOD(LibraryFixture, "the end of the stream is told apart from errors and from too little data",
                 "[socket]") {
  auto [a, b] = Socket::pair();
  b.send_all("abc");
  b.close();
  CHECK_THROWS_AS(a.recv_exactly(4), EndOfStream);
  CHECK_THROWS_AS(a.read_until("x"), EndOfStream);
  const std::string rest = a.recv_exactly(3);
  CHECK(rest == "abc");
  const std::string end = a.recv(1);
  CHECK(end.empty());
  CHECK_FALSE(a.read_line().has_value());
  const auto error = error_of([&socket = a] { socket.send_all("x"); });
  CHECK(error.code == std::errc::broken_pipe);
}

TEST_CASE_METHOD(LibraryFixture, "read_until returns what comes before a delimiter with it, and leaves the rest",
                 "[socket]") {
  auto [a, b] = Socket::pair();
  auto reading = spawn([&socket = a] { return socket.read_until("\r\n\r\n"); });
  for (const char* part : {"GET /", "\r\nHost: x\r\n", "\r", "\nbody"}) {
    CHECK_FALSE(reading.dead());
    b.send_all(part);
    settle();
  }
  const std::string head = reading.get();
  CHECK(head == "GET /\r\nHost: x\r\n\r\n");
  std::string body(10, '\0');
  body.resize(a.recv_into(body));
  CHECK(body == "body");
  b.send_all("12345;123456;");
  const std::string at_limit = a.read_until(";", 6);
  CHECK(at_limit == "12345;");
  CHECK_THROWS_AS(a.read_until(";", 6), LineTooLong);
}

TEST_CASE_METHOD(LibraryFixture, "lines of a socket are iterated over, and what follows is read otherwise",
                 "[socket]") {
  auto [a, b] = Socket::pair();
  b.send_all("one\r\ntwo\n\nbody");
  b.shutdown(Socket::Side::sending);
  std::vector<std::string> head;
  for (std::string_view line : a.lines()) {
    if (line.empty()) break;
    head.emplace_back(line);
  }
  CHECK(head == std::vector<std::string>{"one", "two"});
  const std::string body = a.recv(100);
  CHECK(body == "body");
  a.send_all(std::string(100, 'x'));
  CHECK_THROWS_AS(b.read_line(10), LineTooLong);
}

TEST_CASE_METHOD(LibraryFixture, "more than the buffers hold is sent while the other end reads", "[socket]") {
  auto [a, b] = Socket::pair();
  const std::string data = numbers(3'000'000);
  auto sending = spawn([&, &socket = b] {
    socket.send_all(data);
    socket.close();
  });
  settle();
  CHECK_FALSE(sending.dead());
  const std::string got = a.recv_exactly(data.size());
  sending.get();
  CHECK(got == data);
}

TEST_CASE_METHOD(LibraryFixture, "of several that send, each one's data stay in one piece", "[socket]") {
  auto [a, b] = Socket::pair();
  std::vector<Greenlet<void>> senders;
  for (char c = 'a'; c < 'e'; ++c) {
    senders.push_back(spawn([c, &socket = b] { socket.send_all(std::string(700'000, c)); }));
  }
  std::string order;
  for (int i = 0; i < 4; ++i) {
    const std::string part = a.recv_exactly(700'000);
    CHECK(part == std::string(part.size(), part[0]));
    order += part[0];
  }
  for (auto& sender : senders) sender.get();
  CHECK(order == "abcd");
}

TEST_CASE_METHOD(LibraryFixture, "who waits for his turn to send can be killed, and the next one has it", "[socket]") {
  auto [a, b] = Socket::pair();
  auto send = [&socket = b](char c) { socket.send_all(std::string(700'000, c)); };
  auto first = spawn(send, 'a'), second = spawn(send, 'b'), third = spawn(send, 'c');
  settle();
  second.kill();
  auto late = spawn([&socket = b] { socket.send_all("x", 2ms); });
  CHECK_THROWS_AS(late.get(), IoTimeout);
  const std::string all = a.recv_exactly(1'400'000);
  first.get();
  third.get();
  CHECK(all == std::string(700'000, 'a') + std::string(700'000, 'c'));
}

TEST_CASE_METHOD(LibraryFixture, "a greenlet reads while another one writes the same socket", "[socket]") {
  auto [a, b] = Socket::pair();
  const std::string data = numbers(1'000'000);
  auto echo = spawn([&socket = b] {
    for (;;) {
      const std::string got = socket.recv(5000);
      if (got.empty()) return;
      socket.send_all(got);
    }
  });
  auto writer = spawn([&, &socket = a] {
    socket.send_all(data);
    socket.shutdown(Socket::Side::sending);
  });
  const std::string back = a.recv_exactly(data.size());
  writer.get();
  echo.get();
  CHECK(back == data);
}

TEST_CASE_METHOD(LibraryFixture, "closing or destroying a socket ends the calls that wait in it by EBADF", "[socket]") {
  auto [a, b] = Socket::pair();
  auto receiving = spawn([&socket = a] { return error_of([&] { socket.recv(1); }).code; });
  settle();
  a.close();
  const std::error_code closed = receiving.get();
  CHECK(closed == std::errc::bad_file_descriptor);
  CHECK_FALSE(a);
  CHECK(error_of([&socket = a] { socket.recv(1); }).code == std::errc::bad_file_descriptor);
  CHECK(error_of([&socket = a] { socket.send_all("x"); }).code == std::errc::bad_file_descriptor);

  auto [c, d] = Socket::pair();
  auto held = std::make_unique<Socket>(std::move(c));
  auto line = spawn([&] { return error_of([&] { held->read_line(); }).code; });
  auto sending = spawn([&] { return error_of([&] { held->send_all(std::string(9'000'000, 'x')); }).code; });
  auto next = spawn([&] { return error_of([&] { held->send_all("x"); }).code; });
  settle();
  held.reset();
  for (auto* greenlet : {&line, &sending, &next}) {
    const std::error_code code = greenlet->get();
    CHECK(code == std::errc::bad_file_descriptor);
  }
}

// Data wake the reader, and before it runs another greenlet, that was woken with it, makes the number another file's.
// Which of the two runs first is the loop's business: both orders of the events are tried.
TEST_CASE_METHOD(LibraryFixture, "the reader of a closed socket never reads from the next owner of its number",
                 "[socket]") {
  int met = 0;
  for (const bool data_first : {true, false}) {
    auto [a, b] = Socket::pair();
    auto [wake, other] = Socket::pair();
    std::string got;
    auto receiving = spawn([&, &socket = a] { return error_of([&] { got = socket.recv(100); }).code; });
    auto closing = spawn([&socket = a, &from = wake] {
      from.recv(1);
      const int number = socket.fd();
      socket.close();
      auto next = Socket::pair();
      next.second.send_all("for the new one");
      settle();
      return next.first.fd() == number && next.first.recv(100) == "for the new one";
    });
    settle();
    if (data_first) b.send_all("for the old one");
    other.send_all("x");
    if (!data_first) b.send_all("for the old one");
    const bool untouched = closing.get();
    const std::error_code code = receiving.get();
    CHECK(untouched);
    CHECK((code == std::errc::bad_file_descriptor || got == "for the old one"));
    met += code == std::errc::bad_file_descriptor ? 1 : 0;
  }
  CHECK(met >= 1);
}

TEST_CASE_METHOD(LibraryFixture, "a socket can be moved while it is used, and given away", "[socket]") {
  auto [a, b] = Socket::pair();
  auto receiving = spawn([&socket = a] { return socket.recv(10); });
  settle();
  Socket moved = std::move(a);
  b.send_all("x");
  const std::string got = receiving.get();
  CHECK(got == "x");
  Descriptor given = moved.release();
  CHECK_FALSE(moved);
  Socket again(std::move(given));
  again.send_all("y");
  const std::string other = b.recv(10);
  CHECK(other == "y");
  b = std::move(again);
  CHECK(b);
  CHECK_THROWS_AS(Socket(Descriptor(dup(0))), std::system_error);
}

TEST_CASE_METHOD(LibraryFixture, "datagrams keep their bounds and tell where they come from", "[socket]") {
  Socket a(AF_INET, Socket::Type::datagram), b(AF_INET, Socket::Type::datagram);
  a.bind("127.0.0.1:0");
  b.bind("127.0.0.1:0");
  auto receiving = spawn([&] { return a.recvfrom(100); });
  settle();
  b.sendto("first", a.local_address());
  b.sendto("second", a.local_address());
  auto [first, from] = receiving.get();
  CHECK(first == "first");
  CHECK(from == b.local_address());
  const std::string cut = a.recvfrom(3).first;
  CHECK(cut == "sec");
  CHECK_THROWS_AS(a.recvfrom(10, 2ms), IoTimeout);
  b.connect(a.local_address());
  b.send("third");
  const std::string third = a.recvfrom(100).first;
  CHECK(third == "third");
  CHECK(error_of([&] { a.sendto(std::string(100'000, 'x'), b.local_address()); }).code == std::errc::message_size);
}

TEST_CASE_METHOD(LibraryFixture, "options are set and asked for", "[socket]") {
  Socket socket(AF_INET);
  socket.set_no_delay();
  CHECK(socket.option(IPPROTO_TCP, TCP_NODELAY) != 0);
  socket.set_no_delay(false);
  CHECK(socket.option(IPPROTO_TCP, TCP_NODELAY) == 0);
  socket.set_reuse_address();
  socket.set_reuse_port();
  socket.set_broadcast();
  socket.set_keep_alive();
  for (int option : {SO_REUSEADDR, SO_REUSEPORT, SO_BROADCAST, SO_KEEPALIVE}) {
    CHECK(socket.option(SOL_SOCKET, option) != 0);
  }
  CHECK(error_of([&] { socket.set_option(SOL_SOCKET, -1, 0); }).code == std::errc::no_protocol_option);
}

TEST_CASE_METHOD(LibraryFixture, "a plain thread uses sockets too, and blocks", "[socket]") {
  Socket listener = create_server("127.0.0.1:0");
  const Address where = listener.local_address();
  std::string got;
  bool timed_out = false;
  std::thread client([&] {
    Socket socket = create_connection(where);
    try {
      socket.recv(1, 2ms);
    } catch (const IoTimeout&) {
      timed_out = true;
    }
    socket.send_all("go\n");
    got = std::string(socket.read_line().value());
  });
  auto [socket, peer] = listener.accept();
  const std::string go(socket.read_line().value());
  CHECK(go == "go");
  socket.send_all("gone\n");
  client.join();
  CHECK(timed_out);
  CHECK(got == "gone");
}
