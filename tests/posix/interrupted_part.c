// Calls that have done a part when a handler runs: they return what they have done, with SA_RESTART or without.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"
#include "tests/support/sockets.h"

static int ends[2], file, is_inside, has_returned;
static pthread_t victim;
static long result;
static int error;
static long (*call)(void);

static void be_blocked(void* unused) {
  (void)unused;
  victim = pthread_self();
  set_flag(&is_inside);
  errno = 77;
  result = call();
  error = errno;
  set_flag(&has_returned);
}

static int available(int fd) {
  int bytes;
  CHECK_EQ(ioctl(fd, FIONREAD, &bytes), 0);
  return bytes;
}

// The part is done when bytes have arrived, or been taken.
static bool (*part_is_done)(void);
static bool has_arrived(void) { return available(ends[0]) > 0; }
static bool is_taken(void) { return available(ends[0]) == 0; }
static bool nothing_to_await(void) { return true; }

static void disturb(void* unused) {
  (void)unused;
  await_flag(&is_inside);
  while (!part_is_done()) usleep(100);
  signal_until(&has_returned, victim, SIGUSR1);
}

static struct Servant servant;

static void run_in_thread(long (*tried)(void), bool (*done)(void)) {
  call = tried;
  part_is_done = done;
  is_inside = has_returned = 0;
  forget_seen();
  request(&servant, be_blocked, NULL);
  disturb(NULL);
  await_done(&servant);
}

static void run_in_main(long (*tried)(void), bool (*done)(void)) {
  call = tried;
  part_is_done = done;
  is_inside = has_returned = 0;
  forget_seen();
  request(&servant, disturb, NULL);
  be_blocked(NULL);
  await_done(&servant);
}

static struct iovec halves[2] = {{large, kLarge / 2}, {large + kLarge / 2, kLarge / 2}};

static long write_large_part(void) { return write(ends[1], large, kLarge); }
static long writev_large_part(void) { return writev(ends[1], halves, 2); }
static long send_large_part(void) { return send(ends[1], large, kLarge, 0); }
static long sendmsg_large_part(void) {
  struct msghdr message = {.msg_iov = halves, .msg_iovlen = 2};
  return sendmsg(ends[1], &message, 0);
}
static long sendfile_part(void) { return sendfile(ends[1], file, NULL, kLarge); }
static long receive_ten(void) {
  char bytes[10];
  return recv(ends[0], bytes, sizeof bytes, MSG_WAITALL);
}
static long receive_ten_by_message(void) {
  char bytes[10];
  struct iovec vector = {bytes, sizeof bytes};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  return recvmsg(ends[0], &message, MSG_WAITALL);
}
static long read_ten_from_stream(void) {
  char bytes[10];
  FILE* stream = fdopen(dup(ends[0]), "r");
  long got = (long)fread(bytes, 1, sizeof bytes, stream);
  if (!ferror(stream)) got = -2;
  fclose(stream);
  return got;
}

static bool is_part(void) { return result > 0 && result < kLarge && result == available(ends[0]) && error == 77; }
static bool is_capacity(void) { return result == 65536 && available(ends[0]) == 65536 && error == 77; }
static bool is_five(void) { return result == 5 && error == 77; }
static bool is_five_of_stream(void) { return result == 5; }

static void open_pipe_ends(void) { open_pipe(ends); }
static void open_sockets(void) { open_pair(SOCK_STREAM, ends); }
static void open_tcp(void) { open_slow_tcp_pair(ends); }
static void open_five(void) {
  open_sockets();
  CHECK_EQ(write(ends[1], "hello", 5), 5);
}
static void open_five_of_tcp(void) {
  open_tcp_pair(ends);
  CHECK_EQ(write(ends[1], "hello", 5), 5);
}
static void open_five_of_pipe(void) {
  open_pipe(ends);
  CHECK_EQ(write(ends[1], "hello", 5), 5);
}
// How much a TCP connection has taken is not how much has arrived yet.
static bool is_part_of_tcp(void) {
  if (result <= 0 || result >= kLarge || error != 77) return false;
  for (long got = 0; got < result;) {
    char buffer[65536];
    ssize_t more = recv(ends[0], buffer, sizeof buffer, 0);
    if (more <= 0) return false;
    got += more;
  }
  return available(ends[0]) == 0;
}

static const struct Part {
  const char *name, *text;
  void (*prepare)(void);
  long (*call)(void);
  bool (*part_is_done)(void), (*is_right)(void);
} parts[] = {
    {"write", "the bytes that a pipe took before a handler ran", open_pipe_ends, write_large_part, has_arrived,
     is_capacity},
    {"writev", "the bytes that a pipe took before a handler ran", open_pipe_ends, writev_large_part, has_arrived,
     is_capacity},
    {"write", "the bytes that a socket took before a handler ran", open_sockets, write_large_part, has_arrived,
     is_part},
    {"send", "the bytes that a socket took before a handler ran", open_sockets, send_large_part, has_arrived, is_part},
    {"sendmsg", "the bytes that a socket took before a handler ran", open_sockets, sendmsg_large_part, has_arrived,
     is_part},
    {"send", "the bytes that TCP took before a handler ran", open_tcp, send_large_part, has_arrived, is_part_of_tcp},
    {"sendfile", "the bytes that a pipe took before a handler ran", open_pipe_ends, sendfile_part, has_arrived,
     is_part},
    {"recv", "MSG_WAITALL: the bytes that came before a handler ran", open_five, receive_ten, is_taken, is_five},
    {"recv", "MSG_WAITALL: the bytes that TCP got before a handler ran", open_five_of_tcp, receive_ten, is_taken,
     is_five},
    {"recvmsg", "MSG_WAITALL: the bytes that came before a handler ran", open_five, receive_ten_by_message, is_taken,
     is_five},
    {"fread", "the bytes that came before a handler ran, and the error indicator", open_five_of_pipe,
     read_ten_from_stream, is_taken, is_five_of_stream},
};

static void state(const struct Part* part, void (*run)(long (*)(void), bool (*)(void)), const char* who) {
  part->prepare();
  lseek(file, 0, SEEK_SET);
  run(part->call, part->part_is_done);
  bool is_right = part->is_right();
  if (!is_right) printf("%s in %s: %ld, errno %s\n", part->name, who, result, strerrorname_np(error));
  check(is_right, part->name, __FILE__, __LINE__);
  close_both(ends);
}

static void state_all(int flags, size_t count, const char* with) {
  file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
  CHECK_EQ(write(file, large, kLarge), kLarge);
  hire(&servant);
  handle(SIGUSR1, flags);
  for (size_t i = 0; i < count; i++) {
    state(&parts[i], run_in_thread, "a thread");
    state(&parts[i], run_in_main, "main");
    printf("%s: %s%s\n", parts[i].name, parts[i].text, with);
  }
  dismiss(&servant);
  close(file);
}

CASE(without_restart) { state_all(0, sizeof parts / sizeof parts[0], ""); }

CASE(with_restart) { state_all(SA_RESTART, sizeof parts / sizeof parts[0] - 1, ", with SA_RESTART"); }

static struct timeval timeout;

static long wait_for_nothing(void) {
  timeout = (struct timeval){100, 0};
  return select(0, NULL, NULL, NULL, &timeout);
}

CASE(select) {
  hire(&servant);
  handle(SIGUSR1, 0);
  run_in_thread(wait_for_nothing, nothing_to_await);
  HOLDS(select, "Linux leaves the rest of the time in the timeout",
        result == -1 && error == EINTR && timeout.tv_sec >= 70 && timeout.tv_sec < 100);
  dismiss(&servant);
}
