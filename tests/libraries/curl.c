// libcurl's easy interface, against nginx. ADDRESS is a URL without its last part; then comes another one, which every
// other job takes, and for TLS a file with the authority's certificate. The server behind nginx answers when THREADS
// requests wait for it (or after 0.2 s).
#include <curl/curl.h>
#include <err.h>
#include <stdlib.h>

#include "tests/libraries/pool.h"

static struct Setting setting;
static const char *other_address, *authority;

struct Body {
  unsigned long length, sum;
};

static size_t receive(char* data, size_t size, size_t count, void* argument) {
  struct Body* body = argument;
  for (size_t i = 0; i < size * count; i++) body->sum = body->sum * 31 + (unsigned char)data[i];
  body->length += size * count;
  return size * count;
}

static void* begin(void) {
  CURL* easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
  if (authority != NULL) curl_easy_setopt(easy, CURLOPT_CAINFO, authority);
  return easy;
}

static void end(void* easy) { curl_easy_cleanup(easy); }

static char* job(void* easy, int number) {
  struct Body body = {0, 0};
  long status = 0;
  char* url =
      line("%s/%s/%d", number % 2 == 0 ? setting.address : other_address, setting.meet ? "meet" : "wait", number);
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
  const CURLcode code = curl_easy_perform(easy);
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  free(url);
  return line("%s, status %ld, %lu bytes, sum %lx", curl_easy_strerror(code), status, body.length, body.sum);
}

// That the certificate is looked at.
static void try_without_authority(void) {
  CURL* easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, setting.address);
  if (curl_easy_perform(easy) != CURLE_PEER_FAILED_VERIFICATION) errx(1, "an unknown authority's word was taken");
  end(easy);
}

int main(int count, char** words) {
  setting = setting_of(count, words);
  if (count < 6) errx(1, "no other address");
  other_address = words[5];
  authority = words[6];
  curl_global_init(CURL_GLOBAL_DEFAULT);
  pool_run(&(struct Pool){begin, job, end, NULL}, setting);
  if (authority != NULL) try_without_authority();
  curl_global_cleanup();
}
