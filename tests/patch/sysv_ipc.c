// System V message queues and semaphores. Runs twice: with many carriers, and with one, where a call that blocks it
// would stop the sibling that ends the wait.
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/shared_locks.h"

enum { kSize = 1000, kShort = 20, kType = 3, kThreads = 4, kRounds = 100 };

struct Message {
  long type;
  char bytes[kSize];
};

static void send_message(void* queue) {
  struct Message message = {kType, "hello"};
  CHECK_EQ(msgsnd(*(int*)queue, &message, 6, 0), 0);
}

static void receive_message(void* queue) {
  struct Message message = {0};
  errno = 77;
  CHECK_EQ(msgrcv(*(int*)queue, &message, kSize, kType, 0), 6);
  CHECK_EQ(errno, 77);
  CHECK_EQ(message.type, kType);
  CHECK_TEXT(message.bytes, "hello");
}

static int open_queue(void) {
  int queue = msgget(IPC_PRIVATE, 0600);
  CHECK(queue >= 0);
  return queue;
}

CASE(msgrcv) {
  int queue = open_queue();
  meet(receive_message, send_message, &queue);
  CHECK_EQ(msgctl(queue, IPC_RMID, NULL), 0);
}

static void fill_queue(int queue) {
  static const struct Message message = {1, {0}};
  while (msgsnd(queue, &message, kSize, IPC_NOWAIT) == 0) continue;
  CHECK_EQ(errno, EAGAIN);
}

static void send_to_full(void* queue) {
  static const struct Message message = {kType + 1, {0}};
  errno = 77;
  CHECK_EQ(msgsnd(*(int*)queue, &message, kSize, 0), 0);
  CHECK_EQ(errno, 77);
}

static void make_room(void* queue) {
  struct Message message;
  CHECK_EQ(msgrcv(*(int*)queue, &message, kSize, 1, IPC_NOWAIT), kSize);
}

CASE(msgsnd) {
  int queue = open_queue();
  fill_queue(queue);
  meet(send_to_full, make_room, &queue);
  CHECK_EQ(msgctl(queue, IPC_RMID, NULL), 0);
}

static void receive_by_number(void* queue) {
  struct Message message;
  CHECK_EQ(syscall(SYS_msgrcv, (long)*(int*)queue, &message, (long)kSize, (long)kType, 0L), 6);
}

static void send_by_number(void* queue) {
  static const struct Message message = {kType + 1, {0}};
  CHECK_EQ(syscall(SYS_msgsnd, (long)*(int*)queue, &message, (long)kSize, 0L), 0);
}

CASE(messages_by_number) {
  int queue = open_queue();
  meet(receive_by_number, send_message, &queue);
  fill_queue(queue);
  meet(send_by_number, make_room, &queue);
  CHECK_EQ(msgctl(queue, IPC_RMID, NULL), 0);
}

static void* receive_until_removed(void* queue) {
  struct Message message;
  entering();
  CHECK_FAILS(msgrcv(*(int*)queue, &message, kSize, 0, 0), EIDRM);
  return NULL;
}

CASE(queue_that_is_removed) {
  int queue = open_queue();
  pthread_t thread = start(receive_until_removed, &queue);
  await_entered(1);
  CHECK_EQ(msgctl(queue, IPC_RMID, NULL), 0);
  join(thread);
}

static void* check_queue_errors(void* unused) {
  struct Message message = {kType, "hello"};
  void* volatile nowhere = (void*)8;
  int queue = open_queue();
  CHECK_FAILS(msgrcv(queue, &message, kSize, 0, IPC_NOWAIT), ENOMSG);
  CHECK_FAILS(msgsnd(queue, nowhere, 6, 0), EFAULT);
  CHECK_FAILS(msgsnd(queue, &message, (size_t)-1, 0), EINVAL);
  CHECK_FAILS(msgrcv(queue, &message, (size_t)-1, 0, 0), EINVAL);
  CHECK_EQ(msgsnd(queue, &message, 6, 0), 0);
  CHECK_FAILS(msgrcv(queue, &message, 3, 0, 0), E2BIG);
  CHECK_EQ(msgrcv(queue, &message, 3, 0, MSG_NOERROR), 3);
  message.type = 0;
  CHECK_FAILS(msgsnd(queue, &message, 6, 0), EINVAL);
  CHECK_EQ(msgctl(queue, IPC_RMID, NULL), 0);
  CHECK_FAILS(msgrcv(queue, &message, kSize, 0, 0), EINVAL);
  return unused;
}

CASE(errors_of_queues) {
  check_queue_errors(NULL);
  join(start(check_queue_errors, NULL));
}

static int open_set(int value) {
  int set = semget(IPC_PRIVATE, 2, 0600);
  CHECK(set >= 0);
  CHECK_EQ(semctl(set, 0, SETVAL, value), 0);
  CHECK_EQ(semctl(set, 1, SETVAL, 0), 0);
  return set;
}

static struct sembuf change(int by, int flags) {
  return (struct sembuf){.sem_num = 0, .sem_op = (short)by, .sem_flg = (short)flags};
}

static void lower(void* set) {
  struct sembuf by_one = change(-1, 0);
  errno = 77;
  CHECK_EQ(semop(*(int*)set, &by_one, 1), 0);
  CHECK_EQ(errno, 77);
}

