// elfutils' libdw, which unwinds stacks and knows functions and lines. It is loaded when the first report needs it and
// not linked: a program that never blocks its hub does not pay for it, and one without it gets shorter reports.
#pragma once

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

namespace evergreen::core {

// clang-format off
#define LIBDW_FUNCTIONS(FUNCTION) \
  FUNCTION(dwfl_begin) FUNCTION(dwfl_report_begin) FUNCTION(dwfl_report_end) \
  FUNCTION(dwfl_linux_proc_report) FUNCTION(dwfl_linux_proc_find_elf) \
  FUNCTION(dwfl_build_id_find_debuginfo) \
  FUNCTION(dwfl_attach_state) FUNCTION(dwfl_getthread_frames) FUNCTION(dwfl_frame_pc) \
  FUNCTION(dwfl_thread_state_registers) \
  FUNCTION(dwfl_addrmodule) FUNCTION(dwfl_module_info) FUNCTION(dwfl_module_addrinfo) \
  FUNCTION(dwfl_module_addrdie) FUNCTION(dwfl_module_getsrc) FUNCTION(dwfl_lineinfo) \
  FUNCTION(dwarf_getscopes) FUNCTION(dwarf_getscopes_die) FUNCTION(dwarf_tag) FUNCTION(dwarf_attr) \
  FUNCTION(dwarf_attr_integrate) FUNCTION(dwarf_diename) FUNCTION(dwarf_formstring) \
  FUNCTION(dwarf_formudata) FUNCTION(dwarf_getsrcfiles) FUNCTION(dwarf_filesrc)
// clang-format on

struct Libdw {
#define FUNCTION(name) decltype(&::name) name;
  LIBDW_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

// nullptr where libdw.so.1 cannot be loaded. Threads: any.
const Libdw* libdw() noexcept;

}  // namespace evergreen::core
