// futex(2) through syscall(): waits, wakes, requeues, and what the kernel refuses.
#include <sched.h>
#include <sys/mman.h>

#include "tests/support/case.h"
#include "tests/support/futex.h"

enum { kThreads = 12, kShort = 20 };

// Two threads meet on a word.
struct Meet {
  int* word;
  int wait, wake;
  const struct timespec* timeout;
};

static void wait_until_set(void* argument) {
  struct Meet* meet = argument;
  while (load(meet->word) == 0) {
    errno = 77;
    if (wait_for(meet->word, meet->wait, 0, meet->timeout) == 0) {
      CHECK_EQ(errno, 77);
    } else {
      CHECK_EQ(errno, EAGAIN);
    }
  }
  *meet->word = 0;
}

static void set(void* argument) {
  struct Meet* meet = argument;
  *(volatile int*)meet->word = 1;
  errno = 77;
  CHECK(wake(meet->word, meet->wake, 1) >= 0);
  CHECK_EQ(errno, 77);
}

static void meet_with(int* word, int wait_operation, int wake_operation, const struct timespec* timeout) {
  struct Meet state = {word, wait_operation, wake_operation, timeout};
  meet(wait_until_set, set, &state);
}

CASE(syscall) {
  int word = 0;
  struct timespec length = {100, 0}, until = in_ms(CLOCK_MONOTONIC, 100000), date = in_ms(CLOCK_REALTIME, 100000);
  meet_with(&word, kWait, kWake, NULL);
  meet_with(&word, kWait, kWake, &length);
  meet_with(&word, FUTEX_WAIT_BITSET_PRIVATE, kWake, NULL);
  meet_with(&word, FUTEX_WAIT_BITSET_PRIVATE, kWake, &until);
  meet_with(&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, kWake, &date);
}

// The form for all processes; but no other process has a part in a static variable.
CASE(static_variable_in_the_shared_form) {
  static int word;
  struct timespec length = {100, 0};
  meet_with(&word, FUTEX_WAIT, FUTEX_WAKE, NULL);
  meet_with(&word, FUTEX_WAIT, FUTEX_WAKE, &length);
  length = (struct timespec){0, kShort * 1000000};
  CHECK_FAILS(wait_for(&word, FUTEX_WAIT, 0, &length), ETIMEDOUT);
  CHECK_FAILS(wait_for(&word, FUTEX_WAIT, 1, &length), EAGAIN);
}

enum { kFirstLook = 100 };  // milliseconds after which a waiter of the shared form first looks at the word by itself

struct Look {
  int word;
  struct timespec before, just_before, after;  // the look
};

static void* wake_just_before(void* argument) {
  struct Look* look = argument;
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &look->just_before, NULL);
  while (wake(&look->word, FUTEX_WAKE, 1) == 0) usleep(1000);
  return NULL;
}

static void* wake_nobody(void* argument) {
  struct Look* look = argument;
  CHECK_EQ(wake(&look->word, FUTEX_WAKE, 1), 0);
  return NULL;
}

static void* compute_past_look(void* argument) {
  struct Look* look = argument;
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &look->before, NULL);
  while (now_ns(CLOCK_MONOTONIC) < look->after.tv_sec * 1000000000LL + look->after.tv_nsec) {
  }
  return NULL;
}

// The look finds the word as it was; but who looks has been woken all the same.
CASE(wake_that_leaves_the_word_alone_at_a_look) {
  static struct Look look;
  join(start(wake_nobody, &look));  // the first thread takes its time
  look.before = in_ms(CLOCK_MONOTONIC, kFirstLook - 2);
  look.just_before = in_ms(CLOCK_MONOTONIC, kFirstLook - 1);
  look.after = in_ms(CLOCK_MONOTONIC, kFirstLook + 5);
  pthread_t waker = start(wake_just_before, &look), other = start(compute_past_look, &look);
  CHECK_EQ(wait_for(&look.word, FUTEX_WAIT, 0, NULL), 0);
  join(waker);
  join(other);
}

