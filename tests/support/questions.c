#include "tests/support/questions.h"

#include <linux/filter.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/support/case.h"

static int ask(struct sock_filter* program, int length) {
  struct sock_fprog filter = {(unsigned short)length, program};
  CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  int asked = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
  CHECK(asked >= 0);
  return asked;
}

#define LOAD(field) (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, then, otherwise) \
  (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (__u32)(value), (__u8)(then), (__u8)(otherwise))
#define RETURN(what) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, what)

int ask_for_results_of(const int* numbers, int count) {
  struct sock_filter program[16 + 3] = {LOAD(nr)};
  CHECK(count <= 16);
  for (int i = 0; i < count; i++) program[i + 1] = IF_EQUAL(numbers[i], count - i, 0);
  program[count + 1] = RETURN(SECCOMP_RET_ALLOW);
  program[count + 2] = RETURN(SECCOMP_RET_USER_NOTIF);
  return ask(program, count + 3);
}

int ask_for_results_on(int fd, const int* numbers, int count) {
  struct sock_filter program[16 + 5] = {LOAD(args[0]), IF_EQUAL(fd, 0, count + 1), LOAD(nr)};
  CHECK(count <= 16);
  for (int i = 0; i < count; i++) program[i + 3] = IF_EQUAL(numbers[i], count - i, 0);
  program[count + 3] = RETURN(SECCOMP_RET_ALLOW);
  program[count + 4] = RETURN(SECCOMP_RET_USER_NOTIF);
  return ask(program, count + 5);
}
