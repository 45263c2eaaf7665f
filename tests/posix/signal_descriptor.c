// signalfd among threads, which read what is pending for the process: signalfd(2). What is pending for the thread that
// reads, under evergreen signalfd does not tell.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"

static int fd, is_reading;
static struct signalfd_siginfo got;
static ssize_t size;

static void read_signal(void* unused) {
  (void)unused;
  memset(&got, 0, sizeof got);
  set_flag(&is_reading);
  size = read(fd, &got, sizeof got);
}

static void begin(struct Servant* servant, void (*task)(void*)) {
  is_reading = 0;
  request(servant, task, NULL);
  await_flag(&is_reading);
  usleep(1000);
}

static void open_descriptor(int flags) {
  sigset_t set = set_of(SIGUSR1);
  sigaddset(&set, SIGRTMIN);
  block(SIGUSR1);
  block(SIGRTMIN);
  fd = signalfd(-1, &set, flags);
  CHECK(fd >= 0);
}

CASE(read) {
  struct Servant servant;
  open_descriptor(0);
  hire(&servant);
  begin(&servant, read_signal);
  CHECK_EQ(kill(getpid(), SIGUSR1), 0);
  await_done(&servant);
  HOLDS(signalfd, "read gives a signal for the process",
        size == sizeof got && got.ssi_signo == SIGUSR1 && got.ssi_pid == (unsigned)getpid());
  HOLDS(signalfd, "which is no longer pending", !is_pending(SIGUSR1));
  CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 42}), 0);
  read_signal(NULL);
  HOLDS(signalfd, "read gives a pending one at once, with its value",
        (int)got.ssi_signo == SIGRTMIN && got.ssi_int == 42 && got.ssi_code == SI_QUEUE);
  dismiss(&servant);
  close(fd);
}

static int ready;

static void poll_descriptor(void* unused) {
  (void)unused;
  struct pollfd wanted = {fd, POLLIN, 0};
  set_flag(&is_reading);
  ready = poll(&wanted, 1, -1);
}

static void* send_to_process(void* unused) {
  CHECK_EQ(kill(getpid(), SIGUSR1), 0);
  return unused;
}

CASE(poll) {
  struct Servant servant;
  struct pollfd wanted;
  open_descriptor(SFD_NONBLOCK);
  hire(&servant);
  HOLDS(signalfd, "SFD_NONBLOCK: EAGAIN where no signal is pending",
        (errno = 0, read(fd, &got, sizeof got)) == -1 && errno == EAGAIN);
  begin(&servant, poll_descriptor);
  join(start(send_to_process, NULL));
  await_done(&servant);
  HOLDS(poll, "a signalfd is ready when a signal is pending for the process", ready == 1);
  read_signal(NULL);
  HOLDS(signalfd, "any thread may read it", got.ssi_signo == SIGUSR1);
  wanted = (struct pollfd){fd, POLLIN, 0};
  HOLDS(poll, "and then it is not ready", poll(&wanted, 1, 0) == 0);
  pthread_kill(servant.thread, SIGUSR1);
  HOLDS(poll, "nor for a signal that is pending for another thread", poll(&wanted, 1, 0) == 0);
  dismiss(&servant);
  close(fd);
}
