#pragma once

namespace evergreen::core {
class HubGreenlet;
}

// The patch inside a program: libevergreen-patch.so, which makes the blocking calls of unmodified libraries park.
// gevent.monkey.
//
// A program that links it (pkg-config evergreen-patch; before libc, as the linker does by itself) has it from the
// start: once the first greenlet runs, a library that calls recv() or poll() in a greenlet lets the others go on. Its
// own threads stay kernel threads, until it asks by threads(). A program that is started by `evergreen program` has the
// patch with threads from the start, whether it links anything or not.
//
//     int main() {
//       std::vector<Greenlet<std::string>> pages;
//       for (const auto& url : urls) pages.push_back(spawn(fetch_by_libcurl, url));  // all at once
//       for (auto& page : pages) std::cout << page.get().size() << '\n';
//     }
//
// How waits in C libraries end by kill() and Timeout: evergreen/timeout.h.
// Fork: the child's waits are the kernel's, until it uses the library again.
namespace evergreen::patch {

// Whether libevergreen-patch.so is in this process. Any thread.
[[nodiscard]] bool loaded() noexcept;

// Whether the program's calls of that function of libc park: is_patched("recv"). False without the patch. Any thread.
// gevent.monkey.is_object_patched.
[[nodiscard]] bool is_patched(const char* function) noexcept;

// From now on new threads (pthread_create, std::thread) are greenlets, on further hubs than the library's: they and
// the library's greenlets may wait for each other's objects. Does nothing if they are already. Throws std::logic_error
// without the patch. On the main thread, before it makes threads that matter. gevent.monkey.patch_thread.
void threads();

// A scope in which the running greenlet's calls of libc are libc's: what blocks there holds up all greenlets. For code
// that must not be interleaved with others', or that knows better. Waits of the library, and for mutexes, park as ever.
// Nests. Of no effect on what is no greenlet, and without the patch.
//
//     patch::Exempt scope;
//     device.write(command);
class Exempt {
 public:
  Exempt() noexcept;
  ~Exempt();
  Exempt(const Exempt&) = delete;
  Exempt& operator=(const Exempt&) = delete;

 private:
  core::HubGreenlet* greenlet_;
};

}  // namespace evergreen::patch
