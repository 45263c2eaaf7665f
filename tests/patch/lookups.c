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

// Asks with a function that returns the entry.
#define ASK(function, type, field, ...)         \
  static void ask_##function(void* unused) {    \
    (void)unused;                               \
    struct type* found = function(__VA_ARGS__); \
    CHECK(found);                               \
    CHECK_EQ(found->field, kAnswer);            \
  }

// The same with one that fills the entry.
#define ASK_R(function, type, field, ...)    \
  static void ask_##function(void* unused) { \
    (void)unused;                            \
    struct type entry, *found = NULL;        \
    CHECK_EQ(function(__VA_ARGS__), 0);      \
    CHECK(found == &entry);                  \
    CHECK_EQ(entry.field, kAnswer);          \
  }
#define ENTRY &entry, buffer, sizeof buffer, &found

// clang-format off
ASK(getpwnam, passwd, pw_uid, "slow")
CASE(getpwnam) { meet_source("passwd", ask_getpwnam); }

ASK(getpwuid, passwd, pw_uid, kAnswer)
CASE(getpwuid) { meet_source("passwd", ask_getpwuid); }

ASK(getpwent, passwd, pw_uid, )
CASE(getpwent) { meet_source("passwd", ask_getpwent); }

ASK_R(getpwnam_r, passwd, pw_uid, "slow", ENTRY)
CASE(getpwnam_r) { meet_source("passwd", ask_getpwnam_r); }

ASK_R(getpwuid_r, passwd, pw_uid, kAnswer, ENTRY)
CASE(getpwuid_r) { meet_source("passwd", ask_getpwuid_r); }

ASK_R(getpwent_r, passwd, pw_uid, ENTRY)
CASE(getpwent_r) { meet_source("passwd", ask_getpwent_r); }

ASK(getgrnam, group, gr_gid, "slow")
CASE(getgrnam) { meet_source("group", ask_getgrnam); }

ASK(getgrgid, group, gr_gid, kAnswer)
CASE(getgrgid) { meet_source("group", ask_getgrgid); }

ASK(getgrent, group, gr_gid, )
CASE(getgrent) { meet_source("group", ask_getgrent); }

ASK_R(getgrnam_r, group, gr_gid, "slow", ENTRY)
CASE(getgrnam_r) { meet_source("group", ask_getgrnam_r); }

ASK_R(getgrgid_r, group, gr_gid, kAnswer, ENTRY)
CASE(getgrgid_r) { meet_source("group", ask_getgrgid_r); }

ASK_R(getgrent_r, group, gr_gid, ENTRY)
CASE(getgrent_r) { meet_source("group", ask_getgrent_r); }

ASK(getservbyname, servent, s_port, "slow", "tcp")
CASE(getservbyname) { meet_source("services", ask_getservbyname); }

ASK(getservbyport, servent, s_port, kAnswer, "tcp")
CASE(getservbyport) { meet_source("services", ask_getservbyport); }

ASK(getservent, servent, s_port, )
CASE(getservent) { meet_source("services", ask_getservent); }

ASK_R(getservbyname_r, servent, s_port, "slow", "tcp", ENTRY)
CASE(getservbyname_r) { meet_source("services", ask_getservbyname_r); }

ASK_R(getservbyport_r, servent, s_port, kAnswer, "tcp", ENTRY)
CASE(getservbyport_r) { meet_source("services", ask_getservbyport_r); }

ASK_R(getservent_r, servent, s_port, ENTRY)
CASE(getservent_r) { meet_source("services", ask_getservent_r); }

ASK(getprotobyname, protoent, p_proto, "slow")
CASE(getprotobyname) { meet_source("protocols", ask_getprotobyname); }

ASK(getprotobynumber, protoent, p_proto, kAnswer)
CASE(getprotobynumber) { meet_source("protocols", ask_getprotobynumber); }

ASK(getprotoent, protoent, p_proto, )
CASE(getprotoent) { meet_source("protocols", ask_getprotoent); }

ASK_R(getprotobyname_r, protoent, p_proto, "slow", ENTRY)
CASE(getprotobyname_r) { meet_source("protocols", ask_getprotobyname_r); }

ASK_R(getprotobynumber_r, protoent, p_proto, kAnswer, ENTRY)
CASE(getprotobynumber_r) { meet_source("protocols", ask_getprotobynumber_r); }

ASK_R(getprotoent_r, protoent, p_proto, ENTRY)
CASE(getprotoent_r) { meet_source("protocols", ask_getprotoent_r); }

ASK(getnetbyname, netent, n_net, "slow")
CASE(getnetbyname) { meet_source("networks", ask_getnetbyname); }

ASK(getnetbyaddr, netent, n_net, kAnswer, AF_INET)
CASE(getnetbyaddr) { meet_source("networks", ask_getnetbyaddr); }

ASK(getnetent, netent, n_net, )
CASE(getnetent) { meet_source("networks", ask_getnetent); }

ASK_R(getnetbyname_r, netent, n_net, "slow", ENTRY, &h_errno)
CASE(getnetbyname_r) { meet_source("networks", ask_getnetbyname_r); }

ASK_R(getnetbyaddr_r, netent, n_net, kAnswer, AF_INET, ENTRY, &h_errno)
CASE(getnetbyaddr_r) { meet_source("networks", ask_getnetbyaddr_r); }

ASK_R(getnetent_r, netent, n_net, ENTRY, &h_errno)
CASE(getnetent_r) { meet_source("networks", ask_getnetent_r); }

ASK(gethostent, hostent, h_addr_list[0][0] + kAnswer, )
CASE(gethostent) { meet_source("hosts", ask_gethostent); }

ASK_R(gethostent_r, hostent, h_addr_list[0][0] + kAnswer, ENTRY, &h_errno)
CASE(gethostent_r) { meet_source("hosts", ask_gethostent_r); }

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
