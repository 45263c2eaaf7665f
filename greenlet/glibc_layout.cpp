// A greenlet that stands for a pthread carries a whole struct pthread, and glibc publishes no definition of that. Three
// sources tell what we need, and none is a table of glibc versions: libthread_db's descriptors, which libc exports for
// debuggers ({bits, elements, offset} of a field each); ld.so's own functions that make and free TLS blocks; and the
// descriptor of the running thread, in which a value that we know must stand where the descriptors say.
//
// All symbols are looked up at run time: a missing one must give a clear sentence, not a failure to load.

#include "greenlet/glibc_layout.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "greenlet/annotate.h"
#include "greenlet/arch_x86_64.h"
#include "greenlet/tls_block.h"

// Of <resolv.h>, whose macros rename what <elf.h> declares.
extern "C" struct __res_state* __res_state();  // NOLINT(readability-identifier-naming)

namespace evergreen {
namespace {

constinit GlibcLayout layout{};
char reason[160];

const char* failed(const char* what) {
  std::snprintf(reason, sizeof reason, "%s", what);
  return reason;
}

const char* missing(const char* symbol) {
  std::snprintf(reason, sizeof reason, "libc has no %s", symbol);
  return reason;
}

template <class T>
bool resolve(T& pointer, const char* symbol) {
  void* address = dlsym(RTLD_DEFAULT, symbol);
  std::memcpy(&pointer, &address, sizeof address);
  return address != nullptr;
}

struct DebuggerField {  // as libthread_db reads it
  std::uint32_t bits, elements, offset;
};

const char* find_symbols() {
  const DebuggerField *tid, *list, *specific, *cancelling, *key_sequence, *key_destructor, *module_offset, *module_id;
  const std::uint32_t *descriptor_size, *key_size;
  void (*static_info)(std::size_t*, std::size_t*);
  const std::ptrdiff_t* rseq_offset;

  if (!resolve(tid, "_thread_db_pthread_tid")) return missing("_thread_db_pthread_tid");
  if (!resolve(list, "_thread_db_pthread_list")) return missing("_thread_db_pthread_list");
  if (!resolve(specific, "_thread_db_pthread_specific")) return missing("_thread_db_pthread_specific");
  if (!resolve(cancelling, "_thread_db_pthread_cancelhandling")) return missing("_thread_db_pthread_cancelhandling");
  if (!resolve(descriptor_size, "_thread_db_sizeof_pthread")) return missing("_thread_db_sizeof_pthread");
  if (!resolve(key_size, "_thread_db_sizeof_pthread_key_struct"))
    return missing("_thread_db_sizeof_pthread_key_struct");
  if (!resolve(key_sequence, "_thread_db_pthread_key_struct_seq")) return missing("_thread_db_pthread_key_struct_seq");
  if (!resolve(key_destructor, "_thread_db_pthread_key_struct_destr")) {
    return missing("_thread_db_pthread_key_struct_destr");
  }
  if (!resolve(module_offset, "_thread_db_link_map_l_tls_offset")) return missing("_thread_db_link_map_l_tls_offset");
  if (!resolve(module_id, "_thread_db_link_map_l_tls_modid")) return missing("_thread_db_link_map_l_tls_modid");
  if (!resolve(layout.keys, "__pthread_keys")) return missing("__pthread_keys");
  if (!resolve(static_info, "_dl_get_tls_static_info")) return missing("_dl_get_tls_static_info");
  if (!resolve(layout.allocate_tls, "_dl_allocate_tls")) return missing("_dl_allocate_tls");
  if (!resolve(layout.deallocate_tls, "_dl_deallocate_tls")) return missing("_dl_deallocate_tls");
  if (!resolve(layout.init_ctype, "__ctype_init")) return missing("__ctype_init");
  if (!resolve(layout.run_tls_destructors, "__call_tls_dtors")) return missing("__call_tls_dtors");

  if (*key_size != sizeof(GlibcLayout::Key) || key_sequence->offset != offsetof(GlibcLayout::Key, sequence) ||
      key_destructor->offset != offsetof(GlibcLayout::Key, destructor)) {
    return failed("struct pthread_key_struct has another layout");
  }
  layout.tid = tid->offset;
  layout.list = list->offset;
  layout.specific = specific->offset;
  layout.cancel_handling = cancelling->offset;
  layout.link_map_tls_offset = module_offset->offset;
  layout.link_map_tls_module = module_id->offset;
  layout.descriptor_size = *descriptor_size;
  static_info(&layout.static_tls_size, &layout.static_tls_align);
  layout.rseq_cpu_id = resolve(rseq_offset, "__rseq_offset") ? *rseq_offset + 4 : 0;
  return nullptr;
}

// libc is the module in whose TLS this thread's errno lives.
int find_libc_tls(dl_phdr_info* module, std::size_t, void*) {
  if (module->dlpi_tls_data == nullptr) return 0;
  const auto start = reinterpret_cast<std::uintptr_t>(module->dlpi_tls_data);
  const auto error_number = reinterpret_cast<std::uintptr_t>(&errno);
  for (int i = 0; i < module->dlpi_phnum; ++i) {
    const auto& header = module->dlpi_phdr[i];
    if (header.p_type != PT_TLS) continue;
    if (error_number < start || error_number >= start + header.p_memsz) continue;
    layout.libc_tls = static_cast<std::ptrdiff_t>(start - arch::thread_pointer());
    layout.libc_tls_size = header.p_memsz;
    return 1;
  }
  return 0;
}

template <class T>
T at(std::uintptr_t thread_pointer, std::ptrdiff_t offset) {
  T value;
  std::memcpy(&value, reinterpret_cast<const char*>(thread_pointer) + offset, sizeof value);
  return value;
}

// The kernel knows where glibc keeps the running thread's list of robust mutexes.
const char* find_robust_head(std::uintptr_t self) {
  std::uintptr_t head = 0;
  std::size_t size = 0;
  if (syscall(SYS_get_robust_list, 0, &head, &size) != 0 || head <= self || head >= self + layout.descriptor_size ||
      size != 3 * sizeof(std::uintptr_t)) {
    return failed("the list of robust mutexes is not in the descriptor");
  }
  layout.robust_head = head - self;
  return nullptr;
}

// dlsym gives a thread-local symbol's address in the running thread.
const char* find_resolver_state(std::uintptr_t self) {
  struct __res_state** state = nullptr;
  if (!resolve(state, "__resp")) return missing("__resp");
  const std::ptrdiff_t offset = reinterpret_cast<std::intptr_t>(state) - static_cast<std::intptr_t>(self);
  const std::ptrdiff_t end = layout.libc_tls + static_cast<std::ptrdiff_t>(layout.libc_tls_size);
  if (offset < layout.libc_tls || offset >= end || *state != __res_state()) {
    return failed("the resolver's state is not where __resp points");
  }
  layout.resolver_state = offset;
  return nullptr;
}

const char* check_running_thread() {
  const std::uintptr_t self = arch::thread_pointer();
  if (self != static_cast<std::uintptr_t>(pthread_self())) return failed("pthread_self is not the thread pointer");
  if (at<pid_t>(self, static_cast<std::ptrdiff_t>(layout.tid)) != static_cast<pid_t>(syscall(SYS_gettid))) {
    return failed("no thread id where libthread_db looks for it");
  }
  const auto first_keys = at<std::uintptr_t>(self, static_cast<std::ptrdiff_t>(layout.specific));
  if (first_keys <= self || first_keys >= self + layout.descriptor_size) {
    return failed("no key array where libthread_db looks for it");
  }
  if (layout.static_tls_size < layout.descriptor_size || layout.static_tls_size > (std::size_t{1} << 24)) {
    return failed("the static TLS area has an absurd size");
  }
  if (layout.libc_tls >= 0) return failed("libc's errno is not in static TLS");
  if (const char* wrong = find_robust_head(self)) return wrong;
  return find_resolver_state(self);
}

// The bits that cancellation.cpp knows.
bool can_be_cancelled(std::uintptr_t self) {
  const auto is = [self](int bits) {
    return at<int>(self, static_cast<std::ptrdiff_t>(layout.cancel_handling)) == bits;
  };
  if (!is(0) || pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr) != 0 || !is(1)) return false;
  return pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr) == 0 && is(3);
}

