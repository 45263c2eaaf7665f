// Users, groups, services, protocols and networks from a source that answers when another thread of this process lets
// it: nss_slow.c.
#include <grp.h>
#include <netdb.h>
#include <nss.h>
#include <pwd.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kAnswer = 77 };

extern int nss_slow_pipe;
static int ends[2];

static void answer(void* unused) {
  (void)unused;
  CHECK_EQ(write(ends[kWriteEnd], "x", 1), 1);
}

static void meet_source(const char* database, void (*ask)(void*)) {
  open_pipe(ends);
  nss_slow_pipe = ends[kReadEnd];
  CHECK_EQ(__nss_configure_lookup(database, "slow"), 0);
  meet(ask, answer, NULL);
  close_both(ends);
}

// What the functions with _r fill.
static __thread char buffer[1000];

// A function that returns the entry.
#define CASE_OF(function, database, type, field, ...) \
  static void ask_##function(void* unused) {          \
    (void)unused;                                     \
    struct type* found = function(__VA_ARGS__);       \
    CHECK(found);                                     \
    CHECK_EQ(found->field, kAnswer);                  \
  }                                                   \
  CASE(function) { meet_source(database, ask_##function); }

// One that fills the entry.
#define CASE_R(function, database, type, field, ...) \
  static void ask_##function(void* unused) {         \
    (void)unused;                                    \
    struct type entry, *found = NULL;                \
    CHECK_EQ(function(__VA_ARGS__), 0);              \
    CHECK(found == &entry);                          \
    CHECK_EQ(entry.field, kAnswer);                  \
  }                                                  \
  CASE(function) { meet_source(database, ask_##function); }
#define ENTRY &entry, buffer, sizeof buffer, &found

// clang-format off
CASE_OF(getpwnam, "passwd", passwd, pw_uid, "slow")
CASE_OF(getpwuid, "passwd", passwd, pw_uid, kAnswer)
CASE_OF(getpwent, "passwd", passwd, pw_uid, )
CASE_R(getpwnam_r, "passwd", passwd, pw_uid, "slow", ENTRY)
CASE_R(getpwuid_r, "passwd", passwd, pw_uid, kAnswer, ENTRY)
CASE_R(getpwent_r, "passwd", passwd, pw_uid, ENTRY)
CASE_OF(getgrnam, "group", group, gr_gid, "slow")
CASE_OF(getgrgid, "group", group, gr_gid, kAnswer)
CASE_OF(getgrent, "group", group, gr_gid, )
CASE_R(getgrnam_r, "group", group, gr_gid, "slow", ENTRY)
CASE_R(getgrgid_r, "group", group, gr_gid, kAnswer, ENTRY)
CASE_R(getgrent_r, "group", group, gr_gid, ENTRY)
CASE_OF(getservbyname, "services", servent, s_port, "slow", "tcp")
CASE_OF(getservbyport, "services", servent, s_port, kAnswer, "tcp")
CASE_OF(getservent, "services", servent, s_port, )
CASE_R(getservbyname_r, "services", servent, s_port, "slow", "tcp", ENTRY)
CASE_R(getservbyport_r, "services", servent, s_port, kAnswer, "tcp", ENTRY)
CASE_R(getservent_r, "services", servent, s_port, ENTRY)
CASE_OF(getprotobyname, "protocols", protoent, p_proto, "slow")
CASE_OF(getprotobynumber, "protocols", protoent, p_proto, kAnswer)
CASE_OF(getprotoent, "protocols", protoent, p_proto, )
CASE_R(getprotobyname_r, "protocols", protoent, p_proto, "slow", ENTRY)
CASE_R(getprotobynumber_r, "protocols", protoent, p_proto, kAnswer, ENTRY)
CASE_R(getprotoent_r, "protocols", protoent, p_proto, ENTRY)
CASE_OF(getnetbyname, "networks", netent, n_net, "slow")
CASE_OF(getnetbyaddr, "networks", netent, n_net, kAnswer, AF_INET)
CASE_OF(getnetent, "networks", netent, n_net, )
CASE_R(getnetbyname_r, "networks", netent, n_net, "slow", ENTRY, &h_errno)
CASE_R(getnetbyaddr_r, "networks", netent, n_net, kAnswer, AF_INET, ENTRY, &h_errno)
CASE_R(getnetent_r, "networks", netent, n_net, ENTRY, &h_errno)
CASE_OF(gethostent, "hosts", hostent, h_addr_list[0][0] + kAnswer, )
CASE_R(gethostent_r, "hosts", hostent, h_addr_list[0][0] + kAnswer, ENTRY, &h_errno)
// clang-format on

static void ask_getgrouplist(void* unused) {
  (void)unused;
  gid_t groups[4] = {0};
  int count = 4;
  CHECK_EQ(getgrouplist("slow", 5, groups, &count), 2);
  CHECK_EQ(count, 2);
  CHECK_EQ(groups[0], 5);
  CHECK_EQ(groups[1], kAnswer);
}

CASE(getgrouplist) { meet_source("initgroups", ask_getgrouplist); }

// libc's own sources, which are quick.
static void* ask_files(void* unused) {
  struct passwd entry, *found = NULL;
  CHECK_EQ(__nss_configure_lookup("passwd", "files"), 0);
  CHECK_EQ(__nss_configure_lookup("services", "files"), 0);
  CHECK_EQ(__nss_configure_lookup("protocols", "files"), 0);
  for (int i = 0; i < 20; i++) {
    CHECK_TEXT(getpwuid(0)->pw_name, "root");
    CHECK_EQ(getpwnam_r("no-such-user", &entry, buffer, sizeof buffer, &found), 0);
    CHECK(!found);
    CHECK_EQ(getpwnam_r("root", &entry, buffer, 1, &found), ERANGE);
    CHECK(!getservbyname("no-such-service", NULL));
    CHECK(!getprotobyname("no-such-protocol"));
  }
  return unused;
}

CASE(files) {
  ask_files(NULL);
  join(start(ask_files, NULL));
}
