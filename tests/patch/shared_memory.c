// A futex call in the form for all processes, in memory that none shares, and in memory that one does.
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/futex.h"

enum { kPage = 4096 };

static void wait_until_set(void* word) {
  while (load(word) == 0) wait_for(word, FUTEX_WAIT, 0, NULL);
  __atomic_store_n((int*)word, 0, __ATOMIC_SEQ_CST);
}

static void set(void* word) {
  __atomic_store_n((int*)word, 1, __ATOMIC_SEQ_CST);
  CHECK(wake(word, FUTEX_WAKE, 1) >= 0);
}

static int* map(void* at, int flags) {
  int* memory = mmap(at, kPage, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  return memory;
}

// Past libc, so that nobody can note it; as libc's own malloc does.
static int* map_unseen(void* at, long map_flags) {
  register long flags __asm__("r10") = map_flags | MAP_ANONYMOUS;
  register long fd __asm__("r8") = -1;
  register long offset __asm__("r9") = 0;
  long result = SYS_mmap;
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"(at), "S"((long)kPage), "d"((long)(PROT_READ | PROT_WRITE)), "r"(flags), "r"(fd), "r"(offset)
                   : "rcx", "r11", "memory");
  CHECK(result > 0);
  return (int*)result;
}

// Two threads meet on each; a wait in the kernel would hold up both.
CASE(private_memory) {
  static int variable;
  int local = 0;
  int* on_heap = calloc(1, sizeof *on_heap);
  int* mapped = map(NULL, MAP_PRIVATE);
  int* words[] = {&variable, &local, on_heap, mapped};
  for (int i = 0; i < 4; i++) meet(wait_until_set, set, words[i]);
  CHECK_EQ(munmap(mapped, kPage), 0);
  free(on_heap);
}

CASE(no_longer_shared) {
  int* words = map(NULL, MAP_SHARED);
  CHECK(map(words, MAP_PRIVATE | MAP_FIXED) == words);
  meet(wait_until_set, set, words);
  CHECK(map(words, MAP_SHARED | MAP_FIXED) == words);
  CHECK_EQ(munmap(words, kPage), 0);
  CHECK(map_unseen(words, MAP_PRIVATE | MAP_FIXED_NOREPLACE) == words);
  meet(wait_until_set, set, words);
  CHECK_EQ(munmap(words, kPage), 0);

  int id = shmget(IPC_PRIVATE, kPage, 0600);
  CHECK(id >= 0);
  words = shmat(id, NULL, 0);
  CHECK_EQ(shmdt(words), 0);
  CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
  CHECK(map_unseen(words, MAP_PRIVATE | MAP_FIXED_NOREPLACE) == words);
  meet(wait_until_set, set, words);
  CHECK_EQ(munmap(words, kPage), 0);
}

static void check_ended(pid_t child) {
  int status = -1;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
}

static pid_t fork_for_seconds(unsigned seconds) {
  pid_t child = fork();
  if (child == 0) {
    signal(SIGALRM, SIG_DFL);
    alarm(seconds);
  }
  return child;
}

// Waits once, for another process, which finds it in the kernel.
static void* await_child(void* word) {
  pid_t child = fork_for_seconds(10);
  if (child == 0) {
    while (wake(word, FUTEX_WAKE, 1) == 0) usleep(100);
    _exit(0);
  }
  CHECK_EQ(wait_for(word, FUTEX_WAIT, 0, NULL), 0);
  check_ended(child);
  return NULL;
}

static void check_is_shared(int* word) {
  await_child(word);
  join(start(await_child, word));
}

CASE(mapped) {
  int* words = map(NULL, MAP_SHARED);
  check_is_shared(words);
  words = mremap(words, kPage, 16 * kPage, MREMAP_MAYMOVE);
  CHECK(words != MAP_FAILED);
  check_is_shared(words);
  int* elsewhere = map(NULL, MAP_PRIVATE);
  CHECK(mremap(words, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) == elsewhere);
  check_is_shared(elsewhere);
  CHECK_EQ(munmap(elsewhere, kPage), 0);
}

CASE(a_hole_in_shared_memory) {
  char* memory = mmap(NULL, 3 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  CHECK(map(memory + kPage, MAP_PRIVATE | MAP_FIXED) == (int*)(memory + kPage));
  join(start(await_child, memory));
  join(start(await_child, memory + 2 * kPage));
  meet(wait_until_set, set, memory + kPage);
  CHECK_EQ(munmap(memory, 3 * kPage), 0);
}

CASE(attached) {
  int id = shmget(IPC_PRIVATE, kPage, 0600);
  CHECK(id >= 0);
  int* words = shmat(id, NULL, 0);
  CHECK(words != (void*)-1);
  CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
  check_is_shared(words);
  CHECK_EQ(shmdt(words), 0);
  CHECK_FAILS((long)shmat(-1, NULL, 0), EINVAL);
}

// Then the word is looked at from time to time.
static void* await_change(void* word) {
  pid_t child = fork_for_seconds(10);
  if (child == 0) {
    usleep(50000);
    set(word);
    _exit(0);
  }
  wait_until_set(word);
  check_ended(child);
  struct timespec length = {0, 250000000};
  CHECK_FAILS(wait_for(word, FUTEX_WAIT, 0, &length), ETIMEDOUT);
  return NULL;
}

CASE(mapped_unseen) {
  int* words = map_unseen(NULL, MAP_SHARED);
  await_change(words);
  join(start(await_change, words));
  CHECK_EQ(munmap(words, kPage), 0);
}

CASE(refused) {
  CHECK_FAILS((long)mmap(NULL, 0, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0), EINVAL);
  CHECK_FAILS((long)mmap64(NULL, kPage, PROT_READ, MAP_SHARED, -1, 0), EBADF);
  CHECK_FAILS((long)mremap((void*)kPage, kPage, 2 * kPage, 0), EFAULT);
  CHECK_FAILS(munmap((void*)1, kPage), EINVAL);
  CHECK_FAILS(shmdt(NULL), EINVAL);
}
