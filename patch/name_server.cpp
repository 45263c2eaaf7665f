// Queries that a program sends to a name server itself, by libc's resolver: nearly all wait for the answer.
//
// The names with underscores are what <resolv.h> made of the others before glibc 2.34.

#include <resolv.h>

#include "patch/offload.h"

using namespace evergreen;
using namespace evergreen::patch;

// All wait for a name server, or until they give it up.
SHIM int evergreen_res_query(const char* name, int query_class, int type, unsigned char* answer,
                             int size) asm("res_query");
SHIM int evergreen_res_query(const char* name, int query_class, int type, unsigned char* answer, int size) {
  return offloaded([=] { return real.res_query(name, query_class, type, answer, size); });
}

SHIM int evergreen_res_search(const char* name, int query_class, int type, unsigned char* answer,
                              int size) asm("res_search");
SHIM int evergreen_res_search(const char* name, int query_class, int type, unsigned char* answer, int size) {
  return offloaded([=] { return real.res_search(name, query_class, type, answer, size); });
}

SHIM int evergreen_res_querydomain(const char* name, const char* domain, int query_class, int type,
                                   unsigned char* answer, int size) asm("res_querydomain");
SHIM int evergreen_res_querydomain(const char* name, const char* domain, int query_class, int type,
                                   unsigned char* answer, int size) {
  return offloaded([=] { return real.res_querydomain(name, domain, query_class, type, answer, size); });
}

SHIM int evergreen_res_send(const unsigned char* query, int query_size, unsigned char* answer,
                            int size) asm("res_send");
SHIM int evergreen_res_send(const unsigned char* query, int query_size, unsigned char* answer, int size) {
  return offloaded([=] { return real.res_send(query, query_size, answer, size); });
}

SHIM int evergreen_res_nquery(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                              int size) asm("res_nquery");
SHIM int evergreen_res_nquery(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                              int size) {
  return offloaded([=] { return real.res_nquery(state, name, query_class, type, answer, size); });
}

SHIM int evergreen_res_nsearch(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                               int size) asm("res_nsearch");
SHIM int evergreen_res_nsearch(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                               int size) {
  return offloaded([=] { return real.res_nsearch(state, name, query_class, type, answer, size); });
}

SHIM int evergreen_res_nquerydomain(res_state state, const char* name, const char* domain, int query_class, int type,
                                    unsigned char* answer, int size) asm("res_nquerydomain");
SHIM int evergreen_res_nquerydomain(res_state state, const char* name, const char* domain, int query_class, int type,
                                    unsigned char* answer, int size) {
  return offloaded([=] { return real.res_nquerydomain(state, name, domain, query_class, type, answer, size); });
}

SHIM int evergreen_res_nsend(res_state state, const unsigned char* query, int query_size, unsigned char* answer,
                             int size) asm("res_nsend");
SHIM int evergreen_res_nsend(res_state state, const unsigned char* query, int query_size, unsigned char* answer,
                             int size) {
  return offloaded([=] { return real.res_nsend(state, query, query_size, answer, size); });
}

SHIM int evergreen___res_query(const char* name, int query_class, int type, unsigned char* answer,
                               int size) asm("__res_query");
SHIM int evergreen___res_query(const char* name, int query_class, int type, unsigned char* answer, int size) {
  return res_query(name, query_class, type, answer, size);
}

SHIM int evergreen___res_search(const char* name, int query_class, int type, unsigned char* answer,
                                int size) asm("__res_search");
SHIM int evergreen___res_search(const char* name, int query_class, int type, unsigned char* answer, int size) {
  return res_search(name, query_class, type, answer, size);
}

SHIM int evergreen___res_querydomain(const char* name, const char* domain, int query_class, int type,
                                     unsigned char* answer, int size) asm("__res_querydomain");
SHIM int evergreen___res_querydomain(const char* name, const char* domain, int query_class, int type,
                                     unsigned char* answer, int size) {
  return res_querydomain(name, domain, query_class, type, answer, size);
}

SHIM int evergreen___res_send(const unsigned char* query, int query_size, unsigned char* answer,
                              int size) asm("__res_send");
SHIM int evergreen___res_send(const unsigned char* query, int query_size, unsigned char* answer, int size) {
  return res_send(query, query_size, answer, size);
}

SHIM int evergreen___res_nquery(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                                int size) asm("__res_nquery");
SHIM int evergreen___res_nquery(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                                int size) {
  return res_nquery(state, name, query_class, type, answer, size);
}

SHIM int evergreen___res_nsearch(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                                 int size) asm("__res_nsearch");
SHIM int evergreen___res_nsearch(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                                 int size) {
  return res_nsearch(state, name, query_class, type, answer, size);
}

SHIM int evergreen___res_nquerydomain(res_state state, const char* name, const char* domain, int query_class, int type,
                                      unsigned char* answer, int size) asm("__res_nquerydomain");
SHIM int evergreen___res_nquerydomain(res_state state, const char* name, const char* domain, int query_class, int type,
                                      unsigned char* answer, int size) {
  return res_nquerydomain(state, name, domain, query_class, type, answer, size);
}

SHIM int evergreen___res_nsend(res_state state, const unsigned char* query, int query_size, unsigned char* answer,
                               int size) asm("__res_nsend");
SHIM int evergreen___res_nsend(res_state state, const unsigned char* query, int query_size, unsigned char* answer,
                               int size) {
  return res_nsend(state, query, query_size, answer, size);
}
