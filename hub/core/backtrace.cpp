#include "hub/core/backtrace.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <dwarf.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "hub/core/unwind.h"

namespace evergreen::core {
namespace {

std::string base_name(const char* path) {
  const std::string_view text(path == nullptr ? "" : path);
  return std::string(text.substr(text.rfind('/') + 1));  // npos + 1 is 0
}

std::string demangled(const char* name) {
  if (name == nullptr) return {};
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, nullptr), std::free);
  return text != nullptr ? text.get() : name;
}

// The calls at one pc: those that were inlined into a function, and it.
class CallsAt {
 public:
  CallsAt(const Call& call, const Unwinder& unwinder)
      : address_(call.address()), module_(unwinder.module_of(address_)) {
    frame_.pc = frame_.function = call.pc;
    if (module_ == nullptr) return;
    if (const std::uint64_t begin = begin_of_function(address_)) frame_.function = begin;
    frame_.module =
        base_name(dw_.dwfl_module_info(module_, nullptr, &frame_.base, nullptr, nullptr, nullptr, nullptr, nullptr));
    unit_ = dw_.dwfl_module_addrdie(module_, address_, &bias_);
    Dwfl_Line* line = dw_.dwfl_module_getsrc(module_, address_);
    if (line == nullptr) return;
    set_file(dw_.dwfl_lineinfo(line, nullptr, &frame_.line, nullptr, nullptr, nullptr));
  }

  void add_to(std::vector<Frame>& frames, const char* function) {
    if (unit_ != nullptr) add_inlined(frames);
    frame_.name = demangled(function);
    frames.push_back(frame_);
  }

 private:
  using Dies = std::unique_ptr<Dwarf_Die[], void (*)(void*)>;

  void set_file(const char* path) {
    frame_.file = base_name(path);
    frame_.in_library_header = std::string_view(path == nullptr ? "" : path).find("/include/c++/") != std::string::npos;
  }

  void add_inlined(std::vector<Frame>& frames) {
    Dwarf_Die *innermost = nullptr, *around = nullptr;
    int count = dw_.dwarf_getscopes(unit_, address_ - bias_, &innermost);
    const Dies own_innermost(innermost, std::free);
    // What getscopes says of an inlined call's surroundings is where that function is defined, not where it is called.
    count = count > 0 ? dw_.dwarf_getscopes_die(&innermost[0], &around) : 0;
    const Dies own_around(around, std::free);
    for (int i = 0; i < count && dw_.dwarf_tag(&around[i]) != DW_TAG_subprogram; ++i) {
      if (dw_.dwarf_tag(&around[i]) != DW_TAG_inlined_subroutine) continue;
      frame_.name = name_of(around[i]);
      frames.push_back(frame_);
      go_to_caller_of(around[i]);
    }
  }

  std::string name_of(Dwarf_Die& call) const {
    Dwarf_Attribute attribute;
    const char* mangled = dw_.dwarf_formstring(dw_.dwarf_attr_integrate(&call, DW_AT_linkage_name, &attribute));
    return demangled(mangled != nullptr ? mangled : dw_.dwarf_diename(&call));
  }

  void go_to_caller_of(Dwarf_Die& call) {
    Dwarf_Attribute attribute;
    Dwarf_Word line = 0, index = 0;
    Dwarf_Files* files = nullptr;
    frame_.file.clear();
    if (dw_.dwarf_formudata(dw_.dwarf_attr(&call, DW_AT_call_line, &attribute), &line) != 0) return;
    if (dw_.dwarf_formudata(dw_.dwarf_attr(&call, DW_AT_call_file, &attribute), &index) != 0) return;
    if (dw_.dwarf_getsrcfiles(unit_, &files, nullptr) != 0) return;
    set_file(dw_.dwarf_filesrc(files, index, nullptr, nullptr));
    frame_.line = static_cast<int>(line);
  }

  const Libdw& dw_ = *libdw();
  const std::uint64_t address_;
  Dwfl_Module* const module_;
  Dwarf_Die* unit_ = nullptr;
  Dwarf_Addr bias_ = 0;
  Frame frame_;  // of the call that is added next
};

}  // namespace

Frame frame_without_libdw(std::uint64_t pc) {
  Frame frame;
  frame.pc = frame.function = pc;
  if (const std::uint64_t begin = begin_of_function(pc)) frame.function = begin;
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(pc), &info) == 0) return frame;
  frame.base = reinterpret_cast<std::uint64_t>(info.dli_fbase);
  frame.module = base_name(info.dli_fname);
  frame.name = demangled(info.dli_sname);
  return frame;
}

bool Frame::is_ours_or_libcs() const {
  constexpr std::array<std::string_view, 10> libraries{"libevergreen", "libc.so",   "libc-", "libpthread", "ld-linux",
                                                       "libstdc++.",   "libc++.so", "[vdso", "libasan",    "libtsan"};
  constexpr std::array<std::string_view, 3> names{"std::", "__asan", "__tsan"};  // clang links sanitizers statically
  const auto begins = [](std::string_view text, const auto& any) {
    return std::ranges::any_of(any, [text](std::string_view prefix) { return text.starts_with(prefix); });
  };
  return in_library_header || begins(module, libraries) || begins(name, names);
}

std::string Frame::place() const { return (name.empty() ? std::to_string(function) : name) + " in " + module; }

std::string Frame::text() const {
  std::string text = name;
  if (text.empty()) {
    std::array<char, 32> address;
    std::snprintf(address.data(), address.size(), "%#lx", static_cast<unsigned long>(pc - base));
    text = module.empty() ? address.data() : module + "+" + address.data();
  }
  if (!file.empty()) text += " at " + file + ":" + std::to_string(line);
  return text;
}

std::vector<Frame> take_backtrace(pid_t thread) {
  static auto* const sample = new StackSample;  // 64 KiB are too much for some stacks
  if (!sample_stack(thread, *sample)) return {};
  Unwinder* unwinder = Unwinder::get();
  if (unwinder == nullptr) return {frame_without_libdw(sample->registers[StackSample::pc])};
  unwinder->refresh();
  std::vector<Frame> frames;
  for (const Call& call : unwinder->unwind(*sample)) {
    CallsAt(call, *unwinder).add_to(frames, unwinder->name_of(call.address()));
  }
  return frames;
}

}  // namespace evergreen::core
