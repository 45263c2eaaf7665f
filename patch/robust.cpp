// Each thread descriptor has a list of the robust mutexes that its thread holds. The kernel walks it when the thread
// ends; but only that of a kernel thread, and only mutexes whose owner's id is that thread's.

#include "patch/robust.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include <climits>
#include <cstdint>

#include "greenlet/arch_x86_64.h"
#include "greenlet/glibc_layout.h"
#include "greenlet/tls_block.h"
#include "patch/shim.h"
#include "patch/user_memory.h"
#include "patch/wait_table.h"

namespace evergreen::patch {
namespace {

// glibc's marks in place of an owner's id.
constexpr int inconsistent = INT_MAX, beyond_recovery = INT_MAX - 1;

// An element is the address of its own word `next`; the word before it is `previous`. The lowest bit of an address says
// that the mutex inherits priorities. The head is followed by the distance from an element to its lock word.
using Element = std::uintptr_t;
constexpr Element inherits_bit = 1;
constexpr int longest_list = 2048;  // as in the kernel: the program may have made a ring of it

Element& next_of(Element element) noexcept { return reinterpret_cast<Element*>(element & ~inherits_bit)[0]; }
Element& previous_of(Element element) noexcept { return reinterpret_cast<Element*>(element & ~inherits_bit)[-1]; }

Element head() noexcept { return arch::thread_pointer() + glibc().robust_head; }
Element distance_to_word() noexcept { return reinterpret_cast<const Element*>(head())[1]; }

void release(Element element) {
  const bool inherits = (element & inherits_bit) != 0;
  auto* word = reinterpret_cast<std::uint32_t*>((element & ~inherits_bit) + distance_to_word());
  const std::atomic_ref lock(*word);
  std::uint32_t seen = lock.load();
  do {
    if ((seen & FUTEX_TID_MASK) != static_cast<std::uint32_t>(thread_id())) return;
  } while (!lock.compare_exchange_weak(seen, FUTEX_OWNER_DIED | (inherits ? 0 : seen & FUTEX_WAITERS)));
  if (inherits) {
    wake(word, 1);  // the mutex begins with it
  } else if ((seen & FUTEX_WAITERS) != 0) {
    real.syscall(SYS_futex, word, FUTEX_WAKE, 1);
  }
}

}  // namespace

void release_robust_mutexes() {
  const Element end = head();
  Element element = next_of(end);
  for (int i = 0; i < longest_list && element != end; ++i) {
    const auto* links = &previous_of(element);
    if (!is_readable(links, 2 * sizeof *links)) break;  // the program has unmapped it
    const Element next = next_of(element);
    release(element);
    element = next;
  }
  next_of(end) = previous_of(end) = end;
}

bool take_from_dead_owner(pthread_mutex_t& mutex) noexcept {
  const std::atomic_ref lock(mutex.__data.__lock);
  int seen = lock.load();
  if ((static_cast<std::uint32_t>(seen) & ~FUTEX_WAITERS) != FUTEX_OWNER_DIED) return false;
  if (!lock.compare_exchange_strong(seen, thread_id())) return false;
  mutex.__data.__count = 1;
  mutex.__data.__owner = inconsistent;
  const auto element = reinterpret_cast<Element>(&mutex.__data.__list.__next);
  const Element first = next_of(head());
  next_of(element) = first;
  previous_of(element) = head();
  previous_of(first) = element;
  next_of(head()) = element | inherits_bit;
  return true;
}

bool is_beyond_recovery(const pthread_mutex_t& mutex) noexcept { return mutex.__data.__owner == beyond_recovery; }

}  // namespace evergreen::patch
