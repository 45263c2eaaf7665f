// dlopen and dlclose: glibc gives a new module's static TLS to its own threads only.
//
// libc's dlopen searches the RUNPATH of whoever calls it, and through a shim that is us. So where the caller has one,
// and the name leaves it to a search, the search is done here with the caller's own list.

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "greenlet/static_tls.h"
#include "greenlet/tls_block.h"
#include "patch/shim.h"

namespace evergreen::patch {
namespace {

bool has_run_path(const link_map* module) noexcept {
  for (const ElfW(Dyn)* entry = module->l_ld; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag == DT_RUNPATH || entry->d_tag == DT_RPATH) return true;
  }
  return false;
}

// The first `file` on the search path of `module`; empty when there is none.
std::string search(link_map* module, const char* file) {
  Dl_serinfo size{};
  if (dlinfo(module, RTLD_DI_SERINFOSIZE, &size) != 0) return {};
  const std::unique_ptr<char[]> memory(new char[size.dls_size]);
  auto* list = reinterpret_cast<Dl_serinfo*>(memory.get());  // as dlinfo(3) has it
  if (dlinfo(module, RTLD_DI_SERINFOSIZE, list) != 0 || dlinfo(module, RTLD_DI_SERINFO, list) != 0) return {};
  for (unsigned i = 0; i < list->dls_cnt; ++i) {
    std::string path = std::string(list->dls_serpath[i].dls_name) + '/' + file;
    if (access(path.c_str(), R_OK) == 0) return path;
  }
  return {};
}

// "$ORIGIN/plugin.so", relative to the caller's own folder.
std::string expand_origin(const char* module_file, std::string file) {
  const std::string path(module_file);
  for (const std::string name : {"$ORIGIN", "${ORIGIN}"}) {
    if (file.starts_with(name)) file.replace(0, name.size(), path.substr(0, path.rfind('/')));
  }
  return file;
}

std::string resolve_for(const void* caller, const char* file, int mode) {
  Dl_info info;
  void* module = nullptr;
  if (file == nullptr || *file == '\0') return {};
  if (dladdr1(caller, &info, &module, RTLD_DL_LINKMAP) == 0 || module == nullptr) return {};
  if (*file == '$') return expand_origin(info.dli_fname, file);
  if (std::strchr(file, '/') != nullptr) return {};
  if (!has_run_path(static_cast<link_map*>(module))) return {};
  if (void* loaded = real.dlopen(file, (mode & ~(RTLD_GLOBAL | RTLD_NODELETE)) | RTLD_NOLOAD)) {
    real.dlclose(loaded);
    return {};
  }
  return search(static_cast<link_map*>(module), file);
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM void* dlopen(const char* file, int mode) noexcept {
  const std::string found = resolve_for(__builtin_return_address(0), file, mode);
  if (!started()) return real.dlopen(found.empty() ? file : found.c_str(), mode);
  const ListedBlock scope;
  void* handle = real.dlopen(found.empty() ? file : found.c_str(), mode);
  if (handle != nullptr) update_static_tls();
  return handle;
}

SHIM int dlclose(void* handle) noexcept {
  const int result = real.dlclose(handle);
  if (started()) update_static_tls();
  return result;
}
