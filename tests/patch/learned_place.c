// A place in the program whose calls hold up the others, until evergreen has learnt that they do: an ioctl that waits
// for what another thread does. (It is the one that receives questions of seccomp: they are uname's here.)
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "tests/support/case.h"
#include "tests/support/questions.h"

enum { kRounds = 20 };

static int asked = -1;  // the descriptor from which the questions come

__attribute__((constructor)) static void ask(void) {
  static const int number = SYS_uname;
  asked = ask_for_results_of(&number, 1);
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
