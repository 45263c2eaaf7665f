#include "evergreen/tls.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/library/fixture.h"
#include "tests/library/sockets.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

// An authority, and what it has signed: a server of "localhost" and 127.0.0.1, and a client. Made once.
struct Certificates {
  Certificates() : folder(std::filesystem::temp_directory_path() / ("evergreen-tls-" + std::to_string(getpid()))) {
    std::filesystem::create_directory(folder);
    std::ofstream(folder / "names") << "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
    const std::string make =
        "cd " + folder.string() +
        " && exec >/dev/null 2>&1 && new='openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'"
        " && $new -x509 -keyout ca.key -out ca.pem -subj '/CN=test authority' -days 2"
        " && $new -keyout key.pem -out server.csr -subj /CN=localhost"
        " && $new -keyout client.key -out client.csr -subj '/CN=test client'"
        " && sign='openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 2'"
        " && $sign -in server.csr -out chain.pem -extfile names && $sign -in client.csr -out client.pem";
    REQUIRE(std::system(make.c_str()) == 0);
  }
  ~Certificates() { std::filesystem::remove_all(folder); }
  [[nodiscard]] std::string operator[](const char* file) const { return folder / file; }

  const std::filesystem::path folder;
};

const Certificates& files() {
  static const Certificates all;
  return all;
}

TlsContext server_context() { return TlsContext::server(files()["chain.pem"], files()["key.pem"]); }

// Not the system's authorities: to read them takes longer than all the rest.
TlsContext client_context() {
  setenv("SSL_CERT_FILE", "/no such file", 1);
  setenv("SSL_CERT_DIR", "/no such folder", 1);
  TlsContext context = TlsContext::client();
  context.load_authorities(files()["ca.pem"]);
  return context;
}

struct Connection {
  explicit Connection(const TlsContext& of_client = client_context(), const TlsContext& of_server = server_context()) {
    auto [a, b] = Socket::pair();
    auto accepting = spawn([&, socket = std::move(b)]() mutable { server = of_server.accept(std::move(socket)); });
    client = of_client.connect(std::move(a), "localhost");
    accepting.get();
  }
  Socket client, server;
};

