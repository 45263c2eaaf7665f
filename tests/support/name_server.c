#include "tests/support/name_server.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <nss.h>
#include <resolv.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kHeaderSize = 12 };

static int server = -1;
static struct sockaddr_in server_address;

void open_name_server(void) {
  server = udp_bound(&server_address);
  CHECK_EQ(__nss_configure_lookup("hosts", "files dns"), 0);
}

void close_name_server(void) { CHECK_EQ(close(server), 0); }

void ask_name_server(void) {
  CHECK_EQ(res_init(), 0);
  _res.nscount = 1;
  _res.nsaddr_list[0] = server_address;
  _res.retrans = 60;
  _res.retry = 1;
}

// What the record that answers the question holds; returns its size, or 0 where there is none.
static int data_of(const char* name, int type, unsigned char* data, int size) {
  const bool is_host = strcasecmp(name, "host.example") == 0;
  if (is_host && type == ns_t_a) return inet_pton(AF_INET, "10.1.2.3", data) == 1 ? 4 : 0;
  if (is_host && type == ns_t_aaaa) return inet_pton(AF_INET6, "fd00::1:2:3", data) == 1 ? 16 : 0;
  const bool is_address = strcasecmp(name, "3.2.1.10.in-addr.arpa") == 0;
  return is_address && type == ns_t_ptr ? dn_comp("host.example", data, size, NULL, NULL) : 0;
}

// Makes the answer in place of the query; returns its size. The header comes first, then the question, which is kept,
// then one record.
static int answer_in_place(unsigned char* message, int size) {
  char name[NS_MAXDNAME];
  unsigned char* end = message + size;
  CHECK(dn_expand(message, end, message + kHeaderSize, name, sizeof name) > 0);
  unsigned char* at = message + kHeaderSize + dn_skipname(message + kHeaderSize, end);
  int type = 0;
  NS_GET16(type, at);
  at += 2;  // the class
  unsigned char* const record = at;
  unsigned char data[100];
  int data_size = data_of(name, type, data, sizeof data);
  NS_PUT16(0xc000 | kHeaderSize, at);  // the question's name
  NS_PUT16(type, at);
  NS_PUT16(ns_c_in, at);
  NS_PUT32(60, at);
  NS_PUT16(data_size, at);
  memcpy(at, data, (size_t)data_size);
  const bool exists = strcasecmp(name, "host.example") == 0 || data_size != 0;
  const unsigned char rest[] = {0x81, exists ? 0x80 : 0x83, 0, 1, 0, data_size != 0, 0, 0, 0, 0};
  memcpy(message + 2, rest, sizeof rest);
  return (int)((data_size != 0 ? at + data_size : record) - message);
}

struct Query {
  struct sockaddr_in client;
  socklen_t client_size;
  ssize_t size;
  unsigned char message[kQuerySize * 2];
};

static void receive(struct Query* query) {
  query->client_size = sizeof query->client;
  query->size = recvfrom(server, query->message, kQuerySize, 0, (struct sockaddr*)&query->client, &query->client_size);
  CHECK(query->size > kHeaderSize);
}

static void answer(struct Query* query) {
  int size = answer_in_place(query->message, (int)query->size);
  CHECK_EQ(sendto(server, query->message, (size_t)size, 0, (struct sockaddr*)&query->client, query->client_size), size);
}

void answer_queries(int queries) {
  struct Query query;
  for (int i = 0; i < queries; i++) {
    receive(&query);
    answer(&query);
  }
}

void answer_all_at_once(int queries) {
  static struct Query all[kMostAtOnce];
  CHECK(queries <= kMostAtOnce);
  for (int i = 0; i < queries; i++) receive(&all[i]);
  for (int i = 0; i < queries; i++) answer(&all[i]);
}