// Does without: only constructors that dlopen runs need it.
void find_threads(std::uintptr_t self) {
  const DebuggerField* field;
  std::byte* globals;
  if (!resolve(field, "_thread_db_rtld_global__dl_stack_user") || !resolve(globals, "_rtld_global")) return;
  auto* head = reinterpret_cast<std::uintptr_t*>(globals + field->offset);
  auto* const main = reinterpret_cast<std::uintptr_t*>(self + layout.list);
  if (head[0] == reinterpret_cast<std::uintptr_t>(main) && main[1] == reinterpret_cast<std::uintptr_t>(head)) {
    layout.threads = head;
  }
}

// Runs glibc's own code on a block of ours. Nothing here may be kept in TLS across set_thread_pointer.
[[gnu::noinline]] const char* check_scratch_block(std::uintptr_t scratch, pthread_key_t key) {
  const std::uintptr_t native = arch::thread_pointer();
  const char* wrong = nullptr;
  arch::set_thread_pointer(scratch);
  if (static_cast<std::uintptr_t>(pthread_self()) != scratch) wrong = "pthread_self does not follow the thread pointer";
  if (pthread_getspecific(key) != nullptr) wrong = "a new block has a value for a key";
  if (pthread_setspecific(key, &layout) != 0 || pthread_getspecific(key) != &layout) wrong = "keys do not work";
  pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
  if (pthread_mutex_trylock(&mutex) != 0 || pthread_mutex_trylock(&mutex) != 0) wrong = "recursive mutexes do not work";
  if (!can_be_cancelled(scratch)) wrong = "a thread's cancellation is not kept where libthread_db looks for it";
  arch::set_thread_pointer(native);
  if (pthread_mutex_trylock(&mutex) != EBUSY) wrong = "two blocks own one recursive mutex";
  if (pthread_getspecific(key) != nullptr) wrong = "two blocks share their keys";
  return wrong;
}

const char* check_on_scratch_block() {
  const std::size_t size = tls_block_size() + layout.static_tls_align;
  void* memory = std::calloc(1, size);
  pthread_key_t key;
  if (memory == nullptr || pthread_key_create(&key, nullptr) != 0) {
    std::free(memory);
    return failed("no memory or key left for the start-up check");
  }
  const char* wrong = "no TLS block could be made";
  const std::uintptr_t scratch = create_tls_block(static_cast<char*>(memory) + size);
  if (scratch != 0) {
    wrong = check_scratch_block(scratch, key);
    layout.deallocate_tls(reinterpret_cast<void*>(scratch), false);
  }
  pthread_key_delete(key);
  std::free(memory);
  return wrong;
}

}  // namespace

const char* check_glibc() {
  arch::has_fsgsbase = (getauxval(AT_HWCAP2) & 2) != 0;
  if (const char* wrong = find_symbols()) return wrong;
  dl_iterate_phdr(find_libc_tls, nullptr);
  if (const char* wrong = check_running_thread()) return wrong;
  find_threads(arch::thread_pointer());
  if (annotate::sanitized) return nullptr;  // they would look for their own TLS in the scratch block
  return check_on_scratch_block();
}

const GlibcLayout& glibc() noexcept { return layout; }

}  // namespace evergreen
