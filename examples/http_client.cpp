// Fetches several pages over HTTP/1.1 at once; prints each as soon as it is there. Parsed by Boost.Beast.
//
//     http_client HOST:PORT PATH...
#include <evergreen/evergreen.h>

#include <boost/beast/http.hpp>
#include <chrono>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace http = boost::beast::http;
using namespace std::chrono_literals;

namespace {

using Response = http::response<http::string_body>;

Response receive(evergreen::Socket& server) {
  http::response_parser<http::string_body> parser;
  parser.eager(true);
  std::string data;
  while (!parser.is_done()) {
    boost::beast::error_code error;
    const std::string more = server.recv(16384);
    data += more;
    if (more.empty()) {
      parser.put_eof(error);
    } else {
      data.erase(0, parser.put(boost::asio::buffer(data), error));
    }
    if (error && error != http::error::need_more) throw boost::system::system_error(error);
  }
  return parser.release();
}

std::string fetch(const std::string& host, const std::string& path) {
  evergreen::Socket server = evergreen::create_connection(host, 5s);
  http::request<http::empty_body> request(http::verb::get, path, 11);
  request.set(http::field::host, host);
  request.keep_alive(false);
  server.send_all((std::ostringstream() << request).str());
  const Response response = receive(server);
  return std::to_string(response.result_int()) + " " + path + " " + std::to_string(response.body().size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: http_client HOST:PORT PATH..." << std::endl;
    return 2;
  }
  std::vector<evergreen::Greenlet<std::string>> pages;
  for (int i = 2; i < argc; ++i) pages.push_back(evergreen::spawn(fetch, std::string(argv[1]), std::string(argv[i])));
  for (auto& page : evergreen::iwait(pages, 30s)) {
    try {
      std::cout << page.get() << std::endl;
    } catch (const std::exception& error) {
      std::cout << "failed: " << error.what() << std::endl;
    }
  }
}
