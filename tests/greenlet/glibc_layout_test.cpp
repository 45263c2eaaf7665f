#include "greenlet/glibc_layout.h"

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "greenlet/arch_x86_64.h"
#include "tests/support/catch.h"
#include "tests/support/process.h"

using namespace evergreen;

namespace {

void destroy(void*) {}

}  // namespace

TEST_CASE("this glibc holds what evergreen needs", "[glibc_layout]") {
  REQUIRE_NOTHROW(test::require_glibc());
  CHECK(glibc().static_tls_size >= glibc().descriptor_size);
}

TEST_CASE("the check can be made again", "[glibc_layout]") {
  test::require_glibc();
  const char* wrong = check_glibc();
  CHECK(wrong == nullptr);
}

TEST_CASE("the running thread's id stands where the layout says", "[glibc_layout]") {
  test::require_glibc();
  pid_t id = 0;
  std::memcpy(&id, reinterpret_cast<char*>(arch::thread_pointer()) + glibc().tid, sizeof id);
  CHECK(id == gettid());
}

TEST_CASE("errno is in what the layout calls libc's own TLS", "[glibc_layout]") {
  test::require_glibc();
  const auto start = arch::thread_pointer() + static_cast<std::uintptr_t>(glibc().libc_tls);
  const auto error_number = reinterpret_cast<std::uintptr_t>(&errno);
  CHECK(error_number >= start);
  CHECK(error_number < start + glibc().libc_tls_size);
}

TEST_CASE("the table of keys tells which keys exist, and their destructors", "[glibc_layout]") {
  test::require_glibc();
  pthread_key_t key;
  REQUIRE(pthread_key_create(&key, destroy) == 0);
  CHECK(glibc().keys[key].sequence % 2 == 1);
  CHECK(glibc().keys[key].destructor == destroy);
  pthread_key_delete(key);
  CHECK(glibc().keys[key].sequence % 2 == 0);
}
