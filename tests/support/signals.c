#include "tests/support/signals.h"

#include <sched.h>
#include <sys/wait.h>

enum { kMaxSeen = 512 };

static struct Seen all[kMaxSeen];
static int begun, done;

void see(int number, siginfo_t* information, void* context) {
  (void)context;
  int error = errno, index = __atomic_fetch_add(&begun, 1, __ATOMIC_SEQ_CST);
  if (index < kMaxSeen) {
    all[index] = (struct Seen){.number = number,
                               .code = information->si_code,
                               .value = information->si_value.sival_int,
                               .pid = information->si_pid,
                               .uid = information->si_uid,
                               .thread = pthread_self()};
  }
  __atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
  errno = error;
}

void handle_with(int number, int flags, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};
  CHECK_EQ(sigaction(number, &action, NULL), 0);
}

void handle(int number, int flags) { handle_with(number, flags, see); }

void handle_alone(int number, int flags) {
  struct sigaction action = {.sa_sigaction = see, .sa_flags = flags | SA_SIGINFO};
  sigfillset(&action.sa_mask);
  CHECK_EQ(sigaction(number, &action, NULL), 0);
}

void forget_seen(void) { begun = done = 0; }

int seen_count(void) { return __atomic_load_n(&done, __ATOMIC_SEQ_CST); }

struct Seen seen_at(int index) {
  return all[index];
}

void await_seen(int count) {
  while (seen_count() < count) sched_yield();
}

bool saw_once(int number, pthread_t thread) {
  return seen_count() == 1 && all[0].number == number && pthread_equal(all[0].thread, thread);
}

void await_seen_in(int number, pthread_t thread) {
  await_seen(1);
  CHECK(saw_once(number, thread));
}

sigset_t set_of(int number) {
  sigset_t set;
  sigemptyset(&set);
  CHECK_EQ(sigaddset(&set, number), 0);
  return set;
}

static void change_mask(int how, int number) {
  sigset_t set = set_of(number);
  CHECK_EQ(pthread_sigmask(how, &set, NULL), 0);
}

void block(int number) { change_mask(SIG_BLOCK, number); }

void unblock(int number) { change_mask(SIG_UNBLOCK, number); }

bool is_blocked(int number) {
  sigset_t set;
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
  return sigismember(&set, number) == 1;
}

bool is_pending(int number) {
  sigset_t set;
  CHECK_EQ(sigpending(&set), 0);
  return sigismember(&set, number) == 1;
}

static void wait_for(sem_t* semaphore) {
  while (sem_wait(semaphore) != 0) CHECK_EQ(errno, EINTR);
}

static void* serve(void* argument) {
  struct Servant* servant = argument;
  for (;;) {
    wait_for(&servant->asked);
    if (servant->task == NULL) return NULL;
    servant->task(servant->argument);
    CHECK_EQ(sem_post(&servant->done), 0);
  }
}

void hire(struct Servant* servant) {
  CHECK_EQ(sem_init(&servant->asked, 0, 0), 0);
  CHECK_EQ(sem_init(&servant->done, 0, 0), 0);
  servant->thread = start(serve, servant);
}

void request(struct Servant* servant, void (*task)(void*), void* argument) {
  servant->task = task;
  servant->argument = argument;
  CHECK_EQ(sem_post(&servant->asked), 0);
}

void await_done(struct Servant* servant) { wait_for(&servant->done); }

void ask(struct Servant* servant, void (*task)(void*), void* argument) {
  request(servant, task, argument);
  await_done(servant);
}

void dismiss(struct Servant* servant) {
  request(servant, NULL, NULL);
  join(servant->thread);
}

void signal_until(int* flag, pthread_t thread, int number) {
  while (!is_set(flag)) {
    CHECK_EQ(pthread_kill(thread, number), 0);
    usleep(2000);
  }
}

int status_of(void (*body)(void)) {
  int status;
  fflush(stdout);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(20);  // a timer of its own: the parent's is not inherited
    signal(SIGALRM, SIG_DFL);
    body();
    _exit(0);
  }
  while (waitpid(child, &status, 0) < 0) CHECK_EQ(errno, EINTR);
  return status;
}
