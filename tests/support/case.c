#include "tests/support/case.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

enum {
  kMaxCases = 200,
  kSecondsPerCase = 20,     // CASE_SECONDS=0 in the environment: no limit, for a debugger
  kDescriptorsOfAHub = 48,  // a generous bound for what evergreen itself may hold open
};

static struct {
  const char* name;
  void (*run)(void);
} cases[kMaxCases];
static int case_count;
static const char* running = "";
static int entered;

void case_add(const char* name, void (*run)(void)) {
  if (case_count == kMaxCases) abort();
  cases[case_count].name = name;
  cases[case_count].run = run;
  case_count++;
}

static void report(const char* file, int line) {
  const char* slash = strrchr(file, '/');
  printf("%s: FAILED at %s:%d: ", running, slash ? slash + 1 : file, line);
}

static void end_failed(void) {
  printf("\n");
  fflush(stdout);
  _exit(1);
}

void check(bool holds, const char* what, const char* file, int line) {
  if (holds) return;
  int error = errno;
  report(file, line);
  printf("%s does not hold (errno %s)", what, strerrorname_np(error));
  end_failed();
}

void check_equal(long long value, long long expected, const char* what, const char* file, int line) {
  if (value == expected) return;
  int error = errno;
  report(file, line);
  printf("%s is %lld, not %lld (errno %s)", what, value, expected, strerrorname_np(error));
  end_failed();
}

void check_fails(long long result, int error, int expected, const char* expected_name, const char* what,
                 const char* file, int line) {
  if (result == -1 && error == expected) return;
  report(file, line);
  printf("%s is %lld with errno %s, not -1 with %s", what, result, strerrorname_np(error), expected_name);
  end_failed();
}

void check_text(const char* text, const char* expected, const char* what, const char* file, int line) {
  if (strcmp(text, expected) == 0) return;
  report(file, line);
  printf("%s is \"%s\", not \"%s\"", what, text, expected);
  end_failed();
}

pthread_t start(void* (*run)(void*), void* argument) {
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, run, argument), 0);
  return thread;
}

void* join(pthread_t thread) {
  void* result = NULL;
  CHECK_EQ(pthread_join(thread, &result), 0);
  return result;
}

void join_all(pthread_t* threads, int count) {
  for (int i = 0; i < count; i++) join(threads[i]);
}

void set_flag(int* flag) { __atomic_store_n(flag, 1, __ATOMIC_RELEASE); }

bool is_set(int* flag) { return __atomic_load_n(flag, __ATOMIC_ACQUIRE) != 0; }

void await_flag(int* flag) {
  while (!is_set(flag)) sched_yield();
}

void entering(void) { __atomic_fetch_add(&entered, 1, __ATOMIC_RELEASE); }

void await_entered(int threads) {
  while (__atomic_load_n(&entered, __ATOMIC_ACQUIRE) < threads) sched_yield();
  usleep(1000);
}

struct Meeting {
  void (*block)(void*);
  void (*end)(void*);
  void* state;
  int is_inside;
  int is_ending;
};

static void* meeting_block(void* argument) {
  struct Meeting* meeting = argument;
  set_flag(&meeting->is_inside);
  meeting->block(meeting->state);
  CHECK(is_set(&meeting->is_ending) && "block() waited for end()");
  return NULL;
}

static void* meeting_end(void* argument) {
  struct Meeting* meeting = argument;
  await_flag(&meeting->is_inside);
  usleep(1000);
  set_flag(&meeting->is_ending);
  meeting->end(meeting->state);
  return NULL;
}

void meet(void (*block)(void*), void (*end)(void*), void* state) {
  struct Meeting meeting = {block, end, state, 0, 0};
  pthread_t blocker = start(meeting_block, &meeting);
  meeting_end(&meeting);
  join(blocker);

  struct Meeting exchanged = {block, end, state, 0, 0};
  pthread_t ender = start(meeting_end, &exchanged);
  meeting_block(&exchanged);
  join(ender);
}

long long now_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

struct timespec in_ms(clockid_t clock, long milliseconds) {
  long long at = now_ns(clock) + milliseconds * 1000000LL;
  return (struct timespec){at / 1000000000, at % 1000000000};
}

static int open_descriptors(void) {
  DIR* directory = opendir("/proc/self/fd");
  int count = -3;  // ".", ".." and the directory itself
  while (readdir(directory)) count++;
  closedir(directory);
  return count;
}

static void hangs(int signal) {
  (void)signal;
  char line[200];
  int length = snprintf(line, sizeof line, "%s: HANGS\n", running);
  if (write(STDOUT_FILENO, line, (size_t)length) < 0) _exit(3);
  _exit(124);
}

static void run_case(int index) {
  const char* limit = getenv("CASE_SECONDS");
  running = cases[index].name;
  entered = 0;
  alarm(limit ? (unsigned)atoi(limit) : kSecondsPerCase);
  cases[index].run();
  alarm(0);
  printf("%s: ok\n", running);
  fflush(stdout);
}

static int find_case(const char* name) {
  for (int i = 0; i < case_count; i++)
    if (strcmp(cases[i].name, name) == 0) return i;
  fprintf(stderr, "no case %s here\n", name);
  exit(2);
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    for (int i = 0; i < case_count; i++) printf("%s\n", cases[i].name);
    return 0;
  }
  signal(SIGALRM, hangs);
  int before = open_descriptors();
  if (argc == 1)
    for (int i = 0; i < case_count; i++) run_case(i);
  for (int i = 1; i < argc; i++) run_case(find_case(argv[i]));
  running = "end";
  CHECK(open_descriptors() - before < kDescriptorsOfAHub);
  return 0;
}
