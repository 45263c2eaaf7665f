// An HTTP/1.1 server: the parser is Boost.Beast's, which asks nobody for its bytes; the sockets are evergreen's.
//
//     http_server [PORT]
#include <evergreen/evergreen.h>

#include <boost/beast/http.hpp>
#include <chrono>
#include <csignal>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>

namespace http = boost::beast::http;
using namespace std::chrono_literals;

namespace {

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;
// The next request; nothing where the client has closed the connection instead. `data`: what has come and is not used.
std::optional<Request> receive(evergreen::Socket& client, std::string& data) {
  http::request_parser<http::string_body> parser;
  parser.eager(true);
  parser.body_limit(1 << 20);
  while (!parser.is_done()) {
    boost::beast::error_code error;
    data.erase(0, parser.put(boost::asio::buffer(data), error));
    if (error && error != http::error::need_more) throw boost::system::system_error(error);
    if (parser.is_done()) break;
    const std::string more = client.recv(16384);
    if (more.empty()) return std::nullopt;
    data += more;
  }
  return parser.release();
}

std::string news;
evergreen::Event posted;
Response answer(const Request& request) {
  Response response(http::status::ok, request.version());
  if (request.method() == http::verb::post) {
    response.body() = news = request.body();
    posted.set(), posted.clear();
  } else if (request.target() == "/next") {
    posted.wait();  // until another client posts; the others are answered meanwhile
    response.body() = news;
  } else if (request.target() == "/") {
    response.body() = "hello\n";
  } else {
    response.result(http::status::not_found);
  }
  return response;
}

void serve(evergreen::Socket& client) {
  client.set_timeout(30s);
  std::string data;
  try {
    while (const auto request = receive(client, data)) {
      Response response = answer(*request);
      response.keep_alive(request->keep_alive());
      response.prepare_payload();
      client.send_all((std::ostringstream() << response).str());
      if (!request->keep_alive()) break;
    }
  } catch (const boost::system::system_error& error) {  // of the parser
    client.send_all("HTTP/1.1 400 " + error.code().message() + "\r\nConnection: close\r\n\r\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  evergreen::StreamServer server(std::string("127.0.0.1:") + (argc > 1 ? argv[1] : "8000"), serve);
  server.start();
  std::cout << "listening on " << server.address().to_string() << std::endl;
  evergreen::signal(SIGTERM, [&] { server.stop(1s); });
  server.serve_forever();
}
