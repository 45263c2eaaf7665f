// Unmodified C libraries in greenlets of a program that links the patch, with a server that never answers: the kernel
// takes the connection and the request, and nobody reads them. A Timeout or kill() ends the call with an error of the
// library's; the connection can be closed, and nothing is left.
#include <curl/curl.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

class SilentServer {
 public:
  SilentServer() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(bind(fd_, any, size) == 0);
    REQUIRE(listen(fd_, 10) == 0);
    REQUIRE(getsockname(fd_, any, &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { close(fd_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;

  [[nodiscard]] int port() const { return port_; }

 private:
  int fd_, port_ = 0;
};

// Each returns what the library says of the failure, or nothing if it succeeded.
std::string ask_curl(int port) {
  CURL* easy = curl_easy_init();
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/";
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  const CURLcode code = curl_easy_perform(easy);
  curl_easy_cleanup(easy);
  return code == CURLE_OK ? "" : curl_easy_strerror(code);
}

std::string ask_postgres(int port) {
  const std::string where =
      "host=127.0.0.1 sslmode=disable gssencmode=disable user=u dbname=d port=" + std::to_string(port);
  PGconn* connection = PQconnectdb(where.c_str());
  const std::string error = PQstatus(connection) == CONNECTION_OK ? "" : PQerrorMessage(connection);
  PQfinish(connection);
  return error;
}

std::string ask_redis(int port) {
  redisContext* connection = redisConnect("127.0.0.1", port);
  if (connection == nullptr) return "no memory";
  void* reply = connection->err == 0 ? redisCommand(connection, "PING") : nullptr;
  const std::string error = reply != nullptr ? "" : connection->errstr;
  freeReplyObject(reply);
  redisFree(connection);
  return error;
}

std::string ask_openssl(int port) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  BIO* connection = BIO_new_ssl_connect(context);
  BIO_set_conn_hostname(connection, ("127.0.0.1:" + std::to_string(port)).c_str());
  long result = -1;
  do {
    result = BIO_do_handshake(connection);
  } while (result <= 0 && BIO_should_retry(connection));
  BIO_free_all(connection);
  SSL_CTX_free(context);
  return result > 0 ? "" : "handshake failed";
}

using Ask = std::string (*)(int);

void require_ended_by_timeout(Ask ask) {
  const SilentServer server;
  std::string error;
  bool was_thrown = false;
  int ticks = 0;
  auto ticker = spawn([&] {
    for (; ticks < 3; ++ticks) sleep(1ms);
  });
  try {
    const Timeout timeout(30ms);
    error = ask(server.port());
  } catch (const Timeout&) {
    was_thrown = true;
  }
  CHECK(was_thrown);
  CHECK_FALSE(error.empty());
  ticker.join();
  CHECK(ticks == 3);
}

void require_ended_by_kill(Ask ask) {
  const SilentServer server;
  std::string error;
  bool went_on = false;
  auto client = spawn([&] {
    error = ask(server.port());
    sleep(0s);
    went_on = true;
  });
  sleep(5ms);
  client.kill();
  CHECK(client.dead());
  CHECK_FALSE(error.empty());
  CHECK_FALSE(went_on);
}

// What libraries open once, they keep.
void require_ends(Ask ask) {
  try {
    const Timeout timeout(1ms);
    const SilentServer server;
    ask(server.port());
  } catch (const Timeout&) {
  }
  const LibraryFixture nothing_left;
  require_ended_by_timeout(ask);
  require_ended_by_kill(ask);
}

}  // namespace

TEST_CASE("libcurl's call ends by Timeout and kill()", "[clients]") {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  require_ends(ask_curl);
}

TEST_CASE("libpq's call ends by Timeout and kill()", "[clients]") { require_ends(ask_postgres); }

TEST_CASE("hiredis's call ends by Timeout and kill()", "[clients]") { require_ends(ask_redis); }

TEST_CASE("OpenSSL's call ends by Timeout and kill()", "[clients]") { require_ends(ask_openssl); }
