#include "tools/evergreen/elf_look.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "tools/evergreen/refusal.h"

namespace evergreen {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

// Every read of the file goes through here: offsets and sizes come from the file and may be absurd.
std::string_view part(std::string_view file, uint64_t offset, uint64_t size) {
  if (offset > file.size() || size > file.size() - offset) {
    throw Refusal{"not a valid ELF file (cut short?); build or install it again"};
  }
  return file.substr(offset, size);
}

// Copies, as nothing says that the file's tables are aligned.
template <class Entry>
std::vector<Entry> table(std::string_view file, uint64_t offset, size_t count) {
  std::vector<Entry> entries(count);
  const auto bytes = part(file, offset, count * sizeof(Entry));
  if (count > 0) std::memcpy(entries.data(), bytes.data(), bytes.size());
  return entries;
}

std::string_view c_string(std::string_view strings, uint64_t offset) {
  const auto tail = part(strings, offset, strings.size() - std::min(offset, strings.size()));
  return tail.substr(0, tail.find('\0'));
}

void check_machine(std::string_view file) {
  const auto ident = part(file, 0, EI_NIDENT);
  if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB) {
    throw Refusal{"not a 64-bit x86-64 program; build it for x86-64"};
  }
  const auto header = table<Elf64_Ehdr>(file, 0, 1).front();
  if (header.e_machine != EM_X86_64) {
    throw Refusal{"made for another machine than x86-64; build it for x86-64"};
  }
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
    throw Refusal{"an object or core file, not a program; link it first"};
  }
}

void check_loader(std::string_view file, std::span<const Elf64_Phdr> segments) {
  std::optional<std::string_view> loader;
  for (const auto& segment : segments) {
    if (segment.p_type != PT_LOAD && segment.p_type != PT_INTERP) continue;
    const auto bytes = part(file, segment.p_offset, segment.p_filesz);
    if (segment.p_type == PT_INTERP) loader = c_string(bytes, 0);
  }
  if (!loader) throw Refusal{"statically linked, so nothing can be preloaded; link it dynamically"};

  const auto name = loader->substr(loader->rfind('/') + 1);
  if (!name.starts_with("ld-linux")) {
    const auto libc = name.starts_with("ld-musl") ? "linked with musl"s : "loaded by " + std::string(name);
    throw Refusal{libc + " instead of glibc; build it with glibc"};
  }
}

bool is_go(std::string_view file, std::span<const Elf64_Shdr> sections, size_t names_index) {
  if (names_index >= sections.size()) return false;
  const auto& names = sections[names_index];
  const auto strings = part(file, names.sh_offset, names.sh_size);
  return std::ranges::any_of(sections, [&](const Elf64_Shdr& section) {
    const auto name = c_string(strings, section.sh_name);
    return name == ".go.buildinfo" || name == ".note.go.buildid";
  });
}

// The string table of the dynamic symbols holds the names of the needed libraries as well: one pass
// finds both gcc's shared run-times and clang's, which are linked in.
bool is_sanitized(std::string_view strings) {
  static constexpr std::array libraries = {"libasan.so"sv, "libtsan.so"sv, "liblsan.so"sv, "libhwasan.so"sv,
                                           "libclang_rt."sv};
  static constexpr std::array symbols = {"__asan_init"sv, "__tsan_init"sv, "__msan_init"sv, "__hwasan_init"sv};
  while (!strings.empty()) {
    const auto name = c_string(strings, 0);
    if (std::ranges::any_of(libraries, [&](auto prefix) { return name.starts_with(prefix); }) ||
        std::ranges::count(symbols, name) > 0) {
      return true;
    }
    strings.remove_prefix(std::min(name.size() + 1, strings.size()));
  }
  return false;
}

}  // namespace

void look_at_elf(std::string_view file) {
  check_machine(file);
  const auto header = table<Elf64_Ehdr>(file, 0, 1).front();
  const auto segments = table<Elf64_Phdr>(file, header.e_phoff, header.e_phnum);
  const auto sections = table<Elf64_Shdr>(file, header.e_shoff, header.e_shnum);

  // Before the loader: most Go programs are static too, but linking them otherwise would not help.
  if (is_go(file, sections, header.e_shstrndx)) {
    throw Refusal{"a Go program, which makes its threads without libc; run it as it is"};
  }
  check_loader(file, segments);
  for (const auto& section : sections) {
    if (section.sh_type != SHT_DYNSYM || section.sh_link >= sections.size()) continue;
    const auto& strings = sections[section.sh_link];
    if (is_sanitized(part(file, strings.sh_offset, strings.sh_size))) {
      throw Refusal{"built with a sanitizer, which has shims of its own; build it without -fsanitize"};
    }
  }
}

}  // namespace evergreen
