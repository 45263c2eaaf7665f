#include "hub/core/unwind.h"

#include <unistd.h>
#include <unwind.h>

#include <array>
#include <cstring>
#include <utility>

namespace evergreen::core {
namespace {

constexpr std::size_t most_calls = 64;
constexpr pid_t any_thread = 1;  // libdw only hands it back

int find_file(Dwfl_Module* module, void** data, const char* name, Dwarf_Addr base, char** file, Elf** elf) {
  return libdw()->dwfl_linux_proc_find_elf(module, data, name, base, file, elf);
}

// By build id, below /usr/lib/debug. Not libdw's standard way, which may ask a debuginfod server.
int find_debug_file(Dwfl_Module* module, void** data, const char* name, Dwarf_Addr base, const char* file,
                    const char* link, GElf_Word checksum, char** found) {
  return libdw()->dwfl_build_id_find_debuginfo(module, data, name, base, file, link, checksum, found);
}

}  // namespace

std::uint64_t begin_of_function(std::uint64_t address) noexcept {
  return reinterpret_cast<std::uint64_t>(_Unwind_FindEnclosingFunction(reinterpret_cast<void*>(address)));
}

Unwinder* Unwinder::get() {
  if (libdw() == nullptr) return nullptr;
  static auto* const unwinder = new Unwinder(*libdw());  // never destroyed: the monitor runs while the process exits
  return unwinder->session_ != nullptr ? unwinder : nullptr;
}

Unwinder::Unwinder(const Libdw& dw) : dw_(dw) {
  static const Dwfl_Callbacks callbacks{find_file, find_debug_file, nullptr, nullptr};
  session_ = dw.dwfl_begin(&callbacks);
}

void Unwinder::refresh() {
  static const Dwfl_Thread_Callbacks callbacks{next_thread, get_thread, memory_read, set_registers, nullptr, nullptr};
  dw_.dwfl_report_begin(session_);
  dw_.dwfl_linux_proc_report(session_, getpid());
  dw_.dwfl_report_end(session_, nullptr, nullptr);
  // Needs a module, to know the kind of machine; so not before now.
  if (!attached_) attached_ = dw_.dwfl_attach_state(session_, nullptr, getpid(), &callbacks, this);
}

const char* Unwinder::name_of(std::uint64_t address) const {
  Dwfl_Module* module = module_of(address);
  GElf_Off offset = 0;
  GElf_Sym symbol;
  if (module == nullptr) return nullptr;
  return dw_.dwfl_module_addrinfo(module, address, &offset, &symbol, nullptr, nullptr, nullptr);
}

bool Unwinder::get_thread(Dwfl*, pid_t, void* self, void** thread) noexcept {
  *thread = self;
  return true;
}

bool Unwinder::memory_read(Dwfl*, Dwarf_Addr address, Dwarf_Word* result, void* argument) noexcept {
  auto& self = *static_cast<Unwinder*>(argument);
  std::uint64_t word = 0;
  if (!self.sample_->read(address, word)) return false;
  self.read_at_ = address;
  self.read_word_ = *result = word;
  return true;
}

bool Unwinder::set_registers(Dwfl_Thread* thread, void* argument) noexcept {
  auto& self = *static_cast<Unwinder*>(argument);
  for (unsigned i = 0; i < StackSample::count; ++i) {
    const bool guessed = i == StackSample::rbp && self.frame_pointer_ != 0;
    if (!guessed && !self.sample_->knows(i)) continue;
    const Dwarf_Word value = guessed ? self.frame_pointer_ : self.sample_->registers[i];
    if (!self.dw_.dwfl_thread_state_registers(thread, static_cast<int>(i), 1, &value)) return false;
  }
  return true;
}

int Unwinder::on_frame(Dwfl_Frame* frame, void* argument) noexcept {
  auto& self = *static_cast<Unwinder*>(argument);
  Dwarf_Addr pc = 0;
  bool is_activation = false;
  if (!self.dw_.dwfl_frame_pc(frame, &pc, &is_activation)) return DWARF_CB_ABORT;
  if (self.module_of(pc) == nullptr && !self.calls_.empty()) return DWARF_CB_ABORT;  // no code: a wrong turn
  // The return address is what a step reads last, and lies just below the caller's frame.
  self.stack_pointer_ = self.read_word_ == pc ? self.read_at_ + sizeof pc : self.sample_->registers[StackSample::rsp];
  self.calls_.push_back({pc, !is_activation});
  return self.calls_.size() < most_calls ? DWARF_CB_OK : DWARF_CB_ABORT;
}

void Unwinder::walk() {
  calls_.clear();
  read_at_ = read_word_ = 0;
  dw_.dwfl_getthread_frames(session_, any_thread, on_frame, this);
}

std::vector<Call> Unwinder::unwind(const StackSample& sample) {
  sample_ = &sample;
  frame_pointer_ = 0;
  if (!attached_) return {{sample.registers[StackSample::pc], false}};
  walk();
  if (sample.knows(StackSample::rbp) || calls_.empty()) return std::move(calls_);
  // libdw does not tell whether that was the outermost call, or one without which it cannot go on.
  std::vector<Call> without = calls_;
  frame_pointer_ = find_frame();
  if (frame_pointer_ == 0) return without;
  walk();
  return calls_.size() > without.size() ? std::move(calls_) : without;
}

// Whether the instruction before `return_address` is a call of `function`: E8 and a distance, as compilers make it for
// a function that they know by name.
bool Unwinder::calls(std::uint64_t return_address, std::uint64_t function) const {
  constexpr std::size_t length = 5;
  std::array<unsigned char, length> code{};
  if (return_address < length || module_of(return_address) == nullptr) return false;
  if (read_memory(return_address - length, code.data(), length) != length || code[0] != 0xe8) return false;
  std::int32_t distance = 0;
  std::memcpy(&distance, code.data() + 1, sizeof distance);
  return return_address + static_cast<std::uint64_t>(std::int64_t{distance}) == function;
}

// The frame pointer of the last call.
std::uint64_t Unwinder::find_frame() const {
  const Call& last = calls_.back();
  const std::uint64_t function = begin_of_function(last.address());
  if (function == 0) return 0;
  std::uint64_t return_address = 0;
  for (std::uint64_t at = stack_pointer_; sample_->read(at + 8, return_address); at += 8) {
    if (calls(return_address, function)) return at;
  }
  return 0;
}

}  // namespace evergreen::core
