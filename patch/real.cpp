// Another library's constructor may call a hook before ours has run. So a pointer starts as a function that resolves
// all of them and then goes on with its call: there is no moment at which `real` is not ready, and no check on the way.

#include "patch/real.h"

#include <cstdarg>
#include <cstring>

#include "greenlet/fatal.h"

namespace evergreen::patch {
namespace {

[[gnu::constructor]] void resolve() noexcept;

// What the pointer `slot` holds before resolve(), chosen by the function's type.
template <auto slot, class R, class... A>
constexpr auto unresolved(R (*)(A...)) {
  return +[](A... arguments) -> R {
    resolve();
    return (real.*slot)(arguments...);
  };
}

// fcntl, ioctl, open, mq_open: at most two arguments follow, and none is wider than a long.
template <auto slot, class A, class B>
int resolve_and_call(A first, B second, ...) noexcept {
  resolve();
  std::va_list rest;
  va_start(rest, second);
  const long argument = va_arg(rest, long), further = va_arg(rest, long);
  va_end(rest);
  return (real.*slot)(first, second, argument, further);
}

template <auto slot, class A, class B>
constexpr auto unresolved(int (*)(A, B, ...)) {
  return resolve_and_call<slot, A, B>;
}

// openat: likewise.
template <auto slot, class A, class B, class C>
int resolve_and_call_third(A first, B second, C third, ...) noexcept {
  resolve();
  std::va_list rest;
  va_start(rest, third);
  const long argument = va_arg(rest, long);
  va_end(rest);
  return (real.*slot)(first, second, third, argument);
}

template <auto slot, class A, class B, class C>
constexpr auto unresolved(int (*)(A, B, C, ...)) {
  return resolve_and_call_third<slot, A, B, C>;
}

// syscall, prctl: at most six arguments follow.
template <auto slot, class Number>
Number resolve_and_call_number(Number number, ...) noexcept {
  resolve();
  long arguments[6];
  std::va_list rest;
  va_start(rest, number);
  for (long& argument : arguments) argument = va_arg(rest, long);
  va_end(rest);
  return (real.*slot)(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

template <auto slot, class Number>
constexpr auto unresolved(Number (*)(Number, ...) noexcept) {
  return resolve_and_call_number<slot, Number>;
}

// mremap: a pointer may follow.
template <auto slot>
void* resolve_and_call_mremap(void* from, std::size_t old_size, std::size_t size, int flags, ...) noexcept {
  resolve();
  std::va_list rest;
  va_start(rest, flags);
  void* to = va_arg(rest, void*);
  va_end(rest);
  return (real.*slot)(from, old_size, size, flags, to);
}

template <auto slot>
constexpr auto unresolved(void* (*)(void*, std::size_t, std::size_t, int, ...) noexcept) {
  return resolve_and_call_mremap<slot>;
}

// clone: three pointers may follow.
template <auto slot>
int resolve_and_call_clone(int (*run)(void*), void* stack, int flags, void* argument, ...) noexcept {
  resolve();
  std::va_list rest;
  va_start(rest, argument);
  void* parent_id = va_arg(rest, void*);
  void* tls = va_arg(rest, void*);
  void* child_id = va_arg(rest, void*);
  va_end(rest);
  return (real.*slot)(run, stack, flags, argument, parent_id, tls, child_id);
}

template <auto slot>
constexpr auto unresolved(int (*)(int (*)(void*), void*, int, void*, ...) noexcept) {
  return resolve_and_call_clone<slot>;
}

struct Row {
  const char* name;
  const char* version;
  void* slot;
};

constexpr const char* newest = nullptr;

#define INSIDE(name, version, how, follows)
#define UNHOOKED(name, why)
const Row rows[] = {
#define HOOK(name, version, how, follows) {#name, version, &real.name},
#include "patch/hooks.def"
#undef HOOK
};

void resolve() noexcept {
  for (const Row& row : rows) {
    void* address = row.version == nullptr ? dlsym(RTLD_NEXT, row.name) : dlvsym(RTLD_NEXT, row.name, row.version);
    if (address == nullptr) fatal("this libc has no %s, which evergreen must stand in for", row.name);
    std::memcpy(row.slot, &address, sizeof address);
  }
}

}  // namespace

constinit Real real = {
#define HOOK(name, version, how, follows) unresolved<&Real::name>(decltype(Real::name){}),
#include "patch/hooks.def"
#undef HOOK
};
#undef INSIDE
#undef UNHOOKED

}  // namespace evergreen::patch
