#include "evergreen/address.h"

#include <netdb.h>

#include <stdexcept>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "an address is read from text and written as it was", "[address]") {
  for (const char* text : {"127.0.0.1:80", "[::1]:65535", "[fe80::1%lo]:7", "0.0.0.0:0", "unix:/run/app.sock",
                           "unix:@abstract", "unix:relative.sock"}) {
    CHECK(Address(text).to_string() == text);
    CHECK(Address(std::string(text)) == Address(text));
  }
  CHECK(Address("[::1]:80").family() == AF_INET6);
  CHECK(Address("[::1]:80").host() == "::1");
  CHECK(Address("[::1]:80").port() == 80);
  CHECK(Address("unix:/run/app.sock").path() == "/run/app.sock");
  CHECK(Address("unix:@abstract").path() == "@abstract");
  CHECK(Address("unix:/a").port() == 0);
}

TEST_CASE_METHOD(LibraryFixture, "host and port may be left out, or be given apart", "[address]") {
  CHECK(Address(":80") == Address("0.0.0.0:80"));
  CHECK(Address("10.0.0.1").port() == 0);
  CHECK(Address("::1") == Address("::1", 0));
  CHECK(Address("[::1]").port() == 0);
  CHECK(Address("10.0.0.1", 5).to_string() == "10.0.0.1:5");
  CHECK(Address("::", 5).to_string() == "[::]:5");
  CHECK_FALSE(Address("10.0.0.1:5") == Address("10.0.0.1:6"));
  CHECK_FALSE(Address("10.0.0.1:5") == Address("unix:/a"));
  CHECK(Address() == Address());
  CHECK(Address().path().empty());
}

TEST_CASE_METHOD(LibraryFixture, "what is no address is refused", "[address]") {
  for (const char* text :
       {"example.org", "example.org:80", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:x", "1.2.3.4:-1", "[::1]80", "[::1",
        "[::1]:", "::1:80:x", "unix:", "[fe80::1%no-such-card]:7", "1.2.3.4%lo:5"}) {
    INFO(text);
    CHECK_THROWS_AS(Address(text), std::invalid_argument);
  }
  CHECK_THROWS_AS(Address("unix:" + std::string(108, 'x')), std::invalid_argument);
  CHECK(Address("unix:" + std::string(107, 'x')).path() == std::string(107, 'x'));
  CHECK(Address("unix:@" + std::string(107, 'x')).path() == '@' + std::string(107, 'x'));
}

TEST_CASE_METHOD(LibraryFixture, "names are resolved while others run", "[address]") {
  const auto literal = Address::resolve("[::1]:80");
  CHECK(literal == std::vector<Address>{Address("[::1]:80")});
  const auto local = Address::resolve("localhost", 8080);
  REQUIRE_FALSE(local.empty());
  for (const Address& address : local) {
    CHECK((address == Address("127.0.0.1:8080") || address == Address("[::1]:8080")));
  }
  const auto same = Address::resolve("localhost:8080", 10s);
  CHECK(same == local);
}

TEST_CASE_METHOD(LibraryFixture, "a name that does not exist is an error of the resolver", "[address]") {
  std::error_code code;
  try {
    Address::resolve("no host has this name", 80);
  } catch (const std::system_error& error) {
    code = error.code();
  }
  CHECK(code.category() == resolver_category());
  CHECK(code.value() != 0);
  CHECK_THROWS_AS(Address::resolve("localhost", 80, Deadline::now()), IoTimeout);
}
