// POSIX message queues.
#include <fcntl.h>
#include <mqueue.h>
#include <sys/stat.h>

#include "tests/support/case.h"

enum { kRoom = 2, kSize = 32, kPriority = 5, kShort = 20, kThreads = 8 };

static mqd_t open_queue(int flags) {
  char name[40];
  struct mq_attr attributes = {.mq_maxmsg = kRoom, .mq_msgsize = kSize};
  snprintf(name, sizeof name, "/evergreen-%d", (int)getpid());
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | flags, 0600, &attributes);
  CHECK(queue >= 0);
  CHECK_EQ(mq_unlink(name), 0);
  return queue;
}

static void check_queue_blocks(mqd_t queue) {
  struct mq_attr attributes;
  CHECK_EQ(mq_getattr(queue, &attributes), 0);
  CHECK_EQ(attributes.mq_flags, 0);
}

static void put(mqd_t queue) {
  check_queue_blocks(queue);
  CHECK_EQ(mq_send(queue, "hello", 6, kPriority), 0);
}

static void take(mqd_t queue) {
  char text[kSize];
  check_queue_blocks(queue);
  CHECK_EQ(mq_receive(queue, text, sizeof text, NULL), 6);
}

static void put_one(void* queue) { put(*(mqd_t*)queue); }
static void take_one(void* queue) { take(*(mqd_t*)queue); }

static void check_received(ssize_t size, const char* text, unsigned priority) {
  CHECK_EQ(size, 6);
  CHECK_TEXT(text, "hello");
  CHECK_EQ(priority, kPriority);
  CHECK_EQ(errno, 77);
}

static void receive_one(void* queue) {
  char text[kSize] = "";
  unsigned priority = 0;
  errno = 77;
  ssize_t size = mq_receive(*(mqd_t*)queue, text, sizeof text, &priority);
  check_received(size, text, priority);
}

static void receive_in_time(void* queue) {
  char text[kSize] = "";
  unsigned priority = 0;
  struct timespec end = in_ms(CLOCK_REALTIME, 100000);
  errno = 77;
  ssize_t size = mq_timedreceive(*(mqd_t*)queue, text, sizeof text, &priority, &end);
  check_received(size, text, priority);
}

static void receive_without_end(void* queue) {
  char text[kSize] = "";
  unsigned priority = 0;
  struct timespec* volatile none = NULL;
  errno = 77;
  ssize_t size = mq_timedreceive(*(mqd_t*)queue, text, sizeof text, &priority, none);
  check_received(size, text, priority);
}

// For the calls that wait for room: the queue is full before and after.
static void send_one(void* queue) {
  errno = 77;
  CHECK_EQ(mq_send(*(mqd_t*)queue, "hello", 6, 0), 0);
  CHECK_EQ(errno, 77);
}

static void send_in_time(void* queue) {
  struct timespec end = in_ms(CLOCK_REALTIME, 100000);
  errno = 77;
  CHECK_EQ(mq_timedsend(*(mqd_t*)queue, "hello", 6, 0, &end), 0);
  CHECK_EQ(errno, 77);
}

static void meet_empty(void (*block)(void*)) {
  mqd_t queue = open_queue(0);
  meet(block, put_one, &queue);
  CHECK_EQ(mq_close(queue), 0);
}

static void meet_full(void (*block)(void*)) {
  mqd_t queue = open_queue(0);
  for (int i = 0; i < kRoom; i++) put(queue);
  meet(block, take_one, &queue);
  CHECK_EQ(mq_close(queue), 0);
}

CASE(mq_receive) { meet_empty(receive_one); }
CASE(mq_send) { meet_full(send_one); }
CASE(mq_timedsend) { meet_full(send_in_time); }

CASE(mq_timedreceive) {
  meet_empty(receive_in_time);
  meet_empty(receive_without_end);
}