std::string tls_error_of(const auto& f) {
  try {
    f();
  } catch (const TlsError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "an encrypted connection is used as a plain one", "[tls]") {
  Connection both;
  both.client.send_all("one\ntwo\r\nthree");
  const std::string one(both.server.read_line().value()), two(both.server.read_line().value());
  CHECK(one == "one");
  CHECK(two == "two");
  const std::string three = both.server.recv_exactly(5);
  CHECK(three == "three");
  both.server.send_all("answer;rest");
  const std::string answer = both.client.read_until(";");
  CHECK(answer == "answer;");
  both.server.close();
  const std::string rest = both.client.recv(100), end = both.client.recv(100);
  CHECK(rest == "rest");
  CHECK(end.empty());
}

TEST_CASE_METHOD(LibraryFixture, "data of any length go both ways at once", "[tls]") {
  Connection both;
  const std::string data = numbers(2'000'000);
  auto echo = spawn([&] {
    for (;;) {
      const std::string got = both.server.recv(30'000);
      if (got.empty()) return both.server.close();
      both.server.send_all(got);
    }
  });
  auto sending = spawn([&] {
    both.client.send_all(data);
    both.client.shutdown(Socket::Side::sending);
  });
  const std::string back = both.client.recv_exactly(data.size());
  const std::string end = both.client.recv(1);
  sending.get();
  echo.get();
  CHECK(back == data);
  CHECK(end.empty());
}

TEST_CASE_METHOD(LibraryFixture, "a certificate of nobody whom one trusts is refused", "[tls]") {
  auto [a, b] = Socket::pair();
  auto accepting = spawn([socket = std::move(b)]() mutable {
    return tls_error_of([&] { server_context().accept(std::move(socket)).close(); });
  });
  const std::string error =
      tls_error_of([&, &plain = a] { TlsContext::client().connect(std::move(plain), "localhost").close(); });
  CHECK(error.find("certificate verify failed") != std::string::npos);
  const std::string told = accepting.get();
  CHECK(told.find("unknown ca") != std::string::npos);
}

TEST_CASE_METHOD(LibraryFixture, "a certificate of another name is refused, unless nobody verifies", "[tls]") {
  for (const bool verifies : {true, false}) {
    for (const char* name : {"other.example", "127.0.0.2"}) {
      TlsContext context = client_context();
      context.set_verify(verifies);
      auto [a, b] = Socket::pair();
      auto accepting = spawn([socket = std::move(b)]() mutable {
        tls_error_of([&] { server_context().accept(std::move(socket)).close(); });
      });
      const std::string error = tls_error_of([&, &plain = a] { context.connect(std::move(plain), name).close(); });
      accepting.get();
      CHECK((error.find("mismatch") != std::string::npos) == verifies);
    }
  }
}

TEST_CASE_METHOD(LibraryFixture, "an address is a name too", "[tls]") {
  auto [a, b] = Socket::pair();
  auto accepting = spawn([socket = std::move(b)]() mutable { server_context().accept(std::move(socket)).close(); });
  Socket client = client_context().connect(std::move(a), "127.0.0.1");
  const std::string end = client.recv(1);
  accepting.get();
  CHECK(end.empty());
}

TEST_CASE_METHOD(LibraryFixture, "a server can ask for the client's certificate", "[tls]") {
  TlsContext strict = server_context();
  strict.load_authorities(files()["ca.pem"]);
  strict.set_verify(true);
  TlsContext with = client_context();
  with.load_certificate(files()["client.pem"], files()["client.key"]);
  const Connection both(with, strict);
  CHECK(tls_info(both.server).value().peer_subject == "CN = test client");
  CHECK(tls_info(both.client).value().peer_subject == "CN = localhost");

  auto [a, b] = Socket::pair();
  auto accepting = spawn(
      [&, socket = std::move(b)]() mutable { return tls_error_of([&] { strict.accept(std::move(socket)).close(); }); });
  const std::string refused = tls_error_of([&, &plain = a] {
    Socket client = client_context().connect(std::move(plain), "localhost");
    client.recv(1);
  });
  const std::string missing = accepting.get();
  CHECK(missing.find("peer did not return a certificate") != std::string::npos);
  CHECK(refused.find("certificate required") != std::string::npos);
}

TEST_CASE_METHOD(LibraryFixture, "the protocol is the server's first that the client offers", "[tls]") {
  TlsContext of_client = client_context(), of_server = server_context();
  of_client.set_protocols({"http/1.1", "h2"});
  of_server.set_protocols({"h3", "h2", "http/1.1"});
  const Connection both(of_client, of_server);
  CHECK(tls_info(both.client).value().protocol == "h2");
  CHECK(tls_info(both.server).value().protocol == "h2");
  CHECK(tls_info(both.server).value().version == "TLSv1.3");
  const Connection without;
  CHECK(tls_info(without.client).value().protocol.empty());
  CHECK_FALSE(tls_info(Socket()).has_value());
  CHECK_THROWS_AS(of_client.set_protocols({""}), TlsError);
}

TEST_CASE_METHOD(LibraryFixture, "a connection that is cut is no end of the stream", "[tls]") {
  Connection both;
  both.server.send_all("some");
  both.server.release().close();
  const std::string some = both.client.recv_exactly(4);
  CHECK(some == "some");
  CHECK_THROWS_AS(both.client.recv(1), TlsError);
}

TEST_CASE_METHOD(LibraryFixture, "who does not speak TLS is refused", "[tls]") {
  auto [a, b] = Socket::pair();
  b.send_all("GET / HTTP/1.0\r\n\r\n");
  const std::string error = tls_error_of([&, &plain = a] { server_context().accept(std::move(plain)).close(); });
  CHECK(error.find("http request") != std::string::npos);
  CHECK_THROWS_AS(TlsContext::server(files()["chain.pem"], "/no such file"), TlsError);
}

TEST_CASE_METHOD(LibraryFixture, "a handshake that takes too long is given up", "[tls]") {
  auto [a, b] = Socket::pair();
  const TlsContext context = client_context();
  CHECK_THROWS_AS(context.connect(std::move(a), "localhost", 2ms), IoTimeout);
}

TEST_CASE_METHOD(LibraryFixture, "a deadline or a kill leaves the stream whole", "[tls]") {
  Connection both;
  CHECK_THROWS_AS(both.server.recv(10, 2ms), IoTimeout);
  const std::string data = numbers(3'000'000);
  auto sending = spawn([&] { both.client.send_all(data); });
  settle();
  sending.kill();
  both.client.set_timeout(2ms);
  CHECK_THROWS_AS(both.client.send_all(data), IoTimeout);
  both.client.set_timeout(std::nullopt);
  auto last = spawn([&] {
    both.client.send_all("the last");
    both.client.close();
  });
  std::string all;
  for (std::string got = both.server.recv(65536); !got.empty(); got = both.server.recv(65536)) all += got;
  last.get();
  CHECK(all.ends_with("the last"));
  all.resize(all.size() - 8);
  std::size_t first = 0;
  while (first < all.size() && all[first] == data[first]) ++first;
  const bool is_two_beginnings = data.starts_with(all.substr(first));
  CHECK(is_two_beginnings);
}

TEST_CASE_METHOD(LibraryFixture, "a server speaks TLS, and refuses those who do not", "[tls]") {
  StreamServer server("127.0.0.1:0", server_context().handler([](Socket& socket, const Address&) {
    for (std::string_view line : socket.lines()) socket.send_all(std::string(line) + "\n");
  }));
  server.start();
  Socket plain = create_connection(server.address());
  plain.send_all("no TLS at all\n");
  Socket client = client_context().connect(create_connection(server.address()), "localhost");
  client.send_all("hello\n");
  const std::string answer(client.read_line().value());
  CHECK(answer == "hello");
  client.close();
  plain.close();
  const bool all_ended = server.stop(10s);
  CHECK(all_ended);
}