static void* check_timeouts(void* argument) {
  int word = 5;
  struct timespec length = {0, kShort * 1000000L}, zero = {0, 0};
  long long begin = now_ns(CLOCK_MONOTONIC);
  CHECK_FAILS(wait_for(&word, kWait, 5, &length), ETIMEDOUT);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= kShort * 1000000L);
  CHECK_FAILS(wait_for(&word, kWait, 5, &zero), ETIMEDOUT);
  CHECK_FAILS(wait_for(&word, kWait, 6, &length), EAGAIN);
  CHECK_FAILS(wait_for(&word, FUTEX_WAIT, 6, &length), EAGAIN);

  struct timespec until = in_ms(CLOCK_MONOTONIC, kShort);
  CHECK_FAILS(wait_for(&word, FUTEX_WAIT_BITSET_PRIVATE, 5, &until), ETIMEDOUT);
  CHECK(now_ns(CLOCK_MONOTONIC) >= until.tv_sec * 1000000000LL + until.tv_nsec);
  CHECK_FAILS(wait_for(&word, FUTEX_WAIT_BITSET_PRIVATE, 5, &until), ETIMEDOUT);  // has passed
  CHECK_FAILS(wait_for(&word, FUTEX_WAIT_BITSET_PRIVATE, 6, &until), EAGAIN);

  until = in_ms(CLOCK_REALTIME, kShort);
  const int dated = FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME;
  CHECK_FAILS(wait_for(&word, dated, 5, &until), ETIMEDOUT);
  CHECK(now_ns(CLOCK_REALTIME) >= until.tv_sec * 1000000000LL + until.tv_nsec);
  CHECK_EQ(word, 5);
  return argument;
}

CASE(timeouts) {
  check_timeouts(NULL);
  join(start(check_timeouts, NULL));
}

static void* check_refusals(void* forbidden) {
  int words[2] = {0, 0};
  int* odd = (int*)((char*)words + 1);
  struct timespec long_ns = {0, 1000000000}, negative = {-1, 0}, negative_ns = {0, -1}, fine = {0, 1000};
  CHECK_FAILS(wait_for(odd, kWait, 0, NULL), EINVAL);
  CHECK_FAILS(wake(odd, kWake, 1), EINVAL);
  CHECK_FAILS(wait_for(words, kWait, 0, &long_ns), EINVAL);
  CHECK_FAILS(wait_for(words, kWait, 1, &negative), EINVAL);
  CHECK_FAILS(wait_for(words, kWait, 0, &negative_ns), EINVAL);
  CHECK_FAILS(wait_for(words, FUTEX_WAIT_BITSET_PRIVATE, 0, &negative), EINVAL);
  CHECK_FAILS(syscall(SYS_futex, words, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 0), EINVAL);
  CHECK_FAILS(syscall(SYS_futex, words, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 0), EINVAL);
  CHECK_FAILS(wait_for(words, kWait | FUTEX_CLOCK_REALTIME, 0, &fine), ENOSYS);
  CHECK_FAILS(wait_for(NULL, kWait, 0, NULL), EFAULT);
  CHECK_FAILS(wait_for(forbidden, kWait, 0, NULL), EFAULT);
  CHECK_FAILS(wait_for(forbidden, FUTEX_WAIT, 0, NULL), EFAULT);
  CHECK_FAILS(wait_for((int*)(1L << 60), kWait, 0, NULL), EFAULT);
  CHECK_FAILS(wait_for(words, kWait, 0, forbidden), EFAULT);
  CHECK_FAILS(wait_for(words, kWait, 0, (struct timespec*)8), EFAULT);
  CHECK_FAILS(wait_for(words, 99 | FUTEX_PRIVATE_FLAG, 0, NULL), ENOSYS);
  CHECK_FAILS(syscall(SYS_futex, words, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1L, words + 1, 1), EAGAIN);
  CHECK_FAILS(syscall(SYS_futex, words, FUTEX_CMP_REQUEUE_PRIVATE, -1, 1L, words + 1, 0), EINVAL);
  CHECK_FAILS(syscall(SYS_futex, words, FUTEX_WAKE_OP_PRIVATE, 1, 1L, forbidden, 0), EFAULT);
  return NULL;
}

CASE(refusals) {
  void* forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(forbidden != MAP_FAILED);
  check_refusals(forbidden);
  join(start(check_refusals, forbidden));
  CHECK_EQ(munmap(forbidden, 4096), 0);
}

// Each of them waits once.
struct Sleepers {
  int word, second_word;
  int bits;
  int returned;
  pthread_t threads[kThreads];
};

