// Handlers during waits for semaphores, message queues and futexes: signal(7).
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/syscall.h>

#include "tests/posix/holds.h"
#include "tests/support/interrupted.h"

static sem_t semaphore;
static mqd_t queue;
static int id, word;
static char text[16];

static void make_semaphore(void) { CHECK_EQ(sem_init(&semaphore, 0, 0), 0); }
static void make_shared_semaphore(void) { CHECK_EQ(sem_init(&semaphore, 1, 0), 0); }
static void post(void) { CHECK_EQ(sem_post(&semaphore), 0); }
static long call_sem_wait(void) { return sem_wait(&semaphore); }
static long call_sem_timedwait(void) {
  struct timespec at = in_ms(CLOCK_REALTIME, 100000);
  return sem_timedwait(&semaphore, &at);
}
static long call_sem_clockwait(void) {
  struct timespec at = in_ms(CLOCK_MONOTONIC, 100000);
  return sem_clockwait(&semaphore, CLOCK_MONOTONIC, &at);
}

// sem_timedwait(3) says that it is restarted; but a futex with a timeout is not, and so natively neither.
static const struct Blocking semaphores[] = {
    {"sem_wait", "", make_semaphore, call_sem_wait, post, nothing, 0, restarts},
    {"sem_wait", ", process-shared", make_shared_semaphore, call_sem_wait, post, nothing, 0, restarts},
    {"sem_timedwait", "", make_semaphore, call_sem_timedwait, post, nothing, 0, never_restarts},
    {"sem_clockwait", "", make_semaphore, call_sem_clockwait, post, nothing, 0, never_restarts},
};

static void open_queue(void) {
  char name[64];
  snprintf(name, sizeof name, "/evergreen-posix-interrupted-%d", getpid());
  struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = sizeof text};
  queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
  CHECK(queue >= 0);
  CHECK_EQ(mq_unlink(name), 0);
}
static void send_one(void) { CHECK_EQ(mq_send(queue, "x", 1, 0), 0); }
static void receive_one(void) { CHECK_EQ(mq_receive(queue, text, sizeof text, NULL), 1); }
static void open_full_queue(void) {
  open_queue();
  send_one();
}
static void close_queue(void) { mq_close(queue); }
static long call_mq_receive(void) { return mq_receive(queue, text, sizeof text, NULL); }
static long call_mq_timedreceive(void) {
  struct timespec at = in_ms(CLOCK_REALTIME, 100000);
  return mq_timedreceive(queue, text, sizeof text, NULL, &at);
}
static long call_mq_send(void) { return mq_send(queue, "y", 1, 0); }
static long call_mq_timedsend(void) {
  struct timespec at = in_ms(CLOCK_REALTIME, 100000);
  return mq_timedsend(queue, "y", 1, 0, &at);
}

static const struct Blocking queues[] = {
    {"mq_receive", "", open_queue, call_mq_receive, send_one, close_queue, 1, restarts},
    {"mq_timedreceive", "", open_queue, call_mq_timedreceive, send_one, close_queue, 1, restarts},
    {"mq_send", "", open_full_queue, call_mq_send, receive_one, close_queue, 0, restarts},
    {"mq_timedsend", "", open_full_queue, call_mq_timedsend, receive_one, close_queue, 0, restarts},
};

struct Message {
  long type;
  char text[8192];
};
static struct Message message;

static void open_messages(void) {
  id = msgget(IPC_PRIVATE, 0600);
  CHECK(id >= 0);
}
static void open_full_messages(void) {
  open_messages();
  message.type = 1;
  while (msgsnd(id, &message, sizeof message.text, IPC_NOWAIT) == 0) continue;
  CHECK_EQ(errno, EAGAIN);
}
static void remove_messages(void) { CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0); }
static void send_message(void) {
  message.type = 1;
  CHECK_EQ(msgsnd(id, &message, 5, 0), 0);
}
static void take_message(void) { CHECK_EQ(msgrcv(id, &message, sizeof message.text, 0, 0), sizeof message.text); }
static long call_msgrcv(void) { return msgrcv(id, &message, sizeof message.text, 0, 0); }
static long call_msgsnd(void) {
  message.type = 1;
  return msgsnd(id, &message, sizeof message.text, 0);
}

static void make_set(void) {
  id = semget(IPC_PRIVATE, 1, 0600);
  CHECK(id >= 0);
}
static void remove_set(void) { CHECK_EQ(semctl(id, 0, IPC_RMID), 0); }
static struct sembuf down = {0, -1, 0}, up = {0, 1, 0};
static void raise_semaphore(void) { CHECK_EQ(semop(id, &up, 1), 0); }
static long call_semop(void) { return semop(id, &down, 1); }
static long call_semtimedop(void) {
  struct timespec length = {100, 0};
  return semtimedop(id, &down, 1, &length);
}

static const struct Blocking system_v[] = {
    {"msgrcv", "", open_messages, call_msgrcv, send_message, remove_messages, 5, never_restarts},
    {"msgsnd", "", open_full_messages, call_msgsnd, take_message, remove_messages, 0, never_restarts},
    {"semop", "", make_set, call_semop, raise_semaphore, remove_set, 0, never_restarts},
    {"semtimedop", "", make_set, call_semtimedop, raise_semaphore, remove_set, 0, never_restarts},
};

static void clear_word(void) { word = 0; }
static void wake_word(void) {
  __atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
  CHECK(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1) >= 0);
}
static long call_futex(void) { return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL); }
static long call_futex_timed(void) {
  struct timespec length = {100, 0};
  return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &length);
}

static const struct Blocking futexes[] = {
    {"futex", "", clear_word, call_futex, wake_word, nothing, 0, restarts},
    {"futex", ", with a timeout", clear_word, call_futex_timed, wake_word, nothing, 0, never_restarts},
};

CASE(semaphores) { STATE(semaphores); }

CASE(queues) { STATE(queues); }

CASE(system_v) { STATE(system_v); }

CASE(futexes) { STATE(futexes); }