static void* check_times(void* argument) {
  mqd_t queue = *(mqd_t*)argument;
  char text[kSize];
  struct timespec end = in_ms(CLOCK_REALTIME, kShort), past = {1, 0}, wrong = {end.tv_sec, 1000000000},
                  negative = {-1, 0};
  struct timespec* volatile nowhere = (struct timespec*)8;
  CHECK_FAILS(mq_timedreceive(queue, text, sizeof text, NULL, &end), ETIMEDOUT);
  CHECK(now_ns(CLOCK_REALTIME) >= end.tv_sec * 1000000000LL + end.tv_nsec);
  CHECK_FAILS(mq_timedreceive(queue, text, sizeof text, NULL, &past), ETIMEDOUT);
  CHECK_FAILS(mq_timedreceive(queue, text, sizeof text, NULL, &wrong), EINVAL);
  CHECK_FAILS(mq_timedreceive(queue, text, sizeof text, NULL, &negative), EINVAL);
  CHECK_FAILS(mq_timedreceive(queue, text, sizeof text, NULL, nowhere), EFAULT);
  for (int i = 0; i < kRoom; i++) CHECK_EQ(mq_timedsend(queue, "hello", 6, 0, &past), 0);  // need not wait
  end = in_ms(CLOCK_REALTIME, kShort);
  CHECK_FAILS(mq_timedsend(queue, "hello", 6, 0, &end), ETIMEDOUT);
  CHECK(now_ns(CLOCK_REALTIME) >= end.tv_sec * 1000000000LL + end.tv_nsec);
  CHECK_FAILS(mq_timedsend(queue, "hello", 6, 0, &past), ETIMEDOUT);
  CHECK_FAILS(mq_timedsend(queue, "hello", 6, 0, &wrong), EINVAL);
  CHECK_FAILS(mq_timedsend(queue, "hello", 6, 0, nowhere), EFAULT);
  for (int i = 0; i < kRoom; i++) take(queue);
  return NULL;
}

CASE(times) {
  mqd_t queue = open_queue(0);
  check_times(&queue);
  join(start(check_times, &queue));
  CHECK_EQ(mq_close(queue), 0);
}

static void* check_errors(void* unused) {
  char text[kSize], *volatile nowhere = (char*)8;
  mqd_t queue = open_queue(O_NONBLOCK);
  CHECK_FAILS(mq_receive(queue, text, sizeof text, NULL), EAGAIN);
  CHECK_FAILS(mq_receive(queue, text, kSize - 1, NULL), EMSGSIZE);
  CHECK_FAILS(mq_send(queue, text, kSize + 1, 0), EMSGSIZE);
  CHECK_FAILS(mq_send(queue, text, 1, 40000), EINVAL);
  CHECK_FAILS(mq_send(queue, nowhere, 1, 0), EFAULT);
  for (int i = 0; i < kRoom; i++) CHECK_EQ(mq_send(queue, "hello", 6, 0), 0);
  CHECK_FAILS(mq_send(queue, "hello", 6, 0), EAGAIN);
  CHECK_EQ(mq_close(queue), 0);
  CHECK_FAILS(mq_receive(queue, text, sizeof text, NULL), EBADF);
  CHECK_FAILS(mq_send(-1, text, 1, 0), EBADF);
  CHECK_FAILS(mq_send(STDOUT_FILENO, text, 1, 0), EBADF);
  CHECK_FAILS(mq_close(queue), EBADF);
  return unused;
}

CASE(errors) {
  check_errors(NULL);
  join(start(check_errors, NULL));
}

static int taken;

static void* take_in_thread(void* queue) {
  entering();
  take(*(mqd_t*)queue);
  __atomic_add_fetch(&taken, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

CASE(each_message_wakes_one) {
  mqd_t queue = open_queue(0);
  pthread_t threads[kThreads];
  taken = 0;
  for (int i = 0; i < kThreads; i++) threads[i] = start(take_in_thread, &queue);
  await_entered(kThreads);
  for (int i = 0; i < kThreads; i++) put(queue);
  join_all(threads, kThreads);
  CHECK_EQ(taken, kThreads);
  CHECK_EQ(mq_close(queue), 0);
}