static void* sleep_once(void* argument) {
  struct Sleepers* sleepers = argument;
  entering();
  CHECK_EQ(syscall(SYS_futex, &sleepers->word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, sleepers->bits), 0);
  __atomic_fetch_add(&sleepers->returned, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

static void put_to_sleep(struct Sleepers* sleepers, int bits) {
  *sleepers = (struct Sleepers){.bits = bits};
  for (int i = 0; i < kThreads; i++) sleepers->threads[i] = start(sleep_once, sleepers);
}

// Calls wake_some() until as many as there are have been woken; never more than `most` at a time.
static void wake_all(struct Sleepers* sleepers, long (*wake_some)(struct Sleepers*), int most) {
  long woken = 0;
  while (woken < kThreads) {
    long now = wake_some(sleepers);
    CHECK(now >= 0 && now <= most);
    woken += now;
    sched_yield();
  }
  CHECK_EQ(woken, kThreads);
  CHECK_EQ(wake_some(sleepers), 0);
}

static void end_sleep(struct Sleepers* sleepers) {
  join_all(sleepers->threads, kThreads);
  CHECK_EQ(sleepers->returned, kThreads);
}

static long wake_three(struct Sleepers* sleepers) { return wake(&sleepers->word, kWake, 3); }
static long wake_none(struct Sleepers* sleepers) { return wake(&sleepers->word, kWake, 0); }
static long wake_every_one(struct Sleepers* sleepers) { return wake(&sleepers->word, kWake, INT_MAX); }

CASE(wake_counts) {
  struct Sleepers sleepers;
  CHECK_EQ(wake(&sleepers.word, kWake, INT_MAX), 0);
  put_to_sleep(&sleepers, FUTEX_BITSET_MATCH_ANY);
  wake_all(&sleepers, wake_three, 3);
  end_sleep(&sleepers);
  put_to_sleep(&sleepers, FUTEX_BITSET_MATCH_ANY);
  wake_all(&sleepers, wake_none, 1);  // the kernel wakes one for it
  end_sleep(&sleepers);
  put_to_sleep(&sleepers, FUTEX_BITSET_MATCH_ANY);
  wake_all(&sleepers, wake_every_one, kThreads);
  end_sleep(&sleepers);
}

static long wake_bits(struct Sleepers* sleepers) {
  return syscall(SYS_futex, &sleepers->word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 6);
}

CASE(bitsets) {
  struct Sleepers sleepers;
  put_to_sleep(&sleepers, 2);
  await_entered(kThreads);
  CHECK_EQ(syscall(SYS_futex, &sleepers.word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, ~6), 0);
  CHECK_EQ(load(&sleepers.returned), 0);
  wake_all(&sleepers, wake_bits, kThreads);
  end_sleep(&sleepers);
}

// Whether they are moved, or woken instead, is the implementation's business.
static void check_requeue(long (*requeue)(struct Sleepers*)) {
  struct Sleepers sleepers;
  put_to_sleep(&sleepers, FUTEX_BITSET_MATCH_ANY);
  wake_all(&sleepers, requeue, kThreads);
  while (load(&sleepers.returned) < kThreads) {
    CHECK(wake(&sleepers.second_word, kWake, INT_MAX) >= 0);
    sched_yield();
  }
  end_sleep(&sleepers);
}

static long requeue(struct Sleepers* sleepers) {
  return syscall(SYS_futex, &sleepers->word, FUTEX_REQUEUE_PRIVATE, 1, (long)INT_MAX, &sleepers->second_word);
}

static long requeue_if_equal(struct Sleepers* sleepers) {
  CHECK_FAILS(syscall(SYS_futex, &sleepers->word, FUTEX_CMP_REQUEUE_PRIVATE, 1, 5L, &sleepers->second_word, 1), EAGAIN);
  return syscall(SYS_futex, &sleepers->word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (long)INT_MAX, &sleepers->second_word, 0);
}

static long requeue_two(struct Sleepers* sleepers) {
  long moved = syscall(SYS_futex, &sleepers->word, FUTEX_CMP_REQUEUE_PRIVATE, 0, 2L, &sleepers->second_word, 0);
  CHECK(moved <= 2);
  return moved;
}

CASE(requeue) {
  check_requeue(requeue);
  check_requeue(requeue_if_equal);
  check_requeue(requeue_two);
}

static void* sleep_on_second(void* argument) {
  struct Sleepers* sleepers = argument;
  while (load(&sleepers->second_word) == 0) wait_for(&sleepers->second_word, kWait, 0, NULL);
  return NULL;
}

static long wake_after_adding(struct Sleepers* sleepers) {
  return syscall(SYS_futex, &sleepers->word, FUTEX_WAKE_OP_PRIVATE, 2, 2L, &sleepers->second_word,
                 FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_GE, 0));
}

CASE(wake_op) {
  struct Sleepers sleepers;
  put_to_sleep(&sleepers, FUTEX_BITSET_MATCH_ANY);
  wake_all(&sleepers, wake_after_adding, 2);
  CHECK(load(&sleepers.second_word) > kThreads / 2);
  end_sleep(&sleepers);

  sleepers = (struct Sleepers){0};
  pthread_t thread = start(sleep_on_second, &sleepers);
  sched_yield();
  CHECK(wake_after_adding(&sleepers) <= 1);
  CHECK_EQ(sleepers.second_word, 1);
  join(thread);
}
