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
// kill() and a Timeout that has passed end the calls that wait for descriptors (stdio's, too), for a point in time, for
// one child, for signals: they fail with EINTR at first, and with ETIMEDOUT when they are made again, until the
// exception is thrown (evergreen/timeout.h). A call that has done a part returns that part. All others go on to their
// end: waits for mutexes, conditions, semaphores, barriers, threads and pause(), whose callers do not expect an error;
// waits for any child; and what another kernel thread does meanwhile: look-ups of names, locks on files, slow files.
//
// Of a thread the library's greenlets are one and the same part: the main thread. pthread_self(), gettid(), names,
// thread-local variables and signals are that one's; as owners of mutexes and streams they are different ones, and each
// has a mask of signals. They hear no pthread_cancel(); pthread_exit() ends the greenlet, as GreenletExit.
//
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
