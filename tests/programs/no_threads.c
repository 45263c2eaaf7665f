// A program without threads gets no hub: no kernel thread beside its own, and no descriptor that it did not open. It
// calls what evergreen stands in for, then prints its kernel threads and open descriptors, which must be as natively.
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

#define PRINT(call) printf("%s: %d\n", #call, (int)(call))

static void use_locks(void) {
  struct timespec past = {0, 0};
  sem_t semaphore;
  PRINT(pthread_mutex_lock(&mutex));
  PRINT(pthread_cond_timedwait(&condition, &mutex, &past));
  PRINT(pthread_cond_broadcast(&condition));
  PRINT(pthread_mutex_unlock(&mutex));
  PRINT(pthread_rwlock_wrlock(&rwlock));
  PRINT(pthread_rwlock_unlock(&rwlock));
  sem_init(&semaphore, 0, 1);
  PRINT(sem_wait(&semaphore));
  PRINT(sem_timedwait(&semaphore, &past));
  PRINT(sem_post(&semaphore));
}

static void use_descriptors(void) {
  int ends[2], epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  struct timeval soon = {0, 1000};
  char text[16];
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
  struct pollfd readable = {ends[0], POLLIN, 0};
  PRINT(poll(&readable, 1, 1));
  PRINT(select(0, NULL, NULL, NULL, &soon));
  PRINT(epoll_wait(epoll, &event, 1, 1));
  PRINT(send(ends[1], "hello", 5, 0));
  PRINT(poll(&readable, 1, -1));
  PRINT(epoll_wait(epoll, &event, 1, -1));
  PRINT(recv(ends[0], text, sizeof text, 0));
  close(ends[0]);
  close(ends[1]);
  close(epoll);
}

static int by_number(const struct dirent** left, const struct dirent** right) {
  return atoi((*left)->d_name) - atoi((*right)->d_name);
}

static void print_descriptors(void) {
  struct dirent** names;
  int count = scandir("/proc/self/fd", &names, NULL, by_number);
  for (int i = 0; i < count; i++) {
    char path[300], target[300];
    snprintf(path, sizeof path, "/proc/self/fd/%s", names[i]->d_name);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length <= 0) continue;  // "." and "..", and the one of scandir itself, which is closed
    target[length] = 0;
    target[strcspn(target, "[0123456789")] = 0;  // pipe:[12345] and anon_inode:[eventpoll] without what differs
    printf("descriptor %s: %s\n", names[i]->d_name, target);
  }
  while (count-- > 0) free(names[count]);
  free(names);
}

static void print_kernel_threads(void) {
  struct dirent** names;
  int count = scandir("/proc/self/task", &names, NULL, NULL);
  printf("kernel threads: %d\n", count - 2);
  while (count-- > 0) free(names[count]);
  free(names);
}

int main(void) {
  usleep(1000);
  nanosleep(&(struct timespec){0, 1000}, NULL);
  use_locks();
  use_descriptors();
  print_kernel_threads();
  print_descriptors();
  return 0;
}
