// What the handles of one greenlet share. Not for users.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "evergreen/deadline.h"
#include "evergreen/detail/local_values.h"
#include "evergreen/detail/outcome.h"
#include "evergreen/detail/wait_list.h"

namespace evergreen {
class AnyGreenlet;
}

namespace evergreen::detail {

// Lives as long as a handle, or the greenlet itself: it outlives its stack. Ready: the greenlet is dead.
// Threads: any, but what is said to be the greenlet's own.
class GreenletState : public Waitable, public std::enable_shared_from_this<GreenletState> {
 public:
  virtual ~GreenletState() = default;

  // Puts it on a stack of its own on the library's hub, where it begins to run at `begin`, or soon after.
  void start(Deadline begin);

  [[nodiscard]] bool has_started() const noexcept;
  [[nodiscard]] bool is_dead() const noexcept;
  bool join(const char* why, Deadline deadline);
  void join_undisturbed(const char* why) noexcept;  // what ends the running greenlet stays for its next wait

  // Throws `exception` in it: at its next wait, or at once where it is the caller. One that has not begun never runs,
  // and is dead at once.
  void end_by(std::exception_ptr exception);

  // What has ended it; nullptr: it has returned, or is alive. Fixed once it is dead.
  [[nodiscard]] std::exception_ptr error() const noexcept;
  [[nodiscard]] bool has_exited() const noexcept { return exited_; }  // the error is a GreenletExit

  // Once it is dead, at once if it is so already, `callback` is called: in a greenlet of its own, or, if it neither
  // waits nor throws, in place by whoever ends it.
  enum class Called : bool { in_its_own_greenlet, in_place };
  std::uint64_t add_link(std::function<void(const AnyGreenlet&)> callback, Called how = Called::in_its_own_greenlet);
  void remove_link(std::uint64_t id);

  std::string name() const;
  void set_name(std::string name);
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

  // In its own greenlet: the whole of its life.
  void live(core::HubGreenlet& self, Deadline begin);
  void be_alive(core::HubGreenlet& self);  // where it stands for a stack that runs already
  void be_dead() { end(nullptr); }
  virtual LocalValues* locals() noexcept { return &locals_; }  // nullptr: its thread's
  std::exception_ptr take_kill();                              // what end_by() has left for it

 protected:
  GreenletState() noexcept;
  virtual void run() = 0;            // calls the function, keeps its result. Throws
  virtual void drop() noexcept = 0;  // destroys the function with its arguments
  [[nodiscard]] bool is_ready() const noexcept override { return life_ == Life::dead; }

 private:
  enum class Life : std::uint8_t { fresh, killed, running, ending, dead };
  struct LinkEntry {
    std::uint64_t id;
    Called how;
    std::function<void(const AnyGreenlet&)> callback;
  };

  bool wait_to_begin(core::HubGreenlet& self, Deadline begin);
  void stop_heeding();
  void end(std::exception_ptr error);
  void call(std::vector<LinkEntry> links);

  const std::uint64_t id_;
  LocalValues locals_;
  // All that follows is guarded by waiters_.
  Life life_ = Life::fresh;
  bool exited_ = false;
  core::HubGreenlet* greenlet_ = nullptr;  // while it is alive
  std::exception_ptr kill_;                // to be thrown in it
  std::exception_ptr error_;
  std::string name_;
  std::uint64_t last_link_ = 0;
  std::vector<LinkEntry> links_;
};

// The greenlet whose exception kill() gave throws it.
[[noreturn]] void throw_kill(core::HubGreenlet& self);

// The running greenlet's; made at the first use for what is no library greenlet: the main one, or a thread's.
std::shared_ptr<GreenletState> current_state();
std::shared_ptr<GreenletState> state_of(core::HubGreenlet& greenlet);  // on its kernel thread

template <class T>
class ResultState : public GreenletState {
 public:
  // Precondition: it is dead.
  T get() {
    if (const std::exception_ptr ended_by = error()) std::rethrow_exception(ended_by);
    return outcome_.get();
  }

  // The same for who has the only handle: not a copy.
  T take() {
    if (const std::exception_ptr ended_by = error()) std::rethrow_exception(ended_by);
    return outcome_.take();
  }

 protected:
  Outcome<T> outcome_;
};

template <class F, class... Arguments>
class CallState final : public ResultState<std::invoke_result_t<F, Arguments...>> {
 public:
  template <class G, class... Given>
  explicit CallState(G&& f, Given&&... given)
      : call_(std::in_place, std::forward<G>(f), std::forward<Given>(given)...) {}

 protected:
  void run() override {
    std::apply([this](auto&&... parts) { this->outcome_.set_by(std::move(parts)...); }, *call_);
  }
  void drop() noexcept override { call_.reset(); }

 private:
  std::optional<std::tuple<F, Arguments...>> call_;
};

}  // namespace evergreen::detail
