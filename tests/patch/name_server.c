// Queries to a name server by res_query and its like; each waits until another thread of this process answers.
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>

#include "tests/support/case.h"
#include "tests/support/name_server.h"

// What older programs import instead.
#define OLD(name, ...)         \
  int old_##name(__VA_ARGS__); \
  __asm__(".symver old_" #name ",__" #name "@GLIBC_2.2.5")

OLD(res_query, const char*, int, int, unsigned char*, int);
OLD(res_search, const char*, int, int, unsigned char*, int);
OLD(res_querydomain, const char*, const char*, int, int, unsigned char*, int);
OLD(res_send, const unsigned char*, int, unsigned char*, int);
OLD(res_nquery, res_state, const char*, int, int, unsigned char*, int);
OLD(res_nsearch, res_state, const char*, int, int, unsigned char*, int);
OLD(res_nquerydomain, res_state, const char*, const char*, int, int, unsigned char*, int);
OLD(res_nsend, res_state, const unsigned char*, int, unsigned char*, int);

struct Message {
  unsigned char bytes[kQuerySize];
  int size;
};

typedef int Ask(struct Message* answer);

static struct Message make_query(void) {
  struct Message query;
  query.size = res_mkquery(ns_o_query, "host.example", ns_c_in, ns_t_a, NULL, 0, NULL, query.bytes, kQuerySize);
  CHECK(query.size > 0);
  return query;
}

#define NAME "host.example", ns_c_in, ns_t_a, answer->bytes, kQuerySize
#define NAME_AND_DOMAIN "host", "example", ns_c_in, ns_t_a, answer->bytes, kQuerySize
#define ASK(name, ...) \
  static int ask_##name(struct Message* answer) { return name(__VA_ARGS__); }
#define ASK_WITH_QUERY(name, ...)                 \
  static int ask_##name(struct Message* answer) { \
    const struct Message query = make_query();    \
    return name(__VA_ARGS__);                     \
  }

ASK(res_query, NAME)
ASK(res_search, NAME)
ASK(res_querydomain, NAME_AND_DOMAIN)
ASK(res_nquery, &_res, NAME)
ASK(res_nsearch, &_res, NAME)
ASK(res_nquerydomain, &_res, NAME_AND_DOMAIN)
ASK_WITH_QUERY(res_send, query.bytes, query.size, answer->bytes, kQuerySize)
ASK_WITH_QUERY(res_nsend, &_res, query.bytes, query.size, answer->bytes, kQuerySize)
ASK(old_res_query, NAME)
ASK(old_res_search, NAME)
ASK(old_res_querydomain, NAME_AND_DOMAIN)
ASK(old_res_nquery, &_res, NAME)
ASK(old_res_nsearch, &_res, NAME)
ASK(old_res_nquerydomain, &_res, NAME_AND_DOMAIN)
ASK_WITH_QUERY(old_res_send, query.bytes, query.size, answer->bytes, kQuerySize)
ASK_WITH_QUERY(old_res_nsend, &_res, query.bytes, query.size, answer->bytes, kQuerySize)

static void ask_and_check(void* ask) {
  struct Message answer;
  char text[INET_ADDRSTRLEN] = "";
  ask_name_server();
  answer.size = ((Ask*)ask)(&answer);
  CHECK(answer.size > 4);
  CHECK(inet_ntop(AF_INET, answer.bytes + answer.size - 4, text, sizeof text));  // the one record ends the message
  CHECK_TEXT(text, "10.1.2.3");
}

static void answer_one(void* unused) {
  (void)unused;
  answer_queries(1);
}

static void meet_server(Ask* ask) {
  open_name_server();
  meet(ask_and_check, answer_one, (void*)ask);
  close_name_server();
}

CASE(res_query) { meet_server(ask_res_query); }
CASE(res_search) { meet_server(ask_res_search); }
CASE(res_querydomain) { meet_server(ask_res_querydomain); }
CASE(res_send) { meet_server(ask_res_send); }
CASE(res_nquery) { meet_server(ask_res_nquery); }
CASE(res_nsearch) { meet_server(ask_res_nsearch); }
CASE(res_nquerydomain) { meet_server(ask_res_nquerydomain); }
CASE(res_nsend) { meet_server(ask_res_nsend); }
CASE(__res_query) { meet_server(ask_old_res_query); }
CASE(__res_search) { meet_server(ask_old_res_search); }
CASE(__res_querydomain) { meet_server(ask_old_res_querydomain); }
CASE(__res_send) { meet_server(ask_old_res_send); }
CASE(__res_nquery) { meet_server(ask_old_res_nquery); }
CASE(__res_nsearch) { meet_server(ask_old_res_nsearch); }
CASE(__res_nquerydomain) { meet_server(ask_old_res_nquerydomain); }
CASE(__res_nsend) { meet_server(ask_old_res_nsend); }

static void ask_unknown_and_check(void* unused) {
  (void)unused;
  struct Message answer;
  ask_name_server();
  CHECK_EQ(res_query("no-such-host.invalid", ns_c_in, ns_t_a, answer.bytes, kQuerySize), -1);
  CHECK_EQ(h_errno, HOST_NOT_FOUND);
}

CASE(unknown_name) {
  open_name_server();
  meet(ask_unknown_and_check, answer_one, NULL);
  close_name_server();
}
