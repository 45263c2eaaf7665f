// Asks several servers the same, takes the first answer, and drops the other requests.
//
//     first_completed HOST:PORT...
#include <evergreen/evergreen.h>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

// Sends a question, and waits for a line. Whatever ends this closes the connection.
std::string ask(const std::string& server) {
  evergreen::Socket socket = evergreen::create_connection(server, 5s);
  socket.send_all("what time is it?\n");
  const auto answer = socket.read_line();
  if (!answer) throw std::runtime_error(server + " has nothing to say");
  return std::string(*answer);
}

std::string first_answer(const std::vector<std::string>& servers) {
  std::vector<evergreen::Greenlet<std::string>> requests;
  for (const std::string& server : servers) requests.push_back(evergreen::spawn(ask, server));

  for (const auto& request : evergreen::iwait(requests, 30s)) {
    if (!request.successful()) continue;  // this server is down: wait for the others
    evergreen::killall(requests);         // their connections are closed when this returns
    return request.get();
  }
  evergreen::killall(requests);
  throw std::runtime_error("nobody has answered");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::cout << first_answer({argv + 1, argv + argc}) << std::endl;
  } catch (const std::exception& error) {
    std::cout << "no answer: " << error.what() << std::endl;
  }
  std::string line;  // so that one can see that nothing else is going on
  std::getline(std::cin, line);
}
