// Queries that a program sends to a name server itself, by libc's resolver: nearly all wait for the answer.
//
// The names with underscores are what <resolv.h> made of the others before glibc 2.34.

#include <resolv.h>

#include "patch/offload.h"

using namespace evergreen;
using namespace evergreen::patch;

// All wait for a name server, or until they give it up.
SHIM int res_query(const char* name, int query_class, int type, unsigned char* answer, int size) noexcept {
  return offloaded([=] { return real.res_query(name, query_class, type, answer, size); });
}

SHIM int res_search(const char* name, int query_class, int type, unsigned char* answer, int size) noexcept {
  return offloaded([=] { return real.res_search(name, query_class, type, answer, size); });
}

SHIM int res_querydomain(const char* name, const char* domain, int query_class, int type, unsigned char* answer,
                         int size) noexcept {
  return offloaded([=] { return real.res_querydomain(name, domain, query_class, type, answer, size); });
}

SHIM int res_send(const unsigned char* query, int query_size, unsigned char* answer, int size) noexcept {
  return offloaded([=] { return real.res_send(query, query_size, answer, size); });
}

SHIM int res_nquery(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                    int size) noexcept {
  return offloaded([=] { return real.res_nquery(state, name, query_class, type, answer, size); });
}

SHIM int res_nsearch(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                     int size) noexcept {
  return offloaded([=] { return real.res_nsearch(state, name, query_class, type, answer, size); });
}

SHIM int res_nquerydomain(res_state state, const char* name, const char* domain, int query_class, int type,
                          unsigned char* answer, int size) noexcept {
  return offloaded([=] { return real.res_nquerydomain(state, name, domain, query_class, type, answer, size); });
}

SHIM int res_nsend(res_state state, const unsigned char* query, int query_size, unsigned char* answer,
                   int size) noexcept {
  return offloaded([=] { return real.res_nsend(state, query, query_size, answer, size); });
}

SHIM int __res_query(const char* name, int query_class, int type, unsigned char* answer, int size) noexcept {
  return res_query(name, query_class, type, answer, size);
}

SHIM int __res_search(const char* name, int query_class, int type, unsigned char* answer, int size) noexcept {
  return res_search(name, query_class, type, answer, size);
}

SHIM int __res_querydomain(const char* name, const char* domain, int query_class, int type, unsigned char* answer,
                           int size) noexcept {
  return res_querydomain(name, domain, query_class, type, answer, size);
}

SHIM int __res_send(const unsigned char* query, int query_size, unsigned char* answer, int size) noexcept {
  return res_send(query, query_size, answer, size);
}

SHIM int __res_nquery(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                      int size) noexcept {
  return res_nquery(state, name, query_class, type, answer, size);
}

SHIM int __res_nsearch(res_state state, const char* name, int query_class, int type, unsigned char* answer,
                       int size) noexcept {
  return res_nsearch(state, name, query_class, type, answer, size);
}

SHIM int __res_nquerydomain(res_state state, const char* name, const char* domain, int query_class, int type,
                            unsigned char* answer, int size) noexcept {
  return res_nquerydomain(state, name, domain, query_class, type, answer, size);
}

SHIM int __res_nsend(res_state state, const unsigned char* query, int query_size, unsigned char* answer,
                     int size) noexcept {
  return res_nsend(state, query, query_size, answer, size);
}
