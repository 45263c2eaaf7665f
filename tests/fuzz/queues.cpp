#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include "tests/fuzz/world.h"

namespace fuzz {
namespace {

int queue = -1, set = -1;

}  // namespace

void make_queues() {
  queue = msgget(IPC_PRIVATE, 0600);
  set = semget(IPC_PRIVATE, 2, 0600);
}

void remove_queues() {
  msgctl(queue, IPC_RMID, nullptr);
  semctl(set, 0, IPC_RMID);
}

void empty_queues() {
  struct {
    long type;
    char text[8192];
  } message{};
  while (msgrcv(queue, &message, sizeof message.text, 0, IPC_NOWAIT | MSG_NOERROR) >= 0) {
  }
  message.type = 5;
  msgsnd(queue, &message, 20, IPC_NOWAIT);
  semctl(set, 0, SETVAL, 0);
  semctl(set, 1, SETVAL, 1);
}

int message_queue() { return queue; }
int semaphore_set() { return set; }

}  // namespace fuzz
