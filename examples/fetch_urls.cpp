// Fetches URLs, twenty at a time, with libcurl as it is: its calls block, and park their greenlet. The lines come as
// the pages do.
//
//     fetch_urls < URLS
#include <curl/curl.h>
#include <evergreen/evergreen.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct Page {
  std::string url, body, error;
};

std::size_t append(char* data, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

std::string get(const std::string& url) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(), curl_easy_cleanup);
  std::string body;
  curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &body);
  const CURLcode code = curl_easy_perform(easy.get());
  if (code != CURLE_OK) throw std::runtime_error(curl_easy_strerror(code));
  return body;
}

Page fetch(const std::string& url) {
  try {
    const evergreen::Timeout timeout(10s);
    return {url, get(url), ""};
  } catch (const evergreen::Timeout& passed) {
    return {url, "", passed.what()};
  } catch (const std::runtime_error& error) {
    return {url, "", error.what()};
  }
}

}  // namespace

int main() {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  std::vector<std::string> urls;
  for (std::string line; std::getline(std::cin, line);) urls.push_back(line);
  evergreen::Pool pool(20);
  for (const Page& page : pool.imap_unordered(fetch, urls)) {
    std::cout << page.url << ": " << (page.error.empty() ? std::to_string(page.body.size()) + " bytes" : page.error)
              << std::endl;
  }
}
