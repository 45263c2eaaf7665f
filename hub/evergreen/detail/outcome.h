// A result or an exception, of any type. Not for users.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace evergreen::detail {

// Whoever sets it does so before the others can see it; from then on it is read by any thread.
template <class T>
class Outcome {
  struct Nothing {};
  using Held =
      std::conditional_t<std::is_void_v<T>, Nothing,
                         std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<T>, std::remove_cv_t<T>>>;

 public:
  // Calls f(arguments...) and keeps what it returns. Throws what it throws.
  template <class F, class... Arguments>
  void set_by(F&& f, Arguments&&... arguments) {
    if constexpr (std::is_void_v<T>) {
      std::invoke(std::forward<F>(f), std::forward<Arguments>(arguments)...);
      value_.emplace();
    } else if constexpr (std::is_reference_v<T>) {
      T result = std::invoke(std::forward<F>(f), std::forward<Arguments>(arguments)...);
      value_ = std::addressof(result);
    } else {
      value_.emplace(std::invoke(std::forward<F>(f), std::forward<Arguments>(arguments)...));
    }
  }

  void set_exception(std::exception_ptr error) noexcept { error_ = std::move(error); }
  [[nodiscard]] const std::exception_ptr& exception() const noexcept { return error_; }

  // Where it is; nullptr: there is none.
  [[nodiscard]] const Held* value() const noexcept requires(!std::is_reference_v<T>) {
    return value_.has_value() ? std::addressof(*value_) : nullptr;
  }
  [[nodiscard]] Held value() const noexcept requires std::is_reference_v<T> { return value_.value_or(nullptr); }

  // The value itself, once: or rethrows the exception.
  T take() {
    if (error_ != nullptr) std::rethrow_exception(std::move(error_));
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(**value_);
    } else if constexpr (!std::is_void_v<T>) {
      return std::move(*value_);
    }
  }

  // The value: a copy, or where it can only be moved itself, once. Rethrows the exception. Throws std::logic_error
  // where the value has been moved away.
  T get() {
    if (error_ != nullptr) std::rethrow_exception(error_);
    if constexpr (std::is_void_v<T>) {
      return;
    } else {
      if constexpr (std::is_reference_v<T>) {
        return static_cast<T>(**value_);
      } else if constexpr (std::is_copy_constructible_v<T>) {
        return *value_;
      } else {
        if (taken_.exchange(true))
          throw std::logic_error("the result can only be moved, and somebody has got it already");
        return std::move(*value_);
      }
    }
  }

 private:
  std::optional<Held> value_;
  std::atomic<bool> taken_{false};  // what can only be moved
  std::exception_ptr error_;
};

}  // namespace evergreen::detail
