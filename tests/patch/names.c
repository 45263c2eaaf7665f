// Names of hosts: who asks a name server waits until another thread of this process answers.
#include <arpa/inet.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>

#include "tests/support/case.h"
#include "tests/support/name_server.h"
#include "tests/support/sockets.h"

enum { kThreads = 5, kInTurn = 20 };

static void meet_server(void (*ask)(void*), void (*answer)(void*)) {
  open_name_server();
  meet(ask, answer, NULL);
  close_name_server();
}

static void answer_one(void* unused) {
  (void)unused;
  answer_queries(1);
}

static void answer_two(void* unused) {
  (void)unused;
  answer_queries(2);
}

static void check_address(int family, const void* address, const char* expected) {
  char text[INET6_ADDRSTRLEN];
  CHECK(inet_ntop(family, address, text, sizeof text));
  CHECK_TEXT(text, expected);
}

static void check_entry(const struct hostent* entry, int family, const char* address) {
  CHECK(entry);
  CHECK_TEXT(entry->h_name, "host.example");
  CHECK_EQ(entry->h_addrtype, family);
  check_address(family, entry->h_addr_list[0], address);
  CHECK(!entry->h_addr_list[1]);
}

// One address each, in any order.
static void ask_getaddrinfo(void* unused) {
  (void)unused;
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
  int seen = 0;
  ask_name_server();
  CHECK_EQ(getaddrinfo("host.example", "80", &hints, &found), 0);
  for (struct addrinfo* info = found; info; info = info->ai_next) {
    const struct sockaddr_in* four = (void*)info->ai_addr;
    const struct sockaddr_in6* six = (void*)info->ai_addr;
    CHECK_EQ(ntohs(four->sin_port), 80);
    if (info->ai_family == AF_INET) check_address(AF_INET, &four->sin_addr, "10.1.2.3");
    if (info->ai_family == AF_INET6) check_address(AF_INET6, &six->sin6_addr, "fd00::1:2:3");
    seen += info->ai_family == AF_INET ? 1 : 10;
  }
  CHECK_EQ(seen, 11);
  freeaddrinfo(found);
}

CASE(getaddrinfo) { meet_server(ask_getaddrinfo, answer_two); }

static void ask_unknown(void* unused) {
  (void)unused;
  struct addrinfo hints = {.ai_family = AF_INET}, *found = NULL;
  ask_name_server();
  CHECK_EQ(getaddrinfo("no-such-host.invalid", NULL, &hints, &found), EAI_NONAME);
  CHECK(!found);
}

CASE(unknown_name) { meet_server(ask_unknown, answer_one); }

static void ask_getnameinfo(void* unused) {
  (void)unused;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8080)};
  char host[100] = "", service[100] = "";
  CHECK_EQ(inet_pton(AF_INET, "10.1.2.3", &address.sin_addr), 1);
  ask_name_server();
  CHECK_EQ(getnameinfo((struct sockaddr*)&address, sizeof address, host, sizeof host, service, sizeof service,
                       NI_NUMERICSERV | NI_NAMEREQD),
           0);
  CHECK_TEXT(host, "host.example");
  CHECK_TEXT(service, "8080");
}

CASE(getnameinfo) { meet_server(ask_getnameinfo, answer_one); }

static void ask_gethostbyname(void* unused) {
  (void)unused;
  ask_name_server();
  check_entry(gethostbyname("host.example"), AF_INET, "10.1.2.3");
}

CASE(gethostbyname) { meet_server(ask_gethostbyname, answer_one); }

static void ask_gethostbyname2(void* unused) {
  (void)unused;
  ask_name_server();
  check_entry(gethostbyname2("host.example", AF_INET6), AF_INET6, "fd00::1:2:3");
}

CASE(gethostbyname2) { meet_server(ask_gethostbyname2, answer_one); }

// What the functions with _r fill.
struct Answer {
  struct hostent entry, *found;
  char buffer[1000];
  int error;
};

static void ask_by_own_resolver(void) {
  struct Answer a;
  CHECK_EQ(gethostbyname_r("host.example", &a.entry, a.buffer, sizeof a.buffer, &a.found, &a.error), 0);
  check_entry(a.found, AF_INET, "10.1.2.3");
  CHECK(a.found == &a.entry);
}

static void ask_gethostbyname_r(void* unused) {
  (void)unused;
  ask_name_server();
  ask_by_own_resolver();
}

CASE(gethostbyname_r) { meet_server(ask_gethostbyname_r, answer_one); }

static void ask_gethostbyname2_r(void* unused) {
  (void)unused;
  struct Answer a;
  ask_name_server();
  CHECK_EQ(gethostbyname2_r("host.example", AF_INET6, &a.entry, a.buffer, sizeof a.buffer, &a.found, &a.error), 0);
  check_entry(a.found, AF_INET6, "fd00::1:2:3");
}

CASE(gethostbyname2_r) { meet_server(ask_gethostbyname2_r, answer_one); }

