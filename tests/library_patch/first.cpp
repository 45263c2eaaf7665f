#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <evergreen/evergreen.h>
using namespace evergreen;
using namespace std::chrono_literals;
int main() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
  std::printf("loaded %d recv %d\n", patch::loaded(), patch::is_patched("recv"));
  auto reader = spawn([&] {
    char byte = 0;
    ssize_t got = recv(ends[0], &byte, 1, 0);
    std::printf("got %zd %c\n", got, byte);
    return byte;
  });
  auto writer = spawn([&] {
    usleep(10000);
    send(ends[1], "x", 1, 0);
  });
  std::printf("%c\n", reader.get());
  writer.join();
  try {
    Timeout timeout(50ms);
    char byte;
    errno = 0;
    ssize_t got = recv(ends[0], &byte, 1, 0);
    std::printf("%zd errno %d\n", got, errno);
  } catch (const Timeout& passed) {
    std::printf("Timeout\n");
  }
}
