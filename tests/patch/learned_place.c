// A place in the program whose calls hold up the others, until evergreen has learnt that they do: an ioctl that waits
// for what another thread does. (It is the one that receives questions of seccomp: they are uname's here.)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "tests/support/case.h"

enum { kRounds = 20 };

static int asked = -1;  // the descriptor from which the questions come

// Before there is a second kernel thread: all inherit it.
__attribute__((constructor)) static void ask_for_results(void) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_uname, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
  };
  struct sock_fprog filter = {sizeof program / sizeof *program, program};
  CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  asked = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
  CHECK(asked >= 0);
}

static void* answer(void* unused) {
  for (int i = 0; i < kRounds; i++) {
    struct seccomp_notif question = {0};
    CHECK_EQ(ioctl(asked, SECCOMP_IOCTL_NOTIF_RECV, &question), 0);
    struct seccomp_notif_resp result = {.id = question.id, .error = -EXFULL};
    CHECK_EQ(ioctl(asked, SECCOMP_IOCTL_NOTIF_SEND, &result), 0);
    usleep(100);  // parks: whoever lost the hub goes home
  }
  return unused;
}

CASE(an_ioctl_that_waits_for_another_thread) {
  struct utsname name;
  pthread_t thread = start(answer, NULL);
  for (int i = 0; i < kRounds; i++) {
    usleep(5000);  // the other thread is inside by then, mostly
    CHECK_FAILS(uname(&name), EXFULL);
  }
  join(thread);
}
