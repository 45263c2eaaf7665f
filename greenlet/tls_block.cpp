// Why a block of its own: the FS base is switched together with the stack, so errno, __thread, thread_local, locale,
// the malloc cache and C++'s exception globals follow the greenlet to whichever kernel thread drives it, and no TLS
// address that a compiler keeps in a register across a park ever goes stale.
//
// glibc itself makes the block (_dl_allocate_tls: a dtv and the image of every module). What its clone path would then
// fill in is done here. Rejected: a real pthread_create whose kernel thread ends at once; glibc would keep that block
// on its lists, but it costs 55 us against 0.2.

#include "greenlet/tls_block.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <netdb.h>
#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "greenlet/arch_x86_64.h"
#include "greenlet/cancellation.h"
#include "greenlet/glibc_layout.h"
#include "greenlet/leftovers.h"
#include "greenlet/spin_lock.h"

namespace evergreen {
namespace {

constexpr std::size_t keys_per_array = 32, key_arrays = 32;

struct KeyValue {  // struct pthread_key_data
  std::uintptr_t sequence;
  void* value;
};

char* bytes(std::uintptr_t block) { return reinterpret_cast<char*>(block); }

std::uintptr_t* words(std::uintptr_t block) { return reinterpret_cast<std::uintptr_t*>(block); }

KeyValue** key_values(std::uintptr_t block) { return reinterpret_cast<KeyValue**>(bytes(block) + glibc().specific); }

std::uintptr_t* list_node(std::uintptr_t block) {
  return reinterpret_cast<std::uintptr_t*>(bytes(block) + glibc().list);
}

constinit std::atomic<unsigned> thread_ids{0};

constinit SpinLock threads_lock;

// A thread id above every kernel's (PID_MAX_LIMIT is 2^22) and below the flag bits of robust and PI futexes
// (FUTEX_TID_MASK): mutexes compare it, and zero would make all greenlets one owner. A CPU clock's id has room for 28
// bits of it.
pid_t next_thread_id() {
  constexpr unsigned first = 1U << 22, range = (1U << 28) - first;
  return static_cast<pid_t>(first + thread_ids.fetch_add(1, std::memory_order_relaxed) % range);
}

// Precondition: the descriptor is zero but for the dtv.
void fill_descriptor(std::uintptr_t block) {
  const GlibcLayout& libc = glibc();
  const std::uintptr_t running = arch::thread_pointer();

  words(block)[0] = words(block)[2] = block;  // tcb, self
  // multiple_threads, stack guard, pointer guard, ...: one value in a process, or longjmp and canaries break.
  std::memcpy(words(block) + 3, words(running) + 3, 5 * sizeof(std::uintptr_t));
  const pid_t id = next_thread_id();
  std::memcpy(bytes(block) + libc.tid, &id, sizeof id);

  // The first array of key values is inside the descriptor, at the same place in each.
  const auto first_keys = reinterpret_cast<std::uintptr_t>(key_values(running)[0]) - running;
  key_values(block)[0] = reinterpret_cast<KeyValue*>(block + first_keys);

  // On no list: linked to itself, as fork takes the caller off its list without asking whether it is on one.
  std::uintptr_t* list = list_node(block);
  list[0] = list[1] = reinterpret_cast<std::uintptr_t>(list);

  // No robust mutex held: an empty list, whose head and last element are the head.
  auto* robust = reinterpret_cast<std::uintptr_t*>(bytes(block) + libc.robust_head);
  const auto* running_robust = reinterpret_cast<const std::uintptr_t*>(bytes(running) + libc.robust_head);
  robust[-1] = robust[0] = reinterpret_cast<std::uintptr_t>(robust);
  robust[1] = running_robust[1];  // futex_offset

  // No kernel thread registers this block's rseq area: without "registration failed" sched_getcpu would believe it.
  constexpr std::int32_t registration_failed = -2;
  if (libc.rseq_cpu_id != 0) std::memcpy(bytes(block) + libc.rseq_cpu_id, &registration_failed, sizeof(std::int32_t));
}

bool destroy_key_values(std::uintptr_t block) {
  bool any = false;
  for (std::size_t array = 0; array < key_arrays; ++array) {
    KeyValue* values = key_values(block)[array];
    if (values == nullptr) continue;
    for (std::size_t i = 0; i < keys_per_array; ++i) {
      void* value = values[i].value;
      if (value == nullptr) continue;
      any = true;
      values[i].value = nullptr;
      const GlibcLayout::Key& key = glibc().keys[array * keys_per_array + i];
      if (values[i].sequence == key.sequence && key.destructor != nullptr) key.destructor(value);
    }
  }
  return any;
}

void free_key_arrays(std::uintptr_t block) {
  std::memset(key_values(block)[0], 0, keys_per_array * sizeof(KeyValue));
  for (std::size_t array = 1; array < key_arrays; ++array) {
    std::free(key_values(block)[array]);
    key_values(block)[array] = nullptr;
  }
}

}  // namespace

// The descriptor's address is aligned, wherever `top` is.
std::size_t tls_block_size() noexcept { return glibc().static_tls_size + glibc().static_tls_align; }

std::uintptr_t create_tls_block(void* top) {
  // The descriptor is on top, static TLS grows down from it (TLS_TCB_AT_TP).
  const std::uintptr_t block = (reinterpret_cast<std::uintptr_t>(top) - glibc().descriptor_size) /
                               glibc().static_tls_align * glibc().static_tls_align;
  if (glibc().allocate_tls(bytes(block)) == nullptr) return 0;
  fill_descriptor(block);
  return block;
}

bool renew_tls_block(std::uintptr_t block) {
  const GlibcLayout& libc = glibc();
  char kept[512];
  if (libc.libc_tls_size > sizeof kept) return false;  // 136 bytes in glibc 2.36
  libc.deallocate_tls(bytes(block), false);            // dynamic TLS and the dtv
  std::memcpy(kept, bytes(block) + libc.libc_tls, libc.libc_tls_size);
  // The surplus too: a module that is loaded later expects zeros there.
  const std::size_t static_tls = libc.static_tls_size - libc.descriptor_size;
  std::memset(bytes(block) - static_tls, 0, static_tls + libc.descriptor_size);
  if (libc.allocate_tls(bytes(block)) == nullptr) return false;
  std::memcpy(bytes(block) + libc.libc_tls, kept, libc.libc_tls_size);
  fill_descriptor(block);
  return true;
}

bool give_key_value(std::uintptr_t block, unsigned key, void* value) noexcept {
  KeyValue*& values = key_values(block)[key / keys_per_array];
  if (values == nullptr) values = static_cast<KeyValue*>(std::calloc(keys_per_array, sizeof(KeyValue)));
  if (values == nullptr) return false;
  values[key % keys_per_array] = {glibc().keys[key].sequence, value};
  return true;
}

void enter_tls_block() {
  glibc().init_ctype();
  errno = h_errno = 0;  // libc's TLS is not imaged again
}

void leave_glibc_lists() noexcept {
  std::uintptr_t* list = list_node(arch::thread_pointer());
  reinterpret_cast<std::uintptr_t*>(list[0])[1] = list[1];
  reinterpret_cast<std::uintptr_t*>(list[1])[0] = list[0];
  list[0] = list[1] = reinterpret_cast<std::uintptr_t>(list);
}

ListedBlock::ListedBlock() noexcept {
  std::uintptr_t* const node = list_node(arch::thread_pointer());
  std::uintptr_t* const head = glibc().threads;
  const auto as_word = [](std::uintptr_t* list) { return reinterpret_cast<std::uintptr_t>(list); };
  if (head == nullptr || node[0] != as_word(node)) return;
  const std::lock_guard guard(threads_lock);
  node[0] = head[0];
  node[1] = as_word(head);
  reinterpret_cast<std::uintptr_t*>(head[0])[1] = as_word(node);
  std::atomic_ref(head[0]).store(as_word(node), std::memory_order_release);  // readers go forward
  node_ = node;
}

ListedBlock::~ListedBlock() {
  if (node_ == nullptr) return;
  const std::lock_guard guard(threads_lock);
  reinterpret_cast<std::uintptr_t*>(node_[0])[1] = node_[1];
  reinterpret_cast<std::uintptr_t*>(node_[1])[0] = node_[0];
  node_[1] = reinterpret_cast<std::uintptr_t>(node_);
  node_[0] = reinterpret_cast<std::uintptr_t>(node_);
}

void draw_thread_ids() noexcept {
  unsigned random = 0;
  if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) random = static_cast<unsigned>(getpid()) << 12;
  thread_ids.store(random);
}

int thread_id_of(std::uintptr_t block) noexcept {
  int id;
  std::memcpy(&id, bytes(block) + glibc().tid, sizeof id);
  return id;
}

int thread_id() noexcept { return thread_id_of(arch::thread_pointer()); }

void set_thread_id(int id) noexcept { std::memcpy(bytes(arch::thread_pointer()) + glibc().tid, &id, sizeof id); }

constinit bool all_own_mutexes = false;

void enter_shared_block() noexcept {
  set_cancel_settings(no_cancellation);
  if (all_own_mutexes) set_thread_id(next_thread_id());
}

void run_thread_destructors(volatile bool& keys_begun) {
  const std::uintptr_t block = arch::thread_pointer();
  glibc().run_tls_destructors();
  if (!keys_begun) {
    keys_begun = true;
    for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS && destroy_key_values(block); ++round) {
    }
  }
  free_key_arrays(block);
  uselocale(LC_GLOBAL_LOCALE);
  drop_leftovers();
}

}  // namespace evergreen