static void lower_both(void* set) {
  struct sembuf both[] = {{1, 0, 0}, {0, -1, SEM_UNDO}};  // once the second one is zero
  CHECK_EQ(semop(*(int*)set, both, 2), 0);
}

static void lower_in_time(void* set) {
  struct sembuf by_one = change(-1, 0);
  struct timespec length = {100, 0};
  errno = 77;
  CHECK_EQ(semtimedop(*(int*)set, &by_one, 1, &length), 0);
  CHECK_EQ(errno, 77);
}

static void lower_without_end(void* set) {
  struct sembuf by_one = change(-1, 0);
  CHECK_EQ(semtimedop(*(int*)set, &by_one, 1, NULL), 0);
}

static void raise_it(void* set) {
  struct sembuf by_one = change(1, 0);
  CHECK_EQ(semop(*(int*)set, &by_one, 1), 0);
}

CASE(semop) {
  int set = open_set(0);
  meet(lower, raise_it, &set);
  meet(lower_both, raise_it, &set);
  CHECK_EQ(semctl(set, 0, GETVAL), 0);
  CHECK_EQ(semctl(set, 0, IPC_RMID), 0);
}

static void lower_by_number(void* set) {
  struct sembuf by_one = change(-1, 0);
  CHECK_EQ(syscall(SYS_semop, (long)*(int*)set, &by_one, 1L), 0);
  raise_it(set);
  struct timespec length = {100, 0};
  CHECK_EQ(syscall(SYS_semtimedop, (long)*(int*)set, &by_one, 1L, &length), 0);
}

CASE(semaphores_by_number) {
  int set = open_set(0);
  meet(lower_by_number, raise_it, &set);
  CHECK_EQ(semctl(set, 0, IPC_RMID), 0);
}

CASE(semtimedop) {
  int set = open_set(0);
  meet(lower_in_time, raise_it, &set);
  meet(lower_without_end, raise_it, &set);
  CHECK_EQ(semctl(set, 0, IPC_RMID), 0);
}

static void* check_set_errors(void* unused) {
  int set = open_set(0);
  struct sembuf by_one = change(-1, 0), at_once = change(-1, IPC_NOWAIT), mixed[] = {{1, 0, IPC_NOWAIT}, {0, -1, 0}};
  struct timespec length = {0, kShort * 1000000}, wrong = {0, -1}, *volatile no_time = (struct timespec*)8;
  struct sembuf* volatile nowhere = (struct sembuf*)8;
  long long begin = now_ns(CLOCK_MONOTONIC);
  CHECK_FAILS(semtimedop(set, &by_one, 1, &length), EAGAIN);
  CHECK_FAILS(semtimedop(set, mixed, 2, &length), EAGAIN);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 2 * kShort * 1000000LL);
  CHECK_FAILS(semtimedop(set, &by_one, 1, &wrong), EINVAL);
  CHECK_FAILS(semtimedop(set, &by_one, 1, no_time), EFAULT);
  CHECK_FAILS(semop(set, &at_once, 1), EAGAIN);
  CHECK_FAILS(semop(set, nowhere, 1), EFAULT);
  CHECK_FAILS(semop(set, &by_one, 0), EINVAL);
  CHECK_FAILS(semop(set, &by_one, 1 << 20), E2BIG);
  CHECK_FAILS(semop(-1, &by_one, 1), EINVAL);
  CHECK_EQ(semctl(set, 0, GETVAL), 0);
  CHECK_EQ(semctl(set, 0, IPC_RMID), 0);
  return unused;
}

CASE(errors_of_semaphores) {
  check_set_errors(NULL);
  join(start(check_set_errors, NULL));
}

// What the kernel undoes at the end of the process is the sum of what all its threads did.
static void* lower_for_undo(void* set) {
  struct sembuf by_one = change(-1, SEM_UNDO);
  CHECK_EQ(semop(*(int*)set, &by_one, 1), 0);
  return NULL;
}

CASE(what_threads_did_is_undone_when_the_process_ends) {
  int set = open_set(5), status;
  pid_t child = fork_child();
  if (child == 0) {
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) threads[i] = start(lower_for_undo, &set);
    join_all(threads, 3);
    _exit(semctl(set, 0, GETVAL));
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(WEXITSTATUS(status), 2);
  CHECK_EQ(semctl(set, 0, GETVAL), 5);
  CHECK_EQ(semctl(set, 0, IPC_RMID), 0);
}

static long counted;  // guarded by the semaphore; not atomic, so that two at once lose some

static void* count(void* set) {
  for (int i = 0; i < kRounds; i++) {
    lower(set);
    const long seen = counted;
    if (i % 10 == 0) usleep(100);
    counted = seen + 1;
    raise_it(set);
  }
  return NULL;
}

CASE(a_semaphore_as_a_lock) {
  int set = open_set(1);
  pthread_t threads[kThreads];
  counted = 0;
  for (int i = 0; i < kThreads; i++) threads[i] = start(count, &set);
  join_all(threads, kThreads);
  CHECK_EQ(counted, kThreads * kRounds);
  CHECK_EQ(semctl(set, 0, IPC_RMID), 0);
}
