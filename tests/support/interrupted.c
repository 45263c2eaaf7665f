#include "tests/support/interrupted.h"

#include "tests/support/signals.h"

enum { kSignals = 3 };

static struct {
  const struct Blocking* call;
  pthread_t victim;
  bool is_ended_by_signal;
  int is_inside, has_returned;
  long result;
  int error;
} run;

void nothing(void) {}

static void be_blocked(void* unused) {
  (void)unused;
  run.victim = pthread_self();
  set_flag(&run.is_inside);
  errno = 77;
  run.result = run.call->call();
  run.error = errno;
  set_flag(&run.has_returned);
}

// Handlers run in the blocked thread; or the signal is ignored, and one runs in the thread that sends it.
static void disturb(void* unused) {
  (void)unused;
  await_flag(&run.is_inside);
  if (run.is_ended_by_signal) {
    signal_until(&run.has_returned, run.victim, SIGUSR1);
    return;
  }
  for (int i = 1; i <= kSignals; i++) {
    usleep(1000);
    CHECK_EQ(pthread_kill(run.victim, SIGUSR1), 0);
    struct sigaction action;
    CHECK_EQ(sigaction(SIGUSR1, NULL, &action), 0);
    if (action.sa_handler != SIG_IGN) await_seen(i);
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR2), 0);
  }
  usleep(1000);
  if (run.call->end) run.call->end();
}

static void begin(const struct Blocking* call, bool is_ended_by_signal) {
  run.call = call;
  run.is_ended_by_signal = is_ended_by_signal;
  run.is_inside = run.has_returned = 0;
  forget_seen();
  call->prepare();
}

static void check_end(const char* who) {
  bool keeps_errno = run.call->after != goes_on;  // libc itself has met EINTR there
  bool is_right = run.is_ended_by_signal ? run.result == -1 && run.error == EINTR
                                         : run.result == run.call->result && (run.error == 77 || !keeps_errno);
  if (!is_right)
    printf("%s%s in %s: %ld, errno %s\n", run.call->name, run.call->where, who, run.result, strerrorname_np(run.error));
  run.call->clean();
  check(is_right, run.call->name, __FILE__, __LINE__);
}

static void state(struct Servant* servant, const struct Blocking* call, bool is_ended_by_signal, const char* text) {
  begin(call, is_ended_by_signal);
  request(servant, be_blocked, NULL);
  disturb(NULL);
  await_done(servant);
  check_end("a thread");
  begin(call, is_ended_by_signal);
  request(servant, disturb, NULL);
  be_blocked(NULL);
  await_done(servant);
  check_end("main");
  printf("%s: %s%s\n", call->name, text, call->where);
}

static void state_call(struct Servant* servant, const struct Blocking* call) {
  handle(SIGUSR2, 0);
  handle(SIGUSR1, 0);
  if (call->after == goes_on)
    state(servant, call, false, "goes on after a handler");
  else
    state(servant, call, true, "EINTR after a handler");
  handle(SIGUSR1, SA_RESTART);
  if (call->after == never_restarts)
    state(servant, call, true, "EINTR after a handler, even with SA_RESTART");
  else
    state(servant, call, false, "goes on after a handler with SA_RESTART");
  CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
  if (call->end) state(servant, call, false, "goes on where the signal is ignored, and handlers run in other threads");
}

void state_interruptions(const struct Blocking* calls, size_t count) {
  struct Servant servant;
  hire(&servant);
  for (size_t i = 0; i < count; i++) state_call(&servant, &calls[i]);
  dismiss(&servant);
}
