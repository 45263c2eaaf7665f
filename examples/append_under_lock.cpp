// Fetches several texts at once, and appends each to one file as it comes, whole and numbered.
//
//     append_under_lock FILE HOST:PORT NAME...
#include <evergreen/evergreen.h>

#include <cerrno>
#include <fstream>
#include <iostream>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

class Journal {
 public:
  explicit Journal(std::string path) : path_(std::move(path)) {}

  // Writing waits, for the disk, and the others run meanwhile: without the lock two of them would get one number.
  int append(const std::string& text) {
    const std::lock_guard guard(lock_);
    const int number = count_ + 1;
    evergreen::offload([&] {
      std::ofstream file(path_, std::ios::app);
      file << "-- " << number << '\n' << text << std::flush;
      if (!file) throw std::system_error(errno, std::generic_category(), path_);
    });
    count_ = number;
    return number;
  }

 private:
  const std::string path_;
  evergreen::Lock lock_;
  int count_ = 0;
};

std::string fetch(const std::string& server, const std::string& name) {
  evergreen::Socket socket = evergreen::create_connection(server);
  socket.send_all(name + "\n");
  std::string text, part;
  while (!(part = socket.recv(4096)).empty()) text += part;
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  Journal journal(argv[1]);
  std::vector<evergreen::Greenlet<void>> greenlets;
  for (int i = 3; i < argc; ++i) {
    greenlets.push_back(evergreen::spawn([&journal, server = std::string(argv[2]), name = std::string(argv[i])] {
      const std::string text = fetch(server, name);
      const int number = journal.append(text);
      std::cout << name << " is number " << number << std::endl;
    }));
  }
  evergreen::joinall(greenlets, evergreen::Deadline::never(), true);
}
