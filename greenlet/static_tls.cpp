// dlopen may place a module's TLS in the surplus of the static area (initial-exec code in a plug-in). It then copies
// the initial values into the blocks of all threads that glibc knows, and ours are on none of its lists. Dynamically
// allocated TLS needs nothing from us: __tls_get_addr finds the running block's own dtv.
//
// The caller of dlopen is on glibc's list for that long (ListedBlock), as constructors run before dlopen returns. What
// remains: if they have another greenlet call the module, that one reads its initial-exec variables as zero.

#include "greenlet/static_tls.h"

#include <link.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

#include "greenlet/arch_x86_64.h"
#include "greenlet/glibc_layout.h"
#include "greenlet/tls_block.h"

namespace evergreen {
namespace {

struct Module {
  std::size_t id;
  std::size_t offset;  // its TLS starts this far below the thread pointer
  const void* image;
  std::size_t image_size, size;

  bool operator==(const Module&) const = default;
};

struct State {
  SpinLock lock;
  List<Stack> live;
  std::vector<Module> modules;
};

// Never destroyed: greenlets run until the process is gone.
State& state() {
  static auto* const instance = new State;
  return *instance;
}

template <class T>
T field(const link_map* map, std::size_t offset) {
  T value;
  std::memcpy(&value, reinterpret_cast<const char*>(map) + offset, sizeof value);
  return value;
}

// How far below the thread pointer the module's static TLS starts; 0 when it has none.
std::size_t static_offset(std::size_t module_id) {
  for (const link_map* map = _r_debug.r_map; map != nullptr; map = map->l_next) {
    if (field<std::size_t>(map, glibc().link_map_tls_module) != module_id) continue;
    const auto offset = field<std::size_t>(map, glibc().link_map_tls_offset);
    return offset <= glibc().static_tls_size ? offset : 0;  // -1: dynamic only
  }
  return 0;
}

int collect(dl_phdr_info* info, std::size_t, void* list) {
  if (info->dlpi_tls_modid == 0) return 0;
  const std::size_t offset = static_offset(info->dlpi_tls_modid);
  for (int i = 0; offset != 0 && i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_TLS) continue;
    const auto* image = reinterpret_cast<const void*>(info->dlpi_addr + header.p_vaddr);
    static_cast<std::vector<Module>*>(list)->push_back(
        {info->dlpi_tls_modid, offset, image, header.p_filesz, header.p_memsz});
  }
  return 0;
}

bool contains(const std::vector<Module>& modules, const Module& module) {
  return std::find(modules.begin(), modules.end(), module) != modules.end();
}

char* place(const Stack& stack, const Module& module) {
  return reinterpret_cast<char*>(stack.tls_block()) - module.offset;
}

// Only where nobody has written yet: the module's constructors ran before us, on one of the blocks.
void give(const Stack& stack, const Module& module) {
  char* tls = place(stack, module);
  if (std::all_of(tls, tls + module.size, [](char byte) { return byte == 0; })) {
    std::memcpy(tls, module.image, module.image_size);
  }
}

}  // namespace

void add_live_block(Stack& stack) noexcept {
  const std::lock_guard guard(state().lock);
  state().live.push_back(stack);
}

// The others are not unlinked: their pages would have to be copied for that.
void forget_live_blocks(Stack* own) noexcept {
  new (&state().live) List<Stack>;
  if (own == nullptr || !own->is_linked()) return;
  own->next = own->previous = nullptr;
  state().live.push_back(*own);
}

void remove_live_block(Stack& stack) noexcept {
  const std::lock_guard guard(state().lock);
  stack.unlink();
}

Stack* find_live_block(int id) noexcept {
  const std::lock_guard guard(state().lock);
  for (Stack* stack = state().live.first(); stack != nullptr; stack = state().live.after(*stack)) {
    if (thread_id_of(stack->tls_block()) == id) return stack;
  }
  return nullptr;
}

bool visit_live_blocks(bool (*visit)(const void* owner, const void* argument), const void* argument) {
  const std::lock_guard guard(state().lock);
  for (Stack* stack = state().live.first(); stack != nullptr; stack = state().live.after(*stack)) {
    if (visit(stack->owner, argument)) return true;
  }
  return false;
}

void lock_static_tls() noexcept { state().lock.lock(); }

void unlock_static_tls() noexcept { state().lock.unlock(); }

void update_static_tls() {
  std::vector<Module> now;
  dl_iterate_phdr(collect, &now);
  State& known = state();
  const std::lock_guard guard(known.lock);
  for (Stack* stack = known.live.first(); stack != nullptr; stack = known.live.after(*stack)) {
    const bool glibc_gave = glibc().threads != nullptr && stack->tls_block() == arch::thread_pointer();
    for (const Module& module : known.modules) {
      if (!contains(now, module)) std::memset(place(*stack, module), 0, module.size);
    }
    for (const Module& module : now) {
      if (!glibc_gave && !contains(known.modules, module)) give(*stack, module);
    }
  }
  known.modules.swap(now);
}

}  // namespace evergreen
