// Crawls a site: fetch, parse, store, each in greenlets of its own, with queues between them. The bounded ones keep
// the quick stages from running ahead of the slow ones: at most a few pages are in memory at a time.
//
//     crawl HOST:PORT PATH FILE
#include <evergreen/evergreen.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <regex>
#include <set>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct Page {
  std::string path, text;
};

std::string fetch(const std::string& host, const std::string& path) {
  evergreen::Socket server = evergreen::create_connection(host, 5s);
  server.set_timeout(5s);
  server.send_all("GET " + path + " HTTP/1.0\r\nHost: " + host + "\r\n\r\n");
  std::string text;
  for (std::string part = server.recv(65536); !part.empty(); part = server.recv(65536)) text += part;
  return text;
}

std::vector<std::string> links_of(const Page& page) {
  static const std::regex link("href=\"(/[^\"]*)\"");
  return {std::sregex_token_iterator(page.text.begin(), page.text.end(), link, 1), std::sregex_token_iterator()};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    return std::cerr << "usage: crawl HOST:PORT PATH FILE" << std::endl, 2;
  }
  evergreen::Queue<std::string> paths;  // unbounded: the parser must not wait for fetchers that wait for it
  evergreen::Queue<Page> pages(4), parsed(4);
  evergreen::Group fetchers;
  for (int i = 0; i < 8; ++i) {
    fetchers.spawn([&, host = std::string(argv[1])] {
      for (const std::string& path : paths) {
        try {
          pages.put({path, fetch(host, path)});
        } catch (const std::exception& error) {
          std::cout << path << ": " << error.what() << std::endl;
          paths.task_done();
        }
      }
    });
  }
  auto parser = evergreen::spawn([&, seen = std::set<std::string>{argv[2]}]() mutable {
    for (Page& page : pages) {
      for (const std::string& path : evergreen::offload([&] { return links_of(page); })) {  // it computes
        if (seen.insert(path).second) paths.put(path);
      }
      parsed.put(std::move(page));
      paths.task_done();
    }
  });
  auto store = evergreen::spawn([&, file = std::ofstream(argv[3])]() mutable {
    int stored = 0;
    for (const Page& page : parsed) stored += file << page.path << " " << page.text.size() << std::endl ? 1 : 0;
    return stored;
  });
  paths.put(argv[2]);
  paths.join();  // no path is left that is not parsed
  paths.shutdown();
  fetchers.join();
  pages.shutdown();
  parser.get();
  parsed.shutdown();
  std::cout << store.get() << " pages stored" << std::endl;
}