static void ask_gethostbyaddr(void* unused) {
  (void)unused;
  struct in_addr address = {inet_addr("10.1.2.3")};
  ask_name_server();
  check_entry(gethostbyaddr(&address, sizeof address, AF_INET), AF_INET, "10.1.2.3");
}

CASE(gethostbyaddr) { meet_server(ask_gethostbyaddr, answer_one); }

static void ask_gethostbyaddr_r(void* unused) {
  (void)unused;
  struct in_addr address = {inet_addr("10.1.2.3")};
  struct Answer a;
  ask_name_server();
  CHECK_EQ(gethostbyaddr_r(&address, sizeof address, AF_INET, &a.entry, a.buffer, sizeof a.buffer, &a.found, &a.error),
           0);
  check_entry(a.found, AF_INET, "10.1.2.3");
}

CASE(gethostbyaddr_r) { meet_server(ask_gethostbyaddr_r, answer_one); }

static void ask_unknown_entry(void* unused) {
  (void)unused;
  ask_name_server();
  CHECK(!gethostbyname("no-such-host.invalid"));
  CHECK_EQ(h_errno, HOST_NOT_FOUND);
}

CASE(unknown_entry) { meet_server(ask_unknown_entry, answer_one); }

// All have asked before the first is answered.
static void* ask_in_thread(void* unused) {
  ask_gethostbyname_r(unused);
  return NULL;
}

CASE(many_at_once) {
  pthread_t threads[kThreads];
  open_name_server();
  for (int i = 0; i < kThreads; i++) threads[i] = start(ask_in_thread, NULL);
  answer_all_at_once(kThreads);
  join_all(threads, kThreads);
  close_name_server();
}

// Each thread has a resolver of its own, new also where its stack is an older one's.
static void* use_own_resolver(void* mains) {
  CHECK(&_res != mains);
  CHECK_EQ(_res.options & RES_INIT, 0);
  ask_name_server();
  _res.options |= RES_STAYOPEN;  // the socket is closed when the thread ends
  CHECK_EQ(_res.retry, 1);
  ask_by_own_resolver();
  return NULL;
}

CASE(resolvers_are_the_threads_own) {
  open_name_server();
  CHECK_EQ(res_init(), 0);
  _res.retry = 3;
  int lowest = dup(STDOUT_FILENO);
  close(lowest);
  for (int i = 0; i < kInTurn; i++) {
    pthread_t thread = start(use_own_resolver, &_res);
    answer_queries(1);
    join(thread);
    CHECK_EQ(_res.retry, 3);
  }
  int lowest_now = dup(STDOUT_FILENO);
  close(lowest_now);
  CHECK(lowest_now - lowest < kInTurn / 2);
  close_name_server();
}

// What asks no server.
static void check_numeric(int family, const char* text) {
  struct addrinfo hints = {.ai_family = family, .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM}, *found = NULL;
  char host[100] = "", service[100] = "";
  CHECK_EQ(getaddrinfo(text, "7", &hints, &found), 0);
  CHECK_EQ(found->ai_family, family);
  CHECK_EQ(getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, service, sizeof service,
                       NI_NUMERICHOST | NI_NUMERICSERV),
           0);
  CHECK_TEXT(host, text);
  CHECK_TEXT(service, "7");
  freeaddrinfo(found);
  hints.ai_flags = 0;
  CHECK_EQ(getaddrinfo(text, "7", &hints, &found), 0);
  freeaddrinfo(found);
}

static void* ask_nobody(void* unused) {
  struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST}, passive = {.ai_flags = AI_PASSIVE}, *found = NULL;
  struct sockaddr_in address = {.sin_family = AF_INET};
  char host[2];
  ask_name_server();
  check_numeric(AF_INET, "127.0.0.1");
  check_numeric(AF_INET6, "::1");
  CHECK_EQ(getaddrinfo("host.example", NULL, &numeric, &found), EAI_NONAME);
  CHECK_EQ(getaddrinfo(NULL, NULL, NULL, &found), EAI_NONAME);
  CHECK_EQ(getaddrinfo(NULL, "80", &passive, &found), 0);
  freeaddrinfo(found);
  CHECK_EQ(getnameinfo((struct sockaddr*)&address, sizeof address, host, sizeof host, NULL, 0, NI_NUMERICHOST),
           EAI_OVERFLOW);
  CHECK_EQ(getnameinfo((struct sockaddr*)&address, 1, host, sizeof host, NULL, 0, 0), EAI_FAMILY);
  check_address(AF_INET, gethostbyname("127.0.0.1")->h_addr_list[0], "127.0.0.1");
  check_address(AF_INET, gethostbyname("localhost")->h_addr_list[0], "127.0.0.1");
  return unused;
}

CASE(names_that_need_no_server) {
  open_name_server();
  join(start(ask_nobody, NULL));
  ask_nobody(NULL);
  close_name_server();
}
