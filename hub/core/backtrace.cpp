#include "hub/core/backtrace.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <dwarf.h>

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

// The attribute of an inlined call: where in the function it was called.
bool line_of_call(Dwarf_Die& call, Dwarf_Die& unit, Frame& frame) {
  const Libdw& dw = *libdw();
  Dwarf_Attribute attribute;
  Dwarf_Word line = 0, index = 0;
  Dwarf_Files* files = nullptr;
  if (dw.dwarf_formudata(dw.dwarf_attr(&call, DW_AT_call_line, &attribute), &line) != 0) return false;
  if (dw.dwarf_formudata(dw.dwarf_attr(&call, DW_AT_call_file, &attribute), &index) != 0) return false;
  if (dw.dwarf_getsrcfiles(&unit, &files, nullptr) != 0) return false;
  frame.file = base_name(dw.dwarf_filesrc(files, index, nullptr, nullptr));
  frame.line = static_cast<int>(line);
  return true;
}

using Scopes = std::unique_ptr<Dwarf_Die[], void (*)(void*)>;

// The line in the function that `frame` names: of an inlined call the outermost, since its own line may be anywhere.
void find_line(Dwfl_Module* module, std::uint64_t address, Frame& frame) {
  const Libdw& dw = *libdw();
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = dw.dwfl_module_addrdie(module, address, &bias);
  Dwarf_Die *innermost = nullptr, *around = nullptr;
  int count = unit == nullptr ? 0 : dw.dwarf_getscopes(unit, address - bias, &innermost);
  const Scopes own_innermost(innermost, std::free);
  // What getscopes says of an inlined call's surroundings is where that function is defined, not where it is called.
  count = count > 0 ? dw.dwarf_getscopes_die(&innermost[0], &around) : 0;
  const Scopes own_around(around, std::free);
  Dwarf_Die* inlined = nullptr;
  for (int i = 0; i < count && dw.dwarf_tag(&around[i]) != DW_TAG_subprogram; ++i) {
    if (dw.dwarf_tag(&around[i]) == DW_TAG_inlined_subroutine) inlined = &around[i];
  }
  if (inlined != nullptr && line_of_call(*inlined, *unit, frame)) return;
  Dwfl_Line* line = dw.dwfl_module_getsrc(module, address);
  if (line != nullptr) frame.file = base_name(dw.dwfl_lineinfo(line, nullptr, &frame.line, nullptr, nullptr, nullptr));
}

Frame frame_of(const Call& call, const Unwinder& unwinder) {
  const Libdw& dw = *libdw();
  Frame frame;
  frame.pc = frame.function = call.pc;
  const std::uint64_t address = call.is_return ? call.pc - 1 : call.pc;
  Dwfl_Module* module = unwinder.module_of(address);
  if (module == nullptr) return frame;
  frame.module = base_name(dw.dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr));
  const char* name = nullptr;
  if (const std::uint64_t function = unwinder.function_of(address, &name)) frame.function = function;
  frame.name = demangled(name);
  find_line(module, address, frame);
  return frame;
}

}  // namespace

Frame frame_without_libdw(std::uint64_t pc) {
  Frame frame;
  frame.pc = frame.function = pc;
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(pc), &info) == 0) return frame;
  frame.module = base_name(info.dli_fname);
  frame.name = demangled(info.dli_sname);
  if (info.dli_saddr != nullptr) frame.function = reinterpret_cast<std::uint64_t>(info.dli_saddr);
  return frame;
}

bool Frame::is_ours_or_libcs() const {
  constexpr std::array<std::string_view, 8> libraries{"libevergreen", "libc.so",    "libc-",     "libpthread",
                                                      "ld-linux",     "libstdc++.", "libc++.so", "[vdso"};
  for (const std::string_view library : libraries) {
    if (module.starts_with(library)) return true;
  }
  return name.starts_with("std::");
}

std::string Frame::text() const {
  std::string text = name;
  if (text.empty()) {
    std::array<char, 32> address;
    std::snprintf(address.data(), address.size(), "%#lx", static_cast<unsigned long>(pc));
    text = address.data();
    if (!module.empty()) text += " in " + module;
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
  for (const Call& call : unwinder->unwind(*sample)) frames.push_back(frame_of(call, *unwinder));
  return frames;
}

}  // namespace evergreen::core
